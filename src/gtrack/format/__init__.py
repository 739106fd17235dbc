"""The bytes on the branch: YAML and Parquet codecs, and the names of files."""
