"""The index follows the branch: whatever moves, it equals folds from scratch, and costs only the difference."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hostile import blobs, commit, event
from spooling import START, facts_of, finished_run, git, make_repo

from gtrack.branch.commit import FORMAT_FILE, format_file
from gtrack.branch.repository import Repository
from gtrack.clock import iso, now_ns, stamp
from gtrack.format import names, yaml
from gtrack.index.filter import parse
from gtrack.index.opening import index_name
from gtrack.index.query import Query, sort_states
from gtrack.model.summary import MetricSummary
from gtrack.ops import index_build, indexed
from gtrack.ops.view import View
from gtrack.reader import Repo

LOCAL, REMOTE = "refs/heads/gtrack", "refs/remotes/origin/gtrack"
INBOXES = [f"refs/gtrack/remotes/origin/inbox/{digit * 16}/runs" for digit in "ab"]


def run_files(run_id, number=0, started=START):
    metrics = {"loss": MetricSummary.point(float(number), number, started).to_dict()}
    end = {"format": 1, "session": "9c1d7b6e", "status": "finished", "ended": iso(started + 9), "metrics": metrics}
    data = yaml.dump(end)
    folder = names.run_dir(run_id)
    facts = facts_of(run_id, params={"n": number, "model": {"depth": number}}, tags={"owner": "ada"})
    return {
        f"{folder}/run.yaml": yaml.dump({**facts, "started": iso(started)}),
        f"{folder}/{names.end(stamp(started + 9), data)}": data,
    }


class World:
    """A repository whose references are set by hand.

    Attributes:
        files: What each reference has: object ids by path.
    """

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self.files: dict[str, dict[str, tuple[int, str]]] = {}
        self.tips: dict[str, str] = {}

    def add(self, ref, *some):
        """Add files to a reference, in a commit."""
        files = self.files.setdefault(ref, blobs(self.repo, {FORMAT_FILE: format_file(0)}))
        for more in some:
            files.update(blobs(self.repo, more))
        self.move(ref, files)

    def move(self, ref, files):
        parents = [self.tips[ref]] if ref in self.tips else []
        self.files[ref] = dict(files)
        self.tips[ref] = commit(self.repo, files, *parents)
        git(self.repo.paths.common_dir, "update-ref", ref, self.tips[ref])

    def drop(self, ref):
        git(self.repo.paths.common_dir, "update-ref", "-d", ref)
        self.files.pop(ref), self.tips.pop(ref)

    def check(self):
        """The index is what folding everything gives."""
        with closing(Repository(self.repo.paths.root, self.repo.env)) as fresh:
            view = View(fresh)
            expected = sort_states(view._all(), ())
            assert view.states() == expected
            assert view.index.path.endswith(index_name())
            for scope in ("params", "metrics", "tags"):
                assert sum(view.keys(scope).values()) >= sum(bool(getattr(state, scope)) for state in expected)


@pytest.fixture
def world(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        git(tmp_path / "repo", "remote", "add", "origin", "/nowhere")
        yield World(repo.repository)


def ids(view):
    return {state.id for state in view.states()}


@pytest.mark.parametrize("seed", range(6))
def test_after_any_changes_the_index_equals_folds_from_scratch(world, seed):
    chance = random.Random(seed)
    refs, known = [LOCAL, REMOTE, *INBOXES], []

    def new_run(ref):
        known.append(f"{chance.getrandbits(128):032x}")
        world.add(ref, run_files(known[-1], len(known), START + len(known) * 1000))

    def edit(ref):
        folder = names.run_dir(chance.choice(known))
        at = chance.choice([START + chance.randrange(10**6), now_ns() // 1000 + 90_000_000_000])
        world.add(ref, event(folder, {"kind": "rename", "name": f"name {at}", "author": "Ada"}, at))

    def clash(ref):
        run_id = chance.choice(known)
        world.add(ref, {f"{names.run_dir(run_id)}/run.yaml": yaml.dump(facts_of(run_id, name=f"of {ref}"))})

    def unite(ref):
        world.move(ref, {**world.files.get(chance.choice(refs), {}), **world.files.get(ref, {})} or {})

    def rewind(ref):
        files = dict(world.files.get(ref, {}))
        gone = chance.choice(known)
        world.move(ref, {path: entry for path, entry in files.items() if gone not in path})

    def drop(ref):
        if ref in world.tips:
            world.drop(ref)

    new_run(LOCAL)
    world.check()
    for _ in range(25):
        for _ in range(chance.randrange(1, 3)):
            chance.choice([new_run, new_run, edit, edit, clash, unite, rewind, drop])(chance.choice(refs))
        world.check()


def test_without_the_git_executable_too(world, monkeypatch):
    for number in range(5):
        world.add(LOCAL, run_files(f"{number:032x}", number))
        monkeypatch.setattr(world.repo, "git", None)
        with closing(Repository(world.repo.paths.root, {**world.repo.env, "PATH": "/nowhere"})) as blind:
            assert blind.git is None
            assert len(ids(View(blind))) == number + 1
        monkeypatch.undo()


def folded(monkeypatch):
    """Return the list of the ids of all runs that are folded from now on."""
    seen = []
    real = index_build.fold_now

    def fold(run_id, documents, now):
        seen.append(run_id)
        return real(run_id, documents, now)

    monkeypatch.setattr(index_build, "fold_now", fold)
    return seen


@pytest.fixture
def many(world):
    runs = [f"{number:02x}" * 16 for number in range(40)]
    world.add(LOCAL, *(run_files(run_id, n) for n, run_id in enumerate(runs)))
    world.move(REMOTE, world.files[LOCAL])
    world.check()
    return runs


def test_only_runs_that_a_moved_tip_touches_are_folded_again(world, many, monkeypatch):
    seen = folded(monkeypatch)
    assert ids(View(world.repo)) == set(many)
    assert seen == []
    world.add(REMOTE, run_files("f" * 32), event(names.run_dir(many[3]), {"kind": "delete"}, START + 99))
    assert ids(View(world.repo)) == {*many, "f" * 32}
    assert sorted(seen) == sorted([many[3], "f" * 32])


def test_a_tip_that_comes_or_goes_costs_its_difference(world, many, monkeypatch):
    seen = folded(monkeypatch)
    world.move(INBOXES[0], {**world.files[REMOTE], **blobs(world.repo, run_files("e" * 32))})
    assert ids(View(world.repo)) == {*many, "e" * 32}
    assert seen == ["e" * 32]
    world.drop(INBOXES[0])
    assert ids(View(world.repo)) == set(many)
    assert seen == ["e" * 32]


def test_the_first_push_folds_nothing_again(world, many, monkeypatch):
    world.drop(REMOTE)
    assert ids(View(world.repo)) == set(many)
    seen = folded(monkeypatch)
    world.move(REMOTE, world.files[LOCAL])
    assert ids(View(world.repo)) == set(many)
    assert seen == []


DAY = 86_400_000_000


def test_time_alone_changes_a_run(world, monkeypatch):
    now = now_ns() // 1000
    folder = names.run_dir("a" * 32)
    world.add(LOCAL, {f"{folder}/run.yaml": yaml.dump(facts_of("a" * 32, name="early") | {"started": iso(now)})})
    world.add(LOCAL, event(folder, {"kind": "rename", "name": "late"}, now + 90_000_000_000))
    world.add(LOCAL, run_files("b" * 32))
    view = View(world.repo)
    assert (view.state("a" * 32).name, [s.status for s in view.states()]) == ("early", ["running", "finished"])
    seen = folded(monkeypatch)
    for module in (indexed, sys.modules["gtrack.ops.view"]):
        monkeypatch.setattr(module, "now_ns", lambda: (now + 2 * 86_400_000_000) * 1000)
    states = {state.id: state for state in View(world.repo).states()}
    assert (states["a" * 32].name, states["a" * 32].status) == ("late", "lost")
    assert seen == ["a" * 32]


@pytest.mark.parametrize("steps", [(2 * DAY, 0), (2 * DAY, DAY * 3 // 2, 0), (2 * DAY, 0, 2 * DAY, 0)])
def test_what_a_clock_far_ahead_has_changed_is_changed_back_when_it_is_right_again(world, monkeypatch, steps):
    now = now_ns() // 1000
    folder = names.run_dir("a" * 32)
    world.add(LOCAL, {f"{folder}/run.yaml": yaml.dump(facts_of("a" * 32, name="early") | {"started": iso(now)})})
    world.add(LOCAL, event(folder, {"kind": "rename", "name": "late"}, now + DAY * 5 // 4))
    world.add(LOCAL, run_files("b" * 32))
    for ahead in steps:
        for module in (indexed, sys.modules["gtrack.ops.view"]):
            monkeypatch.setattr(module, "now_ns", lambda ahead=ahead: (now + ahead) * 1000)
        found = View(world.repo).state("a" * 32), {s.id: s for s in View(world.repo).states()}["a" * 32]
        assert {(s.name, s.status) for s in found} == {("late", "lost") if ahead else ("early", "running")}
    seen = folded(monkeypatch)
    assert len(View(world.repo).states()) == 2
    assert seen == []


def test_live_runs_join_what_the_index_finds(world, tmp_path):
    world.add(LOCAL, *(run_files(f"{n:032x}", n) for n in range(3)))
    spool = os.path.join(world.repo.paths.home, "spool")
    live = finished_run(spool, values=(7.0,), run_id="d" * 32)
    del live
    view = View(world.repo)
    query = Query(where=parse("metrics.loss >= 1"), order=(), limit=2)
    found = view.find(query)
    assert (len(found.runs), found.total) == (2, 3)
    assert "d" * 32 in {state.id for state in found.runs}
    assert view.keys("metrics") == {"loss": 4}
    assert [view.select(text) for text in ("dddd", "run:" + "d" * 8)] == ["d" * 32] * 2


def test_a_live_run_that_is_recorded_in_part_counts_once(world):
    world.add(LOCAL, run_files("d" * 32, 1), run_files("e" * 32, 2))
    finished_run(os.path.join(world.repo.paths.home, "spool"), values=(7.0,), run_id="d" * 32)
    view = View(world.repo)
    assert (view.keys("metrics"), view.keys("tags")) == ({"loss": 2}, {"owner": 2})
    assert view.keys("params") == {"model.depth": 2, "n": 2}


def index_of(world):
    return Path(world.repo.paths.home, index_name())


def damage_head(path):
    path.write_bytes(b"not a database" * 100)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 // 4096 * 4096 + 100])


def empty(path):
    path.write_bytes(b"")


def scribble(path):
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(bytes(data))


def older(path):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE meta SET value = '0.0.0' WHERE name = 'version'")
        db.execute("DELETE FROM run")


def without_tables(path):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE value")


def a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [damage_head, cut, empty, scribble, older, without_tables, a_folder])
def test_a_damaged_index_is_made_anew(world, many, harm):
    harm(index_of(world))
    world.add(LOCAL, run_files("f" * 32))
    with closing(Repository(world.repo.paths.root, world.repo.env)) as fresh:
        view = View(fresh)
        assert view.states() == sort_states(view._all(), ())
        assert len(view.find(Query(where=parse("params.n >= 0"))).runs) == 41


def test_a_tree_that_git_took_away_since_is_no_trouble(world, many):
    world.add(LOCAL, run_files("f" * 32))
    world.check()
    world.move(LOCAL, {**world.files[REMOTE], **blobs(world.repo, run_files("e" * 32))})
    root = world.repo.paths.common_dir
    git(root, "update-ref", LOCAL, commit(world.repo, world.files[LOCAL]))
    git(root, "reflog", "expire", "--expire=now", "--all")
    git(root, "gc", "-q", "--prune=now")
    with closing(Repository(world.repo.paths.root, world.repo.env)) as fresh:
        assert ids(View(fresh)) == {*many, "e" * 32}


def test_where_the_repository_cannot_be_written_the_index_is_in_the_cache(world, many, tmp_path, monkeypatch):
    shutil.rmtree(world.repo.paths.home)
    Path(world.repo.paths.home).write_text("in the way")
    env = {**world.repo.env, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with closing(Repository(world.repo.paths.root, env)) as fresh:
        assert ids(View(fresh)) == set(many)
    assert len(list((tmp_path / "cache").rglob(index_name()))) == 1
    seen = folded(monkeypatch)
    with closing(Repository(world.repo.paths.root, env)) as fresh:
        assert ids(View(fresh)) == set(many)
    assert seen == []
    (tmp_path / "full").write_text("")
    with closing(Repository(world.repo.paths.root, {**env, "XDG_CACHE_HOME": str(tmp_path / "full")})) as fresh:
        assert ids(View(fresh)) == set(many)
        assert View(fresh).index.path == ":memory:"


LIST = "import gtrack, json; print(json.dumps(sorted(run.id for run in gtrack.Repo('.').runs())))"


def test_processes_that_bring_it_up_to_date_at_once_agree(world):
    root = world.repo.paths.root
    expected = set()
    for number in range(3):
        more = {f"{number * 50 + n:032x}" for n in range(50)}
        expected |= more
        world.add(LOCAL, *(run_files(run_id, 1) for run_id in more))
        started = [
            subprocess.Popen([sys.executable, "-c", LIST], cwd=root, stdout=subprocess.PIPE, env=dict(os.environ))
            for _ in range(4)
        ]
        for process in started:
            out, _ = process.communicate()
            assert process.returncode == 0
            assert set(json.loads(out)) == expected
    world.check()


def test_an_index_that_is_busy_for_too_long_keeps_nobody_waiting(world, many, monkeypatch):
    monkeypatch.setattr("gtrack.index.opening._PATIENCE", 0.05)
    world.add(LOCAL, run_files("f" * 32))
    with closing(sqlite3.connect(index_of(world), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with closing(Repository(world.repo.paths.root, world.repo.env)) as fresh:
            assert len(ids(View(fresh))) == 41
            assert View(fresh).index.path == ":memory:"
    world.check()


KILLED = """
import os, signal, sys
from gtrack.index import store
from gtrack.reader import Repo
real = store.Store.set_tips
def killed(self, tips):
    if sys.argv[1] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, tips)
    os.kill(os.getpid(), signal.SIGKILL)
store.Store.set_tips = killed
Repo(".").runs()
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fresh", [True, False])
def test_a_process_killed_while_it_updates_leaves_the_index_as_it_was(world, many, when, fresh):
    if fresh:
        index_of(world).unlink()
    world.add(LOCAL, *(run_files(f"{n:032x}", n) for n in range(100, 400)))
    argv, root = [sys.executable, "-c", KILLED, when], world.repo.paths.root
    done = subprocess.run(argv, cwd=root, env=dict(os.environ), check=False)
    assert done.returncode == -9
    world.check()


@pytest.mark.parametrize("way", ["helpers", "alone", "failing"])
def test_many_processes_fold_as_one_does(world, monkeypatch, way):
    runs = [f"{n * 7919 % 256:02x}{n:030x}" for n in range(120)]
    world.add(LOCAL, *(run_files(run_id, n) for n, run_id in enumerate(runs)))
    world.move(REMOTE, {**world.files[LOCAL], **blobs(world.repo, run_files("f" * 32))})
    monkeypatch.setattr(index_build, "_MANY", 10)
    monkeypatch.setattr(index_build, "_cores", lambda: 3 if way != "alone" else 1)
    if way == "failing":
        monkeypatch.setattr(index_build, "_START", "import sys; sys.exit(3)")
    world.check()
    assert len(ids(View(world.repo))) == 121


def test_a_repository_is_read_by_its_worktrees_too(world, many, tmp_path):
    git(world.repo.paths.root, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    with Repo(str(tmp_path / "tree")) as repo:
        assert {run.id for run in repo.search("params.n < 3")} == set(many[:3])
    assert index_of(world).exists()
