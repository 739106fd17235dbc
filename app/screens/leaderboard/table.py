"""The rows of a leaderboard as a table, the runs of one row, and those that do not count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import grid, html_table
from gtrack._app.reading import Reading
from gtrack._app.run_columns import RunColumn, columns_of
from gtrack._app.run_list import button_text, open_column, run_list
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.leaderboard.board import MOST_LEFT, Board, Left
from gtrack.display.measured import mean_and_spread, measured
from gtrack.display.words import value_text
from gtrack.ids import SHORT
from gtrack.index.fields import Field
from gtrack.index.query import Query
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.ops.leaderboard import Leaderboard, Row, varying_params

__all__ = ["against", "row_labels", "row_table", "show_left", "show_row", "show_rows"]

_KEY = "leaderboard.rows"
_MOST_PARAMS = 12
_MOST_RUNS = 100


def row_table(board: Board, by: Sequence[Field], *, single: bool) -> pa.Table:
    """Return the rows: rank, best run, how many runs, mean and spread, the difference to the baseline, what differs.

    Args:
        board: The leaderboard.
        by: The fields that were grouped by, if any.
        single: Each row is a run.
    """
    ranking, rows, states = board.board, board.rows, board.states or {}
    assert ranking is not None
    table: dict[str, list[str | None]] = {
        "#": ["—" if row.rank is None else str(row.rank) for row in rows],
        " run": [f"{'⚑ ' if row.baseline else ''}{button_text(states[row.best.id].name)}" for row in rows],
    }
    if any(row.of > 1 for row in rows):
        table[" runs"] = [_count(row) for row in rows]
    table["mean"] = [mean_and_spread(row.sample.mean, row.sample.std) for row in rows]
    if ranking.baseline is not None:
        table["against"] = [against(row, ranking) for row in rows]
    if board.protocol.floor:
        table["floor"] = [_floor(row, board) for row in rows]
    table |= _tellers(rows, states, by, single=single)
    table["code"] = [_code(states[row.best.id]) for row in rows]
    return pa.table({name: pa.array(values, pa.string()) for name, values in table.items()})


def show_rows(board: Board, by: Sequence[Field], choose: Callable[[str], None], *, single: bool, plain: bool) -> None:
    """Show the rows; a click opens a run, or lists the runs of a row.

    Args:
        board: The leaderboard.
        by: The fields that were grouped by, if any.
        choose: Told the id of the best run of a row whose runs are asked for.
        single: Each row is a run.
        plain: As HTML.
    """
    assert board.board is not None
    table = row_table(board, by, single=single)
    if plain:
        html_table(table, alt=f"{table.num_rows} rows of the leaderboard")
        return
    ids = [row.best.id for row in board.rows]

    def listed() -> None:
        click = st.session_state.get(f"{_KEY}.list")
        if click is not None and 0 <= int(click["row"]) < len(ids):
            choose(ids[int(click["row"])])

    several = " runs" in table.column_names
    spread = " ± std" if any(row.sample.std is not None for row in board.rows) else ""
    shape: dict[str, Any] = {
        "#": st.column_config.TextColumn("#", width=45, pinned=True, alignment="right"),
        " run": open_column("best run" if several else "run", f"{_KEY}.open", ids),
        " runs": st.column_config.ButtonColumn(
            "runs", width=80, type="tertiary", key=f"{_KEY}.list", on_click=listed, help="List them"
        ),
        "mean": st.column_config.TextColumn(cell(board.board.metric, 50) + spread, alignment="right"),
        "against": st.column_config.TextColumn(
            "to the baseline", alignment="right", help="With Welch's 95 % interval, where both have several runs"
        ),
        "floor": st.column_config.TextColumn("floor", help=markdown(board.protocol.floor or "", 200)),
    }
    for name in table.column_names:
        if name not in shape:
            label = name.partition(".")[2] if name.startswith(("params.", "tags.")) else name
            shape[name] = st.column_config.TextColumn(cell(label, 60), help=markdown(name, 200))
    shown = {name: column for name, column in shape.items() if name in table.column_names}
    grid(table, plain=False, alt=f"{table.num_rows} rows", config=shown, rows=20)


def show_row(now: Reading, board: Board, row: Row) -> None:
    """Show the runs of a row, the best first."""
    assert board.board is not None
    ids = tuple(run.id for run in row.runs[:_MOST_RUNS])

    def read() -> list[RunState]:
        states = now.repo.facts(Query(deleted=None)).states(ids)
        return [states[run_id] for run_id in ids]

    runs = now.kept("states", ids, read)
    value = RunColumn(" value", cell(board.board.metric, 60), "number", [run.value for run in row.runs[:_MOST_RUNS]])
    seeds = varying_params(runs, seeds=True)[:_MOST_PARAMS]
    names = ["status", *(str(Field("params", key)) for key in seeds), "started", "duration", "author", "commit"]
    run_list("leaderboard.row", runs, [value, *columns_of(names, runs)])
    if len(row.runs) > len(runs):
        st.caption(f"the best {len(runs)} of {len(row.runs):,}")


def show_left(board: Board, said: str) -> None:
    """Show the runs that do not count, and why.

    Args:
        board: The leaderboard.
        said: How many of them there are, in a sentence.
    """
    if not said:
        return
    with st.expander(markdown(said.replace("left out:", "Left out:", 1)), icon=":material/filter_alt_off:"):
        left: Sequence[Left] = board.left
        runs = [each.run for each in left]
        assert board.board is not None
        value = RunColumn(" value", cell(board.board.metric, 60), "number", [each.value for each in left])
        reason = RunColumn(" reason", "why", "text", [cell(each.reason, 60) for each in left])
        run_list("leaderboard.left", runs, [reason, value, *columns_of(["status", "started", "author"], runs)])
        if len(left) == MOST_LEFT:
            st.caption(f"the newest {MOST_LEFT}")


def against(row: Row, board: Leaderboard) -> str:
    """Return a row's difference to the baseline; marked where the interval tells it from none.

    Example:
        >>> against(board.rows[0], board)
        '+0.031 ± 0.012 ▲'
    """
    if row.baseline:
        return "baseline"
    delta = row.delta
    if delta is None:
        return "—"
    text = measured(delta.difference, delta.half_width, signed=True)
    if delta.low is None or delta.high is None or delta.low <= 0 <= delta.high:
        return text
    return f"{text} {'▲ better' if board.goal.better(delta.difference, 0.0) else '▼ worse'}"


def row_labels(rows: Sequence[Row], by: Sequence[Field]) -> dict[str, str]:
    """Return what rows are called that were grouped by fields, by their best runs' ids.

    Example:
        >>> row_labels(board.rows, [Field("params", "depth")])
        {'3f2a9c1d7b6e4a508c2f9e0d1a7b3c55': 'depth=8'}
    """
    if not by:
        return {}
    return {row.best.id: ", ".join(f"{f.key}={_shown(v)}" for f, v in zip(by, row.group, strict=True)) for row in rows}


def _count(row: Row) -> str:
    return f"{row.sample.n:,}" if row.sample.n == row.of else f"{row.sample.n:,} of {row.of:,}"


def _floor(row: Row, board: Board) -> str:
    """Tell whether a row meets the floor: all that is ranked does, the baseline need not."""
    if row.baseline and board.baseline is not None and row.best.id == board.baseline.id:
        return {True: "✓ met", False: "✗ not met", None: "—"}[board.baseline_good]
    return "✓ met"


def _tellers(
    rows: Sequence[Row], states: Mapping[str, RunState], by: Sequence[Field], *, single: bool
) -> dict[str, list[str | None]]:
    """Return what tells the rows apart: the fields that were grouped by, else the params that differ."""
    if by and not single:
        return {str(field): [_shown(row.group[at]) for row in rows] for at, field in enumerate(by)}
    best = [states[row.best.id] for row in rows]
    params = [dict(flatten(run.params)) for run in best]
    keys = varying_params(best, seeds=single)[:_MOST_PARAMS]
    return {str(Field("params", key)): [_shown(each.get(key)) for each in params] for key in keys}


def _shown(value: object) -> str:
    return "—" if value is None else cell(value_text(value), 120)


def _code(run: RunState) -> str:
    commit = run.code.get("commit")
    if not isinstance(commit, str):
        return "—"
    return cell(commit[:SHORT]) + ("*" if run.code.get("dirty") is True else "")
