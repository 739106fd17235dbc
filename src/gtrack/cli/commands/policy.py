"""``gtrack policy``: what the team asks of runs and models, and whether that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gtrack.cli.command import Command
from gtrack.cli.completing import complete_run
from gtrack.cli.group import group
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Output, output_options
from gtrack.errors import UsageError
from gtrack.ids import SHORT

if TYPE_CHECKING:
    from gtrack.model.policy import Judgement
    from gtrack.reader import Repo

__all__ = ["command"]

_BEGIN = "gtrack init --policy writes a commented example"
_STAGES = ("staging", "production", "archived")


@group("policy", examples=["gtrack policy check last", "gtrack policy check churn/3 --stage production"])
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show and check what the team asks of runs and models.

    The policy stands under policy: in gtrack.yaml, and counts as it is on the default branch of the remote that runs
    are shared through. Without a subcommand it is shown.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(show)


@command.command("show", cls=Command, examples=["gtrack policy show", "gtrack policy show --md"])
@output_options
@click.pass_obj
def show(invocation: Invocation, *, output: Output) -> None:
    """Show the rules of the policy that counts."""
    from gtrack.cli.policy_report import print_policy
    from gtrack.model.policy import Policy
    from gtrack.ops.policy import read_policy

    with invocation.repository() as repo:
        policy = read_policy(repo.repository)
    if policy is None:
        invocation.notice(f"gtrack: there is no policy; {_BEGIN}")
    print_policy(invocation, output, policy or Policy())


@command.command(
    "check",
    cls=Command,
    examples=[
        "gtrack policy check",
        "gtrack policy check last",
        "gtrack policy check churn/3 --stage production --md",
    ],
)
@click.argument("what", metavar="[RUN|MODEL/VERSION]", required=False, shell_complete=complete_run)
@click.option(
    "--stage", metavar="STAGE", help="Judge the version's promotion to this stage.", type=click.Choice(_STAGES)
)
@output_options
@click.pass_obj
def check(invocation: Invocation, *, what: str | None, stage: str | None, output: Output) -> int:
    """Exit with 1 when a rule of the policy is not kept.

    A run is judged as it is known now; what was found when it ended is in gtrack show. A version, such as churn/3 or
    churn@champion, is judged as if it were registered now, or with --stage as if you promoted it now: nothing is
    written. Without an argument the policy itself is judged: whether it can be read, in the commit that counts and in
    the working tree. A run whose name has a / or an @ is named with name: in front.
    """
    from gtrack.cli.policy_report import print_judgement

    with invocation.repository() as repo:
        subject, judgement = _judged(repo, what, stage)
    if not judgement.where:
        invocation.notice(f"gtrack: there is no policy; {_BEGIN}")
    print_judgement(invocation, output, judgement, subject)
    return 0 if judgement.passed else 1


def _judged(repo: Repo, what: str | None, stage: str | None) -> tuple[str, Judgement]:
    """Return what was judged, in words, and what came of it."""
    if what is None:
        from gtrack.ops.policy_check import judge_policy

        if stage is not None:
            raise UsageError("--stage is about a version", hint="gtrack policy check churn/3 --stage production")
        return "the policy", judge_policy(repo.repository)
    if _is_version(what):
        return _version(repo, what, stage)
    if stage is not None:
        raise UsageError(f"--stage is about a version, and {what!r:.80} is none", hint="name it like churn/3")
    return _run(repo, what)


def _run(repo: Repo, selector: str) -> tuple[str, Judgement]:
    from gtrack.cli.selectors import whole_state
    from gtrack.model.policy import Judgement
    from gtrack.ops.policy import read_policy
    from gtrack.ops.policy_runs import judge_run

    policy = read_policy(repo.repository)
    run = repo.run(selector)
    judgement = Judgement() if policy is None else judge_run(policy, whole_state(run))
    return f"run {run.id[:SHORT]} {run.name}", judgement


def _is_version(text: str) -> bool:
    if text.startswith(("run:", "name:", "rev:")):
        return False
    return text.startswith("models:/") or "/" in text or "@" in text


def _version(repo: Repo, text: str, stage: str | None) -> tuple[str, Judgement]:
    from gtrack.branch.author import author
    from gtrack.errors import NotFoundError
    from gtrack.ops.policy_models import judge_promotion, judge_registration
    from gtrack.ops.registry import resolve
    from gtrack.ops.view import View

    found = resolve(repo.repository, text)
    version, view = found.version, View(repo.repository)
    if stage is not None:
        wanted = stage.capitalize()
        by = author(repo.repository.config, repo.env)
        judged = judge_promotion(repo.repository, view, found.model, version, wanted, by)
        return f"{version.name} to {wanted}", judged
    if version.run is None or version.run not in view.run_ids:
        raise NotFoundError(f"the run of {version.name} is not here", hint="gtrack pull")
    return version.name, judge_registration(repo.repository, view, view.state(version.run), version.model)
