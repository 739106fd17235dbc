"""The data of runs beside each other: what each had, and how its rows and columns differ from the reference's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gtrack._app.differing.grid import Cell, Grid, heads_of
from gtrack.display.data_text import change_lines, data_label, data_text, is_fingerprint, shared_line
from gtrack.ids import SHORT
from gtrack.model.state import RunState
from gtrack.ops.compare import data_differences
from gtrack.ops.data_changes import data_changes, shared_rows

__all__ = ["Data", "data_of"]

_MOST_LINES = 40


@dataclass(frozen=True, slots=True)
class Data:
    """The data of runs.

    Attributes:
        grid: A line for each input, a column for each run.
        lines: What changed in rows and columns against the reference, run by run; and rows that are where they should
            not be.
    """

    grid: Grid
    lines: tuple[str, ...] = ()


def data_of(runs: Sequence[RunState], *, every: bool = False) -> Data:
    """Return the inputs that are not the same in all runs.

    Args:
        runs: The runs, the reference first; what they recorded is not trusted.
        every: Those that are the same too.
    """
    # Compared with nothing, each input is one that was added: so they have the names that the comparison gives them.
    inputs = [{d.key: d.b for d in data_differences((), run.data)} for run in runs]
    changes = [data_changes(runs[0].data, run.data) for run in runs[1:]]
    differing = {change.key for one in changes for change in one}
    rows = []
    for key in dict.fromkeys(key for one in inputs for key in one):
        if every or key in differing:
            rows.append(_row(key, inputs, [{change.key for change in one} for one in changes]))
    several = len(runs) > 2
    lines = [
        f"{run.id[:SHORT]} {line}" if several else line
        for run, one in zip(runs[1:], changes, strict=True)
        for change in one
        for line in change_lines(change)
    ]
    lines += _leaks(runs)
    more = [f"and {len(lines) - _MOST_LINES:,} more"] if len(lines) > _MOST_LINES else []
    return Data(Grid(["Data", *heads_of(runs, runs[0].id)], rows), (*lines[:_MOST_LINES], *more))


def _row(key: str, inputs: Sequence[dict[str, object]], differing: Sequence[set[str]]) -> list[Cell]:
    entry = next(one[key] for one in inputs if key in one)
    cells = [Cell(data_label(entry, 0) if is_fingerprint(entry) else key)]
    for at, one in enumerate(inputs):
        if key not in one:
            cells.append(Cell("—", tone="faint"))
        else:
            same = at > 0 and key not in differing[at - 1]
            cells.append(Cell(data_text(one[key]), tone="faint" if same else ""))
    return cells


def _leaks(runs: Sequence[RunState]) -> list[str]:
    """Return which rows tables of a run share that should share none, where that is not so in all runs."""
    found = [{shared_line(shared) for shared in shared_rows(run.data)} for run in runs]
    everywhere = set.intersection(*found) if found else set()
    return [
        f"{run.id[:SHORT]} {line}" for run, own in zip(runs, found, strict=True) for line in sorted(own - everywhere)
    ]
