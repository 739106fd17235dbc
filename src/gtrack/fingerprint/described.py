"""What is known of one input of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gtrack.fingerprint.rows import Hashes
    from gtrack.fingerprint.sketch import Rows

__all__ = ["Described"]


@dataclass
class Described:
    """What is known of one input.

    Attributes:
        facts: What is recorded.
        features: The names of the columns by which rows are compared.
        rows: The rows, by these columns.
        columns: What each column adds to the hashes of the rows, where it was kept.
        remarks: What the user should know.
    """

    facts: dict[str, object]
    features: frozenset[str] = frozenset()
    rows: Rows | None = None
    columns: dict[str, Hashes] | None = None
    remarks: list[str] = field(default_factory=list)
