"""Seeding the random generators of a program, and saying which were seeded."""

from __future__ import annotations

import operator
import sys
from collections.abc import MutableMapping
from typing import Any

from gtrack.errors import UsageError

__all__ = ["set_seed"]

_LARGEST = 2**32 - 1
"""NumPy's legacy generator takes no larger seed."""


def set_seed(
    seed: int, deterministic: bool = False, *, env: MutableMapping[str, str] | None = None
) -> dict[str, int | bool | str]:
    """Seed every random generator the program may use, and return what was done, for the run's ``seed`` section.

    Python's, NumPy's and PyTorch's generators are seeded, the latter two where they are installed: they are imported
    for it, which for PyTorch takes seconds unless the program has done so already. TensorFlow is seeded if loaded. JAX
    has no generator to seed. Seeding CUDA does not initialise it, so forking stays safe.

    Args:
        seed: 0 to 2**32 - 1.
        deterministic: Also choose deterministic algorithms in PyTorch and TensorFlow, which may be slower; PyTorch
            then raises where it has none.
        env: The process's environment. With ``deterministic``, ``CUBLAS_WORKSPACE_CONFIG`` is set in it unless it is
            there, as CUDA asks for before it starts.

    Returns:
        ``seed``, ``deterministic``, and for each library whether it was seeded: ``python``, ``numpy``, ``torch``,
        ``cuda``, ``tensorflow``. ``hash_seed`` is the fixed PYTHONHASHSEED, or ``random``: the order of sets of
        strings then differs from run to run, and only setting it before Python starts changes that.

    Raises:
        UsageError: The seed is no whole number, or out of range.

    Example:
        >>> set_seed(42)["python"]
        True
    """
    import random

    seed = _checked(seed)
    done: dict[str, int | bool | str] = {"seed": seed, "deterministic": bool(deterministic)}
    if deterministic and env is not None:
        # See "Results reproducibility" in NVIDIA's cuBLAS documentation.
        env.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
    done["python"] = True
    if env is not None:
        done["hash_seed"] = env.get("PYTHONHASHSEED") or "random"
    numpy = _library("numpy")
    done["numpy"] = numpy is not None
    if numpy is not None:
        numpy.random.seed(seed)
    done.update(_seed_torch(seed, deterministic))
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        tensorflow.random.set_seed(seed)
        if deterministic:
            tensorflow.config.experimental.enable_op_determinism()
        done["tensorflow"] = True
    return done


def _checked(seed: object) -> int:
    hint = f"pass a whole number from 0 to {_LARGEST}"
    try:
        number = operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"seed {seed!r:.80} is not a whole number", hint=hint) from None
    if isinstance(seed, bool) or not 0 <= number <= _LARGEST:
        raise UsageError(f"seed {number if not isinstance(seed, bool) else seed} is out of range", hint=hint)
    return number


def _library(name: str) -> Any:
    """Return an installed library, or None where there is none or it cannot be loaded."""
    if name in sys.modules:
        return sys.modules[name]
    from importlib import import_module
    from importlib.util import find_spec

    try:
        return import_module(name) if find_spec(name) else None
    except (ImportError, OSError, ValueError):
        return None  # a broken installation is the program's to report, when it needs the library


def _seed_torch(seed: int, deterministic: bool) -> dict[str, bool]:
    torch = _library("torch")
    if torch is None:
        return {"torch": False, "cuda": False}
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)  # kept back until CUDA is initialised, and ignored without it
    if deterministic:
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True)
    return {"torch": True, "cuda": getattr(torch.version, "cuda", None) is not None}
