"""Reading a journal again and again while it grows, each time only what is new."""

from __future__ import annotations

import os
from dataclasses import replace

from gtrack.spool import records
from gtrack.spool.reading import JournalData, Points, checked, keys_of

__all__ = ["JournalFollower", "parse"]


class JournalFollower:
    """A journal that is read more than once; what it returns is what a reading of the whole would say.

    Kept between readings are the names of the metrics alone, so that a segment of a run of many hours costs what the
    last minutes brought.

    Args:
        path: The journal.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._forget()

    def read(self, first: int) -> JournalData:
        """Return the values from the record number ``first`` on.

        Args:
            first: The first record that is not sealed; earlier values may be left out.

        Raises:
            DamageError: The file is not a journal.
            FormatError: A newer gtrack wrote it.
            OSError: It cannot be read.
        """
        with open(self.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size // records.SIZE
            if not self._is_as_it_was(file.fileno()):
                self._forget()
            start = min(first, self._settled)
            file.seek(start * records.SIZE)
            tail = file.read(max(0, size - start) * records.SIZE)
        known = self._definitions if start else b""
        raw = checked(self.path, known + tail)
        found = parse(raw, len(known) // records.SIZE, start)
        times = [time for time in (self._last_time, found.last_time) if time is not None]
        found = replace(found, last_time=max(times, default=None))
        self._settle(found, raw[len(known) :], start)
        return found

    def _forget(self) -> None:
        self._settled = 0
        self._definitions = self._last_record = b""
        self._last_time: int | None = None

    def _is_as_it_was(self, fd: int) -> bool:
        """Tell whether the writer has taken nothing back, as it does on a full disk with what was written in part."""
        if not self._settled:
            return True
        return os.pread(fd, records.SIZE, (self._settled - 1) * records.SIZE) == self._last_record

    def _settle(self, found: JournalData, tail: bytes, start: int) -> None:
        """Note what need not be read again; definitions follow each other, so one may be half there as yet."""
        import numpy as np

        if found.records <= self._settled:
            return
        new = tail[(self._settled - start) * records.SIZE :]
        table = np.frombuffer(new, np.uint8).reshape(-1, records.SIZE)
        kept = np.isin(table[:, 0], (records.HEADER, records.KEY, records.CONTINUATION))
        self._definitions += table[kept].tobytes()
        self._settled, self._last_record, self._last_time = found.records, new[-records.SIZE :], found.last_time


def parse(raw: bytes, known: int, start: int) -> JournalData:
    """Parse records of which the first ``known`` are definitions from before the record number ``start``."""
    import numpy as np

    layout = np.dtype([("word", "<u4"), ("rank", "<i4"), ("step", "<i8"), ("time", "<i8"), ("value", "<f8")])
    table = np.frombuffer(raw, layout)
    kind = table["word"] & 0xFF
    keys, ids = keys_of(raw, table, kind, np)
    lookup = np.full(max(ids, default=-1) + 2, -1, np.int64)
    lookup[list(ids)] = list(ids.values())
    position = np.flatnonzero(kind == records.VALUE)
    ident = np.minimum(table["word"][position] >> 8, len(lookup) - 1)
    position = position[lookup[ident] >= 0]
    chosen = table[position]
    key = lookup[(chosen["word"] >> 8).astype(np.int64)]
    points = Points(
        keys, key, chosen["step"].copy(), chosen["time"] // 1000, chosen["value"].copy(), chosen["rank"].copy()
    )
    refused = np.flatnonzero(kind == records.REJECTED)
    names = [keys[ids[number]] if number in ids else "?" for number in (table["word"][refused] >> 8).tolist()]
    timed = table["time"][(kind == records.VALUE) | (kind == records.REJECTED)]
    last = int(timed.max() // 1000) if len(timed) else None
    shift = start - known
    return JournalData(len(table) + shift, points, position + shift, (refused + shift, names), last)
