"""The figures of the page of charts: curves, bars, and what is zoomed to."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from charts_world import LONG, looking, make_curves, of_all

import gtrack
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.screens.charts.curves import Preview, preview_in, read_curves
from gtrack._app.screens.charts.figures import Drawing, figures_of, is_single
from gtrack._app.screens.charts.legend import legend_of


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_curves(tmp_path_factory.mktemp("some") / "repo")


def test_curves_are_read_once(some: Path) -> None:
    with looking(some) as now:
        drawing = of_all(now)
        table = read_curves(now, drawing.states, ["val/loss"])
        assert len(table) == 16 and read_curves(now, drawing.states, ["val/loss"]) is table
        assert preview_in(table) == Preview()


def test_a_live_run_is_drawn_beside_those_that_have_ended(some: Path, tmp_path: Path) -> None:
    path = tmp_path / "repo"
    subprocess.run(["cp", "-r", str(some), str(path)], check=True)
    with contextlib.chdir(path), gtrack.start_run("live", experiment="churn", system_metrics=False) as run:
        run.log({"val/loss": 2.0}, step=0)
        run.log({"val/loss": 1.0}, step=1)
        run.flush() if hasattr(run, "flush") else None
        with looking(path) as now:
            drawing = of_all(now)
            table = read_curves(now, drawing.states, ["val/loss"])
            assert sorted(table["run"].value_counts().field("counts").to_pylist()) == [2, 4, 4, 4, 4]
            (figure,) = figures_of(now, drawing, ["val/loss"]).figures
            assert [entry.live for entry in drawing.legend.entries] == [True, False, False, False, False]
            before = len(figure.traces)
        run.log({"val/loss": 0.5}, step=2)
        with looking(path) as now:
            (figure,) = figures_of(now, of_all(now), ["val/loss"]).figures
            assert len(figure.traces) == before == 5
            assert max(len(trace["x"]) for trace in figure.traces if trace["name"] == "live") == 3


def test_what_was_logged_once_is_a_bar(some: Path) -> None:
    with looking(some) as now:
        drawing = of_all(now)
        assert is_single(drawing.states, "test/accuracy") and not is_single(drawing.states, "val/loss")
        curve, bar = figures_of(now, drawing, ["val/loss", "test/accuracy"]).figures
        assert (curve.title, curve.traces[0]["type"]) == ("val/loss", "scatter")
        assert (bar.title, bar.traces[0]["type"]) == ("test/accuracy", "bar")
        means = legend_of(drawing.states, by="params.lr", band="std")
        by_lr = Drawing(drawing.chosen, means, CurveSettings(band="std"))
        (figure,) = figures_of(now, by_lr, ["test/accuracy"]).figures
        assert figure.layout["xaxis"]["title"]["text"] == "lr"
        assert set(figure.traces[0]["marker"]["color"]) == {entry.colour for entry in means.entries}


def test_a_hidden_run_has_no_curve(some: Path) -> None:
    with looking(some) as now:
        drawing = of_all(now)
        hidden = {drawing.states[0].id}
        rest = Drawing(drawing.chosen, legend_of(drawing.states, hidden=hidden), drawing.settings)
        (figure,) = figures_of(now, rest, ["val/loss"]).figures
        assert hidden.isdisjoint(trace["meta"]["run"] for trace in figure.traces) and len(figure.traces) == 3


def test_what_is_zoomed_to_has_all_its_points(some: Path) -> None:
    with looking(some) as now:
        drawing = of_all(now)
        (whole,) = figures_of(now, drawing, ["noise"]).figures
        assert len(whole.traces[0]["x"]) < LONG
        near = replace(drawing, zooms={whole.axis: (100.0, 300.0)})
        (part,) = figures_of(now, near, ["noise"]).figures
        x = part.traces[0]["x"].tolist()
        assert set(range(401)) <= set(x) and max(x) <= 401
        assert part.id == whole.id and part.axis == whole.axis
        elsewhere = replace(near, settings=CurveSettings(x="relative"))
        assert len(figures_of(now, elsewhere, ["noise"]).figures[0].traces[0]["x"]) > 50
        assert figures_of(now, drawing, ["noise"]).figures[0] is whole


def test_another_metric_on_the_axis_is_read_too(some: Path) -> None:
    with looking(some) as now:
        (figure,) = figures_of(now, of_all(now, x="train/loss"), ["val/loss"]).figures
        assert figure.axis == "metric:train/loss" and len(figure.traces) == 4
