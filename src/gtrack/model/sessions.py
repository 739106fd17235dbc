"""The sessions of a run: which there are, in which order, and what each recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gtrack.model.cover import Range, choose
from gtrack.model.summary import MetricSummary

__all__ = ["Session", "covered_by", "order_sessions"]

_NUMBER = re.compile(r"[0-9]{1,16}\Z")


class Document(Protocol):
    """What this module needs of a document; see :class:`gtrack.model.fold.Document`."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def body(self) -> Mapping[str, object]: ...
    @property
    def stamp(self) -> str: ...
    @property
    def session(self) -> str | None: ...


@dataclass(slots=True)
class Session:
    """One start or resume, with the end and summary documents that belong to it."""

    id: str
    previous: str | None = None
    stamp: str = ""
    appended: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    documents: list[Document] = field(default_factory=list)

    @property
    def end(self) -> Document | None:
        """The end that counts: an owner's beats a recovery's, then the later stamp."""
        ends = [doc for doc in self.documents if doc.kind == "end"]
        return max(ends, key=lambda d: (d.body.get("by") == "owner", d.stamp, d.name), default=None)

    def counted(self) -> list[tuple[Document, bool]]:
        """Return the documents that count, and whether each is doubtful: see :func:`gtrack.model.cover.choose`."""
        if len(self.documents) == 1:
            return [(self.documents[0], False)]
        chosen = choose([(doc.name, covered_by(doc)) for doc in self.documents])
        return [(self.documents[at], doubtful) for at, doubtful in chosen]

    def summaries(self) -> dict[str, list[MetricSummary]]:
        """Return the summaries of each key, once per range of journal records.

        The same records can have been sealed twice, by two commands that did not see each other's commit. Where they
        cannot be told apart any more, the summary is marked partial, since its count is in doubt.
        """
        out: dict[str, list[MetricSummary]] = {}
        for doc, doubtful in self.counted():
            metrics = doc.body.get("metrics")
            for key, entry in (metrics if isinstance(metrics, Mapping) else {}).items():
                summary = _summary(entry, doubtful)
                if summary is not None:
                    out.setdefault(key, []).append(summary)
        return out


def order_sessions(first: Mapping[str, object], events: Sequence[Document], later: Sequence[Document]) -> list[Session]:
    """Return a run's sessions in order: by what each resumed, then by stamp.

    Args:
        first: The body of run.yaml, or an empty map.
        events: The run's events.
        later: The run's end and summary documents.
    """
    sessions: dict[str, Session] = {}
    start = first.get("session")
    if isinstance(start, str):
        sessions[start] = Session(start, facts=first)
    for doc in sorted(events, key=lambda d: (d.stamp, d.name)):
        session_id = doc.body.get("session")
        if doc.body.get("kind") != "attempt" or not isinstance(session_id, str) or session_id in sessions:
            continue
        previous = doc.body.get("previous")
        sessions[session_id] = Session(
            session_id,
            previous=previous if isinstance(previous, str) else None,
            stamp=doc.stamp,
            appended=doc.body.get("appended") is True,
            facts=doc.body,
        )
    for doc in later:
        session_id = doc.session or doc.body.get("session")
        if isinstance(session_id, str):
            sessions.setdefault(session_id, Session(session_id, stamp=doc.stamp)).documents.append(doc)
    return sorted(sessions.values(), key=lambda s: (_depth(s, sessions), s.stamp, s.id))


def _depth(session: Session, sessions: Mapping[str, Session]) -> int:
    depth, seen = 0, {session.id}
    while session.previous is not None and session.previous in sessions and session.previous not in seen:
        session = sessions[session.previous]
        seen.add(session.id)
        depth += 1
    return depth


def covered_by(doc: Document) -> list[Range]:
    """Return the journal records that a document covers; a stream is one writer of one session."""
    out = []
    segments = doc.body.get("segments")
    for text in segments if isinstance(segments, list) else []:
        name, _, tail = str(text).partition("-")
        writer, first, count = [*tail.split("-"), "", ""][:3]
        if _NUMBER.match(first) and _NUMBER.match(count):
            out.append((f"{name}-{writer}", int(first), int(first) + int(count)))
    return out


def _summary(entry: object, doubtful: bool) -> MetricSummary | None:
    if type(entry) is not dict and not isinstance(entry, Mapping):
        return None
    try:
        return MetricSummary.from_dict({**entry, "partial": True} if doubtful else entry)
    except (ValueError, OverflowError):
        return None
