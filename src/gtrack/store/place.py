"""What a store can do: keep whole objects by name, tell their sizes, give parts of them back.

Every place keeps these promises, whatever it is made of:

- an object is seen under its name only when all of it is there;
- an upload that was cut off is resumed by the next one of the same clone, as far as the place can (see each);
- what is sent is hashed on its way, so that a damaged file never gets a name there;
- every method may be called by several threads at once, and raises what its client raises: see
  :mod:`gtrack.store.trouble`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from gtrack.errors import DamageError

__all__ = ["CHUNK", "Content", "Place", "Progress", "Stored", "key_of"]

CHUNK = 1 << 20
"""Bytes that are read, hashed and sent at a time: after each a transfer can be stopped."""
Progress = Callable[[int], None]
"""Told how many bytes of an object are through by now; whatever it raises ends the transfer."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One object of a place.

    Attributes:
        key: Its name below the store's URL.
        size: Bytes.
        modified: When it was written, in seconds since the epoch by the store's clock; None where it does not tell.
    """

    key: str
    size: int
    modified: float | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """A file to be sent.

    Attributes:
        path: Where it is here.
        size: Bytes.
        digest: The SHA-256 that it must have.
    """

    path: str
    size: int
    digest: str

    def blocks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Yield the file in blocks; after the last one it is known to be what it should be.

        Raises:
            DamageError: It is not, which is known before the last block is given away.
        """
        hasher, total, held = hashlib.sha256(), 0, b""
        with open(self.path, "rb") as file:
            while block := file.read(size):
                if held:
                    yield held
                hasher.update(block)
                total += len(block)
                held = block
        if total != self.size or hasher.hexdigest() != self.digest:
            raise DamageError(f"the object {self.digest[:12]} in the cache is damaged: {self.path}")
        if held:
            yield held


class Place(Protocol):
    """A store, opened."""

    def stat(self, key: str) -> Stored | None:
        """Tell what is under a name, or None."""

    def read(self, key: str, start: int, length: int) -> bytes:
        """Return bytes of an object, at most ``length`` of them; fewer only at its end."""

    def put(self, key: str, content: Content, progress: Progress) -> None:
        """Send a file, and give it its name when all of it is there."""

    def write(self, key: str, data: bytes) -> None:
        """Write a small object at once, over what is there."""

    def remove(self, key: str) -> None:
        """Remove an object; that there is none is as good."""

    def entries(self, prefix: str) -> Iterator[Stored]:
        """Yield the objects below a folder, unfinished uploads (names that begin with a dot) included."""

    def refresh(self, key: str) -> bool:
        """Make an object as young as one that is sent now; False where only sending it again does that."""

    def prepare(self) -> None:
        """Make the store's own folder, where a place has folders."""

    def close(self) -> None:
        """Let connections go."""


def key_of(digest: str) -> str:
    """Return the name of an object in a store.

    Example:
        >>> key_of("9f" * 32)[:13]
        'objects/9f/9f'
    """
    return f"objects/{digest[:2]}/{digest}"
