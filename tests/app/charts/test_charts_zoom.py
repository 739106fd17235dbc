"""The ranges that are zoomed to, as an address has them."""

from __future__ import annotations

import pytest
from figure_world import chart_runs, curves, runs_table
from hypothesis import assume, given
from hypothesis import strategies as st

from gtrack._app.charts.builder import PanelData, build
from gtrack._app.charts.panel_spec import PanelSpec
from gtrack._app.charts.settings import CurveSettings
from gtrack._app.charts.zoom import keep_zooms, read_zooms, with_zoom, zoom_of

AXES = st.sampled_from(["step:", "time:", "relative:s", "relative:min", "metric:a~b: c", "metric:step"])
ENDS = st.floats(-1e15, 1e15, allow_subnormal=False)


@given(AXES, ENDS, ENDS, st.lists(st.tuples(AXES, ENDS), max_size=3))
def test_a_range_comes_back_as_it_was_to_a_thousandth(axis, one, other, before):
    low, high = sorted((one, other))
    assume(high - low > max(abs(low), abs(high)) * 1e-9)
    texts = ()
    for name, end in before:
        texts = with_zoom(texts, name, (end, end + abs(end) + 1))
    texts = with_zoom(texts, axis, (low, high))
    assert texts == keep_zooms(texts)
    found = read_zooms(texts)
    assert list(found)[-1] == axis
    for end, read in zip((low, high), found[axis], strict=True):
        assert abs(read - end) <= (high - low) / 1000
    assert axis not in read_zooms(with_zoom(texts, axis, None))


def test_the_texts_are_short():
    assert with_zoom((), "step:", (99.99731123, 300.0021)) == ("100~300~step",)
    assert with_zoom((), "time:", (1.79e12 + 0.123, 1.79e12 + 10_000.7)) == ("1790000000000~1790000010001~time",)
    assert with_zoom(("1~2~step",), "step:", (12_345.678, 12_399.9)) == ("12345.68~12399.9~step",)


@given(st.lists(st.text(max_size=20) | st.from_regex(r"\A[0-9e~a-z:.-]{0,30}\Z"), max_size=12))
def test_whatever_an_address_says_is_a_range_or_nothing(texts):
    for low, high in read_zooms(texts).values():
        CurveSettings(x_range=(low, high))


@pytest.mark.parametrize(
    "text", ["", "1~2", "1~2~", "1~2~nonsense", "2~1~step", "1~1~step", "nan~1~step", "0~inf~step", "1~2~step:x",
             "1~2~relative", "1~2~metric:", "0~1e305~time", "1~2~metric:" + "x" * 400],
)  # fmt: skip
def test_what_is_no_range_is_left_out(text):
    assert keep_zooms(["0~1~step", text]) == ("0~1~step",)


def test_the_range_is_that_of_the_axis_and_somewhat_wider():
    zooms = read_zooms(["100~300~step", "0~2~metric:epoch", "0~60~relative:s", "0~2~relative:min"])
    assert zoom_of(CurveSettings().axis, zooms) == ("step:", 0.0, 400.0)
    assert zoom_of(CurveSettings(x="relative").axis, zooms) == ("relative:min", -1.0, 3.0), "zoomed last"
    assert zoom_of(CurveSettings(x="epoch").axis, zooms) == ("metric:epoch", -1.0, 3.0)
    assert zoom_of(CurveSettings(x="time").axis, zooms) is None


def test_lines_of_a_panel_have_all_points_where_they_are_zoomed_to():
    count = 20_000
    table = curves((0, "loss", [float(at * 7919 % 1000) for at in range(count)]))
    spec = PanelSpec("line", metrics=("loss",))
    runs = chart_runs(1)
    whole = build(spec, PanelData(runs_table(1), table, runs))
    near = build(spec, PanelData(runs_table(1), table, runs, zooms={"step:": (1000.0, 1200.0)}))
    inside = [x for x in near.traces[0]["x"].tolist() if 1000 <= x <= 1200]
    assert len(whole.traces[0]["x"]) < count / 4
    assert inside == list(range(1000, 1201))
    assert (near.id, near.axis) == (whole.id, whole.axis)
    other = build(spec, PanelData(runs_table(1), table, runs, zooms={"relative:s": (1000.0, 1200.0)}))
    assert len(other.traces[0]["x"]) == len(whole.traces[0]["x"])
