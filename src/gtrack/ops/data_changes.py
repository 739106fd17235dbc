"""What differs between the data of two runs: columns, rows, files; and rows that a run's own tables share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.fingerprint.leakage import APART, is_leak
from gtrack.ops.compare import data_differences

if TYPE_CHECKING:
    from gtrack.fingerprint.sketch import RowChange, Rows

__all__ = ["DataChange", "Shared", "data_changes", "shared_rows", "without_sketch"]

_MOST_TABLES = 20


@dataclass(frozen=True, slots=True)
class DataChange:
    """What differs in one input of two runs.

    Attributes:
        key: Its role and name.
        change: ``added``, ``removed`` or ``changed``.
        a: What the first run recorded; None where it has no such input.
        b: What the second recorded, likewise.
        added: Columns that only the second has.
        removed: Columns that only the first has.
        renamed: Columns with the same content under another name: the old one and the new one.
        retyped: Columns of another type: name, old and new type.
        changed: Columns of the same type with other content.
        moved: The same columns, in another order.
        rows: How the rows differ, where that can be told.
        same_rows: Exactly the same rows, in another order.
    """

    key: str
    change: str
    a: object
    b: object
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()
    changed: tuple[str, ...] = ()
    moved: bool = False
    rows: RowChange | None = None
    same_rows: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return the change as a map, without sketches."""
        out: dict[str, object] = {"key": self.key, "change": self.change}
        out |= {side: without_sketch(entry) for side, entry in (("a", self.a), ("b", self.b)) if entry is not None}
        columns = {
            "added": list(self.added),
            "removed": list(self.removed),
            "renamed": [{"from": old, "to": new} for old, new in self.renamed],
            "retyped": [{"name": name, "from": old, "to": new} for name, old, new in self.retyped],
            "changed": list(self.changed),
            "reordered": self.moved,
        }
        out |= {"columns": found} if (found := {name: value for name, value in columns.items() if value}) else {}
        if self.rows is not None:
            out["rows"] = {"removed": self.rows.removed, "added": self.rows.added, "how": self.rows.how}
        return out | ({"same_rows": True} if self.same_rows else {})


@dataclass(frozen=True, slots=True)
class Shared:
    """Rows that two tables of a run have in common, which should have none.

    Attributes:
        one: The role and name of the table.
        other: Those of the other.
        rows: How many different rows.
        exact: False for an estimate.
        same: It is the same content.
    """

    one: str
    other: str
    rows: int
    exact: bool
    same: bool


def data_changes(a: Sequence[object], b: Sequence[object]) -> tuple[DataChange, ...]:
    """Compare the inputs of two runs by role and name.

    Args:
        a: What the first run recorded.
        b: What the second recorded; neither is trusted.
    """
    return tuple(_change(d.key, d.change, d.a, d.b) for d in data_differences(a, b))


def shared_rows(data: Sequence[object]) -> tuple[Shared, ...]:
    """Return which rows a run's tables for different uses have in common.

    What the run itself found when it logged them is exact; tables that two processes logged are compared by their
    sketches.

    Args:
        data: What the run recorded; it is not trusted.
    """
    tables = [entry for entry in data if isinstance(entry, Mapping) and entry.get("role") in APART][:_MOST_TABLES]
    found: dict[frozenset[str], Shared] = {}
    for table in tables:
        overlaps = table.get("overlap")
        for overlap in overlaps if isinstance(overlaps, list) else []:
            count = overlap.get("rows") if isinstance(overlap, Mapping) else None
            if isinstance(count, int) and not isinstance(count, bool):
                exact, same = overlap.get("estimate") is not True, overlap.get("same") is True
                shared = Shared(_label(table), _label(overlap), count, exact, same)
                found.setdefault(frozenset((shared.one, shared.other)), shared)
    for number, table in enumerate(tables):
        for other in tables[:number]:
            if other.get("role") != table.get("role"):
                shared_ = _by_sketch(table, other)
                if shared_ is not None:
                    found.setdefault(frozenset((shared_.one, shared_.other)), shared_)
    return tuple(found.values())


def without_sketch(entry: object) -> object:
    """Return an input without what only a machine can read."""
    if not isinstance(entry, Mapping):
        return entry
    return {key: value for key, value in entry.items() if key != "sketch"}


def _change(key: str, change: str, a: object, b: object) -> DataChange:
    if change != "changed" or not isinstance(a, Mapping) or not isinstance(b, Mapping):
        return DataChange(key, change, a, b)
    one, other = _columns(a), _columns(b)
    added = [name for name in other if name not in one]
    removed = [name for name in one if name not in other]
    renamed = _renamed(one, other, removed, added)
    old_names, new_names = {old for old, _ in renamed}, {new for _, new in renamed}
    both = [name for name in one if name in other]
    retyped = [(name, one[name][0], other[name][0]) for name in both if one[name][0] != other[name][0]]
    changed = [name for name in both if one[name][0] == other[name][0] and one[name][1] != other[name][1]]
    rows = _rows(a, b) if not added and not removed else None
    same = rows is not None and _same_rows(_sketch(a), _sketch(b))
    return DataChange(
        key,
        change,
        a,
        b,
        added=tuple(name for name in added if name not in new_names),
        removed=tuple(name for name in removed if name not in old_names),
        renamed=tuple(renamed),
        retyped=tuple(retyped),
        changed=tuple(changed),
        moved=not added and not removed and list(one) != list(other),
        rows=rows,
        same_rows=same,
    )


def _renamed(
    a: Mapping[str, tuple[str, str]], b: Mapping[str, tuple[str, str]], removed: list[str], added: list[str]
) -> list[tuple[str, str]]:
    """Return which columns that are gone came back under another name: their content says so, if but one has it."""
    by_content: dict[tuple[str, str], list[str]] = {}
    for name in added:
        by_content.setdefault(b[name], []).append(name)
    before = Counter(a[name] for name in removed)
    out = []
    for name in removed:
        same = by_content.get(a[name], [])
        if len(same) == 1 and before[a[name]] == 1:
            out.append((name, same[0]))
    return out


def _columns(entry: Mapping[str, object]) -> dict[str, tuple[str, str]]:
    """Return type and digest of each column; of two of one name, the last."""
    columns = entry.get("columns")
    return {
        str(column.get("name")): (str(column.get("type")), str(column.get("digest")))
        for column in (columns if isinstance(columns, list) else [])
        if isinstance(column, Mapping)
    }


def _rows(a: Mapping[str, object], b: Mapping[str, object]) -> RowChange | None:
    from gtrack.fingerprint.sketch import row_change

    one, other = _sketch(a), _sketch(b)
    same_kind = a.get("kind") == b.get("kind") and a.get("type") == b.get("type")
    return row_change(one, other) if one is not None and other is not None and same_kind else None


def _same_rows(a: Rows | None, b: Rows | None) -> bool:
    return a is not None and b is not None and a.total == b.total is not None and a.rows == b.rows


def _sketch(entry: Mapping[str, object]) -> Rows | None:
    from gtrack.fingerprint.sketch import read_sketch

    sketch = entry.get("sketch")
    return read_sketch(sketch, entry.get("rows")) if isinstance(sketch, Mapping) else None


def _by_sketch(table: Mapping[str, object], other: Mapping[str, object]) -> Shared | None:
    same = table.get("digest") is not None and table.get("digest") == other.get("digest")
    if same:
        rows = table.get("rows")
        return Shared(_label(table), _label(other), rows if isinstance(rows, int) else 0, exact=True, same=True)
    if set(_columns(table)) != set(_columns(other)) or "features" in table or "features" in other:
        return None
    one, two = _sketch(table), _sketch(other)
    if one is None or two is None:
        return None
    shared, exact = one.shared(two)
    if not is_leak(one, two, shared):
        return None
    return Shared(_label(table), _label(other), shared, exact, same=False)


def _label(entry: Mapping[str, object]) -> str:
    name, role = entry.get("name"), entry.get("role")
    return str(role) if name == role or name is None else f"{role} ({name})"
