"""What a run was given as data: content fingerprints, rows that can be compared, where it came from."""
