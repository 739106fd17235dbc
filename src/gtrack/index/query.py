"""A question about runs: which ones, in what order, how many; and its answer by going through them all.

The index answers the same questions without going through them; this is what it is measured against, and what answers
for runs that are not in it: live ones, and those of another remote.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gtrack.errors import UsageError
from gtrack.index.fields import Field, Value, read_field
from gtrack.index.filter import Filter
from gtrack.index.literals import number_of
from gtrack.index.values import text_of
from gtrack.model.state import RunState

__all__ = ["MOST_ORDERS", "Found", "Order", "Query", "answer", "parse_order", "rank", "sort_states"]

Rank = tuple[int, float | str]
"""Where a value stands among others: 0 and a number, or 1 and a text."""

MOST_ORDERS = 10
"""SQLite 3.40 crashes on a statement that sorts by 64 terms, and a field is four."""

_ORDER = re.compile(r"\s*(-?)\s*(.+?)(?:\s+(ASC|DESC))?\s*\Z", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Order:
    """What to sort by.

    Attributes:
        field: The field.
        descending: The largest first. Runs without a value come last either way.
    """

    field: Field
    descending: bool = False

    def __str__(self) -> str:
        return f"{self.field} {'DESC' if self.descending else 'ASC'}"


@dataclass(frozen=True, slots=True)
class Query:
    """Which runs, in what order, how many.

    Attributes:
        where: The filter, or None for every run.
        experiments: Only runs of these experiments; of any when empty.
        statuses: Only runs of these statuses; of any when empty.
        deleted: Those that were deleted, instead of the others; None for both.
        order: What to sort by, first things first; at last the newest first.
        limit: The most runs to return.
        offset: How many of the first to pass over, where there is a limit.

    Raises:
        UsageError: There are more than :data:`MOST_ORDERS` fields to sort by.
    """

    where: Filter | None = None
    experiments: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    deleted: bool | None = False
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0

    def __post_init__(self) -> None:
        if len(self.order) > MOST_ORDERS:
            raise UsageError(f"{len(self.order)} fields to sort by; {MOST_ORDERS} are the most")

    @property
    def window(self) -> slice:
        """The runs to return, of all in order."""
        return slice(None) if self.limit is None else slice(self.offset, self.offset + self.limit)

    @property
    def is_of_all(self) -> bool:
        """Whether every run is asked for, deleted ones apart."""
        return self.where is None and not self.experiments and not self.statuses

    def selects(self, run: RunState, *, now_us: int) -> bool:
        """Tell whether a run is asked for."""
        return (
            self.deleted in (None, run.deleted)
            and (not self.experiments or run.experiment in self.experiments)
            and (not self.statuses or run.status in self.statuses)
            and (self.where is None or self.where.matches(run, now_us=now_us))
        )


@dataclass(frozen=True, slots=True)
class Found:
    """An answer.

    Attributes:
        runs: The runs, in order.
        total: How many there would be without the limit.
    """

    runs: list[RunState] = field(default_factory=list)
    total: int = 0


def parse_order(text: str) -> Order:
    """Read what to sort by: ``metrics.loss``, ``-metrics.val_auc`` or, as in MLflow, ``metrics.val_auc DESC``.

    Raises:
        UsageError: There is no such field.
    """
    match = _ORDER.match(text)
    if match is None:
        raise UsageError("nothing to sort by", hint="metrics.loss, -metrics.val_auc or 'metrics.val_auc DESC'")
    try:
        asked = read_field(match[2])
    except ValueError as error:
        raise UsageError(f"cannot sort: {error}") from None
    if asked.scope == "datasets":
        raise UsageError("a run can have several datasets: cannot sort by them")
    return Order(asked, bool(match[1]) != ((match[3] or "").upper() == "DESC"))


def rank(value: Value) -> Rank | None:
    """Return where a value stands among others; None for NaN, which comes last.

    Numbers come first, those in text included; other text follows.
    """
    number = number_of(value)
    if number is None:
        return 1, text_of(value)
    return None if isinstance(number, float) and math.isnan(number) else (0, number)


def sort_states(runs: Iterable[RunState], order: Sequence[Order]) -> list[RunState]:
    """Return runs in order; those that are alike, the newest first."""
    out = sorted(runs, key=lambda run: (run.started or run.last_heard or 0, run.id), reverse=True)
    for by in reversed(order):
        numbers: list[tuple[float | str, RunState]] = []
        texts: list[tuple[float | str, RunState]] = []
        without = []
        for run in out:
            values = by.field.values(run)
            place = rank(values[0]) if values else None
            if place is None:
                without.append(run)
            else:
                (texts if place[0] else numbers).append((place[1], run))
        for ranked in (numbers, texts):
            ranked.sort(key=lambda pair: pair[0], reverse=by.descending)
        out = [run for _, run in (*numbers, *texts)] + without
    return out


def answer(runs: Iterable[RunState], query: Query, *, now_us: int) -> Found:
    """Answer a question by going through all runs.

    Args:
        runs: The runs.
        query: The question.
        now_us: The present, in microseconds since the epoch: ages count from it.
    """
    found = [run for run in runs if query.selects(run, now_us=now_us)]
    return Found(sort_states(found, query.order)[query.window], len(found))
