"""The rows of runs for the index, read from the branch: of some, or of all by as many processes as there are cores."""

from __future__ import annotations

import json
import marshal
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import BinaryIO

from gtrack.branch.bounded import run_on_trees
from gtrack.branch.bulk import read_runs
from gtrack.branch.repository import Repository
from gtrack.config import environment
from gtrack.index.rows import Rows, rows_of
from gtrack.ops.collecting import without_collection
from gtrack.ops.load import RunFiles, documents_of, load_run_files, run_ids_in
from gtrack.ops.present import fold_now, next_change, without_word

__all__ = ["HelperError", "all_rows", "rows_of_runs", "work"]

_FEW = 50
"""Runs that are read one by one rather than through a process of git's."""
_MANY = 1500
"""Runs for which starting another process pays."""
_MOST_HELPERS = 7
_LARGE, _SMALL = 1500, 80
"""Runs of the largest and of the smallest unit of work."""
_FRAME = 1 << 20
"""Characters of documents that a helper sends at once."""
_WAITING = 16
"""Frames that wait to be stored; then the helpers do."""
_START = "import sys; sys.path.insert(0, sys.argv[1]); from gtrack.ops.index_build import work; work(sys.argv[2])"


class HelperError(Exception):
    """A helper process did not do all of its work."""


def rows_of_runs(repo: Repository, trees: Sequence[str], run_ids: Collection[str], now_us: int) -> Iterator[Rows]:
    """Yield the rows of some runs; those without files are left out.

    Args:
        repo: The repository.
        trees: Root trees of the branch, the one that stands last.
        run_ids: The runs.
        now_us: The present, in microseconds since the epoch.

    Raises:
        DamageError: The trees lead to objects that are missing.
        GitError: Git failed.
    """
    if repo.git is not None and (len(run_ids) >= _FEW or repo.promisors):
        with closing(read_runs(repo, trees, run_ids)) as runs:
            for run_id, entries, blobs in runs:
                yield _rows(documents_of(run_id, entries, blobs), now_us)
        return
    for run_id in sorted(run_ids):
        files = load_run_files(repo, trees, run_id)
        if files.files or files.problems:
            yield _rows(files, now_us)


def all_rows(repo: Repository, trees: Sequence[str], now_us: int, *, alone: bool = False) -> Iterator[Rows]:
    """Yield the rows of all runs, in any order.

    Args:
        repo: The repository.
        trees: Root trees of the branch, the one that stands last.
        now_us: The present, in microseconds since the epoch.
        alone: Start no other processes.

    Raises:
        DamageError: The trees lead to objects that are missing.
        GitError: Git failed.
        HelperError: Another process failed: what was yielded is not all.
    """
    if repo.git is None:
        yield from rows_of_runs(repo, trees, _walk(repo, trees), now_us)
        return
    runs = sum(_count(repo, tree) for tree in trees)
    helpers = 0 if alone or not sys.executable else min(_cores() - 1, _MOST_HELPERS, runs // _MANY)
    units = _units(runs, helpers + 1)
    if helpers < 1:
        for unit in units:
            yield from _rows_below(repo, trees, unit, now_us)
        return
    with _Helpers(repo, trees, units, now_us, helpers) as others:
        yield from others.rows()


def work(text: str) -> None:
    """Be a helper: take units from file descriptor 0, one byte each, and write their rows to 1.

    Args:
        text: What to do, as JSON.
    """
    job = json.loads(text)
    out = open(1, "wb", closefd=False)  # noqa: SIM115  # it ends with the process
    with Repository(job["path"], environment()) as repo, without_collection():
        frame: list[tuple[object, ...]] = []
        size = 0
        while taken := os.read(0, 1):
            for rows in _rows_below(repo, job["trees"], job["units"][taken[0]], job["now"]):
                frame.append(rows.plain())
                size += len(rows.body)
                if size >= _FRAME:
                    _write(out, frame)
                    frame, size = [], 0
        _write(out, frame)
        _write(out, [])  # the end: nothing was left out
    out.flush()


def _rows_below(repo: Repository, trees: Sequence[str], folders: Sequence[str], now_us: int) -> Iterator[Rows]:
    with closing(read_runs(repo, trees, None, folders=folders)) as runs:
        for run_id, entries, blobs in runs:
            yield _rows(documents_of(run_id, entries, blobs), now_us)


def _rows(files: RunFiles, now_us: int) -> Rows:
    state = without_word(fold_now(files.id, files.documents, now_us), now_us)
    if files.problems:
        state = replace(state, problems=(*state.problems, *files.problems))
    return rows_of(state, next_change(state))


def _units(runs: int, workers: int) -> list[list[str]]:
    """Divide the folders into units of work, the large ones first.

    Each costs two processes of git's, and whoever is done last is waited for: a unit is a fair share of half of what is
    left, and never very large or very small.
    """
    shards = [f"runs/{number:02x}/" for number in range(256)]
    most, least = max(1, 256 * _LARGE // max(1, runs)), max(1, 256 * _SMALL // max(1, runs))
    units, at = [], 0
    while at < len(shards):
        size = max(least, min(most, (len(shards) - at) // (2 * workers)))
        units.append(shards[at : at + size])
        at += size
    return units


def _count(repo: Repository, tree: str) -> int:
    """Return about how many runs a tree has: ids are random, so one folder in sixteen tells."""
    assert repo.git is not None
    folders = [f"runs/{number:02x}/" for number in range(7, 256, 16)]
    raw = run_on_trees(repo, ["ls-tree", "-z", "--name-only", "--full-tree", tree, *folders], [tree])
    return raw.count(b"\0") * 16


def _walk(repo: Repository, trees: Sequence[str]) -> set[str]:
    return {run_id for tree in trees for run_id in run_ids_in(repo, tree)}


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def _write(out: BinaryIO, frame: list[tuple[object, ...]]) -> None:
    data = marshal.dumps(frame)
    out.write(len(data).to_bytes(4, "big") + data)


class _Helpers:
    """Processes that fold runs beside this one. All take the next unit from one pipe, a byte each.

    Args:
        repo: The repository.
        trees: Root trees of the branch.
        units: Folders, by units of work.
        now_us: The present.
        count: How many processes to start.
    """

    def __init__(
        self, repo: Repository, trees: Sequence[str], units: Sequence[Sequence[str]], now_us: int, count: int
    ) -> None:
        self._repo, self._trees, self._units, self._now = repo, trees, units, now_us
        self._frames: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._job = json.dumps({"path": repo.paths.git_dir, "trees": trees, "units": units, "now": now_us})
        self._count = count
        self._stack = ExitStack()

    def __enter__(self) -> _Helpers:
        self._taken, given = os.pipe()
        self._stack.callback(os.close, self._taken)
        with open(given, "wb") as pipe:
            pipe.write(bytes(range(len(self._units))))
        try:
            self._processes = [self._start() for _ in range(self._count)]
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _start(self) -> subprocess.Popen[bytes]:
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        argv = [sys.executable, "-P", "-c", _START, package, self._job]
        env = {**self._repo.env, "GIT_DIR": self._repo.paths.git_dir}
        process = subprocess.Popen(argv, stdin=self._taken, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
        self._stack.callback(_end, process)
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        return process

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Put what a process sends in the queue; None when it sends no more."""
        assert process.stdout is not None
        while True:
            try:
                head = process.stdout.read(4)
                data = process.stdout.read(int.from_bytes(head, "big"))
            except (OSError, ValueError):  # closed
                data = b""
            self._frames.put(data or None)
            if not data:
                return

    def rows(self) -> Iterator[Rows]:
        """Yield what the others send, and when nothing waits, do a unit of the work."""
        left = self._count
        whole = 0
        mine = True
        while left:
            if mine and self._frames.empty():
                taken = os.read(self._taken, 1)
                mine = bool(taken)
                if taken:
                    yield from _rows_below(self._repo, self._trees, self._units[taken[0]], self._now)
                continue
            data = self._frames.get()
            if data is None:
                left -= 1
                continue
            frame = marshal.loads(data)  # noqa: S302  # of our own process
            whole += not frame
            for rows in frame:
                yield Rows(*rows)
        if whole < self._count:
            raise HelperError


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    assert process.stdout is not None
    process.stdout.close()
    process.wait()
