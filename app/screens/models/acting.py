"""Acting on a registered model: once, as the git identity; what came of it is said, an error in the form's place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from gtrack._app.parts import problem, remark
from gtrack._app.safe import markdown
from gtrack.branch.repository import Repository
from gtrack.display.model_history import sentence
from gtrack.errors import GtrackError
from gtrack.ops.model_writing import Changed
from gtrack.reader import Repo

__all__ = ["act", "field", "say_done", "say_rest", "say_wrong", "typed_in"]

_DONE, _WRONG = "models.done", "models.wrong"


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What went wrong, and the form that it belongs to."""

    place: str
    error: GtrackError | str


def field(place: str, name: str) -> str:
    """Return the key of a form's field."""
    return f"models.{place}.{name}"


def typed_in(place: str, name: str) -> str | None:
    """Return what stands in a form's field, from within a callback; None where it is empty."""
    return str(st.session_state.get(field(place, name)) or "").strip() or None


def act(path: str, place: str, what: Callable[[Repository], Changed], fields: Sequence[str] = ()) -> None:
    """Do something with a model, from within a callback, and remember what there is to say.

    Args:
        path: Where the repository is.
        place: The form.
        what: Does it.
        fields: The form's fields, which are emptied once it is done.
    """
    try:
        with Repo(path) as repo:
            repo.recover()
            lines = _said(what(repo.repository), shared=repo.repository.remote is not None)
    except (GtrackError, OSError) as error:
        st.session_state[_WRONG] = _Wrong(place, error if isinstance(error, GtrackError) else str(error))
        return
    st.session_state[_DONE] = lines
    for name in fields:
        st.session_state.pop(field(place, name), None)


def say_done() -> None:
    """Say what the last action came to."""
    lines = st.session_state.pop(_DONE, ())
    if not lines:
        return
    with st.container(border=True):
        st.markdown(f":green[:material/check:] {markdown(lines[0])}")
        for line in lines[1:]:
            remark(line)


def say_wrong(place: str) -> None:
    """Say what went wrong with the last action, where it was this form's."""
    wrong = st.session_state.get(_WRONG)
    if isinstance(wrong, _Wrong) and wrong.place == place:
        del st.session_state[_WRONG]
        problem(wrong.error)


def say_rest() -> None:
    """Say what went wrong with the last action, where its form is gone."""
    wrong = st.session_state.pop(_WRONG, None)
    if isinstance(wrong, _Wrong):
        problem(wrong.error)


def _said(done: Changed, *, shared: bool) -> list[str]:
    """Return what a change came to; what it waits for now stands on the page."""
    entry = next((each for each in done.model.history if each.file == done.event), None)
    if entry is None:
        return ["Nothing to do: it is so already."]
    said = sentence(done.model, entry)
    return [said, "The next gtrack push tells the team."] if shared else [said]
