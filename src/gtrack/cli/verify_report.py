"""What a proof came to, as lines for people: the chain, then what is broken in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Column, Output, emit
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.display.cells import to_json
from gtrack.display.words import plural
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.fsck_findings import Finding
    from gtrack.ops.fsck_range import RangeReport
    from gtrack.ops.verify_result import Link, Verification

__all__ = ["print_range", "print_verification"]

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_WORDS = {"ok": "ok", "broken": "BROKEN", "absent": "not here", "note": "-"}
_STYLES = {"ok": "green", "broken": "red", "absent": "yellow", "note": "dim"}


def print_verification(invocation: Invocation, output: Output, found: Verification) -> None:
    """Print the chain, and whether it holds."""
    if output.form == "json":
        output.write(to_json(found.to_dict(), indent=2) + "\n")
        return
    terminal = output.terminal(invocation)
    # What is broken comes last, where it is seen.
    ordered = sorted(found.links, key=lambda link: link.state == "broken")
    lines = [line for link in ordered for line in _lines(link, terminal)]
    output.write("".join(f"{line}\n" for line in [*lines, _verdict(found, terminal)]))


def print_range(invocation: Invocation, output: Output, report: RangeReport) -> None:
    """Print what speaks against a push: the commit, the file, the rule."""
    if output.form is None:
        terminal = output.terminal(invocation)
        output.write("".join(_finding_text(finding, terminal) for finding in report.findings))
    else:
        emit(invocation, output, report.findings, _columns(), _to_dict)
    errors = sum(finding.level == "error" for finding in report.findings)
    verdict = "nothing speaks against it" if report.ok else f"refused, {plural(errors, 'reason')}"
    invocation.notice(f"checked {plural(report.commits, 'commit')}, {plural(report.files, 'new file')}: {verdict}")


def _lines(link: Link, terminal: Terminal) -> list[str]:
    word = terminal.style(f"{_WORDS[link.state]:<8}", _STYLES[link.state])
    name = link.name[:12] if _COMMIT.match(link.name) else link.name
    lines = [f"{word}  {link.kind:<9}  {clean(name)}: {clean(link.text)}"]
    return lines if link.hint is None else [*lines, f"{'':8}  {'':9}  hint: {clean(link.hint)}"]


def _verdict(found: Verification, terminal: Terminal) -> str:
    if not found.ok:
        said = f"{found.subject}: the chain is broken in {plural(len(found.broken), 'place')}"
        return terminal.style(said, "red", "bold")
    if found.absent:
        count = plural(len(found.absent), "thing")
        return terminal.style(f"{found.subject}: nothing is broken; {count} to be checked is not here", "bold")
    return terminal.style(f"{found.subject}: the chain holds", "green", "bold")


def _finding_text(finding: Finding, terminal: Terminal) -> str:
    level = terminal.style(finding.level, "red" if finding.level == "error" else "yellow")
    source = finding.source or ""
    parts = [source[:SHORT] if _COMMIT.match(source) else source, finding.path, finding.what]
    hint = f"  hint: {clean(finding.hint)}\n" if finding.hint else ""
    return f"{level}: {': '.join(clean(part) for part in parts if part)}\n{hint}"


def _columns() -> list[Column[Finding]]:
    return [
        Column("level", Heading("LEVEL"), lambda finding: finding.level),
        Column("commit", Heading("COMMIT"), lambda finding: finding.source or ""),
        Column("path", Heading("PATH"), lambda finding: finding.path),
        Column("what", Heading("WHAT"), lambda finding: finding.what),
        Column("hint", Heading("HINT"), lambda finding: finding.hint or ""),
    ]


def _to_dict(finding: Finding) -> dict[str, object]:
    return {
        "level": finding.level,
        "commit": finding.source,
        "path": finding.path,
        "what": finding.what,
        "hint": finding.hint,
    }
