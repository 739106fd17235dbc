"""What a flavor is: how the models of one framework are saved, loaded and asked for predictions."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, cast

from gtrack.errors import DamageError, MissingExtraError, UsageError
from gtrack.format.artifact_path import fault
from gtrack.text import clean

__all__ = [
    "FLAVORS",
    "Flavor",
    "Kept",
    "Trust",
    "Wanted",
    "choice",
    "data_file",
    "flavor_named",
    "mro_modules",
    "need",
    "refuse_code",
]

FLAVORS = ("sklearn", "xgboost", "lightgbm", "onnx", "torch", "keras", "transformers", "function")
"""The flavors, each the name of a module here."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a model is to be saved.

    Attributes:
        format: The format that was asked for; None for the flavor's own choice.
        pickle: The caller chose a pickle.
    """

    format: str | None = None
    pickle: bool = False


@dataclass(frozen=True, slots=True)
class Trust:
    """What whoever loads a model trusts it with.

    Attributes:
        code: It may run code that its author put there: a pickle, a source, a lambda of Keras.
        types: Types beyond those of scikit-learn, numpy and scipy that it may be made of.
        into: A model of the same class, which takes the weights.
    """

    code: bool = False
    types: tuple[str, ...] = ()
    into: object = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What was written into a folder.

    Attributes:
        details: What loading needs to know: ``format``, ``data`` (the file or folder) and what the flavor adds.
        native: The name and the fields of the flavor under which MLflow itself reads the same file, or None.
        packages: Distributions that loading needs.
        notes: What whoever saves it should know.
    """

    details: Mapping[str, object]
    native: tuple[str, Mapping[str, object]] | None = None
    packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


class Flavor(Protocol):
    """A module that saves and loads the models of one framework."""

    def save(self, model: Any, folder: str, wanted: Wanted) -> Kept:
        """Write a model into a folder that is there and empty."""

    def load(self, folder: str, details: Mapping[str, object], trust: Trust) -> Any:
        """Return the model that :meth:`save` wrote."""

    def predict(self, model: Any, data: Any) -> Any:
        """Return what a loaded model, or the one that was saved, makes of some input."""


def flavor_named(name: object) -> Flavor:
    """Return a flavor.

    Args:
        name: Its name, as an ``MLmodel`` says it: anything.

    Raises:
        UsageError: There is none of that name.
    """
    if not isinstance(name, str) or name not in FLAVORS:
        raise UsageError(f"there is no flavor {clean(str(name))!r:.60}", hint=f"use {', '.join(FLAVORS)}")
    return cast(Flavor, import_module(f"gtrack.flavors.{name}"))


def need(module: str, extra: str | None = None) -> Any:
    """Import a library that a flavor needs.

    Args:
        module: Its name.
        extra: The extra of gtrack that brings it; None where the framework is the user's own to install.

    Raises:
        MissingExtraError: It is not installed, and an extra brings it.
        UsageError: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        root = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != root:
            raise UsageError(f"{root} cannot be imported: {error}") from error
        if extra is not None:
            raise MissingExtraError(root, extra) from error
        raise UsageError(f"{root} is not installed, and the model needs it", hint=f"pip install {root}") from error


def choice(wanted: Wanted, flavor: str, *formats: str) -> str:
    """Return the format to save in: the first of those there are, unless one was asked for.

    Raises:
        UsageError: There is no such format.
    """
    chosen = "cloudpickle" if wanted.pickle else wanted.format or formats[0]
    if chosen not in formats:
        said = f"{flavor} models are not saved as {chosen!r:.40}"
        raise UsageError(said, hint=f"use {' or '.join(formats)}".replace("cloudpickle", "pickle=True"))
    if chosen == "cloudpickle" and not wanted.pickle:
        raise UsageError("a pickle runs code when it is loaded", hint="to save one all the same: pickle=True")
    return chosen


def data_file(folder: str, details: Mapping[str, object], *, is_folder: bool = False) -> str:
    """Return the path of what holds the model, as its ``MLmodel`` says.

    Args:
        folder: The model's folder.
        details: What its ``MLmodel`` says: anything.
        is_folder: It is a folder.

    Raises:
        DamageError: It names nothing in that folder.
    """
    name = details.get("data")
    if not isinstance(name, str) or fault(name) is not None:
        raise DamageError(f"the MLmodel names {clean(str(name))!r:.120}, which is no path in its folder")
    path = os.path.join(folder, name)
    with contextlib.suppress(OSError):
        if (stat.S_ISDIR if is_folder else stat.S_ISREG)(os.stat(path).st_mode):
            return path
    raise DamageError(f"the model's folder has no {clean(name)!r:.120}, which its MLmodel names")


def refuse_code(what: str, *, hint: str = "load_model(..., trust_code=True)") -> UsageError:
    """Return the error for a model that would run code of its author.

    Args:
        what: What it is, with an article, such as ``a pickle``.
        hint: What to type where its author is trusted.
    """
    return UsageError(
        f"the model is {what}: loading it runs whatever code its author put there, as you, so it was not loaded",
        hint=f"if you trust whoever made it: {hint}",
    )


def mro_modules(model: object) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of a model's class and of each class that it is derived from."""
    for each in type(model).__mro__:
        yield str(getattr(each, "__module__", "")), each.__name__
