"""What a run costs in git: 20 params, 10 metrics of 100 points, packed; and with a store, where some have 1,000."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.harness import Bench, Row, tree_bytes

TITLE = "Size in git"
NOTE = (
    "Noisy float64 curves, 20 params. Spooled journals, which are kept for a day after sealing, are not counted. With "
    "a store configured one run of ten has 10 metrics of 1,000 points, whose whole curves go there."
)
_METRICS, _POINTS, _LONG_EVERY = 10, 100, 10
_PLAIN = _METRICS * _POINTS * 32
"""Bytes of the bare records of a run."""


def measure(bench: Bench) -> list[Row]:
    """Return rows for the packed repository and for clones of the branch."""
    return [*_without_store(bench), *_with_store(bench)]


def _without_store(bench: Bench) -> list[Row]:
    runs = bench.size(200, 40)
    repo = bench.repository("weighed")
    _pack(bench, repo)
    before = tree_bytes(repo / ".git" / "objects")
    bench.work("populate", repo, runs=runs, points=_POINTS, metrics=_METRICS)
    loose = (tree_bytes(repo / ".git" / "objects") - before) / runs
    _pack(bench, repo)
    packed = (tree_bytes(repo / ".git" / "objects") - before) / runs
    return [
        _row(f"one of {runs} runs, packed", packed, budget=True),
        _row(f"one of {runs} runs, loose objects", loose),
        _row(f"one of {runs} runs, clone of the branch", _cloned(bench, repo) / runs),
    ]


def _with_store(bench: Bench) -> list[Row]:
    """Weigh clones of repositories with a store, of two sizes: what a run costs must not grow with their number."""
    rows = []
    for runs in (bench.size(100, 20), bench.size(1000, 40)):
        repo = bench.repository("stored")
        store = bench.directory("store")
        subprocess.run(["git", "config", "gtrack.store", f"file://{store}"], cwd=repo, env=bench.env(), check=True)
        bench.work("populate", repo, runs=runs, points=_POINTS, metrics=_METRICS, long_every=_LONG_EVERY)
        _pack(bench, repo)
        each = _cloned(bench, repo) / runs
        away = tree_bytes(repo / ".git" / "gtrack" / "objects") / runs
        what = f"one of {runs} runs with a store, clone of the branch"
        rows.append(_row(f"{what}; {away / 1024:.1f} KB are in the store", each, plain=_PLAIN * 1.9, budget=True))
    total = each * 10_000
    what = "clone of 10,000 such runs, if each costs what these do"
    rows.append(Row(what, f"{total / 1e6:.0f} MB", "", "", "<= 150 MB", total <= 150e6))
    return rows


def _pack(bench: Bench, repo: Path) -> None:
    subprocess.run(["git", "gc", "-q"], cwd=repo, env=bench.env(), check=True)


def _cloned(bench: Bench, repo: Path) -> int:
    """Return the bytes of a clone of the branch alone."""
    clone = bench.directory("clone")
    subprocess.run(
        ["git", "clone", "-q", "--bare", "--single-branch", "--branch", "gtrack", f"file://{repo}", str(clone)],
        env=bench.env(),
        check=True,
    )
    return tree_bytes(clone / "objects")


def _row(what: str, size: float, *, plain: float = _PLAIN, budget: bool = False) -> Row:
    return Row(
        what,
        f"{size / 1024:.1f} KB",
        f"{plain / 1024:.1f} KB of bare records",
        f"{size / plain:.2f}x",
        "<= 15 KB" if budget else "",
        size <= 15 * 1024 if budget else None,
    )
