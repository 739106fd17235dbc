"""An ablation: runs that differ from one in a single param, and what that param does to a metric."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.statistics import Interval, Sample, sample, welch
from gtrack.ops.compare import data_differences
from gtrack.ops.differences import Difference, differences
from gtrack.ops.grouping import is_seed
from gtrack.ops.leaderboard import code_identity, value_of

__all__ = ["Ablation", "Effect", "ablation", "verdict_of"]

_KINDS = ("same", "elsewhere", "several", "without", "unfinished")


@dataclass(frozen=True, slots=True)
class Effect:
    """What one param does.

    Attributes:
        param: The param's difference to the base.
        runs: The runs that have it, which may differ in their seeds.
        sample: Their values of the metric.
        delta: Their mean less the base's, with its 95 % interval where both have two values.
        verdict: As :func:`verdict_of` gives it.
        also: What else is not as in the base: ``code``, ``data``.
    """

    param: Difference
    runs: tuple[RunState, ...]
    sample: Sample
    delta: Interval
    verdict: str
    also: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the effect as a map."""
        return {
            **self.param.to_dict(),
            "n": self.sample.n,
            "mean": self.sample.mean,
            "std": self.sample.std,
            "nan": self.sample.nan,
            "delta": self.delta.difference,
            "low": self.delta.low,
            "high": self.delta.high,
            "verdict": self.verdict,
            "also": list(self.also),
            "runs": [run.id for run in self.runs],
        }


@dataclass(frozen=True, slots=True)
class Ablation:
    """The effects of single params on a metric.

    Attributes:
        base: The run that others are compared with.
        metric: The metric.
        goal: Which way it is better, where known.
        sample: The values of the base and of the runs that differ from it in no param but seeds.
        effects: The effects: the best first where a direction is known, else the largest first.
        same: The runs that differ from the base in no param; they count with it.
        elsewhere: The runs that differ in their code or data, and in no param; they count nowhere.
        several: The runs that differ in several params.
        without: The finished runs that lack the metric, or have NaN alone.
        unfinished: The runs that did not finish.
    """

    base: RunState
    metric: str
    goal: Goal | None
    sample: Sample
    effects: tuple[Effect, ...]
    same: tuple[RunState, ...] = ()
    elsewhere: tuple[RunState, ...] = ()
    several: tuple[RunState, ...] = ()
    without: tuple[RunState, ...] = ()
    unfinished: tuple[RunState, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the ablation as a map."""
        out: dict[str, object] = {
            "base": self.base.id,
            "metric": self.metric,
            "goal": None if self.goal is None else self.goal.direction,
            "goal_source": None if self.goal is None else self.goal.source,
            "n": self.sample.n,
            "mean": self.sample.mean,
            "std": self.sample.std,
            "effects": [effect.to_dict() for effect in self.effects],
        }
        for name in _KINDS:
            out[name] = [run.id for run in getattr(self, name)]
        return out


def ablation(base: RunState, runs: Iterable[RunState], metric: str, goal: Goal | None) -> Ablation:
    """Return what single params do to a metric.

    Seeds are no params here: runs that differ in them alone are one configuration, and give the effect its interval.

    Args:
        base: The run to start from.
        runs: The runs to look at, in any order; the base may be among them.
        metric: The metric; a run's value is its best one where the goal was declared, else its last.
        goal: Which way it is better, where known.
    """
    sorted_out: dict[str, list[RunState]] = {kind: [] for kind in _KINDS}
    groups: dict[tuple[str, tuple[str, ...]], tuple[Difference, list[RunState]]] = {}
    for run in sorted(runs, key=lambda run: (run.started or 0, run.id)):
        if run.id == base.id:
            continue
        changed = [param for param in differences(base.params, run.params) if not is_seed(param.key)]
        value = value_of(run, metric, goal)
        if run.status != "finished":
            sorted_out["unfinished"].append(run)
        elif len(changed) > 1:
            sorted_out["several"].append(run)
        elif value is None or math.isnan(value):
            sorted_out["without"].append(run)
        elif not changed:
            sorted_out["elsewhere" if _also(base, run) else "same"].append(run)
        else:
            key = _identity(changed[0]), _also(base, run)
            groups.setdefault(key, (changed[0], []))[1].append(run)
    measured = _sample([base, *sorted_out["same"]], metric, goal)
    effects = []
    for (_, also), (param, found) in groups.items():
        values = _sample(found, metric, goal)
        delta = welch(values, measured)
        effects.append(Effect(param, tuple(found), values, delta, verdict_of(delta, goal), also))
    return Ablation(
        base,
        metric,
        goal,
        measured,
        tuple(sorted(effects, key=lambda effect: _place(effect, goal))),
        **{name: tuple(found) for name, found in sorted_out.items()},
    )


def verdict_of(delta: Interval, goal: Goal | None) -> str:
    """Return what a difference means.

    ``better`` or ``worse``, or ``different`` where no direction is known, if the interval leaves 0 out; ``no
    difference seen`` if it does not; ``one run`` where a side has too few values for an interval.
    """
    if delta.low is None or delta.high is None:
        return "one run"
    if delta.includes(0.0):
        return "no difference seen"
    if goal is None:
        return "different"
    return "better" if goal.better(delta.difference, 0.0) else "worse"


def _also(base: RunState, run: RunState) -> tuple[str, ...]:
    """Return what else is not as in the base: runs of other code or data are never mixed with those of its own."""
    code = code_identity(run) != code_identity(base)
    data = bool(data_differences(base.data, run.data))
    return tuple(name for name, differs in (("code", code), ("data", data)) if differs)


def _sample(runs: Iterable[RunState], metric: str, goal: Goal | None) -> Sample:
    values = (value_of(run, metric, goal) for run in runs)
    return sample(value for value in values if value is not None)


def _identity(param: Difference) -> str:
    """Return what tells one value of one param from another; ``1`` and ``1.0`` are the same."""
    return json.dumps([param.key, param.change, _plain(param.b)], sort_keys=True, default=str)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    whole = isinstance(value, float) and value.is_integer()
    return int(value) if whole else value  # type: ignore[call-overload]  # a float, as was tested


def _place(effect: Effect, goal: Goal | None) -> tuple[bool, float, str]:
    delta = effect.delta.difference
    unknown = math.isnan(delta)
    order = -abs(delta) if goal is None else delta if goal.direction == "min" else -delta
    return unknown, 0.0 if unknown else order, effect.param.key
