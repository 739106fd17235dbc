"""Why a filter found nothing: it names a metric, param or tag that no run has. And what was probably meant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from gtrack.index.caret import pointed
from gtrack.index.fields import Field
from gtrack.index.grammar import read_filter
from gtrack.text import clean

__all__ = ["Unknown", "unknown_keys"]

_NOUNS = {"metrics": "metric", "params": "param", "tags": "tag"}
_MOST_KEYS = 5_000
_MOST_LETTERS = 100
_ALIKE = 0.6
_FEW = 4


@dataclass(frozen=True, slots=True)
class Unknown:
    """A key that no run has.

    Attributes:
        field: The field of the filter that asks for it.
        text: The filter.
        position: Where its key begins there.
        meant: The field that was probably meant, if any comes near.
        known: A few keys that there are, where none comes near; "..." at last where there are more.
    """

    field: Field
    text: str
    position: int
    meant: Field | None = None
    known: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """One line that says so."""
        noun, meant = _NOUNS[self.field.scope], self.meant
        message = f"no run has a {noun} {self.field.key:.60}"
        if meant is not None and meant.scope == self.field.scope:
            return clean(f"{message}; did you mean {meant.key:.60}?")
        if meant is not None:
            return clean(f"{message}; {meant.key:.60} is a {_NOUNS[meant.scope]}: {meant!s:.80}")
        few = ", ".join(f"{key:.40}" for key in self.known)
        return clean(f"{message}; there {'is' if len(self.known) == 1 else 'are'} {few}" if few else message)

    def __str__(self) -> str:
        return f"{self.message}\n{pointed(self.text, self.position)}"


def unknown_keys(text: str, known: Callable[[str], Collection[str]]) -> list[Unknown]:
    """Return the metrics, params and tags that a filter needs and no run has, in the order of the filter.

    Args:
        text: The filter. What it wants a run not to have (``IS NULL``) is not needed.
        known: The keys among the runs of ``"metrics"``, ``"params"`` or ``"tags"``, those of nested params joined by
            dots; or a map from them to the number of runs that have each. The first 5,000 of them, or the most used,
            are looked through for what was meant.

    Raises:
        UsageError: It is no filter.

    Example:
        >>> print(unknown_keys("metrics.val_acu > 0.9", {"metrics": ["val_auc"], "params": [], "tags": []}.get)[0])
        no run has a metric val_acu; did you mean val_auc?
          metrics.val_acu > 0.9
                  ^
    """
    found: dict[Field, Unknown] = {}
    for field, position in read_filter(text)[1]:
        if field.scope in _NOUNS and field not in found and not _exists(field.key, known(field.scope)):
            found[field] = _unknown(field, text, position, known)
    return list(found.values())


def _exists(key: str, keys: Collection[str]) -> bool:
    """Tell whether a key is one of some, or the map that nested ones are in."""
    return key in keys or any(other.startswith(f"{key}.") for other in keys)


def _unknown(field: Field, text: str, position: int, known: Callable[[str], Collection[str]]) -> Unknown:
    keys = _most_used(known(field.scope))
    same = next((key for key in keys if key.lower() == field.key.lower()), None)
    elsewhere = next((scope for scope in _NOUNS if field.key in known(scope)), None)
    if same is not None:
        meant = Field(field.scope, same)
    elif elsewhere is not None:
        meant = Field(elsewhere, field.key)
    else:
        near = _nearest(field.key, keys)
        if near is None:
            more = ("...",) if len(keys) > _FEW else ()
            return Unknown(field, text, position, known=(*keys[:_FEW], *more))
        meant = Field(field.scope, near)
    return Unknown(field, text, position, meant)


def _most_used(keys: Collection[str]) -> list[str]:
    found = sorted(keys, key=lambda key: -keys[key]) if isinstance(keys, Mapping) else keys
    return list(islice(found, _MOST_KEYS))


def _nearest(key: str, keys: Iterable[str]) -> str | None:
    import difflib

    short = {other[:_MOST_LETTERS]: other for other in keys}
    near = difflib.get_close_matches(key[:_MOST_LETTERS], list(short), 1, _ALIKE)
    return short[near[0]] if near else None
