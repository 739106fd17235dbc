"""``gtrack fsck``: check every file on the branch, or what a push brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.findings import finding_columns, finding_text, finding_to_dict
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Output, emit, output_options
from gtrack.display.words import plural
from gtrack.errors import DamageError, FormatError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gtrack.ops.fsck_findings import Finding

__all__ = ["command"]


@declare(
    "fsck",
    examples=[
        "gtrack fsck",
        "gtrack fsck --repair",
        "gtrack fsck --json",
        "gtrack fsck --range origin/gtrack..gtrack",
    ],
)
@click.option(
    "--repair", is_flag=True, help="First put back what copies remain of: lost objects, files of runs, snapshots."
)
@click.option(
    "--range",
    "span",
    metavar="OLD..NEW",
    help="Check only what these commits do to the branch, for a server's hook; OLD may be zeros or empty.",
)
@click.option("--allow-epoch", is_flag=True, help="With --range: let a rewritten branch of a higher epoch through.")
@click.option("--quiet", is_flag=True, help="Print nothing: the exit code tells.")
@output_options
@click.pass_obj
def command(
    invocation: Invocation, *, repair: bool, span: str | None, allow_epoch: bool, quiet: bool, output: Output
) -> int:
    """Check every file on the branch.

    Names, formats, digests and the write-once rule are checked against the branch's history; likewise what was
    fetched from the tracking remote, its inboxes and other remotes. The exit code is 6 when something is damaged, or
    when a range does what it must not.
    """
    if span is None and allow_epoch:
        raise UsageError("--allow-epoch goes with --range", hint="gtrack fsck --range OLD..NEW --allow-epoch")
    if span is not None and repair:
        raise UsageError("--repair and --range do not go together", hint="gtrack fsck --repair")
    if span is not None:
        checked, findings, code = _check_range(invocation, span, allow_epoch=allow_epoch)
    else:
        checked, findings, code = _check_all(invocation, repair=repair)
    if quiet:
        return code
    if output.form is None:
        output.write("".join(finding_text(finding, output.terminal(invocation)) for finding in findings))
    else:
        emit(invocation, output, findings, finding_columns(), finding_to_dict)
    errors = sum(finding.level == "error" for finding in findings)
    warnings = len(findings) - errors
    found = f"{plural(errors, 'error')}, {plural(warnings, 'warning')}" if findings else "no damage"
    invocation.notice(f"checked {checked}: {found}")
    return code


def _check_all(invocation: Invocation, *, repair: bool) -> tuple[str, Sequence[Finding], int]:
    from gtrack.ops.fsck import check

    with invocation.repository() as repo:
        report = check(repo, repair=repair)
    checked = f"{plural(report.runs, 'run')}, {plural(report.files, 'file')}, {plural(report.commits, 'commit')}"
    if report.repaired:
        invocation.notice(f"{report.repaired:,} repaired")
    return checked, report.findings, 0 if report.ok else DamageError.exit_code


def _check_range(invocation: Invocation, span: str, *, allow_epoch: bool) -> tuple[str, Sequence[Finding], int]:
    from gtrack.branch.repository import Repository
    from gtrack.ops.fsck_range import check_range

    # Nothing is recorded first: a server's hook may not write, and only git sees what a push brings.
    with Repository(".", invocation.env, incoming=True) as repo:
        report = check_range(repo, span, allow_epoch=allow_epoch)
    code = 0 if report.ok else FormatError.exit_code if report.newer else DamageError.exit_code
    return f"{plural(report.commits, 'commit')}, {plural(report.files, 'new file')}", report.findings, code
