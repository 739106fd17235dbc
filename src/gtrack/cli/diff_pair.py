"""The difference of two runs, or a part of it, in every form of output."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from gtrack.branch.code_diff import diff_lines
from gtrack.cli import diff_report as report
from gtrack.cli.diff_code import excerpt, painted
from gtrack.cli.diff_markdown import markdown, markdown_head
from gtrack.cli.diff_rows import PARTS, Row, columns, rows
from gtrack.cli.files import write_file
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Output, emit
from gtrack.cli.terminal import Terminal
from gtrack.display.cells import to_json
from gtrack.errors import GtrackError, NotFoundError
from gtrack.ids import SHORT
from gtrack.ops.compare import Comparison
from gtrack.ops.data_changes import data_changes
from gtrack.ops.run_code import CodeChange, compare_code, fetch_code
from gtrack.reader import Repo
from gtrack.text import clean

__all__ = ["code_excerpt", "print_pair"]

_EXCERPT = 40
_OPTIONS = {
    "params": ("params",),
    "metrics": ("metrics",),
    "code": ("code",),
    "data": ("data",),
    "env": ("environment", "packages", "seed"),
}
"""The parts that an option of the command shows."""


def print_pair(invocation: Invocation, output: Output, repo: Repo, found: Comparison, options: Sequence[str]) -> None:
    """Print what differs between two runs.

    Args:
        invocation: The call.
        output: The format and the place.
        repo: The repository.
        found: The comparison.
        options: ``params``, ``metrics``, ``code``, ``data``, ``env``: what to show; everything when empty.

    Raises:
        NotFoundError: Only the code is to be shown, and it is not here.
    """
    chosen = frozenset(name for option in options for name in _OPTIONS[option])
    if chosen == {"code"} and output.form is None:
        _print_code(invocation, output, repo, found)
        return
    code = None
    terminal = output.terminal(invocation) if output.form is None else Terminal()
    shows_code = None if output.form in ("jsonl", "csv") else terminal
    if "code" in chosen:
        code = code_excerpt(repo, found, shows_code, _reachable(invocation, repo, found), limit=sys.maxsize)
    elif not chosen:
        code = code_excerpt(repo, found, shows_code)
    parts = chosen or frozenset(PARTS)
    if output.form == "json":
        output.write(to_json(_whole(found, code, chosen), indent=2) + "\n")
    elif output.form in ("jsonl", "csv"):
        emit(invocation, output, list(rows(found, parts)), columns(), Row.to_dict)
    elif output.form == "md":
        blocks = report.blocks(found, code, parts, terminal)
        output.write(markdown(markdown_head(found, code), blocks))
    else:
        output.write(_plain(found, code, parts, terminal, whole=not chosen))


def code_excerpt(
    repo: Repo, found: Comparison, terminal: Terminal | None, change: CodeChange | None = None, *, limit: int = _EXCERPT
) -> report.Excerpt:
    """Return what git says of two runs' code, and the beginning of the diff.

    Args:
        repo: The repository.
        found: The comparison.
        terminal: What is to show the diff; None where nothing does.
        change: What git said, where it was asked already; else nothing is fetched.
        limit: The most lines of the diff.
    """
    if change is None:
        change = compare_code(repo.repository, found.a, found.b)
        if change.elsewhere:
            todo = f"gtrack diff {found.a.id[:SHORT]} {found.b.id[:SHORT]} --code fetches it"
            change = replace(change, remarks=(*change.remarks, todo))
    if terminal is None or not change.files:
        return report.Excerpt(change)
    return report.Excerpt(change, *excerpt(repo.repository, change, terminal, limit))


def _plain(
    found: Comparison, code: report.Excerpt | None, parts: Collection[str], terminal: Terminal, *, whole: bool
) -> str:
    head = report.runs_head(found, terminal)
    blocks = report.blocks(found, code, parts, terminal)
    if whole:
        head.append(terminal.style(report.summary(found, code), "bold"))
    elif not blocks:
        head.append("no difference in that")
    return report.plain(head, blocks, terminal)


def _whole(found: Comparison, code: report.Excerpt | None, chosen: Collection[str]) -> dict[str, Any]:
    """Return what is wanted of a comparison, for JSON; the diff itself only where the code was asked for."""
    out: dict[str, Any] = found.to_dict()
    out["data"] = [change.to_dict() for change in data_changes(found.a.data, found.b.data)]
    if code is not None:
        out["code"] |= code.change.to_dict()
    if code is not None and chosen:
        out["code"]["diff"] = "".join(f"{line}\n" for line in code.lines) if code.change.compared else None
    return {name: value for name, value in out.items() if not chosen or name in {"a", "b", *chosen}}


def _reachable(invocation: Invocation, repo: Repo, found: Comparison) -> CodeChange:
    """Return what git says of two runs' code, after fetching what is not here; that this fails is only told."""
    change = compare_code(repo.repository, found.a, found.b)
    if not change.elsewhere:
        return change
    try:
        remote = fetch_code(repo.repository, interactive=invocation.interactive)
    except (GtrackError, OSError) as error:
        invocation.notice(f"gtrack: the code of runs could not be fetched: {clean(str(error))}")
        return change
    invocation.notice(f"gtrack: fetched the code of runs from {clean(remote)}")
    return compare_code(repo.repository, found.a, found.b)


def _print_code(invocation: Invocation, output: Output, repo: Repo, found: Comparison) -> None:
    """Print git's diff and nothing else: safely on a terminal, byte by byte in a pipe or a file."""
    change = _reachable(invocation, repo, found)
    if change.a is None or change.b is None:
        hint = "its owner publishes it with gtrack push --code" if change.elsewhere else None
        raise NotFoundError("; ".join(map(clean, change.remarks)), hint=hint)
    for remark in change.remarks:
        invocation.notice(f"gtrack: {clean(remark)}")
    if change.compared and not change.files:
        invocation.notice("the same code ran")
    terminal = output.terminal(invocation)
    with closing(diff_lines(repo.repository, change.a, change.b, binary=not terminal.interactive)) as pieces:
        if terminal.interactive:
            for text in painted(pieces, terminal):
                output.write(text)
        else:
            _write_bytes(output, pieces)


def _write_bytes(output: Output, pieces: Iterable[bytes]) -> None:
    if output.file is not None:
        write_file(output.file, b"".join(pieces))
        return
    sys.stdout.flush()
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
