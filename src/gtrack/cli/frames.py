"""What ``gtrack watch`` shows at one look: a table of runs, and a chart of their main metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gtrack.cli.canvas import Paint
from gtrack.cli.chart import chart_lines
from gtrack.cli.statuses import status_mark, status_style
from gtrack.cli.table import Heading, render_table
from gtrack.cli.terminal import Terminal
from gtrack.cli.watching import Glance, last_step
from gtrack.display.words import ago, duration, instant, plural, value_text
from gtrack.ids import SHORT
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.plot.charts import Axis, Curve, chart_of
from gtrack.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["frame", "rate", "sparkline", "trend"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_SPARK = 12
_KEY = 18
_LATELY = 20
_DRAWN = 5
_LOWEST = 5
_HIGHEST = 16


def frame(glance: Glance, terminal: Terminal, paint: Paint, *, height: int | None = None) -> list[str]:
    """Return what to show, line by line.

    Args:
        glance: What was seen.
        terminal: What it can show.
        paint: See :func:`gtrack.cli.chart.painter`.
        height: At most so many lines; as many as there are by default.
    """
    running = sum(state.status == "running" for state in glance.states)
    ended = len(glance.states) - running
    what = plural(running, "run") + " running" + (f", {ended} ended" if ended else "")
    lines = [terminal.style(f"{what}, {instant(glance.now_us)[11:]}", "bold"), ""]
    if not glance.states:
        return [*lines, "Nothing runs here. A run that starts is shown at once."][:height]
    table, more = _table(glance, terminal), len(glance.states) - len(glance.runs)
    if height is not None and len(lines) + len(table) + bool(more) > height:
        hidden = len(lines) + len(table) + 1 - height
        table, more = table[:-hidden], more + hidden
    lines += [*table, terminal.style(f"and {more} more", "dim")] if more else table
    return lines + _chart(glance, terminal, paint, None if height is None else height - len(lines))


def _table(glance: Glance, terminal: Terminal) -> list[str]:
    heads = [
        Heading("ID"),
        Heading("NAME", shrinks_to=8),
        Heading("STATUS"),
        Heading("TIME", right=True, drop=4),
        Heading("STEP", right=True, drop=2),
        Heading("STEP/S", right=True, drop=5),
        *(Heading(_short(key), right=True, drop=3 if at else 1) for at, key in enumerate(glance.metrics)),
    ]
    if terminal.unicode and glance.metrics:
        heads.append(Heading(_short(glance.metrics[0]), shrinks_to=_SPARK, drop=6))
    rows, styles = [], []
    for state, run in zip(glance.states, glance.runs, strict=False):  # the others are only counted
        cells, style = _row(state, run.curves, glance, terminal)
        rows.append(cells[: len(heads)])
        styles.append(style)
    return render_table(heads, rows, terminal, styles)[0]


def _short(key: str) -> str:
    """Return the end of a key, which tells most: a shortened number would be another one."""
    text = clean(key)
    return text if len(text) <= _KEY else f"~{text[1 - _KEY :]}"


def _row(
    state: RunState, curves: Mapping[str, Curve], glance: Glance, terminal: Terminal
) -> tuple[list[str], list[Sequence[str]]]:
    main = curves.get(glance.metrics[0]) if glance.metrics else None
    running = state.status == "running"
    step = last_step(state)
    took = (glance.now_us - (state.started or glance.now_us)) / 1e6 if running else state.duration
    speed = rate(main) if running and main is not None else None
    status = status_mark(state.status, terminal) + ("" if running else f" {ago(state.ended, glance.now_us)}")
    cells = [
        state.id[:SHORT],
        clean(state.name),
        status,
        duration(took),
        "-" if step is None else str(step),
        "-" if speed is None else f"{speed:.3g}",
    ]
    styles: list[Sequence[str]] = [("yellow",), (), status_style(state.status), (), (), ()]
    for key in glance.metrics:
        text, style = _value(state, curves.get(key), key, glance.goals.get(key), terminal)
        cells.append(text)
        styles.append(style)
    cells.append(sparkline(main.value) if main is not None else "")
    styles.append(("cyan",))
    return cells, styles


def _value(
    state: RunState, curve: Curve | None, key: str, goal: Goal | None, terminal: Terminal
) -> tuple[str, Sequence[str]]:
    """Return the latest value with an arrow of where it goes, green where that is better and red where it is worse."""
    if key not in state.metrics:
        return "-", ()
    way = trend(curve.value) if curve is not None and state.status == "running" else 0
    arrow = ("→↗↘" if terminal.unicode else "-/\\")[way] if state.status == "running" else " "
    text = f"{value_text(state.metrics[key].last)} {arrow}"
    if goal is None or way == 0:
        return text, ()
    return text, ("green",) if (way > 0) == (goal.direction == "max") else ("red",)


def _chart(glance: Glance, terminal: Terminal, paint: Paint, room: int | None) -> list[str]:
    if not glance.metrics:
        return []
    goal = glance.goals.get(glance.metrics[0])
    chart = chart_of(glance.metrics[0], [run for run in glance.runs if run.curves][:_DRAWN], Axis(), goal=goal)
    around = 5 + len(chart.series)
    height = _HIGHEST if room is None else min(_HIGHEST, room - around)
    if not chart.series or height < _LOWEST:
        return []
    return ["", *chart_lines(chart, terminal, paint, height=height)]


def trend(values: Floats) -> int:
    """Return where values have been going lately: 1 up, -1 down, 0 where their scatter is larger than that."""
    import numpy as np

    lately = _scaled(values[np.isfinite(values)][-_LATELY:])
    if len(lately) < 4:
        return 0
    half = len(lately) // 2
    older, newer = lately[:half], lately[-half:]
    scatter = math.hypot(float(older.std()), float(newer.std())) / math.sqrt(half)
    change = float(newer.mean() - older.mean())
    if abs(change) <= 2 * scatter or change == 0:
        return 0
    return 1 if change > 0 else -1


def rate(curve: Curve) -> float | None:
    """Return how many steps a second a run has been making lately; None where that cannot be said yet."""
    step, time = curve.step[-_LATELY:], curve.time[-_LATELY:]
    passed = int(time.max() - time.min()) / 1e6 if len(time) > 1 else 0.0
    return int(step.max() - step.min()) / passed if passed > 0 else None


def sparkline(values: Floats) -> str:
    """Return a curve as a few blocks; a block is left out where there is no finite value.

    Example:
        >>> sparkline(np.array([3.0, 2.0, 1.0, 1.0]))
        '█▄▁▁'
    """
    import numpy as np

    parts = np.array_split(_scaled(values), min(_SPARK, len(values))) if len(values) else []
    means = [float(known.mean()) if len(known := part[np.isfinite(part)]) else math.nan for part in parts]
    finite = [mean for mean in means if math.isfinite(mean)]
    if not finite:
        return ""
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[int((mean - low) / span * top)] if math.isfinite(mean) else " " for mean in means)


def _scaled(values: Floats) -> Floats:
    """Return values with the largest finite one brought to 1: squares and sums of huge ones would not be numbers."""
    import numpy as np

    return values / (float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0)
