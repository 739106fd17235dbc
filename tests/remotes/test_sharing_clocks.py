"""Clocks that differ: no push is refused, the later edit stands, and what comes from far ahead waits for its time."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from forged import Quick
from servers import Server, run
from skewed import HOUR, clock
from team import Team

DAY = 24 * HOUR


class Skewed(Quick):
    """A clone on a machine whose clock is so many seconds ahead."""

    ahead = 0.0

    def type(self, *args: str, code: int = 0, **env: str) -> Any:
        with clock(self.ahead):
            return super().type(*args, code=code, **env)

    def record(self, name: str = "run", **metrics: float) -> str:
        """Record a run of that name; the newest run by its start may be another clone's."""
        self.type("log", "loss=0.5", "--name", name)
        run_id: str = json.loads(self.type("show", f"name:{name}", "--json").stdout)["id"]
        return run_id

    def only(self) -> dict[str, Any]:
        """Return the only run, as this clone sees it."""
        (found,) = self.listed()
        return found


@pytest.fixture
def team(tmp_path: Path) -> Team:
    (tmp_path / "served").mkdir()
    team = Team(Server("path", tmp_path / "served"), "team", tmp_path)
    run("git", "config", "receive.denyNonFastForwards", "true", cwd=team.bare)
    return team


def clone(team: Team, name: str, ahead: float) -> Skewed:
    made = Skewed.of(team.clone(name))
    assert isinstance(made, Skewed)
    made.ahead = ahead
    return made


def check_rounds(team: Team, offsets: tuple[float, ...], rounds: int) -> None:
    """Let clones record and push in turn, each round in another order: every run arrives, and the history is sound."""
    clones = [clone(team, f"clone-{number}", ahead) for number, ahead in enumerate(offsets)]
    ids: set[str] = set()
    orders = itertools.cycle(itertools.permutations(clones))
    for number in range(rounds):
        order = next(orders)
        ids |= {member.record(f"{member.path.name}-{number}") for member in order}
        for member in order:
            assert "pushed" in member.push()
    assert team.run_ids() == ids
    for member in clones:
        member.type("pull")
        assert member.run_ids() == ids
        assert {found["status"] for found in member.listed()} == {"finished"}
        member.type("fsck")
    tips = {member.git("rev-parse", "gtrack") for member in clones}
    assert tips == {team.refs()["refs/heads/gtrack"]}
    times = run("git", "log", "--format=%ct %P", "--reverse", "gtrack", cwd=team.bare).splitlines()
    assert len(times) >= rounds * len(clones)


def test_clones_whose_clocks_differ_push_one_after_the_other(team: Team) -> None:
    check_rounds(team, (0.0, 23 * HOUR, -23 * HOUR), 2)


@pytest.mark.soak
@pytest.mark.parametrize("offset", [1.0, HOUR, 12 * HOUR, DAY, 30 * DAY])
def test_clones_whose_clocks_differ_by_anything_push_one_after_the_other(team: Team, offset: float) -> None:
    check_rounds(team, (0.0, offset, -offset, offset / 2), 8)


@pytest.mark.parametrize("offset", [0.001, 23.9 * HOUR])
def test_an_edit_of_what_is_seen_stands_whatever_the_clocks_say(team: Team, offset: float) -> None:
    ahead, behind = clone(team, "ahead", offset / 2), clone(team, "behind", -offset / 2)
    behind.record()
    behind.push()
    ahead.type("pull")
    for number, (editor, other) in enumerate([(ahead, behind), (behind, ahead), (behind, ahead), (ahead, behind)]):
        editor.type("tag", "last", f"stage={number}")
        editor.type("rename", "last", f"name-{number}")
        editor.push()
        other.type("pull")
        for member in (editor, other):
            assert (member.only()["tags"], member.only()["name"]) == ({"stage": str(number)}, f"name-{number}")
    behind.type("rm", "last")
    behind.push()
    ahead.type("pull")
    assert ahead.listed() == []
    ahead.type("restore", "name-3")
    ahead.push()
    behind.type("pull")
    assert behind.only()["name"] == "name-3"


def test_edits_made_apart_are_ordered_alike_by_everybody(team: Team) -> None:
    clones = [clone(team, name, ahead) for name, ahead in (("a", 0.0), ("b", 11 * HOUR), ("c", -11 * HOUR))]
    clones[0].record()
    clones[0].push()
    for member in clones:
        member.type("pull")
        member.type("tag", "last", f"by={member.path.name}")
    for member in clones:
        member.push()
    for member in clones:
        member.type("pull")
    assert [member.only()["tags"]["by"] for member in clones] == ["b", "b", "b"]


def test_a_fact_from_more_than_a_day_ahead_waits_for_its_time(team: Team) -> None:
    ada, ahead = clone(team, "ada", 0.0), clone(team, "ahead", 30 * HOUR)
    ada.record()
    ada.push()
    ahead.type("pull")
    ahead.type("tag", "last", "stage=early")
    assert ahead.only()["tags"] == {"stage": "early"}
    ahead.push()
    ada.type("pull")
    assert ada.only()["tags"] == {}
    assert len(ada.only()["future"]) == 1
    assert "time that has not come" in ada.type("status").stdout
    assert "in the future: events/" in ada.type("show", "last").stdout
    # Edits of today take effect today.
    ada.type("tag", "last", "stage=today")
    assert ada.only()["tags"] == {"stage": "today"}
    ada.push()
    assert clone(team, "fresh", 0.0).only()["tags"] == {"stage": "today"}
    # Seven hours later the other one is less than a day ahead, and it is the later of the two.
    ada.ahead = 7 * HOUR
    assert ada.only()["tags"] == {"stage": "early"}
    assert "future" not in ada.only()
    assert "time that has not come" not in ada.type("status").stdout
    ada.type("tag", "last", "stage=now")
    assert ada.only()["tags"] == {"stage": "now"}


@pytest.mark.parametrize("ahead", [-40 * DAY, 40 * DAY])
def test_a_clock_that_is_far_off_is_no_reason_to_refuse_a_push(team: Team, ahead: float) -> None:
    ada, odd = clone(team, "ada", 0.0), clone(team, "odd", ahead)
    ids = {ada.record("a"), odd.record("b")}
    for number, member in enumerate([odd, ada, odd, ada]):
        ids.add(member.record(f"more-{number}"))
        member.push()
    assert team.run_ids() == ids
    assert ada.run_ids() == ids
