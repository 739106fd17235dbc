"""The page of leaderboards."""

from __future__ import annotations

import contextlib
import json
import math
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from apptest import HOSTILE, is_whole, make_repository, open_page, record, record_hostile, texts

import gtrack
from gtrack._app.screens.leaderboard.figure import floor_on, leaderboard_figure
from gtrack._app.screens.leaderboard.protocol import changes_of
from gtrack._app.screens.leaderboard.table import against, row_labels
from gtrack._app.shell_word import shell_word
from gtrack.index.fields import Field
from gtrack.model.experiment import ExperimentState
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.statistics import Interval
from gtrack.ops.experiments import archive, set_protocol
from gtrack.ops.leaderboard import Entry, leaderboard

UP = Goal("max", "experiment")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("empty") / "repo")


def make(path: Path) -> Path:
    """Make an experiment of two configurations, a baseline, a run below the floor and one that failed."""
    make_repository(path)
    for lr, values in ((0.1, (0.90, 0.91)), (0.2, (0.80, 0.82))):
        for seed, value in enumerate(values):
            name = f"lr-{lr}-{seed}"
            record(path, {"acc": value}, name=name, experiment="churn", params={"lr": lr, "seed": seed})
    record(path, {"acc": 0.2}, name="poor", experiment="churn", params={"lr": 9})
    with (
        contextlib.chdir(path),
        contextlib.suppress(RuntimeError),
        gtrack.start_run("broken", experiment="churn", system_metrics=False) as run,
    ):
        run.log({"acc": 0.6, "loss": 0.5})
        raise RuntimeError("no memory")
    record(path, {"acc": 0.5}, name="other", experiment="fraud")
    with gtrack.Repo(str(path)) as repo:
        base = repo.run("name:lr-0.2-0").id
        set_protocol(
            repo.repository,
            "churn",
            {
                "metric": "acc",
                "goal": "max",
                "floor": "metrics.acc >= 0.5",
                "baseline": base,
                "description": "Who leaves?",
            },
        )
    return path


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("some") / "repo")


def table(at: object, number: int = 0):
    return at.dataframe[number].value  # type: ignore[attr-defined]


def test_an_empty_repository_is_told_what_to_type(empty: Path) -> None:
    at = open_page("leaderboard", empty)
    assert is_whole(at)
    assert "gtrack experiment set" in texts(at)


def test_without_a_repository_the_page_says_so(tmp_path: Path) -> None:
    at = open_page("leaderboard", tmp_path)
    assert is_whole(at)
    assert "no git repository" in texts(at).replace("\\", "")


def test_all_experiments_come_first(some: Path) -> None:
    at = open_page("leaderboard", some)
    assert is_whole(at)
    shown = table(at)
    assert dict(zip(shown[" experiment"], shown["runs"], strict=True)) == {"churn": 6, "fraud": 1}
    assert list(shown[shown[" experiment"] == "churn"]["metric"]) == ["acc (max)"]


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ({}, []),
        ({"single": "1"}, ["--runs"]),
        ({"group": "params.lr", "min_runs": "2"}, ["--group-by", "params.lr", "--min-runs", "2"]),
        (
            {"metric": "loss", "where": "name != 'poor'", "unfinished": "1"},
            ["loss", "--where", "name != 'poor'", "--all"],
        ),
    ],
)
def test_the_numbers_are_those_of_gtrack_best(some: Path, address: dict[str, str], options: list[str]) -> None:
    command = [sys.executable, "-m", "gtrack", "best", "--experiment", "churn", "--csv", *options]
    done = subprocess.run(command, cwd=some, capture_output=True, text=True, check=True)
    head, *lines = (line.split(",") for line in done.stdout.splitlines())
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    at = open_page("leaderboard", some, address={"experiment": "churn", **address})
    assert is_whole(at)
    shown = table(at)
    assert [name.removeprefix("⚑ ") for name in shown[" run"]] == [row["best.name"] for row in rows]
    assert [float(text.split()[0]) for text in shown["mean"]] == pytest.approx(
        [float(r["mean"]) for r in rows], abs=5e-4
    )
    deltas = [text.split()[0] for text in shown["against"]] if "against" in shown else []
    assert [0.0 if text == "baseline" else float(text) for text in deltas] == pytest.approx(
        [float(row["delta"] or 0) for row in rows][: len(deltas)], abs=5e-3
    )


def test_the_command_that_is_shown_is_the_one_that_was_meant(some: Path) -> None:
    address = {"experiment": "churn", "where": "params.lr < 5", "group": "params.lr", "min_runs": "2", "count": "7"}
    shell, python = (code.value for code in open_page("leaderboard", some, address=address).code[:2])
    assert shell == "gtrack best --experiment churn --where 'params.lr < 5' --group-by params.lr --min-runs 2 -n 7"
    said: list[tuple[object, ...]] = []
    with contextlib.chdir(some):
        exec(python, {"print": lambda *args: said.append(args)})  # what the page tells to type
    assert [rank for rank, *_ in said] == [1, 2]


def test_protocol_floor_baseline_and_what_is_left_out_are_said(some: Path) -> None:
    at = open_page("leaderboard", some, address={"experiment": "churn"})
    said = texts(at).replace("\\", "")
    assert "Who leaves?" in said
    assert "metrics.acc >= 0.5" in said
    assert "met by 5 of 6 runs" in said
    assert "meets the floor" in said
    assert "Last said by Ada L" in said
    assert "1 run below the floor" in at.expander[0].label
    assert "1 failed" in at.expander[0].label
    assert set(table(at, 1)[" reason"]) == {"below the floor", "failed"}
    assert list(table(at)["floor"]) == ["✓ met", "✓ met"]


def test_a_row_lists_its_runs(some: Path) -> None:
    with gtrack.Repo(str(some)) as repo:
        best = repo.run("name:lr-0.1-1").id
    at = open_page("leaderboard", some, address={"experiment": "churn", "row": best})
    assert is_whole(at)
    assert list(table(at, 1)[" run"]) == ["lr-0.1-1", "lr-0.1-0"]
    assert "Rank 1" in texts(at)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"where": "metrics.loss >"}, "metrics"),
        ({"group": "nonsense"}, "cannot group"),
        ({"metric": "accc"}, "did you mean 'acc'"),
        ({"where": "params.lr > 99"}, "No run of this experiment matches"),
        ({"min_runs": "99"}, "Nothing to rank"),
        ({"min_runs": "99"}, "2 configurations of fewer than 99 runs"),
        ({"min_runs": "-3", "count": "0"}, "Ranked by acc"),
    ],
)
def test_what_is_wrong_is_said_in_place(some: Path, address: dict[str, str], said: str) -> None:
    at = open_page("leaderboard", some, address={"experiment": "churn", **address})
    assert is_whole(at)
    labels = [each.label for each in at.expander]
    assert said in "\n".join([texts(at).replace("\\", ""), *labels])


def test_an_experiment_of_which_nobody_said_anything_says_what_to_type(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    record(path, experiment="new")
    at = open_page("leaderboard", path, address={"experiment": "new"})
    assert is_whole(at)
    assert "gtrack experiment set new" in texts(at).replace("\\", "")


def test_the_protocol_is_set_for_the_team(some: Path, tmp_path: Path) -> None:
    path = shutil.copytree(some, tmp_path / "repo")
    at = open_page("leaderboard", path, address={"experiment": "churn"})
    (floor,) = (each for each in at.text_input if each.label == "Floor")
    (baseline,) = (each for each in at.text_input if each.label == "Baseline")
    floor.set_value("metrics.acc >= 0.85")
    baseline.set_value("name:lr-0.1-0")
    (button,) = (each for each in at.button if each.label == "Set")
    button.click().run()
    assert is_whole(at)
    said = texts(at).replace("\\", "")
    assert "Set floor, baseline for everybody" in said
    assert "met by 2 of 6 runs" in said
    with gtrack.Repo(str(path)) as repo:
        state = repo.experiment("churn")
        assert (state.metric, state.goal, state.floor) == ("acc", "max", "metrics.acc >= 0.85")
        assert state.baseline == repo.run("name:lr-0.1-0").id
    (floor,) = (each for each in at.text_input if each.label == "Floor")
    assert floor.value == "metrics.acc >= 0.85"
    floor.set_value("not a filter >")
    (button,) = (each for each in at.button if each.label == "Set")
    button.click().run()
    assert "Not done" in texts(at)


def test_an_archived_experiment_is_listed_when_asked_for(some: Path, tmp_path: Path) -> None:
    path = shutil.copytree(some, tmp_path / "repo")
    at = open_page("leaderboard", path, address={"experiment": "fraud"})
    (button,) = (each for each in at.button if each.label == "Archive for everybody")
    button.click().run()
    assert "It is archived" in texts(at)
    at = open_page("leaderboard", path)
    assert list(table(at)[" experiment"]) == ["churn"]
    at = open_page("leaderboard", path, address={"archived": "1"})
    assert sorted(table(at)[" experiment"]) == ["churn", "fraud (archived)"]
    with gtrack.Repo(str(path)) as repo:
        archive(repo.repository, "churn")
    assert "archived" in texts(open_page("leaderboard", path))


def test_a_read_only_dashboard_offers_no_action(some: Path) -> None:
    at = open_page("leaderboard", some, read_only=True, address={"experiment": "churn"})
    assert is_whole(at)
    assert not {"Set", "Archive for everybody"} & {each.label for each in at.button}


def test_hostile_names_are_text(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    record_hostile(path)
    with gtrack.Repo(str(path)) as repo:
        runs = repo.runs()
        for run in runs:
            clean = next(iter(run.metrics))
            set_protocol(
                repo.repository,
                run.experiment,
                {
                    "metric": "loss",
                    "goal": "min",
                    "description": HOSTILE[0] + clean,
                    "baseline": run.id,
                    "floor": "metrics.loss < 0 OR params.x = '<script>[a](javascript:b)'",
                },
            )
        names = sorted({run.experiment for run in runs})
    for address in ({}, *({"experiment": name, "row": runs[0].id} for name in names[:2])):
        at = open_page("leaderboard", path, address=address)
        assert is_whole(at)
        shown = "\n".join(str(part.value) for part in (*at.markdown, *at.caption))
        shown += "\n".join(each.label for each in at.expander)
        shown = re.sub("`+ .*? `+", "", shown)  # code is shown as it is
        shown += "\n".join(_helps(at))
        assert "<script" not in shown.replace("\\<script", "")
        assert "](javascript" not in shown
        assert "\x1b" not in texts(at)


def _helps(at) -> list[str]:
    """Return what the columns of tables say when pointed at, which is Markdown."""
    columns = [column for each in at.dataframe for column in json.loads(each.proto.columns or "{}").values()]
    return [column["help"] for column in columns if isinstance(column, dict) and column.get("help")]


# What is worked out without a browser.


def board(*groups: tuple[float, ...], baseline: int | None = None):
    runs = [
        Entry(at, f"{number}-{at}", "finished", value, number)
        for number, values in enumerate(groups)
        for at, value in enumerate(values)
    ]
    base = None if baseline is None else next(run for run in runs if run.key == baseline)
    found = leaderboard(runs, "auc", UP, baseline=base)
    states = {run.id: RunState(run.id, f"<b>{run.id}", "churn", "finished") for run in runs}
    return found, states


def valid(figure) -> None:
    """Check that every property is one of plotly's; the theme's own colour is not known to it."""
    graph = pytest.importorskip("plotly.graph_objects", reason="plotly is not installed")

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items()}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return "#888888" if isinstance(value, str) and value == "currentColor" else value

    graph.Figure(plain({"data": list(figure.traces), "layout": figure.layout}))


def test_the_chart_has_the_rows_with_intervals_baseline_and_floor() -> None:
    found, states = board((0.9, 0.92), (0.8,), baseline=1)
    figure = leaderboard_figure(found, found.rows, states, floor=0.7, chosen=found.rows[0].best.id)
    dots, means = figure.traces
    assert list(means["x"]) == pytest.approx([0.91, 0.8])
    assert means["error_x"]["array"] == pytest.approx([0.127062, 0.0], abs=1e-5)
    assert means["customdata"] == ["0-1", "1-0"]
    assert len(dots["x"]) == 2
    assert [(note["text"], note["x"]) for note in figure.layout["annotations"]] == [("baseline", 0.8), ("floor", 0.7)]
    assert figure.layout["yaxis"]["ticktext"] == ["1  &lt;b&gt;0-1", "2  &lt;b&gt;1-0"]
    valid(figure)


def test_groups_are_called_by_what_they_were_grouped_by() -> None:
    found, states = board((0.9,), (0.8,))
    grouped = [replace(row, runs=(row.best._replace(group=(8, None)),)) for row in found.rows]
    labels = row_labels(grouped, [Field("params", "depth"), Field("params", "<lr>")])
    assert labels == {"0-0": "depth=8, <lr>=—", "1-0": "depth=8, <lr>=—"}
    figure = leaderboard_figure(found, found.rows, states, labels=labels)
    assert figure.layout["yaxis"]["ticktext"][0] == "1  depth=8, &lt;lr&gt;=—"


def test_a_chart_of_many_rows_keeps_the_baseline() -> None:
    found, states = board(*((1 - at / 100,) for at in range(60)), baseline=50)
    figure = leaderboard_figure(found, found.rows, states)
    assert len(figure.traces[0]["x"]) == 16
    assert figure.traces[0]["customdata"][-1] == "50-0"
    assert figure.note == "the first 15 of 60 rows"
    valid(figure)


def test_rows_that_are_not_finite_are_not_drawn() -> None:
    found, states = board((math.inf,), (0.5,), (math.inf, -math.inf))
    figure = leaderboard_figure(found, found.rows, states)
    assert list(figure.traces[-1]["x"]) == [0.5]
    valid(leaderboard_figure(*board((math.inf,))[:1], (), {}))


def test_a_floor_is_drawn_where_it_is_of_the_metric() -> None:
    assert floor_on("metrics.auc >= 0.8", "auc") == 0.8
    assert floor_on("metrics.auc >= 0.8 and params.lr < 1", "auc") is None
    assert floor_on("params.auc >= 0.8", "auc") is None
    assert floor_on("nonsense >", "auc") is None
    assert floor_on(None, "auc") is None


def test_a_difference_is_marked_where_the_interval_tells_it_from_none() -> None:
    found, _ = board((0.9, 0.901), (0.8, 0.801), (0.5,), baseline=1)
    assert [against(row, found).split()[-1] for row in found.rows] == ["better", "baseline", "-0.3005"]
    assert Interval(0.1).low is None


def test_only_what_is_new_is_set() -> None:
    state = ExperimentState("churn", metric="auc", goal="max", floor="metrics.auc > 0.5")
    same = {"metric": "auc", "goal": "max", "floor": "metrics.auc > 0.5", "baseline": "", "description": ""}
    assert changes_of(state, same) == {}
    assert changes_of(state, {**same, "floor": " ", "description": "x"}) == {"floor": None, "description": "x"}
    assert changes_of(state, {**same, "metric": "metrics.loss"}) == {"metric": "loss", "goal": "max"}
    assert changes_of(state, {**same, "goal": ""}) == {"goal": None}


@pytest.mark.parametrize("text", [*HOSTILE, "it's", "a b", "", "ü\x85\U000e0041\\'\n"])
def test_a_word_is_read_back_by_the_shell_as_it_was(text: str) -> None:
    text = text.replace("\x00", "")
    word = shell_word(text)
    assert word.isprintable()
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -c 'import sys, json; print(json.dumps(sys.argv[1]))' {word}"],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    assert json.loads(done.stdout) == text
