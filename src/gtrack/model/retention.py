"""Which runs a team keeps: the policy under ``retention:`` of ``gtrack.yaml``, read from its document.

.. code-block:: yaml

    retention:
      keep: {newest: 90d, best: 10, tagged: [paper]}
      failed: 30d
      archive_experiments: 180d
      experiments:
        "churn-*": {best: 20}

=======================  =========================================================================================
``keep.newest``          finished runs stay for that long; older ones go unless another rule keeps them
``keep.best``            the best so many finished runs of each experiment stay, by its metric, whatever their age
``keep.tagged``          runs with one of these tags stay
``keep.registered``      runs that a registered version names stay, with all they were made from; always so
``failed``               failed, killed and preempted runs go after that long; without it as finished ones do
``archive_experiments``  an experiment is archived when its newest run is that old
``experiments``          other rules for experiments whose names match a pattern; the last that matches counts
=======================  =========================================================================================

Times are ``36h``, ``90d``, ``12w`` or ``1y``; ``never`` lets nothing go. A policy that says nothing of a kind of run
keeps it.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, NoReturn

from gtrack.errors import UsageError
from gtrack.text import clean

__all__ = ["DAY", "GRACE", "Policy", "Rules", "parse_age", "parse_policy", "shown_age"]

DAY = 86_400.0
"""Seconds."""
GRACE = 14 * DAY
"""Seconds for which what was deleted can be had back; half of it protects an upload whose run is not recorded yet."""

_AGE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(h|d|w|y)\Z")
_UNITS = {"h": 3600.0, "d": DAY, "w": 7 * DAY, "y": 365 * DAY}
_FOR_EVER = ("never", "forever", "off")
_MOST_BEST = 1_000_000
_MOST_TAGS = 100
_MOST_PATTERNS = 1_000
_LONGEST = 512
_WIDTH = 72


@dataclass(frozen=True, slots=True)
class Rules:
    """What a policy says of one experiment's runs; None where it says nothing.

    Attributes:
        newest: Seconds for which finished runs stay in any case.
        best: How many of the best finished runs stay, whatever their age.
        tagged: Runs with one of these tags stay.
        failed: Seconds after which failed, killed and preempted runs go.
        archive: Seconds after its newest run at which the experiment is archived.
    """

    newest: float | None = None
    best: int | None = None
    tagged: tuple[str, ...] | None = None
    failed: float | None = None
    archive: float | None = None

    @property
    def failed_age(self) -> float:
        """Seconds after which failed runs go; infinite where they stay."""
        return self.finished_age if self.failed is None else self.failed

    @property
    def finished_age(self) -> float:
        """Seconds after which finished runs go that no other rule keeps; infinite where they stay."""
        return math.inf if self.newest is None else self.newest

    def over(self, base: Rules) -> Rules:
        """Return these rules, and those of ``base`` where these say nothing."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(base, **{name: value for name, value in said.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Policy:
    """A team's policy.

    Attributes:
        rules: What holds for every experiment.
        experiments: Patterns of experiments' names and what holds for these instead, in the order of the file.
        where: The file it is from, as in ``gtrack.yaml at origin/main (15f61e3)``.
    """

    rules: Rules = Rules()
    experiments: tuple[tuple[str, Rules], ...] = ()
    where: str = ""

    def rules_of(self, experiment: str) -> Rules:
        """Return the rules for an experiment.

        Example:
            >>> Policy(Rules(best=10), (("churn-*", Rules(best=20)),)).rules_of("churn-2026").best
            20
        """
        rules = self.rules
        for pattern, other in self.experiments:
            if fnmatchcase(experiment, pattern):
                rules = other.over(rules)
        return rules

    @property
    def lets_go(self) -> bool:
        """Whether there is a run that it would not keep."""
        every = (self.rules, *(rules.over(self.rules) for _, rules in self.experiments))
        return any(math.isfinite(age) for rules in every for age in (rules.finished_age, rules.failed_age))


def parse_policy(value: object, where: str = "gtrack.yaml") -> Policy:
    """Read what stands under ``retention:``.

    Args:
        value: The value of that key in the parsed file; None for an empty one.
        where: The file, for the text of an error.

    Raises:
        UsageError: It cannot be followed; the message shows the place.

    Example:
        >>> parse_policy({"keep": {"newest": "90d", "best": 10}}).rules.best
        10
    """
    if value is None:
        return Policy(where=where)
    place = _Place(where)
    top = place.map_of(value, ("keep", "failed", "archive_experiments", "experiments"))
    rules = _rules(place, {key: item for key, item in top.items() if key != "experiments"})
    patterns = place.below("experiments").map_of(top.get("experiments") or {}, None)
    if len(patterns) > _MOST_PATTERNS:
        place.below("experiments").fail(patterns, f"names {len(patterns):,} patterns; at most {_MOST_PATTERNS:,}")
    others = []
    for pattern, said in patterns.items():
        inside = place.below("experiments").below(pattern)
        inside.map_of(said, _OVERRIDES)
        others.append((pattern, _rules(inside, said)))
    _check_ages(place, rules, others, value)
    return Policy(rules, tuple(others), where)


def parse_age(text: object) -> float | None:
    """Return the seconds of ``90d``, ``36h``, ``12w`` or ``1y``, infinity for ``never``; None for anything else.

    Example:
        >>> parse_age("2d")
        172800.0
    """
    if not isinstance(text, str):
        return None
    if text.strip().lower() in _FOR_EVER:
        return math.inf
    match = _AGE.match(text.strip().lower())
    return float(match[1]) * _UNITS[match[2]] if match else None


def shown_age(seconds: float) -> str:
    """Return a time for people: ``90 days``, ``5 hours``, ``for ever``.

    Example:
        >>> shown_age(90 * DAY)
        '90 days'
    """
    if not math.isfinite(seconds):
        return "for ever"
    if 0 < seconds < 3600:
        return "under an hour"
    count, unit = (int(seconds // DAY), "day") if seconds >= DAY or seconds == 0 else (int(seconds // 3600), "hour")
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


class _Place:
    """A place of the file, and how what is wrong there is told."""

    def __init__(self, where: str, path: tuple[str, ...] = ()) -> None:
        self.where = where
        self.path = path

    def below(self, key: str) -> _Place:
        return _Place(self.where, (*self.path, key))

    def map_of(self, value: object, keys: tuple[str, ...] | None) -> Mapping[str, Any]:
        """Return the map that stands here, all of whose keys are among ``keys``."""
        if not isinstance(value, Mapping):
            self.fail(value, "is not a map", hint="write it like retention: {keep: {newest: 90d, best: 10}}")
        for key in value:
            if keys is not None and key not in keys:
                close = difflib.get_close_matches(key, keys, 1)
                meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(keys)}"
                self.below(key).fail(value[key], "is not a rule", hint=meant, at_key=True)
        return value

    def fail(self, value: object, what: str, *, hint: str | None = None, at_key: bool = False) -> NoReturn:
        """Raise the error, with the place drawn as one line of YAML and a caret below it."""
        head = "".join(f"{{{_text(key)}: " for key in self.path[:-1])
        last = f"{{{_text(self.path[-1])}: " if self.path else ""
        before = "retention: " + head
        shown = _text(value)[:40]
        line = f"{before}{last}{shown}{'}' * len(self.path)}"
        at = len(before) + 1 if at_key else len(before + last)
        left = max(0, at - _WIDTH // 2) if len(line) > _WIDTH else 0
        named = ".".join(("retention", *map(clean, self.path)))[:120]
        picture = f"  {line[left : left + _WIDTH]}\n  {' ' * (at - left)}^"
        raise UsageError(f"{self.where}: {named} {what}\n{picture}", hint=hint)


def _rules(place: _Place, said: Mapping[str, Any]) -> Rules:
    """Return the rules of one map; ``keep:`` may be written out or left out around what is kept."""
    values: dict[str, Any] = {}
    groups = [(place, {key: item for key, item in said.items() if key != "keep"})]
    if said.get("keep") is not None:
        inside = place.below("keep")
        groups.append((inside, dict(inside.map_of(said["keep"], _KEEP))))
    for where, group in groups:
        for key, value in group.items():
            field, read = _READERS[key]
            found = None if value is None else read(where.below(key), value)
            if field is not None and found is not None:
                values[field] = found
    return Rules(**values)


def _check_ages(place: _Place, rules: Rules, others: list[tuple[str, Rules]], value: object) -> None:
    """Refuse a policy that says which runs stay and not from when on the others go."""
    for path, said in [(("keep",), rules), *((("experiments", pattern), other) for pattern, other in others)]:
        whole = said.over(rules)
        if (said.best is not None or said.tagged is not None) and whole.newest is None:
            at: Any = value
            for key in path:
                place, at = place.below(key), at.get(key, {})
            what = "says which runs stay, and nothing of how old the others must be to go"
            place.fail(at, what, hint="add newest: 90d, or newest: never to let none go", at_key=True)


def _age(place: _Place, value: object) -> float:
    found = parse_age(value)
    if found is None or (found <= 0):
        place.fail(value, "is not a time", hint="write it like 90d, 36h, 12w or 1y, or never")
    return found


def _count(place: _Place, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_BEST:
        place.fail(value, "is not a number of runs", hint="write it like best: 10")
    return value


def _tags(place: _Place, value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    sound = all(isinstance(item, str) and item.strip() and len(item) <= _LONGEST for item in items)
    if not sound or len(items) > _MOST_TAGS:
        place.fail(value, "is not a list of tags", hint="write it like tagged: [paper, keep]")
    return tuple(items)


def _registered(place: _Place, value: object) -> None:
    if value is not True:
        place.fail(value, "can only be true", hint="a registered version always keeps its run")


def _text(value: object) -> str:
    """Return a value as a line of YAML would show it."""
    if isinstance(value, str) and re.fullmatch(r"[\w.-]+", value):
        return value
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)}: {_text(item)}" for key, item in list(value.items())[:8]) + "}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return clean(text[:200])


_READERS: Mapping[str, tuple[str | None, Callable[[_Place, Any], Any]]] = {
    "registered": (None, _registered),
    "newest": ("newest", _age),
    "best": ("best", _count),
    "tagged": ("tagged", _tags),
    "failed": ("failed", _age),
    "archive_experiments": ("archive", _age),
    "archive": ("archive", _age),
}
_KEEP = ("registered", "newest", "best", "tagged")
_OVERRIDES = ("keep", *_KEEP, "failed", "archive")
