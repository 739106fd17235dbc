"""Sharing in volume: pushes, fetches and unions of a thousand runs, and a fresh clone of ten thousand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.harness import Bench, Row, interleaved, milliseconds, tree_bytes, wall

TITLE = "Sharing"
NOTE = """\
A remote with the runs of a team, each with 20 params and 10 metrics of 100 noisy points. Pushes, pulls and listings are
fresh processes, in turns, each in fresh copies of clone and remote; files in the page cache, the remote on the same
disk. The code is at the remote already, so that gtrack and git send the same commits. Unions are measured within a
process, with stand-ins for curves; git merge-tree is a process."""

_GTRACK = (sys.executable, "-m", "gtrack")
_MERGE_TREE = (2, 38)
"""The first git that merges without a checkout."""


def measure(bench: Bench) -> list[Row]:
    """Return rows for push, pull, union, the first listing, and the bytes of a clone."""
    team = Team.make(bench, bench.size(10_000, 300), bench.size(1_000, 50))
    return [_push(team), _pull(team), *_union(bench), _first_listing(team), _clone_bytes(team)]


@dataclass(frozen=True)
class Team:
    """A remote and two clones of it, each with runs of its own that the remote lacks.

    Attributes:
        bench: The benchmarks.
        remote: A bare repository with the code and the team's runs, packed as hosts do it.
        ahead: The same with the runs of ``ben`` pushed.
        ben: A clone with new runs on top of the remote's.
        cleo: A clone with a few runs of its own.
        base: How many runs the remote has.
        new: How many ``ben`` has.
    """

    bench: Bench
    remote: Path
    ahead: Path
    ben: Path
    cleo: Path
    base: int
    new: int

    @classmethod
    def make(cls, bench: Bench, base: int, new: int) -> Team:
        """Make the repositories and record the runs."""
        bench.log(f"  sharing: {base:,} + {new:,} runs")
        remote, ahead = bench.directory("remote"), bench.directory("ahead")
        git(bench, bench.root, "clone", "-q", "--bare", str(bench.repository("code", modules=20)), str(remote))
        ann, ben, cleo = (bench.directory(name) for name in ("ann", "ben", "cleo"))
        git(bench, bench.root, "clone", "-q", f"file://{remote}", str(ann))
        bench.work("populate_many", ann, runs=base, points=100, metrics=10, seed=1)
        gtrack(bench, ann, "push")
        git(bench, remote, "repack", "-adfq")
        for seed, (path, runs) in enumerate({ben: new, cleo: new // 10}.items(), 2):
            git(bench, bench.root, "clone", "-q", f"file://{remote}", str(path))
            gtrack(bench, path, "pull")
            bench.work("populate_many", path, runs=runs, points=100, metrics=10, seed=seed)
        shutil.rmtree(ahead)
        copy(remote, ahead)
        git(bench, ben, "push", "-q", f"file://{ahead}", "gtrack")
        assert len(run_ids(bench, ahead)) == base + new
        return cls(bench, remote, ahead, ben, cleo, base, new)

    def copies(self, clone: Path, remote: Path) -> tuple[Path, Path]:
        """Return copies of a clone and of its remote, which know each other."""
        place = self.bench.directory("copies")
        copy(clone, place / "clone")
        copy(remote, place / "remote")
        git(self.bench, place / "clone", "remote", "set-url", "origin", f"file://{place / 'remote'}")
        return place / "clone", place / "remote"


def git(bench: Bench, cwd: Path, *args: str) -> str:
    """Run git, and return what it prints."""
    return subprocess.run(["git", *args], cwd=cwd, env=bench.env(), check=True, capture_output=True, text=True).stdout


def gtrack(bench: Bench, cwd: Path, *args: str) -> None:
    """Run gtrack's command line."""
    subprocess.run([*_GTRACK, *args], cwd=cwd, env=bench.env(), check=True, capture_output=True)


def run_ids(bench: Bench, repo: Path, revision: str = "gtrack") -> set[str]:
    """Return the ids of the runs on a branch, as plain git sees them."""
    listed = git(bench, repo, "ls-tree", "-r", "--name-only", revision).splitlines()
    return {path.split("/")[2] for path in listed if path.endswith("/run.yaml")}


def copy(source: Path, target: Path) -> None:
    """Copy a repository; objects, which nobody changes, are linked."""

    def one(origin: str, place: str) -> None:
        (os.link if "/objects/" in origin else shutil.copy2)(origin, place)

    shutil.copytree(source, target, symlinks=True, copy_function=one)


def _push(team: Team) -> Row:
    expected = git(team.bench, team.ahead, "for-each-ref")

    def push(*argv: str) -> float:
        clone, remote = team.copies(team.ben, team.remote)
        took = wall(argv, clone, team.bench.env())
        assert git(team.bench, remote, "for-each-ref") == expected
        shutil.rmtree(clone.parent)
        return took

    times = interleaved(
        team.bench.size(5, 1),
        gtrack=lambda: push(*_GTRACK, "push"),
        git=lambda: push("git", "push", "-q", "origin", "gtrack"),
    )
    return _beside(f"`gtrack push` of {team.new:,} runs onto {team.base:,}", times, "git push of the same commits")


def _pull(team: Team) -> Row:
    everything = run_ids(team.bench, team.ahead) | run_ids(team.bench, team.cleo)

    def pull(*argv: str, joins: bool) -> float:
        clone, _ = team.copies(team.cleo, team.ahead)
        took = wall(argv, clone, team.bench.env())
        revision = "gtrack" if joins else "origin/gtrack"
        assert run_ids(team.bench, clone, revision) == (everything if joins else run_ids(team.bench, team.ahead))
        shutil.rmtree(clone.parent)
        return took

    times = interleaved(
        team.bench.size(5, 1),
        gtrack=lambda: pull(*_GTRACK, "pull", joins=True),
        git=lambda: pull("git", "fetch", "-q", "origin", joins=False),
    )
    what = f"`gtrack pull` of {team.new:,} runs into {team.base:,} and {team.new // 10:,} of one's own"
    return _beside(what, times, "git fetch of the same commits")


def _union(bench: Bench) -> list[Row]:
    base, more = bench.size(10_000, 300), bench.size(1_000, 50)
    answers, merges = [], []
    for seed in range(bench.size(3, 1)):
        path, fresh = bench.directory("union"), bench.directory("merge")
        git(bench, path, "init", "-q", "--bare")
        answers.append(bench.work("union", path, base=base, one=more, two=more, seed=seed))
        # Only what the branches lead to: the union itself must not be there yet when git makes it.
        git(bench, bench.root, "clone", "-q", "--bare", f"file://{path}", str(fresh))
        if _git_version(bench) >= _MERGE_TREE:
            merges.append(wall(["git", "merge-tree", "--write-tree", "one", "two"], fresh, bench.env()))
    rows = []
    for way in ("push: two on a published one", "both on a published base"):
        took = median(answer[way]["wall"] for answer in answers)
        cpu = median(answer[way]["cpu"] for answer in answers)
        rows.append(
            Row(
                f"union of {base:,} + {more:,} + {more:,} runs, {way.removeprefix('push: ')}",
                f"{milliseconds(took)} (processor time {milliseconds(cpu)})",
                f"git merge-tree: {milliseconds(median(merges))}" if merges else "git merge-tree is missing here",
                f"{took / median(merges):.1f}x" if merges else "",
                "<= 500 ms",
                took <= 0.5,
            )
        )
    return rows


def _git_version(bench: Bench) -> tuple[int, ...]:
    return tuple(int(part) for part in git(bench, bench.root, "--version").split()[2].split(".")[:2])


def _first_listing(team: Team) -> Row:
    def first(*argv: str) -> float:
        clone = team.bench.directory("fresh")
        git(team.bench, team.bench.root, "clone", "-q", str(team.remote), str(clone))
        took = wall(argv, clone, team.bench.env())
        shutil.rmtree(clone)
        return took

    times = interleaved(
        team.bench.size(5, 1),
        gtrack=lambda: first(*_GTRACK, "ls"),
        git=lambda: first("git", "log", "--format=%s", "origin/gtrack"),
    )
    return _beside(f"first `gtrack ls` in a fresh clone of {team.base:,} runs", times, "git log", 2.5)


def _clone_bytes(team: Team) -> Row:
    clone = team.bench.directory("bare")
    args = ["clone", "-q", "--bare", "--single-branch", "--branch", "gtrack"]
    git(team.bench, team.bench.root, *args, f"file://{team.remote}", str(clone))
    size, plain = tree_bytes(clone / "objects"), team.base * 10 * 100 * 32
    return Row(
        f"clone of the branch with {team.base:,} runs",
        f"{size / 1e6:.1f} MB, {size / team.base / 1024:.1f} KB a run",
        f"{plain / 1e6:.0f} MB of bare records",
        f"{size / plain:.2f}x",
        "<= 150 MB",
        size <= 150e6,
    )


def _beside(what: str, times: dict[str, list[float]], baseline: str, budget: float | None = None) -> Row:
    ours, theirs = median(times["gtrack"]), median(times["git"])
    row = Row(what, milliseconds(ours), f"{baseline}: {milliseconds(theirs)}", f"{ours / theirs:.1f}x")
    if budget is None:
        return row
    return Row(row.what, row.measured, row.baseline, row.ratio, f"<= {budget} s", ours <= budget)
