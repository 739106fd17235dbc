"""The page of charts in a real browser: what its sections and its legend have in common."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from apptest import make_repository
from browser import opened, serving, until

import gtrack

POINTS = 3_000
RANGES = "[...document.querySelectorAll('.gtrack-plot')].map(plot => plot._fullLayout.xaxis.range)"
CURVES = "document.querySelector('.gtrack-plot').data.length"
FADED = "[...document.querySelectorAll('.gtrack-panel')].map(p => p.querySelectorAll('.gtrack-faded').length)"
INSIDE = "[...document.querySelectorAll('.gtrack-plot')[{}].data[0].x].filter(x => x > 1250 && x < 1450).length"
LEGEND = ".gtrack-legend li:not(.gtrack-label):not(.gtrack-all)"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's address, of a repository with three runs of two metrics in two sections."""
    path = make_repository(tmp_path_factory.mktemp("charts") / "repo")
    for number in range(3):
        with contextlib.chdir(path), gtrack.start_run(
            f"<b>{number}</b>", params={"lr": number, "depth": 3 - number}, system_metrics=False
        ) as run:  # fmt: skip
            for step in range(POINTS):
                value = (step * (number + 7919)) % 1000 / 1000
                run.log({"train/loss": value, "val/loss": number + value}, step=step)
    with serving(Path(__file__).with_name("charts_page.py"), path=str(path)) as url:
        yield url


def test_sections_zoom_and_hover_together_and_the_legend_is_theirs(context: Any, server: str) -> None:
    with opened(context, f"{server}/?columns=1", height=1600) as page:
        until(page, "document.querySelectorAll('.gtrack-panel[data-state=drawn]').length === 2")
        grids = "document.querySelectorAll('.gtrack-panels').length"
        assert page.evaluate(grids) == 2, "each section has a grid of its own"
        names = page.locator(f"{LEGEND} a").all_inner_texts()
        assert names == ["<b>2</b>", "<b>1</b>", "<b>0</b>"]

        page.hover(f"{LEGEND} >> nth=1")
        until(page, f"{FADED}.join() === '2,2'")
        plot = page.locator(".gtrack-plot .nsewdrag").first.bounding_box()
        at = lambda x: (plot["x"] + x * plot["width"], plot["y"] + plot["height"] / 2)  # noqa: E731
        page.mouse.move(*at(0.5))
        until(page, "[...document.querySelectorAll('.gtrack-overlay')].every(overlay => !overlay.hidden)")

        before = page.evaluate("document.querySelector('.gtrack-plot').data[0].x.length")
        assert before < POINTS
        page.mouse.move(*at(0.4))
        page.mouse.down()
        page.mouse.move(*at(0.5), steps=4)
        page.mouse.up()
        until(page, f"{RANGES}.every(([low, high]) => low > 1000 && high < 1700)")
        other = "[...document.querySelectorAll('.gtrack-plot')[1].data[0].x]"
        inside = f"{other}.filter(x => x > 1250 && x < 1450).length"
        until(page, f"{inside} === 199")  # every point, in the other section too

        page.click(f"{LEGEND} >> nth=0 >> button")
        until(page, f"{CURVES} === 2")
        assert "hidden=" in page.evaluate("location.search")
        assert page.evaluate(f"{RANGES}.every(([low, high]) => low > 1000 && high < 1700)"), "and the zoom stays"
        page.click(f"{LEGEND} >> nth=2 >> button", modifiers=["Shift"])
        until(page, f"{CURVES} === 1")
        page.get_by_text("Show all").click()
        until(page, f"{CURVES} === 3")
        drawn = "[...document.querySelectorAll('.gtrack-panel')].map(panel => panel.dataset.draws).join()"
        assert page.evaluate(drawn) == "1,1", "nothing was drawn anew"


def test_a_link_has_what_is_zoomed_to_and_a_panel_of_lines_follows(context: Any, server: str) -> None:
    panels = quote(json.dumps([{"kind": "line", "metrics": ["train/loss"]}]))
    link = f"{server}/?columns=1&closed=train&panels={panels}"
    zoomed = f"{RANGES}.every(([low, high]) => low > 1190 && low < 1210 && high > 1490 && high < 1510)"
    drawn = "document.querySelectorAll('.gtrack-panel[data-state=drawn]').length === 2"
    with opened(context, f"{link}&zoom=1200~1500~step", height=1600) as page:
        until(page, drawn)
        until(page, zoomed)
        for at in range(2):  # the panel that was put together, and the section
            until(page, f"{INSIDE.format(at)} === 199")
        page.locator(".gtrack-plot .nsewdrag").first.dblclick()
        until(page, f"{RANGES}.every(([low, high]) => low < 10 && high > 2900)")
        until(page, "!location.search.includes('zoom=')")

        plot = page.locator(".gtrack-plot .nsewdrag").first.bounding_box()
        at_x = lambda x: (plot["x"] + x * plot["width"], plot["y"] + plot["height"] / 2)  # noqa: E731
        page.mouse.move(*at_x(0.4))
        page.mouse.down()
        page.mouse.move(*at_x(0.5), steps=4)
        page.mouse.up()
        until(page, "location.search.includes('zoom=')")
        until(page, f"{INSIDE.format(0)} === 199")
        ranges, address = page.evaluate(RANGES), page.evaluate("location.href")
        page.wait_for_timeout(2_000)
        assert page.evaluate(RANGES) == ranges, "what the page says after us moves nothing"
        page.go_back()
        until(page, f"{RANGES}.every(([low, high]) => low < 10 && high > 2900)")
    with opened(context, address, height=1600) as page:
        until(page, drawn)
        away = f"Math.abs(low - {ranges[0][0]}) + Math.abs(high - {ranges[0][1]})"
        until(page, f"{RANGES}.every(([low, high]) => {away} < 1)")


@pytest.mark.soak
def test_a_panel_is_added_with_two_clicks(context: Any, server: str) -> None:
    with opened(context, f"{server}/?columns=1&closed=train", height=1600) as page:
        until(page, "document.querySelectorAll('.gtrack-panel[data-state=drawn]').length === 1")
        page.get_by_role("button", name="Add a panel").click()
        form = page.get_by_role("dialog")
        form.get_by_text("Or a scatter").click()
        form.get_by_text("Or a scatter").wait_for(state="detached")
        form.get_by_role("button", name="Add").click()
        until(page, "document.querySelectorAll('.gtrack-panel[data-state=drawn]').length === 2")
        assert "scatter" in page.evaluate("location.search")
        page.get_by_role("button", name="Add a panel").click()
        form.get_by_role("button", name="Add").click()
        until(page, "document.querySelectorAll('.gtrack-panel[data-state=drawn]').length === 3")
