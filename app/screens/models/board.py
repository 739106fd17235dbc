"""The versions by stage, as cards."""

from __future__ import annotations

from functools import partial

import streamlit as st

from gtrack._app.safe import cell, markdown
from gtrack._app.screens.models.subject import Subject
from gtrack.display.model_words import called, who
from gtrack.display.words import ago, value_text
from gtrack.ids import SHORT
from gtrack.model.registered import Version

__all__ = ["card_facts", "show_board"]

_STAGES = {
    "None": ("New", ":material/fiber_new:"),
    "Staging": ("Staging", ":material/science:"),
    "Production": ("Production", ":material/rocket_launch:"),
    "Archived": ("Archived", ":material/archive:"),
}
"""The stages in the order in which a version goes through them."""
_MOST = 3


def show_board(subject: Subject) -> None:
    """Show which versions are in which stage."""
    for column, (stage, (title, icon)) in zip(st.columns(len(_STAGES)), _STAGES.items(), strict=True):
        there = sorted(subject.state.in_stage(stage), key=lambda version: _rank(subject, version, stage))
        with column:
            st.markdown(f"{icon} **{title}** :gray[{len(there):,}]")
            for version in there[:_MOST]:
                _card(subject, version)
            if not there:
                st.caption("no version")
            if len(there) > _MOST:
                st.caption(f"and {len(there) - _MOST:,} more in the table")


def card_facts(subject: Subject, version: Version) -> list[str]:
    """Return what a card says of a version below its name: its main metric, its run, who and when."""
    run = subject.run_of(version)
    facts = []
    for key in subject.metrics[:1]:
        if run is not None and key in run.metrics:
            facts.append(f"{cell(key, 40)} {value_text(run.metrics[key].last)}")
    facts += [f"{cell(key, 40)} {value_text(value)} later" for key, value in list(version.metrics.items())[:1]]
    if run is not None:
        facts.append(f"run {cell(run.name, 40)}")
    elif version.run is not None:
        facts.append(f"run {version.run[:SHORT]}, not here")
    return [*facts, f"{cell(who(version.author), 40)}, {ago(version.registered, subject.now.now_us)}"]


def _card(subject: Subject, version: Version) -> None:
    looked_at = subject.version is not None and subject.version.uid == version.uid
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                called(version),
                type="secondary" if looked_at else "tertiary",
                icon=":material/visibility:" if looked_at else ":material/deployed_code:",
                on_click=partial(subject.choose, version, "Details"),
                help="What is known of it",
                key=f"models.card.{version.uid}",
            )
            for alias in version.aliases[:6]:
                st.badge(markdown(alias, 40), icon=":material/label:", color="violet")
            if version.pending is not None:
                st.badge(f"to {version.pending.stage}?", icon=":material/hourglass_top:", color="orange")
        lines = [markdown(fact, 120) for fact in card_facts(subject, version)]
        lines += [f"*{markdown(version.description, 120)}*"] if version.description else []
        st.caption("  \n".join(lines))


def _rank(subject: Subject, version: Version, stage: str) -> tuple[int, int]:
    """Return what sorts cards: the newest first; in a stage, what came last is first already."""
    if stage in ("Staging", "Production"):
        return 0, 0
    newest = len(subject.state.every) - subject.state.every.index(version)
    return 1, newest
