"""Reading a model's folder. Nothing of it is run, unpickled or put on the path of imports without the caller's word."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from gtrack.errors import DamageError, GtrackError, NotFoundError, UsageError
from gtrack.flavors.flavor import Flavor, Trust, flavor_named
from gtrack.flavors.mlmodel import FILE, MLModel, parse_mlmodel
from gtrack.format.yaml import MAX_BYTES
from gtrack.text import clean

__all__ = ["Loaded", "load_folder", "read_folder"]

_SAID = 300


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that was loaded.

    Attributes:
        model: The framework's own object.
        flavor: What asks it for predictions.
        name: The flavor's name.
    """

    model: Any
    flavor: Flavor
    name: str

    def predict(self, data: Any, params: object = None) -> Any:  # noqa: ARG002  (MLflow passes it)
        """Return the model's predictions, whatever framework it is of.

        Args:
            data: The input: an array, a table, arrays by name, texts.
            params: What MLflow passes beside the input; of no meaning here.
        """
        return self.flavor.predict(self.model, data)


def read_folder(folder: str) -> MLModel:
    """Return what the ``MLmodel`` file of a folder says.

    Raises:
        NotFoundError: It has none.
        DamageError: It cannot be read.
    """
    try:
        with open(os.path.join(folder, FILE), "rb") as file:
            return parse_mlmodel(file.read(MAX_BYTES + 1))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise NotFoundError(f"{folder} is no model: it has no {FILE} file", hint="run.log_model makes one") from None


def load_folder(folder: str, trust: Trust) -> Loaded:
    """Load the model of a folder.

    Args:
        folder: The folder, made by :func:`gtrack.flavors.saving.save_model` or by anybody.
        trust: What its author is trusted with; by default nothing of it is run.

    Raises:
        NotFoundError: It is no model's folder.
        DamageError: It is damaged, or hostile.
        UsageError: Loading it would run code of its author, or a library is missing, or MLflow saved it.
    """
    saved = read_folder(folder).saved_by_gtrack
    if saved is None:
        raise UsageError(
            f"the model in {folder} was saved by MLflow and not by gtrack",
            hint=f"mlflow.pyfunc.load_model({folder!r}) reads it, and may run code that is in it",
        )
    _, details = saved
    flavor, name = flavor_named(details.get("flavor")), str(details["flavor"])
    made_with = f"{os.path.join(folder, 'requirements.txt')} names what it was made with"
    try:
        return Loaded(flavor.load(folder, details, trust), flavor, name)
    except (GtrackError, MemoryError, OSError):
        raise
    except ImportError as error:
        raise UsageError(f"the model needs what is not installed: {clean(str(error))}", hint=made_with) from error
    except Exception as error:  # what a framework makes of a forged file, or of one of another version, may be anything
        said = f"{type(error).__name__}: {clean(str(error))[:_SAID]}"
        raise DamageError(f"the model of {name} cannot be loaded: {said}", hint=made_with) from error
