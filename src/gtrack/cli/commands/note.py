"""``gtrack note``: a remark about a run."""

from __future__ import annotations

import sys

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.selectors import selector_argument
from gtrack.errors import UsageError
from gtrack.ids import SHORT

__all__ = ["command"]


@declare("note", examples=['gtrack note last "the labels of March are wrong"', "gtrack note 3f2a9c1 - < review.txt"])
@selector_argument()
@click.argument("text", required=False)
@click.option("-m", "message", metavar="TEXT", help="The note, the same as the argument.")
@click.pass_obj
def command(invocation: Invocation, *, selector: str, text: str | None, message: str | None) -> None:
    """Add a note to a run.

    Notes are never replaced; show lists them with author and time. A TEXT of - is read from standard input.
    """
    if text is not None and message is not None:
        raise UsageError("the note is given twice", hint="gtrack note SELECTOR TEXT")
    given = text if text is not None else message
    if given == "-":
        given = sys.stdin.buffer.read().decode("utf-8", "replace")
    if given is None or not given.strip():
        raise UsageError("the note has no text", hint=f'gtrack note {selector} "what you saw"')
    from gtrack.ops import edit

    with invocation.repository() as repo:
        run = repo.run(selector)
        edit.note(repo, [run], given.strip())
    invocation.notice(f"run {run.id[:SHORT]}: note added")
