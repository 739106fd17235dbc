"""What somebody does on the dashboard's pages, with a mouse, as functions."""

from __future__ import annotations

from typing import Any

from browser import until

TABLE = "document.querySelector('[data-testid=stDataFrame] canvas')"
"""The table of runs: a canvas, which says to screen readers what is drawn on it."""
ROWS = f"[...{TABLE}.querySelectorAll('[role=row]')].slice(1)"
NAMES = f"{TABLE} === null ? [] : {ROWS}.map(row => row.children[1].textContent.trim())"
_ROW, _CHECKBOX, _NAME = 35, 16, 130


def names(page: Any) -> list[str]:
    """Return the names in the table of runs."""
    return [str(name) for name in page.evaluate(NAMES)]


def until_names(page: Any, expected: list[str]) -> None:
    """Wait until the table has runs of these names, in this order."""
    try:
        until(page, f"({NAMES}).join('|') === {'|'.join(expected)!r}", 15)
    except AssertionError:
        raise AssertionError(f"there are {names(page)}, not {expected}") from None


def type_filter(page: Any, beginning: str, rest: str) -> None:
    """Type a filter whose first name is completed by the box."""
    box = page.get_by_role("combobox", name="Filter")
    box.click()
    page.keyboard.type(beginning)
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type(rest)
    page.keyboard.press("Enter")


def choose(page: Any, label: str, option: str) -> None:
    """Choose in a list."""
    page.get_by_role("combobox", name=label).click()
    page.keyboard.type(option)
    page.get_by_role("option", name=option).first.click()


def press_row(page: Any, row: int, *, x: int) -> None:
    """Press on a row of the table of runs."""
    table = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
    page.mouse.click(table["x"] + x, table["y"] + _ROW * (row + 1.5))


def select_row(page: Any, row: int, count: int) -> None:
    """Select one more run, so that there are so many."""
    press_row(page, row, x=_CHECKBOX)
    page.get_by_text(f"{count} selected").wait_for()


def open_row(page: Any, row: int) -> None:
    """Open a run by its name."""
    press_row(page, row, x=_NAME)
    page.get_by_role("tab", name="Overview").wait_for()


def go(page: Any, title: str) -> None:
    """Go to a page by the navigation."""
    page.locator("[data-testid=stSidebarNav]").get_by_role("link", name=title, exact=True).click()
    page.get_by_role("heading", level=1, name=title).wait_for()


def drag(page: Any, box: dict[str, float], start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag the mouse in a box, from one place to another, as fractions of its size."""
    at = lambda place: (box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"])  # noqa: E731
    page.mouse.move(*at(start))
    page.mouse.down()
    page.mouse.move(*at(end), steps=5)
    page.mouse.up()
