"""Which checkpoints a policy keeps, and how they rank."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.errors import UsageError
from gtrack.media.checkpoints import ALL, Checkpoint, Keep, checkpoints_of, parse_keep, ranked, superseded
from gtrack.model.artifact import Artifact

VALUES = st.none() | st.floats(allow_infinity=True) | st.sampled_from((0.0, 1.0))
CHECKPOINTS = st.lists(VALUES, max_size=12).map(
    lambda values: [
        Checkpoint("checkpoint", step, time=step, metric="m", value=value, capture=str(step))
        for step, value in enumerate(values)
    ]
)
DIRECTIONS = st.sampled_from(("min", "max"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", ALL),
        ("last:2", Keep("last", 2)),
        ("best:val_loss:3", Keep("best", 3, "val_loss")),
        ("best:a:b:c:1", Keep("best", 1, "a:b:c")),
        ("best:odd:3:min", Keep("best", 3, "odd", "min")),
    ],
)
def test_policies_are_read(text: str, expected: Keep) -> None:
    assert parse_keep(text) == expected


@pytest.mark.parametrize(
    "text", ["", "best", "best:3", "best:a:0", "last:0", "last:-1", "last:x", "All", None, 3, "all "]
)
def test_what_is_no_policy_is_refused(text: object) -> None:
    with pytest.raises(UsageError, match="keep"):
        parse_keep(text)


@given(CHECKPOINTS, st.integers(1, 5), DIRECTIONS, st.randoms())
def test_the_best_k_are_kept_in_whatever_order_they_come(
    checkpoints: list[Checkpoint], count: int, direction: str, order: random.Random
) -> None:
    shuffled = list(checkpoints)
    order.shuffle(shuffled)
    gone = {one.capture for one in superseded(shuffled, Keep("best", count, "m"), direction)}
    kept = [one for one in checkpoints if one.capture not in gone]
    assert len(kept) == min(count, len(checkpoints))
    worst = max((badness(one, direction) for one in kept), default=(False, -math.inf))
    assert all(badness(one, direction) >= worst for one in checkpoints if one.capture in gone)
    assert gone == {one.capture for one in superseded(checkpoints, Keep("best", count, "m"), direction)}


def badness(one: Checkpoint, direction: str) -> tuple[bool, float]:
    if one.value is None or math.isnan(one.value):
        return True, 0.0
    return False, one.value if direction == "min" else -one.value


@given(CHECKPOINTS, st.integers(1, 5))
def test_the_last_k_are_those_that_were_logged_last(checkpoints: list[Checkpoint], count: int) -> None:
    gone = superseded(checkpoints, Keep("last", count), None)
    assert sorted(one.time for one in gone) == [one.time for one in checkpoints][:-count]


@given(CHECKPOINTS)
def test_nothing_is_freed_where_nobody_knows_the_direction(checkpoints: list[Checkpoint]) -> None:
    assert superseded(checkpoints, Keep("best", 1, "m"), None) == []
    assert superseded(checkpoints, ALL, "min") == []


def test_those_of_another_metric_are_left_alone() -> None:
    found = [Checkpoint("c", step, metric=metric, value=step) for step, metric in enumerate(("a", "a", "b", None))]
    assert superseded(found, Keep("best", 1, "a"), "min") == [found[1]]


def test_a_run_that_went_back_to_an_earlier_step_keeps_what_it_logs_now() -> None:
    old, new = Checkpoint("c", 100, time=1), Checkpoint("c", 60, time=2)
    assert superseded([old, new], Keep("last", 1), None) == [old]


@given(CHECKPOINTS, DIRECTIONS)
def test_the_first_of_the_ranks_is_the_best_value(checkpoints: list[Checkpoint], direction: str) -> None:
    found = ranked(
        Checkpoint("c", o.step, time=o.time, metric="m", value=o.value, direction=direction) for o in checkpoints
    )
    judged = [one for one in found if one.value is not None and not math.isnan(one.value)]
    assert sorted(one.rank or 0 for one in judged) == list(range(1, len(judged) + 1))
    assert all(one.rank is None for one in found if one not in judged)
    if judged:
        best = next(one for one in judged if one.rank == 1)
        pick = min if direction == "min" else max
        assert best.value == pick(one.value for one in judged if one.value is not None)


def files(capture: str, count: int, of: int, *, step: object = 1, **said: object) -> dict[str, Artifact]:
    media = {"kind": "checkpoint", "key": "c", "step": step, "capture": capture, "files": of, **said}
    return {
        f"{capture}/{at}": Artifact(f"{capture}/{at}", 10, "0" * 64, "application/octet-stream", at, media)
        for at in range(count)
    }


def test_a_checkpoint_that_lacks_files_is_none() -> None:
    found = checkpoints_of(files("whole", 3, of=3, metric="loss", value=0.5) | files("torn", 2, of=3))
    assert [(one.capture, one.files, one.size, one.rank) for one in found] == [
        ("whole", ("whole/0", "whole/1", "whole/2"), 30, 1)
    ]


def test_forged_details_make_no_checkpoint_or_none_of_its_values() -> None:
    assert checkpoints_of(files("a", 1, of=1, step="1")) == []
    assert checkpoints_of(files("a", 1, of=1, key=3)) == []
    (one,) = checkpoints_of(files("a", 1, of=1, metric=3, value="x", value_step=True, direction="up"))
    assert (one.metric, one.value, one.value_step, one.direction, one.rank) == (None, None, None, None, None)
