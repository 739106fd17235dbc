"""Models of LightGBM as text, which ``Booster.save_model`` writes; what scikit-learn's methods need stands beside it.

See https://lightgbm.readthedocs.io/en/stable/pythonapi/lightgbm.Booster.html#lightgbm.Booster.save_model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gtrack.errors import DamageError, UsageError
from gtrack.flavors.flavor import Kept, Trust, Wanted, choice, data_file, mro_modules, need
from gtrack.format.plain import to_plain
from gtrack.text import clean

__all__ = ["load", "predict", "save"]

_FILE = "model.txt"
_CLASSES = ("Booster", "LGBMClassifier", "LGBMRegressor", "LGBMRanker")
_MOST_CLASSES = 100_000


def save(model: Any, folder: str, wanted: Wanted) -> Kept:
    """Write a booster, or a fitted model with scikit-learn's methods."""
    lightgbm = need("lightgbm")
    choice(wanted, "LightGBM", "txt")
    name = next((n for module, n in mro_modules(model) if module.startswith("lightgbm") and n in _CLASSES), None)
    if name is None:
        raise UsageError(f"a {type(model).__name__} of LightGBM cannot be saved", hint=f"use {', '.join(_CLASSES)}")
    details: dict[str, object] = {"format": "txt", "data": _FILE, "class": name}
    booster = model
    if name != "Booster":
        booster = model.booster_
        details |= _sklearn_part(model, name)
    booster.save_model(os.path.join(folder, _FILE), num_iteration=-1)
    # MLflow knows boosters alone as text.
    fields = {"data": _FILE, "model_class": "lightgbm.basic.Booster", "lgb_version": lightgbm.__version__, "code": None}
    packages = ("lightgbm", "numpy", *(() if name == "Booster" else ("scikit-learn",)))
    return Kept(details, ("lightgbm", fields), packages)


def load(folder: str, details: Mapping[str, object], trust: Trust) -> Any:  # noqa: ARG001  (no code can be in it)
    """Return a booster or a model as it was saved."""
    name = details.get("class")
    if name not in _CLASSES:
        raise DamageError(f"LightGBM has no model {clean(str(name))!r:.60}")
    lightgbm, path = need("lightgbm"), data_file(folder, details)
    try:
        booster = lightgbm.Booster(model_file=path)
    except lightgbm.basic.LightGBMError as error:
        raise DamageError(f"LightGBM cannot read the model: {clean(str(error))[:300]}") from error
    return booster if name == "Booster" else _with_sklearn_part(lightgbm, str(name), booster, details)


def predict(model: Any, data: Any) -> Any:
    """Return the model's predictions."""
    return model.predict(data)


def _sklearn_part(model: Any, name: str) -> dict[str, object]:
    """Return what the model knows beside its trees."""
    if callable(model.objective_):
        raise UsageError(
            "a LightGBM model with an objective of its own is code, which its text does not hold",
            hint="log model.booster_ instead",
        )
    said: dict[str, object] = {
        "params": to_plain(model.get_params()),
        "objective": model.objective_,
        "best_iteration": int(model.best_iteration_ or 0),
        "features_in": int(model.n_features_in_),
        "feature_names": bool(getattr(model, "_fitted_with_feature_names", False)),
    }
    if name == "LGBMClassifier":
        said |= {"classes": to_plain(model.classes_.tolist()), "classes_type": str(model.classes_.dtype)}
    return said


def _with_sklearn_part(lightgbm: Any, name: str, booster: Any, details: Mapping[str, object]) -> Any:
    """Return a booster as the model with scikit-learn's methods that it was part of.

    LightGBM has no way to do so; the attributes are those that ``LGBMModel.fit`` sets
    (https://github.com/microsoft/LightGBM/blob/v4.6.0/python-package/lightgbm/sklearn.py).
    """
    params = details.get("params")
    model = getattr(lightgbm, name)(**(params if isinstance(params, dict) else {}))
    model._Booster, model.fitted_ = booster, True
    model._objective = details.get("objective")
    model._best_iteration = details.get("best_iteration") or 0
    model._n_features = booster.num_feature()
    model._n_features_in = details.get("features_in") or booster.num_feature()
    model._fitted_with_feature_names = details.get("feature_names") is True
    if name == "LGBMClassifier":
        model._le = _encoder(details)
        model._classes = model._le.classes_
        model._n_classes = len(model._classes)
        model._class_map = {each: number for number, each in enumerate(model._classes)}
    return model


def _encoder(details: Mapping[str, object]) -> Any:
    classes, kind = details.get("classes"), str(details.get("classes_type"))
    if not isinstance(classes, list) or not 0 < len(classes) <= _MOST_CLASSES:
        raise DamageError("the MLmodel does not say which classes the model tells apart")
    numpy = need("numpy")
    try:
        values = numpy.array(classes, dtype=kind)
    except (TypeError, ValueError) as error:
        raise DamageError(f"the classes of the model are no {clean(kind)[:60]}") from error
    return need("sklearn.preprocessing").LabelEncoder().fit(values)
