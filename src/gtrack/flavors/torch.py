"""Models of PyTorch: weights as safetensors, or a whole program as TorchScript or as an exported program.

==============  ======================================================================================
safetensors     the weights alone; who loads them makes the model: ``load_model(..., into=Net())``
torchscript     weights and program: needs neither the class nor trust (``torch.jit.load``)
export          a ``torch.export.ExportedProgram``; loading it takes ``trust_code=True``
==============  ======================================================================================

``torch.export.load`` evaluates the text of symbolic shapes with sympy, and unpickles what it cannot read otherwise
(torch/_export/serde/serialize.py and torch/export/pt2_archive/_package.py of 2.13), so it needs trust as a pickle does.
https://github.com/huggingface/safetensors has nothing but numbers and names.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from gtrack.errors import DamageError, UsageError
from gtrack.flavors.arrays import as_array, as_columns, is_table
from gtrack.flavors.flavor import Kept, Trust, Wanted, choice, data_file, need, refuse_code
from gtrack.text import clean

__all__ = ["load", "predict", "save"]

_WEIGHTS, _SCRIPT, _PROGRAM = "model.safetensors", "model.pt", "model.pt2"


def save(model: Any, folder: str, wanted: Wanted) -> Kept:
    """Write a module, a scripted or traced one, or an exported program."""
    torch = need("torch")
    if isinstance(model, torch.export.ExportedProgram):
        choice(wanted, "exported PyTorch", "export")
        torch.export.save(model, os.path.join(folder, _PROGRAM))
        note = "PyTorch's reader of exported programs may run code: loading takes load_model(..., trust_code=True)"
        return Kept({"format": "export", "data": _PROGRAM}, None, ("torch", "numpy"), (note,))
    if not isinstance(model, torch.nn.Module):
        hint = "pass the module, not its state_dict" if isinstance(model, Mapping) else "pass the module"
        raise UsageError(f"a {type(model).__name__} is no model of PyTorch", hint=hint)
    scripted = isinstance(model, torch.jit.ScriptModule)
    if choice(wanted, "PyTorch", *(("torchscript",) if scripted else ("safetensors", "torchscript"))) == "torchscript":
        _save_script(torch, model, os.path.join(folder, _SCRIPT), scripted=scripted)
        return Kept({"format": "torchscript", "data": _SCRIPT}, None, ("torch", "numpy"))
    need("safetensors.torch", "models").save_model(model, os.path.join(folder, _WEIGHTS))
    name = f"{type(model).__module__}.{type(model).__qualname__}"
    note = f"it holds the weights of {name}, not the class: load_model(..., into={type(model).__name__}(...))"
    details = {"format": "safetensors", "data": _WEIGHTS, "class": name}
    return Kept(details, None, ("torch", "safetensors", "numpy"), (f'{note}; format="torchscript" keeps both',))


def load(folder: str, details: Mapping[str, object], trust: Trust) -> Any:
    """Return a module in evaluation mode, on the CPU; of weights alone, the module that they were put into."""
    torch, path = need("torch"), data_file(folder, details)
    kind = details.get("format")
    if kind == "export":
        if not trust.code:
            raise refuse_code("an exported program of PyTorch, whose reader evaluates text and may unpickle")
        return torch.export.load(path)
    if kind == "torchscript":
        try:
            with _quiet():
                return torch.jit.load(path, map_location="cpu").eval()
        except RuntimeError as error:
            raise DamageError(f"PyTorch cannot read the model: {clean(str(error))[:300]}") from error
    return _into(torch, path, details, trust.into)


def predict(model: Any, data: Any) -> Any:
    """Return the outputs as arrays of numpy; the module computes in evaluation mode, and is left as it was.

    Args:
        model: The module, or an exported program.
        data: An array, a table, whose numbers become one matrix, or arrays by name of argument.
    """
    torch = need("torch")
    module = model.module() if isinstance(model, torch.export.ExportedProgram) else model
    first = next((each for each in module.parameters() if each.is_floating_point()), None)

    def tensor(values: Any) -> Any:
        made = values if isinstance(values, torch.Tensor) else torch.as_tensor(as_array(values).copy())
        if first is None:
            return made
        return made.to(first.device, first.dtype if made.is_floating_point() else None)

    with torch.no_grad(), _evaluating(module):
        if isinstance(data, Mapping):
            return _plain(torch, module(**{name: tensor(values) for name, values in as_columns(data).items()}))
        return _plain(torch, module(tensor(data.to_numpy() if is_table(data) else data)))


def _save_script(torch: Any, model: Any, path: str, *, scripted: bool) -> None:
    with _quiet(), _evaluating(model):
        try:
            program = model if scripted else torch.jit.script(model)
        except Exception as error:  # whatever its compiler makes of somebody's Python
            said = clean(str(error)).strip()[:300]
            hint = "log torch.jit.trace(model, example), or keep the weights alone"
            raise UsageError(f"the model is no TorchScript: {said}", hint=hint) from error
        torch.jit.save(program, path)


def _into(torch: Any, path: str, details: Mapping[str, object], model: Any) -> Any:
    """Put weights into the module that the caller made."""
    name = clean(str(details.get("class")))[:200]
    if model is None:
        raise UsageError(
            f"the model is the weights of {name}, without the class",
            hint=f"load_model(..., into={name.rpartition('.')[2]}(...))",
        )
    if not isinstance(model, torch.nn.Module):
        raise UsageError(f"into is a {type(model).__name__}", hint=f"pass a {name.rpartition('.')[2]}(...)")
    reader = need("safetensors.torch", "models")
    try:
        reader.load_model(model, path)
    except RuntimeError as error:  # names or shapes that differ
        raise UsageError(f"the weights of {name} do not fit a {type(model).__name__}: {clean(str(error))}") from error
    except need("safetensors").SafetensorError as error:
        raise DamageError(f"the model's weights cannot be read: {clean(str(error))}") from error
    return model.eval()


@contextlib.contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Have a module in evaluation mode for a while, and each part of it as it was afterwards."""
    parts = [(part, part.training) for part in module.modules()]
    with contextlib.suppress(NotImplementedError):  # what was exported has no modes
        module.eval()
    try:
        yield
    finally:
        for part, training in parts:
            part.training = training


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep back that TorchScript is deprecated: whoever asks for it knows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        yield


def _plain(torch: Any, found: Any) -> Any:
    if isinstance(found, torch.Tensor):
        return found.detach().cpu().numpy()
    if isinstance(found, Mapping):
        return {str(name): _plain(torch, each) for name, each in found.items()}
    return [_plain(torch, each) for each in found] if isinstance(found, list | tuple) else found
