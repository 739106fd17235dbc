"""What a proof came to, as lines for people: the chain, then what is broken in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gtrack.cli.findings import finding_columns, finding_text, finding_to_dict
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Output, emit
from gtrack.cli.terminal import Terminal
from gtrack.display.cells import to_json
from gtrack.display.words import plural
from gtrack.text import clean

if TYPE_CHECKING:
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
        output.write("".join(finding_text(finding, terminal) for finding in report.findings))
    else:
        columns = finding_columns("commit")
        emit(invocation, output, report.findings, columns, lambda finding: finding_to_dict(finding, "commit"))
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
