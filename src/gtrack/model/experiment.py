"""The current state of an experiment, its comparison protocol, as a fold of its events.

The protocol says once, for everybody, how the experiment's runs are compared: by which metric, in which direction,
which runs are out of the question, and against which run. A pure function of the set of events and the horizon, as the
fold of a run is; what stands in an event is not trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from gtrack.clock import iso, stamp_to_us
from gtrack.ids import is_run_id
from gtrack.model.concurrent import concurrent_edits, latest_events
from gtrack.model.fold import Document
from gtrack.model.goal import Direction

__all__ = ["PROTOCOL", "ExperimentState", "SaidOf", "fold_experiment", "latest_experiment_events"]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""


PROTOCOL: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "description": (_is_name, "text"),
    "metric": (_is_name, "the name of a metric"),
    "goal": (lambda value: isinstance(value, str) and value in ("min", "max"), '"min" or "max"'),
    "floor": (_is_name, "a filter"),
    "baseline": (lambda value: isinstance(value, str) and is_run_id(value), "32 hex digits"),
}
"""What an event of the kind ``set`` may hold: each field's test, and what it has to be in words. Null takes it away."""


@dataclass(frozen=True, slots=True)
class SaidOf:
    """The events of one experiment, and what was passed over among them."""

    documents: tuple[Document, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExperimentState:
    """What was said of an experiment, as of the events it was folded from.

    Attributes:
        name: The experiment's name, as runs have it.
        description: What it is about, or None.
        metric: The metric that its runs are compared by, or None.
        goal: The direction in which that metric is better, where somebody said so.
        floor: A filter that a run must match to be considered, or None.
        baseline: The id of the run that others are compared with, or None.
        archived: It is over, and left out of listings.
        updated: When it was last edited, in microseconds since the epoch; None where nobody said anything.
        author: Who edited it last.
        future: Events of a time that has not come; they count for nothing yet.
        concurrent: What was edited at the same time in clones that did not know of each other, and differently.
        problems: What was passed over, and why.
    """

    name: str
    description: str | None = None
    metric: str | None = None
    goal: Direction | None = None
    floor: str | None = None
    baseline: str | None = None
    archived: bool = False
    updated: int | None = None
    author: str = ""
    future: tuple[str, ...] = ()
    concurrent: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the state with the field names of the events."""
        out: dict[str, object] = {"name": self.name, **{field: getattr(self, field) for field in PROTOCOL}}
        out |= {"archived": self.archived, "updated": None if self.updated is None else iso(self.updated)}
        out["author"] = self.author or None
        for field in ("future", "concurrent", "problems"):
            if getattr(self, field):
                out[field] = list(getattr(self, field))
        return out


def fold_experiment(name: str, events: Iterable[Document], *, horizon: str | None = None) -> ExperimentState:
    """Fold an experiment's events into its state: of each field the later stamp's value stands.

    Args:
        name: The experiment's name.
        events: Its events, in any order; the same file twice counts once.
        horizon: Events with a later stamp are listed as ``future`` and not folded. None folds all.

    Example:
        >>> said = {"kind": "set", "metric": "auc", "goal": "max"}
        >>> fold_experiment("churn", [Document("event", "events/...", said, "20261121T142530.123456Z")]).metric
        'auc'
    """
    ordered = sorted({doc.name: doc for doc in events}.values(), key=lambda doc: doc.order)
    present = [doc for doc in ordered if horizon is None or doc.stamp <= horizon]
    facts: dict[str, object] = {}
    problems: list[str] = []
    last: Document | None = None
    for doc in present:
        sound, wrong = _facts(doc)
        facts |= sound
        problems += wrong
        last = doc if sound else last
    state = ExperimentState(
        name=name,
        future=tuple(doc.name for doc in ordered if doc not in present),
        concurrent=tuple(what.removeprefix("tag ") for what in concurrent_edits(list(_edits(present)))),
        problems=tuple(problems),
    )
    if last is not None:
        state = replace(state, updated=_stamp_time(last.stamp), author=_text(last.body.get("author")))
    return replace(state, **cast("dict[str, Any]", facts))


def latest_experiment_events(events: Sequence[Document]) -> list[str]:
    """Return the names of the edits that no other one was made after; an edit made now comes after these."""
    return latest_events(list(_edits(events)))


def _facts(doc: Document) -> tuple[dict[str, object], list[str]]:
    """Return what an event sets, and what is wrong with it. An event of an unknown kind sets nothing."""
    match doc.body.get("kind"):
        case "archive" | "unarchive" as kind:
            return {"archived": kind == "archive"}, []
        case "set":
            said = {field: doc.body[field] for field in PROTOCOL if field in doc.body}
        case _:
            return {}, []
    wrong = {field for field, value in said.items() if value is not None and not PROTOCOL[field][0](value)}
    problems = [f"{doc.name}: its {field} is not {what}" for field, (_, what) in PROTOCOL.items() if field in wrong]
    return {field: value for field, value in said.items() if field not in wrong}, problems


def _edits(events: Iterable[Document]) -> Iterator[Document]:
    """Yield events as what knows of concurrent edits reads them: a field is set here as a tag is set of a run."""
    for doc in events:
        facts, _ = _facts(doc)
        if facts:
            body = {"kind": "tag", "tags": facts} | (
                {"previous": doc.body["previous"]} if "previous" in doc.body else {}
            )
            yield Document(doc.kind, doc.name, body, doc.stamp)


def _stamp_time(text: str) -> int | None:
    try:
        return stamp_to_us(text)
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
