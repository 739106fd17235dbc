"""Identities of processes, with real processes and with made-up ``/proc`` trees."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gtrack.capture.process import (
    boot_id,
    is_running,
    launching_process,
    pid_exists,
    pid_namespace,
    process_identity,
    process_started,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def fake_process(
    root: Path, pid: int, *, comm: str = "python", state: str = "S", parent: int = 1, start: int = 77
) -> str:
    folder = root / "proc" / str(pid)
    folder.mkdir(parents=True, exist_ok=True)
    before = " ".join(["0"] * 17)
    (folder / "stat").write_text(f"{pid} ({comm}) {state} {parent} {before} {start} 0 0\n")
    return str(root)


@linux
def test_a_process_has_one_start_time_as_long_as_it_lives() -> None:
    assert process_started(os.getpid()) == process_started(os.getpid()) is not None
    assert is_running(os.getpid(), process_started(os.getpid()))


@pytest.mark.parametrize("comm", ["a b", "x) R 1 2 3", ")(", "((((", "", "tmux: server"])
def test_a_process_name_cannot_forge_the_start_time(tmp_path: Path, comm: str) -> None:
    assert process_started(12, fake_process(tmp_path, 12, comm=comm, start=4711)) == 4711


@pytest.mark.parametrize("text", ["", "12 (x)", "12 (x) S 1", "12 (x) S " + "y " * 30])
def test_a_damaged_stat_file_gives_no_start_time(tmp_path: Path, text: str) -> None:
    fake_process(tmp_path, 12)
    (tmp_path / "proc/12/stat").write_text(text)
    assert process_started(12, str(tmp_path)) is None


@linux
def test_an_ended_process_is_not_running_even_before_its_parent_has_waited() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        started = process_started(child.pid)
        assert started is not None
        assert is_running(child.pid, started)
        child.kill()
        deadline = time.monotonic() + 10
        while pid_exists(child.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process_started(child.pid) is None  # a zombie by now
        assert not pid_exists(child.pid)
        assert not is_running(child.pid, started)
    finally:
        child.kill()
        child.communicate()


def test_a_reused_process_id_is_told_from_the_first_owner(tmp_path: Path) -> None:
    root = fake_process(tmp_path, os.getpid(), start=500)
    assert is_running(os.getpid(), 500, root)
    assert not is_running(os.getpid(), 499, root)


def test_a_process_that_cannot_be_seen_in_proc_counts_as_running_while_its_pid_exists(tmp_path: Path) -> None:
    assert is_running(os.getpid(), 499, str(tmp_path))


@pytest.mark.parametrize("pid", [0, -1, 2**40, 10**30])
def test_impossible_process_ids_do_not_exist(pid: int) -> None:
    assert not pid_exists(pid)


@linux
def test_this_machine_tells_its_boot_and_pid_namespace() -> None:
    assert len(boot_id() or "") == 36
    assert (pid_namespace() or 0) > 0


def test_the_pid_namespace_is_read_from_the_link(tmp_path: Path) -> None:
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").symlink_to("pid:[4026531836]")
    assert pid_namespace(str(tmp_path)) == 4026531836
    assert pid_namespace(str(tmp_path / "nowhere")) is None


def test_an_identity_needs_boot_and_start_time(tmp_path: Path) -> None:
    root = fake_process(tmp_path, 12, start=99)
    assert process_identity(12, root) is None
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("b0-07\n")
    assert process_identity(12, root) == ("b0-07", "", "12", "99")
    assert process_identity(13, root) is None


def test_the_launcher_is_found_above_wrapper_scripts(tmp_path: Path) -> None:
    parent = os.getppid()
    fake_process(tmp_path, parent, comm="sh", parent=900)
    root = fake_process(tmp_path, 900, comm="torchrun", parent=1)
    (tmp_path / f"proc/{parent}/environ").write_bytes(b"HOME=/x\0RANK=3\0")
    (tmp_path / "proc/900/environ").write_bytes(b"HOME=/x\0XRANK=3\0")
    assert launching_process("RANK", root) == 900
    assert launching_process("LOCAL_RANK", root) == parent


def test_a_circle_of_parents_ends_the_search(tmp_path: Path) -> None:
    parent = os.getppid()
    root = fake_process(tmp_path, parent, parent=parent)
    (tmp_path / f"proc/{parent}/environ").write_bytes(b"RANK=3\0")
    assert launching_process("RANK", root) == parent


def test_without_proc_the_launcher_is_the_parent(tmp_path: Path) -> None:
    assert launching_process("RANK", str(tmp_path)) == os.getppid()
