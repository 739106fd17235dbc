"""``gtrack ingest``: runs recorded without a repository."""

from __future__ import annotations

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.display.words import plural
from gtrack.ids import SHORT
from gtrack.text import clean

__all__ = ["command"]


@declare("ingest", examples=["gtrack ingest /scratch/spool", "rsync -a node7:spool/ spool/ && gtrack ingest spool"])
@click.argument("directory", type=click.Path())
@click.option("--force", is_flag=True, help="Take in runs of other machines that do not look ended, too.")
@click.pass_obj
def command(invocation: Invocation, *, directory: str, force: bool) -> None:
    """Take in runs recorded elsewhere without a repository.

    DIRECTORY is what GTRACK_SPOOL named there. Taking the same runs in again changes nothing.
    """
    from gtrack.ops.ingest import ingest

    with invocation.repository() as repo:
        report = ingest(repo, directory, force=force)
    for run_id in report.taken:
        invocation.say(f"run {run_id[:SHORT]} taken in")
    for where, why in report.skipped:
        invocation.notice(f"gtrack: {clean(where)} is left there: {clean(why)}")
    if not report.taken:
        kept = f", {plural(len(report.skipped), 'run')} left there" if report.skipped else ""
        invocation.notice(f"nothing to take in from {clean(directory)}{kept}")
