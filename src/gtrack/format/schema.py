"""What the fields of gtrack's YAML files are: one table, for ``fsck`` and for runs taken in from elsewhere.

Fields that the table does not name are carried along: a later gtrack may add some.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gtrack.clock import iso_to_us
from gtrack.format.names import Segment
from gtrack.ids import is_run_id
from gtrack.model.experiment import PROTOCOL
from gtrack.model.registry_events import MODEL_FIELDS
from gtrack.model.summary import MetricSummary
from gtrack.text import clean

__all__ = ["EVENTS", "EXPERIMENT_EVENTS", "FIELDS", "MODEL_EVENTS", "VIEW_EVENTS", "check_document"]

FORMAT = 1
_SESSION = re.compile(r"[0-9a-f]{8}\Z")
_MAX_NAMED = 20


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what it has to be, as a test and in words, and whether it may be absent."""

    test: Callable[[object], bool]
    what: str
    required: bool = False


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _is_map(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_step(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and iso_to_us(value) is not None
    except (ValueError, OverflowError):
        return False


def _is_session(value: object) -> bool:
    return isinstance(value, str) and _SESSION.match(value) is not None


def _is_counts(value: object) -> bool:
    return isinstance(value, Mapping) and all(_is_count(count) for count in value.values())


def _is_segments(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(s, str) and Segment.parse(s) is not None for s in value)


def _is_goals(value: object) -> bool:
    return isinstance(value, Mapping) and all(goal in ("min", "max") for goal in value.values())


def _is_notes(value: object) -> bool:
    # A list of very many notes is one long value, which stands in a file of its own.
    return isinstance(value, list) and all(
        isinstance(note, Mapping) and ("$values" in note or (_is_time(note.get("time")) and "text" in note))
        for note in value
    )


def _one_of(*values: object) -> Callable[[object], bool]:
    return lambda value: any(value is known or (type(value) is str and value == known) for known in values)


def _or_none(test: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or test(value)


_TEXT = Field(_is_text, "text")
_MAP = Field(_is_map, "a map")
_LIST = Field(_is_list, "a list")
_TIME = Field(_is_time, "a time such as 2026-11-21T14:25:30.123456Z")
_SESSION_ID = Field(_is_session, "8 hex digits")
_OPTIONAL_SESSION = Field(_or_none(_is_session), "8 hex digits or null")
_LOGGED = {
    "params": _MAP,
    "tags": _MAP,
    "goals": Field(_is_goals, 'a map of "min" and "max"'),
    "seed": _MAP,
    "notes": Field(_is_notes, "a list of notes with time and text"),
    "data": _LIST,
    "uses": _LIST,
}
_CAPTURED = {"code": _MAP, "environment": _MAP, "seed": _MAP}
_RECORDED = {
    "segments": Field(_is_segments, "a list of segments"),
    "metrics": _MAP,
    "rejected": Field(_is_counts, "a map of counts"),
    "omitted": Field(_is_count, "a count"),
    "curves": Field(_is_list, "a list of objects"),
    "system": _MAP,
    **_LOGGED,
}


def _needs(fields: Mapping[str, Field], *names: str) -> dict[str, Field]:
    return {name: Field(f.test, f.what, required=name in names) for name, f in fields.items()}


FIELDS: Mapping[str, Mapping[str, Field]] = {
    "run": _needs(
        {
            "id": Field(lambda value: isinstance(value, str) and is_run_id(value), "32 hex digits"),
            "name": Field(_is_name, "a name"),
            "experiment": Field(_is_name, "a name"),
            "parent": Field(
                _or_none(lambda value: isinstance(value, str) and is_run_id(value)), "32 hex digits or null"
            ),
            "group": Field(_or_none(_is_text), "text or null"),
            "started": _TIME,
            "session": _SESSION_ID,
            "author": _TEXT,
            "policy": _MAP,
            **_LOGGED,
            **_CAPTURED,
        },
        *("id", "name", "experiment", "started", "session"),
    ),
    "end": _needs(
        {
            "session": _SESSION_ID,
            # A session that only added values to an ended run has no status of its own.
            "status": Field(_one_of("finished", "failed", "killed", "preempted", None), "a status a run can end with"),
            "by": Field(_one_of("owner", "recovery"), '"owner" or "recovery"'),
            "ended": _TIME,
            "error": Field(_or_none(_is_map), "a map or null"),
            **_RECORDED,
        },
        *("session", "status", "by", "ended"),
    ),
    "summary": _needs({"session": _SESSION_ID, **_RECORDED}, "session", "segments"),
    "event": {"kind": Field(_is_name, "a name", required=True), "author": _TEXT},
    "experiment": {"kind": Field(_is_name, "a name", required=True), "author": _TEXT},
    "view": {"kind": Field(_is_name, "a name", required=True), "author": _TEXT},
    "model": {"kind": Field(_is_name, "a name", required=True), "author": _TEXT},
    "version": {
        "flavors": Field(lambda value: _is_list(value) and all(map(_is_text, value)), "a list of names"),  # type: ignore[call-overload]
        "signature": Field(_or_none(_is_map), "a map or null"),
        "gate": Field(_or_none(_is_map), "a map or null"),
        "registered": Field(_is_time, _TIME.what, required=True),
        "author": _TEXT,
        "description": Field(_or_none(_is_text), "text or null"),
        "bypass": Field(_or_none(_is_map), "a map or null"),
    },
}
"""Fields by kind of file. Of a version, what :func:`gtrack.model.registered.version_faults` tells is not here."""

_EDIT = {
    "previous": Field(
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value), "a list of names"
    )
}

EVENTS: Mapping[str, Mapping[str, Field]] = {
    "tag": {**_needs({"tags": _MAP}, "tags"), **_EDIT},
    "note": {**_needs({"text": _TEXT}, "text"), **_EDIT},
    "rename": {**_needs({"name": Field(_is_name, "a name")}, "name"), **_EDIT},
    "move": {**_needs({"experiment": Field(_is_name, "a name")}, "experiment"), **_EDIT},
    "goal": {**_needs({"goals": _LOGGED["goals"]}, "goals"), **_EDIT},
    "delete": {"reason": Field(_or_none(_is_text), "text or null"), **_EDIT},
    "restore": _EDIT,
    "policy": _needs(
        {
            "verdict": Field(_one_of("passed", "violated"), '"passed" or "violated"'),
            "violations": _LIST,
            "policy": _TEXT,
            "bypass": Field(_or_none(_is_map), "a map or null"),
        },
        "verdict",
    ),
    "attempt": _needs(
        {
            "session": _SESSION_ID,
            "started": _TIME,
            "previous": _OPTIONAL_SESSION,
            "from_step": Field(_or_none(_is_step), "a step or null"),
            "appended": Field(_one_of(True, False), "true or false"),
            **_LOGGED,
            **_CAPTURED,
        },
        *("session", "started"),
    ),
}
"""Further fields of a run's event, by its ``kind``. An event of another kind is carried and has no effect."""

EXPERIMENT_EVENTS: Mapping[str, Mapping[str, Field]] = {
    "set": {**{name: Field(_or_none(test), f"{what} or null") for name, (test, what) in PROTOCOL.items()}, **_EDIT},
    "archive": _EDIT,
    "unarchive": _EDIT,
}
"""The same of an experiment's events."""

VIEW_EVENTS: Mapping[str, Mapping[str, Field]] = {
    "save": {
        **_needs({"page": Field(_is_name, "a name"), "settings": _MAP, "description": _TEXT}, "page", "settings"),
        **_EDIT,
    },
    "delete": _EDIT,
}
"""The same of the versions of a saved view."""

MODEL_EVENTS: Mapping[str, Mapping[str, Field]] = {
    kind: {**{name: Field(part.test, part.what, part.required) for name, part in parts.items()}, **_EDIT}
    for kind, parts in MODEL_FIELDS.items()
}
"""The same of a registered model's events."""

_KINDS_OF_EVENTS = {"event": EVENTS, "experiment": EXPERIMENT_EVENTS, "view": VIEW_EVENTS, "model": MODEL_EVENTS}


def check_document(kind: str, body: Mapping[str, object]) -> list[str]:
    """Return what is wrong with the fields of a document; nothing when it is sound.

    Args:
        kind: ``run``, ``end``, ``summary``, ``event`` (of a run), ``experiment`` (an event of one), ``view`` (a version
            of one), ``model`` (an event of one) or ``version`` (the facts of one).
        body: The parsed document.

    Returns:
        Sentences such as ``status is "done", not a status a run can end with``.

    Example:
        >>> check_document("event", {"format": 1, "kind": "note"})
        ['text is missing, not text']
    """
    version = body.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        return [f"format is {_shown(version)}, not {FORMAT}"]
    if version > FORMAT:
        return [f"it is of format {version}, which a newer gtrack wrote"]
    events = _KINDS_OF_EVENTS.get(kind, {})
    fields = {**FIELDS[kind], **events.get(str(body.get("kind")), {})}
    # What was measured of a version later are plain numbers.
    summaries = None if kind == "model" else body.get("metrics")
    return [*_wrong_fields(body, fields), *_wrong_summaries(summaries)]


def _wrong_fields(body: Mapping[str, object], fields: Mapping[str, Field]) -> Iterator[str]:
    for name, field in fields.items():
        if name not in body:
            if field.required:
                yield f"{name} is missing, not {field.what}"
        elif not field.test(body[name]):
            yield f"{name} is {_shown(body[name])}, not {field.what}"


def _wrong_summaries(metrics: object) -> Iterator[str]:
    """Say which summaries cannot be read, or contradict themselves."""
    if not isinstance(metrics, Mapping):
        return
    found = ((key, _wrong_summary(entry)) for key, entry in metrics.items())
    wrong = [(key, reason) for key, reason in found if reason is not None]
    for key, reason in wrong[:_MAX_NAMED]:
        yield f"the summary of {_shown(key)} {reason}"
    if len(wrong) > _MAX_NAMED:
        yield f"{len(wrong) - _MAX_NAMED} more summaries cannot be used"


def _wrong_summary(entry: object) -> str | None:
    if not isinstance(entry, Mapping):
        return "is not a map"
    try:
        s = MetricSummary.from_dict(entry)
    except (ValueError, OverflowError) as error:
        return f"cannot be read: {error}"
    known = s.count - s.nan
    if s.count < 1 or not 0 <= s.nan <= s.count or (s.min is None) != (known == 0):
        return f"counts {s.count} values, {s.nan} of them NaN, which cannot be"
    if s.first_step > s.step or (s.min is not None and s.max is not None and s.min > s.max):
        return "contradicts itself"
    return None


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else type(value).__name__ if isinstance(value, dict | list) else value
    return clean(f"{text!s:.60}")
