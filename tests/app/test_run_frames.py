"""What a run logged as HTML and printed to its console, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import serving

PAGE = Path(__file__).parent / "run_frames_page.py"


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    with serving(PAGE) as url:
        context = browser.new_context(viewport={"width": 1000, "height": 900})
        shown = context.new_page()
        asked: list[str] = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(url)
        shown.wait_for_selector("iframe[title='a drawing']")
        shown.wait_for_selector(".gtrack-console div")
        shown.asked = asked
        yield shown
        context.close()


def test_nothing_that_was_logged_runs_or_leads_away(page: Any) -> None:
    frame = page.frame_locator("iframe[title='a report']")
    frame.locator("#shown").wait_for()
    assert page.locator("iframe[title='a report']").get_attribute("sandbox") == ""
    frame.locator("#top").click()
    frame.locator("#away").click()
    page.wait_for_timeout(500)
    assert page.title() != "ran"
    assert page.url.startswith("http://localhost")
    assert not [url for url in page.asked if "evil.example" in url]


def test_console_output_is_text_and_its_end_is_in_view(page: Any) -> None:
    lines = page.locator(".gtrack-console div")
    assert lines.count() == 30
    assert lines.last.locator("code").inner_text() == "line 29 <b>x</b> Loss"
    assert _to_the_end(page) < 5


def test_new_lines_come_below_and_the_end_is_followed(page: Any) -> None:
    page.locator(".gtrack-console div").first.evaluate("row => { row.dataset.same = 'yes' }")
    _put(page, "Lines", "45")
    page.wait_for_function("document.querySelectorAll('.gtrack-console div').length === 45")
    assert page.locator(".gtrack-console div").first.get_attribute("data-same") == "yes", "the line was made anew"
    assert _to_the_end(page) < 5


def test_who_scrolled_away_stays_there(page: Any) -> None:
    page.locator(".gtrack-console").evaluate("view => { view.scrollTop = 0 }")
    _put(page, "Lines", "60")
    page.wait_for_function("document.querySelectorAll('.gtrack-console div').length === 60")
    assert page.locator(".gtrack-console").evaluate("view => view.scrollTop") == 0


def test_what_is_searched_for_is_marked(page: Any) -> None:
    _put(page, "Search", "loss")
    page.wait_for_selector(".gtrack-console mark")
    assert page.locator(".gtrack-console mark").first.inner_text() == "Loss"
    assert page.locator(".gtrack-console mark").count() == 60


def _to_the_end(page: Any) -> float:
    found: float = page.locator(".gtrack-console").evaluate("v => v.scrollHeight - v.scrollTop - v.clientHeight")
    return found


def _put(page: Any, label: str, value: str) -> None:
    page.get_by_label(label).fill(value)
    page.get_by_label(label).press("Enter")
