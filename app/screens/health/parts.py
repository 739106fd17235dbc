"""What the parts of the health page share: tables of what to type, and what came of the last action."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.options import current
from gtrack._app.parts import problem, remark
from gtrack._app.safe import cell, markdown
from gtrack.clock import now_ns
from gtrack.display.words import ago
from gtrack.errors import GtrackError
from gtrack.reader import Repo

__all__ = ["act", "command", "notes", "say", "typed_table"]

_LONGEST = 400


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of an action, and when (microseconds since the epoch)."""

    when: int
    lines: tuple[str, ...] = ()
    error: GtrackError | str | None = None


def notes() -> dict[str, Any]:
    """Return what this visitor's page remembers.

    It is asked for before something is done that takes long: the session itself may be asked no more when somebody has
    gone on meanwhile, and what was found would be lost.
    """
    found: dict[str, Any] = st.session_state.setdefault("health", {})
    return found


def command(text: str) -> str:
    """Return something to type as Markdown.

    Example:
        >>> command("gtrack push")
        '`gtrack push`'
    """
    line = cell(text, _LONGEST)
    return f"`{line}`" if line and "`" not in line else markdown(text, _LONGEST)


def typed_table(rows: Sequence[tuple[str, ...]], *heads: str) -> pa.Table:
    """Return a table as Markdown, of which the last column is to be typed."""
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in heads]
    shown = [[markdown(text, _LONGEST) for text in column] for column in columns[:-1]]
    shown.append([command(text) for text in columns[-1]])
    return pa.table({head: pa.array(column, pa.string()) for head, column in zip(heads, shown, strict=True)})


def act(key: str, what: Callable[[Repo], Sequence[str]], spinner: str) -> None:
    """Do something with the repository, keep what came of it, and show the page anew.

    Args:
        key: What tells the action from others.
        what: Does it, and returns what there is to say.
        spinner: What is said meanwhile.
    """
    known = notes()
    known.pop(key, None)
    try:
        with st.spinner(spinner), Repo(current().path) as repo:
            repo.recover()
            known[key] = _Outcome(now_ns() // 1000, tuple(what(repo)))
    except (GtrackError, OSError) as error:
        known[key] = _Outcome(now_ns() // 1000, error=error if isinstance(error, GtrackError) else str(error))
    st.rerun()


def say(key: str, now_us: int) -> None:
    """Say what came of an action, until it is done again."""
    outcome = notes().get(key)
    if not isinstance(outcome, _Outcome):
        return
    if outcome.error is not None:
        problem(outcome.error)
    first, *more = outcome.lines or ("",)
    if first:
        with st.container(border=True):
            st.markdown(f":green[:material/check:] {markdown(first)} :gray[· {markdown(ago(outcome.when, now_us))}]")
            for line in more:
                remark(line.strip())
