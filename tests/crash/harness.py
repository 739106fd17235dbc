"""Killing real processes at chosen system calls, and asking afterwards whether every promise was kept."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import training

import gtrack
from gtrack.ops.fsck import check
from gtrack.spool.directory import SpoolRun

CALLS = {
    "write": ("write", "pwrite64", "ftruncate"),
    "sync": ("fsync", "fdatasync"),
    "rename": ("rename", "renameat", "renameat2", "link", "linkat"),
    "create": ("openat",),
    "mkdir": ("mkdir", "mkdirat"),
    "remove": ("unlink", "unlinkat", "rmdir"),
}
"""System calls that change what a disk holds, in families; of ``openat`` only those that may create a file."""

_CALL = re.compile(r"(\d+) +([a-z0-9_]+)\((.*)")
_TURNING_POINT = re.compile(r'setting-ref|refs/heads/gtrack|/\.sealed|/\.new-[0-9a-f-]+", "')
"""Where a run passes from one state to the next, and every single call counts."""


@dataclass(frozen=True)
class Kill:
    """A moment: just before a process makes a system call for the n-th time.

    Attributes:
        call: The system call.
        number: Which time it is, from 1 on, counted in each process by itself.
        detail: The call's arguments, to show.
    """

    call: str
    number: int
    detail: str = ""

    @property
    def decisive(self) -> bool:
        """True where the run passes from one state to the next."""
        return _TURNING_POINT.search(self.detail) is not None

    def __str__(self) -> str:
        return f"{self.call} {self.number}: {self.detail[:150]}"


@dataclass(frozen=True)
class Acknowledged:
    """What a training script was told had been done, by the log calls that returned.

    Attributes:
        run_id: The run, once ``start_run`` returned.
        values: (key, step) of each metric value.
        params: The params.
        ended: The end of the run returned.
    """

    run_id: str | None = None
    values: frozenset[tuple[str, int]] = frozenset()
    params: dict[str, str] = field(default_factory=dict)
    ended: bool = False

    @classmethod
    def read(cls, *paths: Path) -> Acknowledged:
        """Read the records of a script and its workers; a last line that was cut short does not count."""
        run_id, ended = None, False
        values: set[tuple[str, int]] = set()
        params: dict[str, str] = {}
        for path in paths:
            whole = path.read_bytes().rpartition(b"\n")[0].decode() if path.exists() else ""
            for line in whole.splitlines():
                what, *rest = line.split()
                match what:
                    case "started":
                        run_id = rest[0]
                    case "value":
                        values.update((key, int(rest[0])) for key in rest[1:])
                    case "param":
                        params[rest[0]] = rest[1]
                    case "ended":
                        ended = True
        return cls(run_id, frozenset(values), params, ended)


def environment(**more: str) -> dict[str, str]:
    """Return the environment of the processes under test: quiet, and leaving no bytecode behind."""
    return {**os.environ, "GTRACK_QUIET": "1", "PYTHONDONTWRITEBYTECODE": "1", **more}


def training_command(repo: Path, oracle: Path, *options: str) -> list[str]:
    """Return the command line of the training script."""
    return [sys.executable, training.__file__, str(repo), str(oracle), *options]


def gtrack_command(*arguments: str) -> list[str]:
    """Return the command line of gtrack's own command."""
    return [sys.executable, "-m", "gtrack", *arguments]


def run(command: Sequence[str], cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, however that comes."""
    return subprocess.run(
        command, cwd=cwd, env=environment(**env), capture_output=True, text=True, timeout=120, check=False
    )


def run_until(kill: Kill, command: Sequence[str], cwd: Path, **env: str) -> bool:
    """Run a command, killing each of its processes with SIGKILL at a moment.

    Returns:
        True when the process itself was killed; False when it came to its end before.
    """
    # Without --seccomp-bpf, which would be faster: strace 6.1 then injects no signals.
    strace = ["strace", "-f", "-qq", "-o", os.devnull]
    inject = ["-e", f"trace={kill.call}", "-e", f"inject={kill.call}:signal=SIGKILL:when={kill.number}"]
    done = run([*strace, *inject, *command], cwd, **env)
    assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL), f"{kill}\n{done.stderr}"
    return done.returncode != 0


def moments(family: str, command: Sequence[str], cwd: Path, log: Path) -> list[Kill]:
    """Run a command undisturbed, and return each moment at which its main process can be killed.

    Args:
        family: The system calls, by a key of :data:`CALLS`.
        command: The command line.
        cwd: Where it runs.
        log: A file for the trace.
    """
    main = next(iter(_trace(CALLS[family], command, cwd, log).values()))
    return [kill for kill in main if kill.call != "execve"]


def moments_of_git(command: Sequence[str], cwd: Path, log: Path) -> list[tuple[int, Kill]]:
    """Run a command undisturbed, and return each moment at which a git that it starts can be killed.

    Returns:
        Which of the git processes, from 1 on, and the moment.
    """
    calls = tuple(call for family in CALLS.values() for call in family)
    processes = _trace(calls, command, cwd, log).values()
    gits = [kills for kills in processes if kills and kills[0].call == "execve" and '/git"' in kills[0].detail]
    return [(number, kill) for number, kills in enumerate(gits, 1) for kill in kills if kill.call != "execve"]


def _trace(calls: Sequence[str], command: Sequence[str], cwd: Path, log: Path) -> dict[str, list[Kill]]:
    """Return the moments of each process, or thread, in the order of their first calls."""
    strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-s", "300", "-o", str(log)]
    # The program's start is traced too, so that the main process is always the first.
    done = run([*strace, "-e", "trace=" + ",".join(("execve", *calls)), *command], cwd)
    assert done.returncode == 0, done.stderr
    counts: dict[tuple[str, str], int] = {}
    found: dict[str, list[Kill]] = {}
    for line in log.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        process, call, detail = match.groups()
        counts[process, call] = counts.get((process, call), 0) + 1
        kills = found.setdefault(process, [])
        if call not in CALLS["create"] or "O_CREAT" in detail:
            kills.append(Kill(call, counts[process, call], detail))
    return found


def some_of(kills: Sequence[Kill], every: int) -> list[Kill]:
    """Return every n-th moment, and all decisive ones."""
    return [kill for number, kill in enumerate(kills) if kill.decisive or number % every == 0]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so; half a minute at most.

    Args:
        condition: Tells whether it is.
        what: What is wrong if it never is.
    """
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def is_written(repo: Path, run_id: str) -> bool:
    """Tell whether a process may still write to a run."""
    writers = SpoolRun(str(repo / ".git/gtrack/spool" / run_id)).writers()
    return any(writer.is_alive() for writer in writers)


def copies(template: Path, folder: Path) -> Iterator[Path]:
    """Yield fresh copies of a directory without end; each is removed when the next one is asked for."""
    number = 0
    while True:
        path = folder / f"copy-{number}"
        shutil.copytree(template, path, symlinks=True)
        yield path
        shutil.rmtree(path)
        number += 1


def git(repo: Path, *arguments: str) -> str:
    """Run git and return its output."""
    done = subprocess.run(["git", *arguments], cwd=repo, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


def assert_recorded(repo: Path, promised: Acknowledged) -> None:
    """Assert that the branch alone, without any spool, holds what was acknowledged and nothing that was not logged."""
    shutil.rmtree(repo / ".git/gtrack/spool", ignore_errors=True)
    with gtrack.Repo(str(repo)) as opened:
        runs = {run.id: run for run in opened.runs()}
        if promised.run_id is None:
            # start_run had not returned: the run may be there all the same, and is then one that was killed.
            assert all(run.status == "killed" for run in runs.values()), runs
            return
        recorded = runs[promised.run_id]
        assert recorded.status == "finished" or (recorded.status == "killed" and not promised.ended), recorded.status
        assert recorded.experiment == training.EXPERIMENT
        assert not recorded.state.problems
        given = {**training.PARAMS, **promised.params}
        assert {key: str(value) for key, value in recorded.params.items() if key in given} == {
            key: str(value) for key, value in given.items()
        }
        assert_curves(recorded.curves().to_pylist(), promised.values)


def assert_curves(rows: list[dict[str, object]], promised: frozenset[tuple[str, int]]) -> None:
    """Assert that curves hold every promised value once, with the right value, and at most one log call more."""
    points = [(str(row["key"]), int(str(row["step"]))) for row in rows]
    assert len(points) == len(set(points)), "a value is there twice"
    assert promised <= set(points), f"lost: {sorted(promised - set(points))[:10]}"
    assert len({step for _, step in set(points) - promised}) <= 1, "values that nobody logged"
    for row, (key, step) in zip(rows, points, strict=True):
        assert row["value"] == training.value(key, step)


def assert_healthy(repo: Path, template: Path, *, code_lost: bool = False) -> None:
    """Assert that git and gtrack find nothing wrong, and that the user's checkout is as it was.

    Args:
        repo: The repository.
        template: What it is a copy of.
        code_lost: The code of a run may be missing, which is then said.
    """
    done = run(["git", "fsck", "--full", "--strict", "--no-progress"], repo)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("dangling ")]
    assert (done.returncode, complaints) == (0, []), complaints
    assert checkout(repo) == checkout(template)
    with gtrack.Repo(str(repo)) as opened:
        findings = [finding for finding in check(opened).findings if not (code_lost and finding.level == "warning")]
    assert findings == []


def checkout(repo: Path) -> dict[str, bytes]:
    """Return the bytes of what belongs to the user: files, index, HEAD, branches, reflogs, configuration."""
    names = ("HEAD", "config", "index")
    paths = [repo / ".git" / name for name in names] + files_below(repo / ".git" / "logs") + files_below(repo)
    # A lock is git gc's, which looks for old entries in reflogs.
    found = [path for path in paths if path.exists() and path.suffix != ".lock"]
    refs = git(repo, "for-each-ref", "refs/heads/main", "refs/stash", "refs/tags", "refs/remotes")
    return {"refs": refs.encode(), **{str(path.relative_to(repo)): path.read_bytes() for path in found}}


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder but those of git."""
    found = []
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        found += [Path(path, name) for name in names]
    return found
