"""``gtrack export``: what spreadsheets, programs and query engines get to read."""

from __future__ import annotations

import csv
import io
import json
import os

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def runs(project):
    """Three runs, one with text that a spreadsheet would run, one with a param of 100,000 characters."""
    curve = project.root / "curve.csv"
    curve.write_text("step,val_loss,acc\n0,1.5,0.1\n1,0.5,0.9\n")
    project.ok("log", "--metrics", "curve.csv", "-p", "lr=0.1", "--experiment", "churn", "--name", "=HYPERLINK(1)")
    project.ok("log", "acc=0.5", "-p", "lr=fast", "--experiment", "churn")
    (project.root / "long.json").write_text(json.dumps({"prompt": "p" * 100_000, "model": {"depth": 3}}))
    project.ok("log", "acc=0.7", "--params", "long.json", "--experiment", "Other one")
    return project


def ids(project, *args):
    return [run["id"] for run in json.loads(project.ok("ls", "--json", *args))]


def test_csv_has_a_row_a_run_and_no_cell_that_a_spreadsheet_runs(runs):
    out = runs.ok("export", "csv", "-o", "-")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["id"] for row in rows] == ids(runs)
    first = rows[-1]
    assert (first["name"], first["params.lr"], first["metrics.acc"]) == ("'=HYPERLINK(1)", "0.1", "0.9")
    assert first["started"].endswith("Z") and first["experiment"] == "churn"
    assert not any(cell.startswith(("=", "+", "@")) for row in csv.reader(io.StringIO(out)) for cell in row)
    assert rows[0]["params.prompt"] == "p" * 100_000


def test_json_lines_have_every_fact_with_long_values_put_back(runs):
    runs.ok("export", "jsonl", "-o", "runs.jsonl")
    found = [json.loads(line) for line in (runs.root / "runs.jsonl").read_text().splitlines()]
    assert found == json.loads(runs.ok("ls", "--json"))
    assert found[0]["params"] == {"prompt": "p" * 100_000, "model": {"depth": 3}}


def test_parquet_has_typed_columns_and_every_fact(runs):
    runs.ok("export", "parquet", "-o", "runs.parquet")
    table = pq.read_table(runs.root / "runs.parquet")
    assert table["id"].to_pylist() == ids(runs)
    assert table["params.lr"].to_pylist() == [None, "fast", "0.1"]  # of several types, hence text
    assert table["params.prompt"].to_pylist()[0] == "p" * 100_000
    assert json.loads(table["summary"][2].as_py())["val_loss"]["min"] == 0.5
    assert str(table.schema.field("started").type) == "timestamp[us, tz=UTC]"


def test_runs_are_chosen_by_filter_and_experiment(runs):
    def exported(*args):
        return [json.loads(line)["id"] for line in runs.ok("export", "jsonl", "-o", "-", *args).splitlines()]

    assert exported("--where", "metrics.acc > 0.6") == [ids(runs)[0], ids(runs)[2]]
    assert exported("--experiment", "Other one") == ids(runs)[:1]
    runs.ok("rm", ids(runs)[0])
    assert len(exported("--deleted")) == 1
    assert len(exported()) == 2


def test_curves_are_a_dataset_beside_the_runs(runs):
    done = runs.gtrack("export", "parquet", "--curves", "-o", "out/all", "--keys", "val_loss,acc", "--keys", "nope")
    assert (done.code, done.out) == (0, "")
    assert done.err == "no run here has a metric 'nope'\n3 runs and 6 points in 3 files at out/all\n"
    found = ds.dataset(runs.root / "out/all/curves", partitioning="hive").to_table().sort_by("value").to_pylist()
    assert [(row["experiment"], row["key"], row["value"]) for row in found] == [
        ("churn", "acc", 0.1),
        ("churn", "acc", 0.5),
        ("churn", "val_loss", 0.5),
        ("Other one", "acc", 0.7),
        ("churn", "acc", 0.9),
        ("churn", "val_loss", 1.5),
    ]
    assert {row["run"] for row in found} == set(ids(runs))
    assert len(pq.read_table(runs.root / "out/all/runs")) == 3


def test_nothing_is_replaced_unasked(runs):
    for args in (["csv", "-o", "out"], ["parquet", "--curves", "-o", "folder"]):
        runs.ok("export", *args)
        again = runs.gtrack("export", *args)
        assert again.code == 2
        assert "--overwrite" in again.err
        runs.ok("export", *args, "--overwrite")
    assert sorted(name for name in os.listdir(runs.root) if ".new" in name or ".old" in name) == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["parquet", "-o", "-"], "Parquet is no text"),
        (["parquet", "--curves", "-o", "-"], "Parquet is no text"),
        (["csv", "--curves", "-o", "x"], "curves are exported as Parquet"),
        (["csv", "--keys", "a", "-o", "x"], "--keys"),
        (["csv", "-o", ""], "names no place"),
        (["csv", "-o", "no/such/folder"], "cannot write no/such/folder: No such file or directory"),
        (["csv", "-o", "-", "--where", "lr >"], "lr >"),
        (["xlsx", "-o", "x"], "xlsx"),
    ],
)
def test_wrong_use_is_told_in_a_line_and_leaves_nothing(runs, args, said):
    before = sorted(os.listdir(runs.root))
    done = runs.gtrack("export", *args)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert sorted(os.listdir(runs.root)) == before


def test_a_damaged_curve_is_told_and_the_exit_code_says_so(runs):
    hurt = ids(runs)[2]
    curve = runs.git("ls-tree", "-r", "gtrack", f"runs/{hurt[:2]}/{hurt}").split(".parquet")[0].split()[-2]
    os.remove(runs.root / ".git" / "objects" / curve[:2] / curve[2:])
    done = runs.gtrack("export", "parquet", "--curves", "-o", "out")
    assert done.code == 6
    assert f"without the curves of {hurt[:7]}: git object {curve} is missing" in done.err
    assert ds.dataset(runs.root / "out/curves", partitioning="hive").count_rows() == 2


def test_no_runs_are_an_export_too(project):
    assert project.ok("export", "jsonl", "-o", "-") == ""
    project.ok("export", "parquet", "--curves", "-o", "out")
    assert ds.dataset(project.root / "out/curves", partitioning="hive").count_rows() == 0


def test_an_experiment_that_nobody_has_heard_of_is_named_with_the_nearest(runs):
    done = runs.gtrack("export", "csv", "-o", "-", "--experiment", "chrun", "--experiment", "churn")
    assert (done.code, len(done.out.splitlines())) == (0, 3)
    assert "no run is of an experiment 'chrun'; did you mean 'churn'? (gtrack experiment ls)" in done.err
    done = runs.gtrack("export", "csv", "-o", "-", "--where", "metrics.acx > 0")
    assert "no run has a metric acx; did you mean acc?" in done.err


def test_code_that_nobody_looked_at_is_neither_clean_nor_edited(project):
    project.ok("log", "a=1", "--name", "unseen", GTRACK_CODE="off")
    project.ok("log", "a=1", "--name", "seen")
    assert "dirty" not in json.loads(project.ok("show", "unseen", "--json"))["code"]
    names = {where: [run["name"] for run in json.loads(project.ok("ls", "--json", "--where", where))]
             for where in ("dirty = false", "dirty = true", "dirty IS NULL")}  # fmt: skip
    assert names == {"dirty = false": ["seen"], "dirty = true": [], "dirty IS NULL": ["unseen"]}
    rows = list(csv.DictReader(io.StringIO(project.ok("export", "csv", "-o", "-"))))
    assert [(row["name"], row["dirty"]) for row in rows] == [("seen", "false"), ("unseen", "")]
    project.ok("export", "parquet", "-o", "runs.parquet")
    assert pq.read_table(project.root / "runs.parquet")["dirty"].to_pylist() == [False, None]
    assert "clean" not in project.ok("show", "unseen")
