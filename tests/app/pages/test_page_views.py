"""Saved views: made, changed, replaced and deleted from the popover of a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from apptest import HOSTILE, is_whole, make_repository, open_page, record, texts

import gtrack
from gtrack.ops.saved_views import save_view, saved_views


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = make_repository(tmp_path / "repo")
    record(made, experiment="churn", params={"lr": 0.1})
    return made


def save(path: Path, name: str, page: str = "runs", **settings: Any) -> None:
    with gtrack.Repo(str(path)) as repo:
        save_view(repo.repository, name, page, settings, "why")


def views(path: Path) -> dict[str, dict[str, Any]]:
    with gtrack.Repo(str(path)) as repo:
        return {view.name: dict(view.settings) for view in saved_views(repo.repository)}


def address(at: Any) -> dict[str, list[str]]:
    return {name: [value] if isinstance(value, str) else list(value) for name, value in at.query_params.items()}


def test_a_view_that_is_open_is_saved_with_what_was_changed(path: Path) -> None:
    save(path, "mine", sort="name")
    at = open_page("runs", path, address={"view": "mine", "falling": "0"})
    at.button(key="runs.view.change").click().run()
    assert is_whole(at)
    assert views(path) == {"mine": {"sort": "name", "falling": False}}
    assert address(at) == {"view": ["mine"]}


def test_there_is_nothing_to_save_of_a_view_that_was_not_changed(path: Path) -> None:
    save(path, "mine", sort="name")
    assert open_page("runs", path, address={"view": "mine"}).button(key="runs.view.change").disabled


def test_a_view_is_deleted_and_the_page_stays_as_it_is(path: Path) -> None:
    save(path, "mine", sort="name", experiment=["churn"])
    at = open_page("runs", path, address={"view": "mine"})
    at.button(key="runs.view.delete").click().run()
    assert is_whole(at)
    assert views(path) == {}
    assert address(at) == {"sort": ["name"], "experiment": ["churn"]}
    assert "Deleted mine" in texts(at)


def test_a_view_that_somebody_saved_meanwhile_is_not_deleted(path: Path) -> None:
    save(path, "mine", sort="name")
    at = open_page("runs", path, address={"view": "mine"})
    save(path, "mine", sort="started")
    at.button(key="runs.view.delete").click().run()
    assert views(path) == {"mine": {"sort": "started"}}
    assert "was saved by" in texts(at)


def test_a_name_that_is_taken_says_whose_it_is_before_it_is_replaced(path: Path) -> None:
    save(path, "mine", "charts")
    at = open_page("runs", path)
    at.text_input(key="runs.view.name").input("mine").run()
    assert "of the page charts" in texts(at)
    assert at.button(key="runs.view.save").label == "Replace it for the team"


def test_a_page_that_is_read_only_has_no_way_to_change_views(path: Path) -> None:
    save(path, "mine", sort="name")
    at = open_page("runs", path, read_only=True, address={"view": "mine"})
    assert is_whole(at)
    assert not [button for button in at.button if (button.key or "").startswith("runs.view.")]


@pytest.mark.parametrize("name", [HOSTILE[0], HOSTILE[1]])
def test_hostile_names_of_views_are_text(path: Path, name: str) -> None:
    save(path, name, sort="name")
    at = open_page("runs", path, address={"view": name})
    assert is_whole(at)
    assert name not in texts(at)
