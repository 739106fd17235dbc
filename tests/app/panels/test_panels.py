"""The grid of panels in a real browser: what is drawn, shared, kept and told to the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import opened, serving, until
from panels_figures import HOSTILE, run_id


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The page's address."""
    with serving(Path(__file__).with_name("panels_page.py")) as url:
        yield url


@pytest.fixture
def open_page(context: Any, server: str) -> Any:
    """Return what opens the page and waits until all that is on the screen is drawn."""

    @contextmanager
    def opening(query: str = "", drawn: int = 4, **options: Any) -> Iterator[Any]:
        with opened(context, f"{server}/?{query}", **options) as page:
            until(page, f"document.querySelectorAll('[data-state=drawn]').length >= {drawn}")
            yield page

    return opening


def plot(page: Any, panel: str) -> Any:
    return page.locator(f'[data-panel="{panel}"] .gtrack-plot')


def of(page: Any, panel: str, expression: str) -> Any:
    """Return an expression of plotly.js's own state, called ``gd``, of a panel."""
    return plot(page, panel).evaluate(f"gd => {expression}")


def until_of(page: Any, panel: str, expression: str) -> None:
    """Wait until an expression of a panel's ``gd`` is true."""
    until(page, f"""(gd => {expression})(document.querySelector('[data-panel="{panel}"] .gtrack-plot'))""")


def place(page: Any, panel: str, x: float, y: float) -> tuple[float, float]:
    """Return where a fraction of a plot's area is on the screen."""
    box = plot(page, panel).locator(".nsewdrag").first.bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page: Any, panel: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*place(page, panel, *start))
    page.mouse.down()
    page.mouse.move(*place(page, panel, *end), steps=4)
    page.mouse.up()


def told(page: Any, pattern: str) -> str:
    """Wait until the page says what it was told last, and return that."""
    found = page.locator("code", has_text=re.compile(f"kept .*{pattern}"))
    found.wait_for()
    return str(found.inner_text())


@pytest.mark.soak
def test_panels_are_drawn_when_they_come_near_and_given_back_when_they_are_far(open_page):
    with open_page("count=60") as page:
        state = "document.querySelector('[data-panel=m59]').dataset.state"
        assert page.locator(".gtrack-panel").count() == 60
        assert page.locator("[data-state=drawn]").count() < 20
        assert page.evaluate(state) is None
        page.locator("[data-panel=m59]").scroll_into_view_if_needed()
        until(page, f"{state} === 'drawn'")
        until(page, "document.querySelector('[data-panel=m0]').dataset.state === 'waiting'")
        page.locator("[data-panel=m0]").scroll_into_view_if_needed()
        until(page, "document.querySelector('[data-panel=m0]').dataset.state === 'drawn'")


def test_an_update_redraws_nothing_from_scratch_and_keeps_the_zoom(open_page):
    with open_page() as page:
        drag(page, "m0", (0.25, 0.5), (0.75, 0.5))
        told(page, "zoom")
        until_of(page, "m0", "gd.data[0].x.length === 200")
        shown = of(page, "m0", "gd.layout.xaxis.range")
        assert shown == pytest.approx(of(page, "m0", "gd._fullLayout.xaxis.range"))
        page.evaluate("""() => {
            window.removed = 0;
            window.first = document.querySelector('[data-panel=m0] .main-svg');
            new MutationObserver(all => { window.removed += all.filter(m => [...m.removedNodes].some(
                n => n.classList?.contains('main-svg') || n.classList?.contains('gtrack-panel'))).length;
            }).observe(document.querySelector('.gtrack-panels'), {childList: true, subtree: true}); }""")
        page.get_by_role("button", name="more").click()
        until_of(page, "m0", "gd.data[0].x.length === 400")
        assert of(page, "m0", "gd.layout.xaxis.range") == shown
        assert page.evaluate("window.removed") == 0
        assert page.evaluate("window.first.isConnected")
        assert page.locator("[data-panel=m0]").get_attribute("data-draws") == "1"
        page.get_by_role("button", name="without").click()
        until(page, "document.querySelectorAll('.gtrack-panel').length === 3")
        assert of(page, "m1", "gd.layout.xaxis.range") == pytest.approx(shown)


@pytest.mark.soak
def test_panels_of_an_axis_zoom_together_fit_along_y_and_are_reset_together(open_page):
    with open_page() as page:
        for panel in ("m0", "m1", "m2", "m3"):
            until_of(page, panel, "gd._fullLayout?.xaxis")
        alone = of(page, "m3", "gd._fullLayout.xaxis.range")
        drag(page, "m0", (0.2, 0.5), (0.6, 0.52))
        until_of(page, "m1", "gd._fullLayout.xaxis.range[1] < 70")
        until_of(page, "m2", "gd._fullLayout.xaxis.range[1] < 70")
        assert of(page, "m3", "gd._fullLayout.xaxis.range") == alone
        low, high = of(page, "m1", "gd._fullLayout.yaxis.range")
        assert 7 < low < 9
        assert 31 < high < 33
        event = told(page, r"kind='zoom', panel='m0', axis='step', range=\(\d")
        start, end = of(page, "m0", "gd._fullLayout.xaxis.range")
        assert [float(end) for end in re.findall(r"range=\(([\d.]+), ([\d.]+)\)", event)[0]] == [start, end]
        page.mouse.dblclick(*place(page, "m1", 0.5, 0.2))
        told(page, "kind='zoom', panel='m1', axis='step', range=None")
        until_of(page, "m0", "gd._fullLayout.xaxis.range[1] >= 100")


@pytest.mark.soak
def test_the_cursor_stands_at_the_same_x_in_all_panels_of_an_axis_and_other_runs_fade(open_page):
    with open_page() as page:
        until_of(page, "m2", "gd.calcdata")
        top = of(page, "m0", "gd._fullLayout.yaxis.c2p(gd.data[1].y[25]) / gd._fullLayout.yaxis._length")
        page.mouse.move(*place(page, "m0", 0.4, 0.4))
        page.mouse.move(*place(page, "m0", 0.51, top))
        box = page.locator('[data-panel="m0"] .gtrack-readout')
        box.locator(".meant").wait_for()
        assert box.locator("p").first.inner_text().startswith("step 5")
        assert (
            page.locator('[data-panel="m1"] .gtrack-readout p').first.inner_text()
            == box.locator("p").first.inner_text()
        )
        assert page.locator('[data-panel="m3"] .gtrack-overlay').is_hidden()
        names = box.locator("span").all_inner_texts()
        assert [name[:4] + name[-5:] for name in names] == ["<imgrun 2", "<imgrun 1", "<imgrun 0"]
        values = [float(value) for value in box.locator("b").all_inner_texts()]
        assert values == sorted(values, reverse=True)
        for panel in ("m0", "m1"):
            faded = of(
                page, panel, "[...gd.querySelectorAll('.scatterlayer > .trace')].map(n => n.matches('.gtrack-faded'))"
            )
            assert faded == [True, False, True]
        page.mouse.down()
        page.wait_for_timeout(100)
        page.mouse.up()
        assert f"ids=('{run_id(1)}',)" in told(page, "kind='click', panel='m0'")
        page.mouse.move(5, 5)
        box.wait_for(state="hidden")
        assert page.locator(".gtrack-faded").count() == 0


def test_brushes_selections_clicks_and_hidden_runs_are_told_and_kept(open_page):
    with open_page("page=others", drawn=3) as page:
        axis = plot(page, "parallel").locator(".axis-brush .background").first.bounding_box()
        page.mouse.move(axis["x"] + axis["width"] / 2, axis["y"] + axis["height"] * 0.5)
        page.mouse.down()
        page.mouse.move(axis["x"] + axis["width"] / 2, axis["y"] + axis["height"] * 0.2, steps=5)
        page.mouse.up()
        event = told(page, "kind='brush'")
        low, high = (float(end) for end in re.findall(r"ranges=\{'lr': \(\(([\d.]+), ([\d.]+)\),\)\}", event)[0])
        passing = [number for number in range(50) if low <= number / 49 <= high]
        assert re.findall(r"'([0-9a-f]{32})'", event) == [run_id(number) for number in passing]
        assert 5 < len(passing) < 25
        page.get_by_role("button", name="more").click()
        page.locator("code", has_text="now None of 1 at 100").wait_for()
        assert of(page, "parallel", "gd.data[0].dimensions[0].constraintrange")
        drag(page, "points", (0.05, 0.05), (0.3, 0.5))
        event = told(page, "kind='select', panel='points'")
        assert 5 < len(re.findall(r"'([0-9a-f]{32})'", event)) < 20
        page.mouse.move(*place(page, "points", 0.4, 0.4))
        at = of(
            page,
            "points",
            "[gd._fullLayout.xaxis, gd._fullLayout.yaxis].map((a, i) => "
            "a.c2p(i ? gd.data[0].y[30] : gd.data[0].x[30]) / a._length)",
        )
        page.mouse.move(*place(page, "points", *at))
        until_of(page, "points", "gd._hoverdata?.[0]?.pointNumber === 30")
        page.mouse.down()
        page.mouse.up()
        assert f"ids=('{run_id(30)}',)" in told(page, "kind='click', panel='points'")
        plot(page, "legend").locator(".legendtoggle").first.click()
        assert f"ids=('{run_id(1)}',)" in told(page, "kind='hidden', panel='legend'")


@pytest.mark.soak
def test_only_what_is_asked_for_is_told_and_an_update_carries_no_code(open_page):
    sizes: list[int] = []
    with open_page("events=brush") as page:
        drag(page, "m0", (0.25, 0.5), (0.75, 0.5))
        until_of(page, "m1", "gd._fullLayout.xaxis.range[1] < 80")
        page.wait_for_timeout(600)
        assert page.locator("code", has_text="now None of 0").count() == 1
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sizes.append(len(frame))))
        page.reload()
        until(page, "document.querySelectorAll('[data-state=drawn]').length >= 4")
        # 4 figures of 3 curves of 50 points share their steps: 13 arrays of 400 bytes
        assert 13 * 400 < max(sizes) < 12_000


def test_hostile_names_are_text_and_a_broken_figure_breaks_no_other(open_page):
    with open_page("page=hostile", drawn=3) as page:
        first = page.locator(".gtrack-panel").first
        assert first.locator("figcaption .gtrack-title").inner_text() == HOSTILE.strip()
        assert first.locator(".gtrack-note").inner_text() == HOSTILE.strip()
        assert (
            page.locator(".gtrack-panels img, .gtrack-panels script, .gtrack-panels b:not(.gtrack-readout b)").count()
            == 0
        )
        long = page.locator("[data-panel=long]").bounding_box()
        assert long["width"] < 700
        page.mouse.move(*place(page, "long", 0.5, 0.5))
        page.mouse.move(*place(page, "long", 0.9, 0.2))
        assert "<img src=x" in page.locator("[data-panel=long] .gtrack-readout").inner_text()


@pytest.mark.soak
def test_a_theme_is_followed_and_a_phone_has_one_column(open_page):
    with open_page(width=390, height=844, drawn=2) as page:
        boxes = [page.locator(f"[data-panel=m{at}]").bounding_box() for at in (0, 1)]
        assert boxes[0]["x"] == boxes[1]["x"]
        assert boxes[0]["x"] + boxes[0]["width"] <= 390
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        ink = "getComputedStyle(gd.querySelector('.xtick text')).fill"
        light = of(page, "m0", ink)
        page.emulate_media(color_scheme="dark")
        until_of(page, "m0", f"{ink} !== '{light}'")
        assert page.locator("[data-panel=m0]").get_attribute("data-draws") == "1"


@pytest.mark.soak
def test_a_panel_is_worked_with_the_keyboard_and_said_to_screen_readers(open_page):
    with open_page() as page:
        figure = page.get_by_role("figure", name="metric 0")
        assert plot(page, "m0").get_attribute("role") == "img"
        assert plot(page, "m0").get_attribute("aria-label") == "metric 0. note 0"
        figure.get_by_role("button", name="Save as SVG").focus()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Expand"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert page.evaluate("getComputedStyle(document.activeElement.parentElement).opacity") == "1"
        page.keyboard.press("Enter")
        page.locator("dialog[open]").wait_for()
        until(page, "document.querySelector('[data-panel=m0] .main-svg').getBoundingClientRect().width > 1000")
        page.get_by_role("dialog", name="metric 0").wait_for()
        page.keyboard.press("Escape")
        until(page, "document.querySelector('[data-panel=m0] .main-svg').getBoundingClientRect().width < 700")
        until(page, "document.activeElement.getAttribute('aria-label') === 'Expand'")
        with page.expect_download() as saved:
            figure.get_by_role("button", name="Save as SVG").click()
        assert saved.value.suggested_filename == "metric-0.svg"
        assert "metric 0" in Path(saved.value.path()).read_text()
        with page.expect_download() as saved:
            figure.get_by_role("button", name="Save as PNG").click()
        assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")


@pytest.mark.soak
def test_without_plotly_a_sentence_says_so(context, server):
    page = context.new_page()
    try:
        page.route("**/plotly-*.js", lambda route: route.abort())
        page.goto(server)
        page.get_by_text("plotly.js did not load").first.wait_for()
    finally:
        page.close()
