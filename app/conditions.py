"""Adding a condition to a filter by choosing it: the names are known, and the language needs not be."""

from __future__ import annotations

import re
from collections.abc import Sequence

import streamlit as st

from gtrack._app.link import Link
from gtrack._app.safe import cell

__all__ = ["add_condition", "condition", "joined"]

_OPERATORS = {
    "=": "is",
    "!=": "is not",
    ">": "is more than",
    ">=": "is at least",
    "<": "is less than",
    "<=": "is at most",
    "CONTAINS": "contains",
    "REGEXP": "matches (regular expression)",
    "IS NULL": "is not there",
    "IS NOT NULL": "is there",
}


def add_condition(link: Link, fields: Sequence[str]) -> None:
    """Offer the fields that runs have, and add a condition on one of them to the filter."""
    key = f"{link.page}.condition"
    with st.popover("", icon=":material/add:", help="Add a condition"):
        field = st.selectbox("Field", fields, format_func=lambda name: cell(name, 80), key=f"{key}.field")
        operator = st.selectbox(
            "Condition", list(_OPERATORS), format_func=_OPERATORS.__getitem__, key=f"{key}.operator"
        )
        value = ""
        if "NULL" not in operator:
            value = st.text_input("Value", key=f"{key}.value", placeholder="0.9, adam, 2 days ago")

        def add() -> None:
            link.put(where=joined(link["where"], condition(field, operator, value)))

        ready = bool(field) and ("NULL" in operator or bool(value.strip()))
        st.button("Add", on_click=add, disabled=not ready, type="primary", key=f"{key}.add")


def condition(field: str, operator: str, value: str) -> str:
    """Return one condition in the filter language; a value that is no number, truth value or time span is quoted.

    Example:
        >>> condition("params.optimizer", "=", "adam"), condition("metrics.loss", "<", "0.3")
        ("params.optimizer = 'adam'", 'metrics.loss < 0.3')
    """
    if "NULL" in operator:
        return f"{field} {operator}"
    text = value.strip()
    if operator == "CONTAINS":
        # LIKE has no escape character.
        quoted = text.replace("'", "''")
        if "%" not in text and "_" not in text:
            return f"{field} ILIKE '%{quoted}%'"
        operator, text = "REGEXP", re.escape(text)
    if operator == "REGEXP" or not _is_bare(text):
        text = "'" + text.replace("'", "''") + "'"
    return f"{field} {operator} {text}"


def joined(filter_: str, more: str) -> str:
    """Return a filter with one more condition."""
    before = filter_.strip()
    if not before:
        return more
    return f"({before}) AND {more}" if " or " in f" {before.lower()} " else f"{before} AND {more}"


def _is_bare(text: str) -> bool:
    """Tell whether the language reads a text as a number or truth value without quotes."""
    if text.lower() in ("true", "false", "nan", "inf", "-inf"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
