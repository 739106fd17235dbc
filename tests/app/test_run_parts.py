"""The pure parts of the page of a run."""

from __future__ import annotations

import math
import re
from pathlib import PurePosixPath

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.grids import pairs
from gtrack._app.panels.encode import encode
from gtrack._app.screens.run.as_code import same_as_code
from gtrack._app.screens.run.changed import line_of
from gtrack._app.screens.run.changes import Item, Told, told
from gtrack._app.screens.run.choosing import neighbours
from gtrack._app.screens.run.code import checkout_commands, left_out_rows
from gtrack._app.screens.run.console_text import console_of, found_in
from gtrack._app.screens.run.data import columns_table, data_table
from gtrack._app.screens.run.folders import members_of
from gtrack._app.screens.run.kinds import audio_type, image_uri, kind_of, never_opened
from gtrack._app.screens.run.lineage_figure import lineage_figure, places
from gtrack._app.screens.run.media import media_of, step_at
from gtrack._app.screens.run.overview import metrics_table
from gtrack._app.screens.run.plotly_figure import safe_figure
from gtrack._app.screens.run.sandbox import POLICY, document_of_html, document_of_svg
from gtrack._app.screens.run.settings import DEFAULTS, TABS
from gtrack.media.image_files import inspect_image
from gtrack.media.png import encode_png
from gtrack.model.artifact import Artifact
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.model.uses import Edge, Graph
from gtrack.ops.compare import compare
from gtrack.ops.lineage import Lineage
from gtrack.ops.run_code import CodeChange, FileChange

OID = "3f2a9c1d7b6e4a508c2f9e0d1a7b3c55aabbccdd"


def state(name: str = "run", **fields: object) -> RunState:
    return RunState("a" * 32, name, "churn", "finished", **fields)  # type: ignore[arg-type]


def summary(last: float, low: float | None = None, high: float | None = None, **more: object) -> MetricSummary:
    low, high = last if low is None else low, last if high is None else high
    return MetricSummary(last, 2, 0, 0, low, 1, high, 2, 3, **more)  # type: ignore[arg-type]


def artifact(path: str, type_: str = "text/plain", **media: object) -> Artifact:
    return Artifact(path, 10, "0" * 64, type_, 0, media)


def test_a_metric_says_from_where_to_where_and_which_way() -> None:
    goal = Goal("max", "define_metric")
    a, b = state(metrics={"auc": summary(0.8)}), state(metrics={"auc": summary(0.9)})
    (line,) = told(compare(a, b, {"auc": goal}.get), None)
    assert line.items == (Item("0.8 → 0.9, +0.1 (+12.50%)", "better", "auc (max)"),)
    assert told(compare(b, a, {"auc": goal}.get), None)[0].items[0].verdict == "worse"


def test_nan_is_told_without_arithmetic() -> None:
    a, b = state(metrics={"loss": summary(0.5)}), state(metrics={"loss": summary(math.nan)})
    assert told(compare(a, b, lambda _: None), None)[0].items == (Item("0.5 → nan", "", "loss"),)


def test_only_the_first_few_are_told_and_the_others_counted() -> None:
    b = state(params={f"p{n}": n for n in range(10)})
    (line,) = told(compare(state(), b, lambda _: None), None)
    assert (line.part, len(line.items), line.more) == ("Params", 6, 4)


def test_metrics_of_one_run_alone_are_counted_beside_those_of_both() -> None:
    a, b = (
        state(metrics={"loss": summary(0.5)}),
        state(metrics={"loss": summary(0.4), "x": summary(1), "y": summary(2)}),
    )
    (line,) = told(compare(a, b, lambda _: None), None)
    assert ([item.key for item in line.items], line.more) == (["loss"], 2)
    (line,) = told(compare(state(), b, lambda _: None), None)
    assert len(line.items) == 3, "there are no others"


def test_code_is_told_by_files_as_git_compares_them() -> None:
    change = CodeChange("a", "b", (FileChange("train.py", 3, 1), FileChange("model.bin", None, None)))
    (line,) = told(compare(state(), state(), lambda _: None), change)
    assert line.items == (Item("+3 -1", key="train.py"), Item("binary", key="model.bin"))
    assert told(compare(state(), state(), lambda _: None), CodeChange("a", "b"))[0].same == "the same"


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_line_of_what_changed_is_one_line_whatever_runs_are_called(key: str, text: str) -> None:
    line = line_of(Told("Params", (Item(text, key=key),)))
    assert "\n" not in line
    assert not re.search(r"(?<!\\)[<\[\]`$_]", line), "Markdown would read it"
    assert line.startswith("**Params**")


@given(st.lists(st.integers(0, 50), unique=True, min_size=1), st.data())
def test_going_to_a_neighbour_and_back_ends_where_it_began(numbers: list[int], data: st.DataObject) -> None:
    ids = [str(number) for number in numbers]
    here = data.draw(st.sampled_from(ids))
    before, after = neighbours(ids, here)
    assert not before or neighbours(ids, before)[1] == here
    assert not after or neighbours(ids, after)[0] == here


def test_console_lines_are_numbered_and_searched_without_regard_to_capitals() -> None:
    console = console_of(b"\x1b[31mepoch 1\x1b[0m\nan Error\nepoch 2\n")
    assert found_in(console, "error").matching == 1
    assert found_in(console, "ERROR", matches=True).lines == ((2, "an Error"),)
    last = found_in(console, last=1)
    assert (last.lines, last.above) == (((3, "epoch 2"),), 2)


@given(st.binary(max_size=400), st.text(max_size=5), st.integers(0, 5), st.booleans())
def test_whatever_a_program_prints_is_lines_of_text(data: bytes, search: str, last: int, matches: bool) -> None:
    console = console_of(data)
    found = found_in(console, search, last=last, matches=matches)
    assert all("\n" not in text and "\x1b" not in text for text in console.lines)
    assert not last or len(found.lines) <= last
    assert all(console.lines[number - 1] == text for number, text in found.lines)
    assert not matches or not search or len(found.lines) + found.above == found.matching


paths = st.lists(st.sampled_from(["a", "b10", "b9", "c"]), min_size=1, max_size=4).map("/".join)


@given(st.dictionaries(paths, st.integers(0, 100)))
def test_folders_hold_all_files_once_and_as_many_bytes(files: dict[str, int]) -> None:
    files = {path: count for path, count in files.items() if not any(o.startswith(f"{path}/") for o in files)}
    members = members_of(files.items(), "")
    assert sum(member.size or 0 for member in members) == sum(files.values())
    assert sum(member.files or 1 for member in members) == len(files)
    assert {member.name for member in members} == {PurePosixPath(path).parts[0] for path in files}


def test_names_with_numbers_are_in_the_order_of_the_numbers() -> None:
    assert [m.name for m in members_of([("s10.txt", 1), ("s9.txt", 1), ("d/x", 1)], "")] == ["d", "s9.txt", "s10.txt"]


@pytest.mark.parametrize(
    ("path", "type_", "media", "kind"),
    [
        ("a.png", "image/png", {}, "image"),
        ("a.svg", "image/svg+xml", {}, "svg"),
        ("a.html", "text/html", {}, "html"),
        ("h.json", "application/json", {"kind": "histogram"}, "histogram"),
        ("c.yaml", "application/yaml", {}, "text"),
        ("run.py", "application/octet-stream", {}, "text"),
        ("x.wav", "audio/wav", {}, "audio"),
        ("x.zip", "application/zip", {}, "none"),
    ],
)
def test_an_artifact_is_shown_as_what_it_says_it_is(path: str, type_: str, media: dict[str, str], kind: str) -> None:
    assert kind_of(artifact(path, type_, **media)) == kind


def test_a_picture_or_sound_is_only_what_begins_like_one() -> None:
    assert image_uri(b"<svg onload=alert(1)>") is None
    assert audio_type(b"<html>") is None
    assert audio_type(b"RIFF\0\0\0\0WAVE") == "audio/wav"
    assert never_opened("models/Model.PKL")


def test_a_picture_of_too_many_pixels_is_not_decoded_by_anybody() -> None:
    huge = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    assert inspect_image(huge) is not None
    assert image_uri(huge) is None


def test_the_step_shown_is_the_one_asked_for_or_the_nearest_before_it() -> None:
    assert [step_at([0, 10, 20], text) for text in ("10", "15", "-3", "x", "")] == [10, 10, 0, 20, 20]
    assert step_at([], "3") is None


def test_media_are_by_kind_and_key_and_by_step() -> None:
    found = media_of(
        [
            artifact("2", kind="image", key="b", step=2),
            artifact("1", kind="image", key="b", step=1),
            artifact("t", kind="table", key="a"),
            artifact("plain"),
        ]
    )
    assert [(one.name, one.steps) for one in found] == [("image:b", [1, 2]), ("table:a", [])]
    assert [item.path for item in found[0].items] == ["1", "2"]


def test_a_logged_figure_keeps_looks_and_loses_what_leads_elsewhere() -> None:
    logged = {
        "data": [
            {"type": "scatter", "x": [1, math.nan], "text": ["<a href='https://x'>y</a>", "<b>z</b><br>"]},
            {"type": "scattermapbox", "lat": [1]},
        ],
        "layout": {
            "title": {"text": "Squares <b>bold</b> <img src=x>"},
            "images": [{"source": "https://evil.example/x.png"}],
            "xaxis": {"title": {"text": "<i>x</i>"}},
            "height": math.inf,
        },
        "frames": [{}],
    }
    figure = safe_figure(logged, key="k", title="fallback")
    assert figure.title == "Squares bold <img src=x>".replace("bold", " bold ").strip()
    assert figure.traces[0]["text"] == ["&lt;a href='https://x'>y&lt;/a>", "<b>z</b><br>"]
    assert len(figure.traces) == 1
    assert set(figure.layout) == {"xaxis"}
    assert "1 traces" in figure.note
    assert encode(figure.traces)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
                    max_leaves=20))  # fmt: skip
def test_any_json_becomes_a_figure_that_can_be_sent(value: object) -> None:
    figure = safe_figure({"data": [{"x": value}, value], "layout": value}, key="k", title="t")
    encode({"traces": figure.traces, "layout": figure.layout, "title": figure.title})


def test_a_document_has_its_policy_before_anything_that_was_logged() -> None:
    text = document_of_html("<script>1</script>")
    assert text.index(POLICY) < text.index("<script>")
    assert "<script" not in document_of_svg(b"<svg><script>1</script></svg>")


def test_code_is_had_again_by_ids_alone() -> None:
    assert checkout_commands({"snapshot": OID}, here=True) == [f"git worktree add ../{OID[:12]} {OID}"]
    assert checkout_commands({"snapshot": "$(rm -rf /)", "commit": "-x"}, here=True) == []
    assert checkout_commands({"commit": OID, "dirty": True}, here=False)[1].endswith("# without the uncommitted edits")


def test_files_that_were_left_out_are_told_with_why_and_counted() -> None:
    code = {"left_out": [{"path": "big.bin", "reason": "size", "size": 2048}, "odd"], "left_out_more": 7}
    assert left_out_rows(code) == ([("big.bin", "size, 2.0 KiB")], 7)


def test_the_best_value_is_by_the_goal_and_none_without() -> None:
    table = metrics_table(
        {"auc": summary(0.8, 0.5, 0.9), "x": summary(math.nan, nan=3)}, {"auc": Goal("max", "experiment"), "x": None}
    )
    assert table["best"].to_pylist() == [0.9, None]
    assert table["better"].to_pylist() == ["higher", ""]
    assert table["values"].to_pylist() == ["3", "3 (3 NaN)"]


def test_what_no_one_would_log_as_data_is_still_a_table() -> None:
    odd = [{"rows": 1 << 80, "columns": "no list", "bytes": "x", "digest": 5}, "text", None]
    assert data_table(odd).num_rows == 3
    assert columns_table({"columns": [{"name": "x", "type": "int64"}, 3]}) is not None
    assert columns_table({}) is None


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20) | st.floats() | st.none())))
def test_names_and_values_are_texts_of_one_line(items: list[tuple[str, object]]) -> None:
    table = pairs(items)
    assert table.schema.types == [pa.string(), pa.string()]
    assert not any("\n" in text for column in table.columns for text in column.to_pylist())


def test_what_a_run_was_made_from_stands_left_of_it_and_what_was_made_of_it_right() -> None:
    a, b, c = ("a" * 32, "b" * 32, "c" * 32)
    graph = Graph([Edge(b, a, "<b>x"), Edge(c, b, "y")])
    found = Lineage(b, None, tuple(graph.walk(b, up=True)), tuple(graph.walk(b, up=False)))
    spots = places(found)
    assert [spots[one][0] for one in (a, b, c)] == [-1, 0, 1]
    figure = lineage_figure(found)
    assert figure.traces[1]["customdata"] == [b, a, c]
    assert figure.layout["annotations"][0]["text"].startswith("&lt;b&gt;x")


def test_runs_that_were_made_from_each_other_and_hundreds_of_users_are_drawn() -> None:
    a = "a" * 32
    edges = [Edge(f"{n:032x}", a) for n in range(500)] + [Edge(a, f"{0:032x}")]
    graph = Graph(edges)
    figure = lineage_figure(Lineage(a, None, tuple(graph.walk(a, up=True)), tuple(graph.walk(a, up=False))))
    assert len(figure.traces[1]["x"]) == 60
    assert "more than is drawn" in figure.note


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_has_its_commands_and_a_program_that_compiles(tab: str) -> None:
    cli, python = same_as_code(tab, "3f2a9c1", {**DEFAULTS, "file": "a b.txt", "search": "it's"}, "81c0e77")
    assert "3f2a9c1" in cli
    compile(python, tab, "exec")


def test_a_png_is_an_address_that_holds_it() -> None:
    import numpy as np

    assert (image_uri(encode_png(np.zeros((2, 2, 3), np.uint8))) or "").startswith("data:image/png;base64,")
