"""NVIDIA's GPUs, as far as this process may use them, through NVIDIA's own library (nvidia-ml-py).

Source: https://docs.nvidia.com/deploy/nvml-api/ and, for ``CUDA_VISIBLE_DEVICES``,
https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["NvidiaGpus", "open_gpus"]

_DRIVER = ("dev/nvidiactl", "dev/dxg", "proc/driver/nvidia/version")
"""What is there when a driver is loaded; the second under Windows' subsystem for Linux."""


def open_gpus(env: Mapping[str, str], root: str = "/") -> NvidiaGpus | None:
    """Return the GPUs of this process; None where there are none, or their library is not installed.

    Without a driver nothing is loaded.

    Args:
        env: The process's environment.
        root: The directory that stands for ``/``.
    """
    if not any(os.path.exists(os.path.join(root, path)) for path in _DRIVER):
        return None
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # a driver without a device, or one that does not fit the library
        return None
    gpus = NvidiaGpus(pynvml, env)
    if gpus.count:
        return gpus
    gpus.close()
    return None


class NvidiaGpus:
    """The GPUs that this process may use, numbered as CUDA numbers them: ``gpu_0`` is ``cuda:0``.

    Args:
        nvml: The library, initialised.
        env: The process's environment, for ``CUDA_VISIBLE_DEVICES``.
    """

    def __init__(self, nvml: Any, env: Mapping[str, str]) -> None:
        self._nvml = nvml
        self._handles = _visible(nvml, env)
        self._untold: set[tuple[int, Any]] = set()

    @property
    def count(self) -> int:
        """How many GPUs there are."""
        return len(self._handles)

    def read(self, now: float) -> Mapping[str, float]:  # noqa: ARG002  (no rates among it)
        """Return utilisation, memory, power and temperature of each."""
        found: dict[str, float] = {}
        for number, handle in enumerate(self._handles):
            for measure in (_utilization, _memory, _power, _temperature):
                found.update((f"gpu_{number}_{name}", value) for name, value in self._told(number, measure, handle))
        return found

    def close(self) -> None:
        """Let go of the library; others in this process may use it on."""
        self._nvml.nvmlShutdown()

    def _told(
        self, number: int, measure: Callable[[Any, Any], Iterator[tuple[str, float]]], handle: Any
    ) -> list[tuple[str, float]]:
        """Return what one measure of one GPU is; a device that does not know it is not asked again."""
        if (number, measure) in self._untold:
            return []
        try:
            return list(measure(self._nvml, handle))
        except self._nvml.NVMLError:
            self._untold.add((number, measure))
            return []


def _utilization(nvml: Any, handle: Any) -> Iterator[tuple[str, float]]:
    yield "utilization_percentage", float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)


def _memory(nvml: Any, handle: Any) -> Iterator[tuple[str, float]]:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    yield "memory_usage_megabytes", memory.used / 1e6
    if memory.total:
        yield "memory_usage_percentage", 100.0 * memory.used / memory.total


def _power(nvml: Any, handle: Any) -> Iterator[tuple[str, float]]:
    yield "power_usage_watts", nvml.nvmlDeviceGetPowerUsage(handle) / 1000


def _temperature(nvml: Any, handle: Any) -> Iterator[tuple[str, float]]:
    yield "temperature_celsius", float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))


def _visible(nvml: Any, env: Mapping[str, str]) -> list[Any]:
    """Return the devices that CUDA shows this process, in its order; all where it is not certain which those are."""
    every = [nvml.nvmlDeviceGetHandleByIndex(number) for number in range(nvml.nvmlDeviceGetCount())]
    wanted = env.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return every
    models = {_text(nvml.nvmlDeviceGetName(handle)) for handle in every}
    # By default CUDA counts from the fastest device on: a number names a device only if all are equal or sorted by bus.
    numbered = len(models) <= 1 or env.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    chosen: list[Any] = []
    for token in filter(None, map(str.strip, wanted.split(","))):
        if token.lstrip("-").isdecimal():
            if not numbered:
                return every
            if not 0 <= int(token) < len(every):
                break  # CUDA ignores an invalid entry and all that follow it
            chosen.append(every[int(token)])
        else:
            found = [handle for handle in every if _text(nvml.nvmlDeviceGetUUID(handle)).startswith(token)]
            if len(found) != 1:
                return [*chosen, *_slice(nvml, token)] or every
            chosen += found
    return chosen


def _slice(nvml: Any, uuid: str) -> list[Any]:
    """Return a part of a device (MIG), which tells its memory and little else."""
    try:
        return [nvml.nvmlDeviceGetHandleByUUID(uuid)]
    except nvml.NVMLError:
        return []


def _text(value: Any) -> str:
    """Return what the library gives as bytes or, in newer versions, as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
