"""``gtrack push``: send runs to the remote that the team shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.storing import ask_about_store, bar
from gtrack.display.cells import to_json
from gtrack.display.exchange import push_remarks, pushed
from gtrack.display.words import plural
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.ops.publish_code import Question

__all__ = ["command"]

_SHOWN_FILES = 12


@declare("push", examples=["gtrack push", "gtrack push --code"])
@click.option(
    "--code/--no-code",
    "code",
    default=None,
    help="Publish code that the remote does not have, or do not, this time, without asking.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(invocation: Invocation, *, code: bool | None, as_json: bool) -> None:
    """Send runs to the remote that the team shares.

    Files of artifacts go first, to the store or, up to 1 MiB, to the remote itself. Those that cannot be sent wait here
    and hold back nothing.

    What the remote has already stays as it is, whatever others push at the same time: nothing is forced or
    overwritten. Code that the remote does not have (uncommitted edits, commits never pushed) is published with the
    runs once you agree to it; git config gtrack.publishCode remembers the answer.
    """
    from gtrack.ops.keep_objects import outbox_of
    from gtrack.ops.push import push

    def ask(question: Question) -> bool:
        return _ask(repository, question)

    with invocation.repository() as repo:
        repository = repo.repository
        asked = ask if invocation.interactive else None
        if len(outbox_of(repository)):
            ask_about_store(invocation, repository)
        done = push(
            repository,
            consent=asked if code is None else code,
            interactive=invocation.interactive,
            progress=bar(invocation),
        )
    invocation.say(to_json(done.to_dict(), indent=2) if as_json else pushed(done))
    for line in push_remarks(done, decided=code is not None):
        invocation.notice(clean(line))


def _ask(repository: Repository, question: Question) -> bool:
    """Ask whether code may be published, naming the files; a yes or no is remembered."""
    from gtrack.ops.publish_code import remember

    remote = clean(str(repository.remote))
    versions = plural(question.snapshots, "version")
    lines = [f"{versions} of the code {'has' if question.snapshots == 1 else 'have'} changes that {remote} lacks:"]
    lines += [f"  {clean(path)}" for path in question.files[:_SHOWN_FILES]]
    more = len(question.files) - _SHOWN_FILES + question.more
    lines += [f"  and {plural(more, 'file')} more"] if more > 0 else []
    click.echo("\n".join(lines), err=True)
    text = "Publish this code with the runs? y: yes, always; n: no, never; Enter: not this time"
    answer = click.prompt(text, default="", show_default=False, err=True).strip().lower()
    if answer in ("y", "yes", "n", "no"):
        remember(repository, answer.startswith("y"))
    return bool(answer) and "yes".startswith(answer)
