"""The journal one process writes: an append-only file of 32-byte records, one ``os.write`` a log call.

A value whose call returned is in the kernel's page cache, so killing the process loses nothing. The process holds
a lock on the file for as long as it may write: a free lock means that the journal is complete.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from operator import index
from time import time_ns
from typing import Any

from gtrack.format.plain import fit_key
from gtrack.spool import records
from gtrack.spool.files import create_append_only

__all__ = ["MANY_KEYS", "Journal", "Refused"]

Heir = Callable[[str, Any, Any], None]

_pack = records.RECORD.pack
_write = os.write
_MAX_DEPTH = 32
MANY_KEYS = 5000
"""Metrics of one process from which on something is likely to be wrong, such as a step within a name."""


class Refused(Exception):  # noqa: N818  (a signal between journal and run, not an error a user sees)
    """A value, step or key that a journal cannot hold; the text says why."""


class Journal:
    """Append-only metric records of one process. Safe across threads; not to be used after a fork.

    Args:
        path: The file to create; it must not exist.
        rank: The process's rank under a launcher, or -1.
        on_trouble: Called with a metric's name and a :class:`Refused` or OSError when a value is not written.
        on_first: Called once, before the first record of a metric is written.
        next_steps: The step that comes next for a key that is new here; 0 unless a run is resumed.

    Raises:
        OSError: The file cannot be created or locked.
    """

    def __init__(
        self,
        path: str,
        rank: int = records.NO_RANK,
        *,
        on_trouble: Callable[[str, Exception], None],
        on_first: Callable[[], None] | None = None,
        next_steps: Mapping[str, int] | None = None,
    ) -> None:
        self.path = path
        self.rank = rank
        self._on_trouble = on_trouble
        self._on_first = on_first
        self._next_steps = dict(next_steps or {})
        self._heir: Heir | None = None
        self.after_first: Callable[[], None] | None = None
        """Called once, when the first metric is about to be written; it must neither take long nor raise."""
        self.on_many: Callable[[int], None] | None = None
        """Called once, with their number, when a run has more metrics than any reader enjoys."""
        # Reentrant: a signal handler that ends the run may interrupt a log call in the same thread.
        self._lock = threading.RLock()
        # Per key the first word of its records and the step that comes next. A list: the fastest to update.
        self._keys: dict[str, list[int]] = {}
        self._fd = create_append_only(path)
        try:
            self.locked = _lock(self._fd)
            self._put(records.header(rank))
        except BaseException:
            self.close()
            raise

    def append(self, key: str, value: object, step: int | None = None) -> None:
        """Write one value; when this returns without trouble, a SIGKILL cannot lose it.

        Trouble goes to ``on_trouble`` rather than up the stack, so that a run can hand out this very method.

        Args:
            key: The metric's name, at most 512 bytes in UTF-8.
            value: Anything with ``__float__``.
            step: A 64-bit integer; None for the key's next one.
        """
        try:
            known = self._keys[key]
            with self._lock:
                if step is None:
                    step = known[1]
                elif step.__class__ is not int:
                    step = index(step)
                record = _pack(known[0], self.rank, step, time_ns(), value)
                known[1] = step + 1
                written = _write(self._fd, record)
                if written != 32:
                    self._complete(record, written)
        except Exception:
            self.append_at(key, value, step)

    def append_at(self, key: str, value: object, step: object, time: int | None = None) -> None:
        """Write one value in the slow way: of a new key, of another type, or measured at another time.

        Args:
            key: The metric's name.
            value: Anything with ``__float__``.
            step: A whole number, or None for the key's next one.
            time: Nanoseconds since the epoch; now by default.
        """
        if self._heir is not None:
            self._heir(key, value, step)
            return
        try:
            known = self._define(key)
            with self._lock:  # from here on, or two threads get the same step
                at = known[1] if step is None else _as_step(step)
                record = _pack_safely(known[0], self.rank, at, value, time)
                known[1] = at + 1
                self._put(record)
        except Refused as reason:
            self._refuse(key, reason)
        except OSError as error:
            self._on_trouble(key, error)
        except Exception as error:  # a foreign object may raise anything from anywhere
            self._refuse(key, Refused(_said(error)))

    def append_all(self, values: Mapping[str, object], step: int | None = None) -> None:
        """Write several values of one moment with one write; trouble goes to ``on_trouble``.

        Args:
            values: Metric names and values. Maps among the values are taken apart, their names joined with dots.
            step: The step of all; None for each key's next one.
        """
        keys, rank, now = self._keys, self.rank, time_ns()
        try:
            if step is not None and step.__class__ is not int:
                step = _as_step(step)
            with self._lock:
                batch, steps = [], []
                for key, value in values.items():
                    known = keys[key]
                    at = known[1] if step is None else step
                    batch.append(_pack(known[0], rank, at, now, value))
                    steps.append(known)
                self._put(b"".join(batch))
                for known in steps:
                    known[1] = (known[1] if step is None else step) + 1
        except Exception:
            # One by one: what is good is kept, what is not is refused by name.
            try:
                pairs = list(_flatten(values))
            except Exception as error:  # a map within itself, or none at all
                self._refuse(
                    "?", Refused(f"log takes a dict of metrics, not this {type(values).__name__}: {_said(error)}")
                )
                return
            for key, value in pairs:
                self.append_at(key, value, step)

    def count_refused(self, key: str, count: int = 1) -> None:
        """Count values of a metric that were refused before they came here.

        Raises:
            OSError: The disk is full, or the journal is closed.
        """
        word = self._define(key)[0] & ~0xFF | records.REJECTED
        self._put(_pack(word, self.rank, 0, time_ns(), 0.0) * count)

    def sync(self) -> None:
        """Ask the disk to keep what was written, against power loss."""
        os.fdatasync(self._fd) if hasattr(os, "fdatasync") else os.fsync(self._fd)

    @property
    def size(self) -> int:
        """The journal's size in bytes."""
        return os.fstat(self._fd).st_size

    @property
    def closed(self) -> bool:
        """True after :meth:`close`."""
        return self._fd < 0

    def close(self) -> None:
        """Close the file, which frees its lock: the journal is then complete. Closing twice is harmless."""
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def abandon_in_child(self, heir: Heir) -> None:
        """Close the descriptor in a forked child, where the parent's lock may hold whatever state.

        Args:
            heir: Called with key, value and step of what the child logs here all the same: programs keep bound methods.
        """
        self._heir = heir
        fd, self._fd = self._fd, -1
        self._lock = threading.RLock()
        if fd >= 0:
            os.close(fd)

    def _define(self, key: object) -> list[int]:
        if not isinstance(key, str):
            raise Refused(f"metric names are strings, not {type(key).__name__}")
        size = len(key.encode("utf-8", "replace"))
        if not 1 <= size <= records.MAX_KEY_BYTES:
            raise Refused(f"the metric name has {size} bytes; 1 to {records.MAX_KEY_BYTES} are allowed")
        raw = fit_key(key).encode()  # what every reader of the branch accepts
        with self._lock:
            known = self._keys.get(key)
            if known is None:
                if self._on_first is not None:
                    first, self._on_first = self._on_first, None
                    first()
                    if self.after_first is not None:
                        self.after_first()
                ident = len(self._keys)
                if ident >= 1 << 24:
                    raise Refused("more than 16,777,216 metric names")
                self._put(records.key_definition(ident, raw))
                known = self._keys[key] = [ident << 8 | records.VALUE, self._next_steps.get(key, 0)]
                if ident == MANY_KEYS and self.on_many is not None:
                    self.on_many(ident)
        return known

    def _refuse(self, key: object, reason: Refused) -> None:
        """Count a refused value under its key, where the key can stand, and tell why."""
        name = str.__str__(key)[:100] if isinstance(key, str) and key else "?"
        try:
            self.count_refused(name)
        except OSError as error:
            self._on_trouble(name, error)
        self._on_trouble(name, reason)

    def _put(self, data: bytes) -> None:
        with self._lock:
            written = _write(self._fd, data)
            if written != len(data):
                self._complete(data, written)

    def _complete(self, data: bytes, written: int) -> None:
        """Finish a short write, or take all of it back and raise."""
        with self._lock:
            try:
                while written < len(data):
                    written += _write(self._fd, data[written:])
            except OSError:
                # Whole records go too: who wrote several at once tries them one by one, and none must be there twice.
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
                raise


def _flatten(values: Mapping[Any, object], prefix: str = "", depth: int = 0) -> Iterator[tuple[Any, object]]:
    """Yield the values of nested maps, with their names joined by dots."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested more than {_MAX_DEPTH} deep")
    for key, value in values.items():
        name = f"{prefix}{key}" if prefix else key
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{name}.", depth + 1)
        else:
            yield name, value


def _lock(fd: int) -> bool:
    """Lock a file that nobody else writes; False where the disk has no locks, as some network disks have none."""
    for _ in range(200):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.001)  # a command is looking whether the lock is free
        except OSError:
            return False
        else:
            return True
    return False


def _as_step(step: object) -> int:
    try:
        number = index(step)  # type: ignore[arg-type]
    except TypeError:
        try:
            number = int(step)  # type: ignore[call-overload]
            if number != step:
                raise Refused(f"step {step!r:.80} is not a whole number")
        except (TypeError, ValueError, OverflowError):
            raise Refused(f"step {step!r:.80} is not a whole number") from None
    return int(number)


def _pack_safely(word: int, rank: int, step: int, value: object, time: int | None) -> bytes:
    kind = type(value)
    if not hasattr(kind, "__float__") and not hasattr(kind, "__index__"):
        # float() itself would read numbers out of texts and buffers.
        raise Refused(f"a value of type {kind.__name__} is not a number")
    try:
        number = float(value)  # type: ignore[arg-type]
    except Exception as error:  # a foreign __float__ may raise anything
        raise Refused(f"a value of type {kind.__name__} is not a number: {_said(error)}") from None
    if not -(1 << 63) <= step < (1 << 63) - 1:
        raise Refused(f"step {step!r:.80} does not fit 64 bits")
    return _pack(word, rank, step, time_ns() if time is None else time, number)


def _said(error: Exception) -> str:
    """Return what an exception says, where it can say it."""
    try:
        return f"{error!s:.120}"
    except Exception:  # so may the text of a foreign exception
        return type(error).__name__
