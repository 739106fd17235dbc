"""Which version a name means: never a guess where a number is not claimed yet, or an alias was moved twice at once."""

from __future__ import annotations

from gtrack.errors import AmbiguousError, ConflictError, NotFoundError
from gtrack.ids import SHORT
from gtrack.model.registered import Version
from gtrack.model.registry import ModelState
from gtrack.model.registry_conflicts import Conflict
from gtrack.model.version_name import VersionName

__all__ = ["pick"]

_NAMED = 5


def pick(state: ModelState, name: VersionName, *, deleted: bool = False, settled: bool = True) -> Version:
    """Return the version that a name means.

    Args:
        state: The model.
        name: The name, as it was typed.
        deleted: A deleted version will do.
        settled: Refuse what was changed at the same time and differently; else what stands meanwhile is returned.

    Raises:
        NotFoundError: There is no such version, or it has no number yet; the message says what to type.
        AmbiguousError: It means several.
        ConflictError: Two versions claim the number, or two clones moved the alias or the stage at once.

    Example:
        >>> pick(state, parse_name("churn@champion")).label
        '3'
    """
    if name.alias is not None:
        found = _aliased(state, name.alias, settled=settled)
    elif name.stage is not None:
        found = _staged(state, name.stage, settled=settled)
    elif name.uid is not None:
        found = _of_uid(state, name.uid)
    elif name.latest:
        found = _latest(state)
    else:
        found = _numbered(state, name.number or 0)
    if found.deleted and not deleted:
        raise NotFoundError(f"{name} was deleted", hint=f"gtrack model restore {found.name}")
    return found


def _aliased(state: ModelState, alias: str, *, settled: bool) -> Version:
    conflict = state.conflict(f"alias {alias}")
    if conflict is not None and settled:
        raise _disputed(state, f"{state.name}@{alias}", conflict, f"gtrack model alias {state.name} {alias} VERSION")
    uid = state.aliases.get(alias)
    if uid is None:
        there = ", ".join(list(state.aliases)[:_NAMED])
        raise NotFoundError(
            f"{state.name} has no alias {alias!r:.80}" + (f"; it has {there}" if there else ""),
            hint=f"gtrack model alias {state.name} {alias} VERSION",
        )
    return _here(state, uid, f"{state.name}@{alias}")


def _staged(state: ModelState, stage: str, *, settled: bool) -> Version:
    conflict = state.conflict(f"stage {stage}")
    if conflict is not None and settled:
        raise _disputed(state, f"{state.name}/{stage}", conflict, f"gtrack model promote VERSION {stage}")
    there = state.in_stage(stage)
    if not there:
        waiting = next((each for each in state.pending if each.stage == stage), None)
        if waiting is not None:
            version = _here(state, waiting.uid, state.name)
            raise NotFoundError(
                f"no version of {state.name} is in {stage}: {version.name} waits for approval",
                hint=f"gtrack model approve {version.name} {stage}",
            )
        raise NotFoundError(
            f"no version of {state.name} is in {stage}", hint=f"gtrack model promote {state.name}/N {stage}"
        )
    if len(there) > 1:
        named = ", ".join(version.name for version in there[:_NAMED])
        raise AmbiguousError(f"{len(there)} versions of {state.name} are in {stage}: {named}", hint="name one of them")
    return there[0]


def _of_uid(state: ModelState, prefix: str) -> Version:
    found = [version for version in state.every if version.uid.startswith(prefix)]
    if not found:
        raise NotFoundError(f"{state.name} has no version ~{prefix}", hint=_pull(state))
    if len(found) > 1:
        named = ", ".join(f"~{version.uid[:12]}" for version in found[:_NAMED])
        raise AmbiguousError(f"{len(found)} versions of {state.name} begin with {prefix}: {named}")
    return found[0]


def _latest(state: ModelState) -> Version:
    if state.latest is not None:
        return state.latest
    waiting = _waiting(state)
    if waiting is None:
        raise NotFoundError(f"{state.name} has no versions", hint=f"gtrack model register RUN/PATH {state.name}")
    raise _unnumbered(state, f"no version of {state.name} has a number yet", waiting)


def _numbered(state: ModelState, number: int) -> Version:
    found = state.numbered(number)
    if found is not None:
        return found
    claimants = state.numbers.contested.get(number)
    if claimants:
        named = " and ".join(f"{state.name}/~{uid[:SHORT]}" for uid in claimants)
        raise ConflictError(
            f"{state.name}/{number} is claimed by {len(claimants)} versions, so it names none: {named}",
            hint="gtrack push settles it; until then name one of them",
        )
    void = next((version for version in state.every if number in version.claimed), None)
    if void is not None:
        raise NotFoundError(f"{state.name}/{number} is void: the version it was claimed for is {void.name}")
    waiting = _waiting(state)
    what = f"{state.name} has no version {number}"
    if waiting is not None:
        raise _unnumbered(state, what, waiting)
    known = [str(version.number or version.local) for version in state.versions if version.number or version.local]
    there = ", ".join(known[-_NAMED:])
    raise NotFoundError(what + (f"; it has {there}" if there else ""), hint=_pull(state))


def _here(state: ModelState, uid: str, named: str) -> Version:
    found = state.version(uid)
    if found is None:
        raise NotFoundError(f"{named} is version ~{uid[:SHORT]}, which is not here", hint=_pull(state))
    return found


def _waiting(state: ModelState) -> Version | None:
    """Return the newest version that has no number yet."""
    return next((version for version in reversed(state.versions) if version.name.endswith(version.short)), None)


def _unnumbered(state: ModelState, what: str, waiting: Version) -> NotFoundError:
    return NotFoundError(what, hint=f"gtrack push claims its number; until then it is {state.name}/{waiting.short}")


def _disputed(state: ModelState, named: str, conflict: Conflict, hint: str) -> ConflictError:
    sides = []
    for choice in conflict.choices:
        version = state.version(choice.value) if isinstance(choice.value, str) else None
        shown = "no version" if choice.value is None else version.name if version is not None else str(choice.value)
        sides.append(f"{shown} by {choice.author or 'somebody'}")
    return ConflictError(
        f"{named} was changed in two clones at the same time: {' and '.join(sides)}"[:500],
        hint=f"{hint} settles it",
    )


def _pull(state: ModelState) -> str:
    return f"gtrack pull, then gtrack model show {state.name}"
