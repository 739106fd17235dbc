"""Groups of runs and what is said of their metrics."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.index.columns import line_of, newest_first
from gtrack.index.fields import Field, parse_field
from gtrack.model.goal import Goal
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.grouping import AGGREGATES, RunGroup, aggregate, configuration, grouping_columns, is_seed
from gtrack.ops.grouping import group_runs as group_lines

LR = Field("params", "lr")


def run(number: int, params: dict[str, object] | None = None, **metrics: float) -> RunState:
    summaries = {key: MetricSummary.point(value, 0, 0) for key, value in metrics.items()}
    state = RunState(id=f"{number:032x}", name=f"run-{number}", experiment="churn", status="finished", started=number)
    return replace(state, params=params or {}, metrics=summaries)


def group_runs(
    runs: Iterable[RunState], by: Sequence[Field], metrics: dict[str, Goal | None] | None = None
) -> list[RunGroup]:
    columns = grouping_columns(by, metrics)
    return group_lines(newest_first(line_of(run, columns) for run in runs), by, metrics)


params = st.fixed_dictionaries(
    {}, optional={"lr": st.sampled_from([0.1, "0.1", 1, 1.0, "1", True, "high", math.nan, [1], None]), "b": st.just(2)}
)


@given(st.lists(params))
def test_groups_part_the_runs_and_do_not_depend_on_their_order(given_params):
    runs = [run(i, each) for i, each in enumerate(given_params)]
    groups = group_runs(runs, [LR, Field("params", "b")])
    assert sorted(each for group in groups for each in group.runs) == [r.id for r in runs]
    assert len({repr(group.values) for group in groups}) == len(groups)
    backwards = group_runs(reversed(runs), [LR, Field("params", "b")])
    assert repr(backwards) == repr(groups)


@given(st.lists(st.floats(-1e300, 1e300) | st.just(math.nan), min_size=1), st.sampled_from(["min", "max"]))
def test_aggregates_are_those_of_the_statistics_module(values, direction):
    found = aggregate(values, Goal(direction, "define_metric"))
    numbers = [value for value in values if not math.isnan(value)]
    assert (found.count, found.nan) == (len(numbers), len(values) - len(numbers))
    assert found.last == values[0] or math.isnan(values[0])
    if not numbers:
        assert (found.mean, found.std, found.min, found.max, found.median, found.best) == (None,) * 6
        return
    assert (found.min, found.max) == (min(numbers), max(numbers))
    assert found.best == (found.min if direction == "min" else found.max)
    assert found.median == pytest.approx(statistics.median(numbers), rel=1e-12)
    assert found.mean == pytest.approx(statistics.fmean(numbers), rel=1e-9, abs=1e-12 * max(map(abs, numbers)))
    assert (found.std is None) == (len(numbers) < 2)


def test_equal_numbers_are_one_group_whatever_their_type_and_missing_values_are_the_last():
    runs = [run(i, {} if lr is None else {"lr": lr}) for i, lr in enumerate([10, 9.0, None, "9", "auto", 9, True])]
    groups = [(group.values, len(group.runs)) for group in group_runs(runs, [LR])]
    assert groups == [((9,), 3), ((10,), 1), (("auto",), 1), ((True,), 1), ((None,), 1)]


def test_a_declared_goal_takes_the_best_value_of_a_run_and_a_guess_the_last():
    curve = MetricSummary(0.7, 9, 0, 0, 0.1, 0, 0.9, 5, 10, goal="max")
    runs = [replace(run(i), metrics={"auc": curve}) for i in range(2)]
    (declared,) = group_runs(runs, [], {"auc": Goal("max", "define_metric")})
    (guessed,) = group_runs(runs, [], {"auc": Goal("max", "name")})
    (unknown,) = group_runs(runs, [], {"auc": None})
    assert [group.metrics["auc"].mean for group in (declared, guessed, unknown)] == [0.9, 0.7, 0.7]
    assert [group.metrics["auc"].best for group in (declared, guessed, unknown)] == [0.9, 0.7, None]


def test_a_metric_that_is_all_nan_is_counted_as_such():
    dead = MetricSummary(math.nan, 1, 0, 0, None, None, None, None, 2, nan=2, goal="min")
    (group,) = group_runs([replace(run(1), metrics={"loss": dead})], [], {"loss": Goal("min", "define_metric")})
    assert (group.metrics["loss"].count, group.metrics["loss"].nan) == (0, 1)


def test_seeds_tell_no_configurations_apart():
    runs = [run(i, {"lr": 0.1, "seed": i, "model": {"depth": 3, "random_state": i}}) for i in range(3)]
    fields = configuration({key for run in runs for key, _ in flatten(run.params)})
    assert [str(field) for field in fields] == ["params.lr", "params.model.depth"]
    assert len(group_runs(runs, fields)) == 1
    assert [is_seed(key) for key in ("seed", "a.random_seed", "split_seed", "seeds", "seedling")] == [True] * 3 + [
        False
    ] * 2


def test_a_field_of_several_values_groups_by_all_of_them():
    runs = [replace(run(i), data=({"name": "a"}, {"name": name})) for i, name in enumerate("bcb")]
    assert [(g.values, len(g.runs)) for g in group_runs(runs, [parse_field("datasets.name")])] == [
        (('["a", "b"]',), 2),
        (('["a", "c"]',), 1),
    ]


def test_every_aggregate_is_in_the_dictionary():
    assert set(aggregate([1.0]).to_dict()) == {*AGGREGATES, "nan"}
