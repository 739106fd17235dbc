"""What MLflow calls to load a folder that gtrack saved: the ``loader_module`` of its ``python_function`` flavor.

``mlflow.pyfunc.load_model(folder)`` unpickles no more than gtrack does; where that is wanted it takes
``mlflow.pyfunc.load_model(folder, model_config={"trust_code": True})``.
See https://mlflow.org/docs/latest/api_reference/python_api/mlflow.pyfunc.html.
"""

from __future__ import annotations

from collections.abc import Mapping

from gtrack.flavors.flavor import Trust
from gtrack.flavors.loading import Loaded, load_folder

__all__ = ["Loaded"]


def _load_pyfunc(path: str, model_config: Mapping[str, object] | None = None) -> Loaded:
    """Load a model's folder for MLflow.

    Args:
        path: The folder.
        model_config: ``{"trust_code": True}`` where code of its author may run.
    """
    return load_folder(path, Trust(code=(model_config or {}).get("trust_code") is True))
