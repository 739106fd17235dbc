"""``gtrack fsck``: check every file on the branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.fields import plural
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Column, Output, emit, output_options
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.errors import DamageError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.fsck_findings import Finding

__all__ = ["command"]


@declare("fsck", examples=["gtrack fsck", "gtrack fsck --repair", "gtrack fsck --json"])
@click.option(
    "--repair", is_flag=True, help="First put back what copies remain of: lost objects, files of runs, snapshots."
)
@output_options
@click.pass_obj
def command(invocation: Invocation, *, repair: bool, output: Output) -> int:
    """Check every file on the branch.

    Names, formats, digests and the write-once rule are checked against the branch's history. The exit code is 6
    when something is damaged.
    """
    from gtrack.ops.fsck import check

    with invocation.repository() as repo:
        report = check(repo, repair=repair)
    if output.form is None:
        output.write("".join(_text(finding, output.terminal(invocation)) for finding in report.findings))
    else:
        emit(invocation, output, report.findings, _columns(), _to_dict)
    errors = sum(finding.level == "error" for finding in report.findings)
    warnings = len(report.findings) - errors
    checked = f"{plural(report.runs, 'run')}, {plural(report.files, 'file')}, {plural(report.commits, 'commit')}"
    found = f"{plural(errors, 'error')}, {plural(warnings, 'warning')}" if report.findings else "no damage"
    repaired = f"; {report.repaired} repaired" if report.repaired else ""
    invocation.notice(f"checked {checked}: {found}{repaired}")
    return DamageError.exit_code if errors else 0


def _text(finding: Finding, terminal: Terminal) -> str:
    level = terminal.style(finding.level, "red" if finding.level == "error" else "yellow")
    hint = f"  hint: {clean(finding.hint)}\n" if finding.hint else ""
    return f"{level}: {clean(finding.path)}: {clean(finding.what)}\n{hint}"


def _columns() -> list[Column[Finding]]:
    return [
        Column("level", Heading("LEVEL"), lambda finding: finding.level),
        Column("path", Heading("PATH"), lambda finding: finding.path),
        Column("what", Heading("WHAT"), lambda finding: finding.what),
        Column("hint", Heading("HINT"), lambda finding: finding.hint or ""),
    ]


def _to_dict(finding: Finding) -> dict[str, object]:
    return {"level": finding.level, "path": finding.path, "what": finding.what, "hint": finding.hint}
