"""Edits of one run that were made at the same time, in clones that did not know of each other.

Each edit names the events that were the latest ones where it was made. Of two edits of one thing neither of which
leads to the other, the later one stands, and somebody should know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gtrack.model.fold import Document

__all__ = ["concurrent_edits", "concurrent_values", "latest_events"]

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
    return tuple(sorted(concurrent_values(events)))


def concurrent_values(events: Sequence[Document]) -> dict[str, dict[str, object]]:
    """Return what was edited at the same time and differently: the values that compete, by the events that set them.

    Args:
        events: The events of one thing.
    """
    places = {doc.name: place for place, doc in enumerate(sorted(events, key=lambda doc: doc.order))}
    touching: dict[str, dict[str, object]] = {}
    for doc in events:
        if "previous" in doc.body and doc.body.get("kind") in _KINDS:
            for what, value in _touched(doc.body):
                touching.setdefault(what, {})[doc.name] = value
    before = _before(events, places) if any(len(edits) > 1 for edits in touching.values()) else {}
    out = {}
    for what, edits in touching.items():
        if len(edits) > 1:
            behind = 0
            for edit in edits:
                behind |= before[edit]
            last = {name: value for name, value in edits.items() if not behind >> places[name] & 1}
            values = list(last.values())
            if any(value != values[0] for value in values[1:]):
                out[what] = last
    return out


def _before(events: Sequence[Document], places: Mapping[str, int]) -> dict[str, int]:
    """Return all events that each one was made after, as the bits at their places: thousands are quick to join so.

    Events that lead to each other in a circle, which no gtrack wrote, come after what they name first.
    """
    named = {doc.name: [name for name in _previous(doc) if name in places] for doc in events}
    out: dict[str, int] = {}
    for start in sorted(named, key=places.__getitem__):
        waiting = [start]
        entered: set[str] = set()
        while waiting:
            name = waiting[-1]
            left = [] if name in entered or name in out else [other for other in named[name] if other not in out]
            entered.add(name)
            if left:
                waiting += left
                continue
            waiting.pop()
            bits = 0
            for other in named[name]:
                bits |= out.get(other, 0) | 1 << places[other]
            out[name] = bits
    return out


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
