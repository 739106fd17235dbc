"""What made a run fail, judged with what the run itself knows: its last values, and what the kernel killed."""

from __future__ import annotations

import os

from gtrack.capture.cause import describe_error
from gtrack.capture.cgroup import oom_kill_count
from gtrack.format.plain import to_plain

__all__ = ["describe_failure"]

_LARGEST_JOURNAL = 64 << 20
"""Bytes of a journal that a failing process still reads; two million values."""


def describe_failure(error: BaseException, *, journal: str | None, oom_kills: int | None) -> object:
    """Return the ``error`` section of an end file.

    The exception has the first word. Only when it tells no cause, a process of this control group that was killed for
    lack of memory, or a metric that ended as NaN, is taken for it.

    Args:
        error: The exception that ended the run.
        journal: Path of the process's journal, or None.
        oom_kills: How often the kernel had killed for lack of memory when the run started, or None.
    """
    facts = describe_error(error)
    if facts["cause"] == "other":
        now = oom_kill_count()
        killed = oom_kills is not None and now is not None and now > oom_kills
        facts = describe_error(error, _last_values(journal), oom_killed=killed)
    return to_plain(facts)


def _last_values(journal: str | None) -> dict[str, float]:
    """The last value of each metric, as far as the journal can be read."""
    from gtrack.spool.reading import read_journal, summarise

    try:
        if journal is None or os.stat(journal).st_size > _LARGEST_JOURNAL:
            return {}
        return {key: summary.last for key, summary in summarise(read_journal(journal).points).items()}
    except (OSError, ValueError):
        return {}
