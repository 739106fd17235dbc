"""``leaderboard``: the configurations of an experiment, ranked as ``gtrack best`` ranks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gtrack.display.measured import mean_and_spread, measured
from gtrack.display.ranking import left_out, ranked_by, tie
from gtrack.ids import SHORT
from gtrack.index.fields import Field, read_field
from gtrack.index.filter import parse
from gtrack.model.goal import Goal
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.statistics import Interval
from gtrack.ops.goals import near_names, test_metric_warning
from gtrack.ops.leaderboard import Leaderboard, Row, varying_params
from gtrack.ops.rivals import Rivals, no_experiment, rivals
from gtrack.report.asking import check_filter, names, said, whole_number
from gtrack.report.blocks import Block
from gtrack.report.cells import commit_cell, value_cell
from gtrack.report.lookup import Lookup
from gtrack.report.problems import BlockError, blaming
from gtrack.report.results import Cell, Grid, Heading, Tone, shortened

__all__ = ["answer"]

_ROWS = 10
_Column = tuple[Heading, Callable[[Row], Cell]]


def answer(lookup: Lookup, block: Block) -> Grid:
    """Return the leaderboard that a block asks for, the baseline's row at the end where it is not among the others.

    Raises:
        BlockError: There is no such experiment, or nobody said what it is ranked by.
    """
    name, where = str(block.settings["leaderboard"]), said(block, "where")
    single = block.settings.get("single") is True
    by, min_runs = _fields(block), whole_number(block, "min_runs", 1)
    if single and (by or min_runs > 1):
        raise BlockError("single ranks runs, and group_by and min_runs are about several", key="single")
    with blaming("where"):
        filter_ = None if where is None else parse(where)
    with blaming("leaderboard"):
        found = rivals(lookup.repo, name, filter_)
    if not found.facts.total:
        check_filter(lookup, where, "where")
        if not lookup.repo.search(experiment=name, max_results=1):
            raise BlockError.of(no_experiment(lookup.repo, name), "leaderboard")
    limit = whole_number(block, "limit", _ROWS)
    key, goal = _metric(found, said(block, "metric")) if found.facts.total else ("", Goal("max", "name"))
    board = found.leaderboard(
        key,
        goal,
        by=by,
        single=single,
        min_runs=min_runs,
        unfinished=block.settings.get("unfinished") is True,
        limit=max(limit, 2),  # one more tells whether the first two can be told apart
    )
    rows = list(board.rows[:limit])
    if board.baseline is not None and not any(row.baseline for row in rows):
        rows.append(board.baseline)
    states = found.states(row.best for row in rows)
    return _grid(lookup, block, found, board, rows, states, by)


def _fields(block: Block) -> list[Field]:
    out = []
    for text in names(block, "group_by"):
        try:
            out.append(read_field(text))
        except ValueError as error:
            raise BlockError(f"cannot group: {error}", "group_by: [params.lr]", key="group_by") from None
    return out


def _metric(found: Rivals, asked: str | None) -> tuple[str, Goal]:
    """Return the metric to rank by and its goal."""
    with blaming("leaderboard"):
        key = asked.removeprefix("metrics.") if asked else found.metric()
    if asked and key not in found.facts.metrics:
        near = near_names(key, found.facts.metrics)
        meant = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise BlockError(f"no run here has a metric {key!r:.80}{meant}", key="metric")
    goal = found.goal(key)
    if goal is None:
        raise BlockError(
            f"nobody said whether a higher or a lower {key!r:.80} is better",
            f"gtrack experiment set {found.protocol.name:.80} --metric {key:.80} --goal max",
            key="metric" if asked else "leaderboard",
        )
    return key, goal


def _grid(
    lookup: Lookup,
    block: Block,
    found: Rivals,
    board: Leaderboard,
    rows: Sequence[Row],
    states: Mapping[str, RunState],
    by: Sequence[Field],
) -> Grid:
    single = block.settings.get("single") is True
    columns = _columns(lookup, board, rows, states, by, single=single)
    places = [number for number, row in enumerate(rows) if row.baseline]
    return Grid(
        title=said(block, "title") or f"Leaderboard of {shortened(found.protocol.name)}",
        headings=tuple(heading for heading, _ in columns),
        rows=tuple(tuple(cell(row) for _, cell in columns) for row in rows),
        runs=tuple(row.best.id for row in rows),
        lead=ranked_by(found.protocol, board) if rows else "",
        remarks=tuple(_remarks(block, found, board, rows)),
        baseline=places[0] if places else None,
    )


def _remarks(block: Block, found: Rivals, board: Leaderboard, rows: Sequence[Row]) -> list[str]:
    """Return what makes the ranking worth less than it seems, and what is not in it."""
    limit = whole_number(block, "limit", _ROWS)
    hidden = board.total - min(limit, len(board.rows))
    close = tie(board)
    said_of = [*map(shortened, (*found.protocol.problems, *found.remarks))]
    said_of += [
        f"its {shortened(what)} was set in two clones at the same time; the later one stands"
        for what in found.protocol.concurrent
    ]
    warning = test_metric_warning(board.metric)
    min_runs = whole_number(block, "min_runs", 1)
    lines = [
        "" if rows else "nothing to rank",
        f"{hidden:,} more" if hidden > 0 else "",
        "" if close is None else f"1 and 2 cannot be told apart by so many runs: {_difference(close)} (Welch 95 %)",
        left_out(board, found.protocol, min_runs, unfinished="unfinished: true") if found.facts.total else "",
        "" if warning is None else shortened(warning),
    ]
    return [*said_of, *filter(None, lines)]


def _columns(
    lookup: Lookup,
    board: Leaderboard,
    rows: Sequence[Row],
    states: Mapping[str, RunState],
    by: Sequence[Field],
    *,
    single: bool,
) -> list[_Column]:
    several = any(row.of > 1 for row in rows)
    spread = " ± std" if any(row.sample.std is not None for row in rows) else ""
    out: list[_Column] = [(Heading("#", True), lambda row: value_cell(row.rank))]
    if several:
        out.append((Heading("runs", True), _count))
    out.append((Heading(shortened(board.metric) + spread, True), lambda row: _mean(row, len(board.rows))))
    if board.baseline is not None:
        out.append((Heading("vs baseline", True), lambda row: _against(row, board.goal)))
    out += _tellers(rows, states, by, single=single)
    out.append((Heading("best run" if several else "run"), lambda row: _run(states[row.best.id])))
    return [*out, (Heading("code"), lambda row: commit_cell(states[row.best.id], lookup.host))]


def _tellers(
    rows: Sequence[Row], states: Mapping[str, RunState], by: Sequence[Field], *, single: bool
) -> list[_Column]:
    """Return what tells the rows apart: the fields that were grouped by, else the params that differ."""

    def grouped(at: int) -> Callable[[Row], Cell]:
        return lambda row: value_cell(row.group[at])

    def param(key: str) -> Callable[[Row], Cell]:
        return lambda row: value_cell(dict(flatten(states[row.best.id].params)).get(key))

    if by:
        cells = [
            (field.key if field.scope in ("params", "tags") else str(field), grouped(at)) for at, field in enumerate(by)
        ]
    else:
        differing = varying_params([states[row.best.id] for row in rows], seeds=single)
        cells = [(key, param(key)) for key in differing]
    return [(Heading(shortened(text, 80), _are_numbers([cell(row) for row in rows])), cell) for text, cell in cells]


def _are_numbers(cells: Sequence[Cell]) -> bool:
    known = [cell.value for cell in cells if cell.value is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def _count(row: Row) -> Cell:
    text = f"{row.sample.n:,}" if row.sample.n == row.of else f"{row.sample.n:,} of {row.of:,}"
    return Cell(text, row.sample.n)


def _mean(row: Row, ranked: int) -> Cell:
    tone: Tone = "best" if row.rank == 1 and ranked > 1 else ""
    return Cell(mean_and_spread(row.sample.mean, row.sample.std), row.sample.mean, tone)


def _against(row: Row, goal: Goal) -> Cell:
    """Return the difference to the baseline, coloured where the interval tells it from none."""
    delta = row.delta
    if row.baseline:
        return Cell("baseline", None, "faint")
    if delta is None:
        return Cell("-")
    tone: Tone = ""
    if delta.low is not None and delta.high is not None and not delta.low <= 0 <= delta.high:
        tone = "good" if goal.better(delta.difference, 0.0) else "bad"
    return Cell(_difference(delta), delta.difference, tone)


def _difference(delta: Interval) -> str:
    return measured(delta.difference, delta.half_width, signed=True)


def _run(run: RunState) -> Cell:
    return Cell(f"{shortened(run.name, 80)} ({run.id[:SHORT]})", run.id)
