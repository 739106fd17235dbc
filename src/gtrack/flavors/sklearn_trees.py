"""Whether the trees of a model of scikit-learn lead nowhere outside: what makes them as harmless as other data.

skops does not count trees among the known types, since scikit-learn follows the numbers in their nodes without a look
at them: a forged file would read, or write, memory that is not its own. What the numbers can be is known, so they are
looked at here, in the models whose ways with them are known: decision trees, forests, gradient boosting and isolation
forests, wherever they are within others. See https://github.com/scikit-learn/scikit-learn/pull/34558.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gtrack.flavors.flavor import need

__all__ = ["TREES", "has_sound_trees"]

TREES = frozenset(
    ("sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"),
)
"""The types whose content is looked at."""

_MOST_OBJECTS = 5_000_000
_FITTED = {"tree_", "estimators_", "_predictors"}
_PLAIN = (str, bytes, int, float, bool, type(None), type)


def has_sound_trees(model: Any) -> bool:
    """Tell whether every tree in a model leads to nodes and features that there are.

    A tree that is where it is not known how scikit-learn goes through it is not sound.

    Args:
        model: A model that skops has made, and nobody has used yet.

    Example:
        >>> has_sound_trees(RandomForestClassifier().fit(X, y))
        True
    """
    kinds = _Kinds()
    checked: set[int] = set()
    found: list[Any] = []
    try:
        for each in _within(model):
            if isinstance(each, kinds.trees):
                found.append(each)
            elif isinstance(each, kinds.estimators):
                trees = _checked(each, kinds)
                if trees is None:
                    return False
                checked |= trees
    except (AttributeError, TypeError, ValueError, LookupError, ArithmeticError):  # what is forged may lack anything
        return False
    return all(id(tree) in checked for tree in found)


class _Kinds:
    """The classes of scikit-learn that have to do with trees."""

    def __init__(self) -> None:
        histogram = need("sklearn.ensemble._hist_gradient_boosting.gradient_boosting").BaseHistGradientBoosting
        predictor = need("sklearn.ensemble._hist_gradient_boosting.predictor").TreePredictor
        self.tree = need("sklearn.tree").BaseDecisionTree
        self.random_forest = need("sklearn.ensemble._forest").BaseForest
        self.boosting = need("sklearn.ensemble._gb").BaseGradientBoosting
        self.isolation = need("sklearn.ensemble").IsolationForest
        self.histogram = histogram
        self.dummies = (need("sklearn.dummy").DummyClassifier, need("sklearn.dummy").DummyRegressor)
        self.trees = (need("sklearn.tree._tree").Tree, predictor)
        self.estimators = (self.tree, self.random_forest, self.boosting, self.isolation, histogram)


def _checked(model: Any, kinds: _Kinds) -> set[int] | None:
    """Return the ids of the trees that a model itself goes through, all sound; None when one is not."""
    if not vars(model).keys() & _FITTED:  # as a forest keeps what it makes its trees of
        return set()
    width = model.n_features_in_
    if not isinstance(width, int):
        return None
    if isinstance(model, kinds.tree):
        return {id(model.tree_)} if type(model.tree_) is kinds.trees[0] and _is_sound(model.tree_, width) else None
    if isinstance(model, kinds.histogram):
        return _checked_histogram(model, width, kinds)
    # These hand their input to the trees as it is: what one tree says of its width must be what they have looked at.
    if isinstance(model, kinds.boosting):
        sound = _is_sound_boosting(model, width, kinds)
    elif isinstance(model, kinds.isolation):
        widths = [len(each) for each in model.estimators_features_]
        whole = model._max_features == width
        sound = len(widths) == len(model.estimators_) and all(
            isinstance(each, kinds.tree) and each.n_features_in_ == (width if whole else own)
            for each, own in zip(model.estimators_, widths, strict=True)
        )
    else:
        sound = all(isinstance(each, kinds.tree) and each.n_features_in_ == width for each in model.estimators_)
    return set() if sound else None


def _is_sound(tree: Any, width: int) -> bool:
    """Tell whether each inner node leads to two later ones, by a feature of the input."""
    numpy = need("numpy")
    count, left, right, feature = tree.node_count, tree.children_left, tree.children_right, tree.feature
    if count < 1 or not len(left) == len(right) == len(feature) == count or tree.n_features != width:
        return False
    at = numpy.arange(count)
    inner = left != -1
    return _are_within(at[inner], left[inner], right[inner], feature[inner], count, width)


def _are_within(at: Any, left: Any, right: Any, feature: Any, count: int, width: int) -> bool:
    # That children come after their parents is how scikit-learn numbers nodes; it also means that there is no way back.
    later = (left > at).all() and (right > at).all() and (left < count).all() and (right < count).all()
    return bool(later and (feature >= 0).all() and (feature < width).all())


def _is_sound_boosting(model: Any, width: int, kinds: _Kinds) -> bool:
    """Tell whether every tree has one output, and there are as many in a stage as the sum has columns."""
    stages = model.estimators_
    each = list(stages.ravel())
    if stages.ndim != 2 or not each or not all(isinstance(one, kinds.tree) for one in each):
        return False
    if any(one.n_features_in_ != width or one.tree_.value.shape[1:] != (1, 1) for one in each):
        return False
    numpy = need("numpy")
    # Asked for its predictions before all of it was looked at, so it must be one that has no trees.
    if not isinstance(model.init_, kinds.dummies) and not (isinstance(model.init_, str) and model.init_ == "zero"):
        return False
    first = model._raw_predict_init(numpy.zeros((1, width), numpy.float32))
    return bool(first.shape == (1, stages.shape[1]) and first.dtype == numpy.float64)


def _checked_histogram(model: Any, width: int, kinds: _Kinds) -> set[int] | None:
    numpy = need("numpy")
    categories = model._bin_mapper.is_categorical_
    # Of categories there are tables of bits that are followed as well.
    if model._preprocessor is not None or categories is None or numpy.asarray(categories).any():
        return None
    out = set()
    for stage in model._predictors:
        for each in stage:
            nodes = each.nodes
            inner = nodes["is_leaf"] == 0
            ahead = numpy.int64
            left, right = nodes["left"].astype(ahead)[inner], nodes["right"].astype(ahead)[inner]
            at, feature = numpy.arange(len(nodes))[inner], nodes["feature_idx"].astype(ahead)[inner]
            sound = _are_within(at, left, right, feature, len(nodes), width)
            if type(each) is not kinds.trees[1] or not len(nodes) or not sound or nodes["is_categorical"].any():
                return None
            out.add(id(each))
    return out


def _within(model: Any) -> Iterator[Any]:
    """Yield a model and everything that it is made of, each once."""
    seen: set[int] = set()
    kept: list[Any] = []  # or an object that is made on the way could get the id of another
    waiting = [model]
    numpy = need("numpy")
    while waiting:
        each = waiting.pop()
        if isinstance(each, _PLAIN) or id(each) in seen:
            continue
        if len(seen) >= _MOST_OBJECTS:
            raise ValueError("the model has too many parts")
        seen.add(id(each))
        kept.append(each)
        yield each
        if isinstance(each, Mapping):
            waiting += each.values()
            waiting += each.keys()
        elif isinstance(each, list | tuple | set | frozenset):
            waiting += each
        elif isinstance(each, numpy.ndarray):
            waiting += each.ravel().tolist() if each.dtype == object else []
        else:
            waiting += getattr(each, "__dict__", {}).values()
