"""Rows of the training data among those that judge it are told, and chance is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from data_strategies import described

from gtrack.fingerprint import leakage
from gtrack.fingerprint.leakage import Part, find_overlaps, tell
from gtrack.fingerprint.sketch import KEPT, Rows

CHANCE = np.random.default_rng(0)


def frame(count: int) -> pd.DataFrame:
    return pd.DataFrame({"age": CHANCE.integers(18, 90, count), "income": CHANCE.random(count), "target": 0})


def part(data: object, role: str, name: str | None = None, features: list[str] | None = None) -> Part:
    found = described(data, features)
    return Part(name or role, role, str(found.facts["digest"]), found.features, found.rows, found.columns)


def test_rows_of_test_that_are_in_train_too_are_counted() -> None:
    train = frame(1000)
    test = pd.concat([frame(100), train[:37]]).sample(frac=1, random_state=0).reset_index(drop=True)
    mine = part(test, "test")
    (found,) = find_overlaps(mine, [part(train, "train")])
    assert (found.rows, found.exact, found.same) == (37, True, False)
    assert tell(mine, found) == "data leakage: 37 of 137 different rows of test are in train too"


def test_the_table_that_judges_is_named_first_whichever_was_logged_first() -> None:
    train = frame(500)
    mine = part(train, "train")
    (found,) = find_overlaps(mine, [part(pd.concat([frame(50), train[:20]], ignore_index=True), "test", "holdout")])
    assert tell(mine, found) == "data leakage: 20 of 70 different rows of test (holdout) are in train too"


def test_another_target_does_not_hide_a_row() -> None:
    train = frame(200)
    test = train[:50].assign(target=1)
    assert not find_overlaps(part(test, "test"), [part(train, "train")])
    features = ["age", "income"]
    (found,) = find_overlaps(part(test, "test", features=features), [part(train, "train", features=features)])
    assert found.rows == 50


def test_tables_are_compared_by_the_columns_that_both_have() -> None:
    train = frame(200)
    test = pd.DataFrame({"income": train["income"][:30], "age": train["age"][:30], "extra": range(30)})
    (found,) = find_overlaps(part(test, "test"), [part(train, "train")])
    assert found.rows == 30


def test_an_index_without_a_name_does_not_hide_a_row() -> None:
    both = frame(300)
    train = both.sample(200, random_state=0)
    test = pd.concat([both.drop(train.index), train[:37].set_axis(range(1000, 1037))])
    (found,) = find_overlaps(part(test, "test"), [part(train, "train")])
    assert (found.rows, found.of) == (37, 137)


def test_tables_with_nothing_in_common_but_their_roles_are_not_compared() -> None:
    train = frame(200)
    assert not find_overlaps(part(train.add_prefix("other_"), "test"), [part(train, "train")])
    assert not find_overlaps(part(train, "input"), [part(train, "train")])
    assert not find_overlaps(part(train, "train", "again"), [part(train, "train")])


def test_chance_is_no_leak() -> None:
    def common(count: int) -> pd.DataFrame:
        return pd.DataFrame({"a": CHANCE.integers(0, 8, count), "b": CHANCE.integers(0, 8, count)})

    labels = pd.Series(CHANCE.integers(0, 2, 500))
    for train, test in (
        (common(300), common(100)),
        (labels, labels[:100].reset_index(drop=True)),
        (frame(5), frame(9)),
    ):
        assert not find_overlaps(part(test, "test"), [part(train, "train")])
    tiny = frame(9)
    assert not find_overlaps(part(tiny[:8], "test"), [part(tiny, "train")])


def test_the_same_content_is_told_however_small_or_repetitive() -> None:
    labels = pd.Series([0, 1, 0])
    mine = part(labels, "test")
    (found,) = find_overlaps(mine, [part(labels, "validation")])
    assert found.same
    assert tell(mine, found) == "data leakage: test and validation are the same data"


def test_arrays_are_compared_row_by_row() -> None:
    train = CHANCE.random((300, 4, 4)).astype("f4")
    test = np.concatenate([CHANCE.random((50, 4, 4)).astype("f4"), train[:25]])
    (found,) = find_overlaps(part(test, "test"), [part(train, "train")])
    assert found.rows == 25
    assert not find_overlaps(part(test.astype("f8"), "test"), [part(train, "train")])


def test_beyond_what_is_kept_the_number_is_an_estimate() -> None:
    keys = np.random.default_rng(1).integers(0, 2**64, 30_000, dtype=np.uint64)
    few = Rows.of(keys)
    kept = Rows(few.rows, few.distinct, few.least[:4000])
    count, exact = kept.shared(Rows.of(keys[:15_000]))
    assert not exact
    assert abs(count - 15_000) < 1500
    assert few.distinct < KEPT
    assert leakage.is_leak(few, few, 1)
