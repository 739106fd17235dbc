"""The blocks of a report, answered from the runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from gtrack.errors import FormatError, GtrackError
from gtrack.report import answer_chart, answer_leaderboard, answer_run, answer_table
from gtrack.report.blocks import Block
from gtrack.report.lookup import Lookup
from gtrack.report.problems import BlockError, Problem
from gtrack.report.results import Result

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["Answers"]

_ANSWERS: Mapping[str, Callable[[Lookup, Block], Result]] = MappingProxyType(
    {
        "table": answer_table.answer,
        "chart": answer_chart.answer,
        "run": answer_run.answer,
        "leaderboard": answer_leaderboard.answer,
    }
)


class Answers:
    """Answers blocks, and remembers what several of them need.

    Args:
        repo: The repository.

    Example:
        >>> Answers(repo).of(parse(text, "results.md").blocks[0])
        Grid(title='The best runs', ...)
    """

    def __init__(self, repo: Repo) -> None:
        self._lookup = Lookup(repo)

    def of(self, block: Block) -> Result | Problem:
        """Return what a block comes to, or what is wrong with it.

        Raises:
            FormatError: A newer gtrack wrote the runs: nothing can be said of any of them.
        """
        if block.problem is not None:
            return block.problem
        try:
            return _ANSWERS[block.kind](self._lookup, block)
        except BlockError as error:
            return block.problem_of(error)
        except FormatError:
            raise
        except GtrackError as error:
            return block.problem_of(BlockError.of(error, block.kind))
