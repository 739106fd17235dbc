"""``gtrack sql``: questions to the runs in SQL."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Column, Output, emit, output_options
from gtrack.cli.table import Heading
from gtrack.text import clean

__all__ = ["command"]


@declare(
    "sql",
    examples=[
        "gtrack sql",
        "gtrack sql 'SELECT experiment, status, count(*) AS n FROM runs GROUP BY 1, 2'",
        "gtrack sql \"SELECT name, last FROM runs JOIN metrics ON run_id = id WHERE key = 'val_auc' ORDER BY 2 DESC\"",
        "gtrack sql --csv - < query.sql > answer.csv",
    ],
)
@click.argument("statement", required=False)
@output_options
@click.pass_obj
def command(invocation: Invocation, *, statement: str | None, output: Output) -> None:
    """Ask in SQL; nothing can be changed.

    The tables are runs, params, tags and metrics, in SQLite's dialect; live runs are in them. Without a STATEMENT
    their columns are listed; - reads it from standard input. Times are text in UTC, truth values 1 and 0, NaN is null.
    Deleted runs have deleted = 1.
    """
    from gtrack.index.sql import TABLES, Answer

    if statement is None:
        rows = [(table, ", ".join(columns)) for table, columns in TABLES.items()]
        answer = Answer(("table", "columns"), list(rows))
    else:
        text = sys.stdin.read() if statement == "-" else statement
        with invocation.repository() as repo:
            answer = repo.sql(text)
    _print(invocation, output, answer.columns, answer.rows)


def _print(invocation: Invocation, output: Output, names: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    columns = [_column(number, name, rows) for number, name in enumerate(names)]

    def to_dict(row: tuple[object, ...]) -> dict[str, object]:
        return dict(zip(names, map(_plain, row), strict=True))

    emit(invocation, output, rows, columns, to_dict)


def _column(number: int, name: str, rows: Sequence[tuple[object, ...]]) -> Column[tuple[object, ...]]:
    right = any(isinstance(row[number], int | float) for row in rows[:100])
    return Column(name, Heading(clean(name), right=right), lambda row: _plain(row[number]))


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
