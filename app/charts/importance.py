"""How much each param says of a metric over some runs, and in which direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gtrack._app.charts.colours import COLOURS, FOREGROUND, MISSING
from gtrack._app.charts.columns import Column, Floats, column_of, without
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.forest import Importance, importance
from gtrack._app.charts.text import counted, escaped, figure_id, short
from gtrack.errors import UsageError
from gtrack.index.configuration import is_seed

__all__ = ["importance_figure"]

_FEWEST = 4
_FEW = 10
_MOST_RUNS = 300
_MOST_PARAMS = 40
_MOST_BARS = 20
_PER_BAR, _AROUND = 24, 90


@dataclass(frozen=True, slots=True)
class _Param:
    """A param's part in the figure: its share, its error, and its rank correlation with the metric, if it has one."""

    name: str
    title: str
    share: float
    error: float
    correlation: float | None


def importance_figure(table: pa.Table, metric: str, *, params: Sequence[str] = (), title: str = "") -> Figure:
    """Return how much each param says of a column, as bars.

    What is explained is the order of the runs, so that one diverged run does not decide; see
    :mod:`gtrack._app.charts.forest` for how. A second number is Spearman's rank correlation, of numbers.

    Args:
        table: The runs.
        metric: The column to explain, most often a metric.
        params: The columns that may explain it; all params but seeds by default.
        title: Shown above it.

    Raises:
        UsageError: There is no such column, or the one to explain has no numbers.
    """
    target = column_of(table, metric)
    if target.kind == "category":
        raise UsageError(f"importance for {target.title}: its values are no numbers")
    named = figure_id("importance", metric, *params, title)
    heading = short(title or f"importance for {target.title}", 120)
    places = _some(np.flatnonzero(target.known))
    columns = _candidates(table, params, places)[:_MOST_PARAMS]
    if len(places) < _FEWEST or not columns or not np.ptp(target.values[places]):
        why = "no param differs among them" if len(places) >= _FEWEST and not columns else "too few to tell"
        if len(places) >= _FEWEST and columns:
            why = f"all have the same {target.title}"
        return Figure(named, heading, note=f"{counted(len(places), 'run')} with {target.title}: {why}")
    order = _ranks(target.values[places])
    found = importance(
        np.stack([_feature(column, places) for column in columns], axis=1),
        order,
        [column.kind == "category" for column in columns],
    )
    rows = [
        _Param(f"params.{column.field.key}", column.title, share, error, _correlation(column, places, order))
        for column, share, error in zip(columns, found.shares.tolist(), found.errors.tolist(), strict=True)
    ]
    rows.sort(key=lambda row: -row.share)
    shown = rows[:_MOST_BARS]
    return Figure(
        id=named,
        title=heading,
        traces=(_bars(shown),),
        layout={
            "xaxis": {"title": {"text": "share of the variance"}, "range": [0, _end(shown)], "zeroline": False},
            "yaxis": {
                "tickvals": list(range(len(shown))),
                "ticktext": [_label(row) for row in shown],
                "range": [len(shown) - 0.5, -0.5],
                "automargin": True,
                "zeroline": False,
            },
            "bargap": 0.35,
            "hovermode": "closest",
            "showlegend": False,
        },
        note=_note(found, target, table, places, columns),
        height=max(_AROUND + _PER_BAR * len(shown), 220),
    )


def _some(places: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return some of many runs, the same at every time."""
    if len(places) <= _MOST_RUNS:
        return places
    return np.sort(np.random.default_rng(0).choice(places, _MOST_RUNS, replace=False))


def _candidates(table: pa.Table, params: Sequence[str], places: np.ndarray[Any, np.dtype[np.int64]]) -> list[Column]:
    """Return the columns that are not the same in all of the runs."""
    if params:
        columns = [column_of(table, name) for name in params]
    else:
        keys = [name.removeprefix("params.") for name in table.column_names if name.startswith("params.")]
        # In backquotes: a key may have dots and blanks.
        columns = [column_of(table, "params.`" + key.replace("`", "``") + "`") for key in keys if not is_seed(key)]
    return [column for column in columns if len(np.unique(_feature(column, places))) > 1]


def _feature(column: Column, places: np.ndarray[Any, np.dtype[np.int64]]) -> Floats:
    """Return a column as a feature: ranks, since its scale does not matter; no value is below all others."""
    values = column.values[places]
    if column.kind == "category":
        return np.where(np.isnan(values), -1.0, values)
    known = ~np.isnan(values)
    out = np.full(len(values), -1.0)
    out[known] = _ranks(values[known])
    return out


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value from 0, equal ones sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    shared: Floats = (ends - (counts + 1) / 2)[place.reshape(-1)]
    return shared


def _correlation(column: Column, places: np.ndarray[Any, np.dtype[np.int64]], order: Floats) -> float | None:
    """Return Spearman's rank correlation over the runs that have a value; None of categories."""
    values = column.values[places]
    known = ~np.isnan(values)
    if column.kind == "category" or known.sum() < _FEWEST - 1:
        return None
    one, other = _ranks(values[known]), _ranks(order[known])
    spread = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread else None


def _label(row: _Param) -> str:
    """Return a param with the direction in which the metric goes when it grows."""
    said = "" if row.correlation is None else f" {'↑' if row.correlation >= 0 else '↓'}{abs(row.correlation):.2f}"
    return escaped(row.title, 24) + said


def _end(rows: Sequence[_Param]) -> float:
    """Return where the axis ends: all intervals are on it, as far as they are above 0."""
    return max(max(row.share + 2 * row.error for row in rows) * 1.05, 0.01)


def _bars(rows: Sequence[_Param]) -> dict[str, Any]:
    def colour(row: _Param) -> str:
        if row.correlation is None:
            return MISSING
        return COLOURS[0] if row.correlation >= 0 else COLOURS[1]

    return {
        "type": "bar",
        "orientation": "h",
        "name": "importance",
        "x": [max(row.share, 0.0) for row in rows],
        "y": list(range(len(rows))),
        "error_x": {
            "type": "data",
            "array": [2 * row.error for row in rows],
            "color": FOREGROUND,
            "thickness": 1,
            "width": 3,
        },
        "customdata": [row.name for row in rows],
        "hovertext": [
            f"{escaped(row.title)}: {row.share:.3f} ± {2 * row.error:.3f}"
            + ("" if row.correlation is None else f"<br>rank correlation {row.correlation:+.2f}")
            for row in rows
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {"color": [colour(row) for row in rows], "opacity": 0.9},
        "meta": {"role": "params"},
    }


def _note(
    found: Importance,
    target: Column,
    table: pa.Table,
    places: np.ndarray[Any, np.dtype[np.int64]],
    columns: Sequence[Column],
) -> str:
    notes = [
        f"permutation importance by a random forest for the order of {counted(len(places), 'run')} by {target.title}",
        f"it explains {max(found.explained, 0):.0%} of what it has not seen",
        "arrows: rank correlation",
    ]
    if found.explained <= 0:
        notes.append("so these runs tell nothing of these params")
    elif len(places) < _FEW:
        notes.append(f"fewer than {_FEW} runs: this may be chance")
    notes.append(_together(columns, places))
    if int(target.known.sum()) > len(places):
        notes.append(f"of {counted(int(target.known.sum()), 'run')} {len(places)} were looked at")
    notes.append(without([target]) if len(table) else "")
    return "; ".join(note for note in notes if note)


def _together(columns: Sequence[Column], places: np.ndarray[Any, np.dtype[np.int64]]) -> str:
    """Name params that always change together: of these none can be told from the others."""
    groups: dict[bytes, list[str]] = {}
    for column in columns:
        _, first, place = np.unique(_feature(column, places), return_index=True, return_inverse=True)
        groups.setdefault(first[place.reshape(-1)].tobytes(), []).append(column.title)
    named = [f"{', '.join(names[:4])} always change together" for names in groups.values() if len(names) > 1]
    return "; ".join(named[:2])
