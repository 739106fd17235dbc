"""How a leaderboard is drawn: its columns, what it is ranked by, what it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gtrack.cli.measured import mean_and_spread, measured, plus_minus
from gtrack.cli.output import Column
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.display.ranking import describe_goal, left_out, ranked_by, tie
from gtrack.ids import SHORT
from gtrack.index.fields import Field
from gtrack.model.goal import Goal
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.statistics import Interval
from gtrack.ops.leaderboard import Leaderboard, Row, code_identity, varying_params
from gtrack.text import clean

__all__ = [
    "csv_columns",
    "describe_goal",
    "left_out",
    "ranked_by",
    "row_columns",
    "row_dict",
    "too_close",
]

RowColumn = Column[Row]
States = Mapping[str, RunState]
"""Runs by their ids."""


def too_close(board: Leaderboard, terminal: Terminal) -> str:
    """Return that the first two cannot be told apart by their seeds, where that is so; else nothing."""
    apart = tie(board)
    if apart is None:
        return ""
    return f"1 and 2 cannot be told apart by so many runs: {_difference(apart, terminal)} (Welch 95 %)"


def row_columns(
    board: Leaderboard, rows: Sequence[Row], states: States, by: Sequence[Field], terminal: Terminal, *, single: bool
) -> list[RowColumn]:
    """Return the columns of the table.

    Args:
        board: The leaderboard.
        rows: The rows that are shown, the baseline's included.
        states: The best run of each.
        by: The fields that were grouped by, if any.
        terminal: What it can show.
        single: Each row is a run.
    """
    several = any(row.of > 1 for row in rows)
    spread = f" {plus_minus(terminal)} std" if any(row.sample.std is not None for row in rows) else ""
    out = [Column[Row]("rank", Heading("#", right=True), lambda row: row.rank)]
    if several:
        out.append(Column("n", Heading("N", right=True), lambda row: row.sample.n, _count))
    out.append(
        Column(
            "mean",
            Heading(clean(board.metric) + spread, right=True),
            lambda row: row.sample.mean,
            lambda row: mean_and_spread(row.sample.mean, row.sample.std, terminal),
            lambda row: ("bold",) if row.rank == 1 and len(board.rows) > 1 else (),
        )
    )
    if board.baseline is not None:
        heading = Heading("VS BASELINE", right=True, drop=2)
        out.append(
            Column("delta", heading, _delta, lambda row: _against(row, terminal), lambda row: _verdict(row, board.goal))
        )
    out += _tellers(rows, states, by, single)
    out.append(Column("best.id", Heading("BEST RUN" if several else "RUN"), _id, lambda row: _id(row)[:SHORT], _yellow))
    out.append(Column("best.name", Heading("NAME", shrinks_to=12, drop=8), lambda row: states[row.best.id].name))
    code = Heading("CODE", drop=7 if len({code_identity(states[row.best.id]) for row in rows}) > 1 else 9)
    return [*out, Column("code", code, lambda row: _code(states[row.best.id]))]


def csv_columns(rows: Sequence[Row], states: States, by: Sequence[Field], *, single: bool) -> list[RowColumn]:
    """Return the columns of CSV: every number as it is.

    Args:
        rows: The rows.
        states: The best run of each.
        by: The fields that were grouped by, if any.
        single: Each row is a run.
    """

    def end(name: str) -> Callable[[Row], object]:
        return lambda row: None if row.delta is None else getattr(row.delta, name)

    facts: dict[str, Callable[[Row], object]] = {
        "rank": lambda row: row.rank,
        "n": lambda row: row.sample.n,
        "of": lambda row: row.of,
        "mean": lambda row: row.sample.mean,
        "std": lambda row: row.sample.std,
        "delta": end("difference"),
        "delta.low": end("low"),
        "delta.high": end("high"),
        "baseline": lambda row: row.baseline,
        "best.id": _id,
        "best.name": lambda row: states[row.best.id].name,
        "best.value": lambda row: row.values[0],
        "code.commit": lambda row: states[row.best.id].code.get("commit"),
        "code.dirty": lambda row: states[row.best.id].code.get("dirty"),
        "code.snapshot": lambda row: states[row.best.id].code.get("snapshot"),
    }
    plain = [Column(name, Heading(name), value) for name, value in facts.items()]
    return [*plain, *_tellers(rows, states, by, single)]


def row_dict(row: Row, states: States, by: Sequence[Field]) -> dict[str, object]:
    """Return all of a row, for JSON."""
    delta = row.delta
    out: dict[str, object] = {"rank": row.rank, "n": row.sample.n, "of": row.of}
    out |= {"mean": row.sample.mean, "std": row.sample.std, "baseline": row.baseline}
    out["delta"] = (
        None if delta is None else {name: getattr(delta, name) for name in ("difference", "low", "high", "df")}
    )
    if by:
        out["group"] = {str(each): value for each, value in zip(by, row.group, strict=True)}
    best = states[row.best.id]
    out["best"] = {"id": best.id, "name": best.name, "value": row.best.value}
    out["params"] = dict(best.params)
    out["code"] = {name: best.code[name] for name in ("commit", "dirty", "snapshot") if name in best.code}
    out["runs"] = [
        {"id": run.id, "name": states[run.id].name, "status": run.status, "value": run.value, "seed": dict(seed)}
        for run, seed in ((run, states[run.id].seed) for run in row.runs)
    ]
    return out


def _tellers(rows: Sequence[Row], states: States, by: Sequence[Field], single: bool) -> list[RowColumn]:
    """Return what tells the rows apart: the fields that were grouped by, else the params that differ."""
    if by:
        return [_group_column(at, each) for at, each in enumerate(by)]
    keys = varying_params([states[row.best.id] for row in rows], seeds=single)
    # What stands last in the alphabet is no less telling, but something has to give way first.
    return [_param_column(key, states, drop=5 if at < 4 else 6) for at, key in enumerate(keys)]


def _group_column(at: int, field: Field) -> RowColumn:
    text = field.key if field.scope in ("params", "tags") else str(field)
    return Column(str(field), Heading(clean(text), shrinks_to=8), lambda row: row.group[at])


def _param_column(key: str, states: States, drop: int) -> RowColumn:
    heading = Heading(clean(key), shrinks_to=8, drop=drop)
    return Column(f"params.{key}", heading, lambda row: dict(flatten(states[row.best.id].params)).get(key))


def _count(row: Row) -> str:
    return f"{row.sample.n:,}" if row.sample.n == row.of else f"{row.sample.n:,} of {row.of:,}"


def _id(row: Row) -> str:
    return row.best.id


def _yellow(_: Row) -> tuple[str, ...]:
    return ("yellow",)


def _delta(row: Row) -> object:
    return None if row.delta is None else row.delta.difference


def _against(row: Row, terminal: Terminal) -> str:
    if row.baseline:
        return "baseline"
    return "-" if row.delta is None else _difference(row.delta, terminal)


def _difference(delta: Interval, terminal: Terminal) -> str:
    return measured(delta.difference, delta.half_width, terminal, signed=True)


def _verdict(row: Row, goal: Goal) -> tuple[str, ...]:
    """Colour a difference that the interval tells from none."""
    delta = row.delta
    if row.baseline:
        return ("dim",)
    if delta is None or delta.low is None or delta.high is None or delta.low <= 0 <= delta.high:
        return ()
    return ("green",) if goal.better(delta.difference, 0.0) else ("red",)


def _code(run: RunState) -> str:
    commit = run.code.get("commit")
    if not isinstance(commit, str):
        return "-"
    return clean(commit[:SHORT]) + ("*" if run.code.get("dirty") is True else "")
