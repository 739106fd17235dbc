"""The charts as code and as tables."""

from __future__ import annotations

import contextlib
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from charts_world import looking, make_curves

from gtrack._app.asking import Asked
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.screens.charts.code import cli_of, python_of
from gtrack._app.screens.charts.runs import Chosen
from gtrack._app.screens.charts.tables import table_of
from gtrack.cli import main
from gtrack.index.filter import parse
from gtrack.index.query import Query
from gtrack.model.goal import Goal


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_curves(tmp_path_factory.mktemp("some") / "repo")


def test_the_code_draws_the_same_runs(some: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with looking(some) as now:
        states = tuple(run.state for run in now.repo.find(Query(limit=2)))
    asked = Asked(Query(where=parse("params.lr < 0.15"), statuses=("finished",)), "params.lr < 0.15")
    settings = CurveSettings(smoothing=0.5, log_y=True, x="relative", names="val")
    for chosen, runs in ((Chosen(states, 2), 2), (Chosen(states, 2, selected=True), 2)):
        command = cli_of(asked, chosen, settings, ["val/loss"], 3)
        with contextlib.chdir(some):
            assert main([*shlex.split(command)[1:], "--json"]) == 0, command
            drawn = json.loads(capfd.readouterr().out)
            assert len({point["run"] for point in drawn}) == runs, command
            lines = python_of(asked, chosen, ["val/loss"], 3).splitlines()
            names: dict[str, Any] = {}
            exec("\n".join(line for line in lines if "to_pandas" not in line), names)  # is what is claimed
            assert len(names["curves"]) == 8


def test_several_experiments_and_the_best_runs_are_code_too() -> None:
    asked = Asked(Query(experiments=("a", "it's")), "")
    found = Chosen((), 0)
    assert cli_of(asked, found, CurveSettings(), (), 20) == (
        "gtrack plot --where 'experiment IN ('\"'\"'a'\"'\"', '\"'\"'it'\"'\"''\"'\"'s'\"'\"')' -n 20"
    )
    assert "order_by='min(metrics.loss) ASC'" in python_of(asked, found, (), 5, ("loss", Goal("min", "experiment")))


def test_in_a_table_a_name_is_only_text() -> None:
    (row,) = table_of([{"name": "![x](https://evil.example/x.png) :red[y]", "last": 0.5, "max": None}]).to_pylist()
    assert row["name"].startswith(r"\!\[x\]\(https") and ":red" not in row["name"].replace(r"\:", "")
    assert (row["last"], row["max"]) == ("0.5", "-")
    assert table_of([]).num_rows == 0
