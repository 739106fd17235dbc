"""What several pages show: errors, empty states, the same in the command line and in Python."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gtrack._app.safe import markdown
from gtrack.errors import GtrackError

__all__ = ["as_code", "empty_state", "problem", "remark"]


def problem(error: GtrackError | str) -> None:
    """Show what is wrong, and what to do about it."""
    message, hint = (error, None) if isinstance(error, str) else (error.message, error.hint)
    first, *more = message.splitlines() or [""]
    with st.container(border=True):
        st.markdown(f":red[**:material/error:**] {markdown(first)}")
        if more:  # the text of a filter with a caret below the place
            st.code("\n".join(more), language=None)
        if hint:
            st.caption(f"Try: {markdown(hint)}")


def remark(text: str) -> None:
    """Show a remark in a line of its own."""
    st.caption(f":material/info: {markdown(text)}")


def empty_state(title: str, text: str, commands: Sequence[str] = (), *, language: str = "bash") -> None:
    """Say that there is nothing to show yet, and what to type for it to change.

    Args:
        title: What there is not.
        text: Why, or what would bring it.
        commands: What to type, a line each.
        language: What the lines are written in.
    """
    with st.container(border=True, horizontal_alignment="center"):
        st.subheader(title, anchor=False)
        st.markdown(markdown(text))
        if commands:
            st.code("\n".join(commands), language=language)


def as_code(cli: str, python: str) -> None:
    """Offer the same as what is shown in the command line and in Python."""
    with st.popover("As code", icon=":material/code:", help="The same in the command line and in Python"):
        st.caption("Command line")
        st.code(cli, language="bash", wrap_lines=True)
        st.caption("Python")
        st.code(python, language="python", wrap_lines=True)
