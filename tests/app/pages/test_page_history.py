"""The page of history."""

from __future__ import annotations

import contextlib
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
from apptest import HOSTILE, is_whole, make_repository, open_page, record, record_hostile, texts

import gtrack
from gtrack._app.charts.colours import inks
from gtrack._app.screens.history.axis import places_of
from gtrack._app.screens.history.commit import choose, params_changed
from gtrack._app.screens.history.figure import CUSTOM, history_figure
from gtrack._app.screens.history.table import commit_table
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.statistics import Interval, sample
from gtrack.ops.blame import Blame, Point, Step
from gtrack.ops.metric_history import (
    CodeCommit,
    CommitPoint,
    HistoryLine,
    MetricHistory,
    Revision,
    RunValue,
)

UP = Goal("max", "experiment")


def commit(path: Path, text: str, subject: str) -> str:
    (path / "train.py").write_text(text)
    for command in (("add", "train.py"), ("commit", "-qm", subject)):
        subprocess.run(["git", "-C", str(path), *command], check=True)
    return git(path, "rev-parse", "HEAD")


def git(path: Path, *args: str) -> str:
    return subprocess.run(["git", "-C", str(path), *args], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("empty") / "repo")


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits on main and one on a branch, with runs; one of uncommitted edits; a tag; a host."""
    path = make_repository(tmp_path_factory.mktemp("some") / "repo")
    record(path, experiment="churn", params={"lr": 0.1})
    git(path, "tag", "v1.0")
    git(path, "remote", "add", "origin", "git@github.com:acme/churn.git")
    commit(path, "print('wider')\n", "wider layers")
    record(path, experiment="churn", params={"lr": 0.2})
    (path / "train.py").write_text("print('not committed')\n")
    record(path, name="edited", experiment="churn", params={"lr": 0.2})
    git(path, "checkout", "-q", "train.py")
    git(path, "checkout", "-qb", "feature")
    commit(path, "print('deeper')\n", "deeper")
    record(path, name="deep", experiment="churn", params={"lr": 0.2, "depth": 9})
    git(path, "checkout", "-q", "-")
    return path


def table(at: object, number: int = 0):
    return at.dataframe[number].value  # type: ignore[attr-defined]


def test_an_empty_repository_is_told_what_to_type(empty: Path) -> None:
    at = open_page("history", empty)
    assert is_whole(at)
    assert "No runs yet" in texts(at)
    assert "gtrack run" in texts(at)


def test_without_a_repository_the_page_says_so(tmp_path: Path) -> None:
    at = open_page("history", tmp_path)
    assert is_whole(at)
    assert "no git repository" in texts(at).replace("\\", "")


def test_a_repository_without_a_commit_says_what_to_type(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    at = open_page("history", tmp_path)
    assert is_whole(at)
    assert "No runs yet" in texts(at)


def test_the_branches_that_runs_began_on_are_shown_with_their_commits(some: Path) -> None:
    at = open_page("history", some)
    assert is_whole(at)
    assert list(table(at)["subject"]) == ["wider layers", "first", "deeper"]
    assert list(table(at)["tags"]) == ["", "v1.0", ""]
    assert [name.rpartition("/")[2] for name in table(at)["branch"]][2] == "feature"
    assert "1 run of uncommitted edits" in texts(at)
    assert at.selectbox(key="history.which").value == "val_auc" or at.selectbox(key="history.which").value == "loss"


def test_a_commit_shows_its_runs_and_what_it_changed(some: Path) -> None:
    deep = git(some, "rev-parse", "feature")
    at = open_page("history", some, address={"commit": deep[:CUSTOM], "metric": "val_auc"})
    assert is_whole(at)
    runs, params, files, commits = (table(at, number) for number in range(4))
    assert list(runs[" run"]) == ["deep"]
    assert params.to_dict("records") == [{"param": "depth", "before": "—", "here": "9"}]
    assert files.to_dict("records") == [{"file": "train.py", "added": 1, "removed": 1}]
    assert len(commits) == 3
    assert f"https://github.com/acme/churn/commit/{deep}" in [link.url for link in at.get("link_button")]


def test_a_commit_can_be_chosen_by_keyboard_and_is_in_the_address(some: Path) -> None:
    at = open_page("history", some)
    first = git(some, "rev-parse", "v1.0")
    at.selectbox(key="history.pick").set_value(first).run()
    assert is_whole(at)
    assert at.query_params["commit"] in (first[:CUSTOM], [first[:CUSTOM]])
    assert "No commit before it" in texts(at)


def test_runs_of_uncommitted_edits_count_where_that_is_asked_for(some: Path) -> None:
    at = open_page("history", some, address={"dirty": "1", "branches": "feature"})
    assert list(table(at)["runs"]) == [1, 2, 1]
    assert "edited" not in texts(at)


def test_the_code_that_is_shown_works(some: Path) -> None:
    at = open_page("history", some, address={"metric": "val_auc"})
    shell, python = (code.value for code in at.code[:2])
    assert shell.splitlines()[0].startswith("gtrack blame val_auc --experiment churn --branch ")
    said: list[str] = []
    with contextlib.chdir(some):
        exec(python, {"print": lambda *args: said.append(" ".join(map(str, args)))})  # what the page tells to type
    assert [line.partition(" ")[2].partition(" ")[2] for line in said] == ["first", "wider layers", "deeper"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"where": "metrics.loss >"}, "metrics"),
        ({"branches": "gone"}, "no revision"),
        ({"metric": "nothing"}, "has a finished run with nothing"),
        ({"where": "params.lr > 99"}, "No run that matches has a metric"),
        ({"value": "worst", "x": "sideways", "commit": "ffffffff"}, "is not one of these"),
    ],
)
def test_what_is_wrong_is_said_in_place(some: Path, address: dict[str, str], said: str) -> None:
    at = open_page("history", some, address=address)
    assert is_whole(at)
    assert said in texts(at).replace("\\", "")


def test_hostile_names_are_text(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    for text in HOSTILE:
        commit(path, text, text[:200].replace("\x00", ""))
        git(path, "tag", f"v{abs(hash(text))}")
    record_hostile(path)
    with gtrack.Repo(str(path)) as repo:
        hostile = sorted({run.experiment for run in repo.runs()})
        keys = sorted({key for run in repo.runs() for key in run.metrics})
    for name, key in list(zip(hostile, [*keys, *keys], strict=False))[:3]:
        at = open_page(
            "history", path, address={"experiment": name, "metric": key, "commit": git(path, "rev-parse", "HEAD")}
        )
        assert is_whole(at)
        shown = "\n".join(str(part.value) for part in (*at.markdown, *at.caption))
        assert "<script" not in shown.replace("\\<script", "")
        assert "](javascript" not in shown
        assert "\x1b" not in texts(at)


def test_read_only_is_the_same(some: Path) -> None:
    assert is_whole(open_page("history", some, read_only=True))


# What is worked out without a browser.


def of(number: int, *values: float, time: int | None = None, edited: float | None = None) -> CommitPoint:
    oid = f"{number:040x}"
    runs = tuple(RunValue(f"{number}-{at}", value, at) for at, value in enumerate(values))
    more = () if edited is None else (RunValue(f"{number}-e", edited, 9, edited=True),)
    return CommitPoint(
        CodeCommit(oid, (), 1_700_000_000 + (number if time is None else time), "Ada", f"c{number}"), runs, more
    )


def line(name: str, points: list[CommitPoint], parted: int = 0, more: tuple[CodeCommit, ...] = ()) -> HistoryLine:
    commits = tuple(sorted([*(point.commit for point in points), *more], key=lambda each: -each.time))
    return HistoryLine(Revision(name, commits[0].id), commits, tuple(points), parted)


def history(*lines: HistoryLine, tags: dict[str, tuple[str, ...]] | None = None) -> MetricHistory:
    return MetricHistory("val_auc", "churn", UP, lines, tags or {})


def told(found: MetricHistory, moved: int | None = None) -> list[Blame]:
    out = []
    for each in found.lines:
        points = []
        for point in each.points:
            step = None
            if moved is not None and point.commit.id == f"{moved:040x}":
                step = Step(each.points[0].commit, 1, Interval(-0.2), True, "worse")
            points.append(Point(point.commit, (), sample(run.value for run in point.runs), step=step))
        out.append(Blame("val_auc", UP, tuple(points)))
    return out


def role(figure, name: str):
    return [trace for trace in figure.traces if trace.get("meta", {}).get("role") == name]


def valid(figure) -> None:
    """Check that every property is one of plotly's; the theme's own colour is not known to it."""
    graph = pytest.importorskip("plotly.graph_objects", reason="plotly is not installed")
    graph.Figure(plain({"data": list(figure.traces), "layout": figure.layout}))


def plain(value):
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return "#888888" if isinstance(value, str) and value == "currentColor" else value


def test_a_branch_leaves_the_line_it_came_from_at_their_last_common_commit() -> None:
    main = [of(1, 0.5), of(2, 0.6), of(4, 0.7)]
    side = [*main[:2], of(3, 0.9)]
    found = history(line("main", main), line("side", side, parted=2))
    figure = history_figure(found, told(found))
    paths = {trace["meta"]["branch"]: trace for trace in role(figure, "line")}
    assert places_of(found, "order") == {f"{n:040x}": at for at, n in enumerate((1, 2, 3, 4))}
    assert (list(paths["main"]["x"]), list(paths["side"]["x"])) == ([0, 1, 3], [1, 2])
    assert list(role(figure, "commits")[1]["customdata"]) == [f"{3:040x}"[:CUSTOM]]
    assert list(role(figure, "best")[0]["y"]) == [0.5, 0.6, 0.7]
    assert paths["main"]["line"]["color"] == inks(["main", "side"])["main"].colour
    valid(figure)


def test_the_order_of_commits_is_gits_even_where_a_clock_was_wrong() -> None:
    found = history(line("main", [of(1, 0.5, time=100), of(2, 0.6, time=5), of(3, 0.7, time=101)]))
    assert list(places_of(found, "order").values()) == [0, 1, 2]
    assert list(places_of(found, "order")) == [f"{n:040x}" for n in (1, 2, 3)]


@pytest.mark.parametrize(("value", "shown"), [("best", 0.9), ("mean", 0.7), ("last", 0.5)])
def test_what_stands_for_a_commit(value: str, shown: float) -> None:
    found = history(line("main", [of(1, 0.9, 0.5)]))
    figure = history_figure(found, told(found), value=value)
    assert list(role(figure, "commits")[0]["y"]) == pytest.approx([shown])
    assert ("error_y" in role(figure, "commits")[0]) == (value == "mean")
    assert len(role(figure, "raw")[0]["y"]) == (2 if value == "mean" else 1)
    valid(figure)


def test_what_moved_the_metric_is_marked_and_uncommitted_edits_are_rings() -> None:
    found = history(line("main", [of(1, 0.9), of(2, 0.7, edited=0.8)]))
    figure = history_figure(found, told(found, moved=2), x="date", chosen=f"{1:040x}")
    assert role(figure, "commits")[0]["marker"]["symbol"] == ["circle", "triangle-down"]
    assert "moved it: worse" in role(figure, "commits")[0]["text"][1]
    assert [trace["marker"]["symbol"] for trace in role(figure, "raw")] == ["circle-open"]
    assert figure.layout["shapes"][0]["x0"] == places_of(found, "date")[f"{1:040x}"] == 1_700_000_001_000
    valid(figure)


def test_a_tag_of_a_commit_without_runs_stands_between_those_that_have_some() -> None:
    between = of(2).commit
    found = history(
        line("main", [of(1, 0.5), of(3, 0.6)], more=(between,)), tags={between.id: ("v1",), f"{3:040x}": ("<b>v2",)}
    )
    figure = history_figure(found, told(found))
    assert [(note["x"], note["text"]) for note in figure.layout["annotations"]] == [(0.5, "v1"), (1.0, "&lt;b&gt;v2")]
    valid(figure)


def test_values_that_are_not_finite_are_gaps_and_are_counted() -> None:
    found = history(line("main", [of(1, math.nan), of(2, math.inf), of(3, 0.5)]))
    figure = history_figure(found, told(found))
    drawn = [np.asarray(trace["y"], float) for trace in figure.traces]
    assert all(np.isfinite(y[-1]) for y in drawn)
    assert [len(trace["y"]) for trace in role(figure, "commits")] == [1]
    assert "2 runs without a finite value" in figure.note
    valid(figure)


def test_a_history_without_any_number_is_still_a_figure() -> None:
    found = history(line("main", [of(1, math.nan)]))
    valid(history_figure(found, told(found)))


def test_the_table_has_what_blame_says() -> None:
    found = history(line("main", [of(1, 0.9, 0.8), of(2, 0.6, 0.7)]))
    rows, ids = commit_table(found, told(found, moved=2))
    assert ids == [f"{n:040x}" for n in (2, 1)]
    assert rows.column("verdict").to_pylist() == ["▼ worse", ""]
    assert rows.column("change").to_pylist() == ["-0.2", None]
    assert "branch" not in rows.column_names


def test_a_commit_is_found_by_the_beginning_of_its_id() -> None:
    found = history(line("main", [of(0xABC << 148, 0.9), of(0xDEF << 148, 0.6)]))
    chosen = choose(found, told(found), f"{0xDEF << 148:040x}"[:8])
    assert chosen is not None
    assert (chosen.point.commit.subject, chosen.base) == (f"c{0xDEF << 148}", found.lines[0].points[0])
    assert choose(found, told(found), "def") is None
    assert choose(found, told(found), "0" * 12) is None


def test_params_that_changed_are_told_with_their_values() -> None:
    def run(**params: object) -> RunState:
        return RunState("0" * 32, "x", "churn", "finished", params=params)

    before, here = [run(lr=0.1, seed=1, same=1)], [run(lr=0.2, seed=2, same=1), run(lr=0.3, seed=3, same=1)]
    assert params_changed(before, here) == {"lr": (["0.1"], ["0.2", "0.3"])}
    assert params_changed([], here) == {}
    assert params_changed(here, list(reversed(here))) == {}
