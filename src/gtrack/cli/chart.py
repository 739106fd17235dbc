"""A chart in a terminal: its title, its lines between two axes, and a legend with the values that matter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gtrack.cli.canvas import Canvas, Paint, glyph
from gtrack.cli.table import Heading, display_width, render_table
from gtrack.cli.terminal import Terminal
from gtrack.display.words import plural, value_text
from gtrack.plot.palette import COLOURS, colour, xterm
from gtrack.plot.scales import Scale, Tick
from gtrack.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gtrack.plot.charts import Chart, Series

    Floats = NDArray[np.float64]

__all__ = ["WIDTH", "chart_lines", "facts", "painter"]

WIDTH = 80
"""The width where nobody says how wide."""
_NARROWEST = 12
_BESIDE = 11
"""How far apart marks of the lines stand where there are no colours, in cells."""


def painter(terminal: Terminal, env: Mapping[str, str]) -> Paint:
    """Return what gives text a run's colour: exactly where the terminal says that it can, else the nearest of its 256.

    Args:
        terminal: What it can show.
        env: The environment; ``COLORTERM`` tells.
    """
    exact = env.get("COLORTERM") in ("truecolor", "24bit")

    def paint(text: str, number: int) -> str:
        code = xterm(number)
        if not terminal.colour or code is None:
            return text
        if not exact:
            return f"\x1b[38;5;{code}m{text}\x1b[0m"
        red, green, blue = bytes.fromhex(colour(number)[1:])
        return f"\x1b[38;2;{red};{green};{blue}m{text}\x1b[0m"

    return paint


def chart_lines(
    chart: Chart, terminal: Terminal, paint: Paint, *, height: int = 16, log: bool = False, raw: bool = False
) -> list[str]:
    """Return a chart as lines of text.

    Args:
        chart: The chart; it has a line.
        terminal: What it can show, and its width.
        paint: See :func:`painter`.
        height: Rows between the axes; title, axis and legend come on top.
        log: The values on a logarithmic axis; those of 0 and less are left out.
        raw: Draw what was smoothed as well.
    """
    width = terminal.width or WIDTH
    drawn = [line for one in chart.series for line in ([one.line, one.y] if raw else [one.line])]
    y = _scale(drawn, log=log)
    x = _scale([chart.places(one) for one in chart.series], time=chart.axis.kind == "time")
    lines = [terminal.style(_shown(_title(chart, log=log), width), "bold")]
    if x is None or y is None:
        lines.append("  nothing to draw" + (" above 0" if log else ": no value is finite"))
    else:
        lines += _plot(chart, terminal, paint, (x, y), (width, height), raw=raw)
    return lines + _legend(chart, terminal, paint)


def _title(chart: Chart, *, log: bool) -> str:
    facts = []
    if chart.goal is not None:
        guessed = "" if chart.goal.declared else ", by its name"
        facts.append(f"goal: {chart.goal.direction}{guessed}")
    if chart.weight:
        facts.append(f"smoothed {chart.weight:g}")
    if log:
        facts.append("logarithmic")
    if any(one.low is not None for one in chart.series):
        facts.append("mean over ranks")
    return clean(chart.metric) + (f" ({'; '.join(facts)})" if facts else "")


def _scale(lines: Sequence[Floats], *, log: bool = False, time: bool = False) -> Scale | None:
    """Return the axis that holds all finite values; None when there are none."""
    import numpy as np

    known = [found for line in lines if len(found := line[np.isfinite(line) & ((line > 0) if log else True)])]
    if not known:
        return None
    return Scale.over(float(min(k.min() for k in known)), float(max(k.max() for k in known)), log=log, time=time)


def _plot(
    chart: Chart,
    terminal: Terminal,
    paint: Paint,
    scales: tuple[Scale, Scale],
    size: tuple[int, int],
    *,
    raw: bool,
) -> list[str]:
    (x, y), (width, height) = scales, size
    labels = _beside(y.ticks(max(2, height // 3)), y, height)
    gutter = max(map(len, labels.values()), default=0)
    canvas = Canvas(max(_NARROWEST, width - gutter - 2), height, unicode=terminal.unicode)
    cells: dict[int, list[tuple[int, int]]] = {}
    # The first run is drawn last: it lies above the others.
    for one in reversed(chart.series):
        places = chart.places(one)
        if raw and one.smoothed is not None:
            canvas.line(_points(places, one.y, x, y, canvas), one.number, dotted=True)
        cells.setdefault(one.number, []).extend(canvas.line(_points(places, one.line, x, y, canvas), one.number))
    if _marked(chart, terminal) and terminal.unicode and len(cells) > 1:
        _tell_apart(canvas, cells)
    wall, joint = ("│", "┤") if terminal.unicode else ("|", "+")
    rows = [
        f"{labels.get(row, ''):>{gutter}} {joint if row in labels else wall}{text}"
        for row, text in enumerate(canvas.lines(paint))
    ]
    return rows + _below(x, canvas.columns, gutter, clean(chart.x_label), terminal)


def _points(places: Floats, values: Floats, x: Scale, y: Scale, canvas: Canvas) -> Iterator[tuple[float, float]]:
    """Yield the points of a line as parts of the canvas; where there is none to draw, NaN."""
    from gtrack.plot.thinning import extremes

    kept = extremes(places, values, canvas.width)
    for place, value in zip(places[kept].tolist(), values[kept].tolist(), strict=True):
        if math.isfinite(place) and math.isfinite(value) and not (y.log and value <= 0):
            yield x.place(place), y.place(value)
        else:
            yield math.nan, math.nan


def _marked(chart: Chart, terminal: Terminal) -> bool:
    """Tell whether colours alone do not tell the runs apart."""
    return not terminal.colour or any(one.number >= len(COLOURS) for one in chart.series)


def _tell_apart(canvas: Canvas, cells: Mapping[int, Sequence[tuple[int, int]]]) -> None:
    """Put marks on lines of one colour, beside each other's."""
    for number, drawn in cells.items():
        shift = number * _BESIDE // len(cells)
        wanted = {column for column in range(canvas.columns) if column % _BESIDE == shift % _BESIDE}
        marked = {column: row for column, row in drawn if column in wanted} or dict(drawn[-1:])
        for column, row in marked.items():
            canvas.mark(column, row, glyph(number, unicode=True), number)


def _beside(ticks: Sequence[Tick], scale: Scale, height: int) -> dict[int, str]:
    """Return the labels of the vertical axis by row."""
    return {round((1 - scale.place(value)) * (height - 1)): text for value, text in ticks}


def _below(scale: Scale, columns: int, gutter: int, label: str, terminal: Terminal) -> list[str]:
    """Return the horizontal axis: its line, and the marks' labels with the axis's own at the end."""
    corner, line, tee = ("└", "─", "┬") if terminal.unicode else ("+", "-", "+")
    label = _shown(label, max(4, columns // 2))
    room = columns - display_width(label) - 2
    axis, text = [line] * columns, ""
    for value, mark in scale.ticks(max(2, columns // 14)):
        column = round(scale.place(value) * (columns - 1))
        start = max(0, column - len(mark) // 2)
        if start + len(mark) > room or (text and start < len(text) + 2):
            continue
        axis[column] = tee
        text = text.ljust(start) + mark
    named = text.ljust(columns - display_width(label)) + label
    return [" " * (gutter + 1) + corner + "".join(axis), " " * (gutter + 2) + named]


def _legend(chart: Chart, terminal: Terminal, paint: Paint) -> list[str]:
    """Return a line for each run: its mark, its label, its last and best value."""
    heads = [Heading("", shrinks_to=8), Heading("last", right=True), Heading("at step", right=True, drop=3)]
    if chart.goal is not None:
        heads += [Heading("best", right=True, drop=1), Heading("at step", right=True, drop=2)]
    narrow = replace(terminal, width=(terminal.width or WIDTH) - 4)
    head, *rows = render_table(heads, [facts(one, chart) for one in chart.series], narrow)[0]
    stroke = "━━" if terminal.unicode else "--"
    marked = _marked(chart, terminal)
    marks = [f"{glyph(one.number, unicode=terminal.unicode)} " if marked else stroke for one in chart.series]
    named = [f"  {paint(mark, one.number)} {row}" for mark, one, row in zip(marks, chart.series, rows, strict=True)]
    return [f"     {head}".rstrip(), *named]


def facts(one: Series, chart: Chart) -> list[str]:
    """Return the legend's cells: label, last value and its step, and where there is a goal the best and its step."""
    summary = one.summary
    if summary is None or one.rank is not None:
        last = value_text(float(one.y[-1])) if len(one.y) else "-"
        cells = [last, str(int(one.step[-1]))]
        return [_label(one), *cells, *(["-", "-"] if chart.goal else [])]
    cells = [value_text(summary.last), str(summary.step)]
    if chart.goal is not None:
        low = chart.goal.direction == "min"
        best, step = (summary.min, summary.argmin) if low else (summary.max, summary.argmax)
        cells += [value_text(best), "-" if step is None else str(step)]
    return [_label(one), *cells]


def _label(one: Series) -> str:
    import numpy as np

    gaps = int((~np.isfinite(one.y)).sum())
    return one.title + (f" ({plural(gaps, 'value')} not finite)" if gaps else "")


def _shown(text: str, width: int) -> str:
    """Return text cut to a width."""
    while display_width(text) > max(width, 1):
        text = text[:-1]
    return text
