"""diff --data says which columns and how many rows changed, exactly or about."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from data_strategies import JUNK, described
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.display.data_text import change_lines, data_text
from gtrack.ops.data_changes import DataChange, data_changes, shared_rows
from gtrack.text import clean

CHANCE = np.random.default_rng(0)


def record(data: Any, name: str = "train", role: str = "train", **more: object) -> dict[str, object]:
    return json.loads(json.dumps({"name": name, "role": role, **described(data).facts, **more}))  # type: ignore[no-any-return]


def base(count: int = 5000) -> pd.DataFrame:
    return pd.DataFrame({"age": np.arange(count), "income": CHANCE.random(count), "city": ["a", "b"] * (count // 2)})


BASE = base()


def changed(other: Any) -> DataChange:
    (found,) = data_changes([record(BASE)], [record(other)])
    return found


def line(other: Any) -> str:
    (found,) = change_lines(changed(other))
    return found


def with_income(count: int) -> pd.DataFrame:
    out = BASE.copy()
    out.loc[: count - 1, "income"] = -1.0
    return out


def test_equal_content_is_no_change_whoever_holds_it() -> None:
    assert data_changes([record(BASE)], [record(BASE.copy(), source={"uri": "elsewhere"})]) == ()


def test_few_changed_rows_are_counted() -> None:
    assert line(with_income(3)) == "train: 3 of 5,000 rows changed; columns changed: income"


def test_many_changed_rows_are_about_so_many() -> None:
    found = changed(with_income(1000))
    assert found.rows is not None
    assert found.rows.how == "estimate"
    assert abs(found.rows.added - 1000) < 400
    assert line(with_income(1000)).startswith("train: about ")


def test_an_estimate_is_never_of_more_rows_than_there_are() -> None:
    old, new = BASE[:3750], base(3750).assign(age=-np.arange(3750) - 1)
    (found,) = data_changes([record(old)], [record(new)])
    assert change_lines(found) == ["train: about 3,750 of 3,750 rows changed; columns changed: age, income"]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (BASE.rename(columns={"city": "town"}), "train: columns renamed: city to town"),
        (BASE.assign(new=1), "train: columns added: new"),
        (BASE.drop(columns="city"), "train: columns removed: city"),
        (BASE.astype({"age": "int32"}), "train: the same rows; columns of another type: age (int64 to int32)"),
        (BASE[["city", "age", "income"]], "train: the same rows; columns in another order"),
        (
            BASE[::-1].reset_index(drop=True),
            "train: the same rows in another order; columns changed: age, income, city",
        ),
        (BASE[:4990], "train: 0 rows added, 10 removed; columns changed: age, income, city"),
        (
            pd.concat([BASE, BASE[:1]], ignore_index=True),
            "train: no row is new or gone; how often rows repeat has changed; columns changed: age, income, city",
        ),
    ],
)
def test_each_kind_of_change_is_told(other: pd.DataFrame, says: str) -> None:
    assert line(other) == says


def test_a_file_is_another_and_no_more_is_known() -> None:
    one, other = ({"name": "x", "role": "input", "kind": "file", "path": "x", "digest": d * 64} for d in "12")
    (found,) = data_changes([one], [other])
    assert found.change == "changed"
    assert change_lines(found) == []


def test_the_map_of_a_change_has_no_sketch() -> None:
    found = changed(with_income(3)).to_dict()
    assert "sketch" not in json.dumps(found)
    assert found["columns"] == {"changed": ["income"]}
    assert found["rows"] == {"removed": 3, "added": 3, "how": "exact"}


def test_tables_that_two_processes_logged_are_compared_by_their_sketches() -> None:
    test = pd.concat([base(100), BASE[:100]], ignore_index=True)
    (found,) = shared_rows([record(BASE[:200]), record(test, "test", "test")])
    assert (found.rows, found.exact, found.same) == (100, True, False)
    (same,) = shared_rows([record(BASE), record(BASE, "test", "test")])
    assert same.same
    assert shared_rows([record(BASE), record(BASE, "more")]) == ()


ENTRIES = st.lists(
    st.dictionaries(
        st.sampled_from(["name", "role", "kind", "digest", "rows", "columns", "sketch", "overlap", "shape", "source"]),
        JUNK | st.sampled_from(["train", "test", "table", "array"]) | st.lists(st.fixed_dictionaries({"name": JUNK})),
    )
    | JUNK,
    max_size=4,
)


@settings(max_examples=60)
@given(ENTRIES, ENTRIES)
def test_forged_records_are_told_as_what_they_are_and_never_crash(a: list[Any], b: list[Any]) -> None:
    for entry in data_changes(a, b):
        change_lines(entry)
        json.dumps(entry.to_dict(), default=str)
    for item in a:
        assert (text := data_text(item)) == clean(text)
    shared_rows([*a, *b])


def test_the_command_shows_it(project: Any) -> None:
    for count in (0, 3):
        with project.start() as run:
            run.log_data("train", with_income(count))
    shown = project.show("diff", "last~1", "last", "--data")
    assert "train: 3 of 5,000 rows changed; columns changed: income" in shown
    assert "5,000 rows, 3 columns" in shown
    whole = json.loads(project.show("diff", "last~1", "last", "--data", "--json"))
    assert whole["data"][0]["rows"] == {"removed": 3, "added": 3, "how": "exact"}
    for form in ("--md", "--csv", "--jsonl"):
        assert "sketch" not in project.show("diff", "last~1", "last", "--data", form)
