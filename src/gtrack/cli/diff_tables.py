"""Several runs side by side, and the effects of single params, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.cli.data_columns import data_column
from gtrack.cli.diff_markdown import inert_columns
from gtrack.cli.diff_rows import both_texts
from gtrack.cli.invocation import Invocation
from gtrack.cli.measured import measured, plus_minus
from gtrack.cli.output import Column, Output, emit
from gtrack.cli.standings import describe_goal
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.display.cells import to_json
from gtrack.display.words import plural, value_text
from gtrack.ids import SHORT
from gtrack.model.state import RunState
from gtrack.model.statistics import Interval
from gtrack.ops.ablation import Ablation, Effect
from gtrack.ops.side_by_side import Line, SideBySide
from gtrack.text import clean

__all__ = ["delta_text", "print_ablation", "print_side_by_side", "verdict_style", "verdict_text"]

_STYLES = {"better": "green", "worse": "red", "different": "yellow"}
_MOST_NAMED = 5


def print_side_by_side(invocation: Invocation, output: Output, found: SideBySide) -> None:
    """Print one line for each param that differs and each metric, one column for each run."""
    if output.form == "json":
        heads = [_head(run) for run in found.runs]
        lines = [line.to_dict(found.runs) for line in found.lines]
        output.write(to_json({"runs": heads, "lines": lines, "codes": found.codes}, indent=2) + "\n")
        return
    runs = [_run_column(at, run) for at, run in enumerate(found.runs)]
    key: Column[Line] = Column("key", Heading("", shrinks_to=12), lambda line: line.key, _line_name)
    if output.form is not None and output.form != "md":
        part: Column[Line] = Column("part", Heading("part"), lambda line: line.part)
        emit(invocation, output, found.lines, [part, key, *runs], lambda line: line.to_dict(found.runs))
        return
    columns = inert_columns([key, *runs]) if output.form == "md" else [key, *runs]
    names = Line("", "name", tuple(run.name for run in found.runs))
    missing = emit(invocation, output, [names, *found.lines], columns, lambda line: line.to_dict(found.runs))
    if missing:
        invocation.notice(f"the terminal has no room for {', '.join(missing)}; --csv and --json show them")
    params = sum(line.part == "params" for line in found.lines)
    code = "the same code ran" if found.codes == 1 else f"{found.codes} versions of the code ran"
    invocation.notice(f"{plural(params, 'param')} not the same in all; {code}; gtrack diff A B compares two runs")


def print_ablation(invocation: Invocation, output: Output, found: Ablation) -> None:
    """Print one line for each param that some run changed alone."""
    if output.form == "json":
        output.write(to_json(found.to_dict(), indent=2) + "\n")
        return
    terminal = output.terminal(invocation)
    table = output.form in (None, "md")
    if table:
        (invocation.say if output == Output() else invocation.notice)(_base(found, terminal))
    if found.effects or not table:
        columns = _effect_columns(found, terminal) if table else _plain_columns()
        columns = inert_columns(columns) if output.form == "md" else columns
        emit(invocation, output, found.effects, columns, Effect.to_dict)
    for remark in _remarks(found, terminal) if table else ():
        invocation.notice(remark)


def verdict_text(verdict: str) -> str:
    """Return a verdict in words; that one run tells nothing of a spread is told once, below."""
    return "" if verdict == "one run" else verdict


def verdict_style(verdict: str) -> tuple[str, ...]:
    """Return the style of a verdict."""
    return (_STYLES[verdict],) if verdict in _STYLES else ()


def delta_text(delta: Interval, terminal: Terminal) -> str:
    """Return a difference with half of its interval, where there is one."""
    return measured(delta.difference, delta.half_width, terminal, signed=True)


def _run_column(at: int, run: RunState) -> Column[Line]:
    def text(line: Line) -> str:
        value = line.values[at]
        if line.part == "metrics" and isinstance(value, float):
            return f"{value:.6g}"
        return value_text(value)

    def style(line: Line) -> Sequence[str]:
        return ("bold", "green") if at in line.best else ()

    heading = Heading(run.id[:SHORT], right=True, shrinks_to=8, drop=at + 1 if at > 1 else 0)
    return Column(run.id, heading, lambda line: line.values[at], text, style)


def _line_name(line: Line) -> str:
    goal = "" if line.goal is None or not line.goal.declared else f" ({line.goal.direction})"
    return line.key + goal


def _effect_columns(found: Ablation, terminal: Terminal) -> list[Column[Effect]]:
    arrow = "→" if terminal.unicode else "->"

    def change(effect: Effect) -> str:
        one, other = both_texts(effect.param.change, effect.param.a, effect.param.b)
        return f"{one or '(none)'} {arrow} {other or '(none)'}"

    def also(effect: Effect) -> str:
        return f"{' and '.join(effect.also)} too" if effect.also else ""

    columns: list[Column[Effect]] = [
        Column("param", Heading("param", shrinks_to=10), lambda e: e.param.key),
        Column("change", Heading("change", shrinks_to=10), change),
        Column("n", Heading("n", right=True), lambda e: e.sample.n),
        Column(
            "mean",
            Heading(clean(found.metric), right=True),
            lambda e: e.sample.mean,
            lambda e: measured(e.sample.mean, e.sample.std, terminal),
        ),
        Column(
            "delta",
            Heading("delta", right=True),
            lambda e: e.delta.difference,
            lambda e: delta_text(e.delta, terminal),
            lambda e: verdict_style(e.verdict),
        ),
        Column(
            "verdict", Heading("", drop=1), lambda e: verdict_text(e.verdict), style=lambda e: verdict_style(e.verdict)
        ),
    ]
    if any(effect.also for effect in found.effects):
        columns.append(Column("also", Heading("differs in", drop=2), also))
    return columns


def _base(found: Ablation, terminal: Terminal) -> str:
    value = f"{measured(found.sample.mean, found.sample.std, terminal)} (n={found.sample.n})"
    name = f"{found.base.id[:SHORT]} {clean(found.base.name)}"
    return f"base {name}: {clean(found.metric)} {value}, {describe_goal(found.goal)}"


def _plain_columns() -> list[Column[Effect]]:
    names = ("key", "change", "a", "b", "n", "mean", "std", "delta", "low", "high", "verdict", "also", "runs")
    return [data_column(name) for name in names]


def _remarks(found: Ablation, terminal: Terminal) -> list[str]:
    """Say what the numbers are, and which runs are not in the table."""
    sign = plus_minus(terminal)
    out = []
    if not found.effects:
        out.append("no run differs from the base in one param alone")
    elif any(effect.delta.half_width is not None for effect in found.effects):
        out.append(f"{sign}: standard deviation; of a delta, Welch's 95 % interval")
    if any(effect.verdict == "one run" for effect in found.effects):
        out.append("one run says nothing about the spread: repeat it with other seeds for an interval")
    left = (
        (found.same, "that differs in no param counts with the base", "that differ in no param count with the base"),
        (found.elsewhere, "that differs in code or data alone", "that differ in code or data alone"),
        (found.several, "that differs in several params", "that differ in several params"),
        (found.without, f"without {clean(found.metric)}", f"without {clean(found.metric)}"),
        (found.unfinished, "that did not finish", "that did not finish"),
    )
    for runs, one, many in left:
        if runs:
            more = f" and {len(runs) - _MOST_NAMED} more" if len(runs) > _MOST_NAMED else ""
            names = ", ".join(f"{run.id[:SHORT]} {clean(run.name)}" for run in runs[:_MOST_NAMED])
            out.append(f"{plural(len(runs), 'run')} {one if len(runs) == 1 else many}: {names}{more}")
    return out


def _head(run: RunState) -> dict[str, object]:
    return {"id": run.id, "name": run.name, "experiment": run.experiment, "status": run.status}
