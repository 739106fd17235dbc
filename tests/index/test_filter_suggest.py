"""A filter that names what no run has: the user is shown the place, and what was probably meant."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gtrack.cli.invocation import Invocation
from gtrack.cli.selectors import explain_nothing, matcher
from gtrack.errors import UsageError
from gtrack.index.suggest import Unknown, unknown_keys
from gtrack.model.state import RunState
from gtrack.reader import Repo

KNOWN = {
    "metrics": {"val_auc": 9, "loss": 9, "train/acc": 2},
    "params": {"lr": 9, "model.depth": 3, "Batch Size": 1},
    "tags": {"purpose": 1},
}


def unknown(text: str) -> list[Unknown]:
    return unknown_keys(text, KNOWN.__getitem__)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("metrics.val_acu > 0.9", 9, "no run has a metric val_acu; did you mean val_auc?"),
        ("metric.VAL_AUC > 0.9", 8, "no run has a metric VAL_AUC; did you mean val_auc?"),
        ("params.val_auc > 0.9", 8, "no run has a param val_auc; val_auc is a metric: metrics.val_auc"),
        ("max( metrics.lr ) > 0.9", 14, "no run has a metric lr; lr is a param: params.lr"),
        ("status = 'a' AND NOT tags.`purpos` = 'x'", 27, "no run has a tag purpos; did you mean purpose?"),
        ('params."batch size" IN (1)', 8, "no run has a param batch size; did you mean Batch Size?"),
        ("metrics.train/accuracy > 1", 9, "no run has a metric train/accuracy; did you mean train/acc?"),
        ("params.zzz IS NOT NULL", 8, "no run has a param zzz; there are lr, model.depth, Batch Size"),
        ("params.model.dept = 1", 8, "no run has a param model.dept; did you mean model.depth?"),
        ("name = 'a'\nAND metrics.los < 1", 13, "no run has a metric los; did you mean loss?"),
        ("tags.`\u202e` = 'x'", 6, "no run has a tag \\u202e; there is purpose"),
    ],
)
def test_a_key_that_no_run_has_is_shown_with_what_was_meant(text: str, column: int, message: str) -> None:
    (found,) = unknown(text)
    head, line, caret = str(found).split("\n")
    assert head == message
    assert line == "  " + text.rsplit("\n", 1)[-1].replace("\u202e", "?")
    assert caret == " " * (column + 1) + "^"


@pytest.mark.parametrize(
    "text",
    [
        "metrics.val_auc > 1 AND params.lr = 1 OR tags.purpose = 'x'",
        "params.model.depth = 1 OR params.model LIKE '%x%'",  # the map of nested params
        "params.missing IS NULL OR metrics.missing = null",  # what a run shall not have
        "status = 'a' AND code.cwd = 'b' AND environment.x = 1 AND seed.y = 1 AND error.z = 1 AND datasets.name = 'x'",
        "descends_from('v1.2')",
    ],
)
def test_what_exists_or_need_not_exist_is_not_complained_of(text: str) -> None:
    assert unknown(text) == []


def test_every_key_is_named_once_in_the_order_of_the_filter() -> None:
    found = unknown("params.b = 1 AND (metrics.a > 1 OR metrics.a < 0 OR max(metrics.a) > 3) AND params.c = 1")
    assert [str(item.field) for item in found] == ["params.b", "metrics.a", "params.c"]


def test_of_many_keys_a_few_are_named() -> None:
    (found,) = unknown_keys("metrics.zzz < 1", lambda _: list("abcdef"))
    assert found.message == "no run has a metric zzz; there are a, b, c, d, ..."
    (found,) = unknown_keys("metrics.zzz < 1", lambda _: {"a": 1, "b": 7, "c": 3, "d": 1, "e": 9, "f": 1})
    assert found.message == "no run has a metric zzz; there are e, b, c, a, ..."


def test_where_there_are_no_keys_at_all_that_is_all_it_says() -> None:
    (found,) = unknown_keys("metrics.loss < 1", lambda _: [])
    assert found.message == "no run has a metric loss"


def test_hostile_and_many_keys_are_shown_safely_and_soon() -> None:
    keys = [f"{'k' * 500}{i}\x1b[2J" for i in range(20_000)]
    (found,) = unknown_keys(f"metrics.`{'k' * 500}` > 1", lambda _: keys)
    assert "\x1b" not in str(found)
    assert all(len(line) < 240 for line in str(found).splitlines())


def test_the_command_line_explains_an_empty_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    command = [sys.executable, "-m", "gtrack", "log", "val_auc=0.91", "-p", "model.depth=6"]
    subprocess.run(command, cwd=tmp_path, env=os.environ, check=True, capture_output=True)
    with Repo(str(tmp_path)) as repo:
        explain_nothing(Invocation(), repo, "metrics.val_acu > 0.9 AND params.model.depth > 1 AND params.val_auc > 1")
        explain_nothing(Invocation(), repo, None)
        explain_nothing(Invocation(quiet=True), repo, "metrics.val_acu > 0.9")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "gtrack: no run has a metric val_acu; did you mean val_auc?\n"
        "  metrics.val_acu > 0.9 AND params.model.depth > 1 AND params.val_auc > 1\n"
        "          ^\n"
        "gtrack: no run has a param val_auc; val_auc is a metric: metrics.val_auc\n"
        "  metrics.val_acu > 0.9 AND params.model.depth > 1 AND params.val_auc > 1\n"
        f"{' ' * 62}^\n"
    )


def test_a_matcher_asks_for_a_lineage_only_where_one_is_known() -> None:
    run = RunState("0" * 32, "n", "e", "finished", code={"commit": "a" * 40})
    assert matcher(None)(run)
    assert matcher("descends_from('v1')", lineage=lambda _: frozenset({"a" * 40}))(run)
    with pytest.raises(UsageError, match=r"descends_from\('v1'\) cannot be asked here"):
        matcher("name = 'n' OR descends_from('v1')")
