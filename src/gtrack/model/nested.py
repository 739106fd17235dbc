"""Nested maps, such as params, as flat ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["flatten"]


def flatten(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the leaves of a nested map with their keys joined by dots.

    Example:
        >>> dict(flatten({"model": {"depth": 3}}))
        {'model.depth': 3}
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
