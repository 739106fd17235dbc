"""Which way a metric is better: who says so comes before what its name suggests."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.model.goal import Goal, goal_of, headline, is_test_metric, usual_direction
from gtrack.model.summary import MetricSummary, merge

MIN = ["loss", "val_loss", "valLoss", "ValLoss", "val/logloss", "train.rmse", "word_error_rate", "perplexity", "MSE"]
MIN += ["eval_runtime", "fit_time", "score_time", "top1_err", "false_positive_rate_error", "bits_bpd", "KL", "fid@10k"]
MIN += ["negative_log_likelihood", "loss_per_second_order_term", "f1_loss", "fpr", "crossentropy", "negReward"]
MAX = ["auc", "val_auc", "valAUC", "AUC", "top5_accuracy", "val/f1", "F1", "f1_macro", "r2", "R2", "mAP@50", "pass@1"]
MAX += ["neg_mean_squared_error", "neg_log_loss", "tokens_per_second", "samples_per_sec", "likelihood", "hits@10"]
MAX += ["success_rate", "ndcg_10", "test_acc", "eval_rougeL_score", "true_negative_score"]
UNKNOWN = [
    "epoch",
    "learning_rate",
    "grad_norm",
    "",
    "lr2",
    "glossary",
    "accident",
    "steps",
    "per_second",
    "f3",
    "Größe",
]


@pytest.mark.parametrize("key", MIN)
def test_a_smaller_value_of_it_is_better_by_its_name(key: str) -> None:
    assert usual_direction(key) == "min"


@pytest.mark.parametrize("key", MAX)
def test_a_larger_value_of_it_is_better_by_its_name(key: str) -> None:
    assert usual_direction(key) == "max"


@pytest.mark.parametrize("key", UNKNOWN)
def test_of_other_names_nobody_knows_which_way_is_better(key: str) -> None:
    assert usual_direction(key) is None
    assert goal_of(key) is None


@given(st.text(max_size=2000))
def test_any_text_may_be_a_metrics_name(key: str) -> None:
    assert usual_direction(key) in ("min", "max", None)
    assert is_test_metric(key) in (True, False)


@pytest.mark.parametrize("key", ["test_auc", "test/loss", "test", "testLoss", "eval/test_auc", "auc_test", "TEST-acc"])
def test_a_metric_of_the_test_set_is_known_by_the_word(key: str) -> None:
    assert is_test_metric(key)


@pytest.mark.parametrize("key", ["val_auc", "latest_loss", "contest", "testimony", "fastest_time", ""])
def test_other_metrics_are_not_taken_for_one_of_the_test_set(key: str) -> None:
    assert not is_test_metric(key)


def test_the_experiment_comes_before_the_runs_and_both_before_the_name() -> None:
    assert goal_of("loss", defined=["max"], experiment="min") == Goal("min", "experiment")
    assert goal_of("loss", defined=[None, "max", "min"]) == Goal("max", "define_metric")
    assert goal_of("loss", defined=[None, "sideways"], experiment="up") == Goal("min", "name")
    assert [goal.declared for goal in (Goal("min", "experiment"), Goal("min", "name"))] == [True, False]


@given(st.floats(), st.floats(), st.sampled_from(["min", "max"]))
def test_of_two_values_at_most_one_is_better_and_never_nan(one: float, other: float, direction) -> None:  # type: ignore[no-untyped-def]
    goal = Goal(direction, "name")
    assert not (goal.better(one, other) and goal.better(other, one))
    assert goal.better(one, other) or goal.better(other, one) or one == other or math.isnan(one) or math.isnan(other)
    assert not goal.better(math.nan, one)


def test_the_direction_says_which_of_two_values_is_better() -> None:
    assert Goal("min", "name").better(1.0, 2.0)
    assert Goal("max", "name").better(2.0, 1.0)
    assert not Goal("max", "name").better(1.0, 1.0)


def test_a_series_stands_for_its_best_where_a_goal_was_declared_and_else_for_its_last() -> None:
    series = merge(MetricSummary.point(value, step, 0) for step, value in enumerate([0.2, math.nan, 0.9, 0.5]))
    assert headline(series, Goal("max", "experiment")) == 0.9
    assert headline(series, Goal("min", "define_metric")) == 0.2
    assert headline(series, Goal("max", "name")) == 0.5
    assert headline(series, None) == 0.5
    nothing = MetricSummary.point(math.nan, 0, 0)
    assert headline(nothing, Goal("max", "experiment")) is None
