"""What was changed of a registered model at the same time, in clones that did not know of each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gtrack.ids import SHORT
from gtrack.model.concurrent import concurrent_values, latest_events
from gtrack.model.fold import Document
from gtrack.model.registry_stages import EXCLUSIVE

__all__ = ["Choice", "Conflict", "find_conflicts", "latest_model_events"]

_KEEPS = ("kept beside others",)
"""What two promotions that replace nobody agree on."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One side of a conflict: the event, what it sets (a version's uid, a stage, a value), and whose it is."""

    event: str
    value: object
    author: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """What was changed at the same time in clones that did not know of each other, and differently.

    The choice whose event is later stands meanwhile.

    Attributes:
        what: ``alias champion``, ``stage Production``, ``version 9c1d7b6``, ``deletion``, ``description``, ``tag x``,
            ``approval 9c1d7b6 Production``.
        choices: The sides, in the order of their stamps.
    """

    what: str
    choices: tuple[Choice, ...]

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {
            "what": self.what,
            "choices": [{"value": each.value, "author": each.author, "event": each.event} for each in self.choices],
        }


def latest_model_events(events: Sequence[Document]) -> list[str]:
    """Return the names of the events that no other one was made after; an event made now comes after these."""
    return latest_events([_edit(doc, {}) for doc in events])


def find_conflicts(events: Sequence[Document], outcomes: Mapping[str, Mapping[str, object]]) -> tuple[Conflict, ...]:
    """Return what was changed at the same time and differently.

    Args:
        events: A model's events, those without effect as well: they tell what came after what.
        outcomes: What each sound event came to, by its name.
    """
    edits = [_edit(doc, _slots(doc, outcomes[doc.name]) if doc.name in outcomes else {}) for doc in events]
    by_name = {doc.name: doc for doc in events}

    def choices(sides: Mapping[str, object]) -> Iterator[Choice]:
        for name in sorted(sides, key=lambda name: by_name[name].order):
            yield Choice(name, _choice(sides[name]), _text(by_name[name].body.get("author")))

    found = sorted(concurrent_values(edits).items())
    return tuple(Conflict(what.removeprefix("tag "), tuple(choices(sides))) for what, sides in found)


def _edit(doc: Document, slots: Mapping[str, object]) -> Document:
    """Return an event as what knows of concurrent edits reads it: a thing is changed here as a tag is set of a run."""
    body: dict[str, object] = {"kind": "tag", "tags": slots}
    if "previous" in doc.body:
        body["previous"] = doc.body["previous"]
    return Document(doc.kind, doc.name, body, doc.stamp)


def _slots(doc: Document, outcome: Mapping[str, object]) -> dict[str, object]:
    """Return what an event changes, each with what it makes of it."""
    body, uid = doc.body, doc.body.get("version")
    short = uid[:SHORT] if isinstance(uid, str) else ""
    of = f" {short}" if short else ""
    out: dict[str, object] = {}
    match body["kind"]:
        case "alias":
            out = {f"alias {body['alias']}": uid}
        case "stage":
            out = {f"version {short}": body["stage"], **_stage_slot(body, outcome)}
        case "approval":
            out = {f"approval {short} {body['stage']}": body["verdict"], **_stage_slot(body, outcome)}
        case "delete" | "restore" as kind:
            out = {f"deletion{of}": kind}
        case "describe":
            out = {f"description{of}": body["description"]}
        case "tag":
            tags = body["tags"]
            out = {f"tag{of} {key}": value for key, value in tags.items()} if isinstance(tags, Mapping) else {}
    return out


def _stage_slot(body: Mapping[str, object], outcome: Mapping[str, object]) -> dict[str, object]:
    """Return who is in a stage now, where an event took effect in one that makes others go."""
    if body["stage"] not in EXCLUSIVE or not outcome.get("effective"):
        return {}
    return {f"stage {body['stage']}": _KEEPS if outcome.get("keep") else body["version"]}


def _choice(value: object) -> object:
    return value[0] if isinstance(value, tuple) else value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
