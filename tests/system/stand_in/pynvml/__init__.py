"""Stands in for NVIDIA's library, and its hardware, which no test machine has: three devices, told by the environment.

``STAND_IN_GPUS`` is a JSON list of devices: name, uuid, and what each answers; a measure that is null is not supported.
"""

import json
import os
from types import SimpleNamespace

NVML_TEMPERATURE_GPU = 0
calls = {"init": 0, "shutdown": 0, "power": 0}
_devices = json.loads(os.environ["STAND_IN_GPUS"])


class NVMLError(Exception):
    pass


def nvmlInit():
    if not _devices:
        raise NVMLError("Driver Not Loaded")
    calls["init"] += 1


def nvmlShutdown():
    calls["shutdown"] += 1


def nvmlDeviceGetCount():
    return len(_devices)


def nvmlDeviceGetHandleByIndex(number):
    return _devices[number]


def nvmlDeviceGetHandleByUUID(uuid):
    for device in _devices:
        if uuid in device.get("slices", ()):
            return {**device, "utilization": None, "memory": device["slices"][uuid]}
    raise NVMLError("Not Found")


def nvmlDeviceGetName(device):
    return device["name"].encode()  # as older versions have it


def nvmlDeviceGetUUID(device):
    return device["uuid"]


def _told(device, name):
    if device.get(name) is None:
        raise NVMLError("Not Supported")
    return device[name]


def nvmlDeviceGetUtilizationRates(device):
    return SimpleNamespace(gpu=_told(device, "utilization"), memory=1)


def nvmlDeviceGetMemoryInfo(device):
    used, total = _told(device, "memory")
    return SimpleNamespace(used=used, total=total, free=total - used)


def nvmlDeviceGetPowerUsage(device):
    calls["power"] += 1
    return _told(device, "power")


def nvmlDeviceGetTemperature(device, _sensor):
    return _told(device, "temperature")
