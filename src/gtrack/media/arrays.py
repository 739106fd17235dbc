"""Arrays of whatever library as numpy's, without importing that library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtrack.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["as_array", "as_numbers", "is_torch"]


def as_array(value: object) -> Array:
    """Return an array of numpy, PyTorch, JAX, TensorFlow or CuPy, or nested lists, as a numpy array.

    Tensors are detached and brought to the CPU; ``bfloat16`` and other small floats of machine learning, which numpy
    does not have, become ``float32``.

    Args:
        value: Anything with ``__array__``, or numbers in lists.

    Raises:
        UsageError: It is none.
    """
    import numpy as np

    tensor: Any = value
    try:
        for name in ("detach", "cpu"):
            method = getattr(tensor, name, None)
            tensor = method() if callable(method) else tensor
        if is_torch(tensor) and str(tensor.dtype) in ("torch.bfloat16", "torch.float8_e4m3fn", "torch.float8_e5m2"):
            tensor = tensor.float()
        if hasattr(tensor, "__cuda_array_interface__") and hasattr(tensor, "get"):
            tensor = tensor.get()
        array = np.asarray(tensor)
        # What ml_dtypes adds to numpy has no kind that numpy knows.
        return array.astype(np.float32) if array.dtype.kind == "V" and array.dtype.names is None else array
    except Exception as error:  # a foreign object may raise anything from anywhere
        raise UsageError(f"a value of type {type(value).__name__} is no array: {str(error)[:120]}") from None


def as_numbers(value: object) -> Array:
    """Return an array of truth values, integers or floats; see :func:`as_array`.

    Raises:
        UsageError: It is no array, or one of something else.
    """
    array = as_array(value)
    if array.dtype.kind not in "biuf":
        raise UsageError(f"an array of {array.dtype} does not hold numbers")
    return array


def is_torch(value: object) -> bool:
    """Tell whether a value is a tensor of PyTorch, whose images have their channels first."""
    return type(value).__module__.split(".")[0] == "torch"
