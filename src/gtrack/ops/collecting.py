"""Making millions of objects at once: the search for cyclic garbage would go through them, again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_collection"]


@contextmanager
def without_collection() -> Iterator[None]:
    """Hold off the search for cyclic garbage.

    What was made meanwhile counts as old afterwards, so that the next search does not go through it either.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:  # else unfreezing would undo what the program froze itself
            gc.freeze()
            gc.unfreeze()
        gc.enable()
