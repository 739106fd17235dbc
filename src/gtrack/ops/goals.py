"""Which way a metric is better among some runs, who says so, and whether anything should be chosen by it."""

from __future__ import annotations

import difflib
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gtrack.errors import UsageError
from gtrack.index.rows import moment_of
from gtrack.model.goal import Goal, goal_of, is_test_metric

if TYPE_CHECKING:
    from gtrack.model.experiment import ExperimentState
    from gtrack.model.state import RunState

__all__ = [
    "declared_goal",
    "goal_for",
    "goal_said",
    "metric_said",
    "metric_to_compare",
    "near_metrics",
    "near_names",
    "test_metric_warning",
]

_NAMED = 5
_LONGEST = 100


def goal_for(key: str, runs: Sequence[RunState], protocol: ExperimentState | None = None) -> Goal | None:
    """Return a metric's goal, or None where nobody knows.

    The experiment's protocol comes first, then what the newest run with that metric declared by ``define_metric``, then
    the metric's usual name, which is a guess (``Goal.declared`` is False).

    Args:
        key: The metric.
        runs: The runs it is asked for, in any order.
        protocol: What was said of their experiment, if they are of one.

    Example:
        >>> goal_for("val_auc", runs)
        Goal(direction='max', source='name')
    """
    return goal_said(key, declared_goal(key, runs), protocol)


def goal_said(key: str, declared: str | None, protocol: ExperimentState | None = None) -> Goal | None:
    """Return a metric's goal as :func:`goal_for` does, where what the runs declared is known.

    Args:
        key: The metric.
        declared: What the newest run to declare a goal for it said.
        protocol: What was said of the runs' experiment, if they are of one.
    """
    said = protocol.goal if protocol is not None and protocol.metric == key else None
    return goal_of(key, defined=[declared], experiment=said)


def declared_goal(key: str, runs: Sequence[RunState]) -> str | None:
    """Return the direction that the newest run to declare one for a metric gave it: ``min``, ``max`` or None."""
    saying = [run for run in runs if key in run.metrics and run.metrics[key].goal is not None]
    newest = max(saying, key=lambda run: (moment_of(run), run.id), default=None)
    return None if newest is None else newest.metrics[key].goal


def test_metric_warning(key: str) -> str | None:
    """Return what to tell somebody who chooses by a metric of the test set; None for any other metric.

    Example:
        >>> test_metric_warning("val_auc") is None
        True
    """
    if not is_test_metric(key):
        return None
    return f"{key} is measured on test data: what is chosen by it cannot be judged by it any more"


def metric_to_compare(runs: Sequence[RunState], protocol: ExperimentState) -> str:
    """Return the metric that an experiment's runs are compared by where none is named.

    That is the protocol's; without one, the only metric of the runs with a declared goal. A metric of the test set is
    never chosen by itself.

    Args:
        runs: The experiment's runs.
        protocol: What was said of it.

    Raises:
        UsageError: Nobody said by which; the hint is what to type.
    """
    declared = {key for run in runs for key, summary in run.metrics.items() if summary.goal}
    return metric_said(protocol, declared, lambda: Counter(key for run in runs for key in run.metrics))


def metric_said(protocol: ExperimentState, declared: Iterable[str], count: Callable[[], Mapping[str, int]]) -> str:
    """Return the metric to compare by as :func:`metric_to_compare` does, where the goals that runs declared are known.

    Args:
        protocol: What was said of the experiment.
        declared: The metrics whose goal one of its runs declared.
        count: Returns its runs' metrics, each with the number of runs that have it: for the hint.

    Raises:
        UsageError: Nobody said by which; the hint is what to type.
    """
    if protocol.metric is not None:
        return protocol.metric
    telling = sorted(key for key in declared if not is_test_metric(key))
    if len(telling) == 1:
        return telling[0]
    several = f": {', '.join(telling[:_NAMED])} have goals" if telling else ""
    raise UsageError(
        f"nobody said by which metric the runs of {protocol.name!r:.80} are compared{several}",
        hint=f"gtrack experiment set {shlex.quote(protocol.name)} --metric {shlex.quote(_likely(count(), telling))}",
    )


def near_metrics(key: str, runs: Iterable[RunState]) -> list[str]:
    """Return the metrics of runs most like a name that none of them has; those that differ in case first."""
    return near_names(key, {name for run in runs for name in run.metrics})


def near_names(key: str, names: Iterable[str]) -> list[str]:
    """Return the names most like one that is not among them, two at most; those that differ in case first."""
    known = sorted(names)
    same = [name for name in known if name.lower() == key.lower()]
    return same or difflib.get_close_matches(key[:_LONGEST], known, 2)


def _likely(metrics: Mapping[str, int], declared: Sequence[str]) -> str:
    """Return a metric to name in a hint: one with a goal, else one of a validation set, else the commonest."""
    count = {key: runs for key, runs in metrics.items() if not is_test_metric(key)}
    choices = declared or sorted(count, key=lambda key: (not key.lower().startswith("val"), -count[key], key))
    return next((key for key in choices if key.isprintable() and len(key) <= _LONGEST), "KEY")
