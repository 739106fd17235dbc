"""``gtrack gc``: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner
from kept_team import MadeRun, digest_of

from gtrack.cli.commands.gc import command
from gtrack.cli.invocation import Invocation
from gtrack.errors import ConflictError, NotFoundError, UsageError


@pytest.fixture
def gc(make_team, monkeypatch):
    """The command in a clone with an old failed run, an orphan and a version of nothing."""
    team = make_team("{keep: {newest: 90d, best: 1}, failed: 30d, archive_experiments: 180d}")
    here = team.root / "a"
    runs = [
        MadeRun(1, 40, "failed", content={"model.bin": b"f" * 2048}),
        MadeRun(2, 200, experiment="old \x1b[2J"),
        MadeRun(3, 1),
    ]
    team.record(here, runs)
    team.keep(here, b"f" * 2048, 40)
    team.keep(here, b"orphan", 40)
    monkeypatch.chdir(here)

    def call(*args):
        env = {**os.environ, "GTRACK_QUIET": "1"}
        return CliRunner().invoke(command, args, obj=Invocation(env), catch_exceptions=False, standalone_mode=False)

    return team, runs, call


def test_the_plan_says_what_goes_where_and_why(gc):
    team, _, call = gc
    text = call().stdout
    assert "the policy of gtrack.yaml at origin/main" in text
    assert "archive  experiment old \\x1b[2J: nothing new for 200 days" in text
    assert "\x1b" not in text
    (row,) = (line for line in text.splitlines() if line.startswith("delete"))
    assert row.split() == ["delete", "older", "than", "'failed'", "keeps", "them", "1", "1", *["2.0", "KiB"] * 2]
    assert "git history: 0 B" in text
    assert "2 runs stay: best 2" in text
    assert "gtrack gc --apply does it" in text
    assert team.stored() == {digest_of(b"f" * 2048), digest_of(b"orphan")}


def test_the_plan_is_the_same_in_json(gc):
    _, runs, call = gc
    found = json.loads(call("--json").stdout)
    assert found["archive"] == {"old \x1b[2J": 200.0}
    (pile,) = (pile for pile in found["piles"] if pile["step"] == "delete")
    assert (pile["rule"], pile["runs"], pile["bytes"]["store"]) == ("failed", [runs[0].id], 2048)
    assert found["frees_now"]["git_history"] == 0
    assert found["refused"] == []


def test_explain_tells_why_a_run_stays_or_goes(gc):
    _, runs, call = gc
    assert "would be deleted\n  failed 40 days ago; failed keeps 30 days" in call("--explain", runs[0].id).stdout
    assert "stays\n  number 1 of old" in call("--explain", runs[1].id).stdout
    found = json.loads(call("--explain", runs[2].id, "--json").stdout)
    assert (found["fate"], found["rule"]) == ("keep", "best")
    with pytest.raises(NotFoundError):
        call("--explain", "nobody")


def test_apply_does_what_the_plan_says(gc):
    team, runs, call = gc
    done = call("--apply")
    assert done.return_value == 0
    assert "deleted 1 run by failed" in done.stdout
    assert "marked 1 object of the store" in done.stdout
    assert "archived: old \\x1b[2J" in done.stdout
    found = json.loads(call("--apply", "--json", "--grace", "0h").stdout)
    assert found["pruned"] == [runs[0].id]
    assert found["freed"] == {"store": 6, "git": 0, "cache": 2048, "git_history": 0}
    assert "nothing to do" in call("--grace", "14d").stdout
    team.hub.rename(team.root / "gone")
    with pytest.raises(ConflictError, match="origin cannot be asked"):
        call("--apply")
    assert "cannot be applied: origin cannot be asked" in call().stdout


def test_a_policy_can_be_tried_before_it_is_the_teams(gc, tmp_path):
    call = gc[2]
    file = tmp_path / "try.yaml"
    file.write_text("retention: {failed: 1y}\n")
    assert "delete" not in call("--policy", str(file)).stdout.split()
    with pytest.raises(UsageError, match="the team's policy alone"):
        call("--policy", str(file), "--apply")
    file.write_text("retention: {failed: soon}\n")
    with pytest.raises(UsageError, match="is not a time"):
        call("--policy", str(file))
    with pytest.raises(UsageError, match="cannot be read"):
        call("--policy", str(tmp_path / "none"))


@pytest.mark.parametrize(
    "args",
    [("--grace", "soon"), ("--grace", "never"), ("--max-size", "1GB"), ("--cache", "--max-size", "much")],
)
def test_wrong_values_are_told(gc, args):
    with pytest.raises(UsageError):
        gc[2](*args)


def test_the_cache_alone(gc):
    team, _, call = gc
    assert "2 objects (2.0 KiB) would be removed from the cache" in call("--cache").stdout
    assert call("--cache", "--max-size", "2.054 kB").stdout.startswith("0 objects (0 B) would be removed")
    found = json.loads(call("--cache", "--apply", "--json").stdout)
    assert (found["objects"], found["bytes"], found["applied"]) == (2, 2054, True)
    assert team.stored() == {digest_of(b"f" * 2048), digest_of(b"orphan")}
