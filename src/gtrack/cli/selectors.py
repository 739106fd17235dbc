"""The SELECTOR argument: which runs a command is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gtrack.errors import GtrackError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from gtrack.model.state import RunState
    from gtrack.reader import RecordedRun, Repo

__all__ = ["complete_selector", "matcher", "resolve", "selector_argument", "whole_state"]


def selector_argument(*, several: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the decorator that adds a SELECTOR argument, ``selector`` or ``selectors``, to a command."""
    if several:
        return click.argument(
            "selectors", metavar="SELECTOR...", nargs=-1, required=True, shell_complete=complete_selector
        )
    return click.argument("selector", metavar="SELECTOR", shell_complete=complete_selector)


def resolve(repo: Repo, selectors: Sequence[str]) -> list[RecordedRun]:
    """Return the runs that selectors name, each once, in the order given.

    Raises:
        NotFoundError: One of them names no run.
        AmbiguousError: One of them names several.
    """
    runs = [repo.run(selector) for selector in selectors]
    return list({run.id: run for run in runs}.values())


def whole_state(run: RecordedRun) -> RunState:
    """Return a run's state with the params and tags that were too long for its document put back."""
    return replace(run.state, params=run.params, tags=run.tags)


def matcher(text: str | None) -> Callable[[RunState], bool]:
    """Return what tells whether a run matches a FILTER; without one every run does.

    Raises:
        UsageError: The filter is not in the language.
    """
    if text is None:
        return lambda _: True
    from gtrack.clock import now_ns
    from gtrack.index.filter import parse

    wanted, now = parse(text), now_ns() // 1000
    return lambda run: wanted.matches(run, now_us=now)


def complete_selector(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return run ids and names that start with what was typed; none where there is no repository."""
    from click.shell_completion import CompletionItem

    from gtrack.reader import Repo
    from gtrack.text import clean

    root = ctx.find_root()
    try:
        with Repo(root.params.get("path") or ".", env=root.obj.env) as repo:
            runs = repo.runs()
    except (GtrackError, OSError):
        return []
    found = [CompletionItem("last", help="the newest run")] if "last".startswith(incomplete) else []
    for run in runs[:1000]:
        # A name is offered to a shell: one with anything to quote in it is left to the id.
        if run.name.startswith(incomplete) and clean(run.name) == run.name and run.name.replace("-", "").isalnum():
            found.append(CompletionItem(run.name, help=run.status))
        if len(incomplete) >= 2 and run.id.startswith(incomplete):
            found.append(CompletionItem(run.id[:12], help=clean(run.name)))
    return found
