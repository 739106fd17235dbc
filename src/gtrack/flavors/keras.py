"""Models of Keras 3 as ``.keras`` files, loaded in its safe mode.

See https://keras.io/api/models/model_saving_apis/model_saving_and_loading/.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gtrack.errors import DamageError, UsageError
from gtrack.flavors.arrays import as_array, is_table
from gtrack.flavors.flavor import Kept, Trust, Wanted, choice, data_file, need, refuse_code
from gtrack.text import clean

__all__ = ["load", "predict", "save"]

_FILE = "model.keras"
_SAFE = (3, 11)
"""Before it, safe mode could be got around: CVE-2025-1550, CVE-2025-8747, CVE-2025-9905, CVE-2025-9906."""


def save(model: Any, folder: str, wanted: Wanted) -> Kept:
    """Write a model."""
    keras = need("keras")
    choice(wanted, "Keras", "keras")
    if not isinstance(model, keras.Model):
        raise UsageError(f"a {type(model).__name__} is no model of Keras 3", hint="pass a keras.Model")
    model.save(os.path.join(folder, _FILE))
    backend = keras.backend.backend()
    package = {"torch": "torch", "jax": "jax", "tensorflow": "tensorflow"}.get(backend)
    packages = ("keras", "numpy", *(() if package is None else (package,)))
    return Kept({"format": "keras", "data": _FILE, "backend": backend}, None, packages)


def load(folder: str, details: Mapping[str, object], trust: Trust) -> Any:
    """Return a model; layers that hold Python code of their author need trust."""
    keras, path = need("keras"), data_file(folder, details)
    version = tuple(int(part) for part in keras.__version__.split(".")[:2])
    if version < _SAFE and not trust.code:
        raise UsageError(
            f"the safe mode of Keras {keras.__version__} can be got around, so the model was not loaded",
            hint="pip install 'keras>=3.11'; or trust whoever made it: load_model(..., trust_code=True)",
        )
    if not path.endswith(".keras"):  # Keras goes by the ending, and its older formats have no safe mode
        raise DamageError("the model of Keras is no .keras file")
    try:
        return keras.saving.load_model(path, safe_mode=not trust.code)
    except ValueError as error:
        if "safe_mode" in str(error) or "unsafe" in str(error).lower():
            raise refuse_code("one of Keras that holds Python code, such as a Lambda layer") from error
        raise DamageError(f"Keras cannot read the model: {clean(str(error))[:300]}") from error
    except (OSError, KeyError, TypeError) as error:
        raise DamageError(f"Keras cannot read the model: {clean(str(error))[:300]}") from error


def predict(model: Any, data: Any) -> Any:
    """Return the model's predictions as an array, or as several."""
    if is_table(data):
        data = as_array(data)
    return model.predict(data, verbose=0)
