"""A metric along a history, as a table with its verdict, or as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtrack.cli.diff_markdown import inert_columns, sentence
from gtrack.cli.invocation import Invocation
from gtrack.cli.measured import measured, sparkline
from gtrack.cli.output import Column, Output, emit, markdown_table
from gtrack.cli.standings import describe_goal
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.display.cells import to_json
from gtrack.display.words import instant
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.blame import Blame, Point
    from gtrack.ops.blame_search import History

__all__ = ["print_blame"]

_MARKS = {
    "better": ("▲ better", "better", "green"),
    "worse": ("▼ worse", "worse", "red"),
    "higher": ("▲ higher", "higher", "yellow"),
    "lower": ("▼ lower", "lower", "yellow"),
}
_PARAMS = 3
_SUBJECT = 60
_WIDE = 60


def print_blame(invocation: Invocation, output: Output, found: Blame, history: History) -> None:
    """Print what was found in the format asked for; for people the newest commit stands on top, as in git log."""
    terminal = output.terminal(invocation)
    if output.form == "json":
        head = {"branch": history.label, "experiment": history.experiment}
        output.write(to_json({**head, **found.to_dict()}, indent=2) + "\n")
        return
    table = output.form is None
    say = invocation.say if output == Output() else invocation.notice
    if table:
        say(_head(found, history, terminal))
    newest_first = found.points[::-1]
    if output.form == "md":
        output.write(_markdown(found, history, terminal))
        return
    emit(
        invocation, output, newest_first, _columns(terminal), lambda point: point.to_dict(), csv_columns=_csv_columns()
    )
    if table:
        for line in verdict(found, terminal):
            say(line)


def _markdown(found: Blame, history: History, terminal: Terminal) -> str:
    """Return a comment for a code host: the metric, the table, and the verdict, which is what one wants to know."""
    columns = inert_columns(_columns(terminal))
    rows = [[column.cell(point) for column in columns] for point in found.points[::-1]]
    table = markdown_table([column.heading.text for column in columns], rows)
    said = [sentence(line.strip()) for line in verdict(found, terminal)]
    return f"{sentence(_head(found, history, terminal))}\n\n{table}" + "".join(f"\n{line}\n" for line in said)


def verdict(found: Blame, terminal: Terminal) -> list[str]:
    """Return which commit moved the metric, in one line or a few."""
    moved, worse = found.moved_most, found.worsened_most
    if moved is not None:
        lines = _blamed("moved most", moved, terminal)
        return lines if worse is None or worse is moved else [*lines, *_blamed("worsened most", worse, terminal)]
    if len(found.points) < 2:
        return ["only one commit has runs: there is nothing to compare it with"]
    if found.noise is None:
        return ["how much runs of the same code differ is not known: run some commits twice, with other seeds"]
    return ["no commit moved it by more than chance explains"]


def _head(found: Blame, history: History, terminal: Terminal) -> str:
    values = [point.sample.mean for point in found.points][-_WIDE:]
    direction = ""
    if found.goal is not None:
        direction = f", {describe_goal(found.goal)}"
    what = f"{clean(found.metric)} of {clean(history.experiment)} on {clean(history.label)}{direction}"
    return f"{what}  {sparkline(values, terminal)}"


def _blamed(what: str, point: Point, terminal: Terminal) -> list[str]:
    step, commit = point.step, point.commit
    assert step is not None
    change = measured(step.interval.difference, step.interval.half_width, terminal, signed=True)
    change = change if point.sample.n else "NaN from then on"
    lines = [f'{what}: {commit.id[:SHORT]} "{clean(commit.subject)[:_SUBJECT]}" {change} ({step.verdict})']
    span = f"{step.base.id[:SHORT]}..{commit.id[:SHORT]}"
    if step.commits > 1:
        lines.append(f"  one of {step.commits} commits, the others have no runs: git log --oneline {span}")
    elif len(commit.parents) > 1:
        lines.append(f"  a merge, which brought: git log --oneline {span}")
    if step.params:
        lines.append(f"  its params changed as well: {_params(step.params)}")
    return lines


def _params(keys: tuple[str, ...]) -> str:
    more = f" and {len(keys) - _PARAMS} more" if len(keys) > _PARAMS else ""
    return clean(", ".join(keys[:_PARAMS])) + more


def _columns(terminal: Terminal) -> list[Column[Point]]:
    return [
        Column("commit", Heading("COMMIT"), _commit, style=lambda _: ("yellow",)),
        Column("date", Heading("DATE", drop=2), _date),
        Column("author", Heading("AUTHOR", shrinks_to=6, drop=3), lambda point: point.commit.author),
        Column("subject", Heading("SUBJECT", shrinks_to=12), lambda point: point.commit.subject[:_SUBJECT]),
        Column("n", Heading("N", right=True, drop=1), lambda point: point.sample.n),
        Column("mean", Heading("MEAN", right=True), _mean, lambda point: _mean_text(point, terminal)),
        Column("delta", Heading("CHANGE", right=True), _delta, lambda point: _delta_text(point, terminal), _style),
        Column("verdict", Heading("", shrinks_to=9), _verdict, lambda point: _mark(point, terminal), _style),
    ]


def _csv_columns() -> list[Column[Point]]:
    names = ("id", "time", "author", "subject", "n", "mean", "std", "nan", "base", "commits", "delta", "low", "high")
    return [_csv_column(name) for name in (*names, "verdict")]


def _csv_column(name: str) -> Column[Point]:
    return Column(name, Heading(name), lambda point: point.to_dict().get(name))


def _commit(point: Point) -> str:
    return point.commit.id[:SHORT]


def _date(point: Point) -> str:
    return instant(point.commit.time * 1_000_000)[:10]


def _mean(point: Point) -> float:
    return point.sample.mean


def _mean_text(point: Point, terminal: Terminal) -> str:
    return measured(point.sample.mean, point.sample.std, terminal)


def _delta(point: Point) -> float | None:
    return None if point.step is None else point.step.interval.difference


def _delta_text(point: Point, terminal: Terminal) -> str:
    if point.step is None:
        return "-"
    return measured(point.step.interval.difference, point.step.interval.half_width, terminal, signed=True)


def _verdict(point: Point) -> str | None:
    return None if point.step is None else point.step.verdict


def _mark(point: Point, terminal: Terminal) -> str:
    if point.step is None:
        return ""
    pretty, plain, _ = _MARKS.get(point.step.verdict or "", ("", "", ""))
    params = f" (params: {_params(point.step.params)})" if point.step.params else ""
    return f"{pretty if terminal.unicode else plain}{params}".strip()


def _style(point: Point) -> tuple[str, ...]:
    verdict_ = _verdict(point)
    return () if verdict_ is None else (_MARKS[verdict_][2],)
