"""A journey through the dashboard, in a real browser: from a filter to a view that a colleague opens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import opened, serving, until
from journey_steps import ROWS, TABLE, choose, drag, go, names, open_row, select_row, type_filter, until_names
from journey_world import POINTS, make_world, start_live

import gtrack
from gtrack import _app

MAIN = Path(_app.__file__).parent / "main.py"
CHURN = [f"churn-{number}" for number in range(6)]
RISING = ["⚑ churn-0", *CHURN[1:]]
NEWEST = ["⚑ churn-0", *CHURN[:0:-1]]
PLOT = "document.querySelector('.gtrack-plot')"
DRAWN = "document.querySelectorAll('.gtrack-panel[data-state=drawn]').length > 0"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("journey") / "world")


@pytest.fixture(scope="module")
def server(world: Path) -> Iterator[str]:
    with serving(MAIN, path=str(world)) as url:
        yield url


def test_a_journey_from_a_filter_to_a_view_that_a_colleague_opens(
    browser: Any, context: Any, server: str, world: Path
) -> None:
    with opened(context, server, width=1440, height=1000) as page:
        filter_sort_and_select(page)
        compare_and_brush(page)
        address = save_view(page)
        zoom(page)
        open_run(page)
        see_image_and_code_and_add_a_note(page, world)
    colleague = browser.new_context()
    try:
        with opened(colleague, address, width=1440, height=1000) as page:
            page.get_by_role("heading", level=1, name="Compare · best of churn").wait_for()
            until(page, f"{DRAWN} && {PLOT}.data[0].dimensions.some(one => one.constraintrange)")
            page.get_by_text(" of 5 ").first.wait_for()
            go(page, "Runs")
            until_names(page, NEWEST)
    finally:
        colleague.close()


def filter_sort_and_select(page: Any) -> None:
    until_names(page, ["search", *CHURN[::-1]])
    type_filter(page, "params.l", ">= 0.05")
    until_names(page, NEWEST)
    assert "where=params.lr" in page.evaluate("location.search")
    choose(page, "Sort by", "train/loss")
    until_names(page, RISING)  # the best first
    page.get_by_text("Falling").click()
    until_names(page, NEWEST)
    page.get_by_text("Falling").click()
    until_names(page, RISING)
    for row in range(5):
        select_row(page, row, row + 1)


def compare_and_brush(page: Any) -> None:
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("heading", level=1, name="Compare").wait_for()
    page.get_by_role("radio", name="Parallel coordinates").click()
    until(page, DRAWN)
    axis = page.locator(".gtrack-plot .axis-brush .background").first.bounding_box()
    drag(page, axis, (0.5, 0.6), (0.5, 0.1))
    until(page, "location.search.includes('brush=')")
    assert page.evaluate(f"{PLOT}.data[0].dimensions[0].constraintrange.length") == 2


def save_view(page: Any) -> str:
    page.get_by_role("button", name="View").click()
    page.get_by_role("textbox", name="Name").fill("best of churn")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Save for the team").click()
    page.get_by_text("Saved as best of churn").wait_for()
    until(page, "location.search.includes('view=')")
    page.keyboard.press("Escape")
    return str(page.url)


def zoom(page: Any) -> None:
    go(page, "Charts")
    until(page, DRAWN)
    before = page.evaluate(f"{PLOT}.data[0].x.length")
    assert before < POINTS
    panel = page.locator(".gtrack-plot .nsewdrag").first.bounding_box()
    drag(page, panel, (0.4, 0.5), (0.5, 0.5))
    until(page, f"(([low, high]) => low > 1000 && high < 1700)({PLOT}._fullLayout.xaxis.range)")
    until(page, f"[...{PLOT}.data[0].x].filter(x => x > 1250 && x < 1450).length === 199")  # every point of them
    assert page.evaluate(f"{PLOT}._fullLayout.xaxis.range.every(end => 1000 < end && end < 1700)")
    assert page.locator(".gtrack-panel").first.get_attribute("data-draws") == "1"


def open_run(page: Any) -> None:
    go(page, "Runs")
    until_names(page, RISING)
    open_row(page, 4)
    page.get_by_role("heading", level=1, name="churn-4").wait_for()


def see_image_and_code_and_add_a_note(page: Any, world: Path) -> None:
    page.get_by_role("tab", name="Artifacts").click()
    until(page, "[...document.querySelectorAll('[role=tabpanel] img')].some(image => image.naturalWidth === 64)")
    page.get_by_text(f"after {POINTS - 1}").wait_for()
    page.get_by_role("slider", name="Step").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("after 1500").wait_for()
    page.get_by_role("tab", name="Code").click()
    page.get_by_role("heading", name="Uncommitted edits").wait_for()
    page.get_by_text("+rate = 0.2").wait_for()
    page.get_by_role("tab", name="Notes").click()
    page.get_by_label("Add a note").fill("Looks leaky: check the split.")
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator("[data-testid=stText]", has_text="Looks leaky").wait_for()
    with gtrack.Repo(str(world)) as repo:
        assert [note.text for note in repo.run("name:churn-4").state.notes] == ["Looks leaky: check the split."]


def test_a_live_run_of_another_process_appears_and_moves_in_a_table_that_stays(
    context: Any, server: str, world: Path
) -> None:
    with opened(context, server, width=1440, height=1000) as page:
        until(page, f"{TABLE} !== null && {ROWS}.length > 6")
        page.evaluate(f"() => {{ window.kept = {TABLE}; }}")
        value = f"{ROWS}.filter(row => row.children[1].textContent.trim() === 'live')[0]?.textContent"
        process = start_live(world)
        try:
            began = time.monotonic()
            until(page, f"{value} !== undefined")
            print(f"a live run appeared after {time.monotonic() - began:.1f} s")
            first = page.evaluate(value)
            until(page, f"{value} !== {first!r}")
            assert "live" in names(page)[0]
            assert page.evaluate(f"window.kept.isConnected && window.kept === {TABLE}"), "the table was made anew"
        finally:
            process.terminate()
            process.wait()
