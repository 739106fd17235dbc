"""Finding runs: the filter language, and what it compares."""
