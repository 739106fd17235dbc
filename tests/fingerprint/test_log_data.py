"""log_data records fingerprints, warns of what is wrong with the data, and never hurts the training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from data_strategies import digest

import gtrack
from gtrack.errors import UsageError
from gtrack.index.filter import parse
from gtrack.index.query import Query

CHANCE = np.random.default_rng(0)


def frame(count: int = 200) -> pd.DataFrame:
    return pd.DataFrame({"age": CHANCE.integers(18, 90, count), "income": CHANCE.random(count)})


def test_what_is_returned_is_recorded(project: Any) -> None:
    data = frame()
    with project.start() as run:
        record = run.log_data("churn", data, "train", source="s3://bucket/churn.csv?versionId=3")
    (found,) = project.data()
    assert found == record
    assert (found["name"], found["role"], found["kind"], found["rows"]) == ("churn", "train", "table", 200)
    assert found["digest"] == digest(data)
    assert [(column["name"], column["type"]) for column in found["columns"]] == [
        ("age", "int64"),
        ("income", "float64"),
    ]
    assert found["source"] == {"uri": "s3://bucket/churn.csv?versionId=3"}


def test_the_active_run_and_mlflows_way_are_understood(project: Any) -> None:
    with project.start():
        gtrack.log_data("train", frame())
        gtrack.log_input(frame(), context="training")
        gtrack.log_data("x", frame(), role="valid")
        gtrack.log_data("y", frame())
    assert [(entry["name"], entry["role"]) for entry in project.data()] == [
        ("train", "train"),
        ("training", "train"),
        ("x", "validation"),
        ("y", "input"),
    ]


def test_runs_are_found_by_their_data(project: Any) -> None:
    data = frame()
    for each in (data, frame()):
        with project.start() as run:
            run.log_data("train", each)
    with gtrack.Repo(str(project.root)) as repo:
        found = repo.find(Query(parse(f"datasets.digest = '{digest(data)}' AND datasets.name = 'train'")))
        assert [run.name for run in found] == ["run0"]


def test_leakage_is_told_at_once_recorded_and_shown(project: Any, capfd: pytest.CaptureFixture[str]) -> None:
    train = frame()
    test = pd.concat([frame(60), train[:37]], ignore_index=True)
    with project.start() as run:
        run.log_data("train", train)
        run.log_data("holdout", test, role="test")
    assert "warning: data leakage: 37 of 97 different rows of test (holdout) are in train too" in capfd.readouterr().err
    assert project.data()[1]["overlap"] == [{"name": "train", "role": "train", "rows": 37}]
    shown = project.show("show", "last")
    assert "leakage: 37 rows are in both test (holdout) and train" in shown


def test_what_cannot_be_recorded_warns_and_training_goes_on(project: Any, capfd: pytest.CaptureFixture[str]) -> None:
    class Bomb:
        """A table that does not want to be looked at."""

        @property
        def shape(self) -> object:
            raise RuntimeError("boom")

    with project.start() as run:
        for number, bad in enumerate(((n for n in range(3)), Bomb(), 3, None, "no/such/file.csv", {"a": [1], "b": []})):
            assert run.log_data(f"bad{number}", bad) == {}
        assert run.log_data(object(), frame())  # type: ignore[arg-type]
        assert run.log_data("odd", frame(), role=7, features=["age"], source=object())["role"] == "input"  # type: ignore[arg-type]
        assert run.log_data("wrong", frame(), features=["agee"]) == {}
    told = capfd.readouterr().err
    assert "'data bad0' was not logged: it is a generator" in told
    assert "boom" in told
    assert "no/such/file.csv: No such file or directory" in told
    assert "no column 'agee'" in told
    assert run.log_data("late", frame()) is not None
    assert "has ended" in capfd.readouterr().err


def test_strictness_raises(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTRACK_STRICT", "1")
    with project.start() as run, pytest.raises(UsageError, match="was not logged: it is a int"):
        run.log_data("train", 3)


def test_a_source_that_moves_is_warned_of_once(project: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with project.start() as run:
        for _ in range(2):
            run.log_data("train", "s3://ada:secret@bucket/latest/x.csv")
    told = capfd.readouterr().err
    assert told.count("names 'latest', which moves: later it may be other data") == 1
    assert "secret" not in told
    assert len(project.data()) == 1


def test_files_are_told_relative_to_the_repository(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "data" / "images").mkdir(parents=True)
    (project.root / "data" / "images" / "1.png").write_bytes(b"1")
    monkeypatch.chdir(project.root / "data")
    with project.start() as run:
        run.log_data("images", Path("images"))
    (found,) = project.data()
    assert (found["path"], found["kind"], found["files"], found["bytes"]) == ("data/images", "directory", 1, 1)
    assert "data/images, 1 file, 1 B, sha256" in project.show("show", "last")
    assert "stat" in {entry.name for entry in (project.root / ".git" / "gtrack").iterdir()}


def test_a_record_stays_bounded(project: Any) -> None:
    wide = pd.DataFrame(np.zeros((2, 3000)), columns=[f"a long name of a column {n:05}" * 9 for n in range(3000)])
    with project.start() as run:
        record = run.log_data("wide", wide)
    (found,) = project.data()
    assert found == record
    assert len(json.dumps(found)) < 110_000
    assert len(found["columns"]) + found["more_columns"] == 3000
    assert ", 3,000 columns" in project.show("show", "last")


def test_what_is_beyond_the_room_is_recorded_in_brief(
    project: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gtrack.run_data._MOST_OF_ALL", 20_000)
    monkeypatch.setattr("gtrack.run_data._MOST_BRIEF", 24_000)
    with project.start() as run:
        records = [run.log_data(f"fold{number}", {f"column {n}": [number] for n in range(10)}) for number in range(60)]
    found = project.data()
    assert found == [record for record in records if record]
    assert "columns" in found[0]
    assert "columns" not in found[-1]
    assert 20 < len(found) < 60
    told = capfd.readouterr().err
    assert "very much data is logged" in told
    assert "'data fold59' was not logged" in told


@pytest.mark.soak
def test_however_much_is_logged_the_run_can_be_recorded(project: Any) -> None:
    with project.start() as run:
        for number in range(3000):
            run.log_data(f"fold{number}", {f"column {n}": [number] for n in range(10)})
    assert len(project.data()) > 800
