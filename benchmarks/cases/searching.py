"""Filter and sort many runs, beside MLflow and trackio; and what the index costs when something has moved."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import HERE, VENVS, Bench, Row, ask, bootstrap, interleaved, milliseconds, wall
from benchmarks.work.search_facts import LIMIT, ORDER, WHERE

TITLE = "Searching"
NOTE = f"""\
Runs of 20 params, 10 metrics and 5 tags, one value a metric, the same in every tracker, in packed repositories and in
databases filled by one transaction. The question: `{WHERE}`, by `{ORDER}`, {LIMIT} runs; all answer it with the same
runs. Fresh processes in turns, files in the page cache. MLflow returns a list, since its table would take longer;
trackio has no search, and is asked in SQL as `trackio query` does. An index is new where it says so; what a move adds
is the search after it less the one after that, in one warm process. Memory is the most that a process has resident."""

_LS = (sys.executable, "-m", "gtrack", "ls", "--where", WHERE, "--sort", "-metrics.val_auc", "-n", str(LIMIT))
_LOCAL, _REMOTE = "refs/heads/gtrack", "refs/remotes/origin/gtrack"
_INBOX = "refs/gtrack/remotes/origin/inbox/00112233445566ff/runs"
_PEERS = ("mlflow", "trackio")
_TITLES = {"bare": "python -c pass"}
_MORE = 10
_MOVED = 0.100


def measure(bench: Bench) -> list[Row]:
    """Return rows of listings, searches, new indexes and moves, for ten thousand and for a hundred thousand runs."""
    rows: list[Row] = []
    few, lots = bench.size(10_000, 200), bench.size(100_000, 1_000)
    for runs, first, cold in ((few, 2.5, 0.150), (lots, None, 0.300)):
        bench.log(f"  searching: {runs:,} runs")
        many = Many.make(bench, runs)
        rows += [_new_index(many, first), _cold(many, cold), *_warm(many), *_moves(many)]
        if runs == few:
            rows.append(_fetched(many, bench.size(1_000, 50)))
        shutil.rmtree(many.place)
    missing = [peer for peer in _PEERS if not _installed(peer)]
    return rows + [
        Row(f"{peer} is not installed: `python -m benchmarks peers` does it", "not measured") for peer in missing
    ]


@dataclass(frozen=True)
class Many:
    """Very many runs, in gtrack and in those of its peers that are installed.

    Attributes:
        bench: The benchmarks.
        place: The directory of it all.
        runs: How many.
        peers: What each peer said when it had been given the runs: its title, the bytes and seconds that they took.
    """

    bench: Bench
    place: Path
    runs: int
    peers: dict[str, dict[str, Any]]

    @classmethod
    def make(cls, bench: Bench, runs: int) -> Many:
        """Make the runs: a bare repository that hosts them, a clone that has them too, and the peers' databases."""
        place, source = bench.directory("many"), bench.repository("source", modules=20)
        many = cls(bench, place, runs, {})
        bench.work("populate_many", source, runs=runs, batch=_MORE)
        many.git(source, "repack", "-adfq")
        many.git(place, "clone", "-q", "--bare", str(source), str(many.remote))
        shutil.rmtree(source)
        many.git(place, "clone", "-q", f"file://{many.remote}", str(many.clone))
        many.git(many.clone, "update-ref", _LOCAL, _REMOTE)
        for peer in filter(_installed, _PEERS):
            many.peers[peer] = many.ask(peer, "populate", runs=runs)
        return many

    @property
    def remote(self) -> Path:
        """The bare repository."""
        return self.place / "remote"

    @property
    def clone(self) -> Path:
        """The clone; its local branch is where the remote's is."""
        return self.place / "clone"

    @property
    def indexes(self) -> list[Path]:
        """The files of the clone's index."""
        return list((self.clone / ".git" / "gtrack").glob("index-v*.sqlite*"))

    def git(self, cwd: Path, *args: str) -> str:
        """Run git, and return what it prints."""
        argv = ["git", *args]
        return subprocess.run(argv, cwd=cwd, env=self.bench.env(), check=True, capture_output=True, text=True).stdout

    def more(self, runs: int, seed: int) -> str:
        """Return a commit in the remote with that many runs more; no branch leads to it."""
        path, name = self.bench.directory("more"), f"refs/more/{seed}"
        self.git(path.parent, "clone", "-q", "--shared", str(self.remote), str(path))
        self.git(path, "update-ref", _LOCAL, _REMOTE)
        self.bench.work("populate_many", path, runs=runs, seed=seed, batch=_MORE)
        self.git(path, "push", "-q", "origin", f"{_LOCAL}:{name}")
        commit = self.git(path, "rev-parse", _LOCAL).strip()
        shutil.rmtree(path)
        return commit

    def ls(self, cwd: Path | None = None) -> float:
        """Return the seconds of a listing in a fresh process."""
        return wall(_LS, cwd or self.clone, self.bench.env())

    def command(self, peer: str, task: str, **options: object) -> list[str]:
        """Return the command line of one of a peer's tasks."""
        script = str(HERE / "peers" / f"search_with_{peer}.py")
        return [str(_python(peer)), script, task, json.dumps({"place": str(self.place / peer), **options})]

    @property
    def peer_env(self) -> dict[str, str]:
        """The environment of the peers' processes."""
        return {**self.bench.env(), "PYTHONPATH": str(HERE / "work"), "PYTHONNOUSERSITE": "1"}

    def ask(self, peer: str, task: str, **options: object) -> Any:
        """Do one of a peer's tasks, and return its answer."""
        return ask(self.command(peer, task, **options), self.place, self.peer_env)

    def title(self, name: str) -> str:
        """Return what a row calls a contestant."""
        return str(self.peers[name]["tracker"]) if name in self.peers else _TITLES.get(name, name)


def _python(peer: str) -> Path:
    return VENVS / peer / "bin" / "python"


def _installed(peer: str) -> bool:
    return _python(peer).exists()


def _new_index(many: Many, budget: float | None) -> Row:
    times, peaks = [], []
    for _ in range(many.bench.size(3, 1)):
        for path in many.indexes:
            path.unlink()
        answer = many.bench.work("search_process", many.clone, argv=_LS)
        times.append(answer["seconds"])
        peaks.append(answer["peak"])
    took, size = median(times), sum(path.stat().st_size for path in many.indexes)
    return Row(
        f"first `gtrack ls` of {many.runs:,} runs, without an index",
        f"{took:.2f} s, {max(peaks):.0f} MiB",
        ", ".join(
            [f"index: {_mb(size)}", *(f"{peer['tracker']}: {_mb(peer['bytes'])}" for peer in many.peers.values())]
        ),
        budget=f"<= {budget} s" if budget else "",
        passed=took <= budget if budget else None,
    )


def _cold(many: Many, budget: float) -> Row:
    env = many.bench.env()
    peers = {
        peer: partial(wall, many.command(peer, "search", rounds=0), many.place, many.peer_env) for peer in many.peers
    }
    times = interleaved(
        many.bench.size(9, 2),
        ls=many.ls,
        bare=lambda: wall([sys.executable, "-c", "pass"], many.clone, env),
        **peers,
    )
    took, low, high = bootstrap(times["ls"])
    theirs = {name: median(times[name]) for name in times if name != "ls"}
    memory = many.bench.work("search_process", many.clone, argv=_LS)["peak"]
    return Row(
        f"`gtrack ls --where --sort` of {many.runs:,} runs, cold",
        f"{milliseconds(took)}, {memory:.0f} MiB",
        ", ".join(f"{many.title(name)}: {milliseconds(seconds)}" for name, seconds in theirs.items()),
        _times(theirs.get("mlflow"), took),
        f"<= {milliseconds(budget)}",
        True if high <= budget else False if low > budget else None,
    )


def _warm(many: Many) -> list[Row]:
    """The same in a process that has searched before, and what is only needed the first time."""
    rounds = many.bench.size(9, 2)
    answers = {"gtrack": many.bench.work("search_in_process", many.clone, rounds=rounds)}
    answers |= {peer: many.ask(peer, "search", rounds=rounds) for peer in many.peers}
    ours = answers["gtrack"]
    rows = []
    for peer, answer in answers.items():
        # By name: the one run that gtrack recorded has an id that nobody chose.
        assert answer["names"] == ours["names"], f"{peer} found {answer['names']}, gtrack {ours['names']}"
        rows.append(
            Row(
                f"search {many.runs:,} runs from Python, again: {many.title(peer)}",
                milliseconds(answer["warm"]),
                f"import {milliseconds(answer['import'])}, first search {milliseconds(answer['first'])}, "
                f"{answer['peak']:.0f} MiB",
                "" if peer == "gtrack" else _times(answer["warm"], ours["warm"]),
            )
        )
    return rows


def _moves(many: Many) -> list[Row]:
    """What ten runs more, or less, cost: on the local branch, the remote's, in an inbox."""
    start, after = many.git(many.clone, "rev-parse", _LOCAL).strip(), many.more(_MORE, seed=1)
    many.git(many.clone, "fetch", "-q", "origin", "refs/more/1")
    moves = {
        f"{_MORE} runs more on the local branch": (_LOCAL, start),
        f"the remote's tip moved by {_MORE} runs": (_REMOTE, start),
        f"a second tip (inbox) with {_MORE} runs more": (_INBOX, None),
    }
    rows = []
    for what, (ref, before) in moves.items():
        still = many.ls()
        many.git(many.clone, "update-ref", ref, after)
        cold = many.ls()
        many.git(many.clone, "update-ref", *([ref, before] if before else ["-d", ref]))
        options: dict[str, Any] = {"ref": ref, "before": before, "after": after, "rounds": many.bench.size(5, 2)}
        answer = many.bench.work("search_moves", many.clone, **options)
        beside = f"`gtrack ls` cold: {milliseconds(cold)}, where nothing moved {milliseconds(still)}"
        rows.append(_move(f"{what}, {many.runs:,} runs", answer["forth"], beside))
        if ref != _LOCAL:
            rows.append(_move(f"... and back: {'the tip is dropped' if before is None else 'rewound'}", answer["back"]))
    return rows


def _move(what: str, seconds: float, beside: str = "") -> Row:
    return Row(what, f"+ {milliseconds(max(0.0, seconds))}", beside, "", "<= 100 ms", seconds <= _MOVED)


def _fetched(many: Many, runs: int) -> Row:
    """A colleague's runs arrive by a plain ``git fetch``."""
    after = many.more(runs, seed=2)
    many.git(many.remote, "update-ref", _LOCAL, after)
    fetches, lists = [], []
    many.ls()
    for _ in range(many.bench.size(3, 1)):
        clone = many.bench.directory("fetching")
        shutil.copytree(many.clone, clone, symlinks=True, dirs_exist_ok=True)
        fetches.append(wall(["git", "fetch", "-q", "origin"], clone, many.bench.env()))
        lists.append(many.ls(clone))
        shutil.rmtree(clone)
    took = median(lists)
    return Row(
        f"`gtrack ls` after a `git fetch` of {runs:,} runs into {many.runs:,}",
        milliseconds(took),
        f"git fetch: {milliseconds(median(fetches))}",
        f"{took / median(fetches):.1f}x",
    )


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"


def _times(theirs: float | None, ours: float) -> str:
    return "" if theirs is None else f"{theirs / ours:.1f}x" if theirs < 10 * ours else f"{theirs / ours:,.0f}x"
