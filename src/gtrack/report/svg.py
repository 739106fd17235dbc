"""A chart as inline SVG that needs no script: it fits any width, its letters keep their size.

The plot is stretched to its place, and its strokes are not (``vector-effect``); the marks of the axes stand beside it,
at percentages. There is no style in it: a page's policy would not have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from gtrack.display.words import value_text
from gtrack.plot.charts import Chart, Series
from gtrack.plot.palette import colour, dash
from gtrack.plot.scales import Scale
from gtrack.plot.thinning import extremes, means
from gtrack.report.results import listed, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["chart_svg", "key_svg"]

_SIZE = 1000
"""Units of the plot's width and height."""
_BUCKETS = 500
_MARGIN, _X_MARGIN = 0.04, 0.01
_HUGE = 1e300
_X_MARKS, _X_TIMES, _Y_MARKS = 5, 3, 5
_EDGE = 0.06


def chart_svg(chart: Chart, numbers: dict[str, int], *, log: bool = False) -> str:
    """Return a chart as HTML: one picture to those who hear it, with a summary.

    Args:
        chart: The chart; it has a line.
        numbers: The number of each run, by which it has its colour.
        log: The values on a logarithmic axis; those of 0 and less are left out.
    """
    lows = [end for one in chart.series for end in (one.low, one.high) if end is not None]
    y = _scale([*(one.line for one in chart.series), *lows], log=log)
    x = _scale([chart.places(one) for one in chart.series], time=chart.axis.kind == "time")
    if x is None or y is None:
        return f'<p class="remark">nothing to draw{" above 0" if log else ": no value is finite"}</p>'
    x, y = _padded(x, _X_MARGIN), _padded(y, _MARGIN)
    x_marks = x.ticks(_X_TIMES if x.time else _X_MARKS)
    y_marks = y.ticks(_Y_MARKS)
    # The first run is drawn last: it lies above the others.
    drawn = "".join(_series(chart, one, (x, y), numbers[one.run]) for one in reversed(chart.series))
    return (
        f'<div class="chart" role="img" aria-label="{escape(_summary(chart))}">'
        f'<svg class="y" aria-hidden="true">{"".join(_y_mark(y, *mark) for mark in y_marks)}</svg>'
        f'<svg class="plot" viewBox="0 0 {_SIZE} {_SIZE}" preserveAspectRatio="none" aria-hidden="true">'
        f"{_grid(x, y, x_marks, y_marks)}{drawn}</svg>"
        f'<svg class="x" aria-hidden="true">{"".join(_x_mark(x, *mark) for mark in x_marks)}</svg>'
        f'<span class="axis" aria-hidden="true">{escape(shortened(chart.x_label, 80))}</span></div>'
    )


def key_svg(number: int) -> str:
    """Return a stroke of a run's line, for a legend."""
    return f'<svg class="key" aria-hidden="true"><line x1="1" x2="21" y1="6" y2="6" {_stroke(number)}/></svg>'


def _summary(chart: Chart) -> str:
    """Return what the chart shows, in words."""
    lines = []
    for one in chart.series:
        first, last = (value_text(float(one.y[at])) for at in (0, -1))
        lines.append(f"{one.title} from {first} to {last}")
    return f"{shortened(chart.metric)} over {shortened(chart.x_label, 80)}: {listed(lines, 8)}"


def _scale(lines: Sequence[Floats], *, log: bool = False, time: bool = False) -> Scale | None:
    """Return the axis that holds all finite values; None when there are none."""
    import numpy as np

    known = [found for line in lines if len(found := line[np.isfinite(line) & ((line > 0) if log else True)])]
    if not known:
        return None
    return Scale.over(float(min(k.min() for k in known)), float(max(k.max() for k in known)), log=log, time=time)


def _padded(scale: Scale, part: float) -> Scale:
    """Return an axis with a little room at its ends, so that no line is half outside."""
    if scale.log:
        factor = (scale.high / scale.low) ** part if scale.high / scale.low < _HUGE else 1.0
        return Scale(scale.low / factor, scale.high * factor, log=True)
    room = (scale.high - scale.low) * part
    return Scale(scale.low - room, scale.high + room, time=scale.time)


def _grid(x: Scale, y: Scale, x_marks: Sequence[tuple[float, str]], y_marks: Sequence[tuple[float, str]]) -> str:
    across = (f"M{_units(x.place(value))} 0V{_SIZE}" for value, _ in x_marks)
    up = (f"M0 {_units(1 - y.place(value))}H{_SIZE}" for value, _ in y_marks)
    return f'<path class="grid" d="{"".join((*across, *up))}"/>'


def _y_mark(scale: Scale, value: float, text: str) -> str:
    return f'<text x="100%" y="{_percent(1 - scale.place(value))}" dy=".32em" text-anchor="end">{escape(text)}</text>'


def _x_mark(scale: Scale, value: float, text: str) -> str:
    place = scale.place(value)
    anchor = "start" if place < _EDGE else "end" if place > 1 - _EDGE else "middle"
    return f'<text x="{_percent(place)}" y="1em" text-anchor="{anchor}">{escape(text)}</text>'


def _series(chart: Chart, one: Series, scales: tuple[Scale, Scale], number: int) -> str:
    x = chart.places(one)
    pieces = [f"<g><title>{escape(one.title)}</title>"]
    if one.low is not None and one.high is not None:
        pieces.append(_band(x, one, scales, number))
    if one.smoothed is not None:
        pieces.append(_line(x, one.y, scales, f'{_stroke(number)} class="raw"'))
    pieces.append(_line(x, one.line, scales, f'{_stroke(number)} class="line"'))
    return "".join((*pieces, "</g>"))


def _stroke(number: int) -> str:
    lengths = " ".join(map(str, dash(number)))
    return f'stroke="{colour(number)}"' + (f' stroke-dasharray="{lengths}"' if lengths else "")


def _line(x: Floats, y: Floats, scales: tuple[Scale, Scale], attributes: str) -> str:
    """Return a line that has gaps where values are not finite; a value between two gaps is a dot."""
    kept = extremes(x, y, _BUCKETS)
    places = [_place(a, b, scales) for a, b in zip(x[kept].tolist(), y[kept].tolist(), strict=True)]
    line, dots = [], []
    for at, place in enumerate(places):
        if place is None:
            continue
        before = at > 0 and places[at - 1] is not None
        after = at + 1 < len(places) and places[at + 1] is not None
        if before or after:
            line.append(("L" if before else "M") + place)
        else:
            dots.append(f"M{place}h0")
    drawn = f'<path {attributes} d="{"".join(line)}"/>' if line else ""
    alone = attributes.replace('class="', 'class="dot ')
    return drawn + (f'<path {alone} d="{"".join(dots)}"/>' if dots else "")


def _place(x: float, y: float, scales: tuple[Scale, Scale]) -> str | None:
    """Return where a point stands in the plot; None where it does not."""
    across, up = scales
    if not abs(x) < _HUGE or not abs(y) < _HUGE or (up.log and y <= 0):
        return None
    return f"{_units(across.place(x))} {_units(1 - up.place(y))}"


def _band(x: Floats, one: Series, scales: tuple[Scale, Scale], number: int) -> str:
    assert one.low is not None and one.high is not None
    few = means(x, one.y, one.low, one.high, _BUCKETS)
    edges = []
    for values in (few.high, few.low):
        places = [_place(a, b, scales) for a, b in zip(few.x.tolist(), values.tolist(), strict=True)]
        edges.append([place for place in places if place is not None])
    around = "L".join((*edges[0], *reversed(edges[1])))
    return f'<path class="band" fill="{colour(number)}" d="M{around}Z"/>' if around else ""


def _units(part: float) -> str:
    return f"{min(max(part, -1.0), 2.0) * _SIZE:.1f}".removesuffix(".0")


def _percent(part: float) -> str:
    return f"{part * 100:.2f}%"
