"""Conditions that are chosen rather than typed are in the filter language, and mean what was chosen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.conditions import _OPERATORS, condition, joined
from gtrack._app.screens.runs.grouped import condition_of
from gtrack.index.fields import Field
from gtrack.index.filter import parse
from gtrack.model.state import RunState

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20).filter(str.strip)


def run(**params: object) -> RunState:
    return RunState(id="0" * 32, name="a", experiment="e", status="finished", params=params)


@given(st.sampled_from(["=", "!=", "CONTAINS", "IS NULL", "IS NOT NULL"]), TEXT)
def test_any_value_makes_a_condition(operator: str, value: str) -> None:
    parse(condition("params.kind", operator, value))


@given(TEXT)
def test_what_contains_a_text_is_found_by_it(value: str) -> None:
    found = parse(condition("params.kind", "CONTAINS", value))
    assert found.matches(run(kind=f"a {value.strip()} b"), now_us=0)


@given(TEXT)
def test_a_text_is_found_by_itself(value: str) -> None:
    wanted = value.strip()
    assert parse(condition("params.kind", "=", value)).matches(run(kind=wanted), now_us=0)


@pytest.mark.parametrize("value", ["0.5", "1e-3", "true", "-7"])
def test_numbers_and_truth_values_are_not_quoted(value: str) -> None:
    assert condition("params.lr", "=", value) == f"params.lr = {value}"


@pytest.mark.parametrize("operator", sorted(_OPERATORS))
def test_every_condition_can_be_added_to_every_filter(operator: str) -> None:
    for before in ("", "params.a = 1", "params.a = 1 OR params.b = 2", "NOT (params.a = 1)"):
        parse(joined(before, condition("params.kind", operator, "x")))


def test_a_condition_that_is_added_narrows_the_whole_filter() -> None:
    both = parse(joined("params.a = 1 or params.b = 1", "params.c = 1"))
    assert not both.matches(run(a=1), now_us=0)
    assert both.matches(run(a=1, c=1), now_us=0)


def test_the_condition_of_a_group_selects_its_runs() -> None:
    by = [Field("params", "lr"), Field("params", "kind")]
    found = parse(condition_of("status = 'finished'", by, [0.1, None]))
    assert found.matches(run(lr=0.1), now_us=0)
    assert not found.matches(run(lr=0.1, kind="a"), now_us=0)
    assert not found.matches(run(lr=0.2), now_us=0)
