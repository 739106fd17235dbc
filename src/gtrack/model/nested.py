"""Nested maps, such as params, as flat ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["MOST", "flatten"]


MOST = 4 << 20
"""Characters that the keys of all inner maps may have together. Those of a forged one of 1 MB can come to gigabytes."""


def flatten(values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the leaves of a nested map with their keys joined by dots.

    An inner map whose joined keys would be longer than what is left of :data:`MOST` is a leaf itself.

    Example:
        >>> dict(flatten({"model": {"depth": 3}}))
        {'model.depth': 3}
    """
    left = MOST
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            length = _length(value, len(key) + 1)
            if length <= left:
                left -= length
                yield from _leaves(value, f"{key}.")
                continue
        yield key, value


def _leaves(values: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _length(values: Mapping[str, object], prefix: int) -> int:
    """Return how many characters the joined keys have, behind a prefix of so many."""
    inner = (
        _length(value, prefix + len(key) + 1) for key, value in values.items() if isinstance(value, Mapping) and value
    )
    return sum(prefix + len(key) for key in values) + sum(inner)
