"""Which features matter: permutation importance by a random forest.

Each tree is grown on a bootstrap sample; a feature matters as much as the error on the runs that the tree has not seen
grows when the feature's values are shuffled among them (L. Breiman, 2001, https://doi.org/10.1023/A:1010933404324). It
is written here rather than taken from a library so that it says the same on every machine, and nothing has to be
installed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Importance", "importance"]

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
_TREES = 50
_FEWEST = 5
"""A node of no more runs is not parted: Breiman's choice for regression."""
_DEEPEST = 14
_SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Importance:
    """What a forest says.

    Attributes:
        shares: Of each feature, by which share of the target's variance the forest errs without it; about 0 for one
            that says nothing.
        errors: The standard errors of these.
        explained: The share of the variance that the forest explains of runs that it has not seen (R²); at 0 or below
            it has learnt nothing.
    """

    shares: Floats
    errors: Floats
    explained: float


@dataclass(frozen=True, slots=True)
class _Tree:
    feature: Places
    cut: Floats
    low: Places
    high: Places
    value: Floats


def importance(features: Floats, target: Floats, categorical: Sequence[bool]) -> Importance:
    """Return how much each feature tells of a target.

    Args:
        features: A row for each run, without NaN; only the order of the numbers matters.
        target: A value for each run.
        categorical: Which features are numbers of categories, that have no order.
    """
    random = np.random.default_rng(_SEED)
    count, width = features.shape
    variance = float(target.var()) or 1.0
    growth = np.full((_TREES, width), np.nan)
    votes, voters = np.zeros(count), np.zeros(count)
    for number in range(_TREES):
        chosen = random.choice(np.arange(count), count)
        ordered = _ordered(features, target, chosen, categorical)
        unseen = np.setdiff1d(np.arange(count), chosen)
        if not len(unseen):
            continue
        tree = _grow(ordered[chosen], target[chosen])
        rows = ordered[unseen]
        guessed = _predict(tree, rows)
        votes[unseen] += guessed
        voters[unseen] += 1
        before = np.square(guessed - target[unseen]).mean()
        for feature in np.unique(tree.feature[tree.feature >= 0]).tolist():
            mixed = rows.copy()
            mixed[:, feature] = random.permutation(mixed[:, feature])
            growth[number, feature] = np.square(_predict(tree, mixed) - target[unseen]).mean() - before
    growth = np.nan_to_num(growth)  # a tree that does not ask for a feature does not miss it
    known = voters > 0
    left = float(np.square(votes[known] / voters[known] - target[known]).mean()) if known.any() else variance
    shares = growth.mean(axis=0) / (2 * variance)  # a shuffled value is off by two variances
    return Importance(shares, growth.std(axis=0, ddof=1) / (2 * variance) / np.sqrt(_TREES), 1 - left / variance)


def _ordered(features: Floats, target: Floats, chosen: Places, categorical: Sequence[bool]) -> Floats:
    """Return the features with the categories in the order of the target's means over the chosen runs.

    Of all ways to part categories in two, the best one is a cut in that order (W. D. Fisher, 1958,
    https://doi.org/10.1080/01621459.1958.10501479). Runs that the tree has not seen have no say in it.
    """
    out = features.copy()
    overall = float(target[chosen].mean())
    for at in np.flatnonzero(categorical).tolist():
        names, place = np.unique(features[:, at], return_inverse=True)
        seen = place.reshape(-1)[chosen]
        count = np.bincount(seen, minlength=len(names))
        sums = np.bincount(seen, weights=target[chosen], minlength=len(names))
        out[:, at] = np.where(count > 0, sums / np.maximum(count, 1), overall)[place.reshape(-1)]
    return out


def _grow(rows: Floats, target: Floats) -> _Tree:
    nodes: list[tuple[int, float, float]] = []
    waiting: list[tuple[Places, int, int, bool]] = [(np.arange(len(rows)), 0, -1, False)]
    links: dict[tuple[int, bool], int] = {}
    while waiting:
        places, depth, parent, is_high = waiting.pop()
        number = len(nodes)
        links[parent, is_high] = number
        split = _split(rows[places], target[places]) if depth < _DEEPEST and len(places) > _FEWEST else None
        value = float(target[places].mean())
        if split is None:
            nodes.append((-1, 0.0, value))
            continue
        feature, cut = split
        nodes.append((feature, cut, value))
        above = rows[places, feature] > cut
        waiting += [(places[~above], depth + 1, number, False), (places[above], depth + 1, number, True)]
    low, high = (np.array([links.get((at, side), -1) for at in range(len(nodes))]) for side in (False, True))
    return _Tree(
        np.array([node[0] for node in nodes]), np.array([node[1] for node in nodes]), low, high,
        np.array([node[2] for node in nodes]),
    )  # fmt: skip


def _split(rows: Floats, target: Floats) -> tuple[int, float] | None:
    """Return the feature and the cut that leave the least variance; None where nothing is to be parted."""
    if not np.ptp(target):
        return None
    order = np.argsort(rows, axis=0)
    ranked = np.take_along_axis(rows, order, axis=0)
    sums = np.cumsum(target[order], axis=0)[:-1]
    sizes = np.arange(1, len(target))[:, None]
    gain = sums**2 / sizes + (target.sum() - sums) ** 2 / (len(target) - sizes)
    gain[ranked[1:] <= ranked[:-1]] = -np.inf  # equal values are not parted
    best = int(np.argmax(gain))
    at, feature = divmod(best, rows.shape[1])
    if not np.isfinite(gain[at, feature]):
        return None
    return feature, float(ranked[at, feature] + ranked[at + 1, feature]) / 2


def _predict(tree: _Tree, rows: Floats) -> Floats:
    at: Any = np.zeros(len(rows), np.int64)
    every = np.arange(len(rows))
    for _ in range(_DEEPEST + 1):
        feature = tree.feature[at]
        inner = feature >= 0
        if not inner.any():
            break
        above = rows[every, np.where(inner, feature, 0)] > tree.cut[at]
        at = np.where(inner, np.where(above, tree.high[at], tree.low[at]), at)
    values: Floats = tree.value[at]
    return values
