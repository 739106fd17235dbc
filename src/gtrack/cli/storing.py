"""What several commands say and ask about the store of artifacts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gtrack.cli.invocation import Invocation
from gtrack.cli.progress import Bar
from gtrack.cli.terminal import Terminal
from gtrack.display.stores import terms
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository

__all__ = ["ask_about_store", "bar"]


def bar(invocation: Invocation) -> Bar:
    """Return a bar on standard error."""
    return Bar(sys.stderr, Terminal.of(sys.stderr, invocation.env), quiet=invocation.quiet)


def ask_about_store(invocation: Invocation, repository: Repository) -> None:
    """Ask once in a clone whether the store that came with the repository may be used, where somebody is there."""
    from gtrack.ops.store_settings import agree, store_choice

    choice = store_choice(repository)
    if choice is None or choice.agreed or not invocation.interactive:
        return
    text = f"{clean(choice.source)} keeps artifacts at {terms(choice)}. Use it from this clone?"
    if click.confirm(text, default=False, err=True):
        agree(repository)
    else:
        invocation.notice("it is not used; later: gtrack store accept, or for good: git config gtrack.store off")
