"""Charts as a picture, by matplotlib: the same bytes for the same charts."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gtrack.errors import MissingExtraError
from gtrack.plot.charts import Chart
from gtrack.plot.palette import FOREGROUND, colour, dash
from gtrack.plot.thinning import extremes, means
from gtrack.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["picture"]

_BUCKETS = 1000
_LONGEST = 60
_HUGE = 1e300


def picture(charts: Sequence[Chart], form: str, *, log: bool = False) -> bytes:
    """Return charts below each other as a picture.

    The user's own matplotlib settings do not count, nor does the time: a picture can be compared by its bytes.

    Args:
        charts: The charts, with the same runs.
        form: ``png`` or ``svg``.
        log: The values on a logarithmic axis.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "plot")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Warnings are about glyphs that the font lacks: names are free to have them.
    with warnings.catch_warnings(), mpl.rc_context():
        warnings.simplefilter("ignore")
        mpl.rcdefaults()
        mpl.rcParams["svg.hashsalt"] = "gtrack"
        figure = Figure(figsize=(9, 3.4 * len(charts) + 0.6), layout="constrained")
        strokes: dict[int, tuple[Any, str]] = {}
        panels = figure.subplots(len(charts), 1, squeeze=False)[:, 0]
        for panel, chart in zip(panels, charts, strict=True):
            strokes |= _draw(panel, chart, log=log)
        _legend(figure, [strokes[number] for number in sorted(strokes)])
        buffer = io.BytesIO()
        metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    return buffer.getvalue()


def _draw(panel: Any, chart: Chart, *, log: bool) -> dict[int, tuple[Any, str]]:
    """Draw a chart, and return a stroke and a label for each run."""
    strokes = {}
    for one in reversed(chart.series):
        x = chart.places(one)
        ink = "black" if colour(one.number) == FOREGROUND else colour(one.number)
        if one.smoothed is not None:
            _line(panel, chart, x, one.y, color=ink, alpha=0.25, linewidth=0.8)
        elif one.low is not None and one.high is not None:
            few = means(x, one.y, one.low, one.high, _BUCKETS)
            panel.fill_between(_places(chart, few.x), _finite(few.low), _finite(few.high), color=ink, alpha=0.15, lw=0)
        style = (0, dash(one.number)) if dash(one.number) else "-"
        strokes[one.number] = (_line(panel, chart, x, one.line, color=ink, linestyle=style), one.label)
    panel.set_title(_cut(_title(chart)), loc="left", fontsize=10, parse_math=False)
    panel.set_xlabel(_cut(clean(chart.x_label)), parse_math=False)
    panel.grid(alpha=0.25)
    if chart.axis.kind == "time":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()
        panel.xaxis.set_major_locator(locator)
        panel.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    if log:
        panel.set_yscale("log", nonpositive="mask")
    return strokes


def _line(panel: Any, chart: Chart, x: Floats, y: Floats, **style: Any) -> Any:
    kept = extremes(x, y, _BUCKETS)
    drawn = _finite(y[kept])
    alone = _alone(drawn)
    dots = {"marker": "o", "markersize": 3, "markevery": alone} if alone else {}
    (line,) = panel.plot(_places(chart, x[kept]), drawn, **dots, **style)
    return line


def _alone(values: Floats) -> list[int]:
    """Return where values are that no line leads to, for there is a gap on either side: they are drawn as dots."""
    import numpy as np

    known = np.concatenate(([False], np.isfinite(values), [False]))
    return [int(at) for at in np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])]


def _places(chart: Chart, x: Floats) -> Any:
    """Return places as matplotlib takes them: times as dates."""
    return (x * 1e6).astype("datetime64[us]") if chart.axis.kind == "time" else _finite(x)


def _finite(values: Floats) -> Floats:
    """Return values with gaps where none could be drawn."""
    import numpy as np

    return np.where(np.abs(values) < _HUGE, values, np.nan)


def _title(chart: Chart) -> str:
    goal, facts = chart.goal, []
    if goal is not None:
        facts.append(f"goal: {goal.direction}" + ("" if goal.declared else ", by its name"))
    if chart.weight:
        facts.append(f"smoothed {chart.weight:g}")
    return clean(chart.metric) + (f"  ({'; '.join(facts)})" if facts else "")


def _legend(figure: Any, strokes: Sequence[tuple[Any, str]]) -> None:
    """Put a legend below the charts. matplotlib gives a meaning to some labels, so they are set afterwards."""
    lines = [line for line, _ in strokes]
    legend = figure.legend(
        lines, [str(at) for at in range(len(lines))], loc="outside lower center", ncols=2, fontsize=8
    )
    for text, (_, label) in zip(legend.get_texts(), strokes, strict=True):
        text.set_parse_math(False)
        text.set_text(_cut(label))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
