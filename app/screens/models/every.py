"""All registered models at a glance: what is in service, what aliases point at, what waits for somebody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import grid, html_table
from gtrack._app.link import Link
from gtrack._app.reading import Reading
from gtrack._app.run_list import button_text
from gtrack._app.safe import cell
from gtrack._app.screens.models.waiting import waiting_table
from gtrack.display.model_waiting import waiting
from gtrack.display.model_words import called, named, who
from gtrack.display.words import plural
from gtrack.model.registry import ModelState

__all__ = ["models_table", "show_models"]

_MOST = 1000
_KEY = "models.every"


def models_table(states: Sequence[ModelState]) -> pa.Table:
    """Return the models as a table, a row each."""

    def there(state: ModelState, stage: str) -> str:
        return ", ".join(called(version) for version in state.in_stage(stage))

    def latest(state: ModelState) -> str:
        newest = state.latest or (state.versions[-1] if state.versions else None)
        return "" if newest is None else called(newest)

    def aliases(state: ModelState) -> str:
        return ", ".join(f"{alias} {named(state, uid)}" for alias, uid in state.aliases.items())

    text, whole = pa.string(), pa.int64()
    return pa.table(
        {
            " model": pa.array([button_text(state.name) for state in states], text),
            "production": pa.array([there(state, "Production") for state in states], text),
            "staging": pa.array([there(state, "Staging") for state in states], text),
            "aliases": pa.array([cell(aliases(state), 200) for state in states], text),
            "latest": pa.array([latest(state) for state in states], text),
            "approvals": pa.array([len(state.pending) or None for state in states], whole),
            "conflicts": pa.array([_conflicts(state) or None for state in states], whole),
            "updated": pa.array([state.updated for state in states], pa.timestamp("us", tz="UTC")),
            "by": pa.array([cell(who(state.author), 60) for state in states], text),
            "about": pa.array([cell(state.description or "", 200) for state in states], text),
        }
    )


def show_models(now: Reading, link: Link, states: Sequence[ModelState]) -> None:
    """Show the models; a click on one opens it. What waits for somebody comes first."""
    waiting_table(waiting(states, shared=now.repo.repository.remote is not None))
    seen = states[:_MOST]
    table = models_table(seen)
    if link["plain"]:
        html_table(table, alt=plural(len(seen), "model"))
    else:
        _grid(link, seen, table)
    if len(states) > len(seen):
        st.caption(f"the first {len(seen):,} of {len(states):,}; gtrack model ls lists them all")
    st.toggle("As an HTML table", help="For screen readers", **link.widget("plain"))


def _grid(link: Link, states: Sequence[ModelState], table: pa.Table) -> None:
    def chosen() -> None:
        click = st.session_state.get(_KEY)
        if click is not None and 0 <= int(click["row"]) < len(states):
            link.put(model=states[int(click["row"])].name, version="", against="", tab="Versions")

    shape: dict[str, Any] = {
        " model": st.column_config.ButtonColumn(
            "model", width=200, pinned=True, type="tertiary", alignment="left", key=_KEY, on_click=chosen
        ),
        "production": st.column_config.TextColumn("production"),
        "staging": st.column_config.TextColumn("staging"),
        "approvals": st.column_config.NumberColumn("to approve", help="Promotions that wait for approvals"),
        "conflicts": st.column_config.NumberColumn("conflicts", help="What two clones changed at the same time"),
        "updated": st.column_config.DatetimeColumn("changed", format="distance"),
        "about": st.column_config.TextColumn("about", width=260),
    }
    grid(table, plain=False, alt=plural(len(states), "model"), config=shape, rows=19)


def _conflicts(state: ModelState) -> int:
    return len(state.conflicts) + len(state.numbers.contested)
