"""Many clones that push at the same time: every run arrives, nothing is forced, nobody is told of a failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import SERVERS, Server, run
from team import Team, push_at_once

SLOW = [pytest.param(kind, marks=pytest.mark.soak) for kind in ("http", "ssh")]  # longer than a push
OVER = ("git", *SLOW)


@pytest.fixture(params=OVER)
def any_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    root = tmp_path / "served"
    root.mkdir()
    with SERVERS[request.param](root) as server:
        yield server


def forbid_force(bare: Path) -> None:
    """Let the server refuse what is no fast-forward, as hosts do for protected branches."""
    run("git", "config", "receive.denyNonFastForwards", "true", cwd=bare)


def push_all(team: Team, clones: int, runs: int) -> list[dict[str, Any]]:
    forbid_force(team.bare)
    members = [team.clone(f"clone-{number}") for number in range(clones)]
    answers = push_at_once(members, runs)
    if any(answer["place"] == "inbox" for answer in answers):
        members[0].push()  # on a machine with other work: the next push takes them in, whoever's it is
    return answers


def assert_all_arrived(team: Team, answers: list[dict[str, Any]], count: int) -> None:
    ids = {answer["id"] for answer in answers}
    assert len(ids) == count
    assert team.run_ids() == ids
    refs = team.refs()
    assert not [ref for ref in refs if ref.startswith("refs/gtrack/inbox/")]
    fresh = team.clone("fresh")
    assert {run["id"]: run["status"] for run in fresh.listed()} == dict.fromkeys(ids, "finished")
    run("git", "fsck", "--full", "--strict", cwd=team.bare)
    assert fresh.type("fsck").returncode == 0


def test_eight_clones_that_push_at_once_lose_nothing(any_server: Server, tmp_path: Path) -> None:
    team = Team(any_server, "team", tmp_path)
    answers = push_all(team, 8, 1)
    assert_all_arrived(team, answers, 8)


@pytest.mark.soak
def test_thirty_two_clones_of_three_runs_each_lose_nothing(
    any_server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    team = Team(any_server, "team", tmp_path)
    answers = push_all(team, 32, 3)
    assert_all_arrived(team, answers, 96)
    attempts, inboxed = (sum(int(answer[key]) for answer in answers) for key in ("attempts", "inboxed"))
    with capsys.disabled():
        print(f"\n32 clones x 3 runs over {any_server.kind}: {attempts} attempts, {inboxed} of 96 through an inbox")
