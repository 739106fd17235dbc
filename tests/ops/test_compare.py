"""What differs between runs: pure functions of their states."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.model.goal import Goal
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.statistics import Interval
from gtrack.model.summary import MetricSummary
from gtrack.ops.ablation import ablation, verdict_of
from gtrack.ops.compare import compare, judge
from gtrack.ops.differences import differences, same_value
from gtrack.ops.side_by_side import side_by_side
from gtrack.ops.sides_search import Range, parse_range

MAX, MIN, GUESSED = Goal("max", "define_metric"), Goal("min", "define_metric"), Goal("min", "name")

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=3)
)
keys = st.text("abcd", min_size=1, max_size=2)
maps = st.recursive(
    st.dictionaries(keys, leaves, max_size=4), lambda inner: st.dictionaries(keys, st.one_of(leaves, inner), max_size=3)
)


def metric(last: float, low: float | None = None, high: float | None = None, goal: str | None = None) -> MetricSummary:
    low, high = last if low is None else low, last if high is None else high
    return MetricSummary(last, 1, 1, 0, low, 0, high, 1, 2, goal=goal)


def run(number: int = 0, **facts: object) -> RunState:
    status = facts.pop("status", "finished")
    return RunState(f"{number:032x}", f"run-{number}", "churn", str(status), started=number, **facts)  # type: ignore[arg-type]


def of(**goals: Goal):
    return goals.get


@given(maps)
def test_nothing_differs_from_itself(values: dict[str, object]) -> None:
    assert differences(values, values) == ()
    assert compare(run(params=values), run(1, params=values), of()).params == ()


@given(maps, maps)
def test_turning_the_sides_round_turns_every_difference_round(a: dict[str, object], b: dict[str, object]) -> None:
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    there = {(d.key, d.change, repr(d.a), repr(d.b)) for d in differences(a, b)}
    back = {(d.key, turned[d.change], repr(d.b), repr(d.a)) for d in differences(b, a)}
    assert there == back


@given(maps, maps)
def test_the_differences_are_what_leads_from_one_side_to_the_other(a: dict[str, object], b: dict[str, object]) -> None:
    flat = dict(flatten(a))
    for found in differences(a, b):
        if found.change == "removed":
            del flat[found.key]
        else:
            flat[found.key] = found.b
    wanted = dict(flatten(b))
    assert flat.keys() == wanted.keys()
    assert all(same_value(flat[key], wanted[key]) for key in wanted)


@given(leaves, leaves)
def test_being_the_same_is_mutual(a: object, b: object) -> None:
    assert same_value(a, a)
    assert same_value(a, b) == same_value(b, a)


def test_a_number_is_the_same_however_it_was_written_and_text_is_no_number() -> None:
    assert same_value(1, 1.0)
    assert not same_value(1, True)
    assert not same_value(6, "6")
    assert same_value({"x": [math.nan]}, {"x": [math.nan]})


def test_params_are_compared_leaf_by_leaf() -> None:
    a = run(params={"lr": 0.1, "model": {"depth": 3, "width": 8}, "old": 1})
    b = run(1, params={"lr": 0.1, "model": {"depth": 4, "width": 8}, "new": None})
    found = [(d.key, d.change, d.a, d.b) for d in compare(a, b, of()).params]
    assert found == [("model.depth", "changed", 3, 4), ("old", "removed", 1, None), ("new", "added", None, None)]
    assert compare(a, b, of()).params[2].to_dict() == {"key": "new", "change": "added", "b": None}


@pytest.mark.parametrize(
    ("goal", "shown", "values", "delta", "verdict"),
    [
        (MAX, "max", (0.9, 0.8), -0.1, "worse"),
        (MIN, "min", (0.2, 0.1), -0.1, "better"),
        (GUESSED, "last", (0.5, 0.6), 0.1, "worse"),
        (None, "last", (0.5, 0.6), 0.1, "unknown"),
    ],
)
def test_a_metric_is_its_best_where_a_goal_was_declared_else_its_last(goal, shown, values, delta, verdict) -> None:
    a, b = run(metrics={"m": metric(0.5, 0.2, 0.9)}), run(1, metrics={"m": metric(0.6, 0.1, 0.8)})
    (found,) = compare(a, b, lambda _: goal).metrics
    assert (found.shown, (found.a, found.b), found.verdict) == (shown, values, verdict)
    assert found.delta == pytest.approx(delta)
    assert found.relative == pytest.approx(delta / values[0])
    assert (found.to_dict()["last_a"], found.to_dict()["last_b"]) == (0.5, 0.6)
    assert found.to_dict()["goal_source"] == (None if goal is None else goal.source)


def test_a_metric_of_one_run_has_no_delta_and_a_zero_no_share() -> None:
    a, b = run(metrics={"m": metric(0.0), "only": metric(1.0)}), run(1, metrics={"m": metric(2.0)})
    only, m = sorted(compare(a, b, of()).metrics, key=lambda found: found.key != "only")
    assert (only.delta, only.verdict, only.b) == (None, "unknown", None)
    assert (m.delta, m.relative) == (2.0, None)


@given(st.floats(), st.floats(), st.sampled_from([MAX, MIN]))
def test_what_is_better_one_way_is_worse_the_other(a: float, b: float, goal: Goal) -> None:
    turned = {"better": "worse", "worse": "better", "equal": "equal"}
    assert turned[judge(a, b, goal)] == judge(b, a, goal)


def test_nan_is_worse_than_any_number() -> None:
    assert judge(math.inf, math.nan, MIN) == "worse"
    assert judge(math.nan, -math.inf, MAX) == "better"
    assert judge(math.nan, math.nan, MAX) == "equal"


def test_data_is_the_same_by_its_digest_whatever_else_is_said_of_it() -> None:
    one = {"role": "train", "path": "a.csv", "digest": "1" * 64, "size": 3}
    same, other = {**one, "size": "3 bytes"}, {**one, "digest": "2" * 64}
    assert compare(run(data=(one,)), run(1, data=(same,)), of()).data == ()
    (found,) = compare(run(data=(one,)), run(1, data=(other,)), of()).data
    assert (found.key, found.change) == ("train: a.csv", "changed")
    (gone,) = compare(run(data=(one, "plain")), run(1, data=("plain",)), of()).data[:1]
    assert (gone.key, gone.change) == ("train: a.csv", "removed")


def test_two_inputs_of_one_name_are_both_compared() -> None:
    first, second, other = ({"path": "a.csv", "digest": digit * 64} for digit in "123")
    (found,) = compare(run(data=(first, second)), run(1, data=(first, other)), of()).data
    assert found.a == second


def test_the_host_and_the_packages_stand_apart_from_the_environment() -> None:
    a = run(environment={"python": "3.11.1", "host": "x", "packages": {"numpy": "1.26", "gone": "1"}})
    b = run(1, environment={"python": "3.12.0", "host": "y", "packages": {"numpy": "2.0", "extra": "1"}})
    found = compare(a, b, of())
    assert [d.key for d in found.environment] == ["python"]
    assert [(d.key, d.change) for d in found.packages] == [
        ("extra", "added"),
        ("gone", "removed"),
        ("numpy", "changed"),
    ]
    assert found.host is not None
    assert (found.host.a, found.host.b) == ("x", "y")


@pytest.mark.parametrize("hostile", [{"packages": [1], "host": {"x": 1}}, {"packages": "numpy"}, {"host": None}])
def test_an_environment_of_any_form_is_compared(hostile: dict[str, object]) -> None:
    found = compare(run(environment=hostile), run(1, environment={"packages": {"numpy": "1"}}), of()).to_dict()
    assert set(found["environment"]) == {"facts", "packages", "host"}


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ({"snapshot": "1"}, {"snapshot": "1"}, True),
        ({"snapshot": "1", "commit": "c"}, {"snapshot": "2", "commit": "c"}, False),
        ({"tree": "t", "commit": "c"}, {"tree": "t", "commit": "d", "snapshot": "1"}, True),
        ({"commit": "c", "dirty": False}, {"commit": "c", "dirty": False}, True),
        ({"commit": "c", "dirty": True}, {"commit": "c", "dirty": False}, None),
        ({"tree": "t", "dirty": True}, {"tree": "t", "dirty": True}, None),
        ({"commit": "c"}, {"commit": "d"}, False),
        ({}, {"commit": "d"}, None),
        ({"digest": "x"}, {"digest": "x"}, True),
    ],
)
def test_the_same_code_is_told_by_what_was_kept_of_it(a: Mapping, b: Mapping, same: bool | None) -> None:
    assert compare(run(code=a), run(1, code=b), of()).code.same is same


def test_several_runs_show_the_params_that_differ_and_mark_the_best_value() -> None:
    runs = [
        run(n, params={"lr": lr, "same": 1}, metrics={"m": metric(value)})
        for n, (lr, value) in enumerate([(1, 0.1), (2, 0.3), (2, 0.3)])
    ]
    found = side_by_side(runs, of(m=MAX))
    assert [(line.part, line.key) for line in found.lines] == [("params", "lr"), ("metrics", "m")]
    assert found.lines[1].best == (1, 2)
    assert side_by_side(runs, of()).lines[1].best == ()


def test_a_param_that_some_runs_lack_differs_even_if_it_is_null() -> None:
    assert [line.key for line in side_by_side([run(params={"x": None}), run(1)], of()).lines] == ["x"]


def seeds(first: int, params: dict[str, object], *values: float, **facts: object) -> list[RunState]:
    return [
        run(first + n, params={**params, "seed": n}, metrics={"m": metric(value)}, **facts)
        for n, value in enumerate(values)
    ]


def test_an_ablation_tells_what_each_param_does_alone() -> None:
    base, *more = seeds(0, {"lr": 1, "drop": 0.5}, 0.80, 0.81, 0.82)
    found = ablation(
        base,
        [
            base,
            *more,
            *seeds(10, {"lr": 2, "drop": 0.5}, 0.90, 0.91, 0.92),
            *seeds(20, {"lr": 1}, 0.70, 0.71),
            *seeds(30, {"lr": 3, "drop": 0.5}, 0.811),
            *seeds(40, {"lr": 2, "drop": 0.1}, 0.99),
            *seeds(50, {"lr": 4, "drop": 0.5}, math.nan),
            *seeds(60, {"lr": 5, "drop": 0.5}, 0.99, status="failed"),
        ],
        "m",
        MAX,
    )
    assert [(e.param.key, e.param.b, e.sample.n, e.verdict) for e in found.effects] == [
        ("lr", 2, 3, "better"),
        ("lr", 3, 1, "one run"),
        ("drop", None, 2, "worse"),
    ]
    assert found.effects[0].delta.difference == pytest.approx(0.1)
    assert (found.sample.n, found.sample.mean) == (3, pytest.approx(0.81))
    assert [len(found.to_dict()[kind]) for kind in ("same", "several", "without", "unfinished")] == [2, 1, 1, 1]


def test_an_ablation_never_mixes_runs_of_other_code_or_data_with_its_own() -> None:
    base, *more = seeds(0, {"lr": 1}, 0.8, 0.8, code={"tree": "a"})
    other = seeds(10, {"lr": 1}, 0.1, code={"tree": "b"})
    changed = seeds(20, {"lr": 2}, 0.9, code={"tree": "a"}) + seeds(30, {"lr": 2}, 0.3, code={"tree": "b"}, data=("x",))
    found = ablation(base, [*more, *other, *changed], "m", MAX)
    assert found.sample.mean == 0.8
    assert [(e.sample.mean, e.also) for e in found.effects] == [(0.9, ()), (0.3, ("code", "data"))]
    assert [r.id for r in found.elsewhere] == [other[0].id]


def test_one_and_one_point_zero_are_one_value_of_a_param() -> None:
    found = ablation(run(params={"x": 0}), [*seeds(1, {"x": 1}, 1.0), *seeds(2, {"x": 1.0}, 1.0)], "m", None)
    assert [effect.sample.n for effect in found.effects] == [2]


@given(st.floats(-1, 1), st.floats(0, 1))
def test_a_verdict_is_given_exactly_when_the_interval_leaves_zero_out(difference: float, half: float) -> None:
    interval = Interval(difference, difference - half, difference + half, 3.0)
    seen = interval.low > 0 or interval.high < 0
    assert verdict_of(interval, MAX) == (("better" if difference > 0 else "worse") if seen else "no difference seen")
    assert verdict_of(interval, None) == ("different" if seen else "no difference seen")
    assert verdict_of(Interval(difference), MAX) == "one run"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("main..feature", Range("main", "feature")),
        ("main...feature", Range("main", "feature", True)),
        ("main..", Range("main", "HEAD")),
        ("..feature", Range("HEAD", "feature")),
        ("last~2", None),
        ("name:a..b", None),
        ("v1.2", None),
    ],
)
def test_a_range_is_read_as_git_reads_it(text: str, meant: Range | None) -> None:
    assert parse_range(text) == meant
