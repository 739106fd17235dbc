"""Every page of the dashboard, as the app itself shows it, of every kind of repository."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

import gtrack._app
from gtrack._app.options import Options, use
from gtrack._app.reading import forget
from gtrack._app.screens import PAGES

sys.path.insert(0, str(Path(__file__).parent / "pages"))

from apptest import make_repository, record, record_hostile, texts

MAIN = Path(gtrack._app.__file__).parent / "main.py"
NAMES = [entry.name for entry in PAGES]
CHANGING = ("Push", "Fetch", "Save for the team", "Rename", "Archive", "Tag", "Set", "Restore")
"""Buttons that change something."""


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's script in a folder of its own: a test of an app takes a folder ``pages`` beside it for the pages."""
    return Path(shutil.copy(MAIN, tmp_path_factory.mktemp("app")))


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    base = tmp_path_factory.mktemp("worlds")
    found = {"none": base / "none", "empty": make_repository(base / "empty"), "one": make_repository(base / "one")}
    found["none"].mkdir()
    record(found["one"], name="the-only-run", experiment="churn", params={"lr": 0.1}, notes="a note")
    (found["one"] / "results.md").write_text("# Results\n\n```gtrack\nrun: last\n```\n")
    found["hostile"] = make_repository(base / "hostile")
    record_hostile(found["hostile"])
    (found["hostile"] / "results.md").write_text("# Results\n\n```gtrack\ntable: ''\n```\n")
    yield found
    use(Options())
    forget()


def show(main: Path, page: str, path: Path, *, read_only: bool = False) -> AppTest:
    use(Options(str(path), read_only))
    at = AppTest.from_file(str(main), default_timeout=60)
    at._page_hash = calc_hash(page)  # Streamlit's own way to a page knows files alone
    return at.run()


def test_the_pages_that_are_tested_are_all_that_there_are() -> None:
    modules = {path.parent.name for path in (MAIN.parent / "screens").glob("*/page.py")}
    assert set(NAMES) == modules


@pytest.mark.parametrize("page", NAMES)
def test_without_a_repository_every_page_says_what_to_do(main: Path, worlds: dict[str, Path], page: str) -> None:
    at = show(main, page, worlds["none"])
    assert not at.exception
    assert "no git repository" in texts(at)
    assert "git init" in texts(at)


@pytest.mark.parametrize("world", ["empty", "one", "hostile"])
@pytest.mark.parametrize("page", NAMES)
def test_every_page_is_shown(main: Path, worlds: dict[str, Path], page: str, world: str) -> None:
    at = show(main, page, worlds[world])
    assert not at.exception, at.exception[0].value
    assert ":red[**:material/error:" not in texts(at)
    assert at.main.children, "the page is blank"
    assert at.title
    marked = "\n".join(str(each.value) for each in (*at.markdown, *at.caption, *at.title, *at.header, *at.subheader))
    for text in ("<script>", "](javascript:", "![x](", "\x1b", "\u202e", "x" * 1_000):
        assert text not in marked


@pytest.mark.parametrize("page", NAMES)
def test_read_only_offers_nothing_that_changes_anything(main: Path, worlds: dict[str, Path], page: str) -> None:
    at = show(main, page, worlds["one"], read_only=True)
    assert not at.exception
    assert "read only" in texts(at)
    assert not {button.label for button in at.button} & set(CHANGING)
