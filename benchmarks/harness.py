"""What every benchmark uses: a place of its own, processes that answer in JSON, and the row it reports."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VENVS = HERE / ".venvs"

_KEPT = ("PATH", "LANG", "LC_ALL", "TERM", "TMPDIR", "VIRTUAL_ENV", "PIP_INDEX_URL", "PIP_CONFIG_FILE")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured.
        measured: The result, with its unit.
        baseline: What it was measured beside, and how that did.
        ratio: The one over the other.
        budget: The budget of docs/design.md, section 10, or nothing.
        passed: Whether the budget is kept; None where there is none, or where the measurement cannot tell.
    """

    what: str
    measured: str
    baseline: str = ""
    ratio: str = ""
    budget: str = ""
    passed: bool | None = None

    @property
    def verdict(self) -> str:
        """``pass`` or ``miss``; empty without a budget."""
        if self.passed is None:
            return "unclear" if self.budget else ""
        return "pass" if self.passed else "**miss**"


@dataclass(frozen=True)
class Section:
    """The rows of one benchmark.

    Attributes:
        title: Its headline.
        note: What a reader needs to know of how it was measured.
        rows: The rows.
    """

    title: str
    note: str
    rows: list[Row]


@dataclass
class Bench:
    """One execution of the benchmarks.

    Attributes:
        root: A temporary directory.
        quick: Small sizes, to see that everything works.
        log: Called with a line of progress.
    """

    root: Path
    quick: bool
    log: Callable[[str], None]

    def size(self, full: int, quick: int) -> int:
        """Return one of two sizes."""
        return quick if self.quick else full

    def env(self, **extra: str) -> dict[str, str]:
        """Return an environment without the user's settings, in which gtrack can be imported."""
        home = self.root / "home"
        if not home.exists():
            home.mkdir(parents=True)
            (home / ".gitconfig").write_text("[user]\n\tname = Ada L\n\temail = ada@example.org\n[gc]\n\tauto = 0\n")
        import gtrack

        kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
        source = str(Path(gtrack.__file__).parents[1])
        return {
            **kept,
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": source,
            "GTRACK_QUIET": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **extra,
        }

    def directory(self, name: str) -> Path:
        """Return a new, empty directory."""
        for number in range(10_000):
            path = self.root / f"{name}-{number}"
            if not path.exists():
                path.mkdir(parents=True)
                return path
        raise AssertionError(f"too many directories are called {name}")

    def repository(self, name: str, *, modules: int = 1) -> Path:
        """Return a new git repository with that many committed files of some code."""
        path = self.directory(name)
        text = "".join(f"def step_{n}(x: float) -> float:\n    return {n} * x\n\n\n" for n in range(20))
        for number in range(modules):
            folder = path / f"package_{number // 50:03}"
            folder.mkdir(exist_ok=True)
            (folder / f"module_{number:05}.py").write_text(f"# module {number}\n{text}")
        for args in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "code"]):
            subprocess.run(["git", *args], cwd=path, env=self.env(), check=True)
        return path

    def work(self, script: str, cwd: Path, *, env: Mapping[str, str] | None = None, **options: object) -> Any:
        """Run a script of ``benchmarks/work`` in a process of its own, and return what it answers."""
        return ask(work_command(script, **options), cwd, env or self.env())


def work_command(script: str, **options: object) -> list[str]:
    """Return the command line of a script of ``benchmarks/work``."""
    return [sys.executable, str(HERE / "work" / f"{script}.py"), json.dumps(options)]


def ask(argv: Sequence[str], cwd: Path, env: Mapping[str, str], *, timeout: float = 900) -> Any:
    """Run a command, and return the last line it prints, read as JSON."""
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, check=False, timeout=timeout)
    if done.returncode:
        sys.stderr.write(done.stderr.decode(errors="replace"))
        done.check_returncode()
    return json.loads(done.stdout.splitlines()[-1])


def wall(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> float:
    """Run a command whose output does not matter, and return the seconds it took."""
    began = time.perf_counter()
    subprocess.run(argv, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def interleaved(rounds: int, **contestants: Callable[[], float]) -> dict[str, list[float]]:
    """Measure several things turn by turn, so that what else the machine does hits all of them."""
    out: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        names = list(contestants)
        # Whoever goes first in one round goes last in the next.
        for name in names if number % 2 == 0 else reversed(names):
            out[name].append(contestants[name]())
    return out


def bootstrap(samples: Sequence[float], *, resamples: int = 5000) -> tuple[float, float, float]:
    """Return the median of some samples, and its 95 % percentile bootstrap interval."""
    chance = random.Random(0)
    drawn = sorted(statistics.median(chance.choices(samples, k=len(samples))) for _ in range(resamples))
    return statistics.median(samples), drawn[int(0.025 * resamples)], drawn[int(0.975 * resamples)]


def tree_bytes(path: Path) -> int:
    """Return the bytes of all files below a directory."""
    return sum(item.stat().st_size for item in path.rglob("*") if item.is_file() and not item.is_symlink())


def milliseconds(seconds: float) -> str:
    """Return a duration as milliseconds, short."""
    value = seconds * 1000
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"
