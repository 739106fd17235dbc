"""The index in many hands: other processes, threads and forked children, and files that are replaced or another's."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hostile import blobs, commit, event
from spooling import START, facts_of, git, make_repo

from gtrack.branch.commit import FORMAT_FILE, format_file
from gtrack.branch.repository import Repository
from gtrack.clock import iso, stamp
from gtrack.format import names, yaml
from gtrack.index.filter import parse
from gtrack.index.opening import index_name, open_store
from gtrack.index.query import Query
from gtrack.index.rows import rows_of
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.indexed import open_index
from gtrack.ops.view import View
from gtrack.reader import Repo


def run(number: int, **facts: object) -> RunState:
    return RunState(f"{number:032x}", f"run {number}", "default", "finished", started=START + number, **facts)  # type: ignore[arg-type]


def put(store, *runs):
    with store.transaction():
        store.discard([state.id for state in runs])
        store.put(map(rows_of, runs))


@pytest.fixture
def two(tmp_path):
    """Two connections to one index."""
    stores = [open_store([str(tmp_path / "index.sqlite")], "test") for _ in range(2)]
    yield stores
    for store in stores:
        store.close()


def test_an_answer_is_of_one_moment_whatever_others_write_meanwhile(two):
    reader, writer = two
    put(writer, run(1), run(2))
    writer._db.execute("PRAGMA busy_timeout = 0")
    attempts = []

    def meanwhile(sql):
        if sql.startswith("SELECT run, body"):  # between the question and what it found
            try:
                put(writer, run(2, tags={"late": 1}), run(1))
            except sqlite3.OperationalError as error:
                attempts.append(str(error))

    reader._db.set_trace_callback(meanwhile)
    found, total = reader.find(Query(), now_us=START)
    reader._db.set_trace_callback(None)
    assert ([state.id for state in found], total) == ([run(2).id, run(1).id], 2)
    assert found[0] == run(2)
    assert attempts == ["database is locked"]


def test_numbers_of_keys_are_not_remembered_of_an_index_that_another_process_made_anew(two):
    reader, writer = two
    put(writer, run(1, params={"a": 1, "b": 2}, environment={"os": "one"}))
    query = Query(where=parse("params.a = 1"))
    assert reader.find(query, now_us=START)[1] == 1
    with writer.transaction():
        writer.clear()
        writer.put(map(rows_of, [run(1, params={"b": 1, "a": 2}, environment={"os": "two"})]))
    found, total = reader.find(Query(where=parse("params.b = 1")), now_us=START)
    assert total == 1
    assert found[0].environment == {"os": "two"}
    assert reader.find(query, now_us=START)[1] == 0


def files_of(run_id, number=0, **facts):
    return {f"{names.run_dir(run_id)}/run.yaml": yaml.dump(facts_of(run_id, params={"n": number}, **facts))}


class Place:
    """A repository that some runs are put into."""

    def __init__(self, root):
        self.root = root
        with make_repo(root) as repo:
            self.env = repo.repository.env
        self.files = {}
        self.tip = ()

    def open(self, **env):
        return Repository(str(self.root), {**self.env, **env})

    def add(self, *some):
        with closing(self.open()) as repo:
            self.files.update(blobs(repo, {FORMAT_FILE: format_file(0)}))
            for files in some:
                self.files.update(blobs(repo, files))
            self.tip = (commit(repo, self.files, *self.tip),)
        git(self.root, "update-ref", "refs/heads/gtrack", *self.tip)

    @property
    def index(self):
        return self.root / ".git" / "gtrack" / index_name()


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path / "repo")
    made.add(*(files_of(f"{n:032x}", n) for n in range(20)))
    return made


def ids(repo):
    return sorted(int(state.id, 16) for state in View(repo).states())


def test_threads_take_turns_with_one_repository(place):
    wrong = []

    def search(repo, limit):
        try:
            for _ in range(8):
                view = View(repo)
                found = view.find(Query(where=parse(f"params.n < {limit} OR params.n LIKE 'x%'"))).runs
                if len(found) != limit or view.keys("params")["n"] < 20:
                    wrong.append((limit, len(found)))
        except BaseException as error:
            wrong.append(error)

    with closing(place.open()) as repo:
        threads = [threading.Thread(target=search, args=(repo, limit)) for limit in range(3, 9)]
        for thread in threads:
            thread.start()
        for number in range(30, 34):
            place.add(files_of(f"{number:032x}", number))
        for thread in threads:
            thread.join()
        assert wrong == []
        assert ids(repo) == [*range(20), *range(30, 34)]


def _child(repo, store, go, out):
    go.wait()
    with Repo(repo.paths.root, env=repo.env) as other:
        out.put((open_index(repo) is store, ids(repo), len(other.search("params.n < 5"))))
    repo.close()


def test_threads_that_need_the_index_at_once_open_it_once(place):
    with closing(place.open()) as repo:
        ready, opened = threading.Barrier(6), []

        def need():
            ready.wait()
            opened.append(open_index(repo))

        threads = [threading.Thread(target=need) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(opened) == 6
        assert len(set(map(id, opened))) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_opens_an_index_of_its_own(place):
    with closing(place.open()) as repo:
        assert len(ids(repo)) == 20
        store = open_index(repo)
        fork = multiprocessing.get_context("fork")
        go, out = fork.Event(), fork.SimpleQueue()
        child = fork.Process(target=_child, args=(repo, store, go, out))
        child.start()
        place.add(files_of("f" * 32))
        go.set()
        inherited, found, searched = out.get()
        child.join()
        assert (child.exitcode, inherited, len(found), searched) == (0, False, 21, 6)
        assert len(ids(repo)) == 21
        assert open_index(repo) is store
        out.close()


@pytest.mark.parametrize("way", ["deleted", "replaced"])
def test_an_open_index_whose_file_is_gone_is_left_for_the_one_that_is_there(place, way):
    with closing(place.open()) as first, closing(place.open()) as second:
        assert len(ids(first)) == 20
        place.index.unlink()
        if way == "replaced":
            assert len(ids(second)) == 20
            inode = place.index.stat().st_ino
        place.add(files_of("f" * 32))
        assert len(ids(first)) == 21
        assert open_index(first).path == str(place.index)
        if way == "replaced":
            assert place.index.stat().st_ino == inode
        place.add(files_of("e" * 32))
        assert len(ids(second)) == len(ids(first)) == 22


def test_a_view_outlives_the_repository_that_was_closed(place):
    with closing(place.open()) as repo:
        view = View(repo)
        assert len(view.states()) == 20
    assert view.find(Query(where=parse("params.n = 3"))).total == 1
    assert view.select("0" * 31 + "5") == "0" * 31 + "5"
    repo.close()


def scribble(path, first):
    data = bytearray(path.read_bytes())
    data[first:] = os.urandom(len(data) - first)
    path.write_bytes(bytes(data))


def zero_documents(path):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE document SET body = '[]'")


def lose_documents(path):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM document")


@pytest.mark.parametrize("harm", [zero_documents, lose_documents, "pages"])
def test_damage_that_shows_only_when_asked_is_repaired_too(place, harm):
    with closing(place.open()) as repo:
        assert len(ids(repo)) == 20
    if harm == "pages":
        with closing(sqlite3.connect(place.index)) as db:
            (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'document'").fetchone()
            (size,) = db.execute("PRAGMA page_size").fetchone()
        data = bytearray(place.index.read_bytes())
        data[(page - 1) * size : page * size] = os.urandom(size)
        place.index.write_bytes(bytes(data))
    else:
        harm(place.index)
    with closing(place.open()) as repo:
        assert ids(repo) == list(range(20))
        assert open_index(repo).path == str(place.index)


def test_a_filter_that_sqlite_cannot_take_costs_no_index(place):
    with closing(place.open()) as repo:
        assert len(ids(repo)) == 20
        store = open_index(repo)

        def question(index):
            with index.reading() as db:
                db.execute("SELECT no_such_function(1)")

        with pytest.raises(sqlite3.OperationalError):
            View(repo).ask(question)
        assert open_index(repo) is store


def test_a_disk_that_fills_up_costs_the_update_and_nothing_else(place, tmp_path):
    with closing(place.open(XDG_CACHE_HOME=str(tmp_path / "cache"))) as repo:
        assert len(ids(repo)) == 20
        db = open_index(repo)._db
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        place.add({f"{names.run_dir('f' * 32)}/run.yaml": yaml.dump(facts_of("f" * 32, params={"x": "x" * 60_000}))})
        assert len(ids(repo)) == 21
        assert open_index(repo).path.startswith(str(tmp_path / "cache"))
    assert place.index.stat().st_size > 0
    with closing(place.open()) as repo:
        assert len(ids(repo)) == 21
        assert open_index(repo).path == str(place.index)


BIG = {"last": 1.0, "step": 10**30, "time": iso(START), "min": -1.0, "argmin": 2**64, "max": 1.0, "argmax": -(10**400),
       "count": 2**63, "nan": 2**70}  # fmt: skip


def test_a_forged_number_beyond_64_bits_hides_nobodys_runs(place):
    run_id = "a" * 32
    end = {"format": 1, "session": "9c1d7b6e", "status": "finished", "ended": iso(START + 9), "metrics": {"m": BIG}}
    data = yaml.dump(end)
    path = f"{names.run_dir(run_id)}/{names.end(stamp(START + 9), data)}"
    place.add(files_of(run_id), {path: data})
    with closing(place.open()) as repo:
        view = View(repo)
        assert view.states() == sorted(view._all(), key=lambda state: (state.started, state.id), reverse=True)
        assert len(view.states()) == 21
        assert view.find(Query(where=parse("step(metrics.m) > 5"))).total in (0, 1)
        place.add(event(names.run_dir(run_id), {"kind": "delete"}, START + 99))
        assert View(repo).find(Query()).total == 20


def nested(levels: int, key: int, leaves: int) -> dict[str, object]:
    """Return a map whose joined keys have many times its size."""
    inner: dict[str, object] = {f"{n:x}": 1 for n in range(leaves)}
    for level in range(levels):
        inner = {f"{level}".ljust(key, "k"): inner}
    return inner


def test_a_small_document_cannot_make_a_large_index(place):
    with closing(place.open()) as repo:
        ids(repo)
        before = place.index.stat().st_size
        bomb = nested(55, 500, 40_000)
        place.add(
            files_of("a" * 32) | {f"{names.run_dir('b' * 32)}/run.yaml": yaml.dump(facts_of("b" * 32, params=bomb))}
        )
        assert len(ids(repo)) == 22
        assert place.index.stat().st_size - before < 16 << 20
        assert View(repo).state("b" * 32).params == bomb


@pytest.fixture
def public():
    """A directory that every user of the machine may look into, as pytest's own may not be."""
    with tempfile.TemporaryDirectory(prefix="gtrack-index-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


SEARCH = "import gtrack, sys; print(len(gtrack.Repo('.').search('params.n >= 0')))"


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
@pytest.mark.parametrize("stale", [False, True])
def test_an_index_that_is_another_users_is_left_alone(public, stale):
    place = Place(public / "repo")
    place.add(*(files_of(f"{n:032x}", n) for n in range(20)))
    with closing(place.open()) as repo:
        assert len(ids(repo)) == 20
    if stale:
        place.add(files_of("f" * 32))
    subprocess.run(["chmod", "-R", "a+rX", str(place.root)], check=True)
    home = public / "home"
    home.mkdir()
    os.chown(home, 12345, 12345)
    env = {**place.env, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"),
           "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
           "PYTHONPATH": str(Path(__file__).parents[2] / "src"), "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    (home / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")
    user = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    done = subprocess.run(
        [*user, sys.executable, "-c", SEARCH], cwd=place.root, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "21" if stale else "20"), done.stderr
    assert len(list(home.rglob(index_name()))) == 1


def test_a_path_that_is_no_text_is_one_for_sql_too(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9 ?#%41\n"
    os.mkdir(folder)
    made = Place(Path(os.fsdecode(folder)))
    made.add(files_of("a" * 32))
    with closing(made.open()) as repo:
        assert View(repo).sql("SELECT count(*) FROM runs").rows == [(1,)]
        assert open_index(repo).path == str(made.index)


def test_the_point_of_a_metric_stays_exact():
    state = run(1, metrics={"m": MetricSummary.point(0.5, 2**63 - 1, START)})
    assert rows_of(state).metrics[0][2] == 2**63 - 1
