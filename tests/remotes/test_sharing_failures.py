"""Pushes that fail: a clear sentence, the exit code for it, nothing damaged, and the next push completes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from forged import BRANCH, Quick, call
from servers import (
    HOST,
    SERVERS,
    HttpServer,
    Proxy,
    Server,
    cutting_proxy,
    free_port,
    git_daemon,
    make_bare,
    run,
    small_disk,
    ssh_command,
)
from team import Member, Team

from gtrack.branch.transport import Transport
from gtrack.ops.push import push

KINDS = ("git", "http", "ssh")
LINES = (
    "http",
    *(pytest.param(kind, marks=pytest.mark.soak) for kind in ("git", "ssh")),
)  # test_transport_trouble has git
CODE = "refs/gtrack/code"


@pytest.fixture(scope="module", params=LINES)
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with SERVERS[request.param](tmp_path_factory.mktemp("served")) as server, cutting_proxy(server) as started:
        yield started


@pytest.fixture
def proxy(line: Proxy) -> Proxy:
    """A line to a server of each kind, whole as yet."""
    line.heal()
    return line


def team_at(server: Server, place: Path) -> Team:
    """Make a team whose remote has a name of its own."""
    return Team(server, place.name, place)


def clone(team: Team, name: str = "ada") -> Quick:
    return Quick.of(team.clone(name))


@pytest.fixture
def local(tmp_path: Path) -> Team:
    """A team around a remote at a path."""
    (tmp_path / "served").mkdir()
    return Team(Server("path", tmp_path / "served"), "team", tmp_path)


def state_of(member: Member) -> dict[str, object]:
    """Return what a push that failed must not have changed: the local branch, and all that is the user's."""
    at = member.path / ".git"
    refs = member.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags", CODE)
    kept = {name: (at / name).read_bytes() for name in ("HEAD", "index", "config", "logs/HEAD")}
    return {
        "refs": refs,
        "kept": kept,
        "files": member.git("status", "--porcelain"),
        "FETCH_HEAD": (at / "FETCH_HEAD").exists(),
    }


def fails(member: Member, *words: str) -> str:
    """Push in vain; return what was said, which names the trouble."""
    before = state_of(member)
    said = member.push(code=5)
    assert state_of(member) == before
    assert said.startswith("gtrack: ")
    assert len(said.splitlines()) <= 2
    for word in words:
        assert word in said, said
    return said


def completes(member: Member, team: Team, *run_ids: str) -> None:
    """Push with success: all runs are there, and nothing of the server is damaged."""
    member.push("--code")
    assert team.run_ids() >= set(run_ids)
    check_server(team)
    assert member.push("--code") == "origin has everything\n"


SERVER_PATIENCE = 20.0


def check_server(team: Team) -> None:
    """Assert that no reference of the server leads to what did not arrive.

    A server whose client has gone may still be at work: fsck lists the objects first and the references later, and
    between the two a push can come to its end. What is really missing stays missing.
    """
    deadline = time.monotonic() + SERVER_PATIENCE
    while True:
        try:
            run("git", "fsck", "--full", "--strict", "--connectivity-only", cwd=team.bare)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


# The line breaks

OFFSETS = {"git": 2, "http": 2, "ssh": 1}
"""How many places a push is cut at, in each direction; the soak test takes fifteen times as many."""


def check_cuts(proxy: Proxy, place: Path, count: int) -> None:
    team = team_at(proxy, place)
    ada = clone(team)
    ids = [ada.record("first")]
    proxy.heal()
    ada.push()
    whole = list(proxy.carried)
    broken = 0
    for direction, number in [(direction, number) for number in range(count) for direction in (0, 1)]:
        (ada.path / "train.py").write_text(f"print({direction}, {number})\n")
        ids.append(ada.record(f"run-{direction}-{number}"))
        before = state_of(ada)
        offset = whole[direction] * (2 * number + 1) // (2 * count)
        proxy.cut(**{("to_server", "to_client")[direction]: offset})
        done = call(ada.path, "push", "--code", env=ada.env)
        check_server(team)
        if done.code:
            broken += 1
            assert done.code == 5, done
            assert "broke off" in done.err, done
            assert state_of(ada) == before
        proxy.heal()
        completes(ada, team, *ids)
        assert b"print(%d, %d)" % (direction, number) in team.objects()
    assert broken >= count


def test_a_push_that_is_cut_anywhere_damages_nothing_and_the_next_one_completes(proxy: Proxy, tmp_path: Path) -> None:
    check_cuts(proxy, tmp_path, OFFSETS[proxy.kind])


@pytest.mark.soak
def test_a_push_that_is_cut_at_very_many_places_damages_nothing(proxy: Proxy, tmp_path: Path) -> None:
    check_cuts(proxy, tmp_path, OFFSETS[proxy.kind] * 15)


def test_a_remote_that_hangs_is_given_up(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    team = team_at(proxy, tmp_path)
    ada = clone(team)
    run_id = ada.record()
    monkeypatch.setitem(Transport.__init__.__kwdefaults__, "stall", 0.3)  # type: ignore[index]
    for offset in (0, 60):
        proxy.stall(to_client=offset)
        said = fails(ada)
        assert "gave" in said or "given up" in said or "in time" in said
    proxy.heal()
    monkeypatch.undo()
    completes(ada, team, run_id)


# The server dies


def set_hook(team: Team, name: str, script: str) -> Path:
    path = team.bare / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_server_that_dies_in_mid_push_loses_nothing(proxy: Proxy, tmp_path: Path) -> None:
    team = team_at(proxy, tmp_path)
    ada = clone(team)
    run_id = ada.record()
    for moment in ("pre-receive", "update"):
        hook = set_hook(team, moment, "kill -9 $PPID")
        assert fails(ada)
        hook.unlink()
        check_server(team)
    completes(ada, team, run_id)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_down_is_named_and_reached_again_later(tmp_path: Path, kind: str) -> None:
    (tmp_path / "served").mkdir()
    with SERVERS[kind](tmp_path / "served") as server:
        team = Team(server, "team", tmp_path)
        ada = clone(team)
        run_id = ada.record()
        there = ada.git("config", "remote.origin.url")
        ada.git("config", "remote.origin.url", there.replace(str(server.port), str(free_port())))
        fails(ada, "cannot be reached", HOST)
        ada.git("config", "remote.origin.url", there)
        completes(ada, team, run_id)


def test_a_remote_that_was_removed_is_named(local: Team) -> None:
    ada = clone(local)
    run_id = ada.record()
    local.bare.rename(aside := local.bare.with_suffix(".gone"))
    fails(ada, "team.git")
    aside.rename(local.bare)
    completes(ada, local, run_id)


def test_a_full_disk_of_the_server_is_named_and_the_push_completes_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path) as (server, disk):
        url = make_bare(server, "team")
        run("git", "clone", "-q", url, str(tmp_path / "ada"))
        ada = Quick(tmp_path / "ada", {})
        (ada.path / "noise.py").write_text(f"x = '{os.urandom(60_000).hex()}'\n")
        ada.git("add", ".")
        ada.git("commit", "-qm", "code")
        run_id = ada.record()
        disk.fill(16384)
        said = ada.push("--code", code=5)
        assert "could not store the objects" in said
        assert "make room there, then: gtrack push" in said
        disk.empty()
        server.git("team", "fsck", "--full", "--strict")
        ada.push("--code")
        assert f"runs/{run_id[:2]}/{run_id}/run.yaml" in server.git("team", "ls-tree", "-r", "--name-only", BRANCH)
        server.git("team", "fsck", "--full", "--strict")


# The server refuses


def test_wrong_credentials_are_named_and_right_ones_complete_the_push(http: HttpServer, tmp_path: Path) -> None:
    team = Team(http, "team", tmp_path)
    ada = clone(team)
    run_id = ada.record()
    http.login = ("ada", "hunter2")
    fails(ada, "wants to know who you are")
    there = ada.git("config", "remote.origin.url")
    ada.git("config", "remote.origin.url", there.replace("//", "//ada:hunter3@"))
    assert "hunter3" not in fails(ada, "Authentication failed")
    assert "hunter3" not in ada.type("status").stdout
    ada.git("config", "remote.origin.url", there.replace("//", "//ada:hunter2@"))
    completes(ada, team, run_id)


def test_a_key_that_the_server_does_not_know_is_named(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with SERVERS["ssh"](tmp_path / "served") as server:
        team = Team(server, "team", tmp_path)
        ada = clone(team)
        run_id = ada.record()
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other"))
        good = ada.env["GIT_SSH_COMMAND"]
        ada.env["GIT_SSH_COMMAND"] = ssh_command(tmp_path / "other", tmp_path / "served/.ssh/known")
        fails(ada, "wants to know who you are", "Permission denied")
        ada.env["GIT_SSH_COMMAND"] = good
        completes(ada, team, run_id)


def test_one_who_may_only_read_is_told(http: HttpServer, tmp_path: Path) -> None:
    team = Team(http, "team", tmp_path)
    ada = clone(team)
    run_id = ada.record()
    http.refuses_writes = True
    fails(ada, "does not let you do that")
    http.refuses_writes = False
    completes(ada, team, run_id)


PROTECTED = f'if [ "$1" = {BRANCH} ]; then echo "GH006: Protected branch"; exit 1; fi'


def test_a_protected_branch_is_named_with_the_servers_words(local: Team) -> None:
    ada = clone(local)
    run_id = ada.record()
    hook = set_hook(local, "update", PROTECTED)
    fails(ada, "refuses the branch gtrack", "GH006: Protected branch", "docs/sharing.md")
    hook.unlink()
    completes(ada, local, run_id)


def test_a_server_that_takes_no_references_but_branches_still_takes_the_runs(local: Team) -> None:
    ada = clone(local)
    run_id = ada.record()
    hook = set_hook(local, "update", 'case "$1" in refs/heads/*) ;; *) echo "only branches"; exit 1;; esac')
    said = ada.push()
    assert "did not take the code (refs/gtrack/code): " in said
    assert "only branches" in said
    assert local.run_ids() == {run_id}
    hook.unlink()
    completes(ada, local, run_id)
    assert CODE in local.refs()


# Races that are lost, and inboxes that nobody tends

RIVAL = f"""\
if [ "$1" = {BRANCH} ]; then
    git update-ref {BRANCH} "$(git commit-tree -p {BRANCH} -m rival '{BRANCH}^{{tree}}')"
fi
"""
"""Somebody else is always a moment faster, with a commit that holds nothing new."""


def lose_every_race(team: Team, member: Quick) -> str:
    """Push while a rival wins every race; return the id of the run that waits in the inbox then."""
    run_id = member.record("late")
    hook = set_hook(team, "update", RIVAL)
    with member.repo() as repo:
        repo.recover()
        done = push(repo.repository, consent=True, patience=0.0)
    hook.unlink()
    assert done.place == "inbox", done
    assert run_id not in team.run_ids()
    return run_id


def inboxes(team: Team) -> list[str]:
    return [ref for ref in team.refs() if "/inbox/" in ref]


Waiting = tuple[Team, Quick, Quick, str]


@pytest.fixture
def waiting(local: Team) -> Waiting:
    """A team, two of its clones, and a run of the first that waits in its inbox."""
    ada, ben = clone(local, "ada"), clone(local, "ben")
    ben.record("early")
    ben.push()
    ada.type("pull")
    (ada.path / "train.py").write_text("print('edited')\n")
    return local, ada, ben, lose_every_race(local, ada)


def test_what_lost_every_race_waits_in_an_inbox_and_the_team_sees_it(waiting: Waiting) -> None:
    team, _, ben, run_id = waiting
    assert [ref.rpartition("/")[2] for ref in inboxes(team)] == ["runs"]
    ben.type("pull")
    assert run_id in ben.run_ids()


def test_a_clone_that_is_gone_after_it_reached_its_inbox_lost_nothing(waiting: Waiting) -> None:
    team, ada, ben, run_id = waiting
    shutil.rmtree(ada.path)
    ben.push()
    assert run_id in team.run_ids()
    assert inboxes(team) == []
    assert {run["id"]: run["status"] for run in clone(team, "fresh").listed()}[run_id] == "finished"


def test_an_inbox_that_was_taken_in_and_not_cleared_away_is_cleared_by_the_next_push(
    waiting: Waiting,
) -> None:
    team, _, ben, run_id = waiting
    (ref,) = inboxes(team)
    tip = team.refs()[ref]
    ben.push()
    run("git", "update-ref", ref, tip, cwd=team.bare)  # as if the pusher had been killed in between
    before = team.refs()[BRANCH]
    assert ben.push() == "origin has everything\n"
    assert inboxes(team) == []
    assert team.refs()[BRANCH] == before
    assert run_id in team.run_ids()


def test_an_inbox_that_moved_meanwhile_stays_for_the_next_push(waiting: Waiting) -> None:
    team, _, ben, first = waiting
    (ref,) = inboxes(team)
    more = f"git update-ref {ref} $(git commit-tree -p {ref} -m more '{ref}^{{tree}}')"
    hook = set_hook(team, "post-receive", f'rm -- "$0"; {more}')
    ben.push()
    assert not hook.exists()
    assert inboxes(team) == [ref]
    assert first in team.run_ids()
    ben.push()
    assert inboxes(team) == []


# Pushers that are killed

KILLS = """\
echo "$0 $1" >> {calls}
if [ "$(wc -l < {calls})" = {number} ]; then kill -9 "$(cat {pid})"; fi
[ "${{0##*/}}" = update ] || cat >/dev/null
"""


def push_killed_in_a_hook(team: Team, member: Member, number: int) -> bool:
    """Push in a process that the n-th hook of the server kills; tell whether it came to that."""
    calls, pid = team.place / "calls", team.place / "pid"
    calls.unlink(missing_ok=True)
    for name in ("pre-receive", "update", "post-receive"):
        set_hook(team, name, KILLS.format(calls=calls, pid=pid, number=number))
    script = 'echo $$ > "$0" && exec "$@"'
    command = ["sh", "-c", script, str(pid), sys.executable, "-m", "gtrack", "push", "--code"]
    done = subprocess.run(
        command, cwd=member.path, env=member.env, start_new_session=True, capture_output=True, check=False
    )
    for name in ("pre-receive", "update", "post-receive"):
        (team.bare / "hooks" / name).unlink()
    assert done.returncode in (0, -signal.SIGKILL), done
    return done.returncode != 0


def check_killed_pusher(team: Team, member: Quick, number: int) -> bool:
    """Kill a push in the n-th hook that it gets to; what it did not send arrives with the next one."""
    (member.path / "train.py").write_text(f"print({number})\n")
    run_id = member.record(f"killed-in-{number}")
    was_killed = push_killed_in_a_hook(team, member, number)
    check_server(team)
    for lock in member.path.glob(".git/**/*.lock"):
        raise AssertionError(f"{lock} stands in the way of others")
    completes(member, team, run_id)
    return was_killed


def test_a_pusher_that_is_killed_in_mid_push_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with git_daemon(tmp_path / "served") as server:
        team = Team(server, "team", tmp_path)
        ada, ben = clone(team, "ada"), clone(team, "ben")
        # The code, then the branch; and at each the three hooks.
        assert [check_killed_pusher(team, ada, number) for number in range(1, 8)] == [True] * 6 + [False]
        ben.type("pull")
        assert {run["name"]: run["status"] for run in ben.listed()} == {
            f"killed-in-{number}": "finished" for number in range(1, 8)
        }


def test_a_pusher_that_is_killed_between_folding_and_clearing_away_loses_nothing(
    waiting: Waiting,
) -> None:
    team, _, ben, run_id = waiting
    assert push_killed_in_a_hook(team, ben, 3)  # the branch has moved
    check_server(team)
    assert run_id in team.run_ids()
    assert len(inboxes(team)) == 1
    for number in (1, 2):
        push_killed_in_a_hook(team, ben, number)  # the inbox is being removed
        check_server(team)
    ben.push()
    assert inboxes(team) == []
    assert ben.push() == "origin has everything\n"


def test_a_killed_training_is_pushed_with_the_status_that_its_record_says(local: Team) -> None:
    ada, ben = clone(local, "ada"), clone(local, "ben")
    script = "import gtrack, os\nrun = gtrack.start_run('r')\nrun.log({'a': 1.0}, 0)\nos.kill(os.getpid(), 9)\n"
    done = subprocess.run([sys.executable, "-c", script], cwd=ada.path, env=ada.env, check=False)
    assert done.returncode == -signal.SIGKILL
    ada.push()
    ben.type("pull")
    assert [(run["status"], run["metrics"]["a"]["count"]) for run in ben.listed()] == [("killed", 1)]


CALLS = "connect,clone,clone3,vfork,rename,renameat,renameat2,link,unlink,ftruncate,fsync,flock"


def check_kills_at_system_calls(team: Team, every: int) -> int:
    """Kill a push just before every n-th of its own system calls that change something; return how often."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace: apt-get install strace")
    ada = clone(team)
    killed, number, name = 0, 1, ""
    counts = count_calls(team, ada)
    for name, count in counts.items():
        for number in range(1, count + 1, every):
            (ada.path / "train.py").write_text(f"print('{name}', {number})\n")
            run_id = ada.record(f"{name}-{number}")
            inject = ["-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={number}"]
            killed += traced_push(ada, *inject) != 0
            completes(ada, team, run_id)
            check_server(team)
    return killed


def count_calls(team: Team, member: Quick) -> dict[str, int]:
    """Return how often an undisturbed push makes each of these system calls."""
    member.record("whole")
    log = team.place / "trace"
    assert traced_push(member, "-e", f"trace={CALLS}", output=log) == 0
    counts: dict[str, int] = {}
    for line in log.read_text().splitlines():
        name = line.partition("(")[0]
        if name.isidentifier():
            counts[name] = counts.get(name, 0) + 1
    return counts


def traced_push(member: Quick, *options: str, output: Path | str = os.devnull) -> int:
    command = ["strace", "-qq", "-o", str(output), *options, sys.executable, "-m", "gtrack", "push", "--code"]
    return subprocess.run(command, cwd=member.path, env=member.env, capture_output=True, check=False).returncode


def test_a_pusher_that_is_killed_at_any_of_its_system_calls_loses_nothing(local: Team) -> None:
    assert check_kills_at_system_calls(local, 15)


@pytest.mark.soak
def test_a_pusher_that_is_killed_at_each_of_its_system_calls_loses_nothing(local: Team) -> None:
    assert check_kills_at_system_calls(local, 1) >= 20
