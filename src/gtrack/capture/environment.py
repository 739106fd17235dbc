"""The environment a run ran in: python, platform, packages, hardware, container, launcher."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gtrack.capture.container import container_image, container_kind, virtual_environment
from gtrack.capture.files import read_text
from gtrack.capture.hardware import cpu_allowed, cpu_model, gpu_driver, gpu_names, memory_gib, torch_facts
from gtrack.capture.launcher import detect_launcher
from gtrack.capture.packages import installed_packages
from gtrack.capture.redact import redact_text

__all__ = ["ALLOWED_VARIABLES", "capture_environment"]

ALLOWED_VARIABLES = tuple(
    "CUBLAS_WORKSPACE_CONFIG CUDA_DEVICE_ORDER CUDA_LAUNCH_BLOCKING CUDA_VISIBLE_DEVICES HIP_VISIBLE_DEVICES "
    "JAX_ENABLE_X64 JAX_PLATFORMS LANG LC_ALL MKL_NUM_THREADS NCCL_ALGO NCCL_PROTO NUMEXPR_NUM_THREADS "
    "NVIDIA_TF32_OVERRIDE NVIDIA_VISIBLE_DEVICES OMP_NUM_THREADS OMP_PROC_BIND OPENBLAS_NUM_THREADS PYTHONHASHSEED "
    "PYTHONOPTIMIZE PYTHONUTF8 PYTORCH_ALLOC_CONF PYTORCH_CUDA_ALLOC_CONF ROCR_VISIBLE_DEVICES "
    "TF_CUDNN_DETERMINISTIC TF_DETERMINISTIC_OPS TF_ENABLE_ONEDNN_OPTS TF_FORCE_GPU_ALLOW_GROWTH "
    "TOKENIZERS_PARALLELISM TZ VECLIB_MAXIMUM_THREADS XLA_FLAGS XLA_PYTHON_CLIENT_MEM_FRACTION "
    "XLA_PYTHON_CLIENT_PREALLOCATE".split()
)
"""The only environment variables whose values are recorded: those that change results or speed."""

_LONGEST = 256
"""Characters kept of one variable."""


def capture_environment(env: Mapping[str, str], *, root: str = "/") -> dict[str, Any]:
    """Return the ``environment`` section of ``run.yaml``.

    What does not show on this machine is left out. Nothing is executed, loaded or sent; facts of the machine are
    read once per process.

    Args:
        env: The process's environment. Only :data:`ALLOWED_VARIABLES` and the variables of launchers are looked at.
        root: The directory that stands for ``/``; tests pass a made-up tree.

    Returns:
        Any of ``python``, ``implementation``, ``virtual_env`` {kind, name}, ``platform`` {os, kernel, machine, libc},
        ``host``, ``packages`` {name: version}, ``cpu``, ``cpu_count``, ``cpu_allowed``, ``memory_gib`` (GiB),
        ``gpu`` [model], ``gpu_driver``, ``cuda``, ``rocm``, ``container``, ``image``, ``launcher``, ``variables``.
    """
    packages = installed_packages()
    torch = torch_facts()
    launcher = detect_launcher(env, root=root)
    facts = {
        **_machine(root),
        "virtual_env": virtual_environment(env),
        "gpu": torch.get("gpu") or gpu_names(env, root),
        "cuda": torch.get("cuda") or _cuda_package(packages) or env.get("CUDA_VERSION", "")[:32],
        "rocm": torch.get("rocm"),
        "container": container_kind(env, root),
        "image": container_image(env, root),
        "launcher": launcher.as_dict() if launcher else None,
        "variables": _variables(env),
        "packages": packages,
    }
    return {key: value for key, value in facts.items() if value not in (None, "", [], {})}


@lru_cache(maxsize=4)
def _fixed(root: str) -> tuple[tuple[str, Any], ...]:
    system = os.uname()
    platform = {
        "os": _distribution(root) or system.sysname,
        "kernel": f"{system.sysname} {system.release}",
        "machine": system.machine,
        "libc": _libc(root),
    }
    return (
        ("python", sys.version.split()[0]),
        ("implementation", sys.implementation.name),
        ("platform", {key: value for key, value in platform.items() if value}),
        ("cpu", cpu_model(root)),
        ("cpu_count", os.cpu_count()),
        ("gpu_driver", gpu_driver(root)),
    )


def _machine(root: str) -> dict[str, Any]:
    # The host's name and the limits may change under a long-lived process: a restored container, a moved group.
    return {
        **dict(_fixed(root)),
        "host": os.uname().nodename,
        "cpu_allowed": cpu_allowed(root),
        "memory_gib": memory_gib(root),
    }


def _distribution(root: str) -> str | None:
    """Return the system's name from os-release(5), or macOS's version."""
    if sys.platform == "darwin":
        from gtrack.capture.darwin import sysctl

        version = sysctl("kern.osproductversion")
        return f"macOS {version}" if version else "macOS"
    text = read_text(root, "etc/os-release", 8_192) or read_text(root, "usr/lib/os-release", 8_192) or ""
    found = re.search(r"^PRETTY_NAME=(.*)$", text, re.MULTILINE)
    return found.group(1).strip().strip("\"'")[:128] if found else None


def _libc(root: str) -> str | None:
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION")  # "glibc 2.36"
    except (AttributeError, ValueError, OSError):
        name = None
    if name or sys.platform != "linux":
        return name
    return "musl" if os.path.exists(os.path.join(root, f"lib/ld-musl-{os.uname().machine}.so.1")) else None


def _cuda_package(packages: Mapping[str, str]) -> str | None:
    """Return the version of the CUDA runtime that came as a package, as PyTorch's wheels bring it."""
    return next((v for name, v in packages.items() if name.startswith("nvidia-cuda-runtime")), None)


def _variables(env: Mapping[str, str]) -> dict[str, str]:
    return {name: redact_text(env[name])[:_LONGEST] for name in ALLOWED_VARIABLES if name in env}
