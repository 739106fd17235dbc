"""The tab of all versions of a model, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import grid, html_table
from gtrack._app.parts import remark
from gtrack._app.run_list import button_text, open_column
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.models.subject import Subject
from gtrack.display.model_words import called, standing, who
from gtrack.display.words import plural, value_text
from gtrack.ids import SHORT
from gtrack.model.registered import Version

__all__ = ["versions_tab", "versions_table"]

_MOST = 1000
_KEY = "models.versions"


def versions_tab(subject: Subject) -> None:
    """Show the versions, the newest first; a click opens one, or the run that made it."""
    versions = list(reversed(subject.state.versions))[:_MOST]
    if not versions:
        remark("No version is left: gtrack model restore brings a deleted one back.")
        return
    table = versions_table(subject, versions)
    if subject.link["plain"]:
        html_table(table, alt=plural(len(versions), "version"))
        return

    def chosen() -> None:
        click = st.session_state.get(_KEY)
        if click is not None and 0 <= int(click["row"]) < len(versions):
            subject.choose(versions[int(click["row"])], "Details")

    shape: dict[str, Any] = {
        " version": st.column_config.ButtonColumn(
            "version", width=110, pinned=True, type="tertiary", alignment="left", key=_KEY, on_click=chosen
        ),
        "stage": st.column_config.TextColumn("stage"),
        "aliases": st.column_config.TextColumn("aliases"),
    }
    for key in subject.metrics:
        name = _metric_name(key)
        shape[name] = st.column_config.NumberColumn(cell(key, 50), help=markdown(name, 200), format="%.5g")
    shape |= {
        "later": st.column_config.TextColumn("later", help="What was measured of it later, such as in service"),
        " run": open_column("run", f"{_KEY}.run", [each.run or "" for each in versions], width=150, pinned=False),
        "registered": st.column_config.DatetimeColumn("registered", format="distance"),
        "about": st.column_config.TextColumn("about", width=260),
    }
    grid(table, plain=False, alt=plural(len(versions), "version"), config=shape, rows=14)


def versions_table(subject: Subject, versions: Sequence[Version]) -> pa.Table:
    """Return versions as a table, a row each."""
    text = pa.string()
    runs = [subject.run_of(version) for version in versions]
    columns: dict[str, Any] = {
        " version": pa.array([called(version) for version in versions], text),
        "stage": pa.array([standing(version) for version in versions], text),
        "aliases": pa.array([cell(", ".join(version.aliases), 120) for version in versions], text),
    }
    for key in subject.metrics:
        values = [None if run is None or key not in run.metrics else run.metrics[key].last for run in runs]
        columns[_metric_name(key)] = pa.array(values, pa.float64())
    names = [
        _run_name(version) if run is None else button_text(run.name)
        for version, run in zip(versions, runs, strict=True)
    ]
    columns |= {
        "later": pa.array([cell(_later(version), 200) for version in versions], text),
        " run": pa.array(names, text),
        "registered": pa.array([version.registered for version in versions], pa.timestamp("us", tz="UTC")),
        "by": pa.array([cell(who(version.author), 60) for version in versions], text),
        "about": pa.array([cell(version.description or "", 200) for version in versions], text),
    }
    return pa.table(columns)


def _metric_name(key: str) -> str:
    return f"metrics.{cell(key, 120)}"


def _run_name(version: Version) -> str:
    return "" if version.run is None else f"{version.run[:SHORT]} (not here)"


def _later(version: Version) -> str:
    return ", ".join(f"{key} {value_text(value)}" for key, value in version.metrics.items())
