"""Models and pipelines of transformers: ``save_pretrained`` with safetensors, loaded without code from anywhere.

See https://huggingface.co/docs/transformers/main_classes/model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gtrack.errors import DamageError, UsageError
from gtrack.flavors import torch as torch_flavor
from gtrack.flavors.arrays import is_table
from gtrack.flavors.flavor import Kept, Trust, Wanted, choice, data_file, mro_modules, need
from gtrack.text import clean

__all__ = ["load", "predict", "save"]

_FOLDER = "model"
_PARTS = {
    "tokenizer": "AutoTokenizer",
    "image_processor": "AutoImageProcessor",
    "feature_extractor": "AutoFeatureExtractor",
    "processor": "AutoProcessor",
}
"""What a pipeline has beside its model, and what reads it."""


def save(model: Any, folder: str, wanted: Wanted) -> Kept:
    """Write a model, or a pipeline with its tokenizer and what else it has."""
    transformers = need("transformers")
    choice(wanted, "transformers", "safetensors")
    target = os.path.join(folder, _FOLDER)
    details: dict[str, object] = {"format": "safetensors", "data": _FOLDER}
    inner = model
    if isinstance(model, transformers.Pipeline):
        inner = model.model
        details["task"] = model.task
        parts = [name for name in _PARTS if getattr(model, name, None) is not None]
        details["parts"] = parts
        for name in parts:
            getattr(model, name).save_pretrained(target)
    if not isinstance(inner, transformers.PreTrainedModel):
        raise UsageError(f"a {type(inner).__name__} is no model of transformers", hint="pass a model or a pipeline")
    details["class"] = _own_class(inner)
    inner.save_pretrained(target)
    return Kept(details, None, ("transformers", "torch", "safetensors", "tokenizers", "numpy"))


def load(folder: str, details: Mapping[str, object], trust: Trust) -> Any:  # noqa: ARG001  (no code is taken from it)
    """Return a model in evaluation mode, or a pipeline, on the CPU and without the network."""
    transformers = need("transformers")
    path = data_file(folder, details, is_folder=True)
    name = details.get("class")
    kind = getattr(transformers, name, None) if isinstance(name, str) and name.isidentifier() else None
    if not isinstance(kind, type) or not issubclass(kind, transformers.PreTrainedModel):
        raise DamageError(f"transformers has no model {clean(str(name))!r:.80}")
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        model: Any = kind
        model = model.from_pretrained(path, use_safetensors=True, **local).eval()
        task, parts = details.get("task"), details.get("parts")
        if not isinstance(task, str):
            return model
        named = [each for each in parts if each in _PARTS] if isinstance(parts, list) else []
        read = {each: getattr(transformers, _PARTS[each]).from_pretrained(path, **local) for each in named}
        return transformers.pipeline(task, model=model, device="cpu", trust_remote_code=False, **read)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamageError(f"transformers cannot read the model: {clean(str(error))[:300]}") from error


def predict(model: Any, data: Any) -> Any:
    """Return a pipeline's results, one for each input; of a model, its outputs as arrays by name.

    Args:
        model: The pipeline or the model.
        data: Of a pipeline, texts, or a table with one column of them; of a model, arrays by name of argument, or an
            array that is its first one.
    """
    if hasattr(model, "task") and callable(model) and not hasattr(model, "parameters"):
        if is_table(data):
            data = data[data.columns[0]].to_list()
        return model(data.tolist() if hasattr(data, "tolist") else data)
    given = data if isinstance(data, Mapping) else None
    if given is None and is_table(data):
        given = {name: need("numpy").stack(list(data[name])) for name in data.columns}
    return torch_flavor.predict(model, data if given is None else given)


def _own_class(model: Any) -> str:
    """Return the name of the library's class that the model is of, or derived from."""
    for module, name in mro_modules(model):
        if module.startswith("transformers."):
            return name
    raise UsageError(f"a {type(model).__name__} is of no class of transformers", hint="log it as a model of PyTorch")
