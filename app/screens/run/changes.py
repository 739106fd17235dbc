"""What changed between two runs, in a few lines: what a person wants to know first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gtrack.display.data_text import change_label, change_lines
from gtrack.display.words import value_text
from gtrack.ops.compare import Comparison, MetricDifference
from gtrack.ops.data_changes import data_changes
from gtrack.ops.differences import Difference
from gtrack.ops.run_code import CodeChange
from gtrack.text import clean

__all__ = ["Item", "Told", "told"]

_MOST = {"Metrics": 4, "Params": 6, "Code": 4, "Data": 3, "Environment": 4}
_LONGEST = 60
_ALWAYS_OTHER = ("author", "group", "parent")
"""Facts of a run that say nothing of how it went."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that changed.

    Attributes:
        text: It, in words.
        verdict: ``better``, ``worse``, or empty where neither is known.
        key: The metric or param; empty where the text says all.
    """

    text: str
    verdict: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A line of what changed.

    Attributes:
        part: What it is about.
        items: What changed, the first few.
        more: How many more there are.
        same: What to say where nothing changed; empty where that is not known.
    """

    part: str
    items: tuple[Item, ...] = ()
    more: int = 0
    same: str = ""


def told(found: Comparison, code: CodeChange | None, first: Sequence[str] = ()) -> list[Told]:
    """Return what changed, a line for each part that has something to say.

    Args:
        found: What differs between the runs.
        code: What git says of their code.
        first: The metrics that matter most, in order.
    """
    lines = [
        _told("Run", (_changed(d) for d in found.run if d.key not in _ALWAYS_OTHER)),
        _metrics(found, first),
        _told("Params", map(_changed, found.params), "the same" if found.a.params or found.b.params else ""),
        _told("Code", *_code(found, code)),
        _told("Data", _data(found), "the same" if found.a.data and found.b.data else ""),
        _told(
            "Environment",
            map(_changed, (*found.packages, *found.environment, *found.seed)),
            "the same" if found.a.environment and found.b.environment else "",
        ),
    ]
    return [line for line in lines if line.items or line.same]


def _told(part: str, items: Iterable[Item], same: str = "") -> Told:
    listed = list(items)
    most = _MOST.get(part, 4)
    return Told(part, tuple(listed[:most]), max(0, len(listed) - most), "" if listed else same)


def _metrics(found: Comparison, first: Sequence[str]) -> Told:
    """Return the metrics that both runs have; those of one alone are only counted, unless there are no others."""
    changed = _in_order(found.changed_metrics, first)
    both = [metric for metric in changed if metric.delta is not None]
    line = _told("Metrics", map(_metric, both or changed), "all equal" if found.metrics else "")
    return replace(line, more=line.more + len(changed) - len(both)) if both else line


def _in_order(metrics: Sequence[MetricDifference], first: Sequence[str]) -> list[MetricDifference]:
    """Return metrics that both runs have before others, those that matter most first."""
    place = {key: number for number, key in enumerate(first)}
    return sorted(metrics, key=lambda m: (m.delta is None, place.get(m.key, len(place)), m.goal is None))


def _metric(metric: MetricDifference) -> Item:
    name = metric.key + ("" if metric.shown == "last" else f" ({metric.shown})")
    if metric.a is None or metric.b is None:
        only = "only here" if metric.a is None else "not here"
        return Item(f"{_number(metric.b if metric.a is None else metric.a)}, {only}", key=name)
    share = ""
    if metric.relative is not None:
        share = f" ({metric.relative:+.2%})" if abs(metric.relative) < 100 else f" ({metric.relative:+.0e} times)"
    delta = f", {metric.delta:+.4g}{share}" if metric.delta is not None and math.isfinite(metric.delta) else ""
    verdict = metric.verdict if metric.verdict in ("better", "worse") else ""
    return Item(f"{_number(metric.a)} → {_number(metric.b)}{delta}", verdict, name)


def _changed(difference: Difference) -> Item:
    one, other = (_cut(value_text(value)) for value in (difference.a, difference.b))
    if difference.change == "added":
        return Item(f"{other} (new)", key=difference.key)
    if difference.change == "removed":
        return Item(f"{one} (gone)", key=difference.key)
    if one == other:
        one, other = f"{one} ({type(difference.a).__name__})", f"{other} ({type(difference.b).__name__})"
    return Item(f"{one} → {other}", key=difference.key)


def _code(found: Comparison, code: CodeChange | None) -> tuple[list[Item], str]:
    if code is not None and code.compared:
        items = [
            Item("binary" if file.added is None else f"+{file.added} -{file.removed}", key=file.path)
            for file in code.files
        ]
        return items, "the same"
    if found.code.same is not None:
        return ([Item("another one ran")] if not found.code.same else []), "the same"
    return [Item(clean(remark)) for remark in (code.remarks if code is not None else ())], ""


def _data(found: Comparison) -> Iterator[Item]:
    for change in data_changes(found.a.data, found.b.data):
        words = {"added": "new", "removed": "gone", "changed": "other content"}[change.change]
        lines = change_lines(change)
        yield Item(lines[0].partition(": ")[2] if lines else words, key=change_label(change))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
