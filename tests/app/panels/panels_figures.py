"""Figures of all kinds, for the tests of panels."""

import numpy as np

from gtrack._app.charts.figure import Figure

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script><b>bold</b> &lt; "
NAME = "&lt;img src=x onerror=alert(3)&gt; run {}"


def run_id(number):
    return f"{number:032x}"


def curve(number, x, y, **more):
    name = NAME.format(number)
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "meta": {"run": run_id(number)}, **more}


def curves(count, points, runs=3):
    x = np.linspace(0, 100, points)
    for at in range(count):
        traces = tuple(curve(run, x, (run + 1) * 10.0 + np.sin(x / 10 + at)) for run in range(runs))
        axis = "time" if at == 3 else "step"
        yield Figure(f"m{at}", f"metric {at}", traces, {"xaxis": {"title": {"text": "step"}}}, axis, f"note {at}")


def others():
    ids = [run_id(number) for number in range(50)]
    lr, loss = np.linspace(0, 1, 50), np.linspace(5, 0, 50)
    dimensions = [{"label": "lr", "values": lr}, {"label": "loss", "values": loss}]
    parallel = {"type": "parcoords", "dimensions": dimensions, "line": {"color": "#0072B2"}, "meta": {"ids": ids}}
    yield Figure("parallel", "parallel", (parallel,), {"margin": {"t": 40}}, wide=True)
    points = {"type": "scatter", "mode": "markers", "x": lr, "y": loss, "customdata": ids, "marker": {"size": 10}}
    yield Figure("points", "points", (points,), {"dragmode": "select"})
    legend = (curve(1, [0, 1], [1, 2]), curve(2, [0, 1], [2, 1]))
    yield Figure("legend", "legend", legend, {"showlegend": True, "legend": {"y": 1, "orientation": "v"}})


def hostile():
    traces = (curve(0, [0, 1], [1, 2]),)
    yield Figure("a'\"><b>", HOSTILE, traces, axis="step", note=HOSTILE)
    yield Figure("long", "x" * 10_000, traces, axis="step", note="y" * 10_000)
    yield Figure("broken", "broken", ({"type": "scatter", "y": [float("nan")] * 3, "x": [None, "x", float("inf")]},))
