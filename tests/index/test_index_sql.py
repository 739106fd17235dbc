"""``gtrack sql`` answers from plain tables, and can do nothing but read."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest

from gtrack.errors import UsageError
from gtrack.index.opening import open_store
from gtrack.index.rows import rows_of
from gtrack.index.sql import TABLES, ask, tables
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary

NOW = 1_795_000_000_123_456


def run(number, **facts):
    return RunState(f"{number:032x}", f"run {number}", "churn", "finished", started=NOW + number, **facts)


AUC = MetricSummary.point(0.5, 3, NOW)
SOME = [
    run(1, params={"lr": 0.1, "deep": {"er": True}, "big": 10**30}, tags={"a": "x"}, code={"dirty": True}),
    run(2, params={"lr": "auto"}, metrics={"auc": AUC, "nan": MetricSummary.point(math.nan, 1, NOW)}),
    run(3, params={"lr": 9}, deleted=True),
]  # fmt: skip
LIVE = run(2, params={"lr": 7}, metrics={"auc": MetricSummary.point(0.75, 4, NOW)})


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    opened = open_store([str(tmp_path / "index.sqlite")] if request.param == "file" else [], "test")
    with opened.transaction():
        opened.put(map(rows_of, SOME))
    yield opened
    opened.close()


@pytest.fixture
def db(store):
    with tables(store, []) as opened:
        yield opened


def test_every_table_has_its_columns(db):
    for table, columns in TABLES.items():
        assert ask(db, f"SELECT * FROM {table}").columns == columns


def test_runs_are_there_with_times_as_text_and_truth_as_numbers(db):
    answer = ask(db, "SELECT name, started, dirty, deleted FROM runs ORDER BY name")
    assert answer.rows[0] == ("run 1", "2026-11-18T11:06:40.123457Z", 1, 0)
    assert [row[3] for row in answer.rows] == [0, 0, 1]
    assert ask(db, "SELECT date(started) FROM runs LIMIT 1").rows == [("2026-11-18",)]


def test_params_keep_their_types(db):
    rows = ask(db, "SELECT key, value FROM params ORDER BY run_id, key").rows
    assert rows == [("big", str(10**30)), ("deep.er", 1), ("lr", 0.1), ("lr", "auto"), ("lr", 9)]
    assert ask(db, "SELECT value FROM tags").rows == [("x",)]


def test_lists_and_maps_can_be_taken_apart(db):
    assert ask(db, "SELECT value FROM json_each('[1, 2]')").rows == [(1,), (2,)]
    assert ask(db, "SELECT count(*) FROM json_tree('{\"a\": [1]}')").rows == [(3,)]


def test_metrics_have_their_summaries(db):
    rows = ask(db, "SELECT key, last, step, max FROM metrics ORDER BY key").rows
    assert rows == [("auc", 0.5, 3, 0.5), ("nan", None, 1, None)]


def test_a_live_run_takes_the_place_of_what_the_index_has_of_it(store):
    with tables(store, [(rows_of(LIVE), LIVE.id)]) as db:
        assert ask(db, "SELECT count(*), count(DISTINCT id) FROM runs").rows == [(3, 3)]
        assert ask(db, "SELECT key, last FROM metrics").rows == [("auc", 0.75)]
        assert ask(db, f"SELECT value FROM params WHERE run_id = '{LIVE.id}'").rows == [(7,)]


@pytest.mark.parametrize(
    "text",
    [
        *("DELETE FROM runs", "DELETE FROM main.run", "DROP TABLE main.run", "UPDATE main.run SET name = 'x'"),
        *("INSERT INTO main.run (id) VALUES (1)", "INSERT INTO temp.live_run (id) VALUES (1)", "CREATE TABLE x (y)"),
        *("CREATE TEMP TABLE x (y)", "CREATE TEMP VIEW x AS SELECT 1", "DROP VIEW runs"),
        "ALTER TABLE main.run RENAME TO x",
        *("ATTACH '{path}' AS other", "VACUUM INTO '{path}'", "VACUUM", "REINDEX", "ANALYZE", "DETACH temp"),
        *("PRAGMA query_only = OFF", "PRAGMA journal_mode = WAL", "SELECT * FROM pragma_table_list", "BEGIN", "COMMIT"),
        *("SELECT load_extension('x')", "SELECT fts3_tokenizer('simple')", "SELECT readfile('/etc/passwd')"),
        *("SELECT writefile('{path}', 'x')", "SELECT edit('x')", "SELECT 1; DELETE FROM main.run"),
        *("WITH x AS (SELECT 1) DELETE FROM main.run", "EXPLAIN DELETE FROM main.run", "SAVEPOINT a"),
        *("", "   ", "-- nothing", "SELEC", "SELECT * FROM nowhere", "SELECT nothing FROM runs", "SELECT 'open", "\0"),
        *("SELECT zeroblob(1000000000)", "SELECT " + "(" * 5000, "SELECT ?", "SELECT \ud800"),
        "SELECT " + "1," * 600_000,
    ],
)  # fmt: skip
def test_whatever_else_is_refused_in_words(store, tmp_path, text):
    path = tmp_path / "written"
    with tables(store, []) as db, pytest.raises(UsageError, match="sql"):
        ask(db, text.replace("{path}", str(path)))
    assert not path.exists()
    assert len(store.ids()) == 3


@pytest.mark.parametrize("store", ["file"], indirect=True)  # what is in memory is a copy
def test_the_file_cannot_be_written_even_without_the_guard(store):
    with tables(store, []) as db:
        db.set_authorizer(None)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("DELETE FROM main.run")
        db.execute("PRAGMA query_only = OFF")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("DELETE FROM main.run")
    assert Path(store.path).exists()


def test_a_name_in_a_path_is_no_part_of_the_address(tmp_path):
    folder = tmp_path / "a?mode=rwc#b%41"
    folder.mkdir()
    store = open_store([str(folder / "index.sqlite")], "test")
    with store.transaction():
        store.put(map(rows_of, SOME))
    with tables(store, []) as db:
        assert ask(db, "SELECT count(*) FROM runs").rows == [(3,)]
    store.close()
