"""What is read of a machine: rates, control groups, processes; and what becomes of a source that fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gtrack.capture.launcher import Launcher
from gtrack.capture.system.cpu import Cpu
from gtrack.capture.system.disk import Disk
from gtrack.capture.system.group import cpu_seconds, memory_usage
from gtrack.capture.system.memory import Memory
from gtrack.capture.system.network import Network
from gtrack.capture.system.process_tree import ProcessTree, root_of_run
from gtrack.capture.system.rates import Rates
from gtrack.capture.system.readings import Readings, open_readings

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"


def tree(root: Path, **files: str) -> str:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


class Given:
    """A source that answers as told, and raises when nothing is left."""

    def __init__(self, *answers: dict[str, float]) -> None:
        self.answers = list(answers)
        self.closed = False

    def read(self, now: float) -> dict[str, float]:
        if not self.answers:
            raise RuntimeError("the driver is gone")
        return self.answers.pop(0)

    def close(self) -> None:
        self.closed = True


def test_a_counter_becomes_a_rate_and_one_that_began_anew_has_none():
    rates = Rates()
    assert rates.since_last(10.0, {"a": 5, "b": 5}) == {}
    assert rates.since_last(12.0, {"a": 9, "b": 1, "c": 7}) == {"a": 2.0}
    assert rates.since_last(13.0, {"a": 9, "b": 2, "c": 8}) == {"a": 0.0, "b": 1.0, "c": 1.0}
    assert rates.since_last(13.0, {"a": 99}) == {}  # a clock that stood still


def test_a_source_that_fails_is_told_of_once_and_costs_no_other():
    told = []
    failing, sound = Given({"x": 1.0}), Given({"y": 1.0}, {"y": 2.0}, {"y": float("nan")})
    readings = Readings({"GPU": failing, "CPU": sound}, told.append)
    assert readings.take() == {"system/x": 1.0, "system/y": 1.0}
    assert readings.take() == {"system/y": 2.0}
    assert readings.take() == {}  # what is no number is left out
    assert told == ["cannot measure the GPU any more: the driver is gone"]
    assert failing.closed
    assert not sound.closed
    readings.close()
    assert sound.closed


def test_memory_in_a_container_is_that_of_its_limit(tmp_path):
    root = tree(
        tmp_path,
        proc__self__cgroup="0::/job/step\n",
        sys__fs__cgroup__job__step__memory_max="x",
    )
    group = tmp_path / "sys/fs/cgroup/job"
    for folder, limit, used in ((group / "step", "max", 900), (group, "1000", 700)):
        folder.mkdir(exist_ok=True)
        (folder / "memory.max").write_text(limit + "\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text("anon 1\ninactive_file 200\n")
    assert memory_usage(root) == (500, 1000)  # of the group that has the limit, without what can be given back
    assert Memory(root).read(0.0) == {
        "system_memory_usage_megabytes": 0.0005,
        "system_memory_usage_percentage": 50.0,
    }


def test_memory_of_version_1_counts_groups_within(tmp_path):
    root = tree(tmp_path, proc__self__cgroup="4:memory:/job\n")
    group = tmp_path / "sys/fs/cgroup/memory/job"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("1000")
    (group / "memory.usage_in_bytes").write_text("800")
    (group / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 300\n")
    assert memory_usage(root) == (500, 1000)


def test_a_quota_of_processors_is_what_utilisation_is_of(tmp_path):
    root = tree(tmp_path, proc__self__cgroup="0::/job\n")
    group = tmp_path / "sys/fs/cgroup/job"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("150000 100000\n")
    (group / "cpu.stat").write_text("usage_usec 1000000\nuser_usec 5\n")
    assert cpu_seconds(root) == (1.0, 1.5)
    cpu = Cpu(root)
    assert cpu.read(100.0) == {}
    (group / "cpu.stat").write_text("usage_usec 4000000\n")
    assert cpu.read(104.0) == {"cpu_utilization_percentage": 50.0}


def test_without_limits_the_machine_itself_is_read(tmp_path):
    assert memory_usage(str(tmp_path)) is None
    assert cpu_seconds(str(tmp_path)) is None
    cpu = Cpu(str(tmp_path))
    began = time.monotonic()
    cpu.read(began)
    while time.process_time() % 0.1 < 0.05:
        pass
    burnt = cpu.read(time.monotonic() + 1e-3)["cpu_utilization_percentage"]
    assert 0 <= burnt <= 100
    assert 0 < Memory(str(tmp_path)).read(0.0)["system_memory_usage_percentage"] < 100


def test_what_is_read_of_this_machine_is_plausible(tmp_path):
    told = []
    readings = open_readings({}, str(tmp_path), told.append)
    readings.take()
    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    found = readings.take()
    readings.close()
    assert told == []
    assert {name.partition("/")[0] for name in found} == {"system"}
    assert found["system/process_count"] >= 1
    assert found["system/process_memory_rss_megabytes"] > 10
    assert 0 <= found["system/disk_usage_percentage"] <= 100
    assert all(value >= 0 for value in found.values())


def test_a_folder_that_is_gone_costs_only_its_own_numbers(tmp_path):
    found = Disk(str(tmp_path / "gone")).read(0.0)
    assert not any("usage" in name for name in found)
    assert set(Network().read(0.0)) == set()  # rates, of which the first reading has none


@pytest.fixture
def burner():
    """Starts processes that use CPU, and ends them."""
    started = []

    def start(seconds: float, command: str = BURN) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", command.format(seconds=seconds)])
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def read_all(tree: ProcessTree, now: float) -> dict[str, float]:
    tree._look_again = 0.0  # however long that took the last time
    return dict(tree.read(now))


def test_a_child_that_works_counts(burner):
    tree = ProcessTree(os.getpid())
    assert "process_cpu_percentage" not in tree.read(0.0)
    before = time.process_time()
    child = burner(1e9)
    while child_seconds(child.pid) < 0.2:
        time.sleep(0.01)
    found = read_all(tree, 1.0)
    assert found["process_count"] >= 2
    assert found["process_cpu_percentage"] >= 100 * (0.2 + time.process_time() - before) - 10


def child_seconds(pid: int) -> float:
    import psutil

    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def test_a_child_that_lived_between_two_readings_counts(burner):
    tree = ProcessTree(os.getpid())
    tree.read(0.0)
    assert burner(0.3).wait() == 0
    assert read_all(tree, 1.0)["process_cpu_percentage"] >= 25


def test_a_child_that_ends_is_not_counted_twice(burner):
    tree = ProcessTree(os.getpid())
    tree.read(0.0)
    child = burner(0.3)
    while child_seconds(child.pid) < 0.2:
        time.sleep(0.01)
    began = time.process_time()
    first = read_all(tree, 1.0)["process_cpu_percentage"]
    assert child.wait() == 0
    second = read_all(tree, 2.0)["process_cpu_percentage"]
    assert first >= 15
    assert second <= 15 + 100 * (time.process_time() - began)  # the rest of 0.3 s, and what this process did


def test_a_process_that_was_found_late_counts_with_its_share(burner):
    tree = ProcessTree(os.getpid())
    tree.read(0.0)
    tree._look_again = float("inf")  # as after a look that took long
    child = burner(1e9)
    while child_seconds(child.pid) < 0.5:
        time.sleep(0.01)
    tree.read(9.0)
    tree._look_again = 0.0
    found = tree.read(10.0)
    assert found["process_count"] >= 2
    assert 4 < found["process_cpu_percentage"] < 25  # a tenth of what it has worked since it may have begun


def test_what_a_process_writes_counts(tmp_path):
    tree = ProcessTree(os.getpid())
    if "process_disk_read_megabytes_per_second" not in (tree.read(0.0), tree.read(1.0))[1]:
        pytest.skip("this kernel does not tell what a process reads and writes")
    with open(tmp_path / "file", "wb") as file:
        file.write(b"x" * 8_000_000)
        file.flush()
        os.fsync(file.fileno())
    assert tree.read(2.0)["process_disk_write_megabytes_per_second"] >= 0  # a memory disk counts nothing


def test_the_run_of_several_ranks_is_their_launcher_with_all_of_them():
    show = (
        "import os\n"
        "from gtrack.capture.launcher import detect_launcher\n"
        "from gtrack.capture.system.process_tree import root_of_run\n"
        "print(root_of_run(detect_launcher(os.environ)))"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")}
    rank = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}
    done = subprocess.run([sys.executable, "-c", show], env={**env, **rank}, capture_output=True, check=True)
    assert int(done.stdout) == os.getpid()
    assert root_of_run(None) == os.getpid()
    assert root_of_run(Launcher("slurm", job_id="7")) == os.getpid()  # a job of one process
