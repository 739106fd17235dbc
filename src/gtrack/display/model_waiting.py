"""What the registry waits for, in words: approvals, decisions, numbers; each with what to type about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gtrack.display.model_words import conflict_todo, conflict_words, pending_words, quoted
from gtrack.ids import SHORT
from gtrack.model.registry import ModelState
from gtrack.text import clean

__all__ = ["Waiting", "waiting"]

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that a registered model waits for.

    Attributes:
        model: The model's name.
        kind: ``approval``, ``conflict``, ``number``, ``contested`` or ``future``.
        text: What it is, safe to print.
        todo: What to type.
    """

    model: str
    kind: str
    text: str
    todo: str

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {"model": self.model, "kind": self.kind, "text": self.text, "todo": self.todo}


def waiting(states: Iterable[ModelState], *, shared: bool) -> list[Waiting]:
    """Return what registered models wait for, those approvals first that somebody has to give.

    Args:
        states: The models.
        shared: There is a tracking remote, so that versions get their numbers from it.

    Example:
        >>> [each.todo for each in waiting(repo.models(), shared=True)]
        ['gtrack model approve churn/3 production', 'gtrack push']
    """
    order = ("approval", "conflict", "contested", "number", "future")
    found = [each for state in states for each in _of_model(state, shared)]
    return sorted(found, key=lambda each: order.index(each.kind))


def _of_model(state: ModelState, shared: bool) -> Iterator[Waiting]:
    name = clean(state.name)
    for promotion in state.pending:
        version = state.version(promotion.uid)
        typed = quoted(f"{state.name}/~{promotion.uid[:SHORT]}" if version is None else version.name)
        todo = f"gtrack model approve {typed} {promotion.stage.lower()}"
        yield Waiting(state.name, "approval", f"{name}: {pending_words(state, promotion)}", todo)
    for conflict in state.conflicts[:_NAMED]:
        text = f"changed in two clones at the same time: {name} {conflict_words(state, conflict)}"
        yield Waiting(state.name, "conflict", text, conflict_todo(state, conflict))
    for number, uids in list(state.numbers.contested.items())[:_NAMED]:
        both = " and ".join(f"~{uid[:SHORT]}" for uid in uids[:_NAMED])
        yield Waiting(state.name, "contested", f"{name}/{number} is claimed by {both}: it names neither", "gtrack push")
    contested = {uid for uids in state.numbers.contested.values() for uid in uids}
    new = [each for each in state.versions if each.number is None and each.uid not in contested]
    if shared and new:
        shown = " ".join(version.short for version in new[:_NAMED])
        more = f" and {len(new) - _NAMED:,} more" if len(new) > _NAMED else ""
        yield Waiting(state.name, "number", f"{name}: without a number yet: {shown}{more}", "gtrack push")
    if state.future:
        text = f"facts of a time that has not come: model {name}"
        yield Waiting(state.name, "future", text, f"gtrack model show {quoted(state.name)}")
