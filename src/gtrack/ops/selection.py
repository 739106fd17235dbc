"""Selectors: which run somebody means by an id, an age, a name or a git revision."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gtrack.clock import iso
from gtrack.errors import AmbiguousError, NotFoundError
from gtrack.index.query import Query, sort_states

if TYPE_CHECKING:
    from gtrack.ops.view import View

__all__ = ["select"]

_PREFIX = re.compile(r"[0-9a-f]{4,32}\Z")
_LAST = re.compile(r"last(?:~(\d{1,9}))?\Z")
_CANDIDATES = 10


def select(view: View, selector: str) -> str:
    """Return the id of the run that a selector names; see :meth:`gtrack.ops.view.View.select`."""
    kind, _, rest = selector.partition(":")
    forced = kind if rest and kind in ("run", "name", "rev") else None
    text = rest if forced else selector
    for way in [forced] if forced else _WAYS:
        found = _WAYS[way](view, text)
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            raise _ambiguous(view, selector, found)
    raise NotFoundError(f"no run {selector!r:.80}", hint="gtrack ls")


def _by_id(view: View, text: str) -> list[str]:
    return view.ids(text) if _PREFIX.match(text) else []


def _by_age(view: View, text: str) -> list[str]:
    match = _LAST.match(text)
    if match is None:
        return []
    found = view.find(Query(limit=1, offset=int(match[1] or 0)))
    if not found.runs:
        total = view.find(Query(limit=1)).total
        raise NotFoundError(f"there are {total} runs, so no {text}", hint="gtrack ls")
    return [found.runs[0].id]


def _by_name(view: View, text: str) -> list[str]:
    named = view.named(text)
    # A deleted run does not stand in the way of one that took its name.
    return [state.id for state in named if not state.deleted] or [state.id for state in named]


def _by_revision(view: View, text: str) -> list[str]:
    """The latest run of a commit."""
    if view.repo.git is None or not text or text.startswith("-") or "\0" in text:
        return []
    done = view.repo.git.call(
        ["rev-parse", "--verify", "--quiet", "--end-of-options", text + "^{commit}"],
        git_dir=view.repo.paths.git_dir,
    )
    commit = done.stdout.decode().strip()
    if done.returncode or not commit:
        return []
    return [state.id for state in sort_states(view.of_code(commit), ())][:1]


_WAYS: Mapping[str, Callable[[View, str], list[str]]] = {
    "run": _by_id,
    "last": _by_age,
    "name": _by_name,
    "rev": _by_revision,
}
"""What a selector may be, in the order in which it is taken to be one."""


def _ambiguous(view: View, selector: str, found: list[str]) -> AmbiguousError:
    shown = [view.state(run_id) for run_id in found[:_CANDIDATES]]
    lines = [f"{s.id[:12]}  {s.name:.40}  {iso(s.started)[:19] if s.started else ''}" for s in shown]
    more = [f"and {len(found) - _CANDIDATES} more"] if len(found) > _CANDIDATES else []
    return AmbiguousError(
        f"{selector!r:.80} names {len(found)} runs:\n  " + "\n  ".join(lines + more),
        hint=f"gtrack show {found[0][:12]}",
    )
