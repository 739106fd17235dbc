"""Tables of runs and curves to draw, and what every figure has to be."""

from __future__ import annotations

import math
import re

import numpy as np
import plotly.graph_objects as go
import pyarrow as pa

from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.figure import Figure
from gtrack.text import clean

START = 1_790_000_000_000_000
SECOND = 1_000_000
HOSTILE = "<img src=x onerror=alert(1)> <a href='javascript:alert(1)'>&lt;b&gt;</a> \x1b[2J\u202e\ud800 %{x} $a^2$"
NAMES = (HOSTILE, "<b>" * 4_000, "", "\x00", "=cmd()", "plain")
MARKUP = re.compile(r"</?b>|<br>|<extra>|</extra>")


def chart_runs(count=2, **more):
    return [ChartRun(f"{number:032x}", f"run-{number}", "#0072B2", started=START, **more) for number in range(count)]


def curves(*series, ids=None):
    """Return a table of curves: each a run's number, a key, values, and optionally steps, seconds and ranks."""
    rows = []
    for number, key, values, *rest in series:
        steps = rest[0] if rest else range(len(values))
        seconds = rest[1] if len(rest) > 1 and rest[1] is not None else steps
        ranks = rest[2] if len(rest) > 2 else [None] * len(values)
        run = f"{number:032x}"
        rows += [
            (run, key, int(step), START + round(second * SECOND), float(value), rank)
            for step, second, value, rank in zip(steps, seconds, values, ranks, strict=True)
        ]
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 6
    table = {
        "run": pa.array(columns[0], pa.string()).dictionary_encode(),
        "key": pa.array(columns[1], pa.string()).dictionary_encode(),
        "step": pa.array(columns[2], pa.int64()),
        "time": pa.array(columns[3], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "value": pa.array(columns[4], pa.float64()),
    }
    if any(rank is not None for rank in columns[5]):
        table["rank"] = pa.array(columns[5], pa.int32())
    return pa.table(table)


def runs_table(count=6, **columns):
    """Return a table of runs with these columns, and those that every table has."""
    base = {
        "id": pa.array([f"{number:032x}" for number in range(count)], pa.string()),
        "name": pa.array([f"run-{number}" for number in range(count)], pa.string()),
        "status": pa.array(["finished"] * count, pa.string()),
        "started": pa.array([START + n * SECOND for n in range(count)], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "duration": pa.array([float(number + 1) for number in range(count)], pa.float64()),
    }
    return pa.table({**base, **{name.replace("__", "."): values for name, values in columns.items()}})


def checked(figure: Figure) -> Figure:
    """Return a figure that Plotly takes, whose texts are safe, and whose numbers JSON can hold."""
    go.Figure(data=_plain(list(figure.traces)), layout=_plain(figure.layout))
    _check([list(figure.traces), figure.layout])
    for text in (figure.title, figure.note, figure.id):
        assert clean(text) == text
        assert len(text) < 600
    return figure


def drawn(figure: Figure):
    """Return the traces of lines alone: no bands, marks, nor what is faint behind."""
    return [trace for trace in figure.traces if trace.get("meta", {}).get("role") not in ("band", "raw", "marks")]


def role(figure: Figure, name: str):
    return [trace for trace in figure.traces if trace.get("meta", {}).get("role") == name]


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return "#000000" if isinstance(value, str) and value == "currentColor" else value


def _check(value, key=""):
    if isinstance(value, dict):
        for name, item in value.items():
            if not (name == "ticktext" and "label" in value):  # of parallel coordinates, which have no markup
                _check(item, "meta" if key == "meta" else name)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, key)
    elif isinstance(value, np.ndarray):
        assert value.ndim == 1
        assert value.dtype.kind in "fiu", key
    elif isinstance(value, str) and key != "customdata":  # which Plotly does not draw
        assert clean(value) == value, key
        assert len(value) < 700, key
        if key != "meta":
            assert "<" not in MARKUP.sub("", value), (key, value)
    else:
        assert value is None or type(value) in (bool, int, float, str), (key, type(value))
        assert type(value) is not float or math.isfinite(value), key
