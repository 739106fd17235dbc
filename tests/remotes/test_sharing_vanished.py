"""Machines that vanish, and remotes that are down: what was pushed is kept, and training waits for nobody."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from forged import Quick
from servers import HOST, Server, cutting_proxy, free_port, git_daemon, run
from skewed import HOUR, clock
from team import Member, Team

TRAIN = """\
import sys, gtrack
with gtrack.start_run(name="long", params={"lr": 0.1}) as run:
    print(run.id, flush=True)
    step = 0
    for line in sys.stdin:
        for step in range(step, step + int(line)):
            run.log({"loss": 1.0 / (step + 1), "acc": step}, step=step)
        step += 1
        print(step, flush=True)
"""
RESUME = """\
import sys, gtrack
with gtrack.start_run(run_id=sys.argv[1], resume=True) as run:
    for step in range(100, 150):
        run.log({"loss": 1.0 / (step + 1), "acc": step}, step=step)
"""
BY_ITSELF = {"GTRACK_SEGMENT_EVERY": "1s", "GTRACK_PUSH": "segment", "GTRACK_QUIET": "1"}
PATIENCE = 30.0
NOTHING = 5.0
"""Seconds that are nothing beside the minutes for which a remote that hangs is waited for."""


def eventually(condition: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Machine:
    """A clone on a machine of its own: all its processes can vanish at once."""

    def __init__(self, member: Member, **env: str) -> None:
        self.member = member
        self.mark = f"machine-{os.getpid()}-{member.path}"
        self.env = {**member.env, **BY_ITSELF, **env, "GTRACK_TESTS_MARK": self.mark}

    @contextlib.contextmanager
    def training(self) -> Iterator[subprocess.Popen[str]]:
        """Start a training that logs as many steps as it is told to, until its input ends."""
        with subprocess.Popen(
            [sys.executable, "-c", TRAIN], cwd=self.member.path, env=self.env, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                self.vanish()

    def processes(self) -> list[psutil.Process]:
        """Return what runs on the machine: the training, the recorder, git."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("GTRACK_TESTS_MARK") == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def vanish(self) -> None:
        """Kill everything."""
        while found := self.processes():
            for process in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(found, timeout=PATIENCE)

    def complaints(self) -> str:
        """Return what the recorder complained of, and what the last push by itself failed of."""
        home = self.member.path / ".git/gtrack"
        return "\n".join(
            path.read_text() for path in (home / "recorder.log", home / "push-failed.json") if path.exists()
        )

    def rest(self) -> None:
        """Wait until the last process has ended by itself."""
        eventually(lambda: not self.processes(), "a process stays")


def ask(process: subprocess.Popen[str], steps: int = 0) -> str:
    """Let a training log so many steps; return its next line."""
    assert process.stdin is not None and process.stdout is not None
    if steps:
        process.stdin.write(f"{steps}\n")
    return process.stdout.readline().strip()


@pytest.fixture
def local(tmp_path: Path) -> Team:
    (tmp_path / "served").mkdir()
    return Team(Server("path", tmp_path / "served"), "team", tmp_path)


def quick(team: Team, name: str) -> Quick:
    return Quick.of(team.clone(name))


def steps_of(team: Team, member: Quick) -> list[float]:
    """Return the steps that a colleague sees after a plain git fetch."""
    member.git("fetch", "-q")
    with member.repo() as repo:
        return [value for found in repo.runs() for value in found.curves(["acc"])["value"].to_pylist()]


def test_a_machine_that_vanishes_leaves_all_up_to_the_last_segment_and_the_run_goes_on_elsewhere(local: Team) -> None:
    ben = quick(local, "ben")
    ada = Machine(local.clone("ada"))
    with ada.training() as process:
        run_id = ask(process)
        assert ask(process, 60) == "60"
        eventually(lambda: len(steps_of(local, ben)) == 60, "the first segment does not arrive")
        heard = ben.listed()[0]["last_heard"]
        assert ask(process, 40) == "100"
        eventually(lambda: len(steps_of(local, ben)) == 100, "the second segment does not arrive")
        ada.vanish()
    shutil.rmtree(ada.member.path)

    assert steps_of(local, ben) == list(range(100))
    (seen,) = ben.listed()
    assert (seen["id"], seen["status"], seen["params"], seen["metrics"]["acc"]["count"]) == (
        run_id, "running", {"lr": 0.1}, 100,
    )  # fmt: skip
    assert seen["last_heard"] > heard
    with clock(3 * HOUR):
        assert ben.listed()[0]["status"] == "lost"
        assert run_id[:7] in ben.type("status").stdout

    cleo = quick(local, "cleo")
    run(sys.executable, "-c", RESUME, run_id, cwd=cleo.path, env=cleo.env)
    cleo.push()
    ben.type("pull")
    assert steps_of(local, ben) == list(range(150))
    (seen,) = ben.listed()
    assert (seen["status"], seen["metrics"]["acc"]["count"], seen["metrics"]["acc"]["last"]) == ("finished", 150, 149.0)
    assert (seen["metrics"]["acc"]["min"], len(seen["sessions"])) == (0.0, 2)
    assert not [finding for finding in ben.type("fsck").stdout.splitlines() if "error" in finding]


def check_undisturbed(machine: Machine, steps: int = 2000) -> str:
    """Train to the end beside a remote that answers nothing: no log call, end or exit waits for it."""
    with machine.training() as process:
        run_id = ask(process)
        before = time.monotonic()
        for _ in range(4):
            ask(process, steps // 4)
            time.sleep(0.5)  # so that segments fall due, and pushes are under way
        assert process.stdin is not None and process.stderr is not None
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        spent = time.monotonic() - before - 4 * 0.5
        assert spent < NOTHING, f"{spent:.1f} s beside a remote that answers nothing"
        assert process.stderr.read() == ""
    return run_id


def test_a_remote_that_hangs_delays_a_training_by_nothing_and_gets_the_values_later(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with git_daemon(tmp_path / "served") as server, cutting_proxy(server) as proxy:
        team = Team(proxy, "team", tmp_path)
        ada, ben = Machine(team.clone("ada")), quick(team, "ben")
        proxy.stall(to_client=0)
        run_id = check_undisturbed(ada)
        assert proxy.connections >= 1
        proxy.heal()
        check_arrives(team, ada, ben, run_id)


def test_a_remote_that_is_down_delays_a_training_by_nothing_and_gets_the_values_later(local: Team) -> None:
    ada, ben = Machine(local.clone("ada")), quick(local, "ben")
    there = ada.member.git("config", "remote.origin.url")
    ada.member.git("config", "remote.origin.url", f"git://{HOST}:{free_port()}/team.git")
    with ada.training() as process:
        run_id = ask(process)
        ask(process, 1000)
        eventually(lambda: "cannot be reached" in Quick.of(ada.member).type("status").stdout, "nobody is told")
    ada.member.git("config", "remote.origin.url", there)
    check_arrives(local, ada, ben, run_id, steps=1000)


def check_arrives(team: Team, machine: Machine, colleague: Quick, run_id: str, steps: int = 2000) -> None:
    """Assert that the next push brings everything, and that nothing is told of trouble any more."""
    ada = Quick.of(machine.member)
    ada.push()
    assert team.run_ids() == {run_id}
    assert steps_of(team, colleague) == list(range(steps))
    assert "failed" not in ada.type("status").stdout


def test_values_arrive_by_themselves_once_the_remote_is_back(local: Team) -> None:
    ada, ben = Machine(local.clone("ada")), quick(local, "ben")
    aside = local.bare.with_suffix(".gone")
    with ada.training() as process:
        run_id = ask(process)
        local.bare.rename(aside)
        assert ask(process, 50) == "50"
        eventually(lambda: "last push by itself failed" in Quick.of(ada.member).type("status").stdout, "nobody is told")
        aside.rename(local.bare)
        assert ask(process, 50) == "100"
        eventually(lambda: len(steps_of(local, ben)) == 100, "the values do not arrive")
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        ada.rest()
    found = {found["id"]: found["status"] for found in quick(local, "fresh").listed()}
    assert found == {run_id: "finished"}, ada.complaints()
