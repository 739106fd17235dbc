"""What runs were made from, and what was made from them: the edges that :func:`gtrack.use_artifact` draws."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtrack.errors import AmbiguousError, NotFoundError
from gtrack.index.store import Store
from gtrack.model.uses import Edge, Graph, Step, edges_of
from gtrack.ops.collecting import without_collection

if TYPE_CHECKING:
    from gtrack.model.state import RunState
    from gtrack.ops.view import View

__all__ = ["Lineage", "edges", "find", "lineage"]

_LONGEST = 4096
_MOST_PARTS = 32

_MAY_NAME = """SELECT r.id, d.body FROM document d JOIN run r USING (run) WHERE instr(d.body, '"run":"')"""
"""Documents that may name a run: of most runs nothing has to be read."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a run was made from, and what was made from it.

    Attributes:
        run: The run's id.
        path: The artifact that was asked for, or None for the run as a whole.
        up: The runs it was made from, each followed by what that was made from, itself first; None where not asked for.
        down: The runs that were made from it, likewise.
        states: What is known of them, by id; a run that is not here is missing.
    """

    run: str
    path: str | None = None
    up: tuple[Step, ...] | None = None
    down: tuple[Step, ...] | None = None
    states: Mapping[str, RunState] = field(default_factory=dict)

    @property
    def edges(self) -> list[Edge]:
        """Every edge on the way, once."""
        return sorted({edge for step in (*(self.up or ()), *(self.down or ())) for edge in step.edges})

    def to_dict(self) -> dict[str, object]:
        """Return the lineage as runs and edges."""
        ids = dict.fromkeys([self.run, *(step.run for step in (*(self.up or ()), *(self.down or ())))])
        return {
            "run": self.run,
            "path": self.path,
            "runs": [self._node(run_id) for run_id in ids],
            "uses": [
                {"run": edge.user, "uses": edge.run, "path": edge.path or None, "sha256": edge.digest or None}
                for edge in self.edges
            ],
        }

    def _node(self, run_id: str) -> dict[str, object]:
        state = self.states.get(run_id)
        if state is None:
            return {"id": run_id, "missing": True}
        return {
            "id": run_id,
            "name": state.name,
            "experiment": state.experiment,
            "status": state.status,
            "code": {key: state.code[key] for key in ("commit", "branch", "dirty", "snapshot") if key in state.code},
            "data": [dict(item) for item in state.data if isinstance(item, Mapping)],
            **({"deleted": True} if state.deleted else {}),
        }


def lineage(
    view: View, run_id: str, path: str | None = None, *, up: bool = True, down: bool = True, most: int = 1000
) -> Lineage:
    """Return what a run, or one of its artifacts, was made from and what was made from it.

    Args:
        view: Where the runs are.
        run_id: The run.
        path: One of its artifacts: below it stand the runs that used this one.
        up: Look for what it was made from.
        down: Look for what was made from it.
        most: How many runs are shown in each direction.

    Example:
        >>> [step.run for step in lineage(view, run_id).up]
        ['3f2a9c1d7b6e4a508c2f9e0d1a7b3c55', '81c0e77b...']
    """
    graph = Graph(edges(view))
    ways = [
        tuple(graph.walk(run_id, up=way, path=path, most=most)) if asked else None
        for way, asked in ((True, up), (False, down))
    ]
    ids = sorted({step.run for way in ways for step in way or ()})
    return Lineage(run_id, path, ways[0], ways[1], _states(view, ids))


def find(view: View, text: str) -> tuple[str, str | None]:
    """Return the run, and the path of its artifact where one is named, that ``RUN`` or ``RUN/PATH`` means.

    A name or a revision may hold slashes: the run is the shortest beginning, up to a slash, that names one; the whole
    text comes first.

    Args:
        view: Where the runs are.
        text: What somebody typed.

    Raises:
        NotFoundError: No beginning names a run.
        AmbiguousError: The first that names any names several.

    Example:
        >>> find(view, "last/plots/roc.png")
        ('3f2a9c1d7b6e4a508c2f9e0d1a7b3c55', 'plots/roc.png')
    """
    ends = [at for at, char in enumerate(text[:_LONGEST]) if char == "/"][:_MOST_PARTS]
    if not ends:
        return view.select(text), None
    for end in (len(text), *ends):
        try:
            return view.select(text[:end]), text[end + 1 :] or None
        except AmbiguousError:
            raise
        except NotFoundError:
            continue
    raise NotFoundError(f"no run {text!r:.80}", hint="gtrack ls; an artifact is named RUN/PATH")


def edges(view: View) -> list[Edge]:
    """Return every edge between runs, without reading the documents of those that use nothing."""
    live = frozenset(view.live_ids)
    found: list[Edge] = []
    if view.index is not None:
        with without_collection():
            rows = view.ask(_rows)
        found += [edge for run_id, uses in rows if run_id not in live for edge in edges_of(run_id, uses)]
    return [*found, *(edge for state in view.unindexed() for edge in edges_of(state.id, state.uses))]


def _rows(store: Store) -> list[tuple[str, object]]:
    with store.reading() as db:
        rows = db.execute(_MAY_NAME).fetchall()
    try:
        return [(run_id, json.loads(body)[4][4]) for run_id, body in rows]
    except (ValueError, LookupError, TypeError) as error:
        raise sqlite3.DatabaseError(f"a document in the index makes no sense: {error}") from None


def _states(view: View, ids: list[str]) -> dict[str, RunState]:
    live = frozenset(view.live_ids)
    wanted = [run_id for run_id in ids if run_id not in live]
    if view.index is None:
        known = set(view.run_ids)
        return {run_id: view.state(run_id) for run_id in ids if run_id in known}
    states = view.ask(lambda store: store.states_of(wanted))
    return {state.id: state for state in [*states, *(view.state(run_id) for run_id in ids if run_id in live)]}
