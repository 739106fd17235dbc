"""GPUs, through a module that stands in for NVIDIA's: it is a real package on the path of a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STAND_IN = str(Path(__file__).parent / "stand_in")
SOURCE = str(Path(__file__).resolve().parents[2] / "src")
READ = """
import json, os, sys
from gtrack.capture.system.gpu import open_gpus
gpus = open_gpus(os.environ, sys.argv[1])
readings = None if gpus is None else [dict(gpus.read(0.0)) for _ in range(2)]
if gpus is not None:
    gpus.close()
module = sys.modules.get("pynvml")
print(json.dumps([readings, getattr(module, "calls", None)]))
"""


def device(number: int, name: str = "NVIDIA H100", **other: object) -> dict[str, object]:
    measures = {"utilization": 10 * number, "memory": [number * 10**9, 80 * 10**9], "power": 1000 * (100 + number)}
    return {"name": name, "uuid": f"GPU-{number}a", "temperature": 50 + number, **measures, **other}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with a driver, as far as files tell."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidiactl").touch()
    return tmp_path


def read(root: Path, devices: list[dict[str, object]], path: str = STAND_IN, **env: str):
    done = subprocess.run(
        [sys.executable, "-c", READ, str(root)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [path, SOURCE])),
            "STAND_IN_GPUS": json.dumps(devices),
            **env,
        },
        capture_output=True,
        check=True,
    )
    readings, calls = json.loads(done.stdout)
    return (None if readings is None else readings[-1]), calls


def powers(found: dict[str, float]) -> list[float]:
    """The power tells the devices apart."""
    return [
        found[f"gpu_{number}_power_usage_watts"]
        for number in range(len(found))
        if f"gpu_{number}_power_usage_watts" in found
    ]


def test_every_device_tells_utilisation_memory_power_and_temperature(machine):
    found, calls = read(machine, [device(1), device(2)])
    assert found["gpu_0_utilization_percentage"] == 10
    assert found["gpu_1_memory_usage_megabytes"] == 2000
    assert found["gpu_1_memory_usage_percentage"] == 2.5
    assert found["gpu_1_power_usage_watts"] == 102
    assert found["gpu_0_temperature_celsius"] == 51
    assert len(found) == 10
    assert (calls["init"], calls["shutdown"]) == (1, 1)


def test_only_the_devices_that_the_process_may_use_are_read_in_its_order(machine):
    devices = [device(0), device(1), device(2)]
    assert powers(read(machine, devices, CUDA_VISIBLE_DEVICES="2,0")[0]) == [102, 100]
    assert powers(read(machine, devices, CUDA_VISIBLE_DEVICES="GPU-1")[0]) == [101]
    # CUDA ignores an invalid entry and all that follow it.
    assert powers(read(machine, devices, CUDA_VISIBLE_DEVICES="1,7,0")[0]) == [101]
    assert read(machine, devices, CUDA_VISIBLE_DEVICES="")[0] is None
    assert read(machine, devices, CUDA_VISIBLE_DEVICES="-1")[0] is None


def test_numbers_of_unequal_devices_are_not_guessed_at(machine):
    devices = [device(0), device(1, "NVIDIA T400")]
    assert powers(read(machine, devices, CUDA_VISIBLE_DEVICES="1")[0]) == [100, 101]
    assert powers(read(machine, devices, CUDA_VISIBLE_DEVICES="1", CUDA_DEVICE_ORDER="PCI_BUS_ID")[0]) == [101]


def test_a_part_of_a_device_tells_what_it_knows(machine):
    devices = [device(0, slices={"MIG-5": [10**9, 10**10]})]
    found, _ = read(machine, devices, CUDA_VISIBLE_DEVICES="MIG-5")
    assert found["gpu_0_memory_usage_percentage"] == 10
    assert "gpu_0_utilization_percentage" not in found


def test_what_a_device_does_not_know_is_not_asked_again(machine):
    found, calls = read(machine, [device(0, power=None)])
    assert "gpu_0_power_usage_watts" not in found
    assert "gpu_0_utilization_percentage" in found
    assert calls["power"] == 1


def test_a_machine_without_a_driver_loads_no_library(tmp_path):
    assert read(tmp_path, [device(0)]) == (None, None)


def test_a_driver_without_a_device_or_without_the_library_is_no_trouble(machine):
    assert read(machine, [])[0] is None
    assert read(machine, [device(0)], path="")[0] is None
