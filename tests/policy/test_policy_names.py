"""Templates of runs' names: what they make, what follows them, and that no name and no template is slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.model.policy_names import next_number, parse_template

FIXED = st.text("abc-_. ", max_size=5)
FIELDS = st.sampled_from(["project", "model", "version", "index", "key-params", "lr", "model.depth"])


@st.composite
def templates(draw):
    parts = [(draw(FIXED), draw(FIELDS)) for _ in range(draw(st.integers(1, 5)))]
    return "".join(f"{fixed}{{{field}}}" for fixed, field in parts) + draw(FIXED)


@given(templates(), st.text("abc0-=,", min_size=1, max_size=8), st.integers(0, 999))
def test_a_name_that_a_template_makes_follows_it(text, word, number):
    template = parse_template(text)
    values = {"index": str(number), "version": f"v{number}.2"}
    name, missing = template.fill(lambda field, _before: values.get(field, word))
    assert not missing
    assert template.matches(name)


@given(templates(), st.text(max_size=30))
def test_any_text_is_a_name_or_none(text, name):
    assert parse_template(text).matches(name) in (True, False)


@given(st.text("{}ab-", max_size=12))
def test_any_text_is_a_template_or_none(text):
    try:
        template = parse_template(text)
    except ValueError as error:
        assert str(error).startswith("has ")
    else:
        assert "".join(f"{{{part}}}" if is_field else part for is_field, part in template.parts) == text


@pytest.mark.parametrize(
    ("template", "name", "follows"),
    [
        ("{project}-{model}-{version}", "churn-xgb-v3", True),
        ("{project}-{model}-{version}", "churn-xgb-2.1", True),
        ("{project}-{model}-{version}", "churn-prod-xgb-v3", True),
        ("{project}-{model}-{version}", "churn-xgb-final", False),
        ("{project}-{model}-{version}", "churn-xgb-v3 (old)", False),
        ("{project}-{model}-{version}", "churn-v3", False),
        ("{project}-{model}-{version}", "", False),
        ("{model}-{index}-{key-params}", "xgb-12-lr=0.1", True),
        ("{model}-{index}-{key-params}", "xgb-twelve-lr=0.1", False),
        ("{model}-{index}-{key-params}", "xgb-12-", False),
        ("{index}", "007", True),
        ("{index}", "٣", False),
        ("exp_{index}", "exp_", False),
    ],
)
def test_names_follow_by_their_fixed_parts_and_numbers(template, name, follows):
    assert parse_template(template).matches(name) is follows


def test_what_nothing_stands_for_is_named_once():
    name, missing = parse_template("{a}-{b}-{a}").fill(lambda field, _before: "x" if field == "b" else None)
    assert missing == ("a",)
    assert name == "-x-"


def test_a_field_is_told_what_stands_before_it():
    seen = []
    parse_template("{model}-{index}").fill(lambda field, before: seen.append((field, before)) or "xgb")
    assert seen == [("model", ""), ("index", "xgb-")]


@pytest.mark.parametrize(
    ("names", "number"),
    [
        ([], 1),
        (["xgb-1", "xgb-2-lr=0.1"], 3),
        (["xgb-v9"], 10),
        (["xgb-final", "other-7", "xgb-"], 1),
        (["xgb-" + "9" * 400], 1),
    ],
)
def test_the_next_number_is_above_every_other(names, number):
    assert next_number("xgb-", names) == number


def test_no_name_and_no_template_is_slow():
    began = time.perf_counter()
    assert parse_template("-".join(["{a}{b}"] * 10)).matches("-" * 512)
    assert not parse_template("{version}" * 20).matches("1." * 255 + "x")
    assert time.perf_counter() - began < 1
