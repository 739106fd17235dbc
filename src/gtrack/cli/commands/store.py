"""``gtrack store``: where the content of artifacts is kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gtrack.cli.command import Command
from gtrack.cli.group import group
from gtrack.cli.invocation import Invocation
from gtrack.display.cells import to_json
from gtrack.display.stores import store_rows, terms
from gtrack.errors import GtrackError, UsageError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.store.url import Location

__all__ = ["command"]

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@group("store", examples=["gtrack store set s3://team-store/churn", "gtrack store status"])
@click.pass_context
def command(ctx: click.Context) -> None:
    """Say where the content of artifacts is kept.

    Without a store, files up to 1 MiB go along to the git remote, and larger ones stay where they were logged. A store
    takes files of any size: a bucket (s3, gs, az), a folder of another machine (sftp), or a folder of this one. Without
    a subcommand its status is shown.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(status)


@command.command(
    "set",
    cls=Command,
    examples=[
        "gtrack store set s3://team-store/churn",
        "gtrack store set s3://team-store --option endpoint_url=https://minio.example.org",
        "gtrack store set sftp://ada@files.example.org/srv/gtrack",
        "gtrack store set /mnt/team/gtrack-store",
    ],
)
@click.argument("url")
@click.option(
    "--option", "options", metavar="KEY=VALUE", multiple=True, help="What the store's client has to know (repeatable)."
)
@click.option("--here", is_flag=True, help="For this clone alone: leave gtrack.yaml as it is.")
@_json_option
@click.pass_obj
def set_(invocation: Invocation, *, url: str, options: Sequence[str], here: bool, as_json: bool) -> None:
    """Keep artifacts at a URL from now on.

    The URL goes into gtrack.yaml of the working tree, to be committed for the team, and counts in this clone at once.
    Credentials are never part of it: they stay where the store's own tools look for them (the environment, ~/.aws, an
    ssh agent).
    """
    from gtrack.ops.store_setup import set_store
    from gtrack.store.url import parse_option

    given = dict(parse_option(text) for text in options)
    with invocation.repository() as repo:
        location, written = set_store(repo.repository, url, given, base=os.getcwd(), share=not here)
        trouble = _try(repo.repository, location)
    if as_json:
        told = {"error": trouble.message, "hint": trouble.hint} if trouble else None
        document = {"url": location.shown, "options": dict(location.options), "written": written, "trouble": told}
        invocation.say(to_json(document, indent=2))
        return
    invocation.say(f"artifacts are kept at {location.shown}")
    if trouble is not None:
        invocation.notice(f"it does not work yet: {clean(trouble.message)}" + _hint(trouble))
        invocation.notice("next: gtrack store check")
    if written is not None:
        invocation.notice(f"next: commit and push {clean(os.path.relpath(written))}, so that the team uses it as well")


@command.command("unset", cls=Command, examples=["gtrack store unset"])
@click.pass_obj
def unset(invocation: Invocation) -> None:
    """Give up this clone's own choice of a store.

    The team's, which gtrack.yaml names, counts again.
    """
    from gtrack.ops.store_settings import store_choice
    from gtrack.ops.store_setup import unset_store

    with invocation.repository() as repo:
        unset_store(repo.repository)
        choice = store_choice(repo.repository)
    if choice is None:
        invocation.say("no store is used from this clone")
    else:
        invocation.say(f"the store is {terms(choice)}, as {clean(choice.source)} says")
        if not choice.agreed:
            invocation.notice("next: gtrack store accept")


@command.command("accept", cls=Command, examples=["gtrack store accept"])
@click.pass_obj
def accept(invocation: Invocation) -> None:
    """Use the store that the team's gtrack.yaml names.

    A URL that comes with a repository is used once somebody in this clone has agreed to it; another one is asked about
    again.
    """
    from gtrack.ops.store_settings import agree

    with invocation.repository() as repo:
        choice = agree(repo.repository)
    invocation.say(f"artifacts are kept at {terms(choice)}")


@command.command("status", cls=Command, examples=["gtrack store status", "gtrack store status --json"])
@_json_option
@click.pass_obj
def status(invocation: Invocation, *, as_json: bool = False) -> None:
    """Show where artifacts are kept, whether it answers, and what waits to be sent."""
    from gtrack.ops.store_setup import store_status

    with invocation.repository() as repo:
        found = store_status(repo.repository)
    if as_json:
        invocation.say(to_json(found.to_dict(), indent=2))
        return
    for head, text in store_rows(found):
        invocation.say(f"{invocation.terminal.style(head.ljust(9), 'dim')}  {text}")
    if found.todo:
        invocation.notice(f"next: {clean(found.todo)}")


@command.command("check", cls=Command, examples=["gtrack store check"])
@_json_option
@click.pass_obj
def check(invocation: Invocation, *, as_json: bool) -> None:
    """Try all that gtrack does with the store: write, look, read, list, remove.

    A folder that is not there is made. Exits with 5 when the store cannot be reached, or does not let you do one of
    these.
    """
    from gtrack.ops.store_settings import store_choice
    from gtrack.ops.store_setup import check_store

    done: list[str] = []
    with invocation.repository() as repo:
        choice = store_choice(repo.repository)
        if choice is None:
            raise UsageError("no store is configured", hint="gtrack store set URL")
        if not choice.agreed:
            raise UsageError(
                f"{clean(choice.source)} keeps artifacts at {terms(choice)}, and nobody here agreed to use it",
                hint="gtrack store accept",
            )
        check_store(repo.repository, choice.location, tell=done.append)
    if as_json:
        invocation.say(to_json({"url": choice.location.shown, "done": done}, indent=2))
    else:
        invocation.say(f"{choice.location.shown}: {', '.join(done)}: all fine")


def _try(repository: Repository, location: Location) -> GtrackError | None:
    from gtrack.ops.store_setup import check_store

    try:
        check_store(repository, location)
    except GtrackError as error:
        return error
    return None


def _hint(error: GtrackError) -> str:
    return f" ({clean(error.hint)})" if error.hint else ""
