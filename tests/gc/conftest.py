"""A team to collect the garbage of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kept_team import Team


@pytest.fixture
def make_team(tmp_path: Path) -> Callable[..., Team]:
    """Return what makes a team whose ``gtrack.yaml`` says something under ``retention:``."""

    def make(policy: str = "", *, store: bool = True) -> Team:
        return Team(tmp_path, f"retention: {policy}\n" if policy else "", store=store)

    return make
