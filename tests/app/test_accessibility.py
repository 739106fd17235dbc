"""What a page is to somebody who does not see it, or has no mouse: axe, and the main path by the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import opened, serving, until
from journey_pages import PAGES, opened_page
from journey_steps import until_names
from journey_world import make_world

from gtrack import _app

MAIN = Path(_app.__file__).parent / "main.py"
SCREENSHOTS = Path(__file__).parent / "screenshots"
"""Where every page's picture goes, for people to look at."""
MAIN_PAGES = ("runs", "run")
"""Those that every test run looks at; the soak test has the others."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    world = make_world(tmp_path_factory.mktemp("accessibility") / "world")
    with serving(MAIN, path=str(world)) as url:
        yield url


@pytest.mark.parametrize(
    "name", [name if name in MAIN_PAGES else pytest.param(name, marks=pytest.mark.soak) for name in PAGES]
)
def test_axe_finds_nothing_serious_in_a_page_in_light_and_in_dark(context: Any, server: str, name: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.base").AXE_SCRIPT
    with opened_page(context, server, name, width=1440, height=1000) as page:
        page.evaluate(axe)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            until(page, _is(scheme))
            until(page, "document.getAnimations().every(one => one.playState !== 'running')")  # colours fade over
            found = page.evaluate("axe.run({exclude: ['[data-testid=stDataFrame]']}, {resultTypes: ['violations']})")[
                "violations"
            ]
            said = [
                f"{scheme}: {violation['id']}: {node['html'][:200]}: {node['failureSummary'][:200]}"
                for violation in found
                if violation["impact"] in ("serious", "critical")
                for node in violation["nodes"]
                if not _is_syntax_colour(violation["id"], node["html"])
            ]
            assert said == []


def _is_syntax_colour(rule: str, html: str) -> bool:
    """Tell what is Streamlit's own: it colours words of code by itself, and has no setting for it.

    The lines of a diff, whose colour says something, are the dashboard's style.
    """
    return rule == "color-contrast" and html.startswith('<span class="token ') and "-sign" not in html


def _is(scheme: str) -> str:
    """Return what is true of a page in light or dark colours."""
    light = "parseInt(getComputedStyle(document.querySelector('.stApp')).backgroundColor.slice(4)) > 128"
    return light if scheme == "light" else f"!({light})"


def test_the_main_path_works_without_a_mouse(context: Any, server: str) -> None:
    with opened(context, server, width=1440, height=1000) as page:
        until(page, "document.querySelector('[data-testid=stDataFrame] canvas [role=gridcell]') !== null")
        tab_to(page, "Filter")
        page.keyboard.type("name = 'churn-0'")
        page.keyboard.press("Enter")
        until_names(page, ["⚑ churn-0"])
        until(page, "location.search.includes('where=')")
        page.locator("[data-testid=stSidebarNav]").get_by_role("link", name="Run", exact=True).focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", level=1, name="churn-0").wait_for()
        page.get_by_role("tab", name="Overview").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        until(page, "location.search.includes('tab=Charts')")
        page.get_by_role("switch", name="As HTML tables").or_(
            page.get_by_role("checkbox", name="As HTML tables")
        ).focus()
        page.keyboard.press("Space")
        until(page, "location.search.includes('plain=1')")


def tab_to(page: Any, label: str) -> None:
    """Press Tab until what has a label has the focus."""
    wanted = page.get_by_role("combobox", name=label)
    for _ in range(40):
        page.keyboard.press("Tab")
        if wanted.evaluate("box => box.getRootNode().activeElement === box"):
            return
    raise AssertionError(f"{label} is not reached by the keyboard")


@pytest.mark.soak
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_drawn_in_light_and_dark_wide_and_narrow(context: Any, server: str, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    for width in (1440, 390):
        for dark in (False, True):
            with opened_page(context, server, name, width=width, height=1000, dark=dark) as page:
                page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
