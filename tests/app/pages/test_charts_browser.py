"""The page of charts in a real browser: what its sections and its legend have in common."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apptest import make_repository
from browser import opened, serving, until

import gtrack

POINTS = 3_000
RANGES = "[...document.querySelectorAll('.gtrack-plot')].map(plot => plot._fullLayout.xaxis.range)"
CURVES = "document.querySelector('.gtrack-plot').data.length"
FADED = "[...document.querySelectorAll('.gtrack-panel')].map(p => p.querySelectorAll('.gtrack-faded').length)"
LEGEND = ".gtrack-legend li:not(.gtrack-label):not(.gtrack-all)"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's address, of a repository with three runs of two metrics in two sections."""
    path = make_repository(tmp_path_factory.mktemp("charts") / "repo")
    for number in range(3):
        with contextlib.chdir(path), gtrack.start_run(f"<b>{number}</b>", system_metrics=False) as run:
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
