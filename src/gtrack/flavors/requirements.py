"""What a model needs to be loaded elsewhere: the files from which MLflow makes an environment.

See https://mlflow.org/docs/latest/ml/model/dependencies/.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable

from gtrack.capture.packages import installed_packages
from gtrack.errors import UsageError

__all__ = ["pinned", "write_requirements"]

_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def pinned(packages: Iterable[str]) -> list[str]:
    """Return requirements with the versions that are installed here, gtrack's own last.

    A version's local part, such as ``+cpu``, is left out: no index has it.

    Args:
        packages: Distributions, or modules that are imported.

    Example:
        >>> pinned(["numpy"])
        ['numpy==2.4.6', 'gtrack==0.1.0']
    """
    installed = installed_packages()
    lines = {}
    for package in (*packages, "gtrack"):
        name = re.sub(r"[-_.]+", "-", package).lower()
        if name not in installed and package not in sys.stdlib_module_names:
            name = _distribution(package) or name
        version = installed.get(name)
        if version is not None:
            lines[name] = f"{name}=={version.partition('+')[0]}"
    return list(lines.values())


def write_requirements(
    folder: str, packages: Iterable[str], given: str | os.PathLike[str] | Iterable[str] | None
) -> None:
    """Write ``requirements.txt``, ``python_env.yaml`` and ``conda.yaml`` into a model's folder.

    Args:
        folder: The folder.
        packages: What the model's flavor needs.
        given: What the caller says instead: requirements, or the path of a file with them.

    Raises:
        UsageError: It is neither.
    """
    import yaml

    lines = pinned(packages) if given is None else _given(given)
    python = platform.python_version()
    with open(os.path.join(folder, "requirements.txt"), "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
    documents = {
        "python_env.yaml": {
            "python": python,
            "build_dependencies": ["pip", "setuptools", "wheel"],
            "dependencies": ["-r requirements.txt"],
        },
        "conda.yaml": {
            "name": "mlflow-env",
            "channels": ["conda-forge"],
            "dependencies": [f"python={python}", "pip", {"pip": list(lines)}],
        },
    }
    for name, document in documents.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            yaml.safe_dump(document, file, sort_keys=False)


def _given(given: str | os.PathLike[str] | Iterable[str]) -> list[str]:
    if isinstance(given, str | os.PathLike):
        try:
            with open(given, encoding="utf-8") as file:
                return [line for text in file if (line := text.strip()) and not line.startswith("#")]
        except OSError as error:
            raise UsageError(f"the requirements {os.fspath(given)} cannot be read: {error.strerror}") from error
    lines = list(given)
    if not all(isinstance(line, str) and "\n" not in line for line in lines):
        raise UsageError("requirements are not texts of one line", hint='requirements=["numpy>=2"]')
    return lines


def _distribution(module: str) -> str | None:
    """Return the distribution that brings a module, such as scikit-learn of sklearn."""
    from importlib.metadata import packages_distributions

    found = packages_distributions().get(module) if _MODULE.match(module) else None
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else None
