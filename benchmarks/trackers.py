"""The trackers that are compared: each in a virtual environment of its own, driven through peers/tasks.py."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import HERE, VENVS, Bench, ask

_INSTALL_SECONDS = 300
_SETTLE_SECONDS = 3.0
"""What a peer's own processes get, after the training was killed, to write what they were given."""


@dataclass(frozen=True)
class Tracker:
    """One column of the comparison.

    Attributes:
        title: How it is called in the table.
        adapter: The module ``peers/with_<adapter>.py``.
        python: Its interpreter.
        starts: The function that starts a run; asking for it imports what a lazy package puts off.
        env: Additional environment variables.
    """

    title: str
    adapter: str
    python: str
    starts: str
    env: tuple[tuple[str, str], ...] = ()

    def environment(self, bench: Bench) -> dict[str, str]:
        """Return the environment of its processes."""
        env = bench.env(**dict(self.env), PYTHONNOUSERSITE="1")
        if self.adapter != "gtrack":
            del env["PYTHONPATH"]
        return env

    def command(self, task: str, place: Path, **options: object) -> list[str]:
        """Return the command line of a task."""
        return [self.python, str(HERE / "peers" / "tasks.py"), self.adapter, task, str(place), json.dumps(options)]

    def ask(self, bench: Bench, task: str, place: Path, **options: object) -> Any:
        """Do a task, and return its answer."""
        with open(bench.root / "peers.log", "ab") as log:
            argv = self.command(task, place, **options)
            done = subprocess.run(
                argv, env=self.environment(bench), stdout=subprocess.PIPE, stderr=log, check=True, timeout=600
            )
        return json.loads(done.stdout.splitlines()[-1])


GTRACK = Tracker("gtrack", "gtrack", sys.executable, "gtrack.start_run")
_PEERS = {"mlflow": "mlflow.start_run", "trackio": "trackio.init", "wandb": "wandb.init"}


def available(bench: Bench) -> tuple[list[Tracker], list[str]]:
    """Return gtrack and the peers that are installed or can be, and a sentence about each that cannot."""
    trackers, missing = [GTRACK], []
    for name, starts in _PEERS.items():
        python = VENVS / name / "bin" / "python"
        problem = _install(bench, name, python)
        if problem:
            missing.append(f"{name} could not be installed: {problem}")
            continue
        what = f"import importlib.metadata as m, json; print(json.dumps(m.version({name!r})))"
        version = ask([str(python), "-c", what], bench.root, bench.env())
        if name == "mlflow":
            for store in ("file", "sqlite"):
                chosen = (("GTRACK_BENCH_STORE", store),)
                trackers.append(Tracker(f"mlflow {version} {store}", name, str(python), starts, chosen))
        else:
            mode = " offline" if name == "wandb" else ""
            trackers.append(Tracker(f"{name} {version}{mode}", name, str(python), starts))
    return trackers, missing


def killed(bench: Bench, tracker: Tracker, *, rate: int, seconds: float) -> tuple[int, int]:
    """Kill a process that logs; return how many calls had returned, and how many of their values can be read back.

    Args:
        bench: The execution.
        tracker: What it logs to.
        rate: Values a second, 0 for as fast as it can.
        seconds: How long it logs before SIGKILL.
    """
    place = bench.directory("killed")
    with open(bench.root / "peers.log", "ab") as log:
        process = subprocess.Popen(
            tracker.command("acknowledge", place, rate=rate),
            env=tracker.environment(bench),
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert process.stdout is not None
    heard = _Acknowledgements(process.stdout.fileno())
    heard.first.wait(120)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if tracker.adapter != "gtrack":
        time.sleep(_SETTLE_SECONDS)
    # What its helpers hold open would keep the pipe, and them, alive: those were in its session, and it alone.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    acknowledged = heard.total()
    process.stdout.close()
    read = tracker.ask(bench, "count", place, key="loss")["read"]
    return acknowledged, read


class _Acknowledgements:
    """Counts the bytes that come out of a pipe."""

    def __init__(self, fd: int) -> None:
        self.first = threading.Event()
        self._count = 0
        self._thread = threading.Thread(target=self._read, args=(fd,), daemon=True)
        self._thread.start()

    def total(self) -> int:
        """Return how many came, once the other end is closed."""
        self._thread.join(30)
        return self._count

    def _read(self, fd: int) -> None:
        while data := os.read(fd, 1 << 16):
            self._count += len(data)
            self.first.set()


def moments(count: int, longest: float) -> list[float]:
    """Return that many seconds to wait before a kill, the same every time."""
    chance = random.Random(20261121)
    return [chance.uniform(0.2, longest) for _ in range(count)]


def _install(bench: Bench, name: str, python: Path) -> str | None:
    """Install a peer if it is not there; return what went wrong."""
    if (
        python.exists()
        and subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False).returncode == 0
    ):
        return None
    bench.log(f"  installing {name} into {python.parents[1]}")
    try:
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", name]
        subprocess.run(install, check=True, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"not done within {_INSTALL_SECONDS} s"
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error)
    return None
