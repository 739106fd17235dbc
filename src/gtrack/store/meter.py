"""Who is told how far transfers have come."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Meter", "Silent"]


class Meter(Protocol):
    """Is told how far transfers have come; called by several threads at once."""

    def start(self, what: str, objects: int, size: int) -> None:
        """Transfers begin.

        Args:
            what: What is done, as in ``sending to s3://bucket``.
            objects: How many objects there are.
            size: Their bytes.
        """

    def moved(self, count: int) -> None:
        """So many more bytes are through."""

    def finished(self) -> None:
        """One more object is through."""

    def end(self) -> None:
        """Transfers are over, however they went."""


class Silent:
    """Is told, and tells nobody."""

    def start(self, what: str, objects: int, size: int) -> None:
        """Do nothing."""

    def moved(self, count: int) -> None:
        """Do nothing."""

    def finished(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""
