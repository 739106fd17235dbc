"""Every key by which something can be found in nested maps, in one pass."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["everything"]


def everything(values: Mapping[str, object], most: int) -> Mapping[str, object]:
    """Return what nested maps lead to, by keys joined with dots.

    Each key has what :func:`gtrack.index.fields.lookup` finds. The maps inside are in it too. Nulls may be.

    Args:
        values: The outermost map.
        most: How many characters the keys may have together; those that lie deepest are left out first.

    Example:
        >>> everything({"lr": 0.1, "model": {"depth": 3}}, 1000)
        {'lr': 0.1, 'model': {'depth': 3}, 'model.depth': 3}
    """
    if not any(isinstance(value, dict) for value in values.values()):
        return values
    out: dict[str, object] = {}
    _gather(values, "", frozenset(), out, most)
    return out


def _gather(values: Mapping[str, object], prefix: str, nulls: frozenset[str], out: dict[str, object], left: int) -> int:
    """Add what a map leads to, unless a key is known already; return how many characters are left.

    Entries come before what lies deeper, and what lies behind a longer key before what lies behind a shorter one. An
    entry that is null hides what lies deeper in its own map.

    Args:
        values: The map.
        prefix: What leads to it.
        nulls: The keys that are null further out.
        out: Where it is added.
        left: How many characters the keys may have together.
    """
    for key, value in values.items():
        joined = prefix + key
        if value is not None and joined not in out and joined not in nulls:
            left -= len(joined)
            if left < 0:
                return left
            out[joined] = value
    nulls |= {prefix + key for key, value in values.items() if value is None}
    # No dot leads to an empty key.
    inner = [(key, value) for key, value in values.items() if key and isinstance(value, dict)]
    for key, value in sorted(inner, key=lambda pair: len(pair[0]), reverse=True):
        left = _gather(value, f"{prefix}{key}.", nulls, out, left)
        if left < 0:
            break
    return left
