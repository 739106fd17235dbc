"""The columns of the table of runs: which there are by default, and what stands in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gtrack._app.safe import cell
from gtrack.display.main_metrics import main_metrics, metric_goals
from gtrack.display.words import value_text
from gtrack.errors import GtrackError
from gtrack.index.fields import Field, Type, read_field
from gtrack.model.nested import flatten
from gtrack.model.state import RunState

__all__ = ["FACTS", "STATUS_MARKS", "RunColumn", "columns_of", "usual_columns"]

FACTS = ("status", "experiment", "started", "duration", "author", "commit")
"""What every table starts with, after the name."""
STATUS_MARKS = {"running": "●", "lost": "?", "finished": "✓", "failed": "✗", "killed": "✗", "preempted": "◼"}
_MOST_PARAMS = 6
_MOST_METRICS = 3


@dataclass(frozen=True, slots=True)
class RunColumn:
    """A column.

    Attributes:
        name: The field, as it is written in the filter language.
        label: Its heading.
        kind: ``text``, ``number``, ``time`` or ``duration``.
        values: A value for each run: text, numbers, times as microseconds since the epoch; None without one.
    """

    name: str
    label: str
    kind: str
    values: list[Any]


def usual_columns(runs: Sequence[RunState], first: str | None = None) -> list[str]:
    """Return the columns to show when nobody has chosen: facts, main metrics, and params in which the runs differ.

    As in ``gtrack ls``, a metric whose goal was declared is shown by its best value.

    Args:
        runs: The runs that are shown.
        first: The metric by which their experiment is compared.
    """
    metrics = main_metrics(runs, _MOST_METRICS)
    if first is not None:
        metrics = [first, *(key for key in metrics if key != first)][:_MOST_METRICS]
    goals = metric_goals(runs)
    named = [str(Field("metrics", key, goals.get(key, "last"))) for key in metrics]
    named += [str(Field("params", key)) for key in _varying(runs)[:_MOST_PARAMS]]
    several = len({run.experiment for run in runs}) > 1
    facts = [name for name in FACTS if name != "experiment" or several]
    return [*facts[:1], *(["experiment"] if several else []), *named, *(f for f in facts[1:] if f != "experiment")]


def columns_of(names: Iterable[str], runs: Sequence[RunState]) -> list[RunColumn]:
    """Return columns with their values; a name that is no field is left out."""
    out = []
    for name in dict.fromkeys(names):
        try:
            field = read_field(name)
        except (GtrackError, ValueError):
            continue
        out.append(_column(name, field, runs))
    return out


def _column(name: str, field: Field, runs: Sequence[RunState]) -> RunColumn:
    found = [_first(field, run) for run in runs]
    label = _label(name, field)
    if name == "status":
        return RunColumn(name, label, "text", [_status(run) for run in runs])
    if field.type is Type.TIME:
        return RunColumn(name, label, "time", found)
    if field.type is Type.SECONDS:
        return RunColumn(name, label, "duration", found)
    if field.type is Type.HASH:
        dirty = name == "commit"
        shown = [_hash(value, run if dirty else None) for value, run in zip(found, runs, strict=True)]
        return RunColumn(name, label, "text", shown)
    if all(value is None or _is_number(value) for value in found):
        return RunColumn(name, label, "number", [None if value is None else float(value) for value in found])
    return RunColumn(name, label, "text", [None if value is None else cell(value_text(value), 200) for value in found])


def _label(name: str, field: Field) -> str:
    if field.scope == "metrics" and field.aggregate != "last":
        return f"{cell(field.key, 60)} {field.aggregate}"
    return cell(name if field.scope == "attributes" else name.partition(".")[2], 60)


def _first(field: Field, run: RunState) -> Any:
    values = field.values(run)
    return values[0] if len(values) == 1 else ", ".join(map(str, values)) if values else None


def _status(run: RunState) -> str:
    mark = STATUS_MARKS.get(run.status, "?")
    return f"{mark} {cell(run.status, 20)}" + (" (archived)" if run.deleted else "")


def _hash(value: object, run: RunState | None) -> str | None:
    if not isinstance(value, str):
        return None
    return cell(value, 40)[:7] + ("*" if run is not None and run.code.get("dirty") is True else "")


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53)


def _varying(runs: Sequence[RunState]) -> list[str]:
    """Return the params in which runs differ, those that most runs have first."""
    seen: dict[str, set[str]] = {}
    count: Counter[str] = Counter()
    for run in runs:
        flat: Mapping[str, object] = dict(flatten(run.params))
        count.update(flat.keys())
        for key, value in flat.items():
            seen.setdefault(key, set()).add(value_text(value))
    varied = [key for key, values in seen.items() if len(values) > 1 or count[key] < len(runs)]
    return sorted(varied, key=lambda key: (-count[key], key))
