"""What a run counts for: what the team's policy says of it, and the versions of models that were made of it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from gtrack._app.safe import cell, markdown
from gtrack._app.screens.run.subject import Subject
from gtrack._app.steps import go_to
from gtrack.display.model_words import called, standing
from gtrack.display.words import value_text
from gtrack.model.registered import Version
from gtrack.model.state import RunState
from gtrack.ops.registry import versions_of_run

__all__ = ["policy_badge", "versions"]

_MOST = 8
_LONGEST = 300


def policy_badge(state: RunState) -> None:
    """Show whether the policy holds of a run, where somebody judged."""
    said = state.policy
    if said is None:
        return
    bypass = said.get("bypass")
    if isinstance(bypass, Mapping):
        reason = markdown(cell(value_text(bypass.get("reason")), _LONGEST))
        st.badge("policy bypassed", icon=":material/gavel:", color="orange", help=reason)
    elif said.get("verdict") == "violated":
        st.badge("policy violated", icon=":material/gavel:", color="red", help=_violations(said.get("violations")))
    else:
        st.badge("policy kept", icon=":material/gavel:", color="green")


def versions(subject: Subject) -> None:
    """Show the versions that were made of the run; a click opens one."""
    found = subject.now.kept("versions of a run", subject.id, lambda: _versions(subject))
    if not found:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Its model:", width="content")
        for version in found[:_MOST]:
            label = f"{cell(version.model, 60)} {called(version)} · {standing(version)}"
            st.button(
                markdown(label),
                icon=":material/deployed_code:",
                type="tertiary",
                on_click=go_to,
                args=("models", {"model": version.model, "version": version.uid}),
                key=f"run.version.{version.uid}",
            )
        if len(found) > _MOST:
            st.caption(f"and {len(found) - _MOST:,} more", width="content")


def _versions(subject: Subject) -> list[Version]:
    return versions_of_run(subject.now.repo.repository, subject.id)


def _violations(listed: object) -> str:
    rules = [each for each in (listed if isinstance(listed, list) else [])[:_MOST] if isinstance(each, Mapping)]
    said = (f"{value_text(each.get('rule'))}: {value_text(each.get('message'))}" for each in rules)
    return "  \n".join(markdown(cell(text, _LONGEST)) for text in said)
