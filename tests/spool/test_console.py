"""Capture at descriptor level: what a training and its terminal see, and what survives its death.

Every test runs a real training process; the capture replaces descriptors 1 and 2, which belong to pytest here.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import time
from pathlib import Path

import pytest

from gtrack.spool.output import read_output

SOURCE = str(Path(__file__).parents[2] / "src")
HEADER = """
import os, signal, subprocess, sys, time
from pathlib import Path
from gtrack.spool.console import Console
stem = sys.argv[1]
def start(name=stem):
    return Console.start(name, env=os.environ)
def helpers():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\\0")
        except OSError:
            continue
        if os.fsencode(stem) in line and any(part.endswith(b"tee.py") for part in line):
            found.append(int(pid))
    return found
def helper():
    while True:
        found = helpers()
        try:
            if len(found) == 1 and os.getsid(found[0]) not in (os.getsid(0), found[0]):
                return found[0]
        except ProcessLookupError:
            pass  # the one before it, or the one that made it, has just ended
        time.sleep(0.005)
"""


@pytest.fixture
def stem(tmp_path):
    yield tmp_path / "s"
    deadline = time.monotonic() + 10
    while helpers_of(tmp_path / "s"):
        assert time.monotonic() < deadline, "a helper process is left behind"
        time.sleep(0.01)


def helpers_of(stem):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.fsencode(stem) in line and any(part.endswith(b"tee.py") for part in line):
            found.append(int(pid))
    return found


def command(stem, script):
    return [sys.executable, "-X", "dev", "-W", "error", "-c", HEADER + textwrap.dedent(script), str(stem)]


def training(stem, script, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 30} | options
    return subprocess.run(command(stem, script), env=os.environ | {"PYTHONPATH": SOURCE}, check=False, **options)


def eventually(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_print_children_and_c_writes_are_kept_and_passed_on(stem):
    done = training(
        stem,
        """
        console = start()
        print("python")
        sys.stdout.flush()
        subprocess.run(["echo", "child"])
        os.write(2, b"raw \\xff\\n")
        console.stop()
        print("after")
        """,
    )
    assert done.stdout == b"python\nchild\nafter\n"
    assert done.stderr == b"raw \xff\n"
    assert sorted(read_output(stem).splitlines()) == [b"child", b"python", b"raw \xff"]


def test_two_streams_into_one_place_keep_their_exact_order(stem):
    done = training(
        stem,
        """
        console = start()
        for number in range(2000):
            os.write(1 + number % 2, b"%d\\n" % number)
        console.stop()
        """,
        stderr=subprocess.STDOUT,
    )
    assert done.stdout == b"".join(b"%d\n" % number for number in range(2000))
    assert read_output(stem) == done.stdout


def test_a_large_output_arrives_whole(stem):
    done = training(
        stem,
        """
        console = start()
        for number in range(400):
            print(f"{number:04d}" * 2500)
        console.stop()
        """,
    )
    assert done.stdout == b"".join((f"{number:04d}" * 2500 + "\n").encode() for number in range(400))


def test_what_was_printed_before_sigkill_is_kept(stem):
    done = training(
        stem,
        """
        start()
        print("last words", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == b"last words\n"
    eventually(lambda: read_output(stem) == b"last words\n")


def test_the_message_of_a_crash_is_kept(stem):
    done = training(
        stem,
        """
        import faulthandler
        faulthandler.enable()
        start()
        os.kill(os.getpid(), signal.SIGSEGV)
        """,
    )
    assert b"Segmentation fault" in done.stderr
    eventually(lambda: b"Segmentation fault" in read_output(stem))


def test_a_child_that_outlives_the_training_goes_on_printing(stem):
    done = training(
        stem,
        """
        console = start()
        child = subprocess.Popen(["sh", "-c", "sleep 0.3; echo still here; echo and here"])
        before = time.monotonic()
        console.stop()
        assert time.monotonic() - before < 0.25, "stop waited for the child"
        os._exit(0)
        """,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"still here\nand here\n"
    assert read_output(stem) == b"still here\nand here\n"


def test_a_terminal_stays_a_terminal_of_its_size_and_gets_the_same_bytes(stem):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
    script = """
        console = start()
        print(sys.stdout.isatty(), os.isatty(1), os.isatty(2), *os.get_terminal_size(1))
        print("\\x1b[1mbold\\x1b[0m\\ttab")
        console.stop()
        print("after", sys.stdout.isatty())
        """
    done = training(stem, script, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.close(master)
    assert done.returncode == 0
    assert seen == b"True True True 111 33\r\n\x1b[1mbold\x1b[0m\ttab\r\nafter True\r\n"
    assert read_output(stem) == b"True True True 111 33\n\x1b[1mbold\x1b[0m\ttab\n"


def test_a_reader_that_leaves_does_not_stop_the_training(stem):
    script = """
        console = start()
        for number in range(50_000):
            print(number)
        console.stop()
        open(stem + ".end", "w").close()
        """
    child = subprocess.Popen(
        command(stem, script), env=os.environ | {"PYTHONPATH": SOURCE}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout.readline() == b"0\n"
    child.stdout.close()
    assert child.wait(30) == 0, child.stderr.read()
    child.stderr.close()
    assert os.path.exists(f"{stem}.end")
    assert read_output(stem).endswith(b"49999\n")


def test_a_killed_helper_breaks_no_pipe_and_no_waiting_byte_is_lost(stem):
    done = training(
        stem,
        """
        console = start()
        pid = helper()
        late = subprocess.Popen(["sh", "-c", "sleep 0.2; echo child"])
        os.kill(pid, signal.SIGKILL)
        for number in range(20_000):
            print("line", number, flush=True)
        late.wait()
        console.stop()
        print("after")
        """,
    )
    assert done.returncode == 0, done.stderr
    # At the moment of the change two writers share the old stdout, and may cut into each other's lines.
    expected = b"child\nafter\n" + b"".join(b"line %d\n" % number for number in range(20_000))
    assert sorted(done.stdout) == sorted(expected)
    assert len(set(expected.splitlines()) - set(done.stdout.splitlines())) < 50
    assert done.stdout.endswith(b"after\n")


def test_ctrl_c_and_termination_of_the_group_do_not_reach_the_helper(stem):
    done = training(
        stem,
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        console = start()
        os.killpg(os.getpgrp(), signal.SIGINT)
        pid = helper()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
        os.killpg(os.getpgrp(), signal.SIGTERM)
        print("unharmed")
        console.stop()
        """,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout) == (0, b"unharmed\n")
    assert read_output(stem) == b"unharmed\n"


def test_a_second_capture_stacks_on_the_first_and_may_end_later(stem):
    done = training(
        stem,
        """
        outer = start()
        print("a")
        inner = start(stem + "-inner")
        print("b")
        outer.stop()
        print("c")
        inner.stop()
        print("d")
        """,
    )
    assert done.stdout == b"a\nb\nc\nd\n", done.stderr
    assert read_output(stem) == b"a\nb\nc\n"
    assert read_output(f"{stem}-inner") == b"b\nc\n"


def test_a_forked_child_prints_into_the_capture_and_cannot_stop_it(stem):
    done = training(
        stem,
        """
        console = start()
        pid = os.fork()
        if pid == 0:
            console.stop()
            print("child")
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        print("parent")
        console.stop()
        """,
    )
    assert done.stdout == b"child\nparent\n", done.stderr
    assert read_output(stem) == b"child\nparent\n"


def test_a_stream_that_somebody_redirected_later_is_left_alone(stem):
    done = training(
        stem,
        """
        console = start()
        other = os.open(stem + ".other", os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(other, 1)
        os.close(other)
        console.stop()
        print("mine")
        """,
    )
    assert done.stdout == b""
    assert Path(f"{stem}.other").read_bytes() == b"mine\n"


def test_without_a_helper_there_is_no_capture_and_nothing_has_changed(stem):
    done = training(
        stem,
        """
        before = os.listdir("/proc/self/fd")
        sys.executable = "/nowhere/python"
        assert start() is None
        sys.executable = ""
        assert start() is None
        assert os.listdir("/proc/self/fd") == before
        print("as ever")
        """,
    )
    assert done.stdout == b"as ever\n", done.stderr


def test_a_helper_that_fails_after_its_start_gives_the_streams_back(stem):
    done = training(
        stem,
        """
        sys.executable = "/bin/false"
        console = start()
        print("one", flush=True)
        subprocess.run(["echo", "two"])
        time.sleep(0.1)
        print("three")
        console.stop()
        """,
    )
    assert done.stdout == b"one\ntwo\nthree\n", done.stderr


def test_a_training_that_closes_every_descriptor_it_does_not_know_is_not_hurt(stem):
    done = training(
        stem,
        """
        console = start()
        print("before", flush=True)
        helper()
        os.closerange(3, 256)
        print("after", flush=True)
        console.stop()
        """,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"before\nafter\n", b"")


def test_a_closed_stdout_is_no_obstacle(stem):
    done = training(
        stem,
        """
        os.close(1)
        console = start()
        os.write(2, b"kept\\n")
        console.stop()
        """,
    )
    assert done.stderr == b"kept\n"
    assert read_output(stem) == b"kept\n"


def test_many_captures_leave_no_descriptor_thread_or_child(stem):
    done = training(
        stem,
        """
        import threading
        count = lambda: (len(os.listdir("/proc/self/fd")), threading.active_count())
        before = count()
        for number in range(20):
            console = start()
            print(number)
            if number % 2:
                helper()
            console.stop()
        deadline = time.monotonic() + 10
        while count() != before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert count() == before, (count(), before)
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            print("no children")
        """,
    )
    assert done.returncode == 0, done.stderr
    numbers = b"".join(b"%d\n" % number for number in range(20))
    assert done.stdout == numbers + b"no children\n"
    assert read_output(stem) == numbers


def test_the_console_files_are_the_owner_s_alone(stem):
    training(stem, "console = start(); print('x'); console.stop()")
    assert os.stat(f"{stem}.console").st_mode & 0o777 == 0o600
