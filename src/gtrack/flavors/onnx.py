"""Models in ONNX, run by ONNX Runtime.

See https://onnx.ai/onnx/api/serialization.html and https://onnxruntime.ai/docs/api/python/api_summary.html.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gtrack.errors import DamageError, UsageError
from gtrack.flavors.arrays import as_columns
from gtrack.flavors.flavor import Kept, Trust, Wanted, choice, data_file, need
from gtrack.text import clean

__all__ = ["load", "predict", "save"]

_FILE = "model.onnx"
_INLINE = 1 << 31
"""Protocol buffers hold less than 2 GiB: the weights of a larger model stand in a file beside it."""
_PROVIDERS = ["CPUExecutionProvider"]
_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
}


def save(model: Any, folder: str, wanted: Wanted) -> Kept:
    """Write a ``ModelProto``, or copy an ``.onnx`` file."""
    onnx = need("onnx")
    choice(wanted, "ONNX", "onnx")
    if isinstance(model, str):
        try:
            model = onnx.load(model)
        except FileNotFoundError:
            raise UsageError(f"there is no file {model}") from None
    if not isinstance(model, onnx.ModelProto):
        raise UsageError(f"a {type(model).__name__} is no model of ONNX", hint="pass the ModelProto or its .onnx file")
    onnx.save_model(model, os.path.join(folder, _FILE), save_as_external_data=model.ByteSize() >= _INLINE - 1)
    fields = {"data": _FILE, "onnx_version": onnx.__version__, "providers": _PROVIDERS, "code": None}
    return Kept({"format": "onnx", "data": _FILE}, ("onnx", fields), ("onnx", "onnxruntime", "numpy"))


def load(folder: str, details: Mapping[str, object], trust: Trust) -> Any:  # noqa: ARG001  (no code can be in it)
    """Return a session of ONNX Runtime, on the CPU."""
    runtime, path = need("onnxruntime"), data_file(folder, details)
    try:
        return runtime.InferenceSession(path, providers=_PROVIDERS)
    except Exception as error:  # its exceptions have no class in common
        raise DamageError(f"ONNX Runtime cannot read the model: {clean(str(error))[:300]}") from error


def predict(model: Any, data: Any) -> Any:
    """Return the outputs by name; of one input and one output, the array itself.

    Args:
        model: A session, or a ``ModelProto``.
        data: An array for the only input, or arrays by name of input, or a table with a column for each.
    """
    if not hasattr(model, "run"):
        model = need("onnxruntime").InferenceSession(model.SerializeToString(), providers=_PROVIDERS)
    numpy, inputs = need("numpy"), model.get_inputs()
    given = as_columns(data) if len(inputs) > 1 or isinstance(data, Mapping) else {inputs[0].name: data}
    feed = {}
    for each in inputs:
        if each.name not in given:
            raise UsageError(f"the model needs an input {each.name!r}", hint=f"pass {[one.name for one in inputs]}")
        values = numpy.asarray(given[each.name], dtype=_TYPES.get(each.type))
        # A column of a table is one number a row where the model may want a matrix.
        rank = len(each.shape or ())
        feed[each.name] = values.reshape(-1, 1) if values.ndim == 1 and rank == 2 else values
    names = [each.name for each in model.get_outputs()]
    found = dict(zip(names, model.run(names, feed), strict=True))
    return found[names[0]] if len(names) == 1 else found
