"""A repository whose team has a policy, as this process's own."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import gtrack
from gtrack import fluent, lifecycle
from gtrack.model.state import RunState


@dataclass(frozen=True)
class Team:
    """A repository with a policy in HEAD, and this process in it."""

    root: Path

    def git(self, *argv: str) -> str:
        done = subprocess.run(["git", *argv], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def says(self, policy: str) -> None:
        """Commit a policy: the lines under ``policy:``."""
        lines = "".join(f"  {line}\n" for line in policy.strip().splitlines())
        (self.root / "gtrack.yaml").write_text(f"policy:\n{lines}")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "policy")

    def runs(self) -> list[RunState]:
        """Return the runs, newest first, as the next command sees them."""
        with gtrack.Repo(str(self.root)) as repo:
            return [run.state for run in repo.runs()]

    def traces(self) -> list[str]:
        """Return everything that a run leaves behind: references, and the files of the tracker but its caches."""
        home = self.root / ".git" / "gtrack"
        kept = [str(path.relative_to(home)) for path in home.rglob("*")] if home.exists() else []
        refs = self.git("for-each-ref", "--format=%(refname)").splitlines()
        return sorted([*refs, *(name for name in kept if not name.startswith(("team.json", "index-")))])


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    """A repository of the test's own; no run is left active."""
    root = tmp_path / "churn"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    made = Team(root)
    (root / "train.py").write_text("DEPTH = 3\n")
    made.says("runs: {}")
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    fresh: dict[str, Any] = {"experiment": None, "seed": {}, "started": {}, "resumed": itertools.count()}
    monkeypatch.setattr(fluent, "_state", {**fluent._state, **fresh})
    yield made
    left = list(lifecycle._runs)
    for run in reversed(left):
        run.end()
    assert not left, "the test left a run open"
    assert not os.path.exists(tmp_path / "state")


@pytest.fixture
def refused(team: Team) -> Callable[..., str]:
    """Return what starts a run that the policy does not allow, sees that nothing is left of it, and says why."""

    def start(**given: Any) -> str:
        before = team.traces()
        status = team.git("status", "--porcelain")
        with pytest.raises(gtrack.errors.PolicyError) as caught:
            gtrack.start_run(**given)
        assert team.traces() == before
        assert team.git("status", "--porcelain") == status
        assert gtrack.active_run() is None
        assert caught.value.exit_code == 8
        assert caught.value.violations
        return str(caught.value)

    return start
