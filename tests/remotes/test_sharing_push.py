"""Push, fetch and pull as a team does them: what goes where, what stays, what is asked first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from servers import plain_path, run
from team import Team

KILLED = """\
import gtrack, os
with gtrack.start_run("r") as run:
    run.log({"a": 1.0}, 0)
    os.kill(os.getpid(), 9)
"""
RESUMED = """\
import gtrack, sys
with gtrack.start_run(run_id=sys.argv[1], resume=True) as run:
    run.log({"a": 2.0}, 1)
"""
KINDS = ("blob", "tree", "comm")
SECRET = "AKIA" + "QX3T7LMZP2R5WBNY"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    root = tmp_path / "served"
    root.mkdir()
    with plain_path(root) as server:
        return Team(server, "team", tmp_path)


def test_a_colleague_sees_the_runs_after_a_plain_git_fetch(team: Team) -> None:
    ada, ben = team.clone("ada"), team.clone("ben")
    run_id = ada.record("first", val_auc=0.9)
    assert "1 run" in ada.push()
    ben.git("fetch", "-q")
    (seen,) = ben.listed()
    assert (seen["id"], seen["name"], seen["metrics"]["val_auc"]["last"]) == (run_id, "first", 0.9)


def test_a_fresh_clone_has_the_runs(team: Team) -> None:
    ada = team.clone("ada")
    run_id = ada.record()
    ada.push()
    assert team.clone("ben").run_ids() == {run_id}


def test_two_clones_that_recorded_apart_come_together(team: Team) -> None:
    ada, ben = team.clone("ada"), team.clone("ben")
    ids = {ada.record("a"), ben.record("b")}
    ada.push()
    ben.push()
    ada.type("pull")
    assert ada.run_ids() == ben.run_ids() == team.run_ids() == ids
    assert ada.git("rev-parse", "gtrack") == ben.git("rev-parse", "gtrack") == team.refs()["refs/heads/gtrack"]


def test_pushing_twice_sends_nothing_the_second_time(team: Team) -> None:
    ada = team.clone("ada")
    ada.record()
    ada.push()
    before = team.refs()
    assert "has everything" in ada.push()
    assert team.refs() == before


def test_a_push_touches_nothing_of_the_users(team: Team) -> None:
    ada = team.clone("ada")
    (ada.path / "train.py").write_text("print('edited')\n")
    ada.record()
    seen = [ada.path / ".git" / name for name in ("HEAD", "index", "logs/HEAD", "config", "logs/refs/heads/main")]
    before = (
        [path.read_bytes() for path in seen],
        ada.git("status", "--porcelain"),
        ada.git("for-each-ref", "refs/heads/main"),
    )
    ada.push("--code")
    ada.type("pull")
    assert before == (
        [path.read_bytes() for path in seen],
        ada.git("status", "--porcelain"),
        ada.git("for-each-ref", "refs/heads/main"),
    )
    assert not (ada.path / ".git" / "FETCH_HEAD").exists()


def test_edits_of_a_known_run_travel_too(team: Team) -> None:
    ada, ben = team.clone("ada"), team.clone("ben")
    run_id = ada.record()
    ada.push()
    ben.type("pull")
    ben.type("tag", run_id[:7], "baseline=yes")
    ben.type("note", run_id[:7], "looks leaky")
    assert "2 files about known runs" in ben.push()
    ada.git("fetch", "-q")
    (seen,) = ada.listed()
    assert seen["tags"] == {"baseline": "yes"}
    assert [note["text"] for note in seen["notes"]] == ["looks leaky"]


def test_uncommitted_code_is_published_only_with_consent(team: Team) -> None:
    ada = team.clone("ada")
    (ada.path / "train.py").write_text("print('never shown')\n")
    ada.record()
    said = ada.push()
    assert "not published: 1 version of the code" in said
    assert "gtrack.publishCode" in said
    assert b"never shown" not in team.objects()
    assert team.run_ids()
    assert "refs/gtrack/code" not in team.refs()
    ada.git("config", "gtrack.publishCode", "true")
    ada.push()
    assert b"never shown" in team.objects()


def test_a_commit_that_was_never_pushed_needs_consent_and_stays_here_with_it(team: Team) -> None:
    ada = team.clone("ada")
    (ada.path / "train.py").write_text("print('in a local commit')\n")
    ada.git("commit", "-qam", "a message nobody shall read")
    commit = ada.git("rev-parse", "HEAD")
    ada.record()
    assert "not published" in ada.push()
    ada.push("--code")
    shown = team.objects()
    assert b"in a local commit" in shown
    assert b"nobody shall read" not in shown
    assert commit.encode() not in shown.replace(team.run_yaml().encode(), b"")


def test_pushed_code_needs_no_consent(team: Team) -> None:
    ada = team.clone("ada")
    ada.record()
    said = ada.push()
    assert "not published" not in said
    assert "refs/gtrack/code" in team.refs()


def test_planted_secrets_are_in_no_object_of_the_remote(team: Team) -> None:
    ada = team.clone("ada")
    (ada.path / ".env").write_text(f"AWS_ACCESS_KEY_ID={SECRET}\n")
    (ada.path / "notes.py").write_text(f"key = '{SECRET}'\n")
    (ada.path / "train.py").write_text(f"print('two')\nkey = '{SECRET}'\n")
    (ada.path / "fine.py").write_text("print('new and fine')\n")
    ada.record()
    ada.push("--code")
    shown = team.objects()
    assert b"new and fine" in shown
    assert SECRET.encode() not in shown


def test_a_colleague_checks_out_code_that_was_never_committed(team: Team, tmp_path: Path) -> None:
    ada, ben = team.clone("ada"), team.clone("ben")
    (ada.path / "train.py").write_text("print('an edit')\n")
    ada.record()
    ada.push("--code")
    ben.git("fetch", "-q")
    assert "gtrack pull &&" in ben.type("show", "last").stdout
    ben.type("pull")
    snapshot = json.loads(ben.type("show", "last", "--json").stdout)["code"]["snapshot"]
    assert "gtrack pull" not in ben.type("show", "last").stdout
    ben.git("worktree", "add", "-q", str(tmp_path / "tree"), snapshot)
    assert (tmp_path / "tree" / "train.py").read_text() == "print('an edit')\n"
    assert ben.git("rev-parse", "--is-shallow-repository") == "false"
    assert "promisor" not in ben.git("config", "--list")


def test_a_shallow_single_branch_clone_takes_part_and_stays_shallow(team: Team) -> None:
    deep = team.clone("deep")
    for number in range(3):
        (deep.path / "train.py").write_text(f"print({number})\n")
        deep.git("commit", "-qam", f"step {number}")
    deep.git("push", "-q")
    deep_id = deep.record("deep")
    deep.push()
    shallow = team.clone("shallow", "--depth=1", "--branch=main", "--single-branch", url=f"file://{team.bare}")
    (shallow.path / "train.py").write_text("print('in ci')\n")
    shallow_id = shallow.record("ci")
    shallow.push("--code")
    assert team.run_ids() == {deep_id, shallow_id}
    assert shallow.git("rev-list", "--count", "HEAD") == "1"
    assert shallow.git("rev-parse", "--is-shallow-repository") == "true"
    deep.push()
    assert not [ref for ref in team.refs() if "inbox" in ref]
    snapshot = next(run["code"]["snapshot"] for run in deep.listed() if run["id"] == shallow_id)
    assert deep.git("show", f"{snapshot}:train.py") == "print('in ci')"


def test_a_branch_that_somebody_removed_comes_back_whole(team: Team) -> None:
    ada, ben = team.clone("ada"), team.clone("ben")
    first = ada.record("a")
    ada.push()
    ben.type("pull")
    run("git", "update-ref", "-d", "refs/heads/gtrack", cwd=team.bare)
    second = ben.record("b")
    assert "went back" in ben.push()
    assert team.run_ids() == {first, second}


def test_a_branch_that_somebody_rewound_gets_back_what_it_had(team: Team) -> None:
    ada = team.clone("ada")
    first = ada.record("a")
    ada.push()
    old = team.refs()["refs/heads/gtrack"]
    second = ada.record("b")
    ada.push()
    run("git", "update-ref", "refs/heads/gtrack", old, cwd=team.bare)
    assert team.run_ids() == {first}
    ada.push()
    assert team.run_ids() == {first, second}


def test_what_a_colleague_alone_had_fetched_is_kept_when_the_branch_is_rewritten(team: Team) -> None:
    ada, ben = team.clone("ada"), team.clone("ben")
    first = ada.record("a")
    ada.push()
    ben.git("fetch", "-q")  # seen, and in no branch of ben's
    run("git", "update-ref", "-d", "refs/heads/gtrack", cwd=team.bare)
    second = ben.record("b")
    ben.push()
    assert team.run_ids() == {first, second}


def test_status_says_what_is_not_shared_and_what_to_type(team: Team) -> None:
    ada = team.clone("ada")
    (ada.path / "train.py").write_text("print('edited')\n")
    run_id = ada.record()
    said = ada.type("status").stdout
    assert f"1 run to push: {run_id[:7]}" in said
    assert "gtrack push" in said
    assert "1 version of the code" in said
    ada.push("--code")
    assert "nothing to push, nothing to decide" in ada.type("status").stdout
    facts = json.loads(ada.type("status", "--json").stdout)
    assert (facts["remote"], facts["to_push"], facts["code_waiting"]) == ("origin", [], 0)


def test_without_a_remote_push_says_what_to_type(tmp_path: Path) -> None:
    root = tmp_path / "served"
    root.mkdir()
    with plain_path(root) as server:
        ada = Team(server, "team", tmp_path).clone("ada")
    ada.record()
    ada.git("remote", "remove", "origin")
    said = ada.push(code=2)
    assert "no remote to share runs with" in said
    assert "git remote add origin URL" in said
    assert "no remote" in ada.type("status").stdout


def test_commits_tell_continuous_integration_to_stay_away(team: Team) -> None:
    ada, ben = team.clone("ada"), team.clone("ben")
    ada.record("a")
    ben.record("b")
    ada.push()
    ben.push()
    bodies = run("git", "log", "--format=%b%x00", "gtrack", cwd=team.bare).split("\0")
    assert all("[skip ci]" in body for body in bodies[:-1])


def test_a_run_is_resumed_in_another_clone(team: Team) -> None:
    ada, ben = team.clone("ada"), team.clone("ben")
    (ada.path / "killed.py").write_text(KILLED)
    run("sh", "-c", "python killed.py || true", cwd=ada.path, env=ada.env)
    (killed,) = ada.listed()
    ada.push()
    ben.git("fetch", "-q")
    (ben.path / "more.py").write_text(RESUMED)
    run("python", "more.py", killed["id"], cwd=ben.path, env=ben.env)
    ben.push()
    ada.git("fetch", "-q")
    (seen,) = ada.listed()
    assert (seen["status"], seen["metrics"]["a"]["count"], seen["metrics"]["a"]["last"]) == ("finished", 2, 2.0)


def test_edits_of_one_thing_in_two_clones_are_told_until_somebody_settles_them(team: Team) -> None:
    ada, ben = team.clone("ada"), team.clone("ben")
    run_id = ada.record()
    ada.push()
    ben.type("pull")
    ada.type("tag", run_id[:7], "stage=a")
    ben.type("tag", run_id[:7], "stage=b")
    ada.push()
    ben.push()
    ada.type("pull")
    assert f"edited in two clones at the same time: {run_id[:7]} tag stage" in ada.type("status").stdout
    assert ada.listed()[0]["tags"] == ben.listed()[0]["tags"] == {"stage": "b"}
    ada.type("tag", run_id[:7], "stage=a")
    assert "edited in two clones" not in ada.type("status").stdout


def received(bare: Path, before: set[Path]) -> int:
    """Return the bytes of new objects: what a thin pack left out, the server has filled in from what it had."""
    indexes = set((bare / "objects" / "pack").glob("*.idx"))
    lists = {index: run("git", "verify-pack", "-v", str(index)).splitlines() for index in indexes}
    sizes = {
        index: {line.split()[0]: int(line.split()[3]) for line in lines if line[41:45].strip() in KINDS}
        for index, lines in lists.items()
    }
    had = {oid for index in before for oid in sizes[index]}
    return sum(size for index in indexes - before for oid, size in sizes[index].items() if oid not in had)


def test_a_one_line_edit_in_two_thousand_files_is_pushed_in_less_than_four_kilobytes(tmp_path: Path) -> None:
    root = tmp_path / "served"
    root.mkdir()
    files = {f"package_{n // 50}/module_{n}.py": f"def f():\n    return {n!r}\n" * 20 for n in range(2000)}
    with plain_path(root) as server:
        team = Team(server, "team", tmp_path, files=files)
        run("git", "config", "receive.unpackLimit", "1", cwd=team.bare)
        ada, ben = team.clone("ada"), team.clone("ben")
        (ben.path / "late.py").write_text("print('pushed after ada cloned')\n")
        ben.git("add", ".")
        ben.git("commit", "-qm", "late")
        ben.git("push", "-q")
        for number in range(2):  # the first push of all, and one that follows it
            (ada.path / "package_3" / "module_151.py").write_text(f"def f():\n    return 'edited {number}'\n" * 20)
            ada.record()
            before = set((team.bare / "objects" / "pack").glob("*.idx"))
            ada.push("--code")
            changed = (ada.path / "package_3" / "module_151.py").stat().st_size
            assert 0 < received(team.bare, before) <= changed + 4096, number
