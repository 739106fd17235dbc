"""Runs that need somebody's look: lost ones, those that were resumed or edited at two places, those of another time."""

from __future__ import annotations

import streamlit as st

from gtrack._app.reading import Reading
from gtrack._app.run_columns import RunColumn, columns_of
from gtrack._app.run_list import run_list
from gtrack._app.safe import cell
from gtrack._app.screens.health.sharing import sharing_of
from gtrack.index.query import Query
from gtrack.model.state import RunState
from gtrack.ops.sharing_state import SharingState

__all__ = ["reasons", "unsettled"]

_MOST = 100


def reasons(state: SharingState) -> dict[str, str]:
    """Return the ids of the runs that need a look, each with why.

    Args:
        state: Where the clone stands.
    """
    found: dict[str, list[str]] = {}
    for why, ids in (
        ("not heard of for long", state.lost),
        ("resumed twice from the same point", state.forks),
        ("has facts of a time that has not come", state.future),
    ):
        for run_id in ids:
            found.setdefault(run_id, []).append(why)
    for run_id, what in state.concurrent:
        found.setdefault(run_id, []).append(f"edited in two clones at the same time: {what}")
    return {run_id: "; ".join(why) for run_id, why in found.items()}


def unsettled(now: Reading) -> None:
    """Show the runs that need a look, where there are any."""
    found = reasons(sharing_of(now))
    if not found:
        return
    st.subheader("Runs that need a look", anchor=False)
    ids = tuple(found)[:_MOST]

    def read() -> list[RunState]:
        states = now.repo.facts(Query(deleted=None)).states(ids)
        return [states[run_id] for run_id in ids if run_id in states]

    runs = now.kept("health.runs", ids, read)
    why = RunColumn(" why", "why", "text", [cell(found[run.id], 200) for run in runs])
    run_list("health.runs", runs, [why, *columns_of(["status", "started", "author"], runs)])
    if len(found) > len(ids):
        st.caption(f"and {len(found) - len(ids):,} more")
