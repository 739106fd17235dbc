"""Protocols of experiments in a team: what two said at the same time is told until somebody settles it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from servers import plain_path
from skewed import HOUR, clock
from team import Member, Team

from gtrack.ops.experiments import set_protocol
from gtrack.ops.sharing_state import sharing_state

EDITED = "edited in two clones at the same time: experiment"
FUTURE = "facts of a time that has not come: experiment"


def status(member: Member) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(member.type("status", "--json").stdout)
    return told


@pytest.fixture
def clones(tmp_path: Path) -> tuple[Member, Member]:
    """Two clones that know of one protocol."""
    root = tmp_path / "served"
    root.mkdir()
    with plain_path(root) as server:
        team = Team(server, "team", tmp_path)
        ada, ben = team.clone("ada"), team.clone("ben")
        ada.type("experiment", "set", "churn 2026", "--metric", "val_auc", "--goal", "max")
        ada.push()
        ben.git("fetch", "-q")
        return ada, ben


def test_what_two_clones_said_at_once_is_told_until_somebody_settles_it(clones: tuple[Member, Member]) -> None:
    ada, ben = clones
    ada.type("experiment", "set", "churn 2026", "--floor", "metrics.precision >= 0.8")
    ben.type("experiment", "set", "churn 2026", "--floor", "metrics.precision >= 0.9", "--description", "who leaves?")
    assert EDITED not in ben.type("status").stdout, "it knows of none but its own"
    ada.push()
    ben.git("fetch", "-q")
    (line,) = (line for line in ben.type("status").stdout.splitlines() if EDITED in line)
    assert line.split(EDITED)[1].split() == ["churn", "2026", "floor", *"set it again to settle it".split()]
    assert status(ben)["concurrent_experiments"] == [{"experiment": "churn 2026", "what": "floor"}]

    ben.type("experiment", "set", "churn 2026", "--floor", "metrics.precision >= 0.9")
    assert EDITED not in ben.type("status").stdout
    ben.push()
    ada.git("fetch", "-q")
    assert status(ada)["concurrent_experiments"] == []
    assert EDITED not in ada.type("status").stdout


def test_edits_of_different_fields_and_the_same_edit_need_no_decision(clones: tuple[Member, Member]) -> None:
    ada, ben = clones
    ada.type("experiment", "set", "churn 2026", "--floor", "metrics.precision >= 0.8")
    ben.type("experiment", "set", "churn 2026", "--description", "who leaves?")
    ben.type("experiment", "set", "churn 2026", "--floor", "metrics.precision >= 0.8")
    ada.push()
    ben.git("fetch", "-q")
    assert status(ben)["concurrent_experiments"] == []


def test_what_is_said_ahead_of_time_is_told_until_its_time_has_come(clones: tuple[Member, Member]) -> None:
    _, ben = clones
    with clock(30 * HOUR), ben.repo() as repo:
        set_protocol(repo.repository, "churn 2026", {"description": "early"})
    assert status(ben)["future_experiments"] == ["churn 2026"]
    (line,) = (line for line in ben.type("status").stdout.splitlines() if FUTURE in line)
    assert line.endswith("gtrack experiment show 'churn 2026'")
    with clock(7 * HOUR), ben.repo() as repo:
        assert sharing_state(repo.repository).future_experiments == ()


def test_a_hostile_name_commands_no_terminal(clones: tuple[Member, Member]) -> None:
    _, ben = clones
    with clock(30 * HOUR), ben.repo() as repo:
        set_protocol(repo.repository, "\x1b[2Jx; rm -rf '\n", {"description": "early"})
    said = ben.type("status").stdout
    assert FUTURE in said and all(line.isprintable() for line in said.splitlines())
