"""The page of runs in a real browser: what a mouse and a keyboard do there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apptest import make_repository, record
from browser import opened, serving, until

from gtrack import _app

MAIN = Path(_app.__file__).parent / "main.py"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = make_repository(tmp_path_factory.mktemp("browser") / "repo")
    for number in range(6):
        params = {"model": ("tree", "it's", "tree")[number % 3], "lr": number / 10}
        record(path, name=f"run-{number}", experiment="churn", params=params, tags={"team": "blue"})
    with serving(MAIN, path=str(path)) as url:
        yield url


def offered(page: Any) -> list[str]:
    """Return what the filter's box offers, once it offers anything."""
    page.get_by_role("option").first.wait_for()
    return page.get_by_role("option").all_text_contents()  # type: ignore[no-any-return]


def typed(page: Any, text: str) -> Any:
    box = page.get_by_role("combobox", name="Filter")
    box.click()
    box.fill("")
    page.keyboard.type(text)
    return box


def test_values_are_offered_after_a_field(context: Any, server: str) -> None:
    with opened(context, server) as page:
        box = typed(page, "params.model = ")
        assert offered(page) == ["'tree'", "'it''s'"]
        page.keyboard.type("'it")
        page.get_by_role("option", name="'tree'").wait_for(state="detached")
        assert offered(page) == ["'it''s'"]
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert box.input_value() == "params.model = 'it''s' "
        page.keyboard.press("Enter")
        page.get_by_text("2 runs", exact=True).wait_for()
        typed(page, "status IN ('finished', '")
        assert offered(page) == ["'finished'"]
        typed(page, 'tags.team != "')
        assert offered(page) == ["'blue'"]
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert box.input_value() == "tags.team != 'blue' "


def test_a_field_is_asked_for_once_while_it_is_typed(context: Any, server: str) -> None:
    asked: list[object] = []

    def listen(page: Any) -> None:
        page.on("websocket", lambda socket: socket.on("framesent", sent))

    def sent(data: bytes | str) -> None:
        if b"asked" in (data.encode() if isinstance(data, str) else data):
            asked.append(data)

    context.on("page", listen)
    try:
        with opened(context, server) as page:
            page.get_by_text("6 runs", exact=True).wait_for()
            typed(page, "params.model = ")
            offered(page)
            page.keyboard.type("'tree")
            page.get_by_role("option", name="'it''s'").wait_for(state="detached")
            assert offered(page) == ["'tree'"]
            assert len(asked) == 1
    finally:
        context.remove_listener("page", listen)


def test_groups_are_selected_and_their_runs_compared(context: Any, server: str) -> None:
    with opened(context, f"{server}/?group=params.model", width=1400) as page:
        page.get_by_text("6 runs in 2 groups").wait_for()
        table = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
        page.mouse.click(table["x"] + 16, table["y"] + 35 * 1.5)
        page.get_by_text("2 runs of 1 group selected").wait_for()
        until(page, "location.search.includes('groups=')")
        page.reload()
        page.get_by_text("2 runs of 1 group selected").wait_for()
        page.get_by_role("button", name="Compare").click()
        page.get_by_role("heading", level=1, name="Compare").wait_for()
        until(page, "new URLSearchParams(location.search).getAll('runs').length === 2")
