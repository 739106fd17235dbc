"""Writing a model's folder: the model, its MLmodel file, the requirements, an example of the input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gtrack.errors import GtrackError
from gtrack.flavors.detect import flavor_of
from gtrack.flavors.example import write_example
from gtrack.flavors.flavor import Flavor, Kept, Wanted, flavor_named
from gtrack.flavors.mlmodel import FILE, FUNCTION, dump_mlmodel
from gtrack.flavors.requirements import write_requirements
from gtrack.flavors.signature import given_signature, signature_of
from gtrack.text import clean

__all__ = ["Requirements", "Saved", "save_model"]

Requirements = str | os.PathLike[str] | Iterable[str]


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written.

    Attributes:
        flavors: The flavors under which the folder can be loaded.
        notes: What whoever saves it should know.
    """

    flavors: tuple[str, ...]
    notes: tuple[str, ...] = ()


def save_model(
    model: object,
    folder: str,
    *,
    path: str = "model",
    flavor: str | None = None,
    format: str | None = None,  # noqa: A002  (what it is)
    pickle: bool = False,
    input_example: object = None,
    signature: object = None,
    requirements: Requirements | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Saved:
    """Write a model into a folder that MLflow can load as well.

    Args:
        model: The model.
        folder: A folder that is there and empty.
        path: What it will be called among a run's artifacts.
        flavor: One of :data:`gtrack.flavors.flavor.FLAVORS`; by default that of the model's framework.
        format: The format, where the flavor has several.
        pickle: Save it as a pickle, where there is no other way.
        input_example: Some input, such as ``X[:5]``.
        signature: The signature; by default the one that the example shows. False for none.
        requirements: What it needs, or the path of a file with that; by default the versions that are installed here.
        metadata: What else its ``MLmodel`` says.

    Raises:
        UsageError: It cannot be saved so.
        MissingExtraError: A library that this takes is not installed.
        OSError: The disk is full or read-only.
    """
    name = flavor or flavor_of(model)
    chosen = flavor_named(name)
    kept = chosen.save(model, folder, Wanted(format, pickle))
    size = sum(os.path.getsize(os.path.join(at, each)) for at, _, files in os.walk(folder) for each in files)
    notes = list(kept.notes)
    example = None
    if input_example is not None:
        example = write_example(input_example, folder)
        if example is None:
            notes.append(f"the input example, a {type(input_example).__name__}, is not kept: no JSON, or over 4 MiB")
    said = _signature(chosen, model, input_example, signature, notes)
    write_requirements(folder, kept.packages, requirements)
    alone = _is_whole(name, kept)
    document = dump_mlmodel(
        name,
        kept,
        path=path,
        callable_alone=alone,
        signature=said,
        example=example,
        metadata=metadata,
        size=size,
    )
    with open(os.path.join(folder, FILE), "wb") as file:
        file.write(document)
    return Saved((*((FUNCTION,) if alone else ()), kept.native[0] if kept.native else name), tuple(notes))


def _is_whole(name: str, kept: Kept) -> bool:
    """Tell whether the folder holds all of the model: weights of PyTorch alone need their class."""
    return not (name == "torch" and kept.details.get("format") == "safetensors")


def _signature(
    flavor: Flavor, model: Any, example: object, given: object, notes: list[str]
) -> dict[str, object] | None:
    """Return the signature that was given, or the one that an example shows."""
    if given is False:
        return None
    if given is not None:
        return given_signature(given)
    if example is None:
        return None
    result = None
    try:
        result = flavor.predict(model, example)
    except Exception as error:  # a model may raise anything; the training goes on
        said = error.message if isinstance(error, GtrackError) else str(error)
        notes.append(f"its signature has no outputs, for it failed on the input example: {clean(said)[:200]}")
    return signature_of(example, result)
