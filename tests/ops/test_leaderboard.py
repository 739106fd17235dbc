"""The leaderboard ranks configurations, not lucky runs; by which metric and which way is never guessed silently."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.errors import UsageError
from gtrack.index.columns import line_of
from gtrack.index.fields import Field
from gtrack.model.experiment import ExperimentState
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.statistics import Interval, Sample, sample, welch
from gtrack.model.summary import MetricSummary, merge
from gtrack.ops import goals
from gtrack.ops import leaderboard as boards
from gtrack.ops.leaderboard import Leaderboard, Row, configuration, entries, entry_columns, value_of, varying_params

HIGHER, LOWER, GUESSED = Goal("max", "experiment"), Goal("min", "define_metric"), Goal("max", "name")


def run(number: int, auc: object = None, params: dict[str, object] | None = None, **facts: object) -> RunState:
    values = [] if auc is None else auc if isinstance(auc, list) else [auc]
    points = [MetricSummary.point(float(value), step, 0) for step, value in enumerate(values)]
    state = RunState(f"{number:032x}", f"run-{number}", "churn", "finished", started=number, params=params or {})
    return replace(state, metrics={"auc": merge(points)} if points else {}, **facts)


def seeds(first: int, lr: float, *values: float) -> list[RunState]:
    return [run(first + i, value, {"lr": lr, "seed": i}) for i, value in enumerate(values)]


@dataclass(frozen=True)
class Told:
    """A row with its runs in place of their entries."""

    rank: int | None
    runs: tuple[RunState, ...]
    values: tuple[float, ...]
    of: int
    sample: Sample
    group: tuple[object, ...]
    delta: Interval | None
    baseline: bool

    @property
    def best(self) -> RunState:
        return self.runs[0]


def leaderboard(
    runs: Iterable[RunState],
    metric: str,
    goal: Goal,
    *,
    meets: Callable[[RunState], bool] | None = None,
    baseline: RunState | None = None,
    by: Sequence[Field] = (),
    single: bool = False,
    **asked: Any,
) -> Leaderboard:
    every = list(runs)
    known = {run.id: run for run in [*every, *([baseline] if baseline else [])]}
    columns = entry_columns(metric, goal, by, single=single)
    found = {run.id: entries([line_of(run, columns)], grouped=bool(by))[0] for run in known.values()}
    good = None if meets is None else frozenset(run.id for run in every if meets(run))
    base = None if baseline is None else found[baseline.id]
    board = boards.leaderboard([found[run.id] for run in every], metric, goal, good=good, baseline=base, **asked)

    def told(row: Row) -> Any:
        members = tuple(known[entry.id] for entry in row.runs)
        return Told(row.rank, members, row.values, row.of, row.sample, row.group, row.delta, row.baseline)

    return replace(board, rows=tuple(map(told, board.rows)), baseline=board.baseline and told(board.baseline))


def ranked(board) -> list[tuple[int | None, list[str]]]:
    return [(row.rank, sorted(each.name for each in row.runs)) for row in board.rows]


def test_the_better_mean_wins_and_not_the_luckiest_run() -> None:
    board = leaderboard([*seeds(1, 0.1, 0.99, 0.80, 0.80), *seeds(4, 0.2, 0.90, 0.91, 0.92)], "auc", HIGHER)
    assert [row.best.params["lr"] for row in board.rows] == [0.2, 0.1]
    assert [row.rank for row in board.rows] == [1, 2]
    assert board.rows[0].sample == sample([0.90, 0.91, 0.92])
    assert board.rows[1].best.name == "run-1"


def test_of_a_metric_to_be_lowered_the_lowest_mean_wins_and_the_lowest_value_is_the_best_run() -> None:
    board = leaderboard([*seeds(1, 0.1, 0.90, 0.80, 0.10), *seeds(4, 0.2, 0.30, 0.20, 0.25)], "auc", LOWER)
    assert [(row.best.params["lr"], row.best.name, row.values[0]) for row in board.rows] == [
        (0.2, "run-5", 0.20),
        (0.1, "run-3", 0.10),
    ]


@pytest.mark.parametrize("key", ["seed", "random_state", "random_seed", "model.seed", "Data.Split_Seed"])
def test_runs_that_differ_in_their_seed_are_of_one_configuration(key: str) -> None:
    assert configuration(run(1, params={"lr": 0.1, key: 1})) == configuration(run(2, params={"lr": 0.1, key: 2}))
    assert configuration(run(1, params={"lr": 0.1, key: 1})) == configuration(run(2, params={"lr": "0.1"}))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 6}, {"a": 6.0}, True),
        ({"a": 6}, {"a": "6"}, True),
        ({"a": None}, {}, True),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}, True),
        ({"a": {"b": 1}}, {"a.b": 1}, True),
        ({"a": math.nan}, {"a": math.nan}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": [1]}, {"a": [1.5]}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1}, {}, False),
    ],
)
def test_params_are_equal_where_the_filter_language_finds_them_equal(one, other, same) -> None:  # type: ignore[no-untyped-def]
    assert (configuration(run(1, params=one)) == configuration(run(2, params=other))) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            {"snapshot": "s", "tree": "t", "commit": "a", "dirty": True},
            {"tree": "t", "commit": "b", "dirty": False},
            True,
        ),
        ({"commit": "a", "dirty": False}, {"commit": "a"}, True),
        ({"commit": "a", "dirty": True, "tree": "t"}, {"commit": "a", "dirty": True, "tree": "t"}, False),
        ({"commit": "a"}, {"commit": "b"}, False),
        ({}, {}, True),
        ({"commit": 5}, {}, True),
        ({"command": ["python", "a.py", "--seed", "1"]}, {"command": ["python3", "a.py", "--seed", "2"]}, True),
        ({"command": ["python", "a.py"]}, {"command": ["python", "b.py"]}, False),
        ({"command": ["python", "src/a.py"], "cwd": "."}, {"command": ["python", "a.py"], "cwd": "src"}, True),
        ({"command": ["python", "-m", "a"]}, {"command": ["python", "-m", "b"]}, False),
        ({"command": "a.py"}, {"command": [1, None]}, True),
    ],
)
def test_code_is_equal_where_the_tree_and_the_program_that_ran_are(one, other, same) -> None:  # type: ignore[no-untyped-def]
    assert (configuration(run(1, code=one)) == configuration(run(2, code=other))) is same


def test_nan_never_wins_and_is_counted() -> None:
    for goal in (HIGHER, LOWER, GUESSED):
        board = leaderboard([run(1, math.nan, {"a": 1}), run(2, 0.5, {"a": 2}), run(3, None, {"a": 3})], "auc", goal)
        assert ranked(board) == [(1, ["run-2"])]
        assert (board.nan, board.without) == (1, 1)


def test_a_seed_that_became_nan_stays_visible_in_its_row() -> None:
    (row,) = leaderboard(seeds(1, 0.1, 0.9, math.nan, 0.8), "auc", HIGHER).rows
    assert (row.sample.n, row.of) == (2, 3)


def test_a_declared_goal_takes_the_best_of_a_series_and_a_guessed_one_the_last() -> None:
    series = run(1, [0.2, 0.9, 0.5])
    assert [value_of(series, "auc", goal) for goal in (HIGHER, LOWER, GUESSED, None)] == [0.9, 0.2, 0.5, 0.5]
    assert value_of(series, "loss", HIGHER) is None


def test_only_finished_runs_count_unless_asked() -> None:
    every = [run(1, 0.9), run(2, 0.99, status="failed"), run(3, 0.98, status="running"), run(4, status="failed")]
    board = leaderboard(every, "auc", HIGHER)
    assert ranked(board) == [(1, ["run-1"])]
    assert board.unfinished == {"failed": 2, "running": 1}
    assert leaderboard(every, "auc", HIGHER, unfinished=True).rows[0].sample.n == 3


def test_runs_below_the_floor_are_left_out_and_counted() -> None:
    board = leaderboard(seeds(1, 0.1, 0.9, 0.99), "auc", HIGHER, meets=lambda each: each.name != "run-2")
    assert ranked(board) == [(1, ["run-1"])]
    assert (board.below_floor, board.rows[0].of) == (1, 2)


def test_configurations_of_too_few_runs_are_left_out_and_counted() -> None:
    board = leaderboard([*seeds(1, 0.1, 0.99), *seeds(2, 0.2, 0.8, 0.9, 0.85)], "auc", HIGHER, min_runs=3)
    assert [row.sample.n for row in board.rows] == [3]
    assert board.few == 1


def test_differences_to_the_baseline_are_welchs() -> None:
    base, other = seeds(1, 0.1, 0.80, 0.82, 0.84), seeds(4, 0.2, 0.90, 0.91, 0.92)
    board = leaderboard([*base, *other], "auc", HIGHER, baseline=base[1])
    assert board.rows[0].delta == welch(sample([0.90, 0.91, 0.92]), sample([0.80, 0.82, 0.84]))
    assert (board.rows[1].baseline, board.rows[1].delta, board.baseline) == (True, None, board.rows[1])


def test_a_baseline_that_is_not_ranked_is_compared_with_all_the_same() -> None:
    elsewhere = run(9, 0.5, {"lr": 9}, experiment="old")
    board = leaderboard(seeds(1, 0.1, 0.75), "auc", HIGHER, baseline=elsewhere)
    assert board.rows[0].delta is not None
    assert board.rows[0].delta.difference == 0.25
    assert board.baseline is not None
    assert (board.baseline.rank, board.baseline.best) == (None, elsewhere)
    assert leaderboard(seeds(1, 0.1, 0.75), "auc", HIGHER, baseline=run(9, math.nan)).baseline is None


def test_rows_can_be_single_runs_or_groups_of_any_field() -> None:
    every = [*seeds(1, 0.1, 0.90, 0.80), *seeds(3, 0.2, 0.85)]
    assert len(leaderboard(every, "auc", HIGHER, single=True).rows) == 3
    tagged = [replace(each, tags={"who": "a" if each.started == 1 else "b"}) for each in every]
    board = leaderboard(tagged, "auc", HIGHER, by=[Field("tags", "who")])
    assert [(row.group, row.sample.n) for row in board.rows] == [(("a",), 1), (("b",), 2)]


def test_what_differs_is_named_without_the_seeds() -> None:
    runs = [run(1, 1, {"a": 1, "b": {"c": 2}, "seed": 1}), run(2, 1, {"a": 1.0, "b": {"c": 3}, "d": 1, "seed": 2})]
    assert varying_params(runs) == ["b.c", "d"]
    assert varying_params(runs, seeds=True) == ["b.c", "d", "seed"]
    assert varying_params(runs[:1]) == []


values = st.one_of(st.none(), st.floats(), st.floats(0, 1))
some = st.lists(
    st.tuples(values, st.integers(0, 3), st.integers(0, 2), st.sampled_from(["finished", "failed"])), max_size=12
)


@given(some, st.sampled_from([HIGHER, LOWER, GUESSED]), st.integers(1, 3), st.randoms())
def test_every_run_is_ranked_or_counted_as_left_out_whatever_their_order(every, goal, least, chance) -> None:  # type: ignore[no-untyped-def]
    runs = [run(i, v, {"lr": lr, "seed": s}, status=status) for i, (v, lr, s, status) in enumerate(every)]
    board = leaderboard(runs, "auc", goal, min_runs=least, baseline=runs[0] if runs else None)
    shown = sum(row.sample.n for row in board.rows)
    out = sum(board.unfinished.values()) + board.without + board.nan + board.below_floor
    assert shown + out <= len(runs)
    assert shown + out == len(runs) or board.few
    means = [row.sample.mean for row in board.rows if not math.isnan(row.sample.mean)]
    assert means == sorted(means, reverse=goal.direction == "max")
    assert [row.rank for row in board.rows] == list(range(1, len(board.rows) + 1))
    shuffled = list(runs)
    chance.shuffle(shuffled)
    assert repr(leaderboard(shuffled, "auc", goal, min_runs=least, baseline=runs[0] if runs else None)) == repr(board)


def declaring(number: int, **directions: str) -> RunState:
    state = run(number)
    point = MetricSummary.point(0.5, 0, 0)
    return replace(state, metrics={key: replace(point, goal=goal or None) for key, goal in directions.items()})


def test_the_protocol_comes_before_the_newest_runs_define_metric() -> None:
    runs = [declaring(2, auc="min"), declaring(1, auc="max"), declaring(3, auc="")]
    assert goals.goal_for("auc", runs) == Goal("min", "define_metric")
    assert goals.goal_for("auc", runs, ExperimentState("e", metric="auc", goal="max")) == Goal("max", "experiment")
    assert goals.goal_for("auc", runs, ExperimentState("e", metric="f1", goal="max")) == Goal("min", "define_metric")
    assert goals.goal_for("auc", runs[2:]) == Goal("max", "name")
    assert goals.goal_for("epoch", runs) is None


def test_the_metric_is_the_protocols_else_the_only_one_with_a_goal_and_never_a_test_metric() -> None:
    known = declaring(1, val_auc="max", epoch="", test_auc="max")
    assert goals.metric_to_compare([known], ExperimentState("e", metric="f1")) == "f1"
    assert goals.metric_to_compare([known], ExperimentState("e")) == "val_auc"
    with pytest.raises(UsageError, match="loss, val_auc have goals") as several:
        goals.metric_to_compare([known, declaring(2, loss="min")], ExperimentState("e"))
    assert several.value.hint == "gtrack experiment set e --metric loss"
    with pytest.raises(UsageError) as none:
        goals.metric_to_compare([run(1, 0.5), declaring(2, test_auc="max")], ExperimentState("a 'b'"))
    assert none.value.hint == """gtrack experiment set 'a '"'"'b'"'"'' --metric auc"""


def test_choosing_by_a_test_metric_is_warned_of() -> None:
    assert "test data" in (goals.test_metric_warning("test_auc") or "")
    assert goals.test_metric_warning("val_auc") is None


def test_a_mistyped_metric_is_answered_with_the_nearest() -> None:
    assert goals.near_metrics("val_acu", [declaring(1, val_auc="", loss="")]) == ["val_auc"]
    assert goals.near_metrics("AUC", [run(1, 0.5)]) == ["auc"]
    assert goals.near_metrics("zzz", [run(1, 0.5)]) == []


@given(some, st.sampled_from([HIGHER, LOWER, GUESSED]), st.integers(1, 3), st.integers(0, 4), st.integers(0, 11))
def test_so_many_rows_are_the_first_of_all_and_the_baseline_keeps_its_place(every, goal, least, limit, at) -> None:  # type: ignore[no-untyped-def]
    runs = [run(i, v, {"lr": lr, "seed": s}, status=status) for i, (v, lr, s, status) in enumerate(every)]
    base = runs[at] if at < len(runs) else None
    full = leaderboard(runs, "auc", goal, min_runs=least, baseline=base)
    part = leaderboard(runs, "auc", goal, min_runs=least, baseline=base, limit=limit)
    assert full.total == len(full.rows)
    assert repr(part) == repr(replace(full, rows=full.rows[:limit]))
