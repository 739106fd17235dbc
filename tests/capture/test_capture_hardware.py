"""Hardware, control groups and GPUs, read from made-up trees of system files."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from gtrack.capture.cgroup import cpu_quota, memory_limit, oom_kill_count
from gtrack.capture.hardware import cpu_allowed, cpu_model, gpu_driver, gpu_names, memory_gib, torch_facts

GIB = 1 << 30


def tree(root: Path, files: dict[str, str]) -> str:
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return str(root)


def nvidia(root: Path, *models: str) -> str:
    return tree(
        root,
        {
            f"proc/driver/nvidia/gpus/0000:{bus:02x}:00.0/information": (
                f"Model: \t\t {model}\nIRQ:   \t\t 35\nGPU UUID: \t GPU-{bus}aaa-bbbb\nBus Type: \t PCIe\n"
            )
            for bus, model in enumerate(models, 1)
        },
    )


def test_the_processor_is_named_by_its_first_block(tmp_path: Path) -> None:
    block = "processor\t: {}\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R)  Xeon(R) Gold 6226R\n\n"
    root = tree(tmp_path, {"proc/cpuinfo": "".join(block.format(i) for i in range(256))})
    assert cpu_model(root) == "Intel(R) Xeon(R) Gold 6226R"


def test_an_arm_server_without_a_model_name_is_known_by_its_part(tmp_path: Path) -> None:
    cpuinfo = "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd40\n"
    assert cpu_model(tree(tmp_path, {"proc/cpuinfo": cpuinfo})) == "ARM Neoverse-V1"


def test_a_machine_that_shows_nothing_gives_nothing_and_raises_nothing(tmp_path: Path) -> None:
    root = str(tmp_path / "missing")
    assert cpu_model(root) is None
    assert gpu_names({}, root) == []
    assert gpu_driver(root) is None
    assert memory_limit(root) is None
    assert cpu_quota(root) is None
    assert oom_kill_count(root) is None
    assert memory_gib(root)  # sysconf still knows
    assert cpu_allowed(root)


@pytest.mark.parametrize("nonsense", ["", "\0\0\0", "0::", ":::::", "max", "-5", "9" * 400, "é\n\n:", "1 0"])
def test_nonsense_in_every_system_file_is_ignored(tmp_path: Path, nonsense: str) -> None:
    files = "proc/cpuinfo proc/meminfo sys/fs/cgroup/memory.max sys/fs/cgroup/cpu.max sys/fs/cgroup/memory.events"
    root = tree(tmp_path, dict.fromkeys(files.split(), nonsense) | {"proc/self/cgroup": "0::/\n" + nonsense})
    assert cpu_model(root) is None
    assert memory_limit(root) is None
    assert cpu_quota(root) is None
    assert oom_kill_count(root) is None


def test_the_tightest_limit_along_a_version_2_group_counts(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/slurm/job_7/step_0\n",
            "proc/meminfo": "MemTotal:       67108864 kB\nMemFree: 1 kB\n",
            "sys/fs/cgroup/slurm/job_7/step_0/memory.max": "max\n",
            "sys/fs/cgroup/slurm/job_7/memory.max": f"{8 * GIB}\n",
            "sys/fs/cgroup/slurm/memory.max": f"{32 * GIB}\n",
            "sys/fs/cgroup/slurm/job_7/cpu.max": "50000 100000\n",
            "sys/fs/cgroup/slurm/cpu.max": "max 100000\n",
            "sys/fs/cgroup/slurm/job_7/step_0/memory.events": "low 0\nmax 4\noom 3\noom_kill 2\noom_group_kill 0\n",
        },
    )
    assert memory_limit(root) == 8 * GIB
    assert memory_gib(root) == 8.0
    assert cpu_quota(root) == 0.5
    assert cpu_allowed(root) == 0.5
    assert oom_kill_count(root) == 2


def test_version_1_limits_are_found_in_a_container_that_mounts_only_its_own_part(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/4f2a\n4:memory:/docker/4f2a\n1:name=systemd:/docker/4f2a\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}\n",
            "sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        },
    )
    assert memory_limit(root) == 2 * GIB
    assert cpu_quota(root) == 1.5
    assert oom_kill_count(root) == 1


def test_version_1_groups_without_limits_limit_nothing(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/\n4:memory:/\n",
            "proc/meminfo": "MemTotal: 1048576 kB\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        },
    )
    assert memory_limit(root) is None
    assert cpu_quota(root) is None
    assert memory_gib(root) == 1.0


def test_a_group_path_cannot_lead_out_of_the_mount(tmp_path: Path) -> None:
    root = tree(
        tmp_path, {"proc/self/cgroup": "0::/../../..\n", "memory.max": "1\n", "sys/fs/cgroup/memory.max": "7\n"}
    )
    assert memory_limit(root) == 7


def test_nvidia_gpus_are_listed_in_bus_order(tmp_path: Path) -> None:
    root = nvidia(tmp_path, "Tesla V100-SXM2-32GB", "NVIDIA A100-SXM4-80GB")
    assert gpu_names({}, root) == ["Tesla V100-SXM2-32GB", "NVIDIA A100-SXM4-80GB"]


@pytest.mark.parametrize(
    ("visible", "count"),
    [("0", 1), ("3,1", 2), ("", 0), ("-1", 0), ("0,9,1", 1), ("GPU-2aaa", 1), ("MIG-1234", 4), ("nonsense", 4)],
)
def test_gpus_hidden_from_the_process_are_left_out(tmp_path: Path, visible: str, count: int) -> None:
    root = nvidia(tmp_path, *["Tesla T4"] * 4)
    assert gpu_names({"CUDA_VISIBLE_DEVICES": visible}, root) == ["Tesla T4"] * count


def test_a_device_number_names_one_of_unequal_gpus_only_in_bus_order(tmp_path: Path) -> None:
    root = nvidia(tmp_path, "Tesla T4", "NVIDIA A100")
    assert gpu_names({"CUDA_VISIBLE_DEVICES": "1"}, root) == ["Tesla T4", "NVIDIA A100"]
    assert gpu_names({"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, root) == ["NVIDIA A100"]


@pytest.mark.parametrize("kind", ["Kernel Module ", "Open Kernel Module for x86_64 "])
def test_the_driver_version_is_read_from_both_kernel_modules(tmp_path: Path, kind: str) -> None:
    text = f"NVRM version: NVIDIA UNIX x86_64 {kind} 535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version: 12.2.0\n"
    assert gpu_driver(tree(tmp_path, {"proc/driver/nvidia/version": text})) == "535.104.05"


def test_amd_gpus_are_named_by_product_or_by_device_number(tmp_path: Path) -> None:
    card = "sys/class/drm/card{}/device/{}"
    root = tree(
        tmp_path,
        {
            card.format(0, "vendor"): "0x8086\n",
            card.format(1, "vendor"): "0x1002\n",
            card.format(1, "product_name"): "AMD Instinct MI250X\n",
            card.format(2, "vendor"): "0x1002\n",
            card.format(2, "device"): "0x740f\n",
            "sys/class/drm/card1-HDMI-A-1/device/vendor": "0x1002\n",
        },
    )
    assert gpu_names({}, root) == ["AMD Instinct MI250X", "AMD GPU 0x740f"]


def test_torch_is_asked_only_when_the_program_has_loaded_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert torch_facts() == {}
    assert "torch" not in sys.modules


def test_an_initialised_cuda_names_its_devices_and_another_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = types.ModuleType("torch")
    ready = False

    def device_count() -> int:
        assert ready, "asking for devices initialises CUDA"
        return 1

    torch.version = types.SimpleNamespace(cuda="12.1", hip=None)  # type: ignore[attr-defined]
    torch.cuda = types.SimpleNamespace(  # type: ignore[attr-defined]
        is_initialized=lambda: ready, device_count=device_count, get_device_name=lambda index: f"GPU {index}"
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert torch_facts() == {"cuda": "12.1"}
    ready = True
    assert torch_facts() == {"cuda": "12.1", "gpu": ["GPU 0"]}


def test_a_torch_that_is_still_being_imported_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    assert torch_facts() == {}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_the_affinity_of_the_process_bounds_its_processors(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cpu_allowed(str(tmp_path)) == 1
    finally:
        os.sched_setaffinity(0, before)
