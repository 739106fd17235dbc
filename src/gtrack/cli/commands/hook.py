"""``gtrack hook``: what the hooks call that ``gtrack init --hooks`` installs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation, one_line
from gtrack.config import truthy
from gtrack.errors import ConflictError
from gtrack.text import clean

__all__ = ["command"]


@declare("hook", examples=["gtrack init --hooks"], hidden=True)
@click.argument("name", type=click.Choice(["pre-push", "post-commit"]))
@click.argument("arguments", metavar="[ARGUMENT]...", nargs=-1)
@click.pass_obj
def command(invocation: Invocation, *, name: str, arguments: Sequence[str]) -> None:
    """Act as one of git's hooks; gtrack init --hooks installs what calls this.

    pre-push stops accidents with gtrack's branch and sends runs along with a push of code, post-commit records the
    files that gtrack.yaml names under on_commit. Whatever trouble there is, git goes on: only a push that would
    lose or spread runs by accident is refused, with the exit code 4.
    """
    if name == "pre-push":
        refusal = _pre_push(invocation, *arguments[:2])
        if refusal is not None:
            raise refusal
    else:
        _post_commit(invocation)


def _pre_push(invocation: Invocation, remote: str = "", url: str = "") -> ConflictError | None:
    from gtrack.branch.repository import Repository
    from gtrack.ops.hooks import pre_push

    # All of it first: git waits for a reader, and calls a hook that leaves early broken.
    lines = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\n")
    with _trouble_told(invocation), Repository(".", invocation.env) as repo:
        return pre_push(repo, remote, url, lines, tell=partial(_tell, invocation))
    return None


def _post_commit(invocation: Invocation) -> None:
    from gtrack.branch.repository import Repository
    from gtrack.ops.on_commit import record_commit

    with _trouble_told(invocation), Repository(".", invocation.env) as repo:
        record_commit(repo, tell=partial(_tell, invocation))


@contextmanager
def _trouble_told(invocation: Invocation) -> Iterator[None]:
    """Turn whatever goes wrong into a line: the user's push or commit is not to suffer from it."""
    try:
        yield
    except Exception as error:
        if truthy(invocation.env.get("GTRACK_DEBUG")):
            import traceback

            traceback.print_exception(error)
        _tell(invocation, one_line(error))


def _tell(invocation: Invocation, text: str) -> None:
    invocation.notice(f"gtrack: {clean(text)}")
