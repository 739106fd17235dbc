"""What differs between two runs: params, metrics, tags, data, environment, seed and code."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gtrack.model.goal import Goal, headline
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.differences import Difference, differences, same_value

__all__ = ["CodeFacts", "Comparison", "GoalOf", "MetricDifference", "compare", "data_differences", "judge"]

GoalOf = Callable[[str], Goal | None]
"""Tells which way a metric is better, or None where nobody knows."""

_DIGESTS = ("digest", "sha256", "hash", "md5", "etag")
_NAMES = ("name", "path", "uri", "url")
_CODE_FACTS = ("branch", "remote", "cwd", "command", "digest")
_RUN_FACTS = ("experiment", "status", "author", "group", "parent")


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """A metric of two runs.

    Attributes:
        key: The metric.
        shown: Which value stands for the series: ``last``, or ``min`` or ``max`` where a goal was declared.
        a: The first run's value; None when it has none.
        b: The second run's value, likewise.
        last_a: The first run's last value.
        last_b: The second run's last value.
        goal: The direction in which it is better, and who says so; None where nobody knows.
        verdict: ``better``, ``worse`` or ``equal`` as the second run is; ``unknown`` without a goal or a value.
    """

    key: str
    shown: str
    a: float | None
    b: float | None
    last_a: float | None
    last_b: float | None
    goal: Goal | None
    verdict: str

    @property
    def delta(self) -> float | None:
        """The second run's value less the first's."""
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def relative(self) -> float | None:
        """The delta as a share of the first run's value; None where that is 0 or not finite."""
        if self.delta is None or not self.a or not math.isfinite(self.a) or not math.isfinite(self.delta):
            return None
        return self.delta / abs(self.a)

    def to_dict(self) -> dict[str, object]:
        """Return the metric as a map."""
        return {
            "key": self.key,
            "value": self.shown,
            "a": self.a,
            "b": self.b,
            "delta": self.delta,
            "relative": self.relative,
            "last_a": self.last_a,
            "last_b": self.last_b,
            "goal": None if self.goal is None else self.goal.direction,
            "goal_source": None if self.goal is None else self.goal.source,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What the two runs' records say of their code; the code itself is git's to compare.

    Attributes:
        same: Whether the same code ran; None where the records cannot tell.
        a: The first run's commit, whether it was dirty, its snapshot and its tree; what is not known is left out.
        b: The second run's, likewise.
        facts: What else differs: branch, command, working directory, remote.
    """

    same: bool | None
    a: Mapping[str, object]
    b: Mapping[str, object]
    facts: tuple[Difference, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the facts as a map."""
        return {"same": self.same, "a": dict(self.a), "b": dict(self.b), "facts": [d.to_dict() for d in self.facts]}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two runs.

    Attributes:
        a: The first run.
        b: The second.
        run: Status, error, experiment and such.
        params: The params, leaf by leaf.
        metrics: Every metric that either has, the equal ones included.
        tags: The tags.
        data: The inputs, by role and name.
        environment: Python, platform, hardware, variables; not the packages and not the host.
        packages: The packages' versions.
        host: The host, where it is another.
        seed: The seeds.
        code: What the records say of the code.
    """

    a: RunState
    b: RunState
    run: tuple[Difference, ...]
    params: tuple[Difference, ...]
    metrics: tuple[MetricDifference, ...]
    tags: tuple[Difference, ...]
    data: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    packages: tuple[Difference, ...]
    host: Difference | None
    seed: tuple[Difference, ...]
    code: CodeFacts

    @property
    def changed_metrics(self) -> tuple[MetricDifference, ...]:
        """The metrics that are not equal."""
        return tuple(metric for metric in self.metrics if metric.verdict != "equal")

    def to_dict(self) -> dict[str, object]:
        """Return the comparison as a map, for ``--json``."""
        out: dict[str, object] = {"a": _head(self.a), "b": _head(self.b)}
        for name in ("run", "params", "metrics", "tags", "data"):
            out[name] = [item.to_dict() for item in getattr(self, name)]
        out["environment"] = {
            "facts": [item.to_dict() for item in self.environment],
            "packages": [item.to_dict() for item in self.packages],
            "host": None if self.host is None else self.host.to_dict(),
        }
        out["seed"] = [item.to_dict() for item in self.seed]
        out["code"] = self.code.to_dict()
        return out


def compare(a: RunState, b: RunState, goal_of: GoalOf) -> Comparison:
    """Return what differs between two runs.

    Args:
        a: The one to start from.
        b: The other.
        goal_of: Tells which way a metric is better.

    Example:
        >>> compare(base, run, {"val_auc": Goal("max", "define_metric")}.get).params
        (Difference(key='lr', change='changed', a=0.1, b=0.2),)
    """
    facts, packages, host = _environment(a.environment, b.environment)
    return Comparison(
        a=a,
        b=b,
        run=_run(a, b),
        params=differences(a.params, b.params),
        metrics=_metrics(a.metrics, b.metrics, goal_of),
        tags=differences(a.tags, b.tags),
        data=data_differences(a.data, b.data),
        environment=facts,
        packages=packages,
        host=host,
        seed=differences(a.seed, b.seed),
        code=_code(a.code, b.code),
    )


def judge(a: float | None, b: float | None, goal: Goal | None) -> str:
    """Tell whether ``b`` is ``better`` or ``worse`` than ``a``, or ``equal``; ``unknown`` without a goal or a value.

    NaN is worse than any number.
    """
    if a is None or b is None:
        return "unknown"
    if same_value(a, b):
        return "equal"
    if goal is None:
        return "unknown"
    if math.isnan(a) or math.isnan(b):
        return "better" if math.isnan(a) else "worse"
    return "better" if goal.better(b, a) else "worse"


def data_differences(a: Sequence[object], b: Sequence[object]) -> tuple[Difference, ...]:
    """Compare inputs by role and name; where both have a digest, that alone decides."""
    inputs_a, inputs_b = _inputs(a), _inputs(b)
    found = []
    for key in {**inputs_a, **inputs_b}:
        if key not in inputs_b:
            found.append(Difference(key, "removed", a=inputs_a[key]))
        elif key not in inputs_a:
            found.append(Difference(key, "added", b=inputs_b[key]))
        else:
            one, other = inputs_a[key], inputs_b[key]
            digests = _digest(one), _digest(other)
            if digests[0] != digests[1] if None not in digests else not same_value(one, other):
                found.append(Difference(key, "changed", one, other))
    return tuple(found)


def _metrics(
    a: Mapping[str, MetricSummary], b: Mapping[str, MetricSummary], goal_of: GoalOf
) -> tuple[MetricDifference, ...]:
    """Compare metrics: those with a declared goal first, then those whose name tells, each by name."""
    found = []
    for key in {**a, **b}:
        goal = goal_of(key)
        value_a, value_b = (headline(side[key], goal) if key in side else None for side in (a, b))
        last_a, last_b = (side[key].last if key in side else None for side in (a, b))
        shown = goal.direction if goal is not None and goal.declared else "last"
        verdict = judge(value_a, value_b, goal)
        found.append(MetricDifference(key, shown, value_a, value_b, last_a, last_b, goal, verdict))
    return tuple(sorted(found, key=lambda m: (m.goal is None, m.goal is not None and not m.goal.declared, m.key)))


def _run(a: RunState, b: RunState) -> tuple[Difference, ...]:
    def facts(run: RunState) -> dict[str, object]:
        error = run.error or {}
        named = {f"error.{name}": error.get(name) for name in ("type", "message", "cause")}
        return {k: v for k, v in {**{name: getattr(run, name) for name in _RUN_FACTS}, **named}.items() if v}

    return differences(facts(a), facts(b))


def _inputs(entries: Sequence[object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for number, entry in enumerate(entries, 1):
        name, role = str(number), None
        if isinstance(entry, Mapping):
            name = next((str(entry[key]) for key in _NAMES if entry.get(key)), name)
            role = entry.get("role")
        key = f"{role}: {name}" if role else name
        found[key if key not in found else f"{key} ({number})"] = entry
    return found


def _digest(entry: object) -> object:
    return next((entry[key] for key in _DIGESTS if entry.get(key)), None) if isinstance(entry, Mapping) else None


def _environment(
    a: Mapping[str, object], b: Mapping[str, object]
) -> tuple[tuple[Difference, ...], tuple[Difference, ...], Difference | None]:
    """Part the environment's differences into facts, packages, and the host, which differs within any team."""
    parted = []
    for environment in (a, b):
        facts = dict(environment)
        packages = facts.pop("packages", None)
        host = facts.pop("host", None)
        parted.append(
            (facts, packages if isinstance(packages, Mapping) else {}, {} if host is None else {"host": host})
        )
    (facts_a, packages_a, host_a), (facts_b, packages_b, host_b) = parted
    hosts = differences(host_a, host_b)
    packages = tuple(sorted(differences(packages_a, packages_b), key=lambda d: d.key))
    return differences(facts_a, facts_b), packages, hosts[0] if hosts else None


def _code(a: Mapping[str, object], b: Mapping[str, object]) -> CodeFacts:
    def pick(code: Mapping[str, object], names: Sequence[str]) -> dict[str, object]:
        return {name: code[name] for name in names if code.get(name) is not None}

    names = ("commit", "dirty", "snapshot", "tree")
    facts = differences(pick(a, _CODE_FACTS), pick(b, _CODE_FACTS))
    # A remote that was added meanwhile changes nothing in what ran.
    told = tuple(fact for fact in facts if fact.key != "remote" or fact.change == "changed")
    return CodeFacts(_same_code(a, b), pick(a, names), pick(b, names), told)


def _same_code(a: Mapping[str, object], b: Mapping[str, object]) -> bool | None:
    """Tell whether the same code ran. Equal trees have equal snapshots, whatever the commits (design, section 4)."""
    seen = all(code.get("snapshot") is not None or code.get("dirty") is not True for code in (a, b))
    for name in ("snapshot", "tree", "digest", "commit"):
        if a.get(name) is not None and b.get(name) is not None:
            if a[name] != b[name]:
                return False
            # Of a commit alone it has to be known that nothing was edited.
            clean = name != "commit" or (a.get("dirty") is False and b.get("dirty") is False)
            return True if seen and clean else None
    return None


def _head(run: RunState) -> dict[str, object]:
    return {
        "id": run.id,
        "name": run.name,
        "experiment": run.experiment,
        "status": run.status,
        "started": run.to_dict()["started"],
        "duration": run.duration,
    }
