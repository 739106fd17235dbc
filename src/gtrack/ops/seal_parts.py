"""The parts of a spool that is sealed: what each writer has logged, and what of it is not on the branch yet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gtrack.clock import iso_to_us
from gtrack.format.names import Segment
from gtrack.format.plain import fit_key
from gtrack.ops.load import RunFiles
from gtrack.spool.directory import SpoolRun, Writer
from gtrack.spool.reading import JournalData, Points, read_journal

__all__ = ["Part", "end_of", "is_time", "last_sign", "parts_of", "segments_of"]

_SEGMENT_VALUES = 1 << 16
"""Values a segment holds at most, which keeps its file well under 1 MB."""
_LATEST = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""


@dataclass(slots=True)
class Part:
    """One writer's share: what it logged, and the records that are not on the branch yet."""

    writer: Writer
    alive: bool
    entries: list[dict[str, object]]
    journal: JournalData | None
    first: int
    damaged: bool = False

    @property
    def fresh(self) -> int:
        """How many records are not on the branch yet."""
        return 0 if self.journal is None else max(0, self.journal.records - self.first)


def parts_of(run: SpoolRun, recorded: RunFiles, read: Callable[[Writer, int], JournalData] | None = None) -> list[Part]:
    """Return the share of each writer of a spool; ``read`` as for :func:`gtrack.ops.seal.seal`."""
    read = read or _read_whole
    parts = []
    for writer in run.writers():
        # Liveness first: a journal that is read after its writer was found gone cannot grow any more.
        alive = writer.is_alive()
        first = recorded.sealed(writer.session, writer.id)
        journal: JournalData | None
        try:
            journal = read(writer, first)
        except (OSError, ValueError):
            journal = None
        else:
            # A document takes shorter keys than a journal: control characters grow when written.
            journal.points.keys[:] = map(fit_key, journal.points.keys)
        parts.append(Part(writer, alive, writer.entries(), journal, first, journal is None))
    return parts


def _read_whole(writer: Writer, _first: int) -> JournalData:
    return read_journal(writer.journal)


def segments_of(part: Part) -> list[tuple[Segment, Points]]:
    """Split a writer's fresh records into segments of bounded size, at least one."""
    journal = part.journal
    if journal is None or not part.fresh:
        return []
    fresh = journal.points.select(journal.position >= part.first)
    position = journal.position[journal.position >= part.first]
    out: list[tuple[Segment, Points]] = []
    first = part.first
    for at in range(0, max(len(fresh), 1), _SEGMENT_VALUES):
        last = at + _SEGMENT_VALUES >= len(fresh)
        end = journal.records if last else int(position[at + _SEGMENT_VALUES])
        mask = (position >= first) & (position < end)
        out.append((Segment(part.writer.session, part.writer.id, first, end - first), fresh.select(mask)))
        first = end
    return out


def end_of(owner: Part) -> Mapping[str, object] | None:
    """Return what the owner wrote when it ended, or None."""
    return next((e for e in reversed(owner.entries) if e["kind"] == "end"), None)


def last_sign(run: SpoolRun, session: str, owner: Part) -> int:
    """The time of the last thing a killed process wrote; the same whoever looks, and whenever."""
    times = [0]
    started = run.owner_document(session).get("started")
    if isinstance(started, str):
        with contextlib.suppress(ValueError, OverflowError):
            times.append(iso_to_us(started))
    if owner.journal is not None and owner.journal.last_time is not None:
        times.append(owner.journal.last_time)
    times += [at for e in owner.entries if isinstance(at := e.get("at"), int)]
    return max(time for time in times if is_time(time))


def is_time(us: int) -> bool:
    """Tell whether a time can be written: what a spool says may be anything."""
    return 0 <= us <= _LATEST
