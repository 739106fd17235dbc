"""The runs that a block asks for, and what is wrong with the question where there are none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gtrack.index.filter import Filter, parse
from gtrack.index.query import Order
from gtrack.index.suggest import unknown_keys
from gtrack.ops.asking import question
from gtrack.report.blocks import Block
from gtrack.report.lookup import Lookup
from gtrack.report.problems import BlockError, blaming
from gtrack.report.results import listed

if TYPE_CHECKING:
    from gtrack.runs import Runs

__all__ = ["check_filter", "find_runs", "names", "said", "whole_number"]


def said(block: Block, key: str) -> str | None:
    """Return a text that a block says, or None."""
    value = block.settings.get(key)
    return value if isinstance(value, str) else None


def names(block: Block, key: str) -> tuple[str, ...]:
    """Return the names that a block says; none where it says nothing."""
    value = block.settings.get(key)
    return tuple(map(str, value)) if isinstance(value, tuple) else ()


def whole_number(block: Block, key: str, default: int) -> int:
    """Return a whole number that a block says."""
    value = block.settings.get(key)
    return value if isinstance(value, int) else default


def find_runs(
    lookup: Lookup, block: Block, where: str, limit: int, *, order: Iterable[Order] = (), having: Filter | None = None
) -> Runs:
    """Return the runs that a block asks for.

    Args:
        lookup: Where to ask.
        block: The block.
        where: The key that holds its filter.
        limit: The most runs.
        order: What to sort by; the newest first at last.
        having: What they have to meet as well.

    Raises:
        BlockError: The filter is wrong, or it or the experiment names what no run has.
    """
    text = said(block, where)
    with blaming(where):
        filter_ = None if text is None else parse(text)
    experiments = names(block, "experiment")
    asked = question(_both(filter_, having), experiment=experiments, order_by=order, max_results=limit)
    with blaming(where):
        found = lookup.repo.find(asked)
    if not found:
        check_filter(lookup, text, where)
        _check_experiments(lookup, experiments)
    return found


def check_filter(lookup: Lookup, text: str | None, key: str) -> None:
    """Say that a filter which found nothing asks for what no run has.

    Raises:
        BlockError: It does; the message shows the place.
    """
    if text is None:
        return
    for unknown in unknown_keys(text, lookup.keys.of):
        raise BlockError(str(unknown), key=key)


def _both(a: Filter | None, b: Filter | None) -> Filter | None:
    from gtrack.index.filter import And

    return And((a, b)) if a is not None and b is not None else a or b


def _check_experiments(lookup: Lookup, experiments: Iterable[str]) -> None:
    from gtrack.ops.rivals import near_experiments

    for name in experiments:
        if not lookup.repo.search(experiment=name, max_results=1):
            near = near_experiments(lookup.repo, name)
            meant = f"; did you mean {listed(near)!r:.80}?" if near else ""
            raise BlockError(f"no run is of an experiment {name!r:.80}{meant}", key="experiment")
