"""What runs of one configuration have in common: all that was decided before a run except for chance."""

from __future__ import annotations

import hashlib
import json
import math
import posixpath
from collections.abc import Hashable, Mapping
from functools import lru_cache

from gtrack.index.fields import Value
from gtrack.index.query import Rank, rank
from gtrack.model.nested import flatten
from gtrack.model.state import RunState

__all__ = ["code_identity", "configuration", "is_seed", "leaf", "sort_key"]

_SCRIPTS = (".py", ".ipynb", ".sh", ".r", ".jl")
_MOST_WORDS = 50
_LONG = 100
_REMEMBERED = 4096
_SEEDS = frozenset({"seed", "random_seed", "random_state"})


def configuration(run: RunState) -> bytes:
    """Return what runs of one configuration have in common, params but seeds, code and program, as a digest.

    As in the filter language, ``6``, ``6.0`` and ``"6"`` are one value, and null is none.

    Example:
        >>> configuration(run) == configuration(the_same_with_another_seed)
        True
    """
    params = {key: leaf(value) for key, value in flatten(run.params) if not is_seed(key)}
    known = [text for key in sorted(params) if (value := params[key]) is not None for text in (key, _form(value))]
    text = repr((known, code_identity(run), _program(run.code)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def code_identity(run: RunState) -> Hashable:
    """Return what runs of equal code have in common.

    That is the tree that ran: a snapshot's, uncommitted edits included, or a commit's without such edits. Edits of
    which nothing was kept equal no others. Runs of which no code is known are taken to be alike.
    """
    code = run.code
    unseen = code.get("dirty") is True and not _text(code.get("snapshot"))
    if unseen:
        return "edited", run.id
    for name in ("tree", "snapshot", "commit", "digest"):
        found = _text(code.get(name))
        if found:
            return name, found
    return "unknown", ""


def is_seed(key: str) -> bool:
    """Tell whether a param is a seed, which tells runs of one configuration apart.

    Example:
        >>> is_seed("seed"), is_seed("model.random_state"), is_seed("data.split_seed"), is_seed("seedling")
        (True, True, True, False)
    """
    return _is_seed(key.rpartition(".")[2])


@lru_cache(_REMEMBERED)
def _is_seed(word: str) -> bool:
    word = word.lower()
    return word in _SEEDS or word.endswith("_seed")


def sort_key(value: Value | None) -> Rank | None:
    """Return where a value stands among others: numbers, those in text included, before text; None for no value."""
    if isinstance(value, float) and math.isnan(value):
        return (2, "nan")
    return None if value is None else rank(value) or (2, "nan")


def leaf(value: object) -> Value | None:
    """Return a param's value as it is compared: lists, and what else is no single value, as JSON."""
    if value is None or isinstance(value, (bool, int, float, str)):  # a union takes three times as long
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _form(value: Value) -> str:
    """Return a value in the one form of all that equal it: numbers by their digits, whatever their type."""
    # A long text is no number.
    return f"1{value}" if isinstance(value, str) and len(value) > _LONG else _short_form(value)


@lru_cache(_REMEMBERED, typed=True)
def _short_form(value: Value) -> str:
    place = sort_key(value)
    assert place is not None
    kind, number = place
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    # Of integers of any length only the hexadecimal form is quick, and allowed.
    return f"{kind}{hex(number) if isinstance(number, int) else number}"


def _program(code: Mapping[str, object]) -> str:
    """Return which program ran, without its arguments, whose meaning is in the params: script, module or command."""
    command = code.get("command")
    words = [word for word in command[:_MOST_WORDS] if isinstance(word, str)] if isinstance(command, list) else []
    for at, word in enumerate(words):
        if word == "-m" and at + 1 < len(words):
            return f"-m {words[at + 1]}"
        if word.lower().endswith(_SCRIPTS):
            return posixpath.normpath(posixpath.join(_text(code.get("cwd")), word))
    return posixpath.basename(words[0]) if words else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
