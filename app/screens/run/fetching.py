"""Bringing what is not in this clone, when somebody asks for it."""

from __future__ import annotations

import streamlit as st

from gtrack._app.parts import problem, remark
from gtrack._app.screens.run.subject import Subject
from gtrack.display.words import size
from gtrack.errors import GtrackError
from gtrack.model.artifact import Artifact

__all__ = ["fetch"]


def fetch(subject: Subject, artifact: Artifact, where: str, *, key: str) -> None:
    """Offer to fetch an artifact that is not here."""
    from gtrack.ops.artifacts import local_file

    with st.container(horizontal=True, vertical_alignment="center"):
        remark(f"Its content is {where}, not in this clone: {size(artifact.size)}.")
        clicked = st.button("Fetch", icon=":material/cloud_download:", key=key)
    if clicked:
        try:
            with st.spinner("Fetching; a large one may take minutes."):
                local_file(subject.now.repo.repository, artifact)
        except (GtrackError, OSError) as error:
            problem(error if isinstance(error, GtrackError) else str(error))
        else:
            st.rerun()
