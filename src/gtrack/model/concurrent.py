"""Edits of one run that were made at the same time, in clones that did not know of each other.

Each edit names the events that were the latest ones where it was made. Of two edits of one thing neither of which
leads to the other, the later one stands, and somebody should know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gtrack.model.fold import Document

__all__ = ["concurrent_edits", "latest_events"]

_KINDS = ("tag", "rename", "move", "goal", "delete", "restore")


def latest_events(events: Sequence[Document]) -> list[str]:
    """Return the names of the edits that no other one was made after; an edit made now comes after these."""
    known = {name for doc in events for name in _previous(doc)}
    return sorted(doc.name for doc in events if doc.body.get("kind") in _KINDS and doc.name not in known)


def concurrent_edits(events: Sequence[Document]) -> tuple[str, ...]:
    """Return what was edited at the same time and differently, such as ``tag baseline`` or ``name``.

    Events of gtracks that named none before them count as known to everybody.

    Args:
        events: A run's events.
    """
    by_name = {doc.name: doc for doc in events}
    touching: dict[str, dict[str, object]] = {}
    for doc in events:
        if "previous" in doc.body and doc.body.get("kind") in _KINDS:
            for what, value in _touched(doc.body):
                touching.setdefault(what, {})[doc.name] = value
    out = []
    for what, edits in touching.items():
        if len(edits) > 1:
            behind = {name for edit in edits for name in _before(edit, by_name)}
            last = [value for name, value in edits.items() if name not in behind]
            if any(value != last[0] for value in last[1:]):
                out.append(what)
    return tuple(sorted(out))


def _before(name: str, events: Mapping[str, Document]) -> Iterable[str]:
    """Return the names of all events that one was made after."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        doc = events.get(waiting.pop())
        if doc is not None:
            fresh = [other for other in _previous(doc) if other not in seen]
            seen.update(fresh)
            waiting += fresh
    return seen


def _previous(doc: Document) -> list[str]:
    named = doc.body.get("previous")
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def _touched(body: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield what an edit is about, and the value it sets."""
    match body.get("kind"):
        case "tag" | "goal" as kind:
            values = body.get(f"{kind}s")
            for key, value in values.items() if isinstance(values, Mapping) else ():
                yield f"{kind} {key}", value
        case "rename":
            yield "name", body.get("name")
        case "move":
            yield "experiment", body.get("experiment")
        case "delete" | "restore" as kind:
            yield "deletion", kind
