"""Use cases, one a file: seal, recover, record, edit, fsck, ingest, ..."""
