"""The curves of many runs as one table: what each run says for itself, from a few git processes."""

from __future__ import annotations

import contextlib
import os

import psutil
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spooling import SESSION, end, log, make_repo, open_resume, open_run, open_worker

from gtrack.branch import cat_file
from gtrack.branch.bulk import read_runs
from gtrack.branch.objects import BLOB
from gtrack.curve_tables import curves
from gtrack.errors import DamageError, NotFoundError
from gtrack.ops import curves as one
from gtrack.ops import many_curves as many
from gtrack.ops.recover import recover
from gtrack.ops.sealing import seal_spools
from gtrack.ops.series import concatenate
from gtrack.ops.view import View
from gtrack.spool.directory import SpoolRun

KEYS = ["loss", "val_loss", "epoch time", "accuracy", "nobody logged it"]
IDS = [f"{number:02x}{number:030d}" for number in range(24)]
LIVE, SEGMENTED = IDS[-2:]


def make_run(spool, number, run_id, close):
    """Make a run in one of six ways; the last two go on."""
    writer = open_run(spool, run_id, rank=0 if number % 6 == 3 else -1)
    log(writer, [float(number), float("nan"), 1.0, 0.5])
    log(writer, [number / 7], key="accuracy")  # one value stands in the summary alone
    if number % 6 == 1:
        log(writer, [2.0, 1.0, 3.0], key="val_loss", first=-1)
    if number % 6 == 2:  # steps out of order, and steps twice
        log(writer, [9.0, 8.0], first=-5)
        log(writer, [7.0], first=2)
    if number % 6 == 3:
        worker = open_worker(spool, run_id)
        log(worker, [10.0, 20.0])
        end(worker)
    if run_id in (LIVE, SEGMENTED):
        close.callback(writer.close)
        return writer
    end(writer)
    if number % 6 == 4:
        again = open_resume(spool, SESSION, run_id)
        log(again, [5.0, 4.0], first=2)
        log(again, [1.0, 1.5], key="epoch time")
        end(again)
    return writer


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    with make_repo(tmp_path_factory.mktemp("many") / "repo") as repo, contextlib.ExitStack() as close:
        spool = repo.repository.paths.spool
        writers = {run_id: make_run(spool, number, run_id, close) for number, run_id in enumerate(IDS)}
        recover(repo.repository, ())
        with repo.repository.lock():
            seal_spools(repo.repository, [SpoolRun(f"{spool}/{SEGMENTED}")], live=True)
        log(writers[SEGMENTED], [0.25, 0.125], first=4)
        yield repo


@pytest.fixture(scope="module")
def runs(repo):
    return {run.id: run for run in repo.search()}


def rows(table, run_id=None):
    """Return a table's rows as text, in which NaN equals itself; those of one run with its id."""
    names = [name for name in ("key", "step", "time", "value", "rank") if name in table.column_names]
    found = [
        {"rank": None, **dict(zip(names, row, strict=True))}
        for row in zip(*(table[n].to_pylist() for n in names), strict=True)
    ]
    ids = table["run"].to_pylist() if run_id is None else [run_id] * len(found)
    return [f"{run} {sorted(row.items())}" for run, row in zip(ids, found, strict=True)]


@pytest.mark.parametrize("bulk", [True, False])
@settings(max_examples=25)
@given(chosen=st.lists(st.sampled_from(IDS), max_size=30), keys=st.none() | st.lists(st.sampled_from(KEYS), max_size=3))
def test_the_table_of_many_runs_is_the_tables_of_the_runs_below_each_other(runs, bulk, chosen, keys):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(many, "_MANY", 1 if bulk else 1000)
        table = curves([runs[run_id] for run_id in chosen], keys)
    expected = [row for run_id in dict.fromkeys(chosen) for row in rows(runs[run_id].curves(keys), run_id)]
    assert rows(table) == expected
    assert table.schema.names[:5] == ["run", "key", "step", "time", "value"]
    assert [str(field.type) for field in table.schema][2:5] == ["int64", "timestamp[us, tz=UTC]", "double"]
    assert all(pa.types.is_dictionary(table.schema.field(name).type) for name in ("run", "key"))
    assert table["run"].combine_chunks().dictionary.to_pylist() == list(dict.fromkeys(chosen))


def test_ranks_are_there_when_one_of_the_runs_has_them(repo):
    assert "rank" not in curves([repo.run(IDS[0]), repo.run(IDS[1])]).column_names
    table = curves([repo.run(IDS[0]), repo.run(IDS[3])], "loss")
    assert {*zip(table["run"].to_pylist(), table["rank"].to_pylist(), strict=True)} == {
        (IDS[0], None),
        (IDS[3], 0),
        (IDS[3], 1),
    }


def test_runs_are_named_by_selectors_too_and_one_need_not_be_a_list(repo):
    path = repo.root
    assert rows(curves([IDS[4][:12], repo.run(IDS[5])], "loss", path=path)) == rows(
        curves([repo.run(IDS[4]), repo.run(IDS[5])], "loss")
    )
    assert rows(curves(IDS[4], "loss", path=path)) == rows(curves(repo.run(IDS[4]), ["loss"]))
    assert len(curves(repo.search(), "loss")) > 4 * len(IDS)
    with pytest.raises(NotFoundError):
        curves("nobody", path=path)


def test_no_runs_and_no_keys_give_a_table_of_the_same_columns(repo):
    empty = curves([])
    assert (empty.num_rows, empty.schema) == (0, curves(repo.search(), []).schema)
    assert empty.schema == curves([repo.run(IDS[0])]).schema


small = st.integers(-2, 2)
point = st.tuples(st.sampled_from("ab"), small, small, st.just(-1) | st.integers(-1, 1))


def as_table(points):
    key, step, time, rank = zip(*points, strict=True) if points else ([], [], [], [])
    columns = {
        "key": pa.array(key, pa.string()).dictionary_encode(),
        "step": pa.array(step, pa.int64()),
        "time": pa.array(time, pa.timestamp("us", "UTC")),
        "value": pa.array(range(len(points)), pa.float64()),
        "rank": pa.array(rank, pa.int32()),
    }
    return pa.table(columns)


@given(st.lists(point, max_size=8), st.booleans())
def test_a_table_taken_as_it_is_is_what_sorting_it_gives(points, in_order):
    # A file of a branch need not be sorted as gtrack sorts it.
    table = as_table(sorted(points) if in_order else points)
    found = one._as_it_is(table)
    if found is None:
        assert points != sorted(points)
    else:
        assert rows(found, "") == rows(one._sorted(concatenate([table])), "")
        assert found["key"].combine_chunks().dictionary.to_pylist() == sorted({key for key, *_ in points})


def lose_a_curve(repo, run_id):
    """Damage the one Parquet file of a run; returns what undoes it."""
    view = View(repo.repository)
    ((_, oid),) = view.files(run_id).of_kind("metrics")
    path = os.path.join(repo.common_dir, "objects", oid[:2], oid[2:])
    os.rename(path, path + ".away")
    return lambda: os.rename(path + ".away", path)


@pytest.mark.parametrize("bulk", [True, False])
def test_a_lost_file_names_its_run_or_is_passed_over_and_told(repo, monkeypatch, bulk):
    monkeypatch.setattr(many, "_MANY", 1 if bulk else 1000)
    undo = lose_a_curve(repo, IDS[6])
    try:
        runs = [repo.run(run_id) for run_id in IDS[5:8]]
        with pytest.raises(DamageError, match=f"run {IDS[6][:7]}: git object .* is missing"):
            curves(runs, "loss")
        told = []
        found = list(
            many.each_with_curves(
                View(repo.repository), [run.state for run in runs], None, on_damage=lambda run, _: told.append(run.id)
            )
        )
        assert ([state.id for state, _ in found], told) == ([IDS[5], IDS[7]], [IDS[6]])
    finally:
        undo()


def test_runs_are_not_kept_after_their_turn_and_a_reader_that_stops_leaves_no_process(repo, monkeypatch):
    monkeypatch.setattr(many, "_MANY", 1)
    monkeypatch.setattr(many, "_AT_ONCE", 5)
    view = View(repo.repository)
    states = [repo.run(run_id).state for run_id in IDS]
    before = psutil.Process().children()
    with contextlib.closing(many.each_with_curves(view, states, None)) as found:
        assert next(found)[0].id == IDS[0]
        assert len(psutil.Process().children()) == len(before) + 1
    assert psutil.Process().children() == before
    assert sorted(state.id for state, _ in many.each_with_curves(view, states, None)) == sorted(IDS)


def test_contents_beyond_a_limit_are_cut_one_byte_after_it(repo):
    repository = repo.repository
    texts = [b"", b"DDD", b"EEEE", b"FFFFF", b"G" * 3_000_000]
    oids = [repository.objects.write(BLOB, text) for text in texts]
    found = list(cat_file.contents(repository, [*oids, "1" * 40, oids[1]], limit=4))
    assert found == [b"", b"DDD", b"EEEE", b"FFFFF", b"GGGGG", None, b"DDD"]


def test_runs_are_listed_alike_by_their_names_and_all_together(repo, monkeypatch):
    trees, wanted = View(repo.repository).trees, frozenset(IDS[2:9])
    by_name = {run_id: files for run_id, files, _ in read_runs(repo.repository, trees, wanted)}
    monkeypatch.setattr("gtrack.branch.bulk._FEW", 0)
    assert by_name == {run_id: files for run_id, files, _ in read_runs(repo.repository, trees, wanted)}
    assert set(by_name) == wanted
