"""One repository with runs, made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from report_world import World, begin


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> World:
    return begin(tmp_path_factory.mktemp("report") / "churn")


@pytest.fixture
def world(original: World, tmp_path: Path) -> World:
    """A repository of the test's own."""
    shutil.copytree(original.root, tmp_path / "churn", symlinks=True)
    return World(tmp_path / "churn", original.env)
