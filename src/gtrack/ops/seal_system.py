"""How the machine did, for the branch: averages as Parquet files, and means and peaks for the document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from gtrack.capture.system import PREFIX
from gtrack.errors import GtrackError
from gtrack.format import names
from gtrack.format.names import Segment
from gtrack.ops.load import RunFiles
from gtrack.ops.segments import encode_segment
from gtrack.spool.directory import Writer
from gtrack.spool.system import ENDING
from gtrack.spool.system_reading import SystemPoints, Total, read_system

__all__ = ["sealed_until", "system_files", "system_points", "system_totals", "totals_of"]

_BATCH = 32
"""Windows that a live run has to have more before they are committed: a long run has not thousands of small files."""
_MOST_POINTS = 1 << 16
"""Points in one file, which keeps it under 256 KB."""
_GPU = re.compile(r"gpu_\d+_(utilization_percentage|memory_usage_megabytes)\Z")
_TOLD = frozenset(
    {
        "cpu_utilization_percentage",
        "process_cpu_percentage",
        "process_memory_rss_megabytes",
        "system_memory_usage_percentage",
    }
)
"""What a document tells of a machine, and of all its GPUs together."""


def system_points(writer: Writer, first: int = 0) -> SystemPoints | None:
    """Return what a writer has measured from a record on; None where there is nothing that could be read."""
    try:
        return read_system(writer.stem + ENDING, first)
    except (OSError, ValueError, GtrackError):  # a run is recorded without, rather than not at all
        return None


def sealed_until(recorded: RunFiles, session: str, writer: str) -> int:
    """Return how many of a writer's system records the branch has: the number of the next one to seal."""
    found = [f.segment for f in recorded.files if f.kind == "system" and f.segment is not None]
    return max((s.end for s in found if (s.session, s.writer) == (session, writer)), default=0)


def system_files(writer: Writer, recorded: RunFiles, *, complete: bool) -> dict[str, bytes]:
    """Return the Parquet files of what a writer has measured and the branch lacks, by name.

    Args:
        writer: The writer.
        recorded: What the branch has of the run.
        complete: Nothing more will come; of a run that goes on, only means that no later sample can change are taken.
    """
    first = sealed_until(recorded, writer.session, writer.id)
    found = system_points(writer, first)
    windows = [] if found is None else found.windows()
    if not complete:
        windows = windows[:-1] if len(windows) > _BATCH else []
    if found is None or not windows:
        return {}
    out = {}
    counts, ends = found.counts(), found.ends()
    for begin, last in _groups(windows, counts):
        end = found.records if complete and last == windows[-1] else ends[last]
        segment = Segment(writer.session, writer.id, first, end - first)
        out[names.segment("system", segment)] = encode_segment(found.points(begin, last + 1))
        first = end
    return out


def _groups(windows: list[int], counts: Mapping[int, int]) -> Iterable[tuple[int, int]]:
    """Yield the first and last window of each file."""
    begin, points = windows[0], 0
    for before, window in zip([windows[0], *windows], windows, strict=False):
        if points and points + counts[window] > _MOST_POINTS:
            yield begin, before
            begin, points = window, 0
        points += counts[window]
    yield begin, windows[-1]


def system_totals(writers: Iterable[Writer]) -> dict[str, object]:
    """Return what a document tells of the machines that some writers have measured, by writer.

    The totals are of all of a writer's samples, and a writer that is measured no more has no others: so whoever reads
    several documents counts each writer once.
    """
    out: dict[str, object] = {}
    for writer in writers:
        found = system_points(writer)
        told = {} if found is None else totals_of(found.totals)
        if told:
            out[writer.id] = {name: _described(total) for name, total in told.items()}
    return out


def totals_of(totals: Mapping[str, Total]) -> dict[str, Total]:
    """Return the totals that are told of a machine, by name without ``system/``; its GPUs count as one."""
    out: dict[str, Total] = {}
    for key, total in sorted(totals.items()):
        name = key.removeprefix(PREFIX)
        match = _GPU.match(name)
        if match is None and name not in _TOLD:
            continue
        kept = out.setdefault(f"gpu_{match[1]}" if match else name, Total())
        kept.add(total)
    return out


def _described(total: Total) -> dict[str, object]:
    return {"count": total.count, "mean": _rounded(total.mean), "max": _rounded(total.max)}


def _rounded(value: float) -> float:
    """Return four digits of a value: more are noise."""
    return float(f"{value:.4g}")
