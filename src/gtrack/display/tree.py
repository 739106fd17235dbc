"""Runs as a tree: children under their parents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gtrack.model.state import RunState

__all__ = ["Row", "tree_rows"]

_DEEPEST = 1000
_Fetch = Callable[[Sequence[str]], Iterable[RunState]]


@dataclass(frozen=True, slots=True)
class Row:
    """A run in the tree.

    Attributes:
        run: The run.
        matched: It was asked for; one that was not is there because a child was.
        lasts: For it and each ancestor below the root, from the top: whether it is the last child of its parent.
    """

    run: RunState
    matched: bool = True
    lasts: tuple[bool, ...] = ()

    @property
    def depth(self) -> int:
        """How many ancestors are in view."""
        return len(self.lasts)

    @property
    def place(self) -> dict[str, object]:
        """What JSON says of the run's place."""
        return {"depth": self.depth, "matched": self.matched}


def tree_rows(matches: Sequence[RunState], fetch: _Fetch) -> list[Row]:
    """Return runs with their ancestors, parents before children.

    Siblings stand in the order of the matches, an ancestor where its first matching descendant does. A run whose
    parent cannot be found, or is its own descendant, stands at the top.

    Args:
        matches: The runs that were asked for.
        fetch: Returns the runs of some ids, as far as there are any.
    """
    known = {run.id: run for run in matches}
    _add_ancestors(known, fetch)
    children: dict[str | None, list[str]] = {}
    placed: set[str] = set()
    for run in matches:
        _place(run.id, known, placed, children)
    wanted = {run.id for run in matches}
    rows: list[Row] = []
    waiting: list[tuple[str, tuple[bool, ...]]] = [(top, ()) for top in reversed(children.get(None, []))]
    while waiting:  # not by recursion: a chain may be deeper than the stack
        run_id, lasts = waiting.pop()
        rows.append(Row(known[run_id], run_id in wanted, lasts))
        below = children.get(run_id, [])
        waiting += reversed([(child, (*lasts, i == len(below) - 1)) for i, child in enumerate(below)])
    return rows


def _add_ancestors(known: dict[str, RunState], fetch: _Fetch) -> None:
    """Add the parents of runs, and theirs; a level at a time, since each has to be asked for."""
    tried: set[str] = set()
    for _ in range(_DEEPEST):
        missing = {run.parent for run in known.values() if run.parent} - known.keys() - tried
        if not missing:
            return
        tried |= missing
        known.update((run.id, run) for run in fetch(sorted(missing)))


def _place(run_id: str, known: Mapping[str, RunState], placed: set[str], children: dict[str | None, list[str]]) -> None:
    """Put a run and its ancestors under their parents, unless they are there already."""
    chain: list[str] = []
    parent: str | None = run_id
    while parent is not None and parent in known and parent not in placed:
        placed.add(parent)
        chain.append(parent)
        parent = known[parent].parent
    over = parent if parent in placed and parent not in chain else None
    for each in reversed(chain):
        children.setdefault(over, []).append(each)
        over = each
