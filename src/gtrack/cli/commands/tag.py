"""``gtrack tag``: set and remove tags."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_run
from gtrack.cli.invocation import Invocation
from gtrack.cli.recording import read_tags
from gtrack.cli.selectors import resolve
from gtrack.display.words import plural
from gtrack.errors import UsageError
from gtrack.ids import SHORT
from gtrack.text import clean

__all__ = ["command", "split"]

_FORCED = ("run:", "name:", "rev:")


@declare("tag", examples=["gtrack tag last stage=baseline", "gtrack tag 3f2a 81c0 reviewed=yes stage-"])
@click.argument("words", metavar="SELECTOR... KEY=VALUE|KEY-...", nargs=-1, required=True, shell_complete=complete_run)
@click.option("-t", "assignments", metavar="KEY=VALUE", multiple=True, help="Set a tag (repeatable).")
@click.option("--remove", metavar="KEY", multiple=True, help="Remove a tag (repeatable); the same as KEY-.")
@click.pass_obj
def command(invocation: Invocation, *, words: Sequence[str], assignments: Sequence[str], remove: Sequence[str]) -> None:
    """Set and remove tags of runs.

    KEY=VALUE sets a tag and KEY- removes it. A run whose name has a = in it, or a - at its end, is meant by name:NAME.
    """
    selectors, sets, removals = split(words)
    tags: dict[str, object | None] = {**read_tags([*sets, *assignments])}
    tags.update(dict.fromkeys([*removals, *remove]))
    if not selectors or not tags:
        missing = "tag" if selectors else "run"
        raise UsageError(f"no {missing} is named", hint="gtrack tag last stage=baseline")
    from gtrack.ops import edit

    with invocation.repository() as repo:
        runs = resolve(repo, selectors)
        edit.tag(repo, runs, tags)
    done = ", ".join(
        f"{clean(key)} removed" if value is None else f"{clean(key)}={clean(str(value))}" for key, value in tags.items()
    )
    subject = f"run {runs[0].id[:SHORT]}" if len(runs) == 1 else plural(len(runs), "run")
    invocation.notice(f"{subject}: {done}")


def split(words: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Sort the words of a ``tag`` command into selectors, assignments and keys to remove."""
    selectors, sets, removals = [], [], []
    for word in words:
        if word.startswith(_FORCED):
            selectors.append(word)
        elif "=" in word:
            sets.append(word)
        elif len(word) > 1 and word.endswith("-"):
            removals.append(word[:-1])
        else:
            selectors.append(word)
    return selectors, sets, removals
