"""``gtrack model alias``, ``promote``, ``approve``, ``rollback`` and the like: what versions are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gtrack.cli.command import Command
from gtrack.cli.invocation import Invocation
from gtrack.cli.model_completing import complete_alias, complete_alias_or_stage, complete_stage, complete_version_of
from gtrack.cli.model_options import (
    bypass_option,
    message_option,
    model_argument,
    model_name,
    review_of,
    review_option,
    say_changed,
    say_review,
    version_argument,
)
from gtrack.display.model_words import called, standing
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.model.registered import Version
    from gtrack.ops.model_review import ReviewBranch
    from gtrack.ops.model_writing import Changed
    from gtrack.reader import Repo

__all__ = ["CHANGING"]

_alias_argument = click.argument("alias", metavar="ALIAS", shell_complete=complete_alias)
_stage_argument = click.argument("stage", metavar="STAGE", shell_complete=complete_stage)


@click.command(
    "alias",
    cls=Command,
    examples=[
        'gtrack model alias churn champion 3 -m "beats v2 by 0.4 AUC"',
        "gtrack model alias churn challenger ~9c1d7b6",
    ],
)
@model_argument
@_alias_argument
@click.argument("version", metavar="VERSION", shell_complete=complete_version_of)
@message_option
@review_option
@click.pass_obj
def _alias(invocation: Invocation, *, name: str, alias: str, version: str, message: str | None, review: bool) -> None:
    """Point an alias of a model at one of its versions.

    VERSION is a number, ~ and the first digits of a uid, or any name of the version, such as churn@challenger. Who
    loads models:/churn@champion gets the version that the alias points at then.
    """
    from gtrack.ops.model_events import set_alias

    name = model_name(name)
    with invocation.repository() as repo:
        write = review_of(repo, review, name, f"{alias}-{version.rpartition('/')[2]}")
        done = set_alias(repo.repository, name, alias, version.removeprefix("models:/"), reason=message, write=write)
        _say(invocation, repo, write, done, f"{clean(alias)} is {_called(done.version)}")


@click.command("unalias", cls=Command, examples=["gtrack model unalias churn challenger"])
@model_argument
@_alias_argument
@message_option
@click.pass_obj
def _unalias(invocation: Invocation, *, name: str, alias: str, message: str | None) -> None:
    """Take an alias of a model away; the version stays."""
    from gtrack.ops.model_events import remove_alias

    with invocation.repository() as repo:
        done = remove_alias(repo.repository, model_name(name), alias, reason=message)
        _say(invocation, repo, None, done, f"there is no {clean(alias)}")


@click.command(
    "promote",
    cls=Command,
    examples=[
        'gtrack model promote churn/3 staging -m "best of the search"',
        "gtrack model promote churn@challenger production --keep",
        "gtrack model promote churn/3 production --pr",
    ],
)
@version_argument
@_stage_argument
@message_option
@click.option("--keep", is_flag=True, help="What is in that stage stays there, instead of being archived.")
@bypass_option
@review_option
@click.pass_obj
def _promote(
    invocation: Invocation,
    *,
    version: str,
    stage: str,
    message: str | None,
    keep: bool,
    bypass: str | None,
    review: bool,
) -> None:
    """Bring a version into a stage: staging, production, archived or none.

    What the team's policy demands has to hold; gtrack policy check VERSION --stage STAGE asks beforehand. Where it
    asks for approvals, the version comes into the stage when others have given them: gtrack model approve. What is in
    staging or production makes room and is archived, by the same event. With --pr the event is committed to a branch
    of its own, and counts when that is merged.
    """
    from gtrack.ops.model_stages import promote

    with invocation.repository() as repo:
        write = _review_of(repo, review, version, stage)
        done = promote(repo.repository, version, stage, reason=message, keep=keep, bypass=bypass, write=write)
        _say(invocation, repo, write, done, _stands(done.version))


@click.command(
    "approve",
    cls=Command,
    examples=["gtrack model approve churn/3 production", "gtrack model approve churn/3 production --pr"],
)
@version_argument
@_stage_argument
@message_option
@review_option
@click.pass_obj
def _approve(invocation: Invocation, *, version: str, stage: str, message: str | None, review: bool) -> None:
    """Approve that a version comes into a stage.

    The last approval that is needed brings it there. Neither who promoted a version nor who registered it counts; an
    approval may be given before the promotion.
    """
    from gtrack.ops.model_stages import approve

    with invocation.repository() as repo:
        write = _review_of(repo, review, version, f"approve-{stage}")
        done = approve(repo.repository, version, stage, reason=message, write=write)
        _say(invocation, repo, write, done, f"you have approved {_called(done.version)} for {clean(stage)} already")


@click.command("reject", cls=Command, examples=['gtrack model reject churn/3 production -m "drifts on new customers"'])
@version_argument
@_stage_argument
@message_option
@click.pass_obj
def _reject(invocation: Invocation, *, version: str, stage: str, message: str | None) -> None:
    """Say that a version shall not come into a stage: a promotion that waits for approvals ends.

    Who promoted it may take it back so.
    """
    from gtrack.ops.model_stages import reject

    with invocation.repository() as repo:
        done = reject(repo.repository, version, stage, reason=message)
        _say(invocation, repo, None, done, f"you have rejected {_called(done.version)} for {clean(stage)} already")


@click.command(
    "rollback",
    cls=Command,
    examples=[
        'gtrack model rollback churn champion -m "false alarms at night"',
        "gtrack model rollback churn production",
    ],
)
@model_argument
@click.argument("what", metavar="ALIAS|STAGE", shell_complete=complete_alias_or_stage)
@message_option
@bypass_option
@review_option
@click.pass_obj
def _rollback(
    invocation: Invocation, *, name: str, what: str, message: str | None, bypass: str | None, review: bool
) -> None:
    """Put back what an alias pointed at, or what was in a stage, before.

    That is one event; nobody has to approve again of what was there once. A rollback after a rollback goes one further
    back.
    """
    from gtrack.ops.model_stages import rollback

    name = model_name(name)
    with invocation.repository() as repo:
        write = review_of(repo, review, name, f"rollback-{what}")
        done = rollback(repo.repository, name, what, reason=message, bypass=bypass, write=write)
        _say(invocation, repo, write, done, _stands(done.version))


def _review_of(repo: Repo, review: bool, text: str, about: str) -> ReviewBranch | None:
    """Return the branch for the review of something about the version that a text names."""
    if not review:
        return None
    from gtrack.ops.registry import resolve

    version = resolve(repo.repository, text).version
    return review_of(repo, review, version.model, f"{called(version).lstrip('~')}-{about}")


def _say(invocation: Invocation, repo: Repo, review: ReviewBranch | None, done: Changed, otherwise: str) -> None:
    if review is None or not say_review(invocation, repo, review, done):
        say_changed(invocation, done, otherwise)


def _called(version: Version | None) -> str:
    return "no version" if version is None else called(version)


def _stands(version: Version | None) -> str:
    return "it is so already" if version is None else f"{called(version)} is in {standing(version)}"


CHANGING = (_alias, _unalias, _promote, _approve, _reject, _rollback)
"""The subcommands, in the order of the help text."""
