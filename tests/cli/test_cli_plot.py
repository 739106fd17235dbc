"""``gtrack plot``: charts in terminals of all kinds, points for programs, and files."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from shutil import which

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.cli.canvas import Canvas, glyph
from gtrack.cli.chart import chart_lines, painter
from gtrack.cli.table import display_width
from gtrack.cli.terminal import Terminal
from gtrack.model.goal import Goal
from gtrack.plot.charts import Axis, Curve, DrawnRun, chart_of

PLAIN = Terminal(width=60, unicode=True)
ASCII = Terminal(width=60, unicode=False)
COLOUR = Terminal(True, 60, colour=True)
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def drawn(number=0, values=(1.0,), label=None):
    n = len(values)
    curve = Curve(np.arange(n), np.arange(n) * 1_000_000, np.array(values, float), np.full(n, -1))
    return DrawnRun(f"{number:032x}", f"run-{number}", label or f"run-{number}", 0, {}, {"loss": curve})


def lines(*runs, terminal=PLAIN, env=None, weight=0.0, goal=None, axis="step", **more):
    chart = chart_of("loss", runs, Axis(axis), weight=weight, goal=goal)
    return chart_lines(chart, terminal, painter(terminal, env or {}), **more)


def test_a_falling_line_falls_from_the_upper_left_to_the_lower_right():
    canvas = Canvas(4, 2, unicode=True)
    canvas.line([(0.0, 1.0), (1.0, 0.0)], 0)
    assert canvas.lines(lambda text, ink: text) == ["⠑⢄", "  ⠑⢄"]


def test_a_gap_stays_a_gap_and_a_lonely_point_a_dot():
    canvas = Canvas(5, 1, unicode=True)
    canvas.line([(0.0, 0.5), (0.1, 0.5), (0.2, math.nan), (0.5, 0.5), (0.6, math.nan), (1.0, 0.5)], 0)
    (row,) = canvas.lines(lambda text, ink: text)
    assert [char != " " for char in row] == [True, False, True, False, True]


def test_ink_covers_ink_and_neighbours_are_painted_together():
    canvas = Canvas(4, 1, unicode=False)
    canvas.line([(0.0, 0.0), (1.0, 0.0)], 0)
    canvas.line([(0.0, 0.0), (0.3, 0.0)], 1)
    assert canvas.lines(lambda text, ink: f"<{ink}:{text}>") == ["<1:++><0:**>"]


def test_glyphs_of_many_runs_differ():
    for unicode in (True, False):
        assert len({glyph(number, unicode=unicode) for number in range(30)}) == 30


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.floats(), max_size=40), min_size=1, max_size=4),
    st.integers(1, 120),
    st.sampled_from([PLAIN, ASCII, COLOUR]),
    st.booleans(),
    st.sampled_from(["step", "time", "relative"]),
)
def test_any_values_are_drawn_within_the_width(runs, width, terminal, log, axis):
    terminal = Terminal(terminal.interactive, width, terminal.colour, terminal.unicode)
    chart = chart_of("loss", [drawn(number, values) for number, values in enumerate(runs)], Axis(axis))
    found = chart_lines(chart, terminal, painter(terminal, {}), height=6, log=log)
    if width >= 60:
        assert all(display_width(ESCAPE.sub("", line)) <= width for line in found)
    if not terminal.unicode:
        assert all(line.isascii() for line in found)


def test_a_chart_has_a_title_axes_and_a_legend_with_last_and_best():
    found = lines(drawn(0, [3, 1, 2]), goal=Goal("min", "name"), weight=0.5, height=8)
    assert found[0] == "loss (goal: min, by its name; smoothed 0.5)"
    assert found[1].startswith("3 ┤")
    assert found[-3].rstrip().endswith("step")
    assert found[-2].split() == ["last", "at", "step", "best", "at", "step"]
    assert found[-1].split() == ["●", "run-0", "2", "2", "-", "-"]


def test_without_colours_runs_have_marks_and_with_colours_colours():
    runs = [drawn(0, [1, 2, 3] * 20), drawn(1, [3, 2, 1] * 20)]
    text = "\n".join(lines(*runs, height=8))
    assert all(text.count(mark) > 1 for mark in "●▲")
    coloured = "\n".join(lines(*runs, terminal=COLOUR, height=8))
    assert "●" not in coloured
    assert "\x1b[38;5;25m━━\x1b[0m run-0" in coloured
    assert "\x1b[38;2;0;114;178m━━" in "\n".join(lines(*runs, terminal=COLOUR, env={"COLORTERM": "truecolor"}))
    ascii_ = "\n".join(lines(*runs, terminal=ASCII, height=8))
    assert all(ascii_.count(mark) > 5 for mark in "*+")


def test_more_runs_than_colours_have_marks_too():
    text = "\n".join(lines(*(drawn(number, [number] * 60) for number in range(10)), terminal=COLOUR))
    marks = ESCAPE.sub("", text).splitlines()[-10:]
    assert len({line.split()[0] for line in marks}) == 10


def test_values_that_are_not_finite_are_counted_and_a_log_axis_drops_what_is_not_above_0():
    assert "run-0 (2 values not finite)" in lines(drawn(0, [1, math.nan, math.inf, 2]))[-1]
    assert "nothing to draw above 0" in lines(drawn(0, [0, -1]), log=True)[1]
    assert "no value is finite" in lines(drawn(0, [math.nan]))[1]


def test_a_spike_of_a_long_series_is_seen():
    values = np.ones(100_000)
    values[31_234] = 7.0
    top = next(line for line in lines(drawn(0, values), height=8) if "┤" in line or "│" in line)
    assert re.search("[\u2801-\u28ff●]", top)


@pytest.fixture
def runs(project):
    """Two runs of an experiment, the newer named b, and one of another that is older."""
    (project.root / "rows.csv").write_text("step,val_loss,acc\n0,3,0.1\n1,2,0.2\n2,1.5,0.3\n")
    (project.root / "more.csv").write_text("step,val_loss\n0,2\n1,nan\n2,1\n")
    project.ok("log", "--name", "old", "--experiment", "other", "loss=1")
    project.ok("log", "--name", "a", "--experiment", "digits", "--metrics", "rows.csv")
    project.ok("log", "--name", "b", "--experiment", "digits", "--metrics", "more.csv")
    return project


def test_unasked_the_newest_experiments_runs_and_main_metrics_are_drawn(runs):
    done = runs.gtrack("plot", COLUMNS="70")
    assert done.code == 0, done.err
    titles = [line for line in done.out.splitlines() if line.startswith(("val_loss", "acc", "loss"))]
    assert [title.split()[0] for title in titles] == ["val_loss", "acc"]
    assert re.search(r"● +[0-9a-f]{7} b .*\n.*▲ +[0-9a-f]{7} a", done.out)
    assert "old" not in done.out
    assert "no acc: " in done.err


def test_metrics_are_chosen_by_pattern_and_a_wrong_one_names_the_nearest(runs):
    assert "val_loss" in runs.ok("plot", "-m", "val_*")
    done = runs.gtrack("plot", "-m", "val_los")
    assert (done.code, "did you mean val_loss?" in done.err) == (2, True)
    done = runs.gtrack("plot", "--x", "epoch")
    assert (done.code, "neither step, time, relative" in done.err) == (2, True)


def test_runs_are_named_or_found_but_not_both(runs):
    assert runs.gtrack("plot", "a", "--where", "acc > 1").code == 2
    assert runs.gtrack("plot", "nosuch").code == 3
    assert runs.gtrack("plot", "--experiment", "nosuch").code == 3
    done = runs.gtrack("plot", "--experiment", "digits", "-n", "1", "-m", "val_loss")
    assert " b " in done.out
    assert " a " not in done.out


def test_a_repository_without_runs_says_so(project):
    done = project.gtrack("plot")
    assert (done.code, "no runs to draw" in done.err) == (3, True)


def test_programs_get_every_point(runs):
    rows = list(csv.DictReader(io.StringIO(runs.ok("plot", "a", "b", "-m", "val_loss", "--csv", "--smooth", "0.5"))))
    assert [(row["name"], row["step"], row["value"]) for row in rows[:3]] == [
        ("a", str(n), v) for n, v in enumerate(("3.0", "2.0", "1.5"))
    ]
    assert [row["value"] for row in rows[3:]] == ["2.0", "nan", "1.0"]
    assert float(rows[1]["smoothed"]) == pytest.approx(7 / 3)
    (first, *_) = json.loads(runs.ok("plot", "a", "-m", "acc", "--json", "--x", "val_loss"))
    assert (first["x"], first["value"]) == (3.0, 0.1)
    table = runs.ok("plot", "a", "-m", "val_loss", "--md")
    assert re.search(r"\| val\\_loss \| [0-9a-f]{7} a \| 1\.5 \| 2 \| 1\.5 \| 2 \|", table)


def test_a_file_is_what_its_ending_says_and_whole_or_not_there(runs):
    assert runs.ok("plot", "a", "-o", "curves.html") == ""
    assert (runs.root / "curves.html").read_text().startswith("<!DOCTYPE html>")
    runs.ok("plot", "a", "-o", "points.csv")
    assert (runs.root / "points.csv").read_text().startswith("run,name,metric,step,value\n")
    done = runs.gtrack("plot", "a", "-o", "curves.pdf")
    assert (done.code, ".html, .png, .svg, .csv, .json, .jsonl, .md" in done.err) == (2, True)
    assert runs.gtrack("plot", "a", "-o", "missing/curves.html").code == 2
    (runs.root / "folder.html").mkdir()
    assert runs.gtrack("plot", "a", "-o", "folder.html").code == 2
    assert sorted(path.name for path in runs.root.glob("*.html*")) == ["curves.html", "folder.html"]


def test_pictures_are_written_where_matplotlib_is(runs):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    runs.ok("plot", "-o", "curves.svg")
    assert b"</svg>" in (runs.root / "curves.svg").read_bytes()


def test_a_hostile_name_commands_no_terminal(project):
    project.ok("log", "--name", "\x1b[2J\x1b]0;x\x07 \u202e", "a\x1b[31m=1", "-p", "x=1")
    done = project.gtrack("plot")
    assert "\x1b" not in done.out + done.err
    assert "\u202e" not in done.out


def test_a_weight_outside_of_0_to_1_is_refused(runs):
    assert runs.gtrack("plot", "--smooth", "1").code == 2
    assert runs.gtrack("plot", "--smooth", "nan").code == 2


def test_a_page_works_in_a_browser(runs, tmp_path):
    """Values under the pointer, hidden runs, a zoom: and not one complaint on the console."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    browser = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := which(name))), None)
    if browser is None:
        pytest.skip("there is no Chromium")
    runs.ok("log", "--name", "</script><script>alert(1)</script>", "--experiment", "digits", "val_loss=1.25")
    runs.ok("plot", "-m", "val_loss", "-o", "curves.html")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        try:
            page = opened.new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("dialog", lambda dialog: said.append("a dialog"))
            page.goto((runs.root / "curves.html").as_uri())
            buttons = page.locator("#runs button")
            assert "</script><script>alert(1)</script>" in buttons.nth(0).inner_text()
            box = page.locator("svg.plot").bounding_box()
            assert box is not None
            page.mouse.move(box["x"] + box["width"] - 15, box["y"] + 100)
            assert "step 2" in page.locator(".tip").inner_text()
            assert {"1", "1.5"} <= set(page.locator(".tip b").all_inner_texts())
            tip = page.locator(".tip").bounding_box()
            assert tip is not None
            assert box["y"] <= tip["y"] <= tip["y"] + tip["height"] <= box["y"] + box["height"]
            lines_before = page.locator("svg.plot path").count()
            buttons.nth(1).click()
            assert page.locator("svg.plot path").count() == lines_before - 1
            page.mouse.move(box["x"] + 100, box["y"] + 100)
            page.mouse.down()
            page.mouse.move(box["x"] + 300, box["y"] + 100)
            page.mouse.up()
            zoomed = page.locator("svg.plot text").all_inner_texts()
            page.locator("svg.plot").dblclick(position={"x": 200, "y": 100})
            assert page.locator("svg.plot text").all_inner_texts() != zoomed
            page.check("#log")
            page.locator("#weight").fill("0.5")
            assert page.locator("#shown").inner_text() == "0.50"
            assert said == []
        finally:
            opened.close()
