"""The SELECTOR argument: which runs a command is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gtrack.cli.completing import complete_run
from gtrack.errors import UsageError

if TYPE_CHECKING:
    from gtrack.cli.invocation import Invocation
    from gtrack.model.state import RunState
    from gtrack.reader import RecordedRun, Repo

__all__ = ["explain_nothing", "matcher", "resolve", "selector_argument", "whole_state"]


_MOST_EXPLAINED = 3


def selector_argument(*, several: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the decorator that adds a SELECTOR argument, ``selector`` or ``selectors``, to a command."""
    if several:
        return click.argument("selectors", metavar="SELECTOR...", nargs=-1, required=True, shell_complete=complete_run)
    return click.argument("selector", metavar="SELECTOR", shell_complete=complete_run)


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


def matcher(text: str | None, *, lineage: Callable[[str], frozenset[str]] | None = None) -> Callable[[RunState], bool]:
    """Return what tells whether a run matches a FILTER; without one every run does.

    Args:
        text: The filter.
        lineage: The commits that descend from a revision, as :func:`gtrack.branch.lineage.descendants` finds them.

    Raises:
        UsageError: The filter is not in the language, or asks for a lineage where none is known.
    """
    if text is None:
        return lambda _: True
    from gtrack.clock import now_ns
    from gtrack.index.filter import bind_lineage, parse

    wanted, now = bind_lineage(parse(text), lineage or _no_lineage), now_ns() // 1000
    return lambda run: wanted.matches(run, now_us=now)


def _no_lineage(revision: str) -> frozenset[str]:
    raise UsageError(f"descends_from('{revision:.60}') cannot be asked here", hint="commit = 'a3f91c2' can")


def explain_nothing(invocation: Invocation, repo: Repo, text: str | None, *, remote: str | None = None) -> None:
    """Say which keys of a FILTER no run has, with the place and what was probably meant: call it when none matched.

    It is a notice and no error: the filter can be right for another repository.

    Args:
        invocation: The call.
        repo: The repository.
        text: The filter, if there was one.
        remote: The runs were those on the branch of this remote.
    """
    if text is None or invocation.quiet:
        return
    from gtrack.display.keys import Keys
    from gtrack.index.suggest import unknown_keys

    for unknown in unknown_keys(text, Keys(repo, remote).of)[:_MOST_EXPLAINED]:
        invocation.notice(f"gtrack: {unknown}")
