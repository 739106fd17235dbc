"""Searching the runs of the repository that the process works in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gtrack.reader import Repo

if TYPE_CHECKING:
    from gtrack.runs import Runs

__all__ = ["search_runs"]


def search_runs(
    filter: str | None = None,  # noqa: A002  # the word for it
    *,
    experiment: str | Iterable[str] | None = None,
    order_by: str | Iterable[str] | None = None,
    max_results: int | None = None,
    deleted: bool = False,
    path: str = ".",
) -> Runs:
    """Return the runs that match a filter; see :meth:`gtrack.Repo.search`.

    Args:
        filter: The filter; all runs by default.
        experiment: Only the runs of this experiment, or of these.
        order_by: What to sort by, such as ``["metrics.val_auc DESC"]``; the newest first by default.
        max_results: The most runs to return, 1 or more; all by default.
        deleted: Those that were deleted, instead of the others.
        path: Any directory in the repository.

    Raises:
        NotFoundError: There is no repository.
        UsageError: The filter or the order is not in the language; the message shows the place. Or an argument is of
            another type.

    Example:
        >>> gtrack.search_runs("metrics.val_auc > 0.88", order_by=["metrics.val_auc DESC"], max_results=5).to_pandas()
    """
    repo = Repo(path)
    return repo.search(filter, experiment=experiment, order_by=order_by, max_results=max_results, deleted=deleted)
