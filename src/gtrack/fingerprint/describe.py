"""What is recorded of a run's data: its fingerprint, its columns, a sketch of its rows."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from gtrack.fingerprint.arrays import array_digest, as_array
from gtrack.fingerprint.described import Described
from gtrack.fingerprint.frames import Table, as_table, origin_of
from gtrack.fingerprint.parallel import processors
from gtrack.fingerprint.paths import describe_path
from gtrack.fingerprint.sources import as_source, is_uri
from gtrack.fingerprint.stat_cache import StatCache

if TYPE_CHECKING:
    from gtrack.fingerprint.rows import Hashes

__all__ = ["describe", "fingerprint"]

MOST_COLUMNS = 1000
_MOST_CELLS = 4_000_000
"""How many hashes of single values are kept of a table, so that it can be compared by other columns: 32 MB."""
_WORTH_THREADS = 100_000
_LONGEST_NAME = 200
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")
_HINT = "log a pandas, polars or Arrow table, an array, a file or folder by its path, or a URI"


def describe(data: Any, features: Sequence[str] | None, cache: StatCache, *, root: str | None = None) -> Described:
    """Return the fingerprint of data and what else is recorded of it.

    Args:
        data: A table, a column, an array, a tensor, a path, or a URI, which is not opened.
        features: The names of the columns that are features; by default all but an index without a name.
        cache: What is known of files.
        root: The folder to which paths are told relative.

    Raises:
        TypeError: It is nothing of these; the text says what to log instead.
        ValueError: A feature is no column; a path is neither a file nor a folder.
        OSError: A file cannot be read.
    """
    if isinstance(data, str | os.PathLike):
        text = os.fsdecode(data)
        if is_uri(text):
            return Described({"digest": None, "kind": "uri", "source": as_source(text)})
        return describe_path(text, cache, root)
    array = None if type(data).__module__.startswith(("pandas", "pyarrow", "polars")) else as_array(data)
    if array is not None and array[1].dtype.kind not in "OV" and array[1].ndim:
        return _of_array(*array)
    if array is not None and array[1].dtype.kind == "O" and array[1].ndim == 1:
        data = {"": array[1]}
    table = as_table(data)
    if table is None:
        kind = type(data).__name__
        raise TypeError(f"it is a {kind:.60}, which has no fingerprint: {_HINT}")
    out = _of_table(table, features)
    origin = origin_of(data)
    if origin:
        out.facts["source"] = origin
    return out


def fingerprint(data: Any) -> str:
    """Return the digest of a table alone, without a look at its rows.

    Raises:
        TypeError: It is no table, or none that has a fingerprint.
    """
    from gtrack.fingerprint.canonical import column_digest, one_array, table_digest

    table = as_table(data)
    if table is None:
        raise TypeError(f"it is a {type(data).__name__:.60}, which is no table")
    with ThreadPoolExecutor(processors(), "gtrack-hash") as pool:
        digests = list(pool.map(lambda column: column_digest(*one_array(column[1]())), table.columns))
    return table_digest(table.rows, [(name, digest) for (name, _), digest in zip(table.columns, digests, strict=True)])


def _of_array(kind: str, array: Any) -> Described:
    from gtrack.fingerprint.rows import array_rows
    from gtrack.fingerprint.sketch import Rows

    facts: dict[str, object] = {
        "digest": array_digest(kind, array),
        "kind": "array",
        "rows": len(array),
        "type": kind,
        "shape": list(array.shape),
        "bytes": array.nbytes,
    }
    rows = Rows.of(array_rows(array), cells=True) if array.size else None
    if rows is not None:
        facts["sketch"] = rows.to_dict()
    return Described(facts, frozenset({f"{kind} {array.shape[1:]}"}), rows)


def _of_table(table: Table, features: Sequence[str] | None) -> Described:
    from gtrack.fingerprint.canonical import table_digest
    from gtrack.fingerprint.sketch import Rows

    names = [name for name, _ in table.columns]
    wanted = [features] if isinstance(features, str) else features
    chosen = _content(names) if wanted is None else frozenset(map(str, wanted))
    if unknown := sorted(chosen.difference(names)):
        raise ValueError(f"there is no column {unknown[0]!r:.80}, which is named as a feature")
    digests, whole, by_features, kept = _measure(table, chosen)
    columns = [(name, digest) for name, (_, digest) in zip(names, digests, strict=True)]
    rows = Rows.of(whole, cells=True) if names else None
    facts: dict[str, object] = {
        "digest": table_digest(table.rows, columns),
        "kind": "table",
        "rows": table.rows,
        **_columns(names, digests),
        "bytes": table.bytes,
    }
    if rows is not None and table.rows:
        facts["sketch"] = rows.to_dict()
    if features is not None:
        facts["features"] = _names([name for name in names if name in chosen])
    if features is not None or len(chosen) < len(frozenset(names)):
        rows = Rows.of(by_features)
    return Described(facts, chosen, rows, kept)


def _content(names: Sequence[str]) -> frozenset[str]:
    """Return the columns that say what a row is: all but an index without a name, which says where it once was."""
    return frozenset(name for name in names if not _UNNAMED_INDEX.fullmatch(name)) or frozenset(names)


def _measure(
    table: Table, features: frozenset[str]
) -> tuple[list[tuple[str, bytes]], Hashes, Hashes, dict[str, Hashes] | None]:
    """Return each column's type and digest, the hashes of rows by all columns and by the features, and the columns'."""
    import numpy as np

    whole, by_features = np.zeros(table.rows, "<u8"), np.zeros(table.rows, "<u8")
    digests: list[tuple[str, bytes]] = []
    kept: dict[str, Hashes] | None = {} if table.rows * len(table.columns) <= _MOST_CELLS else None
    for (name, _), (kind, digest, hashes) in zip(table.columns, _each_column(table), strict=True):
        digests.append((kind, digest))
        whole += hashes
        if name in features:
            by_features += hashes
        if kept is not None:
            kept[name] = kept[name] + hashes if name in kept else hashes
    return digests, whole, by_features, kept


def _each_column(table: Table) -> Any:
    from gtrack.fingerprint.canonical import column_digest, one_array
    from gtrack.fingerprint.rows import column_hashes, under_name

    def one(column: tuple[str, Any]) -> tuple[str, bytes, Hashes]:
        name, make = column
        try:
            kind, values = one_array(make())
            return kind, column_digest(kind, values), under_name(column_hashes(values), name)
        except (TypeError, ValueError, NotImplementedError) as error:  # Arrow's own errors are of these
            raise TypeError(f"the column {name!r:.80} has no fingerprint: {error}") from error

    if table.rows * len(table.columns) < _WORTH_THREADS:
        yield from map(one, table.columns)
        return
    with ThreadPoolExecutor(processors(), "gtrack-hash") as pool:
        yield from pool.map(one, table.columns)


def _columns(names: Sequence[str], digests: Sequence[tuple[str, bytes]]) -> dict[str, object]:
    """Return what is recorded of the columns: the first thousand, and how many there are if there are more."""
    listed = [
        {"name": shortened(name), "type": shortened(kind), "digest": digest.hex()[:16]}
        for name, (kind, digest) in zip(names[:MOST_COLUMNS], digests, strict=False)
    ]
    more = len(names) - len(listed)
    return {"columns": listed} | ({"more_columns": more} if more else {})


def _names(names: Sequence[str]) -> object:
    return [shortened(name) for name in names[:MOST_COLUMNS]]


def shortened(text: str) -> str:
    """Return a name that is not too long to be recorded."""
    plain = text.encode("utf-8", "backslashreplace").decode()
    return plain if len(plain) <= _LONGEST_NAME else f"{plain[:_LONGEST_NAME]}..."
