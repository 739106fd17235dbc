"""The same process as runs_at_once.py, but it only imports what recording needs."""

from __future__ import annotations

import sys

sys.stdin.readline()
import dulwich.repo  # noqa: E402, F401
import numpy  # noqa: E402, F401
import pyarrow.parquet  # noqa: E402, F401

print("[]")
