"""Acting on the run: once, as the git identity, and what became of it is said in its place."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from gtrack._app.parts import problem
from gtrack._app.safe import markdown
from gtrack.errors import GtrackError
from gtrack.reader import RecordedRun, Repo

__all__ = ["act_on", "say"]

_DONE, _WRONG = "run.done", "run.wrong"


def act_on(path: str, run_id: str, what: Callable[[Repo, RecordedRun], None], done: str) -> None:
    """Do something with a run, from within a callback, and remember what to say about it.

    Args:
        path: Where the repository is.
        run_id: The run's id.
        what: Does it.
        done: What is said when it is done.
    """
    try:
        with Repo(path) as repo:
            what(repo, repo.run(f"run:{run_id}"))
    except GtrackError as error:
        st.session_state[_WRONG] = error
    except OSError as error:
        st.session_state[_WRONG] = str(error)
    else:
        st.session_state[_DONE] = done


def say() -> None:
    """Say what became of the last action."""
    if done := st.session_state.pop(_DONE, ""):
        st.toast(markdown(done), icon=":material/check:")
    if wrong := st.session_state.pop(_WRONG, None):
        problem(wrong)
