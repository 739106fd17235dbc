"""Arguments and options that several subcommands of ``gtrack model`` share, and what they say afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gtrack.cli.invocation import Invocation
from gtrack.cli.model_completing import complete_model, complete_version
from gtrack.display.model_history import remarks, sentence
from gtrack.display.model_words import quoted
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.model_review import ReviewBranch
    from gtrack.ops.model_writing import Changed
    from gtrack.reader import Repo

__all__ = [
    "bypass_option",
    "message_option",
    "model_argument",
    "model_name",
    "review_of",
    "review_option",
    "say_changed",
    "say_review",
    "version_argument",
    "what_argument",
]

_MODELS = "models:/"

model_argument = click.argument("name", metavar="NAME", shell_complete=complete_model)
version_argument = click.argument("version", metavar="VERSION", shell_complete=complete_version)
what_argument = click.argument("what", metavar="NAME|VERSION", shell_complete=complete_version)
message_option = click.option("-m", "message", metavar="TEXT", help="Why.")
bypass_option = click.option(
    "--bypass-policy", "bypass", metavar="REASON", help="Do it against the team's policy; the reason is recorded."
)
review_option = click.option(
    "--pr", "review", is_flag=True, help="Put it on a branch of its own, for a pull request, instead of doing it now."
)


def model_name(text: str) -> str:
    """Return a model's name as it was typed, with or without ``models:/``."""
    return text.removeprefix(_MODELS).strip("/")


def review_of(repo: Repo, review: bool, model: str, about: str) -> ReviewBranch | None:
    """Return what puts an event on a branch of its own, where that is asked for.

    Args:
        repo: The repository.
        review: It is asked for.
        model: The model's name.
        about: What the event does, for the branch's name.
    """
    from gtrack.errors import UsageError
    from gtrack.ops.model_review import ReviewBranch

    if not review:
        return None
    if repo.repository.remote is None:
        raise UsageError("--pr makes a branch for a pull request, and there is no remote", hint="leave --pr away")
    return ReviewBranch(repo.repository, model, about)


def say_changed(invocation: Invocation, done: Changed, otherwise: str) -> None:
    """Say what a change came to, and what to type next where it waits for somebody.

    Args:
        invocation: The call.
        done: The change.
        otherwise: What is so already, where nothing was written.
    """
    state, version = done.model, done.version
    entry = next((each for each in state.history if each.file == done.event), None)
    if entry is None:
        invocation.notice(f"model {clean(state.name)}: nothing to do, {otherwise}")
    else:
        invocation.notice(f"model {clean(state.name)}: {sentence(state, entry)}")
        for line in remarks(entry)[1 if entry.reason else 0 :]:
            invocation.notice(f"  {line}")
    waiting = None if version is None else version.pending
    if version is not None and waiting is not None:
        invocation.notice(f"  somebody else types: gtrack model approve {quoted(version.name)} {waiting.stage.lower()}")


def say_review(invocation: Invocation, repo: Repo, review: ReviewBranch, done: Changed) -> bool:
    """Say which branch has an event that is to be reviewed, and what to type; False where nothing was written."""
    if not review.branch:
        return False
    state, own = done.model, repo.repository
    entry = next((each for each in state.history if each.file == done.event), None)
    said = "" if entry is None else f": {sentence(state, entry)}"
    invocation.notice(f"on the branch {review.branch} for review, and not in effect yet{said}")
    base, remote = own.branch.removeprefix("refs/heads/"), own.remote or "origin"
    invocation.notice(f"  git push {quoted(remote)} {quoted(review.branch)}")
    invocation.notice(f"  gh pr create --base {quoted(base)} --head {quoted(review.branch)} --fill")
    invocation.notice(f"  or open a pull request into {clean(base)} elsewhere; when it is merged: gtrack pull")
    return True
