"""What processes logged beside metrics: the lines of their ledgers, gathered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gtrack.clock import iso
from gtrack.model.fold import merge_params

__all__ = ["Logged", "difference", "gather"]


@dataclass(slots=True)
class Logged:
    """Params, tags and the rest, as they stand after some ledger lines; field names are those of run.yaml.

    ``name`` and ``experiment`` are there when a process that joined the run chose them.
    """

    name: str | None = None
    experiment: str | None = None
    params: dict[str, object] = field(default_factory=dict)
    tags: dict[str, object] = field(default_factory=dict)
    goals: dict[str, object] = field(default_factory=dict)
    seed: dict[str, object] = field(default_factory=dict)
    notes: list[object] = field(default_factory=list)
    data: list[object] = field(default_factory=list)
    uses: list[object] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """Return the fields that hold something."""
        names = ("name", "experiment", "params", "tags", "goals", "seed", "notes", "data", "uses")
        return {name: value for name in names if (value := getattr(self, name))}

    def take(self, body: Mapping[str, object]) -> None:
        """Take in a document's or a ledger line's fields."""
        for name in ("name", "experiment"):
            text = body.get(name)
            if isinstance(text, str):
                setattr(self, name, text)
        for name in ("params", "tags", "goals", "seed"):
            values = body.get(name)
            if isinstance(values, Mapping):
                merge_params(getattr(self, name), values)
        for name in ("notes", "data", "uses"):
            items = body.get(name)
            present: list[object] = getattr(self, name)
            present.extend(item for item in (items if isinstance(items, list) else []) if item not in present)


def gather(entries: Iterable[Mapping[str, object]], *, until_first_metric: bool = False) -> Logged:
    """Gather ledger lines in their order.

    Args:
        entries: Lines of one or more ledgers.
        until_first_metric: Stop at the line that the first metric left.
    """
    out = Logged()
    for entry in entries:
        if until_first_metric and entry["kind"] == "first":
            break
        if entry["kind"] == "note":
            at = entry.get("at")
            out.notes.append({"time": iso(at if isinstance(at, int) else 0), "text": entry.get("text", "")})
        elif entry["kind"] == "logged":
            out.take(entry)
    return out


def difference(after: Logged, before: Logged) -> Logged:
    """Return what ``after`` says and ``before`` does not."""
    return Logged(
        name=after.name if after.name != before.name else None,
        experiment=after.experiment if after.experiment != before.experiment else None,
        params=_changed(after.params, before.params),
        tags=_changed(after.tags, before.tags),
        goals=_changed(after.goals, before.goals),
        seed=_changed(after.seed, before.seed),
        notes=[n for n in after.notes if n not in before.notes],
        data=[d for d in after.data if d not in before.data],
        uses=[u for u in after.uses if u not in before.uses],
    )


def _changed(after: Mapping[str, object], before: Mapping[str, object]) -> dict[str, object]:
    out: dict[str, object] = {}
    for key, value in after.items():
        present = before.get(key)
        if isinstance(value, Mapping) and isinstance(present, Mapping):
            inner = _changed(value, present)
            if inner:
                out[key] = inner
        elif key not in before or value != present or type(value) is not type(present):
            out[key] = value
    return out
