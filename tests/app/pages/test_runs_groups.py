"""Groups on the page of runs: selecting them, acting on their runs, and the same as code."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from apptest import is_whole, make_repository, open_page, record, texts
from hypothesis import given
from hypothesis import strategies as st

import gtrack
from gtrack._app.asking import Asked
from gtrack._app.reading import Reading
from gtrack._app.screens.runs.grouped import Grouped, group_key, grouped_of
from gtrack.cli import main
from gtrack.index.filter import parse
from gtrack.index.query import Query
from gtrack.ops.grouping import sort_key

LR, KIND = "params.lr", "params.kind"


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_repository(tmp_path_factory.mktemp("seeds") / "repo")
    for number, lr in enumerate((0.1, 0.1, 0.2, 0.2, 0.2)):
        record(path, {"score": number / 7}, name=f"run-{number}", experiment="churn", params={"lr": lr, "seed": number})
    with contextlib.chdir(path), gtrack.start_run("declared", params={"lr": 0.3}, system_metrics=False) as run:
        run.define_metric("score", goal="max")
        for value in (0.5, 0.9, 0.7):
            run.log({"score": value})
    return path


def grouped(path: Path, group: str, where: str = "", sort: str = "") -> Grouped:
    """Return the groups as the page knows them."""
    with gtrack.Repo(str(path)) as repo:
        asked = Asked(Query(where=parse(where) if where else None), where)
        return grouped_of(Reading(repo, read_only=True), asked, group, sort)


def press(at: Any, label: str) -> Any:
    next(button for button in at.button if button.label == label).click().run()
    assert is_whole(at)
    return at


def test_what_is_done_to_groups_is_done_to_all_their_runs(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    for number in range(5):
        record(path, name=f"run-{number}", params={"lr": number % 2})
    keys = grouped(path, "params.lr").keys
    at = open_page("runs", path, address={"group": "params.lr"})
    assert "**5 runs in 2 groups**" in texts(at)
    assert next(button for button in at.button if button.label == "Compare").disabled
    at = open_page("runs", path, address={"group": "params.lr", "groups": keys[0]})
    assert "**3 runs of 1 group selected**" in texts(at)
    assert "Hide 3 runs of 1 group from every list" in texts(at)
    at.text_input(key="runs.tag.text").set_value("stage=candidate").run()
    press(at, "Set")
    assert at.toast[0].value.replace("\\", "") == "Tagged 3 runs of 1 group."
    with gtrack.Repo(str(path)) as repo:
        assert sorted(run.name for run in repo.search("tags.stage = 'candidate'")) == ["run-0", "run-2", "run-4"]
    press(at, "Archive")
    assert "groups" not in at.query_params
    with gtrack.Repo(str(path)) as repo:
        assert sorted(run.name for run in repo.runs()) == ["run-1", "run-3"]


def test_groups_are_selected_in_the_filter_alone(seeds: Path) -> None:
    keys = grouped(seeds, "params.lr").keys
    address = {"group": "params.lr", "groups": [*keys, "no such group"], "where": "params.seed >= 3"}
    assert "**2 runs of 1 group selected**" in texts(open_page("runs", seeds, address=address))


def test_another_grouping_selects_nothing(seeds: Path) -> None:
    at = open_page("runs", seeds, address={"group": "params.lr", "groups": grouped(seeds, "params.lr").keys[0]})
    at.selectbox(key="runs.group").set_value("params.seed").run()
    assert is_whole(at)
    assert "groups" not in at.query_params


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.integers().map(str)


@given(VALUES, VALUES)
def test_two_groups_have_one_key_where_they_are_one(one: Any, other: Any) -> None:
    same = sort_key(one) == sort_key(other)
    assert (group_key("params.lr", [LR], [one]) == group_key("params.lr", [LR], [other])) is same


@given(st.lists(VALUES, min_size=2, max_size=2))
def test_the_key_of_a_configuration_stays_when_others_have_a_new_param(values: list[Any]) -> None:
    before = group_key("configuration", [KIND, LR], values)
    assert group_key("configuration", [KIND, LR, "params.new"], [*values, None]) == before


GROUPINGS = [
    {"group": "params.lr"},
    {"group": "configuration", "where": "params.seed IS NOT NULL"},
    {"group": "params.lr", "sort": "metrics.score"},
    {"group": "params.lr", "sort": "params.lr", "where": "experiment = 'churn'"},
    {"group": "experiment", "status": "finished"},
    {"group": "params.lr", "sort": "duration"},
]


def code_of(path: Path, address: dict[str, str]) -> tuple[str, str]:
    """Return the command line and the program that the page offers."""
    at = open_page("runs", path, address=address)
    assert is_whole(at)
    (line,) = [code.value for code in at.code if code.value.startswith("gtrack ls")]
    (python,) = [code.value for code in at.code if code.value.startswith(("import", "#"))]
    return line, python


def run_python(path: Path, python: str) -> pd.DataFrame:
    """Run a program as it is pasted, and return the value of its last line."""
    *lines, last = python.splitlines()
    scope: dict[str, Any] = {}
    with contextlib.chdir(path):
        exec("\n".join(lines), scope)
        return eval(last, scope)


@pytest.mark.parametrize("address", GROUPINGS)
def test_the_program_that_is_offered_returns_the_groups(seeds: Path, address: dict[str, str]) -> None:
    sort = f"-{address['sort']}" if "sort" in address else ""
    found = grouped(seeds, address["group"], address.get("where", ""), sort)
    table = run_python(seeds, code_of(seeds, address)[1])
    assert list(table.index) == [group.values[0] for group in found.groups]
    for key in found.metrics:
        for name in ("mean", "std", "count"):
            told = [getattr(group.metrics[key], name) for group in found.groups]
            shown = table[f"metrics.{key}", name]
            assert shown.tolist() == pytest.approx([float("nan") if v is None else v for v in told], nan_ok=True), key


@pytest.mark.parametrize("address", GROUPINGS)
def test_the_command_that_is_offered_lists_the_groups(
    seeds: Path, address: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    sort = f"-{address['sort']}" if "sort" in address else ""
    found = grouped(seeds, address["group"], address.get("where", ""), sort)
    words = shlex.split(code_of(seeds, address)[0])
    capsys.readouterr()
    with contextlib.chdir(seeds):
        assert main([*words[1:], "--csv"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split(",")[len(found.by)] for row in rows] == [str(len(group.runs)) for group in found.groups]


def test_a_declared_goal_counts_in_the_program_too(seeds: Path) -> None:
    table = run_python(seeds, code_of(seeds, {"group": "params.lr", "where": "name = 'declared'"})[1])
    assert table["metrics.score", "mean"].tolist() == [0.9]


def test_what_is_no_column_of_the_table_of_runs_is_grouped_in_the_command_line(seeds: Path) -> None:
    line, python = code_of(seeds, {"group": "environment.python"})
    assert line.startswith("gtrack ls --group-by environment.python")
    assert python.startswith("# ")
