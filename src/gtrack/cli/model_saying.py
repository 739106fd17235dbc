"""``gtrack model log``, ``tag``, ``note``, ``deployed`` and the like: later facts of versions and models."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gtrack.cli.command import Command
from gtrack.cli.invocation import Invocation
from gtrack.cli.model_options import message_option, model_name, say_changed, version_argument, what_argument
from gtrack.cli.recording import read_tags
from gtrack.errors import UsageError
from gtrack.text import clean

__all__ = ["SAYING"]


@click.command(
    "log",
    cls=Command,
    examples=["gtrack model log churn/3 shadow_auc=0.93 latency_ms=12", "gtrack model log churn@champion drift=0.02"],
)
@version_argument
@click.argument("metrics", metavar="KEY=NUMBER...", nargs=-1, required=True)
@click.pass_obj
def _log(invocation: Invocation, *, version: str, metrics: Sequence[str]) -> None:
    """Record what was measured of a version later, such as in shadow or in service.

    The metrics of the run that made it stay as they are. Of one metric the last value stands; every one is in the
    history.
    """
    from gtrack.ops.model_events import log_metrics

    values = _numbers(metrics, version)
    with invocation.repository() as repo:
        say_changed(invocation, log_metrics(repo.repository, version, values), "it is so already")


@click.command(
    "deployed", cls=Command, examples=["gtrack model deployed churn/3 --endpoint https://api.example.org/churn"]
)
@version_argument
@click.option("--endpoint", metavar="URL", required=True, help="Where: a URL, or any name of the place.")
@message_option
@click.pass_obj
def _deployed(invocation: Invocation, *, version: str, endpoint: str, message: str | None) -> None:
    """Record that a version was put into service.

    Nothing is deployed by it. gtrack model serve-info prints what the endpoint should expose.
    """
    from gtrack.ops.model_events import deployed

    with invocation.repository() as repo:
        say_changed(invocation, deployed(repo.repository, version, endpoint, reason=message), "it is so already")


@click.command(
    "tag", cls=Command, examples=["gtrack model tag churn/3 region=eu", "gtrack model tag churn team=growth old-"]
)
@what_argument
@click.argument("words", metavar="KEY=VALUE|KEY-...", nargs=-1, required=True)
@click.pass_obj
def _tag(invocation: Invocation, *, what: str, words: Sequence[str]) -> None:
    """Set tags of a version, or of a model as a whole; KEY- takes one away."""
    from gtrack.ops.model_events import tag

    tags: dict[str, object | None] = {}
    for word in words:
        if "=" not in word and word.endswith("-") and len(word) > 1:
            tags[word[:-1]] = None
        else:
            tags.update(read_tags([word]))
    with invocation.repository() as repo:
        say_changed(invocation, tag(repo.repository, what, tags), "it is so already")


@click.command("note", cls=Command, examples=['gtrack model note churn/3 "drifts on customers of less than a month"'])
@what_argument
@click.argument("text", metavar="TEXT")
@click.pass_obj
def _note(invocation: Invocation, *, what: str, text: str) -> None:
    """Add a remark to a version, or to a model as a whole."""
    from gtrack.ops.model_events import note

    with invocation.repository() as repo:
        say_changed(invocation, note(repo.repository, what, text), "it is so already")


@click.command(
    "describe",
    cls=Command,
    examples=['gtrack model describe churn "Who leaves next month?"', 'gtrack model describe churn/3 ""'],
)
@what_argument
@click.argument("text", metavar="TEXT")
@click.pass_obj
def _describe(invocation: Invocation, *, what: str, text: str) -> None:
    """Say what a version, or a model as a whole, is for; an empty text takes that away."""
    from gtrack.ops.model_events import describe

    with invocation.repository() as repo:
        say_changed(invocation, describe(repo.repository, what, text), "it is so already")


@click.command(
    "rm", cls=Command, examples=['gtrack model rm churn/2 -m "trained on the wrong labels"', "gtrack model rm churn"]
)
@what_argument
@message_option
@click.pass_obj
def _rm(invocation: Invocation, *, what: str, message: str | None) -> None:
    """Delete a version, or a model as a whole; restore brings it back.

    It is hidden, and nothing of it is removed from the branch. What an alias points at, or is in staging or
    production, is not deleted.
    """
    from gtrack.ops.model_events import delete

    with invocation.repository() as repo:
        done = delete(repo.repository, what, reason=message)
        say_changed(invocation, done, "it is so already")
    name = model_name(what) if done.version is None else done.version.name
    invocation.notice(f"  to bring it back: gtrack model restore {clean(name)}")


@click.command("restore", cls=Command, examples=["gtrack model restore churn/2", "gtrack model restore churn"])
@what_argument
@message_option
@click.pass_obj
def _restore(invocation: Invocation, *, what: str, message: str | None) -> None:
    """Bring a deleted version, or a deleted model, back."""
    from gtrack.ops.model_events import restore

    with invocation.repository() as repo:
        say_changed(invocation, restore(repo.repository, what, reason=message), "it is not deleted")


def _numbers(assignments: Sequence[str], version: str) -> dict[str, float]:
    values = {}
    for text in assignments:
        key, equals, number = text.partition("=")
        try:
            if not equals or not key.strip():
                raise ValueError
            values[key.strip()] = float(number)
        except ValueError:
            hint = f"gtrack model log {version:.80} shadow_auc=0.93"
            raise UsageError(f"{text!r:.80} is no metric with a number", hint=hint) from None
    return values


SAYING = (_log, _deployed, _tag, _note, _describe, _rm, _restore)
"""The subcommands, in the order of the help text."""
