"""What the events of a registered model may say: one table, for the fold, for ``fsck`` and for who writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from gtrack.model.fold import Document
from gtrack.model.version_name import STAGES, alias_fault, is_uid

__all__ = ["MODEL_FIELDS", "VERDICTS", "Part", "event_faults", "is_known", "person"]

VERDICTS = ("approve", "reject")
"""What an approver can say."""

_MOST_APPROVALS = 1000
_EMAIL = re.compile(r"<([^<>]+)>\s*\Z")


class Part(NamedTuple):
    """A field of an event: its test, what it has to be in words, and whether it must be there."""

    test: Callable[[object], bool]
    what: str
    required: bool = False


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 10**9


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_APPROVALS


def _is_metrics(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        _is_text(key) and isinstance(number, int | float) and not isinstance(number, bool)
        for key, number in value.items()
    )


def _one_of(*known: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in known


def _or_none(test: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or test(value)


_BOOL = Part(lambda value: isinstance(value, bool), "true or false")
_MAP = Part(lambda value: isinstance(value, Mapping), "a map")
_VERSION = Part(is_uid, "the uid of a version", required=True)
_ANY_VERSION = Part(_or_none(is_uid), "the uid of a version or null", required=True)
_STAGE = Part(_one_of(*STAGES), f"one of {', '.join(STAGES)}", required=True)
_PINS = {"pins": _MAP}
_COMMON = {
    "model": Part(_is_text, "a model's name"),
    "reason": Part(_or_none(lambda value: isinstance(value, str)), "text or null"),
    "bypass": _MAP,
}

MODEL_FIELDS: Mapping[str, Mapping[str, Part]] = {
    "alias": {
        "alias": Part(lambda value: alias_fault(value) is None, "an alias", required=True),
        "version": _ANY_VERSION,
        "rollback": _BOOL,
        **_COMMON,
    },
    "stage": {
        "version": _VERSION,
        "stage": _STAGE,
        "needs": Part(_is_count, "a number of approvals"),
        "keep": _BOOL,
        "rollback": _BOOL,
        **_PINS,
        **_COMMON,
    },
    "approval": {
        "version": _VERSION,
        "stage": _STAGE,
        "verdict": Part(_one_of(*VERDICTS), '"approve" or "reject"', required=True),
        **_PINS,
        **_COMMON,
    },
    "note": {"version": _ANY_VERSION, "text": Part(_is_text, "text", required=True), **_COMMON},
    "deployed": {"version": _VERSION, "endpoint": Part(_is_text, "text", required=True), **_COMMON},
    "metrics": {"version": _VERSION, "metrics": Part(_is_metrics, "a map of numbers", required=True), **_COMMON},
    "tag": {"version": _ANY_VERSION, "tags": Part(_MAP.test, _MAP.what, required=True), **_COMMON},
    "describe": {
        "version": _ANY_VERSION,
        "description": Part(_or_none(lambda value: isinstance(value, str)), "text or null", required=True),
        **_COMMON,
    },
    "delete": {"version": _ANY_VERSION, **_COMMON},
    "restore": {"version": _ANY_VERSION, **_COMMON},
    "number": {
        "version": _VERSION,
        "number": Part(_is_number, "a version's number", required=True),
        "instead_of": Part(_is_number, "a version's number", required=True),
        "stands": Part(is_uid, "the uid of a version", required=True),
        **_COMMON,
    },
}
"""The fields of an event beside ``format``, ``kind``, ``author`` and ``previous``, by its kind."""


def is_known(doc: Document) -> bool:
    """Tell whether an event is of a kind that this gtrack knows; any other says nothing."""
    kind = doc.body.get("kind")
    return isinstance(kind, str) and kind in MODEL_FIELDS


def event_faults(doc: Document) -> list[str]:
    """Return what is wrong with an event: a sound one has none, and so has one of an unknown kind.

    Args:
        doc: The event.

    Example:
        >>> event_faults(Document("event", "events/…", {"kind": "alias", "alias": "latest", "version": None}))
        ['events/…: its alias is not an alias']
    """
    if not is_known(doc):
        return []
    out = []
    for field, part in MODEL_FIELDS[str(doc.body["kind"])].items():
        if field not in doc.body:
            if part.required:
                out.append(f"{doc.name}: its {field} is missing")
        elif not part.test(doc.body[field]):
            out.append(f"{doc.name}: its {field} is not {part.what}")
    return out


def person(author: str) -> str:
    """Return what tells a person from others: the email of ``Name <email>`` in lower case, else the whole text.

    Example:
        >>> person("Ada L <Ada@Example.org>")
        'ada@example.org'
    """
    match = _EMAIL.search(author)
    return (match[1] if match else author).strip().lower()
