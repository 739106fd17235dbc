"""What stood before what stands: where a rollback of an alias or of a stage leads."""

from __future__ import annotations

from collections.abc import Iterable

from gtrack.model.registry import ModelState

__all__ = ["before_alias", "before_stage"]


def before_alias(state: ModelState, alias: str) -> str | None:
    """Return the uid that an alias pointed at before the present one; None when nothing did.

    A rollback that follows another goes one further back, and not forth again.

    Args:
        state: The model.
        alias: The alias.
    """
    changes = ((each.uid, each.rollback) for each in state.alias_changes if each.alias == alias)
    return _below(changes, state)


def before_stage(state: ModelState, stage: str) -> str | None:
    """Return the uid that was in a stage before the present one; None when nothing was.

    Args:
        state: The model.
        stage: The stage.
    """
    changes = ((each.uid, each.rollback) for each in state.stage_changes if each.stage == stage)
    return _below(changes, state)


def _below(changes: Iterable[tuple[str | None, bool]], state: ModelState) -> str | None:
    stack: list[str | None] = []
    for uid, rollback in changes:
        if rollback and uid in stack:
            del stack[stack.index(uid) + 1 :]
        else:
            # A version that comes again is the newest: what it was before that is no place to go back to.
            stack = [each for each in stack if each != uid]
            stack.append(uid)
    usable = {version.uid for version in state.versions}
    return next((uid for uid in reversed(stack[:-1]) if uid in usable), None)
