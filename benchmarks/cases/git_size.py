"""What a run costs in git: 20 params, 10 metrics of 100 points, packed."""

from __future__ import annotations

import subprocess

from benchmarks.harness import Bench, Row, tree_bytes

TITLE = "Size in git"
NOTE = "Noisy float64 curves, 20 params. Spooled journals, which are kept for a day after sealing, are not counted."


def measure(bench: Bench) -> list[Row]:
    """Return rows for the packed repository and for a clone of the branch."""
    runs = bench.size(200, 40)
    repo = bench.repository("weighed")
    env = bench.env()
    subprocess.run(["git", "gc", "-q"], cwd=repo, env=env, check=True)
    before = tree_bytes(repo / ".git" / "objects")
    bench.work("populate", repo, runs=runs, points=100, metrics=10)
    loose = (tree_bytes(repo / ".git" / "objects") - before) / runs
    subprocess.run(["git", "gc", "-q"], cwd=repo, env=env, check=True)
    packed = (tree_bytes(repo / ".git" / "objects") - before) / runs
    clone = bench.directory("clone")
    subprocess.run(
        ["git", "clone", "-q", "--bare", "--single-branch", "--branch", "gtrack", f"file://{repo}", str(clone)],
        env=env,
        check=True,
    )
    cloned = tree_bytes(clone / "objects") / runs
    plain = f"{10 * 100 * 32 / 1024:.1f} KB of bare records"
    return [
        Row(
            f"one of {runs} runs, packed",
            f"{packed / 1024:.1f} KB",
            plain,
            f"{packed / 32_000:.2f}x",
            "<= 15 KB",
            packed <= 15 * 1024,
        ),
        Row(f"one of {runs} runs, loose objects", f"{loose / 1024:.1f} KB", plain, f"{loose / 32_000:.2f}x"),
        Row(f"one of {runs} runs, clone of the branch", f"{cloned / 1024:.1f} KB", plain, f"{cloned / 32_000:.2f}x"),
    ]
