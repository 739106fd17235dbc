"""The values that are offered while a filter is typed."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gtrack
from gtrack._app.known_values import MOST, values_of
from gtrack._app.reading import Reading
from gtrack.ops.edit import delete

ODD = ["it's", 'a "b"', "O'Brien' OR 1=1 --", "true", "6", "überlr", [64, 32], {"a": {"b": 1}}, 1e-5, -3, 2**70, "∞"]
FLAGS = [True, False, True, 1, "true", True]


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    path = tmp_path_factory.mktemp("values") / "repo"
    make(path)
    with gtrack.Repo(str(path)) as repo:
        delete(repo, [repo.run("name:gone")])
        yield Reading(repo, read_only=True)


def make(path: Path) -> None:
    path.mkdir()
    for words in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run(["git", "-C", str(path), *words], check=True)
    with contextlib.chdir(path):
        for number in range(30):
            params: dict[str, Any] = {"many": f"v{number:02}", "odd": ODD[number % len(ODD)], "a 'b'": number % 2 + 3}
            params |= {"kind": "common" if number else "rare", "long": "x" * 300, "line": "a\nb"}
            params |= {"flag": FLAGS[number]} if number < len(FLAGS) else {}
            run(f"run-{number}", params, team="blue" if number % 3 else "red")
        run("gone", {"kind": "archived"}, team="gone")


def run(name: str, params: dict[str, Any], team: str) -> None:
    with gtrack.start_run(name, experiment="churn", params=params, tags={"team": team}, system_metrics=False):
        pass


def test_the_values_of_most_runs_come_first_and_archived_runs_have_none(now: Reading) -> None:
    assert values_of(now, "params.kind") == ["'common'", "'rare'"]
    assert values_of(now, "tags.team") == ["'blue'", "'red'"]
    assert values_of(now, "status") == ["'finished'"]
    assert values_of(now, "attributes.experiment") == ["'churn'"]


def test_so_many_are_offered_and_none_that_is_long_or_no_line(now: Reading) -> None:
    assert values_of(now, "params.many") == [f"'v{number:02}'" for number in range(MOST)]
    assert values_of(now, "params.long") == values_of(now, "params.line") == []


def test_truth_values_are_no_numbers(now: Reading) -> None:
    assert values_of(now, "params.flag") == ["true", "'true'", "1", "false"]
    assert values_of(now, "dirty") == ["true", "false"]


@pytest.mark.parametrize("field", ["params.odd", "params.flag", "params.`a 'b'`", "tags.team", "author", "name"])
def test_every_value_that_is_offered_finds_runs(now: Reading, field: str) -> None:
    offered = values_of(now, field)
    assert len(offered) > 0
    for literal in offered:
        assert now.repo.search(f"{field} = {literal}").total > 0, literal


@pytest.mark.parametrize("field", ["", "?", "metrics.loss", "started", "duration", "id", "environment.python", "a.b.c"])
def test_what_has_no_few_values_has_none_to_offer(now: Reading, field: str) -> None:
    assert values_of(now, field) == []


@pytest.mark.parametrize("field", ["params.`x' OR '1'='1`", "params.`a\0b`", "tags.`\ud800`"])
def test_a_name_is_a_name_whatever_it_says(now: Reading, field: str) -> None:
    assert values_of(now, field) == []


def test_values_are_asked_once_while_nothing_changes(now: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    before = values_of(now, "params.kind")
    monkeypatch.setattr(now.repo, "sql", None)
    assert values_of(now, "params.kind") is before
