"""The two sides of a range of commits as text: a table for a terminal, a comment for a pull request."""

from __future__ import annotations

from dataclasses import replace

from gtrack.cli.data_columns import data_column
from gtrack.cli.diff_code import counts, file_lines
from gtrack.cli.diff_markdown import inert, markdown, sentence
from gtrack.cli.diff_report import Block, Excerpt, value_table
from gtrack.cli.diff_tables import delta_text, verdict_style, verdict_text
from gtrack.cli.invocation import Invocation
from gtrack.cli.measured import measured, plus_minus
from gtrack.cli.output import Column, Output, emit, markdown_table
from gtrack.cli.standings import describe_goal
from gtrack.cli.table import Heading, render_table
from gtrack.cli.terminal import Terminal
from gtrack.display.cells import to_json
from gtrack.display.words import plural
from gtrack.model.statistics import Sample
from gtrack.ops.compare import Comparison
from gtrack.ops.differences import Difference
from gtrack.ops.grouping import is_seed
from gtrack.ops.sides import Measured, Sides
from gtrack.text import clean

__all__ = ["print_sides"]


def print_sides(invocation: Invocation, output: Output, sides: Sides, found: Comparison, code: Excerpt) -> None:
    """Print what a range of commits does to metrics.

    Args:
        invocation: The call.
        output: The format and the place.
        sides: Both sides.
        found: One run of each, compared: for the params.
        code: What git says of their code.
    """
    terminal = output.terminal(invocation)
    if output.form == "json":
        out = {**sides.to_dict(), "params": [d.to_dict() for d in _params(found)], "code": code.change.to_dict()}
        output.write(to_json(out, indent=2) + "\n")
    elif output.form == "md":
        output.write(_markdown(sides, found, code, replace(terminal, colour=False, width=None)))
    elif output.form is None:
        output.write(_plain(sides, found, code, terminal))
    else:
        emit(invocation, output, sides.metrics, _columns(), Measured.to_dict)
    if output.form in (None, "md"):
        for remark in sides.remarks:
            invocation.notice(f"gtrack: {clean(remark)}")


def _plain(sides: Sides, found: Comparison, code: Excerpt, terminal: Terminal) -> str:
    """Return a line for each metric, and then what was changed."""
    arrow = "→" if terminal.unicode else "->"
    head = f"{clean(str(sides.left))} {arrow} {clean(str(sides.right))}, experiment {clean(sides.experiment)}"
    lines = [terminal.style(head, "bold")]
    rows, styles = [], []
    for metric in sides.metrics:
        key, left, right, delta, verdict = _cells(metric, terminal)
        rows.append([key, left, arrow, right, delta, verdict])
        style = verdict_style(metric.verdict)
        styles.append([(), (), ("dim",), (), style, style])
    lines += render_table([Heading("")] * 6, rows, replace(terminal, width=None), styles)[0][1:]
    lines += [terminal.style(line, "dim") for line in _legend(sides, terminal)]
    params = value_table("Params", _params(found), terminal)
    for row in params.rows:
        lines.append("  ".join(["param", *filter(None, row)]))
    lines += [clean(remark) for remark in code.change.remarks]
    if code.change.compared:
        lines.append(counts(code.change) if code.change.files else "the same code ran")
        lines += [f"  {line}" for line in file_lines(code.change.files, terminal)]
    return "".join(f"{line}\n" for line in lines)


def _markdown(sides: Sides, found: Comparison, code: Excerpt, terminal: Terminal) -> str:
    heads = ["metric", str(sides.left), str(sides.right), "difference", ""]
    rows = [[inert(cell) for cell in _cells(metric, terminal)] for metric in sides.metrics]
    text = markdown_table([inert(head) for head in heads], rows)
    text += "".join(f"\n{sentence(line)}\n" for line in _legend(sides, terminal))
    text += "".join(f"\n{sentence(remark)}\n" for remark in sides.remarks)
    params = value_table("Params", _params(found), terminal)
    lines = [clean(remark) for remark in code.change.remarks]
    if code.change.compared:
        lines += [counts(code.change) if code.change.files else "the same code ran"]
        lines += file_lines(code.change.files, terminal)
    more = ["..."] if code.more else []
    blocks = [params, Block("Code", lines=lines, diff=[*code.lines, *more])]
    body = markdown([], [block for block in blocks if block.rows or block.lines or block.diff])
    # Without the empty line a code host would not read what follows as Markdown.
    title = f"Params and code: {_changes(params, code)}"
    return f"{text}\n<details>\n<summary>{title}</summary>\n{body}\n</details>\n"


def _cells(metric: Measured, terminal: Terminal) -> list[str]:
    def side(values: Sample) -> str:
        nan = f", {values.nan} NaN" if values.nan else ""
        return f"{measured(values.mean, values.std, terminal)} (n={values.n}{nan})"

    shown = "" if metric.goal is None or not metric.goal.declared else f" ({metric.goal.direction})"
    delta, verdict = delta_text(metric.delta, terminal), verdict_text(metric.verdict)
    return [clean(metric.key) + shown, side(metric.left), side(metric.right), delta, verdict]


def _legend(sides: Sides, terminal: Terminal) -> list[str]:
    """Say what the numbers mean, as far as there are such numbers."""
    sign = plus_minus(terminal)
    out = []
    if any(m.delta.half_width is not None for m in sides.metrics):
        out.append(f"{sign}: standard deviation of the runs; of the difference, half of Welch's 95 % interval")
    if any(m.verdict == "one run" for m in sides.metrics):
        out.append("one run says nothing about the spread: with more seeds there would be an interval")
    guessed = [m for m in sides.metrics if m.goal is None or not m.goal.declared]
    out += [f"{clean(m.key)}: {describe_goal(m.goal)}" for m in guessed]
    return out


def _params(found: Comparison) -> list[Difference]:
    return [param for param in found.params if not is_seed(param.key)]


def _changes(params: Block, code: Excerpt) -> str:
    said = [plural(len(params.rows), "param") if params.rows else "the same params"]
    if code.change.compared:
        said.append(counts(code.change) if code.change.files else "the same code")
    return ", ".join(said)


def _columns() -> list[Column[Measured]]:
    columns: list[Column[Measured]] = [data_column("key")]
    for side in ("left", "right"):
        columns += [data_column(side, part) for part in ("n", "mean", "std", "nan")]
    names = ("difference", "low", "high", "df", "verdict", "goal", "goal_source")
    return columns + [data_column(name) for name in names]
