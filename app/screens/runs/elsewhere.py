"""The selected runs that the page does not show: by name, since what is done is done to them too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from gtrack._app.link import Link
from gtrack._app.reading import Reading
from gtrack._app.safe import markdown
from gtrack.ids import SHORT, is_run_id
from gtrack.index.fields import Field
from gtrack.index.filter import In
from gtrack.index.literals import Prefix
from gtrack.index.query import Query

__all__ = ["selected_elsewhere"]

_FEW = 5
_LONGEST = 40


def selected_elsewhere(now: Reading, link: Link, here: Iterable[str]) -> None:
    """Name the selected runs that are not among those shown, and offer to unselect them.

    Args:
        now: The repository.
        link: The page's settings.
        here: The ids of the runs that are shown.
    """
    shown = set(here)
    away = [run_id for run_id in link["runs"] if run_id not in shown]
    if not away:
        return
    few = tuple(away[:_FEW])
    names = now.kept("names", few, lambda: _names(now, few))
    told = ", ".join(markdown(name, _LONGEST) for name in names)
    more = f" and {len(away) - len(few):,} more" if len(away) > len(few) else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Selected too, but not on this page: {told}{more}", width="content")
        st.button("Unselect these", type="tertiary", on_click=_keep, args=(link, shown))


def _keep(link: Link, shown: set[str]) -> None:
    link.put(runs=tuple(run_id for run_id in link["runs"] if run_id in shown))


def _names(now: Reading, ids: Sequence[str]) -> list[str]:
    """Return the names of runs; of those that are not here, as much of the id as tells them apart."""
    whole = tuple(Prefix(run_id) for run_id in ids if is_run_id(run_id))
    query = Query(where=In(Field("attributes", "id"), whole), deleted=None)
    names = {run.id: run.name for run in now.repo.find(query)} if whole else {}
    return [names.get(run_id) or run_id[:SHORT] for run_id in ids]
