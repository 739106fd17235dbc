"""Registered versions in words: what they are called, where they stand, what waits, what two clones disagree about."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from gtrack.display.words import plural
from gtrack.ids import SHORT
from gtrack.model.registered import Promotion, Version
from gtrack.model.registry import ModelState
from gtrack.model.registry_conflicts import Conflict
from gtrack.text import clean

__all__ = ["called", "conflict_todo", "conflict_words", "named", "pending_words", "people", "quoted", "standing", "who"]

_MOST = 5


def who(author: str) -> str:
    """Return a person's name, as safe text.

    Example:
        >>> who("Ada L <ada@example.org>")
        'Ada L'
    """
    return clean(author.partition(" <")[0]) or "somebody"


def people(authors: Sequence[object]) -> str:
    """Return the names of people: ``Ada L and Ben``."""
    names = [who(str(author)) for author in authors[:_MOST]]
    names += [f"{len(authors) - _MOST:,} more"] if len(authors) > _MOST else []
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def called(version: Version) -> str:
    """Return what a version is called among those of its model: ``v3``, ``v1 (local)`` or ``~9c1d7b6``.

    Args:
        version: The version.
    """
    return version.short if version.label == version.short else f"v{version.label}"


def named(state: ModelState, uid: object) -> str:
    """Return what the version of a uid is called; one that is not here by the first digits of its uid.

    Args:
        state: The model.
        uid: The version; no version where it is no text.
    """
    if not isinstance(uid, str):
        return "no version"
    version = state.version(uid)
    return f"~{clean(uid)[:SHORT]}" if version is None else called(version)


def quoted(text: str) -> str:
    """Return a name so that it can be typed into a shell, and is safe to print."""
    return clean(shlex.quote(text))


def standing(version: Version) -> str:
    """Return where a version stands: its stage, and what it waits for.

    Example:
        >>> standing(version)
        'Staging, Production waits for 1 of 2 approvals'
    """
    waiting = version.pending
    if waiting is None:
        return version.stage
    missing = max(1, waiting.needs - len(waiting.approved))
    said = f"{waiting.stage} waits for {missing:,} of {plural(waiting.needs, 'approval')}"
    return said if version.stage == "None" else f"{version.stage}, {said}"


def pending_words(state: ModelState, promotion: Promotion) -> str:
    """Return what a promotion waits for, and who has approved of it so far.

    Args:
        state: The model.
        promotion: The promotion.

    Example:
        >>> pending_words(state, state.pending[0])
        'v3 to Production, asked for by Ada L, waits for 1 approval'
    """
    missing = max(1, promotion.needs - len(promotion.approved))
    more = " more" if promotion.approved else ""
    said = f"{named(state, promotion.uid)} to {promotion.stage}, asked for by {who(promotion.author)}"
    approved = f" (approved by {people(promotion.approved)})" if promotion.approved else ""
    return f"{said}, waits for {missing:,}{more} approval{'' if missing == 1 else 's'}{approved}"


def conflict_words(state: ModelState, conflict: Conflict) -> str:
    """Return what was changed in two clones at the same time, by whom, and which choice stands meanwhile.

    Args:
        state: The model.
        conflict: What they disagree about.

    Example:
        >>> conflict_words(state, state.conflicts[0])
        'alias champion: v3 by Ada L, v4 by Ben; the last one stands meanwhile'
    """
    sides = [f"{_choice(state, choice.value)} by {who(choice.author)}" for choice in conflict.choices]
    return f"{clean(conflict.what)}: {', '.join(sides)}; the last one stands meanwhile"


def conflict_todo(state: ModelState, conflict: Conflict) -> str:
    """Return what to type to settle a conflict.

    Args:
        state: The model.
        conflict: What they disagree about.
    """
    name = quoted(state.name)
    kind, _, about = conflict.what.partition(" ")
    short, _, stage = about.partition(" ")
    words = {
        "alias": f"alias {name} {quoted(about)} VERSION",
        "stage": f"promote {name}/VERSION {clean(about).lower()}",
        "version": f"promote {_typed(state, short)} STAGE",
        "approval": f"approve {_typed(state, short)} {clean(stage).lower()}",
        "deletion": f"restore {_typed(state, short)}",
        "description": f"describe {_typed(state, short)} TEXT",
    }
    return f"gtrack model {words.get(kind) or f'tag {name} KEY=VALUE'}"


def _choice(state: ModelState, value: object) -> str:
    if value is None:
        return "taken away"
    text = str(value)
    return clean(text) if state.version(text) is None else named(state, text)


def _typed(state: ModelState, short: str) -> str:
    """Return what to type for the version whose uid begins so, or for the model where none is named."""
    found = [version for version in state.every if short and version.uid.startswith(short)]
    return quoted(found[0].name if len(found) == 1 else f"{state.name}/~{short}" if short else state.name)
