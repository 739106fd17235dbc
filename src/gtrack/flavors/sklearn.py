"""Models of scikit-learn, in the format of skops: data of known types, where a pickle is code.

See https://skops.readthedocs.io/en/stable/persistence.html.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gtrack.errors import DamageError, UsageError
from gtrack.flavors import pickled
from gtrack.flavors.flavor import Kept, Trust, Wanted, choice, data_file, need
from gtrack.flavors.sklearn_trees import TREES, has_sound_trees
from gtrack.text import clean

__all__ = ["load", "predict", "save"]

_FILE = "model.skops"
_PACKAGES = ("scikit-learn", "numpy", "scipy")
_SHOWN = 8
_PLAIN = frozenset(
    f"sklearn.neural_network._stochastic_optimizers.{name}" for name in ("AdamOptimizer", "SGDOptimizer")
)
"""Types that skops does not know, and that are harmless: their objects get attributes, and run no code of their own."""


def save(model: Any, folder: str, wanted: Wanted) -> Kept:
    """Write a model with skops, or as a pickle where that was chosen."""
    sklearn = need("sklearn")
    if choice(wanted, "scikit-learn", "skops", "cloudpickle") == "cloudpickle":
        kept = pickled.save(model, folder, _PACKAGES)
        return Kept(kept.details, _native(sklearn, "model.pkl", "cloudpickle", ()), kept.packages, kept.notes)
    skops = need("skops.io", "models")
    path = os.path.join(folder, _FILE)
    try:
        skops.dump(model, path)
    except (TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"skops cannot save it: {error}", hint="pickle=True saves it as a pickle") from error
    foreign = tuple(sorted(skops.get_untrusted_types(file=path)))
    unknown = tuple(name for name in foreign if name not in _PLAIN)
    named = unknown if unknown and not has_sound_trees(model) else tuple(name for name in unknown if name not in TREES)
    notes = (f"whoever loads it has to trust {_listed(named)}: load_model(..., trusted=[...])",) if named else ()
    details = {"format": "skops", "data": _FILE, "types": list(foreign)}
    return Kept(details, _native(sklearn, _FILE, "skops", foreign), ("skops", *_PACKAGES), notes)


def load(folder: str, details: Mapping[str, object], trust: Trust) -> Any:
    """Return a model whose types are all known, or trusted by the caller."""
    if details.get("format") != "skops":
        return pickled.load(folder, details, trust)
    skops, path = need("skops.io", "models"), data_file(folder, details)
    try:
        foreign = set(skops.get_untrusted_types(file=path))
    except Exception as error:  # a forged file may lead the reader anywhere
        raise DamageError(f"the model's skops file cannot be read: {clean(str(error))}") from error
    unknown = sorted(foreign - _PLAIN - set(trust.types))
    named = [name for name in unknown if name not in TREES]
    if named and not trust.code:
        raise _unknown(named)
    model = skops.load(path, trusted=sorted(foreign))
    if unknown and not trust.code and not has_sound_trees(model):
        raise _unknown(unknown)
    return model


def predict(model: Any, data: Any) -> Any:
    """Return the model's predictions; of what only transforms, the transformed input."""
    return model.predict(data) if hasattr(model, "predict") else model.transform(data)


def _unknown(types: list[str]) -> UsageError:
    said = ", ".join(f"{name!r}" for name in map(clean, types))
    return UsageError(
        f"the model is made of types that are not known to be harmless: {_listed(types)}",
        hint=f"if you trust whoever made it: load_model(..., trusted=[{said}])",
    )


def _native(sklearn: Any, file: str, serialization: str, types: tuple[str, ...]) -> tuple[str, Mapping[str, object]]:
    fields = {"pickled_model": file, "serialization_format": serialization, "sklearn_version": sklearn.__version__}
    return "sklearn", {**fields, "code": None, **({"skops_trusted_types": list(types)} if types else {})}


def _listed(types: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(types) - _SHOWN} more" if len(types) > _SHOWN else ""
    return ", ".join(map(clean, types[:_SHOWN])) + more
