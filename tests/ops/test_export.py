"""Exports: what other tools read is what gtrack says, nothing half-written stays, and nothing of the user's goes."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spooling import START, end, log, make_repo, open_run, open_worker

from gtrack.curve_tables import curves
from gtrack.errors import MissingExtraError, NetworkError, UsageError
from gtrack.ops import export_place
from gtrack.ops.export import FACTS, export_dataset, with_facts
from gtrack.ops.export_curves import CurveFiles
from gtrack.ops.export_place import MANIFEST, SUCCESS, open_directory, open_file
from gtrack.ops.recover import recover
from gtrack.runs import runs_table
from gtrack.store import opening

EXPERIMENTS = ["churn", "Churn/2026 é", "x" * 300]
IDS = [f"{number:02x}{number:030d}" for number in range(20)]


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    with make_repo(tmp_path_factory.mktemp("export") / "repo") as repo:
        spool = repo.repository.paths.spool
        for number, run_id in enumerate(IDS):
            params = {"lr": 0.1 * number, "layers": [number], "kind": "a" if number % 2 else number}
            code = {"commit": f"{number:040x}", "dirty": False}
            experiment = EXPERIMENTS[number % 3]
            writer = open_run(
                spool, run_id, params=params, code=code, experiment=experiment, rank=0 if number == 5 else -1
            )
            log(writer, [float(number), float("nan"), 1.0])
            log(writer, [1.0, 2.0], key="val/loss")
            if number == 5:
                worker = open_worker(spool, run_id)
                log(worker, [7.0, 8.0])
                end(worker)
            end(writer)
        recover(repo.repository, ())
        yield repo


@pytest.fixture(scope="module")
def runs(repo):
    return repo.search()


def table_of(runs):
    states = [run.state for run in runs]
    return with_facts(runs_table(states), states)


def export(runs, target, keys=None, **options):
    groups = [(runs[0].view, [run.state for run in runs])] if len(runs) else []
    return export_dataset(str(target), table_of(runs), groups, keys, **options)


def files_below(root):
    return sorted(str(path.relative_to(root)) for path in Path(root).rglob("*") if path.is_file())


def rows(table):
    names = ("run", "key", "step", "time", "value", "rank")
    return sorted(map(repr, zip(*(table[name].to_pylist() for name in names), strict=True)))


def test_a_dataset_read_by_another_tool_is_the_curves_of_the_runs(runs, tmp_path):
    done = export(runs, tmp_path / "out")
    found = ds.dataset(tmp_path / "out" / "curves", partitioning="hive").to_table()
    assert rows(found) == rows(curves(runs))
    assert done.points == len(found)
    experiment = {run.id: run.experiment for run in runs}
    told = {*zip(found["run"].to_pylist(), found["experiment"].to_pylist(), strict=True)}
    assert all(name == experiment[run] or experiment[run].startswith(name[:40]) for run, name in told)
    assert {name for _, name in told} >= set(EXPERIMENTS[:2])
    assert pq.read_table(tmp_path / "out" / "runs")["id"].to_pylist() == [run.id for run in runs]


def test_few_files_hold_many_runs_each_sorted_by_key_and_run(runs, tmp_path):
    export(runs, tmp_path / "out")
    parts = sorted((tmp_path / "out" / "curves").rglob("*.parquet"))
    assert len(parts) == len(EXPERIMENTS)
    for part in parts:
        table = pq.read_table(part, partitioning=None)
        order = pc.sort_indices(table, [(name, "ascending") for name in ("key", "run", "step", "time")])
        assert table.take(order).select(["key", "run", "step"]).equals(table.select(["key", "run", "step"]))
        assert pq.ParquetFile(part).metadata.row_group(0).column(1).statistics.max == "val/loss"


def test_only_the_keys_asked_for_are_exported(runs, tmp_path):
    export(runs, tmp_path / "out", frozenset(["val/loss"]))
    found = ds.dataset(tmp_path / "out" / "curves", partitioning="hive").to_table()
    assert rows(found) == rows(curves(runs, "val/loss"))


def test_a_dataset_of_nothing_has_its_columns_all_the_same(runs, tmp_path):
    export(runs[:0], tmp_path / "out")
    found = ds.dataset(tmp_path / "out" / "curves", partitioning="hive").to_table()
    assert (len(found), found.column_names[:6]) == (0, ["run", "key", "step", "time", "value", "rank"])
    assert len(pq.read_table(tmp_path / "out" / "runs")) == 0


def test_facts_are_typed_columns_and_what_is_nested_is_json(runs, tmp_path):
    export(runs, tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "runs")
    row = dict(zip(table.column_names, (column[0].as_py() for column in table.columns), strict=True))
    run = runs[0]
    assert (row["started"], row["params.lr"]) == (datetime.fromtimestamp(START / 1e6, UTC), run.params["lr"])
    assert (table.schema.field("params.kind").type, table.schema.field("metrics.loss").type) == (
        pa.string(),
        pa.float64(),
    )
    assert json.loads(row["code"]) == dict(run.state.code)
    assert json.loads(row["summary"])["val/loss"]["max"] == 2.0
    assert row["error"] is None
    assert {table.schema.field(name).type for name in FACTS} == {pa.string()}


class Place:
    """A directory in memory."""

    mark = ""

    def __init__(self):
        self.made: dict[str, pa.BufferOutputStream] = {}
        self.files: list[str] = []

    def create(self, path):
        self.files.append(path)
        assert path not in self.made
        self.made[path] = stream = pa.BufferOutputStream()
        return stream

    def tables(self):
        return {path: pq.read_table(pa.BufferReader(stream.getvalue())) for path, stream in self.made.items()}


def curve(first, rows_):
    """Rows of two keys, in order."""
    half = rows_ // 2
    key = pa.DictionaryArray.from_arrays(pa.array([0] * half + [1] * (rows_ - half), pa.int32()), pa.array(["a", "b"]))
    step = [*range(half), *range(rows_ - half)]
    times = pa.array(step, pa.timestamp("us", "UTC"))
    value = pa.array([float(first + at) for at in range(rows_)])
    return pa.table({"key": key, "step": pa.array(step, pa.int64()), "time": times, "value": value})


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 25)), max_size=12))
def test_files_and_what_waits_in_memory_are_bounded_and_hold_every_point_once(sizes):
    place = Place()
    files = CurveFiles(place, file_rows=10, held_rows=15)
    expected = []
    for number, (experiment, size) in enumerate(sizes):
        table = curve(100 * number, size)
        files.add(f"run {number}", experiment, table)
        assert sum(files._rows.values()) <= 15
        expected += [(experiment, f"run {number}", value) for value in table["value"].to_pylist()]
    files.finish()
    found = [
        (path.split("/")[1].removeprefix("experiment="), *row)
        for path, table in place.tables().items()
        for row in zip(table["run"].to_pylist(), table["value"].to_pylist(), strict=True)
    ]
    assert sorted(found) == sorted(expected)
    assert all(len(table) <= 10 for table in place.tables().values())
    assert files.points == len(expected)


def test_an_export_takes_the_place_of_an_earlier_one_and_of_nothing_else(runs, tmp_path):
    out = tmp_path / "out"
    export(runs, out)
    with pytest.raises(UsageError, match="is not empty") as caught:
        export(runs, out)
    assert "--overwrite" in (caught.value.hint or "")
    export(runs[:1], out, overwrite=True)
    assert len(pq.read_table(out / "runs")) == 1
    assert len(files_below(out / "curves")) == 1
    mine = out / "curves" / "mine.txt"
    mine.write_text("mine")
    with pytest.raises(UsageError, match=r"what no export made: curves/mine\.txt"):
        export(runs, out, overwrite=True)
    assert mine.read_text() == "mine"
    assert os.listdir(tmp_path) == ["out"]


def test_a_folder_without_a_manifest_is_nobodys_export(runs, tmp_path):
    (tmp_path / SUCCESS).write_text("")
    with pytest.raises(UsageError, match="what no export made: _SUCCESS"):
        export(runs, tmp_path, overwrite=True)
    for content in (None, "not JSON", '{"files": 3}', '["a"]'):
        if content is not None:
            (tmp_path / MANIFEST).write_text(content)
        (tmp_path / "thesis.tex").write_text("years of work")
        with pytest.raises(UsageError, match="what no export made"):
            export(runs, tmp_path, overwrite=True)
        assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_manifest_that_names_what_lies_elsewhere_removes_nothing_there(runs, tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere.txt"
    elsewhere.write_text("mine")
    export(runs, out)
    (out / MANIFEST).write_text(json.dumps({"files": [*files_below(out), "../elsewhere.txt", str(elsewhere)]}))
    export(runs, out, overwrite=True)
    assert elsewhere.read_text() == "mine"


def test_a_link_in_the_place_of_an_export_is_not_followed(runs, tmp_path):
    out, mine = tmp_path / "out", tmp_path / "mine"
    export(runs, out)
    mine.mkdir()
    (mine / "part-00000.parquet").write_text("mine")
    os.symlink(mine, out / "linked")
    with pytest.raises(UsageError, match="what no export made: linked"):
        export(runs, out, overwrite=True)
    os.symlink(out, tmp_path / "other")
    with pytest.raises(UsageError, match="is no directory"):
        export(runs, tmp_path / "other", overwrite=True)
    assert files_below(mine) == ["part-00000.parquet"]


def test_an_empty_folder_is_a_place_and_what_a_folder_becomes_is_marked_whole(runs, tmp_path):
    (tmp_path / "out").mkdir()
    done = export(runs, tmp_path / "out")
    assert files_below(tmp_path / "out") == sorted([*done.files, MANIFEST, SUCCESS])
    listed = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert (listed["files"], listed["runs"], listed["points"]) == (sorted(done.files), len(runs), done.points)


@pytest.mark.parametrize("earlier", [True, False])
def test_an_export_that_fails_leaves_everything_as_it_was(runs, tmp_path, earlier):
    out = tmp_path / "out"
    if earlier:
        export(runs[:3], out)
    before = {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)}

    def stop(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(runs, out, overwrite=True, progress=stop)
    assert {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)} == before
    assert os.listdir(tmp_path) == (["out"] if earlier else [])


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "runs.csv"
    with open_file(str(path)) as file:
        file.write(b"one")
    with pytest.raises(UsageError, match="is there already"), open_file(str(path)):
        pass
    with pytest.raises(RuntimeError), open_file(str(path), overwrite=True) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"one"
    with open_file(path.as_uri(), overwrite=True) as file:
        file.write(b"two")
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"two", ["runs.csv"])
    with pytest.raises(UsageError, match=r"cannot write .*: No such file"), open_file(str(tmp_path / "no" / "x")):
        pass
    with pytest.raises(UsageError, match="is a directory"), open_file(str(tmp_path)):
        pass


def test_a_damaged_run_is_exported_without_its_curves_and_named(repo, runs, tmp_path):
    ((_, oid),) = runs[4].view.files(runs[4].id).of_kind("metrics")
    path = os.path.join(repo.common_dir, "objects", oid[:2], oid[2:])
    os.rename(path, path + ".away")
    try:
        done = export(runs, tmp_path / "out")
    finally:
        os.rename(path + ".away", path)
    found = ds.dataset(tmp_path / "out" / "curves", partitioning="hive").to_table()
    assert set(found["run"].to_pylist()) == {run.id for run in runs} - {runs[4].id}
    assert list(done.damaged) == [runs[4].id]
    assert runs[4].id in json.loads((tmp_path / "out" / MANIFEST).read_text())["damaged"]
    assert len(pq.read_table(tmp_path / "out" / "runs")) == len(runs)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("runs.csv", "runs.csv"),
        ("a:b/c", "a:b/c"),
        ("file:///a%20b/c", "/a b/c"),
        ("file://localhost/a", "/a"),
        ("s3://bucket/x", None),
        ("simplecache::s3://bucket/x", None),
        ("-", "-"),
    ],
)
def test_a_path_is_told_from_a_url(target, path):
    assert export_place.local_path(target) == path


def test_a_url_without_fsspec_names_the_extra(monkeypatch):
    monkeypatch.setattr(opening, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gtrack\[fsspec\]'"):
        open_directory("s3://bucket/x")


@pytest.fixture
def memory():
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield fs
    fs.store.clear()


def test_an_object_store_gets_the_word_that_all_is_there_last(runs, memory, monkeypatch):
    sent = []
    put = memory.put_file
    monkeypatch.setattr(type(memory), "put_file", lambda fs, path, to, **more: (sent.append(to), put(path, to, **more)))
    export(runs, "memory://lake/churn")
    told = [path.rpartition("/")[2] for path in sent]
    assert (told[-2:], told.count(SUCCESS)) == ([MANIFEST, SUCCESS], 1)
    found = ds.dataset("/lake/churn/curves", partitioning="hive", filesystem=memory).to_table()
    assert rows(found) == rows(curves(runs))


def test_an_object_store_is_overwritten_file_by_file_and_never_looks_whole_meanwhile(runs, memory):
    export(runs, "memory://lake/churn")
    before = set(memory.find("/lake"))
    whole = []
    export(
        runs,
        "memory://lake/churn",
        overwrite=True,
        progress=lambda _: whole.append(memory.exists("/lake/churn/_SUCCESS")),
    )
    assert not any(whole)
    assert before & set(memory.find("/lake")) == {f"/lake/churn/{name}" for name in (MANIFEST, SUCCESS)}
    memory.pipe_file("/lake/churn/mine", b"mine")
    with pytest.raises(UsageError, match="what no export made: mine"):
        export(runs, "memory://lake/churn", overwrite=True)
    assert memory.exists("/lake/churn/_SUCCESS")


def test_a_failed_export_leaves_an_object_store_as_it_was(runs, memory):
    export(runs, "memory://lake/churn")
    before = {path: memory.cat_file(path) for path in memory.find("/lake")}

    def stop(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(runs, "memory://lake/churn", overwrite=True, progress=stop)
    assert {path: memory.cat_file(path) for path in memory.find("/lake")} == before


def test_what_fsspec_cannot_do_is_said_in_a_sentence(memory):
    for url, said in (("ftp2://h/x", "Protocol not known"), ("s3://u:secret@h/x", "Invalid bucket name")):
        with pytest.raises((UsageError, NetworkError), match=said) as caught:
            open_directory(url)
        assert "secret" not in str(caught.value)
