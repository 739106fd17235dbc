"""Reports: Markdown files of the code repository with live blocks: read, answered as plain data, made into a page."""
