"""``gtrack report``: Markdown files with live blocks, listed, checked and made into a page."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gtrack.cli.command import Command
from gtrack.cli.completing import complete_file
from gtrack.cli.files import write_file
from gtrack.cli.group import group
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Column, Output, emit, output_options
from gtrack.cli.table import Heading
from gtrack.display.words import plural
from gtrack.errors import UsageError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.reader import Repo
    from gtrack.report.document import Report
    from gtrack.report.problems import Problem

__all__ = ["command"]


@group("report", examples=["gtrack report ls", "gtrack report build results.md -o results.html"])
@click.pass_context
def command(ctx: click.Context) -> None:
    """Markdown files with live tables, charts and runs: list, check and build them.

    A block is a fenced code block whose first word is gtrack, with YAML inside: 'table: metrics.val_auc > 0.9', 'chart:
    val_loss', 'run: last', 'leaderboard: churn'. docs/reports.md says what each takes. Without a subcommand the reports
    are listed.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(ls)


@command.command("ls", cls=Command, examples=["gtrack report ls", "gtrack report ls --json"])
@output_options
@click.pass_obj
def ls(invocation: Invocation, *, output: Output) -> None:
    """List the Markdown files of the repository that have a block.

    They are those that git tracks or would track. PROBLEMS are those of the text alone; check answers the blocks as
    well.
    """
    from gtrack.report.sources import find_reports

    with invocation.repository() as repo:
        reports = find_reports(repo)
    if not reports and output.form is None:
        invocation.notice("no Markdown file here has a gtrack block; docs/reports.md shows one")
        return
    emit(invocation, output, reports, _columns(), _to_dict)


@command.command("check", cls=Command, examples=["gtrack report check", "gtrack report check docs/results.md"])
@click.argument("files", metavar="[FILE]...", nargs=-1, shell_complete=complete_file)
@output_options
@click.pass_obj
def check(invocation: Invocation, *, files: Sequence[str], output: Output) -> int:
    """Answer the blocks of reports, and exit with 1 where one is wrong.

    Without a FILE: all that ls lists. What is wrong is named with file and line, and what would be right.
    """
    from gtrack.report.page import problems_of
    from gtrack.report.sources import find_reports

    with invocation.repository() as repo:
        reports = _reports(repo, files) if files else find_reports(repo)
        problems = problems_of(repo, reports)
    if output.form is not None:
        emit(invocation, output, problems, _problem_columns(), lambda problem: problem.to_dict())
    elif problems:
        output.write("".join(f"{line}\n" for problem in problems for line in _lines(problem)))
    else:
        output.write("".join(f"{_counted(report)}, no problem\n" for report in reports) or "no reports\n")
    return 1 if problems else 0


@command.command(
    "build",
    cls=Command,
    examples=[
        "gtrack report build results.md -o results.html",
        "gtrack report build docs/*.md --title 'All results' --strict -o site/index.html",
        "gtrack report build results.md -o - | less",
    ],
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, shell_complete=complete_file)
@click.option("-o", "file", metavar="FILE", shell_complete=complete_file, help="The page to write; - for the output.")
@click.option("--title", metavar="TEXT", default="", help="What several reports are called together.")
@click.option("--strict", is_flag=True, help="Exit with 1 where a block is wrong; the page is written all the same.")
@click.pass_obj
def build(invocation: Invocation, *, files: Sequence[str], file: str | None, title: str, strict: bool) -> int:
    """Make one HTML page of reports that needs no server, no script and no network.

    Several reports make one page, with their contents on top. What is wrong with a block is shown in its place and
    named on standard error. The same files and runs give the same page, byte by byte.
    """
    from gtrack.report.page import build_page

    if file is None:
        raise UsageError("-o says which page to write", hint=f"gtrack report build {clean(files[0])} -o report.html")
    with invocation.repository() as repo:
        reports = _reports(repo, files)
        page = build_page(repo, reports, title=clean(title))
    for line in (line for problem in page.problems for line in _lines(problem)):
        invocation.notice(line)
    data = page.html.encode("utf-8", "replace")
    if file == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    else:
        write_file(file, data)
        invocation.notice(f"{clean(file)}: {plural(len(reports), 'report')}, {plural(page.blocks, 'block')}")
    return 1 if strict and page.problems else 0


def _reports(repo: Repo, files: Sequence[str]) -> list[Report]:
    from gtrack.report.sources import read_report, report_path

    paths = dict.fromkeys(report_path(repo, file) for file in files)
    return [read_report(repo, path) for path in paths]


def _lines(problem: Problem) -> list[str]:
    """Return a problem as lines: the first one as editors and continuous integration know it."""
    return [*clean(str(problem), lines=True).splitlines(), *([f"  hint: {problem.hint}"] if problem.hint else [])]


def _counted(report: Report) -> str:
    return f"{clean(report.path)}: {plural(len(report.blocks), 'block')}"


def _problems(report: Report) -> list[Problem]:
    return [*report.problems, *(block.problem for block in report.blocks if block.problem is not None)]


def _columns() -> list[Column[Report]]:
    return [
        Column("path", Heading("PATH"), lambda report: report.path),
        Column("title", Heading("TITLE", shrinks_to=12), lambda report: report.title),
        Column("blocks", Heading("BLOCKS", right=True), lambda report: len(report.blocks)),
        Column("problems", Heading("PROBLEMS", right=True), lambda report: len(_problems(report))),
    ]


def _to_dict(report: Report) -> dict[str, object]:
    return {
        "path": report.path,
        "title": report.title,
        "blocks": [{"kind": block.kind, "line": block.line, **block.settings} for block in report.blocks],
        "problems": [problem.to_dict() for problem in _problems(report)],
    }


def _problem_columns() -> list[Column[Problem]]:
    return [
        Column("path", Heading("PATH"), lambda problem: problem.path),
        Column("line", Heading("LINE", right=True), lambda problem: problem.line),
        Column("message", Heading("MESSAGE"), lambda problem: problem.message),
        Column("hint", Heading("HINT"), lambda problem: problem.hint),
    ]
