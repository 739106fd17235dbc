"""Models of XGBoost as UBJSON, which ``save_model`` writes.

See https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gtrack.errors import DamageError, UsageError
from gtrack.flavors.flavor import Kept, Trust, Wanted, choice, data_file, mro_modules, need
from gtrack.text import clean

__all__ = ["load", "predict", "save"]

_FILE = "model.ubj"
_CLASSES = ("Booster", "XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor")


def save(model: Any, folder: str, wanted: Wanted) -> Kept:
    """Write a booster, or a model with scikit-learn's methods."""
    xgboost = need("xgboost")
    choice(wanted, "XGBoost", "ubj")
    name = next((n for module, n in mro_modules(model) if module.startswith("xgboost") and n in _CLASSES), None)
    if name is None:
        raise UsageError(f"a {type(model).__name__} of XGBoost cannot be saved", hint=f"use {', '.join(_CLASSES)}")
    model.save_model(os.path.join(folder, _FILE))
    module = "xgboost.core" if name == "Booster" else "xgboost.sklearn"
    fields = {"data": _FILE, "model_class": f"{module}.{name}", "model_format": "ubj"}
    native = "xgboost", {**fields, "xgb_version": xgboost.__version__, "code": None}
    packages = ("xgboost", "numpy", *(() if name == "Booster" else ("scikit-learn",)))
    return Kept({"format": "ubj", "data": _FILE, "class": name}, native, packages)


def load(folder: str, details: Mapping[str, object], trust: Trust) -> Any:  # noqa: ARG001  (no code can be in it)
    """Return a booster or a model as it was saved."""
    name = details.get("class")
    if name not in _CLASSES:
        raise DamageError(f"XGBoost has no model {clean(str(name))!r:.60}")
    xgboost, path = need("xgboost"), data_file(folder, details)
    model = getattr(xgboost, str(name))()
    try:
        model.load_model(path)
    except (ValueError, TypeError, xgboost.core.XGBoostError) as error:
        raise DamageError(f"XGBoost cannot read the model: {clean(str(error))[:300]}") from error
    return model


def predict(model: Any, data: Any) -> Any:
    """Return the model's predictions."""
    xgboost = need("xgboost")
    if isinstance(model, xgboost.Booster) and not isinstance(data, xgboost.DMatrix):
        data = xgboost.DMatrix(data)
    return model.predict(data)
