"""The runs that a search found, as a sequence and as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, overload

from gtrack.errors import MissingExtraError
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary

if TYPE_CHECKING:
    import pyarrow

    from gtrack.reader import RecordedRun

__all__ = ["Runs", "runs_table"]


class Runs(Sequence["RecordedRun"]):
    """Runs in the order that was asked for.

    Args:
        runs: The runs.
        total: How many there would be without ``max_results``.
        columns: What the question spoke of, such as ``metrics.val_auc``: columns that the tables have in any case.

    Example:
        >>> found = gtrack.search_runs("metrics.val_auc > 0.88", order_by=["metrics.val_auc DESC"], max_results=5)
        >>> found[0].params, found.total
        ({'max_depth': 6}, 12)
        >>> found.to_pandas()[["name", "metrics.val_auc"]]
    """

    def __init__(self, runs: Iterable[RecordedRun], total: int | None = None, *, columns: Iterable[str] = ()) -> None:
        self._runs = list(runs)
        self._columns = tuple(columns)
        self.total = len(self._runs) if total is None else total

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, index: int) -> RecordedRun: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> RecordedRun | Runs:
        if isinstance(index, slice):
            return Runs(self._runs[index], self.total, columns=self._columns)
        return self._runs[index]

    def __iter__(self) -> Iterator[RecordedRun]:
        return iter(self._runs)

    def __repr__(self) -> str:
        more = f" of {self.total}" if self.total > len(self) else ""
        return f"<{len(self)}{more} gtrack runs>"

    def curves(
        self, keys: str | Iterable[str] | None = None, *, full: bool = False, preview: bool = False
    ) -> pyarrow.Table:
        """Return the values of metrics over time, of all the runs; see :func:`gtrack.curves`.

        Args:
            keys: The metrics, or the name of one; all by default.
            full: Rather fail than return a preview of a curve that is in the store.
            preview: Return the preview where there is one, and ask no store.

        Example:
            >>> gtrack.search_runs(experiment="churn").curves("val_loss").to_pandas()
        """
        from gtrack.curve_tables import curves

        return curves(self, keys, full=full, preview=preview)

    def to_arrow(self) -> pyarrow.Table:
        """Return one row a run: its facts, and a column for every ``params.``, ``metrics.`` and ``tags.`` key.

        Returns:
            An Arrow table. Times are timestamp[us, UTC], ``duration`` is in seconds, metrics are their last values.
            A column of params or tags has the one type of its values, and is text where they differ. What the question
            spoke of has a column also where no run has such a thing: an empty table can be asked like any other.
        """
        return runs_table([run.state for run in self._runs], self._columns)

    def to_pandas(self) -> Any:
        """Return :meth:`to_arrow` as a pandas DataFrame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        if find_spec("pandas") is None:
            raise MissingExtraError("pandas", "pandas")
        return self.to_arrow().to_pandas()


def runs_table(states: Sequence[RunState], columns: Iterable[str] = ()) -> pyarrow.Table:
    """Return states as an Arrow table; see :meth:`Runs.to_arrow`.

    Args:
        states: The states.
        columns: Further columns that there are in any case, such as ``metrics.val_auc``.
    """
    import pyarrow as pa

    table = _facts(states)
    asked = [name.partition(".") for name in columns]
    scopes: dict[str, Sequence[Mapping[str, Any]]] = {
        "params": [dict(flatten(s.params)) for s in states],
        "metrics": [s.metrics for s in states],
        "tags": [s.tags for s in states],
    }
    for scope, rows in scopes.items():
        for key in sorted({key for of, _, key in asked if of == scope}.union(*rows)):
            values = [row.get(key) for row in rows]
            table[f"{scope}.{key}"] = _last_values(values) if scope == "metrics" else _column(values)
    return pa.table(table)


def _facts(states: Sequence[RunState]) -> dict[str, Any]:
    """Return the columns that every table has."""
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    return {
        **{name: pa.array([getattr(s, name) for s in states], pa.string()) for name in ("id", "name", "experiment")},
        "status": pa.array([s.status for s in states], pa.string()),
        "started": pa.array([s.started for s in states], time),
        "ended": pa.array([s.ended for s in states], time),
        "duration": pa.array([s.duration for s in states], pa.float64()),
        **{name: pa.array([getattr(s, name) for s in states], pa.string()) for name in ("parent", "group", "author")},
        "commit": pa.array([_text(s.code.get("commit")) for s in states], pa.string()),
        "snapshot": pa.array([_text(s.code.get("snapshot")) for s in states], pa.string()),
        "branch": pa.array([_text(s.code.get("branch")) for s in states], pa.string()),
        "dirty": pa.array([d if isinstance(d := s.code.get("dirty"), bool) else None for s in states], pa.bool_()),
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _last_values(summaries: Sequence[MetricSummary | None]) -> Any:
    import pyarrow as pa

    return pa.array([None if summary is None else summary.last for summary in summaries], pa.float64())


def _column(values: Sequence[object]) -> Any:
    """Return an array of the one type of the values, of text where they differ."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    try:
        if not kinds:
            return pa.nulls(len(values), pa.string())
        if kinds <= {bool} or kinds <= {str} or kinds <= {int}:
            return pa.array(values)
        if kinds <= {int, float}:
            return pa.array(values, pa.float64())
    except (pa.ArrowException, OverflowError):
        pass  # an integer beyond 64 bits
    return pa.array([_shown(value) for value in values], pa.string())


def _shown(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
