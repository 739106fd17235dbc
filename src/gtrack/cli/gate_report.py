"""What a gate found, as lines, a Markdown comment, or data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtrack.cli.data_columns import data_column
from gtrack.cli.invocation import Invocation
from gtrack.cli.measured import measured, plus_minus
from gtrack.cli.output import Column, Output, emit, markdown_table
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.display.cells import to_json
from gtrack.display.words import plural
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.gate_result import Check, Gate

__all__ = ["print_gate"]

_WORDS = {"pass": "PASS", "fail": "FAIL", "undecided": "UNDECIDED"}
_STYLES = {"pass": "green", "fail": "red", "undecided": "yellow"}
_MARKS = {"pass": "✅", "fail": "❌", "undecided": "⚠️"}


def print_gate(invocation: Invocation, output: Output, gate: Gate) -> None:
    """Print the checks and the verdict in the format asked for."""
    terminal = output.terminal(invocation)
    if output.form == "json":
        output.write(to_json(gate.to_dict(), indent=2) + "\n")
    elif output.form == "md":
        output.write(_markdown(gate, terminal))
    elif output.form is None:
        output.write("".join(f"{line}\n" for line in _lines(gate, terminal)))
    else:
        emit(invocation, output, gate.checks, _columns(), lambda check: check.to_dict())


def _lines(gate: Gate, terminal: Terminal) -> list[str]:
    width = max((len(_WORDS[check.verdict]) for check in gate.checks), default=0)
    lines = []
    for check in gate.checks:
        word = terminal.style(f"{_WORDS[check.verdict]:<{width}}", _STYLES[check.verdict])
        lines.append(f"{word}  {clean(_line(check, terminal))}")
    return [*lines, terminal.style(_verdict(gate, terminal), "bold")]


def _line(check: Check, terminal: Terminal) -> str:
    """Return a check in a line; where there is nothing to measure, what was wanted stands before the reason."""
    subject, found, wanted = _sentence(check, terminal)
    if check.problems and check.threshold is not None:
        return f"{subject} {wanted}: {found}"
    if check.problems and check.against is not None:
        return f"{subject} against {check.against}: {found}"
    comma = "," if wanted and check.threshold is None else ""
    return f"{subject} {found}{comma} {wanted}".strip()


def _sentence(check: Check, terminal: Terminal) -> tuple[str, str, str]:
    """Return what was looked at, what was found, and what was wanted."""
    if check.problems:
        return check.subject, "; ".join(check.problems), _wanted(check)
    if check.candidate is None:
        return check.subject, "holds", ""
    half = check.interval.half_width if check.interval is not None else None
    if check.reference is not None and check.interval is not None:
        found = measured(check.interval.difference, half, terminal, signed=True)
        counts = f"(n={check.candidate.n} against {check.reference.n})"
        return check.subject, f"{found} against {check.against} {counts}", _wanted(check)
    return check.subject, f"{measured(check.candidate.mean, half, terminal)} (n={check.candidate.n})", _wanted(check)


def _wanted(check: Check) -> str:
    if check.threshold is not None:
        return str(check.threshold)
    if check.goal is None:
        return ""
    better = "higher" if check.goal.direction == "max" else "lower"
    return f"tolerance {check.tolerance:g}, {better} is better"


def _verdict(gate: Gate, terminal: Terminal) -> str:
    failed = sum(check.verdict == "fail" for check in gate.checks)
    undecided = sum(check.verdict == "undecided" for check in gate.checks)
    of = plural(len(gate.checks), "check")
    said = {
        "pass": f"passes {of}",
        "fail": f"fails {failed} of {of}",
        "undecided": f"{'does not pass' if gate.strict else 'passes'}: {undecided} of {of} undecided, "
        "which more runs can settle" + ("" if gate.strict else "; --strict fails it"),
    }[gate.verdict]
    interval = f" ({plus_minus(terminal)} is the {gate.confidence * 100:g} % confidence interval)"
    return f"{clean(gate.candidate.label)} {said}{interval if _has_interval(gate) else ''}"


def _has_interval(gate: Gate) -> bool:
    return any(check.interval is not None and check.interval.half_width is not None for check in gate.checks)


def _markdown(gate: Gate, terminal: Terminal) -> str:
    """Return a comment for a pull request: the verdict, and a table of the checks."""
    rows = []
    for check in gate.checks:
        subject, found, wanted = _sentence(check, terminal)
        rows.append([_MARKS[check.verdict] + " " + _WORDS[check.verdict].lower(), subject, found, wanted])
    table = markdown_table(["", "what", "found", "wanted"], rows)
    # As the one cell of a table's head, the sentence is escaped like any other cell.
    sentence = markdown_table([_verdict(gate, terminal)], []).splitlines()[0].strip("| ")
    mark = _MARKS[gate.verdict if gate.passed or gate.verdict == "fail" else "fail"]
    text = f"{mark} **gtrack gate:** {sentence}\n\n{table}"
    if gate.reference is None or not gate.reference.remark:
        return text
    from gtrack.cli.diff_markdown import sentence as inert_sentence

    return f"{text}\n{inert_sentence(clean(gate.reference.remark))}\n"


def _columns() -> list[Column[Check]]:
    names = ("kind", "verdict", "subject", "against", "difference", "low", "high", "df", "operator", "threshold")
    columns: list[Column[Check]] = [data_column(name) for name in (*names, "tolerance", "goal")]
    for side in ("candidate", "reference"):
        columns += [data_column(side, part) for part in ("n", "mean", "std", "nan")]
    return [*columns, Column("problems", Heading("problems"), lambda check: "; ".join(check.problems))]
