"""The line that a filter is typed into: the names and values that runs have are offered while it is typed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

__all__ = ["filter_box"]

_FOLDER = Path(__file__).parent
_MOST = 3000
_LONGEST = 10_000


def filter_box(
    label: str,
    value: str,
    words: Sequence[str],
    *,
    key: str,
    on_change: Callable[[str], None],
    placeholder: str = "",
    invalid: bool = False,
    values: Callable[[str], Sequence[str]] | None = None,
) -> None:
    """Show the line.

    The browser asks for the values of a field when they are first wanted: then the line alone is drawn again.

    Args:
        label: What stands above it.
        value: The filter.
        words: The names to offer, in the filter language.
        key: What tells it from others of the page.
        on_change: Is told the new filter, once it is entered.
        placeholder: An example.
        invalid: What is entered is wrong.
        values: Returns the values to offer after a field, in the filter language; none are offered by default.
    """
    data = {"label": label, "value": value, "words": words[:_MOST], "placeholder": placeholder, "invalid": invalid}
    st.session_state.pop(f"{key}.entered", None)  # the whole page is drawn
    st.fragment(_line)(key, data, on_change, values)


def _line(
    key: str, data: Mapping[str, Any], on_change: Callable[[str], None], values: Callable[[str], Sequence[str]] | None
) -> None:
    """Draw the line by itself; once a filter is entered, the whole page."""
    if st.session_state.pop(f"{key}.entered", False):
        st.rerun()

    def changed() -> None:
        entered = _said(key, "value")
        if entered is not None:
            on_change(entered[:_LONGEST])
            st.session_state[f"{key}.entered"] = True

    def asked() -> None:
        st.session_state[f"{key}.field"] = _said(key, "asked")

    field = st.session_state.pop(f"{key}.field", None)
    known = {} if field is None or values is None else {field: list(values(field))}
    shown = {**data, "values": known, "offers": values is not None}
    _component()(key=key, data=shown, on_value_change=changed, on_asked_change=asked)


def _said(key: str, name: str) -> str | None:
    """Return what the browser says."""
    said = (st.session_state.get(key) or {}).get(name)
    return said if isinstance(said, str) else None


@functools.cache
def _component() -> ComponentRenderer:
    html, css, js = ((_FOLDER / f"filter_box.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("gtrack.filter_box", html=html, css=css, js=js)
