"""Which way a metric is better, and who says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gtrack.model.summary import MetricSummary

__all__ = ["Direction", "Goal", "goal_of", "headline", "is_test_metric", "usual_direction"]

Direction = Literal["min", "max"]

# valAUC and ValLoss are two words, as val_auc is; so are an acronym and what follows it.
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LOWER = frozenset(
    "loss losses error errors err mse rmse mae mape smape rmsle nll logloss perplexity ppl wer cer fid kid brier ece "
    "deviance latency time runtime seconds duration divergence kl bpb bpc bpd regret cost crossentropy entropy "
    "fpr fnr distance".split()
)
_HIGHER = frozenset(
    "acc accuracy auc auroc roc prauc auprc ap map fbeta precision recall sensitivity specificity rsquared bleu rouge "
    "meteor iou miou dice ndcg mrr reward return score kappa mcc psnr ssim throughput winrate likelihood elbo hits "
    "tpr tnr pass success win".split()
)
_NUMBERED = {("f", "1"): "fbeta", ("f", "2"): "fbeta", ("r", "2"): "rsquared"}
_NEGATED = frozenset({"neg", "negative", "minus"})
_NOT_NEGATED = frozenset({"true", "false"})
_LONGEST = 512
_PER_TIME = frozenset({"s", "sec", "second", "min", "minute", "hour"})


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
        """Tell whether one value is better than the other. NaN is never better."""
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
        >>> usual_direction("neg_mean_squared_error"), usual_direction("tokens_per_second")
        ('max', 'max')
    """
    words = _words(key)
    if len(words) > 2 and words[-2] == "per" and words[-1] in _PER_TIME:
        return "max"
    for at in range(len(words) - 1, -1, -1):
        if words[at] in _LOWER or words[at] in _HIGHER:
            lower = (words[at] in _LOWER) != _negated(words[:at])
            return "min" if lower else "max"
    return None


def is_test_metric(key: str) -> bool:
    """Tell whether a metric is of a test set, by which nothing should be chosen.

    Example:
        >>> is_test_metric("test_auc"), is_test_metric("eval/test/loss"), is_test_metric("latest_loss")
        (True, True, False)
    """
    return "test" in _words(key)


def _words(key: str) -> list[str]:
    """Return the words of a name in lower case, with ``f1`` and ``r2`` as the words they are."""
    words: list[str] = []
    for word in _WORDS.findall(key[:_LONGEST]):
        known = _NUMBERED.get((words[-1], word)) if words else None
        if known is not None:
            words[-1] = known
        else:
            words.append(word.lower())
    return words


def _negated(before: list[str]) -> bool:
    """Tell whether a metric is another one with its sign turned, as scikit-learn's ``neg_log_loss`` is."""
    return any(word in _NEGATED and (at == 0 or before[at - 1] not in _NOT_NEGATED) for at, word in enumerate(before))


def headline(summary: MetricSummary, goal: Goal | None) -> float | None:
    """Return the value that stands for a series: its best where a goal was declared, else its last."""
    if goal is not None and goal.declared:
        return summary.min if goal.direction == "min" else summary.max
    return summary.last
