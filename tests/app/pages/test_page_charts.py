"""The page of charts."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit
from apptest import HOSTILE, is_whole, make_repository, open_page, record, record_hostile, texts
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

import gtrack
from gtrack._app.asking import Asked
from gtrack._app.charts.panel_spec import PanelSpec
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.options import Options, use
from gtrack._app.panels import Event
from gtrack._app.panels.legend import LegendClick, click_of
from gtrack._app.reading import Reading, forget, reading
from gtrack._app.screens.charts.code import cli_of, python_of
from gtrack._app.screens.charts.curves import Preview, batches, preview_in, read_curves
from gtrack._app.screens.charts.figures import Drawing, figures_of, is_single, zoom_to
from gtrack._app.screens.charts.groups import group_names
from gtrack._app.screens.charts.legend import COLOUR_ONLY, Entry, hidden_after, legend_of
from gtrack._app.screens.charts.panels import MOST, changed, copied, moved, name_of, read_panels, removed
from gtrack._app.screens.charts.runs import Chosen, chosen_runs, order_of, rankings
from gtrack._app.screens.charts.sections import PAGE, fold_after, folds_of
from gtrack._app.screens.charts.tables import table_of
from gtrack.cli import main
from gtrack.errors import UsageError
from gtrack.index.filter import parse
from gtrack.index.query import Query
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary

LONG = 3_000


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("empty") / "repo")


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs of two learning rates, with curves, a value that was logged once, and one long curve."""
    path = make_repository(tmp_path_factory.mktemp("some") / "repo")
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


def one(parameter: str | list[str]) -> str:
    return parameter if isinstance(parameter, str) else parameter[-1]


def ids_in(at: AppTest, key: str) -> bytes:
    """Return what was sent to the component of a key."""
    (element,) = (e for e in at.get("bidi_component") if e.proto.id.endswith(key))
    proto = element.proto
    return bytes(proto.bytes or proto.mixed.json.encode() or proto.json.encode())


# -- which runs


def test_runs_are_the_newest_unless_they_were_selected(some: Path) -> None:
    with looking(some) as now:
        link: dict[str, Any] = {"runs": (), "count": 2, "best": ""}
        asked = Asked(Query())
        newest = chosen_runs(now, link, asked)  # type: ignore[arg-type]
        assert ([run.name for run in newest.states], newest.total) == (["run-3", "run-2"], 4)
        oldest = next(run.id for run in now.repo.runs() if run.name == "run-0")
        link["runs"] = (oldest, "0" * 32, "not an id", oldest)
        selected = chosen_runs(now, link, asked)  # type: ignore[arg-type]
        assert ([run.name for run in selected.states], selected.selected) == (["run-0"], True)


def test_the_best_runs_are_best_by_the_goal_of_their_metric(some: Path) -> None:
    with looking(some) as now:
        asked = Asked(Query())
        ranked = rankings(now, asked)
        assert ranked["test/accuracy"].direction == "max" and ranked["train/loss"].direction == "min"
        for metric, best in (("test/accuracy", "run-3"), ("train/loss", "run-3"), ("nonsense", "run-3")):
            link: dict[str, Any] = {"runs": (), "count": 1, "best": metric}
            found = chosen_runs(now, link, asked)  # type: ignore[arg-type]
            assert [run.name for run in found.states] == [best]
            assert found.best == ("" if metric == "nonsense" else metric)
    assert str(order_of("loss", Goal("min", "define_metric"))) == "min(metrics.loss) ASC"
    assert str(order_of("auc", Goal("max", "name"))) == "metrics.auc DESC"


# -- the legend


def test_a_hidden_run_is_in_the_legend_and_not_drawn() -> None:
    one, other = state("one", "a" * 32), state("other", "b" * 32)
    legend = legend_of([one, other], hidden={one.id}, strong={other.id})
    assert [run.id for run in legend.runs] == [other.id]
    assert [(entry.name, entry.hidden, entry.strong) for entry in legend.entries] == [
        ("one", True, False),
        ("other", False, True),
    ]
    assert legend.entries[1].colour == legend.runs[0].colour == legend_of([other]).runs[0].colour


def test_runs_of_one_name_are_told_apart_by_their_ids() -> None:
    entries = legend_of([state("same", "a" * 32), state("same", "b" * 32), state("x", "c" * 32)]).entries
    assert [entry.name for entry in entries] == ["same aaaaaaa", "same bbbbbbb", "x"]


def test_groups_stand_in_the_legend_for_their_runs() -> None:
    states = [state(f"r{n}", f"{n:032x}", params={"lr": n % 2}) for n in range(4)]
    means = legend_of(states, by="params.lr", band="std", hidden={states[0].id, states[2].id})
    assert [(entry.name, entry.hidden, entry.run) for entry in means.entries] == [
        ("lr=0 (2)", True, ""),
        ("lr=1 (2)", False, ""),
    ]
    assert {run.group for run in means.runs} == {"lr=1"}
    alone = legend_of(states, by="params.lr", band=COLOUR_ONLY)
    assert {run.group for run in alone.runs} == {None}
    assert len({run.colour for run in alone.runs}) == 2
    with pytest.raises(UsageError, match="cannot group"):
        legend_of(states, by="nonsense")


def entries_of(count: int) -> list[Entry]:
    return [Entry(f"run {n}", "#000000", "solid", (str(n),), str(n)) for n in range(count)]


@given(st.integers(1, 6), st.sets(st.integers(0, 8)), st.integers(0, 8), st.booleans())
def test_what_is_hidden_twice_is_shown_again(count: int, hidden: set[int], clicked: int, only: bool) -> None:
    before = tuple(map(str, sorted(hidden)))
    entries = entries_of(count)
    once = hidden_after(entries, before, [str(clicked)], only=only)
    elsewhere = {run for run in before if int(run) >= count}
    assert elsewhere <= set(once), "what is not on this page is not touched"
    if clicked >= count:
        assert once == before
    elif only:
        assert str(clicked) not in once
        others = {str(n) for n in range(count)} - {str(clicked)}
        was = {run for run in before if int(run) < count}
        assert set(once) - elsewhere == (set() if was == others else others)
    else:
        assert set(hidden_after(entries, once, [str(clicked)], only=False)) == set(before)
        assert set(once) ^ set(before) == {str(clicked)}


def test_groups_are_named_by_the_field_or_by_what_differs() -> None:
    states = [
        state("a", params={"lr": 0.1, "seed": 1, "depth": 3}),
        state("b", params={"lr": 0.1, "seed": 2, "depth": 3}),
        state("c", params={"lr": 0.2, "seed": 1, "depth": 3}),
    ]
    assert group_names(states, "params.lr") == ["lr=0.1", "lr=0.1", "lr=0.2"]
    assert group_names(states, "tags.team") == ["no team"] * 3
    assert group_names(states, "configuration") == ["lr=0.1", "lr=0.1", "lr=0.2"]
    code = [state("a", code={"commit": "a" * 40}), state("b", code={"commit": "b" * 40}), state("a")]
    assert group_names(code, "configuration") == ["a", "b", "a (2)"]


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_only_a_click_is_a_click(value: object) -> None:
    found = click_of(value)
    assert found is None or (found.kind in ("toggle", "only", "all", "open") and isinstance(found.ids, tuple))


def test_a_click_names_runs() -> None:
    assert click_of({"kind": "toggle", "ids": ["a"]}) == LegendClick("toggle", ("a",))
    for wrong in (
        {"kind": "toggle"},
        {"kind": "x", "ids": []},
        {"kind": "only", "ids": [1]},
        {"kind": "all", "ids": ["a" * 101]},
    ):
        assert click_of(wrong) is None


# -- sections


def test_the_section_of_the_main_metric_is_first_and_alone_open_where_there_are_many() -> None:
    few = folds_of(["train/loss", "val/loss", "lr"], ["val/loss"])
    assert [(fold.name, fold.open) for fold in few] == [("val", True), ("metrics", True), ("train", True)]
    many = [f"grads/{n}" for n in range(30)]
    found = folds_of([*many, "val/loss"], ["val/loss"], pages={"grads": 2})
    assert [(fold.name, fold.open, fold.page) for fold in found] == [("val", True, 1), ("grads", False, 2)]
    assert found[1].shown == tuple(many[PAGE:])
    assert [fold.page for fold in folds_of(many, [], pages={"grads": 99})] == [2]
    assert [fold.page for fold in folds_of(many, [], pages={"grads": "x"})] == [1]


def test_a_section_stays_as_somebody_left_it() -> None:
    keys = [f"{name}/{n}" for name in ("a", "b") for n in range(10)]
    first, second = folds_of(keys, ["a/1"])
    assert (first.open, second.open) == (True, False)
    settings = fold_after(second, (), (), to=True)
    settings = fold_after(first, settings["open"], settings["closed"], to=False)
    again = folds_of(keys, ["a/1"], opened=settings["open"], closed=settings["closed"])
    assert [fold.open for fold in again] == [False, True]
    assert fold_after(first, settings["open"], settings["closed"], to=True) == {"open": ("b", "a"), "closed": ()}


@given(st.lists(st.integers(1, 50), max_size=12), st.integers(1, 100))
def test_metrics_are_read_in_order_and_few_points_at_a_time(counts: list[int], most: int) -> None:
    metrics = {f"m{n:02d}": summary(count) for n, count in enumerate(counts)}
    states = [state("one", metrics=metrics), state("other", metrics=metrics)]
    found = list(batches(states, list(metrics), most))
    assert [key for batch in found for key in batch] == list(metrics)
    assert all(len(batch) == 1 or 2 * sum(metrics[key].count for key in batch) <= most for batch in found)


# -- curves and figures


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
        zoom_to(Event("zoom", whole.id, whole.axis, (100.0, 300.0)))
        (part,) = figures_of(now, drawing, ["noise"]).figures
        x = part.traces[0]["x"].tolist()
        assert set(range(401)) <= set(x) and max(x) <= 401
        assert part.id == whole.id and part.axis == whole.axis
        elsewhere = Drawing(drawing.chosen, drawing.legend, CurveSettings(x="relative"))
        assert len(figures_of(now, elsewhere, ["noise"]).figures[0].traces[0]["x"]) > 50
        zoom_to(Event("zoom", whole.id, whole.axis, None))
        assert figures_of(now, drawing, ["noise"]).figures[0] is whole


def test_another_metric_on_the_axis_is_read_too(some: Path) -> None:
    with looking(some) as now:
        (figure,) = figures_of(now, of_all(now, x="train/loss"), ["val/loss"]).figures
        assert figure.axis == "metric:train/loss" and len(figure.traces) == 4


# -- panels that somebody put together


def test_what_is_no_panel_is_told_and_does_not_hurt_the_others() -> None:
    good = PanelSpec("scatter", x="params.lr", y="metrics.loss")
    found = read_panels([good.to_dict(), {"kind": "nope"}, 3, {"kind": "bar"}, {"x": []}, None])
    assert found[0] == good
    assert all(isinstance(panel, UsageError) for panel in found[1:])
    assert [name_of(panel) for panel in found[:2]] == ["scatter: loss by lr", "not a panel"]


def test_panels_are_named_by_what_they_show() -> None:
    assert name_of(PanelSpec("line", metrics=("a", "b"))) == "line: a, b"
    assert name_of(PanelSpec("line", x="relative", metrics=("a",))) == "line: a by relative"
    assert name_of(PanelSpec("importance", y="metrics.auc", title="What matters")) == "importance: What matters"
    assert name_of(PanelSpec("histogram", x="duration")) == "histogram: duration"


@given(st.lists(st.integers(), max_size=6), st.integers(0, 6), st.integers(-9, 9))
def test_arranging_loses_no_panel(panels: list[int], at: int, by: int) -> None:
    assert sorted(moved(panels, at, by)) == sorted(panels)
    if at < len(panels):
        assert moved(panels, at, by)[min(max(0, at + by), len(panels) - 1)] == panels[at]
        assert removed(panels, at) == panels[:at] + panels[at + 1 :]
        assert copied(panels, at) == panels[: at + 1] + panels[at:]
    else:
        assert removed(panels, at) == panels and copied(panels, at) == panels


def test_a_panel_is_added_behind_or_takes_the_place_of_one() -> None:
    panel = PanelSpec("histogram", x="duration")
    assert changed([1, 2], None, panel) == [1, 2, panel.to_dict()]
    assert changed([1, 2], 0, panel) == [panel.to_dict(), 2]
    full = list(range(MOST))
    assert changed(full, None, panel) == full and copied(full, 0) == full


# -- the same as code


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


# -- as tables


def test_in_a_table_a_name_is_only_text() -> None:
    (row,) = table_of([{"name": "![x](https://evil.example/x.png) :red[y]", "last": 0.5, "max": None}]).to_pylist()
    assert row["name"].startswith(r"\!\[x\]\(https") and ":red" not in row["name"].replace(r"\:", "")
    assert (row["last"], row["max"]) == ("0.5", "-")
    assert table_of([]).num_rows == 0


# -- the page


def test_an_empty_repository_says_what_to_type(empty: Path) -> None:
    at = open_page("charts", empty)
    assert is_whole(at) and "gtrack run" in texts(at) and "No curves yet" in texts(at)


def test_the_page_shows_a_legend_and_the_charts_of_open_sections(some: Path) -> None:
    at = open_page("charts", some, address={"closed": "train"})
    assert is_whole(at)
    assert [(box.label, bool(list(box.children))) for box in at.expander] == [
        ("**val** · 1", True),
        ("**metrics** · 1", True),
        ("**train** · 1", False),
        ("**test** · 1", True),
    ]  # fmt: skip
    assert b"run-3" in ids_in(at, "charts.legend")


def test_one_run_is_enough(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    record(path)
    at = open_page("charts", path, read_only=True, address={"group": "params.lr", "draw": ["best", "log_y", "clip"]})
    assert is_whole(at) and "no lr (1)" in ids_in(at, "charts.legend").decode()


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    record_hostile(path)
    panels = [
        {"kind": "scatter", "x": "params.lr", "y": "metrics.val_auc"},
        {"kind": "line", "metrics": ["loss"], "title": HOSTILE[0]},
    ]
    for address in (
        {},
        {"tables": "1"},
        {"group": "configuration", "panels": json.dumps(panels)},
        {"x": HOSTILE[0][:300]},
    ):
        at = open_page("charts", path, address=address)
        assert is_whole(at), at.exception
        parts = [*at.markdown, *at.caption, *at.title, *at.subheader]  # what is code is shown as it is
        said = "".join([*(str(part.value) for part in parts), *(box.label for box in at.expander)])
        for text in ("<script>", "](javascript", "](https", ":red[", ":material/delete", "\x1b", "\u202e", "x" * 2000):
            assert text not in said.replace(":material/info:", ""), (address, text)


def test_an_address_that_says_nonsense_is_put_right(some: Path) -> None:
    nonsense = {
        "smoothing": "7", "draw": ["x", "log_y"], "count": "100000", "columns": "-3", "band": "?", "group": "params.lr",
        "best": "nonsense", "x": "nonsense", "panels": '[{"kind": "nope"}]', "pages": '{"val": "x"}',
        "open": "nonsense", "runs": ["0" * 32, "x"],
    }  # fmt: skip
    at = open_page("charts", some, address=nonsense)
    assert is_whole(at), at.exception
    assert "None of the selected runs is here" in texts(at)
    at = open_page("charts", some, address={name: value for name, value in nonsense.items() if name != "runs"})
    assert is_whole(at), at.exception
    assert r"panel 1\: panel\: kind is" in texts(at)
    assert at.slider[0].value == 0.0


def test_a_pattern_that_is_none_is_said_in_its_place(some: Path) -> None:
    at = open_page("charts", some, address={"metrics": "(loss"})
    assert is_whole(at) and "names of metrics" in texts(at) and not at.expander
    at = open_page("charts", some, address={"metrics": "^val/"})
    assert is_whole(at) and not at.expander, "one section needs no fold"
    at = open_page("charts", some, address={"metrics": "nothing"})
    assert "No metric has such a name" in texts(at)


def test_tables_say_what_the_charts_show(some: Path) -> None:
    at = open_page("charts", some, address={"tables": "1", "metrics": "val"})
    assert is_whole(at) and len(at.table) == 1
    assert "val/loss" in at.subheader[0].value.replace("\\", "")


def test_a_panel_can_be_copied_and_removed(some: Path) -> None:
    panels = [PanelSpec("scatter", x="params.lr", y="metrics.`val/loss`").to_dict()]
    at = open_page("charts", some, address={"panels": json.dumps(panels)})
    assert is_whole(at)
    at.button(key="charts.panel.Copy.0").click().run()
    assert is_whole(at) and json.loads(one(at.query_params["panels"])) == panels * 2
    at.button(key="charts.panel.Remove.0").click().run()
    at.button(key="charts.panel.Remove.0").click().run()
    assert is_whole(at) and "panels" not in at.query_params


def test_previews_are_told_and_what_cannot_be_fetched_too(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    subprocess.run(["git", "-C", str(path), "config", "gtrack.store", f"file://{tmp_path / 'store'}"], check=True)
    with contextlib.chdir(path), gtrack.start_run("long", experiment="long", system_metrics=False) as run:
        for step, value in enumerate(np.random.default_rng(0).normal(size=6_000).tolist()):
            run.log({"loss": value}, step=step)
    from gtrack.ops.keep_objects import cache_of

    with gtrack.Repo(str(path)) as repo:
        cache = cache_of(repo.repository)
        for digest in list(cache.digests()):
            cache.remove(digest)
    at = open_page("charts", path)
    assert is_whole(at) and "Of 1 run the store has more" in texts(at)
    at.button(key="charts.fetch").click().run()
    assert is_whole(at), at.exception
    assert "could not be fetched" in texts(at)
