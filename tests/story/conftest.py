"""The story, played once for each process of tests, and copied for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from story_world import Story, again, begin


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the story up to the pull request."""
    pytest.importorskip("sklearn", reason="the story's model learns from scikit-learn's data")
    place = tmp_path_factory.mktemp("story") / "beginning"
    begin(place)
    return place


@pytest.fixture
def story(beginning: Path, tmp_path: Path) -> Story:
    """The story as it stands when the pull request has come, to be gone on with."""
    return again(tmp_path / "story", beginning)
