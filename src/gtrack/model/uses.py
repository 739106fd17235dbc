"""Which runs were made from which: the edges that ``uses`` draws, and walking along them.

What stands under ``uses`` of a run is not trusted: it may name anything, runs that name each other included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from gtrack.ids import is_run_id

__all__ = ["Edge", "Graph", "Step", "edges_of"]

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_MOST_EDGES = 10_000
"""Edges of one run that count: a run with more of them was not written by gtrack."""


class Edge(NamedTuple):
    """One run used an artifact of another.

    Attributes:
        user: The run that used it.
        run: The run that made it.
        path: The artifact's path there; empty where it is not told.
        digest: The SHA-256 of its content; empty where it is not told.
    """

    user: str
    run: str
    path: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A run on the way.

    Attributes:
        run: Its id.
        edges: Those that lead to it from the run above; none for the run at which the way begins.
        lasts: For it and each run above, but the first: whether it is the last one below its own.
        again: It stands elsewhere on the way already, and what comes after it is shown there.
        more: How many runs after it are left out because the way is long enough.
    """

    run: str
    edges: tuple[Edge, ...] = ()
    lasts: tuple[bool, ...] = ()
    again: bool = False
    more: int = 0


def edges_of(user: str, uses: object) -> Iterator[Edge]:
    """Yield the edges that a run's ``uses`` draw; what is not one is passed over.

    Args:
        user: The run's id.
        uses: What stands under ``uses``.

    Example:
        >>> list(edges_of("3f2a...", [{"run": "81c0...", "path": "model.pkl"}]))
        [Edge(user='3f2a...', run='81c0...', path='model.pkl', digest='')]
    """
    for item in uses[:_MOST_EDGES] if isinstance(uses, list | tuple) else ():
        if not isinstance(item, Mapping):
            continue
        run, path, digest = item.get("run"), item.get("path"), item.get("sha256")
        if isinstance(run, str) and is_run_id(run):
            sound = isinstance(digest, str) and _DIGEST.match(digest)
            yield Edge(user, run, path if isinstance(path, str) else "", str(digest) if sound else "")


class Graph:
    """All edges between some runs.

    Args:
        edges: The edges, in any order.
    """

    def __init__(self, edges: Iterable[Edge]) -> None:
        self._above: dict[str, list[Edge]] = {}
        self._below: dict[str, list[Edge]] = {}
        for edge in sorted(set(edges)):
            self._above.setdefault(edge.user, []).append(edge)
            self._below.setdefault(edge.run, []).append(edge)

    def above(self, run: str) -> Sequence[Edge]:
        """Return the edges to what a run was made from."""
        return self._above.get(run, ())

    def below(self, run: str) -> Sequence[Edge]:
        """Return the edges to what was made from a run."""
        return self._below.get(run, ())

    def walk(self, start: str, *, up: bool, path: str | None = None, most: int = 1000) -> list[Step]:
        """Return the runs above or below one, each with what follows it right after; every run is followed once.

        Args:
            start: The run at which the way begins; it is the first step.
            up: To what it was made from; else to what was made from it.
            path: Of the edges that leave ``start`` downwards, only those of this artifact.
            most: How many steps there are at most.
        """
        neighbours = self.above if up else self.below
        end: Callable[[Edge], str] = attrgetter("run" if up else "user")
        steps: list[Step] = []
        followed: set[str] = set()
        # Not by recursion: a chain may be deeper than the stack.
        waiting = [Step(start)]
        while waiting and len(steps) < most:
            step = waiting.pop()
            again = step.run in followed
            steps.append(Step(step.run, step.edges, step.lasts, again))
            if again:
                continue
            followed.add(step.run)
            only = None if up or step.run != start else path
            next_runs = _by_run((e for e in neighbours(step.run) if only in (None, e.path)), end)
            count = len(next_runs)
            following = [
                Step(run, tuple(edges), (*step.lasts, at == count - 1)) for at, (run, edges) in enumerate(next_runs)
            ]
            room = most - len(steps) - len(waiting)
            if count > room:
                steps[-1] = Step(step.run, step.edges, step.lasts, more=count - max(0, room))
                following = following[: max(0, room)]
            waiting += reversed(following)
        return steps


def _by_run(edges: Iterable[Edge], end: Callable[[Edge], str]) -> list[tuple[str, list[Edge]]]:
    """Return edges by the run at their other end, in the order of first mention."""
    out: dict[str, list[Edge]] = {}
    for edge in edges:
        out.setdefault(end(edge), []).append(edge)
    return list(out.items())
