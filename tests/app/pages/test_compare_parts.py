"""The parts of the page that compares runs, without a page; its numbers are those of ``gtrack diff``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep import make_sweep, states

import gtrack
from gtrack._app.charts.matrix import matrix_figure
from gtrack._app.charts.parallel import parallel_figure
from gtrack._app.differing.data import data_of
from gtrack._app.differing.grid import Cell, Grid, marked, plain
from gtrack._app.differing.leaves import leaves
from gtrack._app.differing.metrics import groups_of, metrics_by_group, metrics_by_run
from gtrack._app.screens.compare.code import by_file
from gtrack._app.screens.compare.images import LARGEST, at_step, gallery_of, shown_image
from gtrack._app.screens.compare.space import (
    brushed,
    facts_table,
    picked,
    read_brush,
    with_brush,
    with_picks,
)
from gtrack._app.usual_axes import usual_axes, usual_params
from gtrack.cli import main
from gtrack.display.goals import Goals
from gtrack.index.columns import line_of
from gtrack.index.fields import Field, read_field
from gtrack.media.png import encode_png
from gtrack.model.artifact import Artifact
from gtrack.model.state import RunState
from gtrack.ops.differences import differences

NAME = Field("attributes", "name")


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sweep(tmp_path_factory.mktemp("some") / "repo")


def goals(path: Path, runs: list[RunState]) -> Callable[[str], Any]:
    with gtrack.Repo(str(path)) as repo:
        known = Goals(repo)
        return {key: known.among(key, runs) for run in runs for key in run.metrics}.get


def said(capsys: pytest.CaptureFixture[str], path: Path, *arguments: str) -> Any:
    capsys.readouterr()
    assert main(["-C", str(path), *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_numbers_are_those_of_gtrack_diff(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = states(repo)
    one, other = runs[0], runs[2]
    found = said(capsys, repo, "diff", one.id, other.id)
    metrics = metrics_by_run([one, other], goals(repo, [one, other]))
    rows = {row[0].text.split(" ")[0]: row for row in metrics.grid.rows}
    told = {metric["key"]: metric for metric in found["metrics"]}
    assert set(rows) == {key for key, metric in told.items() if metric["verdict"] != "equal"}
    assert metrics.equal == sum(metric["verdict"] == "equal" for metric in told.values())
    for key, row in rows.items():
        assert float(row[1].text) == pytest.approx(told[key]["a"], rel=1e-5)
        assert float(row[2].text) == pytest.approx(told[key]["b"], rel=1e-5)
        assert float(row[2].note.split(" ")[1]) == pytest.approx(told[key]["delta"], rel=1e-3)
        assert row[2].tone == told[key]["verdict"]
    params = leaves([one.params, other.params])
    assert [leaf.key for leaf in params] == [change["key"] for change in found["params"]]


def test_the_interval_is_that_of_gtrack_diff_ablation(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = states(repo)
    told = said(capsys, repo, "diff", runs[0].id, "--ablation", "-m", "val_auc")
    groups = groups_of(runs, "group")
    assert [len(group) for group in groups] == [2, 2]
    metrics = metrics_by_group(groups, goals(repo, runs))
    (row,) = (row for row in metrics.grid.rows if row[0].text.startswith("val_auc"))
    (effect,) = told["effects"]
    sign, difference, _, half = row[2].note.split(" ")
    assert float(difference) == pytest.approx(effect["delta"], abs=1e-3)
    assert float(half) == pytest.approx((effect["high"] - effect["low"]) / 2, rel=0.05)
    assert (sign, row[2].tone) == ("✓", effect["verdict"])


def test_runs_that_differ_in_their_seeds_alone_are_one_configuration(repo: Path) -> None:
    assert [len(group) for group in groups_of(states(repo), "configuration")] == [2, 2]
    assert [len(group) for group in groups_of(states(repo), "run")] == [1, 1, 1, 1]


def test_a_difference_of_nan_has_no_number() -> None:
    from gtrack.model.summary import MetricSummary

    def run(run_id: str, value: float) -> RunState:
        summary = MetricSummary(value, 0, 0, 0, value, 0, value, 0, 1)
        return RunState(run_id * 32, "x", "e", "finished", metrics={"loss": summary})

    (row,) = metrics_by_run([run("a", math.nan), run("b", 1.0)], lambda _: None).grid.rows
    assert row[2].note == ""


def test_only_data_with_another_digest_is_shown_and_what_changed_in_it() -> None:
    def entry(role: str, digest: str, *columns: str) -> dict[str, Any]:
        known = [{"name": name, "type": "int64", "digest": name} for name in columns]
        return {"kind": "table", "role": role, "name": role, "digest": digest, "rows": 9, "columns": known}

    def run(run_id: str, *data: object) -> RunState:
        return RunState(run_id * 32, "x", "e", "finished", data=data)

    runs = [
        run("a", entry("train", "sha256:1", "age"), entry("test", "sha256:2")),
        run("b", entry("train", "sha256:3", "age", "income"), entry("test", "sha256:2")),
        run("c", entry("train", "sha256:1", "age")),
    ]
    found = data_of(runs)
    assert [row[0].text for row in found.grid.rows] == ["train", "test"]
    assert [one.tone for one in found.grid.rows[0][1:]] == ["", "", "faint"]
    assert found.grid.rows[1][3].text == "—"
    assert found.lines == ("bbbbbbb train: columns added: income",)
    assert [row[0].text for row in data_of(runs[:2]).grid.rows] == ["train"]
    assert [row[0].text for row in data_of(runs[:2], every=True).grid.rows] == ["train", "test"]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=True, width=16)
    | st.sampled_from(["", "1", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)
MAPS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


@settings(max_examples=40)
@given(MAPS, MAPS)
def test_of_two_runs_the_leaves_are_the_differences(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert [leaf.key for leaf in leaves([a, b])] == [change.key for change in differences(a, b)]


@settings(max_examples=40)
@given(st.lists(MAPS, min_size=2, max_size=4))
def test_of_several_runs_a_leaf_differs_if_it_does_in_some_two(maps: list[dict[str, Any]]) -> None:
    pairs = {change.key for one in maps for other in maps for change in differences(one, other)}
    assert {leaf.key for leaf in leaves(maps)} == pairs


@settings(max_examples=40)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=3))
def test_in_a_table_nothing_but_our_own_colours_is_markdown(names: list[str]) -> None:
    grid = Grid(["", *names], [[Cell(name, name, "better") for name in ["", *names]]], ["a" * 32])
    for text in [*marked(grid).column_names[1:], *(str(column[0]) for column in marked(grid).columns)]:
        rest = text.replace(":green[", "").replace(f"](run?id={'a' * 32})", "").lstrip("[")
        bare = [at for at, sign in enumerate(rest) if sign in "<*`_$[(" and rest[at - 1 : at] != "\\"]
        assert not bare, text
    assert plain(grid).num_rows == 1


def test_only_a_run_s_id_makes_a_head_a_link() -> None:
    grid = Grid(["", "a", "b"], [], ["f" * 32, "x](javascript:alert(1))"])
    assert marked(grid).column_names == ["", f"[a](run?id={'f' * 32})", "b"]


def table(runs: list[RunState], *names: str) -> Any:
    fields = [read_field(name) for name in names]
    return facts_table([line_of(run, [NAME, *fields]) for run in runs], fields)


def test_what_passes_a_brush_is_what_the_browser_lets_pass(repo: Path) -> None:
    runs = states(repo)
    figure = parallel_figure(table(runs, "params.lr", "params.seed"), ["params.lr", "params.seed"])
    brush = read_brush({"lr": [[0.15, 0.3]], "seed": [[-1, 0.5]], "gone": [[0, 1]]})
    assert brushed(figure, brush) == (runs[2].id,)
    assert brushed(figure, {}) == tuple(run.id for run in runs)
    shown = with_brush(figure, brush).traces[0]["dimensions"]
    assert [dimension["constraintrange"] for dimension in shown] == [[0.15, 0.3], [-1.0, 0.5]]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=40)
@given(JSON)
def test_whatever_an_address_says_is_a_brush_or_nothing(value: object) -> None:
    for spans in read_brush(value).values():
        assert all(low <= high and math.isfinite(low) and math.isfinite(high) for low, high in spans)


def test_picks_are_places_in_their_own_trace(repo: Path) -> None:
    runs = states(repo)
    names = ("params.lr", "metrics.val_auc", "params.model.depth")
    figure = matrix_figure(table(runs, *names), names)
    shown = with_picks(figure, [runs[1].id, "gone"]).traces[0]
    assert [shown["customdata"][at] for at in shown["selectedpoints"]] == [runs[1].id]
    assert picked(figure, [runs[1].id, "gone", runs[1].id]) == (runs[1].id,)
    assert with_picks(figure, []) is figure


def test_the_usual_axes_are_params_that_differ_and_main_metrics(repo: Path) -> None:
    assert usual_axes(states(repo))[:2] == ["params.lr", "metrics.val_auc"]
    assert usual_params(states(repo)) == ["params.lr"], "no seeds"
    assert usual_axes([]) == []


def test_a_table_of_facts_has_the_types_that_its_values_have() -> None:
    fields = [read_field(name) for name in ("params.a", "params.b", "params.c", "params.d", "started")]
    lines = [(1, "i1", "n", 1, True, "x", 10**400, 5), (0, "i2", None, 2.5, None, 3, 1, None)]
    found = facts_table(lines, fields).to_pydict()
    assert found["params.a"] == [1.0, 2.5]
    assert found["params.b"] == [True, None]
    assert found["params.c"] == ["x", "3"]
    assert found["params.d"] == [None, 1.0]
    assert found["started"][0].year == 1970


def image(step: int | None, key: str = "samples", **changes: Any) -> Artifact:
    facts = {"path": f"{key}-{step}", "size": 9, "digest": "d", "type": "image/png", "time": 0, **changes}
    return Artifact(**facts, media={"kind": "image", "key": key, **({} if step is None else {"step": step})})


def test_images_are_found_by_key_run_and_step() -> None:
    other = image(3, type="image/svg+xml"), Artifact("model.pkl", 1, "d", "application/x", 0)
    gallery = gallery_of([("a", [image(0), image(5), *other]), ("b", [image(2), image(2, "own")])])
    assert gallery.keys == ["samples", "own"]
    assert gallery.steps("samples") == [0, 2, 5]
    shelf = gallery.shelves["samples"]["a"]
    assert at_step(shelf, 4)[0] == 0
    assert at_step(shelf, None)[0] == 5
    assert at_step(gallery.shelves["samples"]["b"], 1) == (None, ())
    assert at_step({None: (image(None),)}, 7) == (None, (image(None),))


def test_only_images_that_browsers_show_and_of_a_sensible_size_are_shown() -> None:
    png = encode_png(np.zeros((2, 3, 1), np.uint8))
    assert shown_image(png) == ""
    assert "not an image" in shown_image(b"<svg onload=alert(1)>")
    assert "too large" in shown_image(png + b"\0" * LARGEST)
    huge = png[:16] + (50_000).to_bytes(4, "big") * 2 + png[24:]
    assert "pixels" in shown_image(huge)


def test_a_diff_is_parted_by_its_files_and_cleaned() -> None:
    lines = [
        "diff --git a/x b/x",
        "deleted file",
        "-old",
        "diff --git a/x b/x",
        "+new\x1b[2J\r",
        "diff --git a/y b/y",
        "+1",
    ]
    found = by_file(lines)
    assert [len(file.lines) for file in found] == [5, 2]
    assert found[0].lines[-1] == r"+new\x1b[2J^M"
    assert by_file(["no head"]) == []
