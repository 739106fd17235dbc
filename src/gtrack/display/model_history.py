"""A registered model's audit trail: each thing that happened as a sentence, for the terminal and the dashboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gtrack.display.model_words import named, people
from gtrack.display.words import plural, value_text
from gtrack.ids import SHORT
from gtrack.model.registry import ModelState
from gtrack.model.registry_history import Entry
from gtrack.text import clean

__all__ = ["remarks", "sentence"]

_LONGEST = 500
_VIOLATIONS = 5


def sentence(state: ModelState, entry: Entry) -> str:
    """Return what happened, in a line; who did it, when and why stand beside it.

    Args:
        state: The model.
        entry: A line of its history.

    Example:
        >>> [sentence(state, entry) for entry in state.history][-1]
        'approved v3 for Production: v3 is in Production, v2 is archived'
    """
    return _sentence(state, entry)[:_LONGEST]


def remarks(entry: Entry) -> list[str]:
    """Return why something was done, and what the policy said to it where it was passed over.

    Args:
        entry: A line of a model's history.
    """
    out = [f'"{clean(entry.reason)[:_LONGEST]}"'] if entry.reason else []
    if entry.bypass is not None:
        out.append(f"the policy was passed over: {value_text(entry.bypass.get('reason'))[:_LONGEST]}")
        violations = entry.bypass.get("violations")
        for each in (violations if isinstance(violations, list) else [])[:_VIOLATIONS]:
            if isinstance(each, Mapping):
                said = f"{value_text(each.get('rule'))}: {value_text(each.get('message'))}"
                out.append(f"  {said[:_LONGEST]}")
    return out


def _sentence(state: ModelState, entry: Entry) -> str:
    write = _SENTENCES.get(entry.kind)
    return clean(entry.kind) if write is None else write(state, entry)


def _about(state: ModelState, entry: Entry) -> str:
    """Return the version that something was said of, or the model as a whole."""
    return "the model" if entry.version is None else named(state, entry.version)


def _registered(state: ModelState, entry: Entry) -> str:
    path = value_text(entry.said.get("path"))
    return f"registered {named(state, entry.version)} from {_run(entry.said.get('run'))}{path}{_gate(entry.said)}"


def _approval(state: ModelState, entry: Entry) -> str:
    word = "approved" if entry.said.get("verdict") == "approve" else "rejected"
    stage = value_text(entry.said.get("stage"))
    return f"{word} {named(state, entry.version)} for {stage}{_came_of(state, entry)}"


def _described(state: ModelState, entry: Entry) -> str:
    text, about = entry.said.get("description"), _about(state, entry)
    return f"described {about}: {value_text(text)}" if text else f"took away the description of {about}"


def _number(state: ModelState, entry: Entry) -> str:
    number, disputed = (value_text(entry.said.get(key)) for key in ("number", "instead_of"))
    stands, other = named(state, entry.said.get("stands")), named(state, entry.version)
    return f"two versions claimed number {disputed}: {stands} keeps it, {other} has {number}"


def _run(run: object) -> str:
    return f"{clean(run)[:SHORT]}/" if isinstance(run, str) else ""


def _gate(said: Mapping[str, object]) -> str:
    gate = said.get("gate")
    if not isinstance(gate, Mapping):
        return ""
    return f" (gate {value_text(gate.get('condition'))}: {value_text(gate.get('verdict'))})"


def _alias(state: ModelState, entry: Entry) -> str:
    alias, before = value_text(entry.said.get("alias")), entry.outcome.get("before")
    was = f" (it was {named(state, before)})" if isinstance(before, str) and before != entry.version else ""
    if entry.version is None:
        return f"took away {alias}{was}"
    again = " again" if entry.said.get("rollback") is True else ""
    head = "rolled back: " if again else ""
    return f"{head}{alias} is {named(state, entry.version)}{again}{was}"


def _stage(state: ModelState, entry: Entry) -> str:
    version, stage = named(state, entry.version), value_text(entry.said.get("stage"))
    if entry.outcome.get("pending"):
        needs, approved = entry.outcome.get("needs"), entry.outcome.get("approved")
        count = (needs if isinstance(needs, int) else 1) - (len(approved) if isinstance(approved, list) else 0)
        return f"asked for {version} to come into {stage}: {plural(max(1, count), 'approval')} to wait for"
    if entry.said.get("rollback") is True:
        return f"rolled back: {version} is in {stage} again{_archived(state, entry)}"
    approved = entry.outcome.get("approved")
    by = f" (approved by {people(approved)})" if isinstance(approved, list) and approved else ""
    kept = ", what was there stays" if entry.said.get("keep") is True else ""
    return f"promoted {version} to {stage}{by}{_archived(state, entry)}{kept}"


def _came_of(state: ModelState, entry: Entry) -> str:
    """Return what an approval or a rejection brought about."""
    if entry.outcome.get("ended"):
        return ": the promotion ended"
    if entry.outcome.get("effective"):
        version, stage = named(state, entry.version), value_text(entry.said.get("stage"))
        return f": {version} is in {stage}{_archived(state, entry)}"
    if entry.outcome.get("pending"):
        needs, approved = entry.outcome.get("needs"), entry.outcome.get("approved")
        if isinstance(needs, int) and isinstance(approved, list):
            return f": {len(approved):,} of {plural(needs, 'approval')}"
    return ""


def _archived(state: ModelState, entry: Entry) -> str:
    gone = entry.outcome.get("archived")
    if not isinstance(gone, list) or not gone:
        return ""
    names = ", ".join(named(state, uid) for uid in gone[:_VIOLATIONS])
    return f", {names} {'is' if len(gone) == 1 else 'are'} archived"


def _assigned(values: object) -> str:
    if not isinstance(values, Mapping):
        return "-"
    parts = [
        f"{clean(str(key))} taken away" if value is None else f"{clean(str(key))}={value_text(value)}"
        for key, value in values.items()
    ]
    return ", ".join(parts)


_SENTENCES: Mapping[str, Callable[[ModelState, Entry], str]] = {
    "registered": _registered,
    "alias": _alias,
    "stage": _stage,
    "approval": _approval,
    "note": lambda state, entry: f"note on {_about(state, entry)}: {value_text(entry.said.get('text'))}",
    "deployed": lambda state, entry: f"deployed {_about(state, entry)} at {value_text(entry.said.get('endpoint'))}",
    "metrics": lambda state, entry: f"measured {_about(state, entry)}: {_assigned(entry.said.get('metrics'))}",
    "tag": lambda state, entry: f"tagged {_about(state, entry)}: {_assigned(entry.said.get('tags'))}",
    "describe": _described,
    "delete": lambda state, entry: f"deleted {_about(state, entry)}",
    "restore": lambda state, entry: f"restored {_about(state, entry)}",
    "number": _number,
}
