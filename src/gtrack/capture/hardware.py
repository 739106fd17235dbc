"""Processors, memory and GPUs, from what the kernel shows: no subprocess, and no library is loaded."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from gtrack.capture.cgroup import cpu_quota, memory_limit
from gtrack.capture.files import list_names, read_text

__all__ = ["cpu_allowed", "cpu_model", "gpu_driver", "gpu_names", "memory_gib", "torch_facts"]

_GIB = 1 << 30
_AMD = "0x1002"  # the PCI vendor

_ARM_CORES = {
    ("0x41", "0xd0c"): "ARM Neoverse-N1",
    ("0x41", "0xd40"): "ARM Neoverse-V1",
    ("0x41", "0xd49"): "ARM Neoverse-N2",
    ("0x41", "0xd4f"): "ARM Neoverse-V2",
}
"""(implementer, part) of server cores, which carry no model name; as in lscpu of util-linux."""


def cpu_model(root: str = "/") -> str | None:
    """Return the processor's model name, or None where the kernel shows none."""
    if sys.platform == "darwin":
        from gtrack.capture.darwin import sysctl

        return sysctl("machdep.cpu.brand_string")
    # The first processor's block is enough; a full read takes milliseconds on a machine of many cores.
    facts = _facts(read_text(root, "proc/cpuinfo", 4_096))
    for key in ("model name", "cpu model", "cpu"):  # x86, MIPS, POWER
        if facts.get(key):
            return " ".join(facts[key].split())
    board = (read_text(root, "sys/firmware/devicetree/base/model", 256) or "").strip("\0 \n")
    return _ARM_CORES.get((facts.get("CPU implementer", ""), facts.get("CPU part", ""))) or board or None


def cpu_allowed(root: str = "/") -> int | float | None:
    """Return how many processors this process may use: the lesser of its affinity and its control group's quota."""
    allowed: float | None
    try:
        allowed = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS has no affinity
        allowed = os.cpu_count()
    allowed = min((n for n in (allowed, cpu_quota(root)) if n is not None), default=None)
    if allowed is None or allowed == int(allowed):
        return None if allowed is None else int(allowed)
    return round(allowed, 2)


def memory_gib(root: str = "/") -> float | None:
    """Return the memory this process may use, in GiB: the lesser of the machine's and its control group's limit."""
    total = _facts(read_text(root, "proc/meminfo", 512)).get("MemTotal", "").split()  # in KiB
    if total and total[0].isdecimal():
        machine = int(total[0]) * 1024
    else:
        try:
            machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (OSError, ValueError):
            return None
    return round(min(machine, memory_limit(root) or machine) / _GIB, 2)


def gpu_names(env: Mapping[str, str], root: str = "/") -> list[str]:
    """Return the models of the GPUs this process may use, in bus order; one entry for each.

    Devices hidden by ``CUDA_VISIBLE_DEVICES`` are left out where it is certain which ones it means.

    Args:
        env: The process's environment.
        root: The directory that stands for ``/``.
    """
    nvidia = _nvidia(root)
    return _visible(nvidia, env) if nvidia else _amd(root)


def gpu_driver(root: str = "/") -> str | None:
    """Return the version of the NVIDIA kernel driver, or None where it is not loaded."""
    text = read_text(root, "proc/driver/nvidia/version", 1_024) or ""
    found = re.search(r"Kernel Module(?: for \S+)?\s+(\d[\d.]*)", text)
    return found.group(1) if found else None


def torch_facts() -> dict[str, Any]:
    """Return what PyTorch knows of the GPUs, if the program has loaded it already: ``cuda``, ``rocm``, ``gpu``."""
    torch = sys.modules.get("torch")
    version = getattr(torch, "version", None)
    found = {
        "cuda": getattr(version, "cuda", None),
        "rocm": getattr(version, "hip", None),
    }
    facts: dict[str, Any] = {key: value for key, value in found.items() if isinstance(value, str)}
    cuda = getattr(torch, "cuda", None)
    try:
        # Asking for devices would initialise CUDA, which breaks programs that fork afterwards.
        if cuda is not None and cuda.is_initialized():
            facts["gpu"] = [str(cuda.get_device_name(index)) for index in range(cuda.device_count())]
    except (AttributeError, AssertionError, RuntimeError, TypeError):
        pass  # a build without CUDA, or a module still being imported
    return facts


def _facts(text: str | None) -> dict[str, str]:
    """Return the ``key : value`` lines of a file of ``/proc``, the first of each key."""
    facts: dict[str, str] = {}
    for line in (text or "").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            facts.setdefault(key.strip(), value.strip())
    return facts


def _nvidia(root: str) -> list[tuple[str, str]]:
    """Return (model, uuid) of each NVIDIA device, in bus order."""
    folder = "proc/driver/nvidia/gpus"
    devices = [_facts(read_text(root, f"{folder}/{bus}/information", 4_096)) for bus in list_names(root, folder)]
    return [(facts["Model"], facts.get("GPU UUID", "")) for facts in devices if facts.get("Model")]


def _visible(devices: list[tuple[str, str]], env: Mapping[str, str]) -> list[str]:
    everything = [model for model, _ in devices]
    wanted = env.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return everything
    # By default CUDA counts from the fastest device on: a number names a device only if all are equal or sorted by bus.
    numbered = len(set(everything)) == 1 or env.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    chosen: list[str] = []
    for token in filter(None, map(str.strip, wanted.split(","))):
        if token.lstrip("-").isdecimal():
            if not numbered:
                return everything
            if not 0 <= int(token) < len(devices):
                break  # CUDA ignores an invalid entry and all that follow it
            chosen.append(everything[int(token)])
        else:
            matches = [model for model, uuid in devices if uuid.startswith(token)]
            if len(matches) != 1:
                return everything  # a MIG slice, or a device masked from us
            chosen += matches
    return chosen


def _amd(root: str) -> list[str]:
    names = []
    for card in list_names(root, "sys/class/drm"):
        device = f"sys/class/drm/{card}/device"
        if not re.match(r"card\d+\Z", card) or (read_text(root, f"{device}/vendor", 16) or "").strip() != _AMD:
            continue
        product = (read_text(root, f"{device}/product_name", 256) or "").strip()
        model = (read_text(root, f"{device}/device", 16) or "").strip()
        names.append(product or f"AMD GPU {model}".strip())
    return names
