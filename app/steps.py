"""Going from page to page, and drawing a part of one by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TypeVar, cast

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from gtrack._app.parts import problem
from gtrack.errors import GtrackError

__all__ = ["arrive", "forget_parts", "go_to", "go_to_run", "part", "take_steps"]

Drawn = TypeVar("Drawn", bound=Callable[..., None])

_NEXT = "next page"
_SHOWN = "page shown"


def go_to(page: str, parameters: Mapping[str, str | list[str]] | None = None) -> None:
    """Go to a page, from within a callback: once the callbacks are done.

    Args:
        page: Its name.
        parameters: What its address says.
    """
    st.session_state[_NEXT] = (page, dict(parameters or {}))


def go_to_run(run_id: str) -> None:
    """Go to the page of a run, from within a callback."""
    go_to("run", {"id": run_id})


def take_steps() -> None:
    """Go where a callback wanted to go."""
    wanted = st.session_state.pop(_NEXT, None)
    if wanted is not None:
        page, parameters = wanted
        forget_parts()
        st.switch_page(st.session_state["pages"][page], query_params=parameters)


def arrive(page: str) -> None:
    """Be told which page is shown, before it is drawn."""
    if st.session_state.get(_SHOWN) != page:
        st.session_state[_SHOWN] = page
        forget_parts()


def forget_parts() -> None:
    """Let no part of the page that is left be drawn again.

    Until the browser has the new page it goes on asking for the parts of the old one that are drawn again and again,
    and Streamlit would answer, once the new page is drawn, by going back to the old one without drawing it: blank. It
    drops what asks for a part that it does not know.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None:
        context.fragment_storage.clear()


def part(every: float | None = None) -> Callable[[Drawn], Drawn]:
    """Draw a part of a page by itself: what is done in it, and time, draw it again and leave the rest alone.

    An error of the repository is shown in the part's place, and the other parts stay.

    Args:
        every: Draw it again after so many seconds; None for only when something is done in it.

    Example:
        >>> @part(every=1.5)
        ... def table(link: Link) -> None: ...
    """

    def made(draw: Drawn) -> Drawn:
        @wraps(draw)
        def drawn(*args: object, **kwargs: object) -> None:
            take_steps()  # the shell, which does so otherwise, is not asked
            try:
                draw(*args, **kwargs)
            except GtrackError as error:
                problem(error)

        return cast("Drawn", st.fragment(drawn, run_every=every))

    return made
