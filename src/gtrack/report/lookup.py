"""Where the blocks of a report are looked up: the runs, the keys that there are, the goals of metrics, the host."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from gtrack.display.goals import Goals
from gtrack.display.keys import Keys
from gtrack.report.hosts import Host, host_of_remote

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["Lookup"]


class Lookup:
    """What several blocks need, asked for once.

    Args:
        repo: The repository.

    Attributes:
        repo: The repository.
        keys: The metrics, params and tags that there are.
        goals: Which way metrics are better.
    """

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.keys = Keys(repo)
        self.goals = Goals(repo)

    @cached_property
    def host(self) -> Host | None:
        """Where commits are to be seen."""
        return host_of_remote(self.repo)
