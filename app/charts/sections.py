"""Metrics by sections, in the order in which somebody looks for them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Section", "in_order", "natural", "sections"]

_PREFIX = re.compile(r"([A-Za-z_][\w -]*)(?:/|\.(?=[A-Za-z_]))(?=.)")
_DIGITS = re.compile(r"([0-9]+)")
_PLAIN, _SYSTEM = "metrics", "system"
_SETS = {
    **dict.fromkeys(("train", "training", "trn", "tr"), 1),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), 2),
    **dict.fromkeys(("test", "testing", "tst"), 3),
}
"""What names a set of data, in the order in which a metric of each is looked at."""
_WORDS = re.compile(r"[A-Za-z]+|[^A-Za-z]+")
_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class Section:
    """Metrics that stand together.

    Attributes:
        name: What their names begin with; ``metrics`` for those without a prefix.
        keys: The metrics, in order.
    """

    name: str
    keys: tuple[str, ...]


def sections(keys: Iterable[str]) -> list[Section]:
    """Return metrics by their prefixes: ``train/loss`` and ``train.loss`` are in the section ``train``.

    Those without a prefix come first, then those of training, validation and test data, then the others by name, and
    what was measured of the machine last.

    Args:
        keys: The metrics, in any order.

    Example:
        >>> [(section.name, section.keys) for section in sections(["train/loss", "val_auc", "train/layer10", "lr"])]
        [('metrics', ('val_auc', 'lr')), ('train', ('train/layer10', 'train/loss'))]
    """
    found: dict[str, list[str]] = {}
    for key in dict.fromkeys(keys):
        match = _PREFIX.match(key)
        found.setdefault(match[1] if match else _PLAIN, []).append(key)
    return [Section(name, tuple(in_order(found[name]))) for name in sorted(found, key=_place)]


def in_order(keys: Iterable[str]) -> list[str]:
    """Return metrics by name, numbers by value, and what was measured on validation beside the same of training.

    Example:
        >>> in_order(["val_loss", "layer10", "train_loss", "layer9", "val_auc"])
        ['val_auc', 'layer9', 'layer10', 'train_loss', 'val_loss']
    """
    return sorted(keys, key=_beside)


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return what sorts texts as people do: ``layer2`` before ``layer10``, capitals beside small letters."""
    parts = (part for part in _DIGITS.split(text.casefold()) if part)
    # Digits of any length are no integer, for Python takes none of thousands.
    return tuple(
        (0, int(part), "") if part.isdecimal() and len(part) <= _LONGEST_NUMBER else (1, 0, part) for part in parts
    )


def _place(name: str) -> tuple[int, tuple[tuple[int, int, str], ...]]:
    order = 0 if name == _PLAIN else 9 if name == _SYSTEM else _SETS.get(name.casefold(), 4)
    return order, natural(name)


def _beside(key: str) -> tuple[tuple[tuple[int, int, str], ...], int, tuple[tuple[int, int, str], ...], str]:
    """Sort by the name without the set of data, then by the set."""
    words = _WORDS.findall(key)
    order = next((_SETS[word.casefold()] for word in words if word.casefold() in _SETS), 0)
    rest = "".join(word for word in words if word.casefold() not in _SETS)
    return natural(rest.strip("_-/. ")), order, natural(key), key
