"""Histograms that a run logged over its steps, as one picture: how a distribution moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gtrack._app.charts.chart_run import ChartRun
from gtrack._app.charts.colours import COLOURS, SCALE
from gtrack._app.charts.figure import Figure
from gtrack._app.charts.text import counted, escaped, figure_id, short
from gtrack._app.charts.traces import Trace
from gtrack.media.histograms import Histogram

__all__ = ["distribution_figure"]

Floats = NDArray[np.float64]
_BINS = 80
_MOST_STEPS = 200
_MOST_RIDGES = 30
_HUGE = 1e150
_RIDGE = 3.5
"""How high the highest ridge is, in distances between ridges."""


def distribution_figure(
    histograms: Sequence[tuple[int, Histogram]], key: str, run: ChartRun, *, kind: str = "heatmap"
) -> Figure:
    """Return histograms over steps.

    Intervals of all steps are brought to common ones, values spread evenly over each.

    Args:
        histograms: The steps, each with what :func:`gtrack.media.histograms.read_histogram` returns.
        key: What they are of.
        run: The run.
        kind: ``heatmap``, steps along and values up; or ``ridgeline``, a curve for each step, the newest in front.
    """
    given = sorted(histograms, key=lambda pair: pair[0])
    found = [(step, one) for step, one in given if sum(one.counts) > 0 and max(map(abs, one.edges)) < _HUGE]
    shown = _evenly(found, _MOST_STEPS if kind == "heatmap" else _MOST_RIDGES)
    named = figure_id("distribution", run.id, key, kind)
    strange = sum(one.nan + one.infinite for _, one in given)
    notes = [
        f"{len(shown)} of {counted(len(found), 'step')}" if len(shown) < len(found) else "",
        f"{counted(len(given) - len(found), 'step')} without a value to draw" if len(found) < len(given) else "",
        f"{counted(strange, 'value')} not finite" if strange else "",
    ]
    note = "; ".join(note for note in notes if note)
    if not shown:
        return Figure(named, short(key, 120), note=note or "no histogram")
    edges = _common([one for _, one in shown])
    weights = np.stack([_density(one, edges) for _, one in shown])
    steps = np.array([step for step, _ in shown], np.float64)
    if kind == "ridgeline":
        return _ridgeline(named, key, run, steps, edges, weights, note)
    return _heatmap(named, key, run, steps, edges, weights, note)


def _heatmap(named: str, key: str, run: ChartRun, steps: Floats, edges: Floats, weights: Floats, note: str) -> Figure:
    middles = (edges[1:] + edges[:-1]) / 2
    trace: Trace = {
        "type": "heatmap",
        "name": escaped(key),
        "x": steps,
        "y": middles,
        # Nothing at all is the page's own colour rather than a low one.
        "z": [[share if share > 0 else None for share in row] for row in weights.T.tolist()],
        "colorscale": [list(stop) for stop in SCALE],
        "hovertemplate": "step %{x}, about %{y:.4~g}: %{z:.2~%} of the values<extra></extra>",
        "colorbar": {
            "title": {"text": "share", "side": "right"},
            "thickness": 10,
            "outlinewidth": 0,
            "tickformat": ".1~%",
        },
        "meta": {"run": run.id},
    }
    layout = {
        "xaxis": {"type": "linear", "title": {"text": "step"}},
        "yaxis": {"type": "linear"},
        "hovermode": "closest",
    }
    return Figure(named, short(key, 120), (trace,), layout, axis="step:", note=note)


def _ridgeline(named: str, key: str, run: ChartRun, steps: Floats, edges: Floats, weights: Floats, note: str) -> Figure:
    middles = (edges[1:] + edges[:-1]) / 2
    highest = float(weights.max()) or 1.0
    colour = run.colour if run.colour.startswith("#") else COLOURS[0]
    traces: list[Trace] = []
    for row, (step, density) in enumerate(zip(steps.tolist(), weights, strict=True)):
        base = float(len(steps) - 1 - row)  # the oldest at the top and behind, the newest below and in front
        used = np.flatnonzero(density)
        part = slice(int(used[0]), int(used[-1]) + 1)
        x = np.concatenate([edges[part][:1], middles[part], edges[part.start + 1 : part.stop + 1][-1:]])
        ridge = base + np.concatenate([[0.0], density[part], [0.0]]) / highest * _RIDGE
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"step {step:g}",
                "x": np.concatenate([x, x[::-1]]),
                "y": np.concatenate([ridge, np.full(len(x), base)]),
                "fill": "toself",
                "fillcolor": colour,
                "opacity": 0.3 + 0.4 * row / max(len(steps) - 1, 1),
                "line": {"color": colour, "width": 1},
                "hoveron": "fills",
                "hoverinfo": "name",
                "showlegend": False,
                "meta": {"run": run.id},
            }
        )
    stride = max(1, len(steps) // 8)
    places = list(range(0, len(steps), stride))
    layout: dict[str, Any] = {
        "xaxis": {"type": "linear"},
        "yaxis": {
            "title": {"text": "step"},
            "tickvals": [len(steps) - 1 - place for place in places],
            "ticktext": [f"{steps[place]:g}" for place in places],
            "zeroline": False,
        },
        "hovermode": "closest",
    }
    return Figure(named, short(key, 120), tuple(traces), layout, note=note, height=420)


def _evenly(found: Sequence[tuple[int, Histogram]], most: int) -> list[tuple[int, Histogram]]:
    """Return at most so many, the first and the last among them."""
    if len(found) <= most:
        return list(found)
    places = np.unique(np.linspace(0, len(found) - 1, most).round().astype(int))
    return [found[place] for place in places.tolist()]


def _common(histograms: Sequence[Histogram]) -> Floats:
    """Return limits of intervals over the values of all."""
    low = min(one.edges[0] for one in histograms)
    high = max(one.edges[-1] for one in histograms)
    if not high - low > max(abs(low), abs(high)) * 1e-12:
        beside = abs(low) * 0.01 or 0.5
        low, high = low - beside, high + beside
    share = np.linspace(0.0, 1.0, _BINS + 1)
    return low * (1 - share) + high * share


def _density(histogram: Histogram, edges: Floats) -> Floats:
    """Return which share of the values lies in each common interval."""
    limits = np.array(histogram.edges, np.float64)
    below = np.concatenate([[0.0], np.cumsum(np.array(histogram.counts, np.float64))])
    whole = below[-1]
    # Of equal limits, which hold values of one number, the upper sum counts.
    left = np.interp(edges, *_last(limits, below / whole))
    left[edges <= limits[0]] = 0.0
    shares = np.diff(left)
    if limits[0] == limits[-1]:
        shares = np.zeros(len(edges) - 1)
        shares[min(int(np.searchsorted(edges, limits[0], "right")) - 1, len(shares) - 1)] = 1.0
    return np.clip(shares, 0.0, 1.0)


def _last(limits: Floats, below: Floats) -> tuple[Floats, Floats]:
    keep = np.r_[limits[1:] > limits[:-1], True]
    return limits[keep], below[keep]
