"""Rows that are in two of a run's tables that should have none in common: train, validation, test.

A row counts by its features alone, so another target does not hide it. Not every row found twice is a leak: of few
features with few values each, the same row comes up by chance. What is called a leak is what chance does not explain:

- each table has at least 10 different rows, and
- the share of the smaller table's different rows that is in the other one too is more than twice the share of rows
  that repeat within either table, which is what chance does here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.fingerprint.sketch import Rows

if TYPE_CHECKING:
    from gtrack.fingerprint.rows import Hashes

__all__ = ["APART", "Overlap", "Part", "find_overlaps", "is_leak", "tell"]

APART = ("train", "validation", "test")
"""The roles whose data should have no rows in common."""
_FEWEST = 10


@dataclass(frozen=True)
class Part:
    """The rows of one table of a run.

    Attributes:
        name: What the user calls it.
        role: Its role.
        digest: The digest of its content.
        features: The names of the columns that count.
        rows: The rows, by those columns.
        columns: What each column adds to the hashes, where that was kept: it is of no great size.
    """

    name: str
    role: str
    digest: str | None
    features: frozenset[str]
    rows: Rows | None
    columns: dict[str, Hashes] | None = None

    def by(self, features: frozenset[str]) -> Rows | None:
        """Return the rows by other columns; None where these were not kept."""
        if features == self.features:
            return self.rows
        if self.columns is None or not features or not features <= self.columns.keys():
            return None
        return Rows.of(sum((self.columns[name] for name in sorted(features)), start=0 * self.columns[min(features)]))


@dataclass(frozen=True, slots=True)
class Overlap:
    """Rows that two tables have in common.

    Attributes:
        name: The other table.
        role: Its role.
        rows: How many different rows; of the very same content, all of them.
        exact: False for an estimate.
        same: It is the same content.
        of: How many different rows the table has of the two by which the other's use is judged: test, else validation.
    """

    name: str
    role: str
    rows: int
    exact: bool
    same: bool
    of: int

    def to_dict(self) -> dict[str, object]:
        """Return what is recorded."""
        out: dict[str, object] = {"name": self.name, "role": self.role, "rows": self.rows}
        return out | ({} if self.exact else {"estimate": True}) | ({"same": True} if self.same else {})


def tell(part: Part, overlap: Overlap) -> str:
    """Return in words what a table has in common with another."""
    mine, other = _label(part.name, part.role), _label(overlap.name, overlap.role)
    if overlap.same:
        return f"data leakage: {mine} and {other} are the same data"
    if APART.index(part.role) < APART.index(overlap.role):
        mine, other = other, mine
    about = "" if overlap.exact else "about "
    return f"data leakage: {about}{overlap.rows:,} of {overlap.of:,} different rows of {mine} are in {other} too"


def find_overlaps(part: Part, others: Sequence[Part]) -> list[Overlap]:
    """Return what one table has in common with others of other roles, as far as it is called a leak.

    Args:
        part: The table.
        others: Those that the run was given before.
    """
    if part.role not in APART:
        return []
    found = [_overlap(part, other) for other in others if other.role in APART and other.role != part.role]
    return [overlap for overlap in found if overlap is not None]


def is_leak(a: Rows, b: Rows, shared: int) -> bool:
    """Tell whether chance does not explain that two tables have that many different rows in common."""
    smaller = min(a.distinct, b.distinct)
    return smaller >= _FEWEST and shared / smaller > 2 * max(a.repeated, b.repeated) and shared > 0


def _label(name: str, role: str) -> str:
    return role if name == role else f"{role} ({name:.40})"


def _overlap(part: Part, other: Part) -> Overlap | None:
    if part.digest is not None and part.digest == other.digest:
        count = part.rows.distinct if part.rows is not None else 0
        return Overlap(other.name, other.role, count, exact=True, same=True, of=count)
    features = part.features & other.features
    one, two = part.by(features), other.by(features)
    if one is None or two is None:
        return None
    shared, exact = one.shared(two)
    if not is_leak(one, two, shared):
        return None
    judge = one if APART.index(part.role) > APART.index(other.role) else two
    return Overlap(other.name, other.role, shared, exact, same=False, of=judge.distinct)
