"""Charts as data, as a page, and as a picture."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spooling import START, end, make_repo, open_run
from spooling import log as log_values

from gtrack.model.goal import Goal
from gtrack.model.summary import MetricSummary
from gtrack.plot.charts import Axis, Chart, Curve, DrawnRun, chart_of, curves_of, unit_of
from gtrack.plot.page import page
from gtrack.plot.palette import COLOURS, colour, dash
from gtrack.plot.picture import picture
from gtrack.plot.records import columns, records

NAN = math.nan
HOSTILE = "</script><script>alert(1)</script> <img src=x onerror=alert(1)> & \" ' \u2028 $x^{ ]]> <!-- ${data}"


def curve(value, step=None, time=None, rank=None):
    n = len(value)
    return Curve(
        np.arange(n) if step is None else np.array(step),
        np.arange(n) * 1_000_000 if time is None else np.array(time),
        np.array(value, float),
        np.full(n, -1) if rank is None else np.array(rank),
    )


def drawn(number=0, started=0, label=None, **curves):
    name = f"run-{number}"
    return DrawnRun(f"{number:032x}", name, label or name, started, {}, curves)


def chart(*runs, metric="loss", axis="step", **more) -> Chart:
    return chart_of(metric, runs, Axis.parse(axis), **more)


def test_a_step_axis_has_the_steps():
    (one,) = chart(drawn(loss=curve([3, 2], step=[10, 20]))).series
    assert (one.x.tolist(), one.y.tolist()) == ([10, 20], [3, 2])


pairs = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from([0, 0, 0, 1]), st.floats(-9, 9)), min_size=1, max_size=8
).map(sorted)


@given(pairs, pairs, st.booleans())
def test_a_metric_on_the_axis_is_its_last_value_at_the_step_and_rank_of_each_point(logged, other, several):
    logged, other = ([(s, r if several else 0, v) for s, r, v in points] for points in (logged, other))
    last = {(step, rank): value for step, rank, value in other}
    expected = [(last[step, rank], value) for step, rank, value in logged if (step, rank) in last]
    loss, epoch = (
        curve([v for *_, v in points], step=[s for s, *_ in points], rank=[r for _, r, _ in points])
        for points in (logged, other)
    )
    found = chart(drawn(loss=loss, epoch=epoch), axis="epoch", by_rank=True).series
    assert sorted((x, y) for one in found for x, y in zip(one.x, one.y, strict=True)) == sorted(expected)


def test_a_unit_of_time_fits_the_longest():
    assert [unit_of(seconds)[0] for seconds in (0, 60, 600, 36_000, 1e6)] == ["s", "s", "min", "h", "d"]


def test_a_relative_axis_counts_from_the_start_of_each_run_in_a_unit_that_fits_all():
    early, late = (
        drawn(number, started=start, loss=curve([1, 2], time=[start + 60_000_000, start + 600_000_000]))
        for number, start in enumerate((0, 7_000_000_000))
    )
    drawing = chart(early, late, axis="relative")
    assert drawing.x_label == "time (min)"
    assert [drawing.places(one).tolist() for one in drawing.series] == [[1, 10], [1, 10]]
    short = chart(drawn(loss=curve([1, 2])), axis="relative")
    assert short.x_label == "time (s)"


def test_a_time_axis_has_seconds_since_the_epoch():
    (one,) = chart(drawn(loss=curve([1], time=[1_500_000])), axis="time").series
    assert one.x.tolist() == [1.5]


def test_a_metric_axis_joins_by_step_and_rank_and_takes_the_value_logged_last():
    loss = curve([5, 6, 7, 8], step=[0, 1, 1, 2], rank=[-1, 0, 1, -1])
    epoch = curve([0.0, 0.1, 0.5, 0.6, NAN], step=[0, 0, 1, 1, 2], rank=[-1, -1, 0, 1, -1])
    (a, b, c) = chart(drawn(loss=loss, epoch=epoch), axis="epoch", by_rank=True).series
    assert [(s.x.tolist(), s.y.tolist()) for s in (a, b, c)] == [([0.1], [5]), ([0.5], [6]), ([0.6], [7])]


@pytest.mark.parametrize("name", ["step", "time", "relative"])
def test_a_metric_named_like_an_axis_can_be_meant(name):
    assert Axis.parse(name).kind == name
    assert Axis.parse(f"metrics.{name}") == Axis("metric", name)


def test_ranks_are_drawn_as_their_mean_and_band():
    ranks = curve([1, 3, NAN, 4, NAN, NAN], step=[0, 0, 1, 1, 2, 2], rank=[0, 1, 0, 1, 0, 1])
    (one,) = chart(drawn(loss=ranks)).series
    np.testing.assert_array_equal(one.y, [2, 4, NAN])
    np.testing.assert_array_equal(one.low, [1, 4, NAN])
    np.testing.assert_array_equal(one.high, [3, 4, NAN])
    lines = chart(drawn(loss=ranks), by_rank=True).series
    assert [(line.title, line.number) for line in lines] == [("run-0 rank 0", 0), ("run-0 rank 1", 0)]


def test_a_single_rank_is_no_mean_of_several():
    (one,) = chart(drawn(loss=curve([1, 2, 2], step=[0, 0, 1], rank=[3, 3, 3]))).series
    assert (one.y.tolist(), one.low) == ([1, 2, 2], None)


def test_runs_without_the_metric_are_named_and_keep_the_others_colours():
    drawing = chart(drawn(0, acc=curve([1])), drawn(1, loss=curve([1])))
    assert drawing.without == ("run-0",)
    assert [one.number for one in drawing.series] == [1]


def test_curves_of_a_recorded_run_are_the_values_logged(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        writer = open_run(repo.repository.paths.spool)
        log_values(writer, [3.0, NAN, 1.0])
        log_values(writer, [0.5], key="acc")
        end(writer)
        found = curves_of(repo.run("last").curves())
    assert set(found) == {"loss", "acc"}
    np.testing.assert_array_equal(found["loss"].value, [3, NAN, 1])
    assert found["loss"].step.tolist() == [0, 1, 2]
    assert found["loss"].time.tolist() == [START, START + 1000, START + 2000]
    assert found["loss"].rank.tolist() == [-1] * 3


@pytest.mark.parametrize(("axis", "place"), [("step", None), ("time", "time"), ("relative", "seconds"), ("acc", "x")])
def test_records_hold_every_point_and_the_columns_are_theirs(axis, place):
    run = drawn(loss=curve([3, 2, 1]), acc=curve([0, 1, 2]))
    drawing = chart(run, axis=axis, weight=0.5)
    found = list(records(drawing, {run.id: run}))
    assert [record["value"] for record in found] == [3, 2, 1]
    assert [round(record["smoothed"], 3) for record in found] == [3, 2.333, 1.571]
    assert list(found[0]) == columns(drawing)
    if place:
        assert [record[place] for record in found][:2] == {
            "time": ["1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:01.000000Z"],
        }.get(place, [0, 1])


def test_more_runs_than_colours_differ_in_their_strokes():
    looks = [(colour(number), dash(number)) for number in range(4 * len(COLOURS))]
    assert len(set(looks)) == len(looks)


class Page(HTMLParser):
    """What a browser makes of a page: its elements, and the text in each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        if self.tags:
            self.texts.append((self.tags[-1], data))


def data_of(text: str) -> dict:
    return json.loads(next(text for tag, text in Page(text).texts if tag == "script"))


def test_no_text_of_a_run_is_markup_in_the_page():
    plain = page([chart(drawn(loss=curve([2, 1]), x=curve([1, 2])), axis="x")])
    hostile = drawn(label=HOSTILE, **{HOSTILE: curve([2, 1]), "x" + HOSTILE: curve([1, 2])})
    text = page([chart_of(HOSTILE, [hostile], Axis("metric", "x" + HOSTILE))])
    assert Page(text).tags == Page(plain).tags
    assert [name for name, _ in Page(text).attributes] == [name for name, _ in Page(plain).attributes]
    raw = text.partition('type="application/json">')[2].partition("</script>")[0]
    assert raw.isascii(), "U+2028 ends a line of a script"
    assert set("<>&").isdisjoint(raw)
    assert data_of(text)["runs"][0]["label"] == HOSTILE
    assert data_of(text)["charts"][0]["metric"] == HOSTILE.replace("\u2028", "\\u2028")


def test_the_page_needs_nothing_else_and_its_policy_lets_nothing_else_in():
    text = page([chart(drawn(loss=curve([1])))])
    names = {name for name, _ in Page(text).attributes}
    assert names.isdisjoint({"src", "href", "onload", "onclick", "style"})
    assert "default-src 'none'" in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|eval|document\.write)\b", text) is None


def test_the_page_has_short_series_whole_and_long_ones_with_their_spikes():
    long = np.sin(np.arange(100_000) / 1e4)
    long[5_000], long[50_000] = 9.0, NAN
    few = [1.25, NAN, math.inf, 3.0]
    drawing = chart(drawn(0, loss=curve(few)), drawn(1, loss=curve(long)))
    short, reduced = data_of(page([drawing]))["charts"][0]["series"]
    assert short["y"] == [1.25, None, None, 3]
    assert "means" not in short
    assert 9 in reduced["y"]
    assert None in reduced["y"]
    assert len(reduced["y"]) < 5_000
    assert (len(reduced["means"]["y"]), reduced["means"]["per"]) == (1000, 100)


def test_the_page_shows_ranks_as_a_band():
    ranks = curve([1, 3], step=[0, 0], rank=[0, 1])
    (one,) = data_of(page([chart(drawn(loss=ranks))]))["charts"][0]["series"]
    assert (one["y"], one["band"]) == ([2], {"x": [0], "low": [1], "high": [3]})


def test_the_page_is_a_function_of_the_charts():
    drawing = chart(drawn(loss=curve([1, 2])), goal=Goal("min", "name"))
    assert page([drawing], log=True) == page([drawing], log=True)
    data = data_of(page([replace(drawing, weight=0.3)], log=True))
    assert (data["log"], data["weight"], data["charts"][0]["note"]) == (True, 0.3, "goal: min, by its name")


def pictured(form: str, *charts: Chart, **more) -> bytes:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    return picture(charts, form, **more)


def test_a_picture_has_the_same_bytes_every_time():
    drawing = chart(drawn(0, loss=curve([3, 2, NAN, 1])), drawn(1, loss=curve([5])), weight=0.5)
    for form, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        first = pictured(form, drawing)
        assert first.startswith(start)
        assert pictured(form, drawing) == first


def test_a_picture_has_a_dot_where_no_line_leads_to_a_value():
    def dots(*values: float) -> int:
        drawing = pictured("svg", chart(drawn(0, loss=curve(values)), drawn(1, loss=curve([1, 2]))))
        lines = [el for el in ElementTree.fromstring(drawing).iter() if el.get("id", "").startswith("line2d")]
        return max(len([each for each in line.iter() if each.tag.endswith("use")]) for line in lines[-3:])

    assert dots(1, NAN, math.inf, 2, NAN, 3, 4) == 2
    assert dots(1, 2, 3) <= 1  # the marks on an axis


@pytest.mark.parametrize(("axis", "log"), [("step", True), ("time", False), ("x$", False)])
def test_hostile_names_and_values_are_drawn_as_they_are(axis, log):
    values = curve([1e308, -1e308, math.inf, NAN, 5e-324])
    ranks = curve([1, 2], step=[0, 0], rank=[0, 1])
    runs = [
        drawn(0, label="$\\frac{$ _x \u202e 漢字", **{"$\\": values, "x$": values}),
        drawn(1, label="_nolegend_", **{"$\\": ranks, "x$": ranks}),
        drawn(2, label=f"--> {HOSTILE}", **{"$\\": ranks, "x$": ranks}),
    ]
    out = pictured("svg", chart_of("$\\", runs, Axis.parse(axis)), log=log)
    kinds = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(out).iter()}
    assert kinds.isdisjoint({"script", "img", "image", "a", "foreignObject"})


def test_a_picture_without_matplotlib_says_what_to_install(monkeypatch):
    from gtrack.errors import MissingExtraError
    from gtrack.plot import picture as module

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"gtrack\[plot\]"):
        picture([chart(drawn(loss=curve([1])))], "png")


def test_a_summary_of_a_run_goes_with_its_line():
    summary = MetricSummary.point(1.0, 5, 0)
    run = replace(drawn(loss=curve([1])), summary={"loss": summary})
    assert chart(run).series[0].summary is summary
