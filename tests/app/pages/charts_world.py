"""Runs with curves, and what the page of charts makes of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import streamlit
from apptest import make_repository

import gtrack
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.options import Options, use
from gtrack._app.reading import Reading, forget, reading
from gtrack._app.screens.charts.figures import Drawing
from gtrack._app.screens.charts.legend import legend_of
from gtrack._app.screens.charts.runs import Chosen
from gtrack.index.query import Query
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary

LONG = 3_000


def make_curves(path: Path) -> Path:
    """Record four runs of two learning rates, with curves, a value that was logged once, and one long curve."""
    make_repository(path)
    for number in range(4):
        params = {"lr": 0.1 * (number % 2 + 1), "seed": number}
        with contextlib.chdir(path), gtrack.start_run(
            f"run-{number}", experiment="churn", params=params, system_metrics=False
        ) as run:  # fmt: skip
            for step in range(4):
                run.log({"train/loss": 1.0 / (step + number + 1), "val/loss": 1.1 / (step + 1)}, step=step)
            run.log({"test/accuracy": 0.8 + 0.01 * number}, step=4)
            if number == 0:
                values = np.random.default_rng(0).normal(size=LONG)
                for step, value in enumerate(values.tolist()):
                    run.log({"noise": value}, step=step)
    return path


@contextlib.contextmanager
def looking(path: Path) -> Iterator[Reading]:
    use(Options(str(path)))
    forget()
    streamlit.session_state.clear()
    with reading() as now:
        yield now


def of_all(now: Reading, **settings: Any) -> Drawing:
    states = tuple(run.state for run in now.repo.find(Query()))
    return Drawing(Chosen(states, len(states)), legend_of(states), CurveSettings(**settings))


def state(name: str, run_id: str = "", **facts: Any) -> RunState:
    return RunState(run_id or f"{abs(hash(name)):032x}"[:32], name, "churn", "finished", **facts)


def summary(count: int) -> MetricSummary:
    return MetricSummary(1.0, count - 1, 0, 0, 0.0, 0, 1.0, 0, count)
