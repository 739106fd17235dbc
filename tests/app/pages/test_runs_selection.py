"""Files of runs, selected runs that the page does not show, and the baseline that the filter leaves out."""

from __future__ import annotations

import contextlib
import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apptest import is_whole, make_repository, open_page, record, texts

import gtrack
from gtrack._app.downloads import Download, download_csv, download_parquet
from gtrack.index.filter import parse
from gtrack.index.query import Query, parse_order
from gtrack.ops.edit import delete
from gtrack.ops.experiments import set_protocol

LATEST = Query(order=(parse_order("-params.lr"),))
COLUMNS = ("max(metrics.score)", "params.kind", "name", "status", "environment.python", "dirty", "?", "params.`a b`")


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_repository(tmp_path_factory.mktemp("some") / "repo")
    for number, lr in enumerate((0.2, 0.3, 0.1)):
        params = {"lr": lr, "kind": "ab"[number % 2], "a b": number}
        record(path, {"score": number}, name=f"run-{number}", experiment="churn", params=params)
    return path


def ids_of(path: Path) -> dict[str, str]:
    with gtrack.Repo(str(path)) as repo:
        return {run.name: run.id for run in repo.runs()}


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_a_file_has_the_order_and_the_columns_of_the_table(some: Path) -> None:
    rows = rows_of(download_csv(str(some), Download(LATEST, COLUMNS)))
    assert [row["name"] for row in rows] == ["run-1", "run-0", "run-2"]
    heads = ["id", "name", "max(metrics.score)", "params.kind", "status", "environment.python", "dirty", "params.a b"]
    assert list(rows[0]) == heads
    assert [row["max(metrics.score)"] for row in rows] == ["1.0", "0.0", "2.0"]
    assert [row["params.kind"] for row in rows] == ["b", "a", "a"]
    assert rows[0]["environment.python"].startswith("3.")


def test_a_file_of_parquet_keeps_types(some: Path) -> None:
    data = download_parquet(str(some), Download(LATEST, ("started", "params.lr", "duration", "live", "params.none")))
    table = pq.read_table(pa.BufferReader(data))
    assert table.schema.types == [
        *(pa.string(), pa.string(), pa.timestamp("us", "UTC"), pa.float64(), pa.float64(), pa.bool_(), pa.string())
    ]
    assert table["params.lr"].to_pylist() == [0.3, 0.2, 0.1]


def test_a_file_without_chosen_columns_has_everything(some: Path) -> None:
    rows = rows_of(download_csv(str(some), Download(Query(where=parse("params.lr < 0.25")))))
    assert [row["name"] for row in rows] == ["run-2", "run-0"]
    assert {"id", "commit", "params.a b", "metrics.loss"} <= set(rows[0])


def test_a_file_of_selected_runs_has_the_order_of_the_table_too(some: Path) -> None:
    ids = ids_of(some)
    chosen = Download(LATEST, ("params.lr",)).of([ids["run-2"], ids["run-1"]])
    assert [row["name"] for row in rows_of(download_csv(str(some), chosen))] == ["run-1", "run-2"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({}, "All 3 runs of the filter, in the order of the table, with every fact, param, metric and tag."),
        (
            {"where": "params.lr < 0.25", "columns": ["name", "params.lr"]},
            "All 2 runs of the filter, in the order of the table, with id, name and 1 chosen column.",
        ),
        (
            {"group": "params.kind", "sort": "metrics.score"},
            "All 3 runs of the filter, in the order of the table, with every fact, param, metric and tag.",
        ),
    ],
)
def test_a_button_says_what_its_file_holds(some: Path, address: dict[str, str], said: str) -> None:
    at = open_page("runs", some, address=address)
    assert is_whole(at)
    assert said in texts(at)
    assert [button.proto.help for button in at.get("download_button")] == [said, said]


def test_the_button_speaks_of_the_selected_runs(some: Path) -> None:
    at = open_page("runs", some, address={"runs": ids_of(some)["run-0"]})
    assert "The 1 run selected, in the order of the table" in texts(at)


def test_selected_runs_that_the_page_does_not_show_are_named_and_can_be_unselected(some: Path) -> None:
    ids = ids_of(some)
    at = open_page("runs", some, address={"runs": [*ids.values(), "0" * 32, "?"], "where": "name = 'run-1'"})
    assert is_whole(at)
    assert "**5 selected**" in texts(at)
    assert "Selected too, but not on this page: run-2, run-0, 0000000, ?" in texts(at).replace("\\", "")
    next(button for button in at.button if button.label == "Unselect these").click().run()
    assert is_whole(at)
    assert at.query_params["runs"] in (ids["run-1"], [ids["run-1"]])
    assert "not on this page" not in texts(at)


def test_selected_runs_are_named_where_nothing_matches(some: Path) -> None:
    at = open_page("runs", some, address={"runs": ids_of(some)["run-0"], "where": "name = 'nobody'"})
    assert "No run matches" in texts(at)
    assert "not on this page: run-0" in texts(at).replace("\\", "")


def test_many_selected_runs_are_counted_beyond_the_first_and_archived_ones_have_a_name(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    for number in range(8):
        record(path, name="**bold**" if number == 7 else f"run-{number}")
    ids = ids_of(path)
    with gtrack.Repo(str(path)) as repo:
        delete(repo, [repo.run("name:run-6")])
    at = open_page("runs", path, address={"runs": list(ids.values()), "where": "name = 'run-0'"})
    (said,) = (caption.value for caption in at.caption if "not on this page" in caption.value)
    assert said.endswith(r": \*\*bold\*\*, run\-6, run\-5, run\-4, run\-3 and 2 more")


def test_a_baseline_that_the_filter_leaves_out_says_so(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    for number in range(3):
        record(path, name=f"run-{number}", experiment="churn", params={"lr": number})
    with gtrack.Repo(str(path)) as repo:
        set_protocol(repo.repository, "churn", {"baseline": repo.run("name:run-0").id})

    def names(**address: str) -> list[str]:
        at = open_page("runs", path, address={"experiment": "churn", **address})
        assert is_whole(at)
        return at.dataframe[0].value[" name"].tolist()  # type: ignore[no-any-return]

    out = "⚑ run-0 (baseline, outside the filter)"
    assert names() == ["⚑ run-0", "run-2", "run-1"]
    assert names(where="params.lr > 1") == [out, "run-2"]
    assert names(where="params.lr < 1") == ["⚑ run-0"]
    assert names(status="failed") == [out]


def test_a_baseline_of_the_filter_that_is_on_another_page_is_none_that_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gtrack._app.screens.runs.rows.PAGE", 2)
    path = make_repository(tmp_path / "repo")
    with contextlib.chdir(path):
        for number in range(3):
            record(path, name=f"run-{number}", experiment="churn")
    with gtrack.Repo(str(path)) as repo:
        set_protocol(repo.repository, "churn", {"baseline": repo.run("name:run-0").id})
    at = open_page("runs", path, address={"experiment": "churn"})
    assert at.dataframe[0].value[" name"].tolist() == ["⚑ run-0", "run-2", "run-1"]
