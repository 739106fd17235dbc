"""Which way a metric is better, and who says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gtrack.model.summary import MetricSummary

__all__ = ["Direction", "Goal", "goal_of", "headline", "is_test_metric", "usual_direction"]

Direction = Literal["min", "max"]

_WORDS = re.compile(r"[a-z]+|[0-9]+", re.IGNORECASE)
_LOWER = frozenset(
    "loss error err mse rmse mae mape smape rmsle nll logloss perplexity ppl wer cer fid kid brier ece deviance "
    "latency seconds duration divergence kl bpb bpc regret cost crossentropy entropy".split()
)
_HIGHER = frozenset(
    "acc accuracy auc auroc roc prauc auprc ap map f1 fbeta precision recall sensitivity specificity r2 bleu rouge "
    "meteor iou miou dice ndcg mrr reward return score kappa mcc psnr ssim throughput winrate likelihood hits".split()
)


@dataclass(frozen=True, slots=True)
class Goal:
    """The direction in which a metric is better.

    Attributes:
        direction: ``min`` or ``max``.
        source: Who says so: ``define_metric``, ``experiment``, or the metric's usual ``name``.
    """

    direction: Direction
    source: str

    @property
    def declared(self) -> bool:
        """Somebody said so; a name is only a guess."""
        return self.source != "name"

    def better(self, one: float, other: float) -> bool:
        """Tell whether one value is better than the other. NaN is better than nothing."""
        return one < other if self.direction == "min" else one > other


def goal_of(key: str, *, defined: Iterable[str | None] = (), experiment: str | None = None) -> Goal | None:
    """Return a metric's goal, or None where nobody knows.

    Args:
        key: The metric.
        defined: What the runs' own ``define_metric`` said, the newest run's first.
        experiment: What the experiment's protocol says: ``min`` or ``max``.
    """
    if experiment in ("min", "max"):
        return Goal(experiment, "experiment")  # type: ignore[arg-type]  # narrowed by the test
    for direction in defined:
        if direction in ("min", "max"):
            return Goal(direction, "define_metric")  # type: ignore[arg-type]  # likewise
    usual = usual_direction(key)
    return None if usual is None else Goal(usual, "name")


def usual_direction(key: str) -> Direction | None:
    """Return the direction that a metric's name suggests, by its last telling word.

    Example:
        >>> usual_direction("val/logloss"), usual_direction("top5_accuracy"), usual_direction("epoch")
        ('min', 'max', None)
    """
    for word in reversed(_WORDS.findall(key.lower().replace("r2", "rsquared").replace("f1", "fbeta"))):
        if word in _LOWER:
            return "min"
        if word in _HIGHER or word == "rsquared":
            return "max"
    return None


def is_test_metric(key: str) -> bool:
    """Tell whether a metric is of a test set, by which nothing should be chosen."""
    return key.lower().startswith(("test_", "test/", "test.", "test-")) or key.lower() == "test"


def headline(summary: MetricSummary, goal: Goal | None) -> float | None:
    """Return the value that stands for a series: its best where a goal was declared, else its last."""
    if goal is not None and goal.declared:
        return summary.min if goal.direction == "min" else summary.max
    return summary.last
