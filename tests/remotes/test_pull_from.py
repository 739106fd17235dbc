"""``gtrack pull NAME``: chosen runs of a remote that is not the team's, and nothing else of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from forged import BRANCH, FORK, LINK, YEAR_9999, Desk, Files, event, run_yaml
from servers import run

from gtrack.format.names import run_dir

OTHER = "5f" + "0" * 30
THEIRS = "3f" + "0" * 30


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk.make(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def desk(template: Desk, tmp_path: Path) -> Desk:
    return template.copy(tmp_path / "desk")


def theirs(run_id: str = THEIRS, name: str = "theirs") -> Files:
    return {f"{run_dir(run_id)}/run.yaml": run_yaml(run_id, name)}


def words_about(run_id: str) -> dict[str, bytes]:
    """Sound events of a run that change all that is shown of it."""
    folder = f"{run_dir(run_id)}/events"
    return {
        **event(folder, {"kind": "rename", "name": "stolen"}),
        **event(folder, {"kind": "tag", "tags": {"baseline": "no"}}),
        **event(folder, {"kind": "note", "text": "worthless"}),
    }


def test_chosen_runs_are_copied_after_they_were_shown(desk: Desk) -> None:
    desk.forge(FORK, {**theirs(), **theirs(OTHER, "other")})
    said = desk.call("pull", "mallory", "theirs", "--yes")
    assert (said.out.splitlines()[-1], said.err) == ("1 run copied from mallory", "")
    assert "theirs" in said.out.splitlines()[1]
    assert set(desk.runs()) == {"mine", "theirs"}
    assert desk.json("status")["to_push"] == [THEIRS]
    desk.type("push")
    assert f"{run_dir(THEIRS)}/run.yaml" in desk.published()
    assert f"{run_dir(OTHER)}/run.yaml" not in desk.published()


def test_the_commit_says_where_they_are_from_and_has_no_parent_of_the_forks(desk: Desk) -> None:
    tip = desk.forge(FORK, theirs())
    before = desk.git("rev-parse", BRANCH)
    desk.type("pull", "mallory", "theirs", "--yes")
    assert desk.git("log", "-1", "--format=%s %P", BRANCH) == f"copy 1 run from mallory {before}"
    assert tip not in desk.git("rev-list", BRANCH).split()


def test_nothing_is_copied_when_nobody_can_be_asked(desk: Desk) -> None:
    desk.forge(FORK, theirs())
    before = desk.local()
    assert "add --yes" in desk.type("pull", "mallory", "theirs", code=2)
    assert "SELECTOR, or --where FILTER" in desk.type("pull", "mallory", code=2)
    assert "no run" in desk.type("pull", "mallory", "nobody", "--yes", code=3)
    assert "there is no remote 'nobody'" in desk.type("pull", "nobody", "theirs", code=2)
    assert "nothing to choose" in desk.type("pull", "origin", "mine", code=2)
    assert "no run matches" in desk.type("pull", "mallory", "--where", "params.lr = 7", "--yes")
    assert desk.local() == before


def test_a_filter_takes_other_peoples_runs_alone_and_leaves_those_that_are_here_as_they_are(desk: Desk) -> None:
    before, files = desk.runs(), desk.local()
    desk.forge(FORK, {**theirs(), **words_about(desk.mine)})
    said = desk.type(
        "pull", "mallory", "--where", "status = 'finished' OR status = 'running' OR status = 'lost'", "--yes"
    )
    assert "here already and passed over: 1 run" in said
    assert desk.runs()["mine"] == before["mine"]
    assert desk.local().keys() - files.keys() == {f"{run_dir(THEIRS)}/run.yaml"}
    again = desk.type("pull", "mallory", "--where", "name = 'theirs'", "--yes")
    assert "passed over: 1 run" in again
    assert "copied" not in again


def test_what_a_fork_knows_of_a_run_since_is_taken_when_the_run_is_named(desk: Desk) -> None:
    desk.forge(FORK, theirs())
    desk.type("pull", "mallory", "theirs", "--yes")
    desk.forge(FORK, event(f"{run_dir(THEIRS)}/events", {"kind": "tag", "tags": {"seen": "yes"}}))
    assert "1 file about known runs copied" in desk.type("pull", "mallory", THEIRS, "--yes")
    assert desk.runs()["theirs"]["tags"] == {"seen": "yes"}
    assert "here already" in desk.type("pull", "mallory", THEIRS, "--yes")


def test_what_a_fork_deleted_stays_here(desk: Desk) -> None:
    mine, before = desk.mine, desk.runs()
    desk.forge(FORK, event(f"{run_dir(mine)}/events", {"kind": "delete"}))
    assert "is deleted at mallory" in desk.type("pull", "mallory", mine, "--yes", code=2)
    assert "no run matches" in desk.type("pull", "mallory", "--where", "params.lr = 0.1", "--yes")
    assert desk.runs() == before


def test_what_is_published_stands_though_it_was_only_fetched(desk: Desk) -> None:
    mine, before = desk.mine, desk.published()
    desk.git("update-ref", "-d", BRANCH)
    desk.forge(FORK, {f"{run_dir(mine)}/run.yaml": run_yaml(mine, "stolen")}, rewrite=True)
    said = desk.type("pull", "mallory", "stolen", "--yes")
    assert f"not taken: {run_dir(mine)}/run.yaml: another content is published" in said
    assert desk.local() == before
    assert set(desk.runs()) == {"mine"}


def test_what_is_not_taken_is_named_with_the_reason(desk: Desk) -> None:
    folder = run_dir(THEIRS)
    late = event(f"{folder}/events", {"kind": "note", "text": "late"}, YEAR_9999)
    desk.forge(FORK, {**theirs(), f"{folder}/x": (LINK, b"/etc/passwd"), f"{folder}/notes.txt": b"hello", **late})
    said = desk.type("pull", "mallory", "theirs", "--yes")
    reasons = dict(line.removeprefix("not taken: ").split(": ", 1) for line in said.splitlines() if "not taken" in line)
    assert reasons == {
        f"{folder}/x": "it is a symbolic link, not a plain file",
        f"{folder}/notes.txt": "the format knows no such file",
        next(iter(late)): "the stamp in its name is far in the future",
    }


@pytest.mark.parametrize(
    ("data", "code"), [(b"format: 2\nepoch: 0\n", 7), (b"\x00" * 5000, 7), (b"format: 1\nepoch: 99\n", 0)]
)
def test_a_forks_format_and_epoch_concern_the_fork_alone(desk: Desk, data: bytes, code: int) -> None:
    before, files = desk.runs(), desk.published()
    desk.forge(FORK, {**theirs(), "FORMAT": data})
    for command in (("ls", "--remote", "mallory"), ("pull", "mallory", "theirs", "--yes")):
        assert desk.call(*command).code == code
    desk.type("log", "loss=0.1", "--name", "next")
    desk.type("push")
    assert desk.runs()["mine"] == before["mine"]
    assert desk.published()["FORMAT"] == desk.local()["FORMAT"] == files["FORMAT"]
    assert "refs/remotes/mallory/gtrack" in {finding["source"] for finding in desk.fsck()} or code == 0


def test_a_branch_that_is_checked_out_is_left_alone(desk: Desk) -> None:
    desk.forge(FORK, theirs())
    desk.git("worktree", "add", "-q", str(desk.root / "tree"), "gtrack")
    before = desk.local()
    assert "is checked out in" in desk.type("pull", "mallory", "theirs", "--yes", code=2)
    assert desk.local() == before


def test_a_remote_without_runs_is_not_found(desk: Desk) -> None:
    run("git", "init", "-q", "--bare", str(desk.root / "empty.git"))
    desk.git("remote", "add", "empty", str(desk.root / "empty.git"))
    assert "nothing is known of a branch gtrack at empty" in desk.type("pull", "empty", "x", "--yes", code=3)


def test_a_fork_that_is_gone_is_a_network_error(desk: Desk) -> None:
    desk.git("remote", "set-url", "mallory", str(desk.root / "gone.git"))
    before = desk.local()
    assert "gone.git" in desk.type("pull", "mallory", "x", "--yes", code=5)
    assert desk.local() == before
