"""The data of a live run: what it was trained and judged on, by its content."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gtrack.config import environment
from gtrack.format.plain import encode_line, fit_key, to_plain
from gtrack.paths import cache_home
from gtrack.spool.journal import Refused

if TYPE_CHECKING:
    from gtrack.fingerprint.leakage import Part
    from gtrack.recording import Recording

__all__ = ["DataLogging"]

_ROLES = ("input", "train", "validation", "test")
_OTHER_NAMES = {
    **dict.fromkeys(("training", "fit"), "train"),
    **dict.fromkeys(("val", "valid", "dev", "eval", "evaluation"), "validation"),
    "testing": "test",
}
"""What roles are called elsewhere, such as MLflow's contexts."""
_MOST_RECORD = 100_000
_MOST_OF_ALL = 300_000
_MOST_BRIEF = 400_000
"""Bytes of one record, of all of a process, and of these with brief ones counted: a run's document holds 1 MiB."""
_BRIEF = ("name", "role", "digest", "kind", "rows")
_MOST_PARTS = 16
"""How many tables are kept to be compared with later ones."""


@dataclass
class _Logged:
    """What this process has logged: lines already written, their bytes, and the rows of tables."""

    lines: set[bytes] = field(default_factory=set)
    bytes: int = 0
    parts: list[Part] = field(default_factory=list)


class DataLogging:
    """The part of :class:`gtrack.Run` that records data: fingerprints, never the data itself."""

    _recording: Recording

    def log_data(
        self,
        name: str,
        data: Any,
        role: str | None = None,
        *,
        features: Sequence[str] | None = None,
        source: object = None,
    ) -> dict[str, object]:
        """Record what data the run uses: a fingerprint of its content, its columns, where it is from; not the data.

        Equal content has an equal fingerprint in pandas, polars, Arrow or from a file of either; docs/data.md says what
        is equal. Rows that train, validation and test data have in common are warned of. Never raises: what has no
        fingerprint is warned of once.

        Args:
            name: What it is called.
            data: A table (pandas, polars, Arrow, Hugging Face's datasets), an array or tensor, the path of a file or
                folder, or a URI, which is recorded and not opened.
            role: ``train``, ``validation``, ``test`` or ``input``; by default the name if it is one of these.
            features: The columns by which rows are compared between train, validation and test; all by default.
            source: Where it is from: a URI, or facts such as ``{"uri": ..., "version": ...}``.

        Returns:
            What was recorded; empty when nothing was.

        Example:
            >>> run.log_data("train", frame, source="s3://bucket/churn.parquet?versionId=3sL4kqtJ")["digest"]
            '9f2c6d31a0...'
        """
        label = f"data {to_plain(name)!s:.60}"
        try:
            record = self._describe(fit_key(str(to_plain(name))), data, role, features, source)
        except Exception as error:  # whatever a library does with odd data, training goes on
            self._recording.on_trouble(label, Refused(_told(error)))
            return {}
        return self._write_data(record, label)

    def log_input(
        self, dataset: Any, context: str | None = None, tags: Mapping[str, object] | None = None
    ) -> dict[str, object]:
        """Record data in MLflow's way; see :meth:`log_data`.

        Args:
            dataset: A data set of ``mlflow.data``, or anything that :meth:`log_data` takes.
            context: What it is used for, such as ``training``.
            tags: Recorded with its source.

        Returns:
            What was recorded; empty when nothing was.
        """
        name, data, source = context or "data", dataset, dict(tags or {})
        if type(dataset).__module__.partition(".")[0] == "mlflow":
            name = getattr(dataset, "name", None) or name
            held = (getattr(dataset, attribute, None) for attribute in ("df", "ds", "features"))
            data = next((value for value in held if value is not None), dataset)
            uri = getattr(getattr(dataset, "source", None), "uri", None)
            source |= {"mlflow": {"digest": getattr(dataset, "digest", None)}} | ({"uri": uri} if uri else {})
        return self.log_data(str(name), data, context, source=source or None)

    def _describe(
        self, name: str, data: Any, role: str | None, features: Sequence[str] | None, source: object
    ) -> dict[str, object]:
        from gtrack.fingerprint.describe import describe
        from gtrack.fingerprint.sources import as_source, unversioned
        from gtrack.fingerprint.stat_cache import StatCache

        part, warn = self._role(name, role), self._recording.notices.warn
        repo = self._recording.repository()
        home = repo.paths.home if repo is not None else cache_home(environment())
        root = repo.paths.work_tree if repo is not None else None
        found = describe(data, features, StatCache(os.path.join(home, "stat")), root=root)
        facts = {"name": name, "role": part, **found.facts}
        known = facts.get("source")
        told = {**(known if isinstance(known, dict) else {}), **as_source(source)}
        if told:
            facts["source"] = told
        for remark in found.remarks:
            warn(f"data {name:.60}: {remark}")
        if (reason := unversioned(told)) is not None:
            uri = str(told.get("uri", ""))
            warn(f"data {name:.60}: {uri:.200} {reason}: later it may be other data".replace("  ", " "))
        overlaps = self._overlaps(name, part, facts, found)
        return facts | ({"overlap": overlaps} if overlaps else {})

    def _role(self, name: str, role: str | None) -> str:
        chosen = str(to_plain(role if role is not None else name)).lower()
        chosen = _OTHER_NAMES.get(chosen, chosen)
        if chosen in _ROLES:
            return chosen
        if role is not None:
            self._recording.notices.warn(
                f"data {name:.60}: {role!r:.40} is no role ({', '.join(_ROLES)}): input is noted"
            )
        return "input"

    def _overlaps(self, name: str, role: str, facts: Mapping[str, object], found: Any) -> list[object]:
        """Compare the rows with those that were logged for another use, and warn of what they have in common."""
        from gtrack.fingerprint.leakage import APART, Part, find_overlaps, tell

        if role not in APART:
            return []
        digest = facts.get("digest")
        part = Part(name, role, digest if isinstance(digest, str) else None, found.features, found.rows, found.columns)
        parts = self._data.parts
        others = [other for other in parts if (other.name, other.role) != (name, role)]
        parts[:] = [*others, part][-_MOST_PARTS:]
        overlaps = find_overlaps(part, others)
        for overlap in overlaps:
            self._recording.notices.warn(tell(part, overlap))
        return [overlap.to_dict() for overlap in overlaps]

    @property
    def _data(self) -> _Logged:
        found: _Logged = self.__dict__.setdefault("_logged_data", _Logged())
        return found

    def _write_data(self, record: dict[str, object], label: str) -> dict[str, object]:
        """Write a record down, once, in as much detail as there is room for."""
        logged = self._data
        fitting = _fitting(record)
        line = encode_line(fitting)
        if line in logged.lines:
            return fitting
        if logged.bytes + len(line) > _MOST_OF_ALL:
            fitting = {key: fitting[key] for key in _BRIEF if key in fitting}
            line = encode_line(fitting)
            self._recording.notices.warn("very much data is logged: of what follows only fingerprints are recorded")
        if logged.bytes + len(line) > _MOST_BRIEF:
            self._recording.on_trouble(label, Refused("the run has recorded thousands of data sets"))
            return {}
        logged.lines.add(line)
        logged.bytes += len(line)
        self._recording.note_down("logged", {"data": [fitting]})
        return fitting


def _fitting(record: dict[str, object]) -> dict[str, object]:
    """Return a record of at most 100 KB: with fewer columns, where that is needed."""
    out = dict(record)
    while len(encode_line(out)) > _MOST_RECORD:
        columns = out.get("columns")
        if isinstance(columns, list) and columns:
            half, more = columns[: len(columns) // 2], out.get("more_columns", 0)
            out["more_columns"] = len(columns) - len(half) + (more if isinstance(more, int) else 0)
            out["columns"] = half
        else:
            out = {key: out[key] for key in (*_BRIEF, "path", "bytes", "overlap") if key in out}
            break
    return out


def _told(error: Exception) -> str:
    """Return what went wrong, in one line."""
    if isinstance(error, OSError):
        return f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")
    return str(error)[:300] or type(error).__name__
