"""The data of runs in words: what it is, what differs in it, which rows are where they should not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gtrack.display.words import cut, plural, size, value_text
from gtrack.model.nested import flatten
from gtrack.ops.data_changes import DataChange, Shared
from gtrack.text import clean

__all__ = ["change_label", "change_lines", "data_label", "data_text", "is_fingerprint", "shared_line"]

_LONGEST = 300
_MOST_NAMED = 8
_KINDS = ("table", "array", "file", "directory", "uri")


def is_fingerprint(entry: object) -> bool:
    """Tell whether an input is one that ``log_data`` recorded."""
    return isinstance(entry, Mapping) and entry.get("kind") in _KINDS


def data_label(entry: object, number: int) -> str:
    """Return what an input is called: its role, and its name where that is another; its number where it has none."""
    if not is_fingerprint(entry) or not isinstance(entry, Mapping):
        return str(number)
    name, role = value_text(entry.get("name")), value_text(entry.get("role"))
    return role if name == role else f"{role}: {cut(name, 80)}"


def data_text(entry: object) -> str:
    """Return what an input is, on one line: how large, its digest, where it is from."""
    if not isinstance(entry, Mapping):
        return cut(value_text(entry), _LONGEST)
    parts = [_extent(entry), size(entry.get("bytes")), _digest(entry.get("digest")), _source(entry.get("source"))]
    return cut(", ".join(part for part in parts if part), _LONGEST)


def change_lines(change: DataChange) -> list[str]:
    """Return what changed in the rows and the columns of an input, on one line; none where nothing is known of it."""
    renamed = [f"{old} to {new}" for old, new in change.renamed]
    retyped = [f"{name} ({old} to {new})" for name, old, new in change.retyped]
    told = (
        ("added", change.added),
        ("removed", change.removed),
        ("renamed", renamed),
        ("of another type", retyped),
        ("changed", change.changed),
    )
    columns = [f"columns {word}: {_names(names)}" for word, names in told if names]
    columns += ["columns in another order"] if change.moved else []
    rows = _rows_line(change)
    parts = [*([rows] if rows else []), *columns]
    return [f"{change_label(change)}: {'; '.join(parts)}"] if parts else []


def change_label(change: DataChange) -> str:
    """Return what an input that differs is called."""
    entry = change.b if change.b is not None else change.a
    return data_label(entry, 0) if is_fingerprint(entry) else clean(change.key)


def shared_line(shared: Shared) -> str:
    """Return in words which rows two tables of a run have in common."""
    one, other = clean(shared.one), clean(shared.other)
    if shared.same:
        return f"leakage: {one} and {other} are the same data"
    about = "" if shared.exact else "about "
    rows = plural(shared.rows, "row")
    return f"leakage: {about}{rows} {'is' if shared.rows == 1 else 'are'} in both {one} and {other}"


def _rows_line(change: DataChange) -> str:
    rows = change.rows
    if rows is None:
        return ""
    if change.same_rows:
        only_columns = change.retyped or (change.moved and not change.changed)
        return "the same rows" if only_columns else "the same rows in another order"
    if not rows.added and not rows.removed:
        return "no row is new or gone; how often rows repeat has changed"
    total = change.b.get("rows") if isinstance(change.b, Mapping) else None
    of = f" of {total:,}" if isinstance(total, int) else ""
    exact = rows.how == "exact"
    most = total if isinstance(total, int) and rows.added == rows.removed else None
    added, removed = (f"{n if exact else _round(n, most):,}" for n in (rows.added, rows.removed))
    about = {"exact": "", "estimate": "about ", "fewer": "fewer than about "}[rows.how]
    if rows.added == rows.removed:
        return f"{about}{added}{of} rows changed"
    return f"{about}{added} row{'' if added == '1' else 's'} added, {about}{removed} removed"


def _round(number: int, most: int | None) -> int:
    """Return an estimate with two digits, which is as many as are known; no more than there can be."""
    rounded = round(number, 2 - len(str(number))) if number > 99 else number
    return rounded if most is None else min(rounded, most)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(cut(clean(name), 80) for name in names[:_MOST_NAMED]) + more


def _extent(entry: Mapping[str, object]) -> str:
    """Return how large an input is, as its kind has it."""
    rows, columns, shape, files = (entry.get(name) for name in ("rows", "columns", "shape", "files"))
    if isinstance(shape, list):
        return f"{value_text(entry.get('type'))} {' x '.join(_count(n) for n in shape[:8])}"
    if isinstance(columns, list):
        more = entry.get("more_columns")
        count = len(columns) + (more if isinstance(more, int) else 0)
        return f"{_count(rows)} rows, {plural(count, 'column')}"
    if entry.get("path") is not None:
        path = value_text(entry["path"])
        return f"{path}, {plural(files, 'file')}" if isinstance(files, int) else path
    return ""


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else value_text(value)


def _digest(value: object) -> str:
    if not isinstance(value, str) or not value:
        return ""
    name, colon, digits = value.rpartition(":")
    return f"{clean(name) if colon else 'sha256'} {clean(digits[:12])}"


def _source(source: object) -> str:
    """Return where an input is from: the URI alone where there is no more to say."""
    if not isinstance(source, Mapping) or not source:
        return ""
    uri = source.get("uri")
    rest = [f"{clean(key)}={value_text(value)}" for key, value in flatten(source) if key != "uri" and value is not None]
    return f"from {' '.join(([value_text(uri)] if uri else []) + rest)}"
