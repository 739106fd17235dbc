"""Which flavor a model is of, without importing any framework: whoever made the model has imported it."""

from __future__ import annotations

from gtrack.errors import UsageError
from gtrack.flavors.flavor import mro_modules

__all__ = ["flavor_of"]

_PACKAGES = {
    "sklearn": "sklearn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "onnx": "onnx",
    "torch": "torch",
    "keras": "keras",
    "tf_keras": "keras",
    "transformers": "transformers",
}


def flavor_of(model: object) -> str:
    """Return the name of a model's flavor: the framework of its class, or of the nearest class it is derived from.

    A model of Keras on PyTorch is Keras's, and one of XGBoost that scikit-learn can use is XGBoost's.

    Args:
        model: The model; the path of an ``.onnx`` file is one.

    Raises:
        UsageError: It is of no framework, and nothing that can be called.

    Example:
        >>> flavor_of(sklearn.linear_model.LogisticRegression())
        'sklearn'
    """
    if isinstance(model, str) and model.lower().endswith(".onnx"):
        return "onnx"
    for module, _ in mro_modules(model):
        found = _PACKAGES.get(module.partition(".")[0])
        if found is not None:
            return found
    if callable(model) or callable(getattr(model, "predict", None)):
        return "function"
    raise UsageError(
        f"a {type(model).__name__} is no model: it is of no known framework, cannot be called, and has no predict",
        hint="pass the model itself, or a function that predicts",
    )
