"""The page of charts."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from apptest import HOSTILE, is_whole, make_repository, open_page, record, record_hostile, texts
from charts_world import make_curves
from streamlit.testing.v1 import AppTest

import gtrack
from gtrack._app.charts.panel_spec import PanelSpec
from gtrack._app.options import Options, use
from gtrack._app.reading import forget


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_curves(tmp_path_factory.mktemp("some") / "repo")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("empty") / "repo")


def one(parameter: str | list[str]) -> str:
    return parameter if isinstance(parameter, str) else parameter[-1]


def ids_in(at: AppTest, key: str) -> bytes:
    """Return what was sent to the component of a key."""
    (element,) = (e for e in at.get("bidi_component") if e.proto.id.endswith(key))
    proto = element.proto
    return bytes(proto.bytes or proto.mixed.json.encode() or proto.json.encode())


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


def test_the_form_for_a_panel_starts_with_one_that_draws_at_once(some: Path) -> None:
    at = open_page("charts", some)
    (button,) = (each for each in at.button if each.label == "Add a panel")
    button.click().run()
    assert is_whole(at), at.exception
    assert at.selectbox(key="charts.panel.form.kind").value == "line"
    assert at.selectbox(key="charts.panel.form.line.x").value == "step"
    assert at.multiselect(key="charts.panel.form.line.metrics").value == ["val/loss"]
    assert not at.button(key="charts.panel.form.done").disabled


def test_the_form_for_a_panel_that_there_is_shows_it(some: Path) -> None:
    panels = [PanelSpec("histogram", x="duration", title="mine").to_dict()]
    at = open_page("charts", some, address={"panels": json.dumps(panels)})
    at.button(key="charts.panel.Change.0").click().run()
    assert is_whole(at), at.exception
    assert at.selectbox(key="charts.panel.form.kind").value == "histogram"
    assert at.selectbox(key="charts.panel.form.histogram.x").value == "duration"
    assert not any(each.label.startswith("Or a") for each in at.button)


def _form_alone() -> None:
    """Draw the form without its dialog, which Streamlit's test of an app does not keep open."""
    import streamlit as st

    from gtrack._app.link import Link
    from gtrack._app.screens.charts.builder import _form
    from gtrack._app.screens.charts.page import DEFAULTS

    if "charts.panels.next" not in st.session_state:
        _form(Link("charts", DEFAULTS), None)


def test_the_form_offers_a_scatter_where_several_params_differ(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    for lr, depth in ((0.1, 3), (0.2, 4)):
        record(path, params={"lr": lr, "depth": depth})
    use(Options(str(path)))
    forget()
    at = AppTest.from_function(_form_alone, default_timeout=30).run()
    assert is_whole(at), at.exception
    (other,) = (each for each in at.button if each.label.startswith("Or a"))
    assert other.label.replace("\\", "") == "Or a scatter: val_auc by lr"
    other.click().run()
    assert is_whole(at), at.exception
    assert at.selectbox(key="charts.panel.form.kind").value == "scatter"
    assert at.selectbox(key="charts.panel.form.scatter.colour").value == "params.depth"
    assert [each.label for each in at.button] == ["Add"]
    at.button(key="charts.panel.form.done").click().run()
    (panel,) = at.session_state["charts.panels.next"]
    assert panel == {"kind": "scatter", "x": "params.lr", "y": "metrics.val_auc", "colour": "params.depth"}


def test_what_the_address_zooms_to_is_drawn_with_all_its_points_and_sent_along(some: Path) -> None:
    panels = json.dumps([{"kind": "line", "metrics": ["noise"]}])
    at = open_page("charts", some, address={"panels": panels, "zoom": ["100~300~step", "nonsense", "3~1~time"]})
    assert is_whole(at), at.exception
    assert one(at.query_params["zoom"]) == "100~300~step", "what is none is left out"
    own = ids_in(at, "charts.grid.own")
    assert b'"ranges":{"step:":[100.0,300.0]}' in own.replace(b" ", b"")
    assert len(own) > len(ids_in(open_page("charts", some, address={"panels": panels}), "charts.grid.own")) / 10


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
