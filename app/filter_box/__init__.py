"""The line that a filter is typed into: the names that runs have are offered while it is typed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
) -> None:
    """Show the line.

    Args:
        label: What stands above it.
        value: The filter.
        words: The names to offer, in the filter language.
        key: What tells it from others of the page.
        on_change: Is told the new filter, once it is entered.
        placeholder: An example.
        invalid: What is entered is wrong.
    """

    def changed() -> None:
        state = st.session_state.get(key) or {}
        entered = state.get("value")
        if isinstance(entered, str):
            on_change(entered[:_LONGEST])

    data = {"label": label, "value": value, "words": words[:_MOST], "placeholder": placeholder, "invalid": invalid}
    _component()(key=key, data=data, on_value_change=changed)


@functools.cache
def _component() -> ComponentRenderer:
    html, css, js = ((_FOLDER / f"filter_box.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("gtrack.filter_box", html=html, css=css, js=js)
