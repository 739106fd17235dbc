"""``gtrack pull``: fetch the team's runs, or copy chosen ones of somebody else's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gtrack.cli.columns import metric_column, run_columns
from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Output, emit
from gtrack.cli.selectors import matcher
from gtrack.clock import now_ns
from gtrack.display.exchange import pull_remarks, pulled
from gtrack.display.main_metrics import main_metrics
from gtrack.display.words import plural
from gtrack.errors import UsageError
from gtrack.ids import SHORT
from gtrack.model.state import RunState
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.view import View
    from gtrack.reader import Repo

__all__ = ["command"]


@declare(
    "pull",
    examples=[
        "gtrack pull",
        "gtrack pull --artifacts --where 'tags.stage = \"final\"'",
        "gtrack pull alice 3f2a9c1",
        "gtrack pull alice --where 'metrics.val_auc > 0.9'",
    ],
)
@click.argument("remote", required=False)
@click.argument("selectors", metavar="[SELECTOR]...", nargs=-1)
@click.option(
    "--artifacts", is_flag=True, help="Fetch the files of artifacts, and the curves of which there is a preview."
)
@click.option(
    "--where", "filter_", metavar="FILTER", help="Copy the runs that match; with --artifacts, fetch theirs alone."
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask before copying.")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    remote: str | None,
    selectors: Sequence[str],
    filter_: str | None,
    artifacts: bool,
    yes: bool,
) -> None:
    """Fetch the team's runs and join them with the local branch.

    Files of artifacts are fetched when they are first needed, or with --artifacts all at once, to work offline.

    From a REMOTE that is not the team's, such as a fork, only the runs that you choose are copied, after they were
    shown: nothing else of it counts here, neither its models nor what it deleted.
    """
    with invocation.repository() as repo:
        if remote in (None, repo.repository.remote):
            if selectors or (filter_ is not None and not artifacts):
                raise UsageError(
                    "from the team's remote everything is pulled, so there is nothing to choose",
                    hint="gtrack pull; --where chooses with --artifacts alone",
                )
            _pull_everything(invocation, repo)
            if artifacts:
                from gtrack.cli.pulling import pull_artifacts

                pull_artifacts(invocation, repo, filter_)
        elif artifacts:
            raise UsageError("files are fetched from where the team keeps them", hint="gtrack pull --artifacts")
        else:
            assert remote is not None
            _copy(invocation, repo, remote, selectors, filter_, yes=yes)


def _pull_everything(invocation: Invocation, repo: Repo) -> None:
    from gtrack.ops.pull import pull

    done = pull(repo.repository, interactive=invocation.interactive)
    invocation.say(pulled(done))
    for line in pull_remarks(done):
        invocation.notice(line)


def _copy(
    invocation: Invocation, repo: Repo, remote: str, selectors: Sequence[str], filter_: str | None, *, yes: bool
) -> None:
    from gtrack.ops.pull_from import copy_runs, look_at

    view = look_at(repo.repository, remote, interactive=invocation.interactive)
    if not selectors and filter_ is None:
        raise UsageError(
            f"which of the {plural(len(view.run_ids), 'run')} at {remote}?",
            hint=f"gtrack ls --remote {remote}, then gtrack pull {remote} SELECTOR, or --where FILTER",
        )
    chosen = _chosen(view, selectors, filter_)
    if not chosen:
        invocation.notice("no run matches")
    elif not selectors:
        chosen = _unknown_here(invocation, repo, remote, chosen)
    if not chosen:
        return
    _show(invocation, chosen)
    if not yes and not _confirmed(invocation, len(chosen), remote):
        return
    done = copy_runs(repo.repository, view, [state.id for state in chosen])
    if done.files:
        what = plural(len(done.runs), "run") if done.runs else f"{plural(done.files, 'file')} about known runs"
        invocation.say(f"{what} copied from {clean(remote)}")
    else:
        invocation.say("they are here already")
    for item in done.dropped:
        invocation.notice(f"not taken: {clean(item.path)}: {clean(item.why)}")


def _chosen(view: View, selectors: Sequence[str], filter_: str | None) -> list[RunState]:
    """Return the runs that were chosen. One that is deleted there is none: what a fork deletes does not count here.

    Raises:
        UsageError: A selector names a deleted run.
    """
    named = [view.state(run_id) for run_id in dict.fromkeys(map(view.select, selectors))]
    for state in named:
        if state.deleted:
            raise UsageError(
                f"the run {state.id[:SHORT]} is deleted at {view.remote}: there is nothing to copy",
                hint=f"gtrack ls --remote {view.remote}",
            )
    wanted = matcher(filter_)
    among = named if selectors else [state for state in view.states() if not state.deleted]
    return [state for state in among if wanted(state)]


def _unknown_here(invocation: Invocation, repo: Repo, remote: str, runs: list[RunState]) -> list[RunState]:
    """Return the runs that are not here. A filter means other people's: what a fork says of ours must not slip in."""
    from gtrack.ops.view import View

    here = set(View(repo.repository).run_ids)
    known = sum(state.id in here for state in runs)
    if known:
        what = f"here already and passed over: {plural(known, 'run')}"
        invocation.notice(f"{what}; to take what {clean(remote)} knows of one since, name it")
    return [state for state in runs if state.id not in here]


def _show(invocation: Invocation, runs: list[RunState]) -> None:
    output = Output()
    columns = run_columns(now_ns() // 1000, output.terminal(invocation))
    emit(invocation, output, runs, columns + [metric_column(key) for key in main_metrics(runs)], RunState.to_dict)


def _confirmed(invocation: Invocation, count: int, remote: str) -> bool:
    if not invocation.interactive:
        raise UsageError(f"nobody is there to be asked about {plural(count, 'run')}", hint="add --yes")
    return click.confirm(f"Copy {plural(count, 'run')} from {clean(remote)}?", err=True)
