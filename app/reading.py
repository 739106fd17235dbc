"""The repository as a page reads it: opened for one pass, with what was read before kept while nothing changes."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

from gtrack._app.options import current
from gtrack.clock import now_ns
from gtrack.reader import Repo

__all__ = ["Reading", "forget", "kept", "reading"]

T = TypeVar("T")

_MOST = 64
_ROOM = 96 * 2**20
_GUESS = 2**20
_AGES_US = 10 * 60 * 1_000_000
_kept: OrderedDict[tuple[Hashable, ...], tuple[object, ...]] = OrderedDict()
_lock = threading.Lock()


class Reading:
    """A repository, opened for one pass over a page.

    Attributes:
        repo: The repository.
        mark: Stays the same while its runs do.
        now_us: When the pass began, in microseconds since the epoch.
        read_only: Nothing may be changed from here.
    """

    def __init__(self, repo: Repo, *, read_only: bool) -> None:
        self.repo = repo
        self.read_only = read_only
        self.now_us = now_ns() // 1000
        repo.recover()
        self.mark = repo.mark()

    def kept(self, name: str, question: Hashable, answer: Callable[[], T]) -> T:
        """Return an answer, which is worked out once while nothing changes, for every visitor.

        Args:
            name: What is asked, so that different questions in the same words are told apart.
            question: Everything the answer follows from, the repository apart.
            answer: Works it out. What it returns is shared, and must not be changed by anybody.
        """
        # Time alone changes a few things: a run that is not heard of is lost at some time.
        return kept((self.repo.common_dir, self.mark, self.now_us // _AGES_US, name, question), answer)


def kept(key: tuple[Hashable, ...], answer: Callable[[], T]) -> T:
    """Return what was worked out for a key. The last ones are kept, as many as there is room for.

    Two who ask the same at the same time may both work it out: neither waits for the other.
    """
    with _lock:
        known: tuple[Any, ...] | None = _kept.get(key)
        if known is not None:
            _kept.move_to_end(key)
            return known[0]  # type: ignore[no-any-return]
    found = answer()
    with _lock:
        _kept[key] = (found,)
        while len(_kept) > _MOST or (len(_kept) > 1 and sum(_size(*one) for one in _kept.values()) > _ROOM):
            _kept.popitem(last=False)
    return found


def _size(found: object) -> int:
    """Return about how many bytes an answer takes: Arrow's tables know, of others it is guessed."""
    size = getattr(found, "nbytes", None)
    return size if isinstance(size, int) else _GUESS


def forget() -> None:
    """Forget all that was kept."""
    with _lock:
        _kept.clear()


@contextlib.contextmanager
def reading() -> Iterator[Reading]:
    """Open the repository that the dashboard is about.

    Raises:
        GtrackError: There is none, or it cannot be read.
    """
    options = current()
    with Repo(options.path) as repo:
        yield Reading(repo, read_only=options.read_only)
