"""Arrays: numpy's, torch's, and whatever else can be made one of numpy's without a copy of its meaning."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any

from gtrack.fingerprint.canonical import framed, one_nan

if TYPE_CHECKING:
    import numpy as np

__all__ = ["array_digest", "as_array"]

_ARRAY = b"gtrack array 1\n"


def as_array(data: Any) -> tuple[str, np.ndarray[Any, Any]] | None:
    """Return the name of an array's type, and its content as one of numpy's; None for what is no array.

    Args:
        data: An array of numpy's, a tensor of torch's on any device, or what offers ``__array__``.

    Raises:
        TypeError: It is sparse or masked.
    """
    import numpy as np

    if not (hasattr(data, "shape") and hasattr(data, "dtype") and hasattr(data, "__array__")) or data.shape is None:
        return None
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError("it is a masked array: log its data, or fill what is masked: array.filled()")
    if type(data).__module__.split(".")[0] == "torch":
        return _of_torch(data)
    array = np.asarray(data)
    if array.dtype.kind == "T":  # numpy's texts of any length
        array = array.astype(object)
    return array.dtype.name, array.astype(array.dtype.newbyteorder("<"), copy=False)


def array_digest(kind: str, array: np.ndarray[Any, Any]) -> str:
    """Return the digest of an array in hex: of its type, its shape and its content in C order.

    Args:
        kind: The name of its type.
        array: The array; every NaN in it counts as the same.
    """
    import numpy as np

    digest = hashlib.sha256(_ARRAY + framed(kind.encode()) + struct.pack("<Q", array.ndim))
    digest.update(struct.pack(f"<{array.ndim}Q", *array.shape))
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.dtype.kind in "fc":
        flat = one_nan(flat.view(f"<f{flat.itemsize // 2}") if flat.dtype.kind == "c" else flat)
    digest.update(flat.view(np.uint8).data)
    return digest.hexdigest()


def _of_torch(tensor: Any) -> tuple[str, np.ndarray[Any, Any]]:
    if "strided" not in str(tensor.layout):
        raise TypeError("it is a sparse tensor: log tensor.to_dense()")
    name = str(tensor.dtype).removeprefix("torch.")
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    if name == "bfloat16":  # which numpy has not
        import torch

        plain = plain.view(torch.int16)
    return name, plain.numpy()
