"""Models as pickles: only where whoever saves and whoever loads chose so, since loading a pickle runs its code.

See the warning of https://docs.python.org/3/library/pickle.html.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from typing import Any

from gtrack.errors import DamageError
from gtrack.flavors.flavor import Kept, Trust, data_file, need, refuse_code

__all__ = ["load", "save"]

_FILE = "model.pkl"


def save(model: Any, folder: str, packages: tuple[str, ...] = ()) -> Kept:
    """Write a model as a pickle; what is defined in the script itself goes into it.

    Args:
        model: The model.
        folder: The folder.
        packages: Distributions that loading needs beside cloudpickle.

    Raises:
        MissingExtraError: cloudpickle is not installed.
    """
    cloudpickle = need("cloudpickle", "models")
    with open(os.path.join(folder, _FILE), "wb") as file:
        cloudpickle.dump(model, file)
    note = "it is saved as a pickle: loading it takes load_model(..., trust_code=True)"
    return Kept({"format": "cloudpickle", "data": _FILE}, None, ("cloudpickle", *packages), (note,))


def load(folder: str, details: Mapping[str, object], trust: Trust) -> Any:
    """Return a pickled model, where its code is trusted.

    Raises:
        UsageError: It is not.
        DamageError: It is no pickle.
    """
    if not trust.code:
        raise refuse_code("a pickle")
    path = data_file(folder, details)
    try:
        with open(path, "rb") as file:
            return pickle.load(file)  # noqa: S301  (whoever loads it said that its author is trusted)
    except (pickle.UnpicklingError, EOFError) as error:
        raise DamageError(f"the model's pickle cannot be read: {error}") from error
