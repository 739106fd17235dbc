"""The tables of the index. It is disposable: whatever is doubtful about one, it is made anew from the branch.

A run's attributes are columns; its params, tags, code, seed and error are (key, run) -> value; its metrics
(key, run) -> summary; what is shown of it is one document. Keys come first, so that a filter reads the values of its
key side by side and nothing else.

Values keep their type: SQLite's integer, real and text. What it cannot hold is a blob, whose first byte tells what it
is (:func:`gtrack.index.rows.encode`).
"""

from __future__ import annotations

import zlib

__all__ = ["COLUMNS", "FINGERPRINT", "SCHEMA", "SUMMARY", "VERSION"]

VERSION = 2
"""Part of the file's name: an older gtrack beside a newer one keeps its own."""

COLUMNS = (
    "id",
    "name",
    "experiment",
    "status",
    "started",
    "ended",
    "duration",
    "author",
    "group",
    "parent",
    "commit",
    "snapshot",
    "branch",
    "dirty",
    "host",
    "policy",
    "deleted",
)
"""The columns of ``run`` that hold attributes of the filter language, by its names."""

SUMMARY = (
    "last",
    "step",
    "time",
    "first_step",
    "min",
    "argmin",
    "max",
    "argmax",
    "count",
    "nan",
    "goal",
)
"""The columns of ``metric``. ``last`` is null where it is NaN, the others where there is none."""

SCHEMA = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE tip (position INTEGER PRIMARY KEY, ref TEXT, oid TEXT, tree TEXT);
CREATE TABLE key (key INTEGER PRIMARY KEY, scope TEXT, name TEXT, runs INTEGER DEFAULT 0, UNIQUE (scope, name));
CREATE TABLE run (
  run INTEGER PRIMARY KEY, {", ".join(f'"{name}"' for name in COLUMNS)}, sorted INTEGER, due INTEGER,
  configuration BLOB, unsettled INTEGER, environment INTEGER
);
CREATE UNIQUE INDEX run_id ON run (id);
CREATE INDEX run_name ON run (name);
CREATE INDEX run_sorted ON run (sorted, id, deleted);
CREATE INDEX run_experiment ON run (experiment);
CREATE INDEX run_unsettled ON run (run) WHERE unsettled;
CREATE INDEX run_due ON run (due) WHERE due IS NOT NULL;
CREATE TABLE document (run INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE environment (environment INTEGER PRIMARY KEY, digest BLOB UNIQUE, body TEXT);
CREATE TABLE value (key INTEGER, run INTEGER, value, PRIMARY KEY (key, run)) WITHOUT ROWID;
CREATE TABLE metric (
  key INTEGER, run INTEGER, {", ".join(f'"{name}"' for name in SUMMARY)}, PRIMARY KEY (key, run)
) WITHOUT ROWID;
CREATE INDEX metric_goal ON metric (key, run) WHERE goal IS NOT NULL;
CREATE TABLE experiment (name TEXT PRIMARY KEY, said TEXT) WITHOUT ROWID;
CREATE TABLE dataset (run INTEGER, number INTEGER, name, digest, role, PRIMARY KEY (run, number)) WITHOUT ROWID;
"""

FINGERPRINT = f"{zlib.crc32(SCHEMA.encode()):08x}"
"""Tells these tables from those of a gtrack under development that calls itself the same version."""
