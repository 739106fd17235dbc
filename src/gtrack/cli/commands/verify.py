"""``gtrack verify``: the proof of a model, a run or everything, and what a push may bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_run
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Column, Output, emit, output_options
from gtrack.cli.table import Heading
from gtrack.cli.verify_report import print_range, print_verification
from gtrack.errors import DamageError, FormatError, UsageError

if TYPE_CHECKING:
    from gtrack.ops.fsck_range import RangeReport
    from gtrack.ops.verify_result import Link

__all__ = ["command"]


@declare(
    "verify",
    examples=[
        "gtrack verify models:/churn@champion",
        "gtrack verify last",
        "gtrack verify",
        "gtrack verify churn/3 --sign",
        "gtrack verify --range origin/gtrack..gtrack",
    ],
)
@click.argument("subject", metavar="[MODEL|RUN]", required=False, shell_complete=complete_run)
@click.option("--fetch", is_flag=True, help="First fetch what is not here: the code of runs, the content of files.")
@click.option("--sign", is_flag=True, help="First sign what you have written of it and is not signed.")
@click.option(
    "--range",
    "span",
    metavar="OLD..NEW",
    help="Check what these commits bring, against the policy too, for a server's hook; OLD may be zeros or empty.",
)
@click.option("--repo", "place", metavar="DIR", help="With --range: the repository, which may be bare.")
@click.option("--allow-epoch", is_flag=True, help="With --range: let a rewritten branch of a higher epoch through.")
@click.option(
    "--allow-bypass", is_flag=True, help="With --range: let events through that break the policy and give a reason."
)
@click.option("--quiet", is_flag=True, help="Print nothing: the exit code tells.")
@output_options
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    subject: str | None,
    fetch: bool,
    sign: bool,
    span: str | None,
    place: str | None,
    allow_epoch: bool,
    allow_bypass: bool,
    quiet: bool,
    output: Output,
) -> int:
    """Prove where a model comes from, offline.

    The chain goes from the content of its files to the version's file, to the run's files, to the commit, the
    uncommitted changes and the data of that run, and to who promoted and approved it, with their signatures; what the
    team's policy demands has to hold. MODEL is a version, such as churn/3 or models:/churn@champion; RUN is a selector;
    without either, everything here is checked. Without --fetch no remote is asked: what is not here is said to be so,
    which is not the same as altered.

    --range checks a push, as gtrack fsck --range does, and against the policy of the default code branch: approvals,
    who may promote and approve, signatures. docs/verify.md has the server's hook and the workflow for GitHub.

    The exit code is 0 when nothing is broken, 1 when something is, 6 when a range damages the branch.
    """
    if span is None and (place is not None or allow_epoch or allow_bypass):
        raise UsageError("--repo, --allow-epoch and --allow-bypass go with --range")
    if span is not None:
        if subject is not None or sign or fetch:
            raise UsageError("--range checks a push: it goes with no MODEL or RUN, and not with --sign or --fetch")
        report = _check_range(invocation, span, place or ".", allow_epoch=allow_epoch, allow_bypass=allow_bypass)
        if not quiet:
            print_range(invocation, output, report)
        return _code_of(report)
    if sign and subject is None:
        raise UsageError("--sign needs to know what to sign", hint="gtrack verify churn/3 --sign")
    return _verify(invocation, subject, fetch=fetch, sign=sign, quiet=quiet, output=output)


def _verify(
    invocation: Invocation, subject: str | None, *, fetch: bool, sign: bool, quiet: bool, output: Output
) -> int:
    from gtrack.ops.verify import add_signatures, fetch_subject, verify

    with invocation.repository() as repo:
        if fetch:
            fetch_subject(repo, subject, interactive=invocation.interactive)
        if sign:
            assert subject is not None
            made = add_signatures(repo, subject, interactive=invocation.interactive)
            invocation.notice(f"gtrack: {len(made):,} signatures added")
        found = verify(repo, subject)
    if not quiet and output.form in (None, "json"):
        print_verification(invocation, output, found)
    elif not quiet:
        emit(invocation, output, found.links, _columns(), lambda link: link.to_dict())
    return 0 if found.ok else 1


def _check_range(
    invocation: Invocation, span: str, place: str, *, allow_epoch: bool, allow_bypass: bool
) -> RangeReport:
    from gtrack.branch.repository import Repository
    from gtrack.ops.verify_range import verify_range

    # Nothing is recorded first: a server's hook may not write, and only git sees what a push brings.
    with Repository(place, invocation.env, incoming=True) as repo:
        return verify_range(repo, span, allow_epoch=allow_epoch, allow_bypass=allow_bypass)


def _code_of(report: RangeReport) -> int:
    if report.ok:
        return 0
    if report.newer:
        return FormatError.exit_code
    errors = [finding for finding in report.findings if finding.level == "error"]
    # What breaks a rule begins with the rule; anything else is damage.
    return 1 if all(finding.what.startswith("[") for finding in errors) else DamageError.exit_code


def _columns() -> list[Column[Link]]:
    return [
        Column("state", Heading("STATE"), lambda link: link.state),
        Column("kind", Heading("KIND"), lambda link: link.kind),
        Column("name", Heading("NAME"), lambda link: link.name),
        Column("text", Heading("FOUND"), lambda link: link.text),
        Column("hint", Heading("HINT"), lambda link: link.hint or ""),
    ]
