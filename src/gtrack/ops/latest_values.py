"""The value that a metric has at a step of a live run, read from the run's own journals."""

from __future__ import annotations

import os

from gtrack.errors import GtrackError
from gtrack.spool.directory import SpoolRun
from gtrack.spool.following import JournalFollower
from gtrack.spool.reading import Points, read_journal

__all__ = ["MetricValues"]

_REMEMBERED = 4096


class MetricValues:
    """The values of one metric, each reading of which costs what is new since the last one.

    Args:
        folder: The run's folder in the spool.
        journal: This process's journal in it.
        metric: The metric.
    """

    def __init__(self, folder: str, journal: str, metric: str) -> None:
        self._folder, self._journal, self._metric = folder, journal, metric
        self._follower = JournalFollower(journal)
        self._next = 0
        self._by_step: dict[int, float] = {}
        self._last: tuple[int, float] | None = None
        self._forgot = False

    def at(self, step: int | None) -> tuple[int, float] | None:
        """Return the step and the value: those of that step, else the last that were logged; None without any.

        Args:
            step: The step, or None for the last value.
        """
        try:
            self._follow()
            if step is not None and step not in self._by_step and self._forgot:
                return self._searched(step) or self._last
        except (GtrackError, OSError):  # a journal that cannot be read has told so elsewhere
            return self._last
        if self._last is None:
            return self._of_others()
        return (step, self._by_step[step]) if step is not None and step in self._by_step else self._last

    def _follow(self) -> None:
        found = self._follower.read(self._next)
        points = self._own(found.points.select(found.position >= self._next))
        self._next = found.records
        if not len(points):
            return
        self._last = int(points.step[-1]), float(points.value[-1])
        recent = slice(-_REMEMBERED, None)
        self._by_step.update(zip(points.step[recent].tolist(), points.value[recent].tolist(), strict=True))
        if len(self._by_step) > _REMEMBERED or len(points) > _REMEMBERED:
            self._by_step = dict(list(self._by_step.items())[recent])
            self._forgot = True

    def _searched(self, step: int) -> tuple[int, float] | None:
        """Return the value at a step that is no longer remembered: there may be millions of them."""
        points = self._own(read_journal(self._journal).points)
        values = points.value[points.step == step]
        return (step, float(values[-1])) if len(values) else None

    def _own(self, points: Points) -> Points:
        """Return the points of this metric."""
        at = points.keys.index(self._metric) if self._metric in points.keys else -1
        return points.select(points.key == at)

    def _of_others(self) -> tuple[int, float] | None:
        """Return the last value that another process of the run logged."""
        newest: tuple[int, int, float] | None = None
        for writer in SpoolRun(self._folder).writers():
            if os.path.samefile(writer.journal, self._journal):
                continue
            try:
                points = read_journal(writer.journal).points
            except (GtrackError, OSError):
                continue
            own = self._own(points)
            if len(own):
                last = (int(own.time[-1]), int(own.step[-1]), float(own.value[-1]))
                newest = last if newest is None or last[0] > newest[0] else newest
        return None if newest is None else newest[1:]
