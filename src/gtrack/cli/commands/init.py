"""``gtrack init``: the explicit set-up of a repository."""

from __future__ import annotations

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.text import clean

__all__ = ["command"]


@declare(
    "init",
    examples=[
        "gtrack init --remote origin --hooks",
        "gtrack init --remote git@example.org:team/runs.git",
        "gtrack init --textconv",
        "gtrack init --policy",
    ],
)
@click.option(
    "--remote", metavar="NAME|URL", help="Share runs through this remote, or through a repository of its own."
)
@click.option(
    "--hooks/--no-hooks",
    default=None,
    help="Send runs along with git push, and record the files under on_commit; --no-hooks takes the hooks away.",
)
@click.option("--textconv", is_flag=True, help="Let git diff and git log -p show recorded files as text.")
@click.option("--policy", is_flag=True, help="Write a commented policy for runs and models into gtrack.yaml.")
@click.pass_obj
def command(invocation: Invocation, *, remote: str | None, hooks: bool | None, textconv: bool, policy: bool) -> None:
    """Set this repository up for gtrack (optional).

    The first run does without: this makes the branch that will hold the runs now, so that it can be pushed and
    protected. Nothing in the checkout, the index or any other branch is touched, but for gtrack.yaml with --policy,
    which adds rules to choose from, for you to commit. --remote sets gtrack.remote in this clone's git configuration;
    for a URL it adds the remote gtrack, which brings the branch with the runs and nothing else. --hooks installs the
    hooks pre-push and post-commit; those that are there are called first. --textconv adds a diff driver to the
    configuration and .git/info/attributes. Doing it twice changes nothing.
    """
    from gtrack.ops.setup import init

    with invocation.repository() as repo:
        for line in init(repo, remote=remote, textconv=textconv, hooks=hooks):
            invocation.say(clean(line))
        if policy:
            from gtrack.ops.policy_example import write_example

            for line in write_example(repo.repository):
                invocation.say(clean(line))
