"""The curves of many runs as one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from gtrack.errors import UsageError
from gtrack.ops.asking import kind_of, several
from gtrack.ops.curves import detail_of, warn_of_preview
from gtrack.ops.many_curves import many_curves
from gtrack.ops.view import View
from gtrack.reader import RecordedRun, Repo

if TYPE_CHECKING:
    import pyarrow

    from gtrack.model.state import RunState

__all__ = ["curves"]


def curves(
    runs: RecordedRun | str | Iterable[RecordedRun | str],
    keys: str | Iterable[str] | None = None,
    *,
    path: str = ".",
    full: bool = False,
    preview: bool = False,
) -> pyarrow.Table:
    """Return the values of metrics over time, of many runs.

    Args:
        runs: What a search found, or runs, or selectors such as an id, a name or ``last``; one that comes again counts
            once.
        keys: The metrics, or the name of one; all by default.
        path: Any directory in the repository that selectors are looked up in.
        full: Rather fail than return a preview of what is neither here nor in a store that can be reached.
        preview: Return previews where there are any, and ask no store.

    Returns:
        An Arrow table with the columns run (dictionary of string: the run's id), key (dictionary of string), step
        (int64), time (timestamp[us, UTC]), value (float64), and rank (int32) where several processes logged; sorted by
        run, in the order given, then key, step and time. What each run has is what :meth:`RecordedRun.curves` says.
        When curves of some runs are previews, the table's metadata says which (``gtrack.preview``), and a warning how
        many.

    Raises:
        UsageError: They are neither runs nor selectors, or are to be both full and previews.
        NotFoundError: A selector names no run, or the whole of its curves is wanted and cannot be had.
        AmbiguousError: It names several.
        DamageError: A file of a run is damaged or missing.

    Example:
        >>> found = gtrack.search_runs("metrics.val_loss < 0.3", experiment="churn")
        >>> table = gtrack.curves(found, keys=["val_loss"])
        >>> table.to_pandas().pivot_table(index="step", columns="run", values="value")
    """
    wanted = None if keys is None else frozenset(several(keys, "keys"))
    given = _given(runs)
    detail = detail_of(full=full, preview=preview)
    if any(isinstance(run, str) for run in given):
        with Repo(path) as repo:
            repo.recover()
            table = many_curves(_found(given, View(repo.repository)), wanted, detail)
    else:
        table = many_curves(_found(given, None), wanted, detail)
    if not preview:
        warn_of_preview(table, "some of these runs", stacklevel=2)
    return table


def _given(runs: object) -> list[RecordedRun | str]:
    out: list[RecordedRun | str] = []
    for run in runs if isinstance(runs, Iterable) and not isinstance(runs, str) else (runs,):
        if not isinstance(run, RecordedRun | str):
            raise UsageError(f"curves: expected runs or selectors, not {kind_of(run)}")
        out.append(run)
    return out


def _found(runs: Iterable[RecordedRun | str], view: View | None) -> Iterator[tuple[View, RunState]]:
    """Yield each run's state, and the view that it was found in."""
    for run in runs:
        if isinstance(run, str):
            assert view is not None
            yield view, view.state(view.select(run))
        else:
            yield run.view, run.state
