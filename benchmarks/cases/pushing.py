"""Pushing over a network: the bytes of one run with edited code, and many clones at the same time."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases.sharing import git, gtrack, run_ids
from benchmarks.harness import Bench, Row, work_command
from benchmarks.servers import Line, git_daemon, has_daemon

TITLE = "Pushing over the network"
NOTE = """\
To `git daemon` on the loopback. Bytes are all that the client sends, requests of fetches included. Clones that push at
once record a run and push it, again and again, all let go at one moment, before they import anything. A run has landed
directly when its clone did not have to use its inbox; the server's post-receive hook counts these."""

_ALLOWED = 4096
"""Bytes that a push may take beside the files that changed."""


def measure(bench: Bench) -> list[Row]:
    """Return rows for the bytes of pushes, and for clones that push at the same time."""
    if not has_daemon():
        return [Row("git daemon", "not installed: nothing is measured")]
    served = bench.directory("served")
    with git_daemon(served) as line:
        return [*_dirty_runs(bench, line, served), *_at_once(bench, line, served, 8), *_at_once(bench, line, served, 4)]


def _dirty_runs(bench: Bench, line: Line, served: Path) -> list[Row]:
    """Push a run of edited code, and another one."""
    modules = bench.size(2_000, 100)
    code = bench.repository("edited", modules=modules)
    clones = {}
    for name in ("gtrack", "git"):
        git(bench, bench.root, "clone", "-q", "--bare", str(code), str(served / f"edited-{name}"))
        clones[name] = bench.directory(f"edits-{name}")
        git(bench, bench.root, "clone", "-q", line.url(f"edited-{name}"), str(clones[name]))
    rows = []
    for number, push in enumerate(("first", "second")):
        edited = f"package_000/module_{number:05}.py"
        for clone in clones.values():
            text = (clone / edited).read_text()
            (clone / edited).write_text(text.replace("return 1 * x", "return 1.5 * x"))
        gtrack(bench, clones["gtrack"], "log", "loss=0.5", "accuracy=0.9")
        git(bench, clones["git"], "commit", "-q", "-a", "-m", "edit")
        line.count()
        gtrack(bench, clones["gtrack"], "push", "--code")
        sent = line.count()
        git(bench, clones["git"], "push", "-q", "origin", "main")
        plain = line.count()
        changed = (clones["gtrack"] / edited).stat().st_size
        rows.append(_bytes_row(f"{push} push of a run with an edit, {modules:,} files", sent, plain, changed))
    assert len(run_ids(bench, served / "edited-gtrack")) == 2
    assert git(bench, served / "edited-gtrack", "for-each-ref", "refs/gtrack/code")
    return rows


def _bytes_row(what: str, sent: int, plain: int, changed: int) -> Row:
    budget = f"<= {changed:,} + {_ALLOWED:,} bytes"
    beside = f"git push of the edit, committed: {plain:,} bytes"
    return Row(what, f"{sent:,} bytes", beside, f"{sent / plain:.1f}x", budget, sent <= changed + _ALLOWED)


@dataclass(frozen=True)
class _Race:
    """What clones that pushed at the same time came to.

    Attributes:
        seconds: Until the last had ended.
        pushes: What each push said.
        inboxes: How many inboxes the server was sent.
        left: How many of them were still there afterwards.
        arrived: The runs on the branch.
    """

    seconds: float
    pushes: list[dict[str, object]]
    inboxes: int
    left: int
    arrived: set[str]

    @property
    def lost(self) -> int:
        """How many runs did not arrive."""
        return sum(push["id"] not in self.arrived for push in self.pushes)

    @property
    def attempts(self) -> float:
        """Pushes to the branch per run."""
        return sum(float(str(push["attempts"])) for push in self.pushes) / len(self.pushes)

    @property
    def direct(self) -> float:
        """The share of runs that landed without an inbox."""
        return 1 - self.inboxes / len(self.pushes)


def _at_once(bench: Bench, line: Line, served: Path, clones: int) -> list[Row]:
    runs = bench.size(3, 2)
    plain = _race(bench, line, served, f"git-{clones}", clones, runs, "git")
    race = _race(bench, line, served, f"gtrack-{clones}", clones, runs, "gtrack")
    what = f"{clones} clones x {runs} runs"
    beside = f"git push, each to a branch of its own: {plain.seconds:.1f} s"
    half = clones <= 4  # that is what is promised of them
    return [
        Row(what, f"{race.seconds:.1f} s", beside, f"{race.seconds / plain.seconds:.1f}x"),
        Row(f"{what}, pushes to the branch per run", f"{race.attempts:.1f}"),
        Row(
            f"{what}, landed directly",
            f"{race.direct:.0%}, {race.inboxes} inboxes",
            budget=">= 50%" if half else "",
            passed=race.direct >= 0.5 if half else None,
        ),
        Row(
            f"{what}, lost",
            f"{race.lost} lost, {race.left} inboxes left",
            budget="none",
            passed=not race.lost and not race.left and len(race.arrived) == clones * runs,
        ),
    ]


def _race(bench: Bench, line: Line, served: Path, name: str, clones: int, runs: int, how: str) -> _Race:
    bare, log = served / name, served / f"{name}.log"
    git(bench, bench.root, "clone", "-q", "--bare", str(bench.repository("raced", modules=20)), str(bare))
    git(bench, bare, "config", "receive.denyNonFastForwards", "true")
    hook = bare / "hooks" / "post-receive"
    hook.write_text(f"#!/bin/sh\nexec cat >>{shlex.quote(str(log))}\n")
    hook.chmod(0o755)
    log.touch()
    places = [bench.directory(f"{name}-clone") for _ in range(clones)]
    for place in places:
        git(bench, bench.root, "clone", "-q", line.url(name), str(place))
    seconds, pushes = _let_go(bench, places, runs, how)
    received = [entry.split() for entry in log.read_text().splitlines()]
    inboxes = [ref for _, new, ref in received if ref.startswith("refs/gtrack/inbox/") and new.strip("0")]
    return _Race(
        seconds,
        pushes,
        sum(ref.endswith("/runs") for ref in inboxes),
        len(git(bench, bare, "for-each-ref", "refs/gtrack/inbox").splitlines()),
        run_ids(bench, bare) if how == "gtrack" else {str(push["id"]) for push in pushes},
    )


def _let_go(bench: Bench, places: Sequence[Path], runs: int, how: str) -> tuple[float, list[dict[str, object]]]:
    started = [
        subprocess.Popen(
            work_command("push_at_once", runs=runs, how=how),
            cwd=place,
            env=bench.env(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
        )
        for place in places
    ]
    time.sleep(bench.size(2, 1))  # until every interpreter has come up
    began = time.perf_counter()
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    answers = [process.communicate()[0] for process in started]
    seconds = time.perf_counter() - began
    assert all(process.returncode == 0 for process in started)
    return seconds, [push for answer in answers for push in json.loads(answer)]
