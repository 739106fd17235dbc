"""Hypothesis strategies for what users pass and what attackers write."""

from __future__ import annotations

import math

from hypothesis import strategies as st

ODD_TEXT = (
    "",
    " ",
    " a ",
    "1e-3",
    "1e-05",
    "012",
    "0x1F",
    "12:30:45",
    "2026-11-21",
    "no",
    "on",
    "null",
    "true",
    "~",
    ".nan",
    ".inf",
    "=",
    "<<",
    "a: b",
    "a #b",
    "- a",
    "? a",
    "---",
    "...",
    "%YAML 1.2",
    "&a",
    "*a",
    "!!python/object",
    "{",
    "[",
    "|",
    ">",
    '"',
    "'",
    "\\",
    "\\u0041",
    "\\ud800",
    "/",
    "C:\\users\\data",
    "two\nlines\r\n",
    "\t",
    "\x00\x1b[31m\x7f\x85\x9f",
    "\u2028\u2029\ufeff\ufffe\uffff",
    "\u202e\u00a0\u200d",
    "é漢字😀",
    "$float",
    "$$float",
    "$floats",
    "nan",
    "@`|<>=!%&*",
)

texts = st.text(max_size=30) | st.sampled_from(ODD_TEXT)
keys = st.text(max_size=20) | st.sampled_from(ODD_TEXT)
floats = st.floats() | st.sampled_from((1e-05, 1e16, 1e22, 1.5e-300, 0.1, -0.0, 5e-324, math.nan, math.inf, -math.inf))
ints = st.integers() | st.sampled_from((2**63, -(2**64), 10**639, 1 - 10**640))
scalars = st.none() | st.booleans() | ints | floats | texts
plain = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
top_keys = st.from_regex(r"[a-z_]{3,12}", fullmatch=True).filter(
    lambda key: key not in ("null", "true", "false", "yes", "off")
)
documents = st.dictionaries(top_keys, plain, max_size=5, min_size=1)


def same(left: object, right: object) -> bool:
    """Tell whether two plain values are equal in type, order and sign, NaN equal to itself."""
    return repr(left) == repr(right)
