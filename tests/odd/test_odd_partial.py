"""Partial clones as a user has them: training needs no remote, reading asks it, and says so when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from odd_world import World, user_state

FILTERS = ["blob:none", "tree:0"]


def partial_clone(world: World, filter_: str) -> tuple[Path, Path]:
    """Clone a repository with one run in part; return both."""
    remote = world.repository(world.root / "remote")
    world.git(remote, "config", "uploadpack.allowFilter", "true")
    world.train(remote).check_undisturbed()
    world.git(world.root, "clone", "-q", f"--filter={filter_}", f"file://{remote}", "clone")
    clone = world.root / "clone"
    (clone / "model.py").write_text("DEPTH = 4\n")
    return remote, clone


@pytest.mark.parametrize("filter_", FILTERS)
def test_training_in_a_partial_clone_asks_no_remote(world: World, filter_: str) -> None:
    remote, clone = partial_clone(world, filter_)
    before = user_state(world, clone)
    trace = world.root / "trace"
    trained = world.train(clone, env={"GIT_TRACE2": str(trace)})
    trained.check_undisturbed()
    assert trained.warnings == []
    assert "cmd_name upload-pack" not in trace.read_text()
    world.git(clone, "cat-file", "-e", f"gtrack:runs/{trained.run_id[:2]}/{trained.run_id}/run.yaml")
    assert len(world.runs(clone)) == 2
    assert user_state(world, clone) == before
    assert len(world.runs(remote)) == 1


@pytest.mark.parametrize("filter_", FILTERS)
def test_a_listing_that_needs_a_remote_which_is_gone_says_so_in_one_line(world: World, filter_: str) -> None:
    remote, clone = partial_clone(world, filter_)
    remote.rename(world.root / "away")
    listed = world.gtrack(clone, "ls")
    message, hint = listed.err.splitlines()
    assert (listed.code, listed.out) == (5, "")
    assert message.startswith("gtrack: git object ")
    assert f"this partial clone left it at origin: there is no git repository at file://{remote}" in message
    assert hint.strip() == "hint: check the URL: git remote -v"
    (world.root / "away").rename(remote)
    assert world.gtrack(clone, "ls").code == 0
    remote.rename(world.root / "away")
    again = world.gtrack(clone, "ls")
    assert (again.code, again.err) == (0, ""), "what was read once is here"
