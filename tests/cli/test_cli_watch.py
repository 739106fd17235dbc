"""``gtrack watch``: real trainings, watched through a real terminal."""

from __future__ import annotations

import fcntl
import math
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.cli.chart import painter
from gtrack.cli.frames import frame, rate, sparkline, trend
from gtrack.cli.table import display_width
from gtrack.cli.terminal import Terminal
from gtrack.cli.watching import Glance, Happenings, Watch
from gtrack.clock import now_ns
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary, merge
from gtrack.plot.charts import Curve, DrawnRun
from gtrack.reader import Repo

NOW = 1_795_271_130_000_000
ENTER, LEAVE = b"\x1b[?1049h\x1b[?25l", b"\x1b[?25h\x1b[?1049l"
PATIENCE = 40
# The terminal becomes the process's own, as a shell's child has it.
CALL = """
import fcntl, sys, termios
if sys.stdin.isatty():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from gtrack.cli import main
sys.exit(main())
"""
TRAIN = """
import sys, gtrack
with gtrack.start_run(sys.argv[1], experiment="live") as run:
    run.define_metric("val_loss", goal="min")
    for step in range(30):
        run.log({"val_loss": 1 / (1 + step), "acc": step / 30}, step=step)
    print("ready", flush=True)
    for step, line in enumerate(sys.stdin, 30):
        run.log({"val_loss": float(line)}, step=step)
        print("ready", flush=True)
"""


@contextmanager
def training(project, name: str) -> Iterator[subprocess.Popen[str]]:
    """A live run that has logged thirty steps; it logs what it is told, and ends when nobody tells it any more."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, name],
        cwd=project.root,
        env={**project.env, "GTRACK_QUIET": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


class Window:
    """A process in a terminal of its own, and what it has written there."""

    def __init__(self, project, *argv: str, columns: int = 100, code: str = CALL, **env: str) -> None:
        self.master, slave = os.openpty()
        self.slave = slave
        termios.tcsetwinsize(slave, (30, columns))
        self.modes = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *argv],
            cwd=project.root,
            env={**project.env, "TERM": "xterm-256color", **env},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        self.seen = b""
        self._read_to = 0

    def until(self, text: str | bytes) -> bytes:
        """Read until a text comes, and return what came up to it since the last time."""
        wanted = text if isinstance(text, bytes) else text.encode()
        start, patience = self._read_to, time.monotonic() + PATIENCE
        while (at := self.seen.find(wanted, start)) < 0:
            assert self._read(patience - time.monotonic()), f"no {text!r} in {self.seen[start:][-2000:]!r}"
        self._read_to = at + len(wanted)
        return self.seen[start : self._read_to]

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        """Return how the process ended, after reading the rest of what it wrote."""
        code = self.process.wait(PATIENCE)
        while self._read(0):
            pass
        return code

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(0.0, seconds))
        found = os.read(self.master, 65536) if ready else b""
        self.seen += found
        return bool(found)

    @property
    def stopped(self) -> bool:
        """The process stops, if not at once."""
        process, patience = psutil.Process(self.process.pid), time.monotonic() + PATIENCE
        while process.status() != psutil.STATUS_STOPPED and time.monotonic() < patience:
            time.sleep(0.01)
        return process.status() == psutil.STATUS_STOPPED

    @property
    def given_back(self) -> bool:
        """The screen that was there before is there again, with its cursor, and so are the terminal's modes."""
        return self.seen.rfind(LEAVE) > self.seen.rfind(ENTER) and termios.tcgetattr(self.slave) == self.modes

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def test_a_live_run_is_shown_and_that_it_was_killed(project):
    with training(project, "first") as train, Window(project, "watch", "--interval", "0.2") as window:
        before = window.until("val_loss (goal: min)")
        assert ENTER in before
        assert "1 run running" in before.decode()
        assert re.search("first .*● running", before.decode())
        train.send_signal(signal.SIGKILL)
        assert "0 runs running, 1 ended" in window.until("✗ killed").decode()
        window.type("\x03")
        assert window.end() == 0
        assert window.given_back


@pytest.mark.parametrize("way", ["q", "SIGTERM", "SIGHUP"])
def test_the_terminal_is_given_back_however_it_ends(project, way):
    with Window(project, "watch", "--interval", "60") as window:
        window.until("Nothing runs here")
        if way == "q":
            window.type("q")
            assert window.end() == 0
        else:
            window.process.send_signal(getattr(signal, way))
            assert window.end() == -getattr(signal, way)
        assert window.given_back


def test_the_terminal_is_given_back_before_an_error_is_told(project):
    code = CALL.partition("from")[0] + (
        "from gtrack.cli.screen import whole_screen\nwith whole_screen() as screen:\n    1 / 0\n"
    )
    with Window(project, code=code) as window:
        assert window.end() == 1
        assert window.given_back
        assert window.seen.find(LEAVE) < window.seen.find(b"ZeroDivisionError")


def test_another_size_of_the_window_is_another_picture_at_once(project):
    with training(project, "first"), Window(project, "watch", "--interval", "60", NO_COLOR="1") as window:
        window.until(b"\x1b[J")
        fcntl.ioctl(window.slave, termios.TIOCSWINSZ, b"\x14\x00\x32\x00\x00\x00\x00\x00")  # 20 rows, 50 columns
        window.process.send_signal(signal.SIGWINCH)
        drawn = window.until(b"\x1b[J").decode().rpartition("\x1b[H")[2]
        lines = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", drawn).splitlines()
        assert max(map(display_width, lines)) <= 50
        assert len(lines) <= 20


def test_a_stop_shows_the_shell_and_going_on_the_runs(project):
    with Window(project, "watch", "--interval", "60") as window:
        window.until("Nothing runs here")
        window.type("\x1a")
        window.until(LEAVE)
        assert window.stopped
        assert window.given_back, "for the shell"
        window.process.send_signal(signal.SIGCONT)
        window.until(ENTER)
        window.until("Nothing runs here")
        window.type("q")
        assert window.end() == 0
        assert window.given_back


def test_without_a_terminal_each_event_is_a_line_and_the_last_end_ends_it(project):
    with training(project, "first") as train:
        watching = subprocess.Popen(
            [sys.executable, "-c", CALL, "watch", "last", "--interval", "0.2"],
            cwd=project.root,
            env=project.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        with watching:
            try:
                assert "first running at step 29: val_loss=0.0333333" in watching.stdout.readline()
                train.stdin.write("0.01\n")
                train.stdin.flush()
                assert train.stdout.readline() == "ready\n"
                assert "first new best val_loss 0.01 at step 30" in watching.stdout.readline()
                train.stdin.close()
                assert "first finished after" in watching.stdout.readline()
                assert watching.wait(PATIENCE) == 0
            finally:
                watching.kill()


def test_once_shows_what_there_is_and_ends(project):
    with training(project, "first"):
        project.ok("log", "--name", "second", "--experiment", "other", "loss=1")
        out = project.ok("watch", "--once", COLUMNS="100")
        assert re.search("1 run running, 1 ended", out)
        assert out.index("first") < out.index("second"), "those that run come first"
        assert "second" not in project.ok("watch", "--once", "--experiment", "live")
        assert "first" not in project.ok("watch", "--once", "--where", "experiment = 'other'")
        assert re.search(
            r"first +● running .* 29 .*0\.966667 ↗", project.ok("watch", "--once", "-m", "acc", COLUMNS="100")
        )


def test_mistakes_are_told_before_the_screen_is_taken(project):
    for argv, code in ((["nosuch"], 3), (["--where", "x ="], 2), (["--interval", "0"], 2), (["--interval", "nan"], 2)):
        assert project.gtrack("watch", *argv).code == code


def test_the_experiments_goal_and_metric_are_heeded(project):
    for number in range(2):
        project.ok("log", f"odd={number}", "acc=1", "val_loss=1", "test_loss=1", "--experiment", "churn")
    assert "odd" not in project.ok("watch", "--once", COLUMNS="120")
    project.ok("experiment", "set", "churn", "--metric", "odd", "--goal", "min")
    with Repo(str(project.root), env=project.env) as repo:
        watch = Watch(repo, ids=[], where=None, experiment=None, metrics=[])
        glance = watch.look(now_ns() // 1000)
    assert glance.metrics[0] == "odd"
    assert glance.goals["odd"] == Goal("min", "experiment")


def test_of_many_runs_that_have_ended_the_newest_twenty_are_listed_and_the_others_counted(project):
    train = "with gtrack.start_run(f'run-{n:02}') as run: run.log({'a': n})"
    code = f"import gtrack\nfor n in range(23):\n    {train}\n"
    assert project.run(sys.executable, "-c", code, GTRACK_QUIET="1").code == 0
    lines = project.ok("watch", "--once").splitlines()
    assert lines[0].startswith("0 runs running, 23 ended")
    assert [line.split()[1] for line in lines if " run-" in line][:20] == [f"run-{n:02}" for n in range(22, 2, -1)]
    assert "run-02" not in "".join(lines)
    assert "and 3 more" in lines
    named = [f"run-{n:02}" for n in range(23)]
    assert "run-00" in project.ok("watch", "--once", *named)


def series(values):
    n = len(values)
    return Curve(np.arange(n), np.arange(n) * 500_000, np.array(values, float), np.full(n, -1))


def seen(*values, status="running", number=0, metric="val_loss", goal="min", now=NOW) -> Glance:
    """One look at a run that has logged these values."""
    run_id = f"{number:032x}"
    summary = {metric: merge([MetricSummary.point(v, i, i) for i, v in enumerate(values)])} if values else {}
    state = RunState(run_id, f"run-{number}", "live", status, started=NOW - 60_000_000, metrics=summary)
    drawn = DrawnRun(run_id, state.name, f"{run_id[:7]} {state.name}", state.started, summary, {metric: series(values)})
    goals = {metric: Goal(goal, "name")} if goal else {}
    return Glance((drawn,), (state,), (metric,), goals, now)


def test_a_new_best_is_told_once_and_only_where_it_is_known_what_is_better():
    told = Happenings(ended=False)
    found = [[*told.since(glance)] for glance in (seen(3, 2), seen(3, 2, 5), seen(3, 2, 5, 1), seen(3, 2, 5, 1))]
    assert [len(lines) for lines in found] == [1, 0, 1, 0]
    assert found[2][0].endswith("0000000 run-0 new best val_loss 1 at step 3")
    told = Happenings(ended=False)
    assert [len([*told.since(seen(*values, goal=""))]) for values in ((3,), (3, 2))] == [1, 0]


def test_a_run_that_had_ended_before_is_no_news():
    ended = seen(1, status="finished")
    assert [*Happenings(ended=False).since(ended)] == []
    assert len([*Happenings(ended=True).since(ended)]) == 1
    later = Happenings(ended=False)
    assert len([*later.since(seen(1)), *later.since(ended)]) == 2


def test_a_hostile_name_commands_no_terminal():
    glance = seen(1, metric="a\x1b[2J")
    glance = replace(glance, states=(replace(glance.states[0], name="\x1b]0;x\x07", status="\x1b[31m"),))
    terminal = Terminal(width=80)
    shown = [*Happenings(ended=True).since(glance), *frame(glance, terminal, painter(terminal, {}))]
    assert "\x1b" not in "".join(shown)


@pytest.mark.parametrize("height", [1, 5, 8, 20, 40])
def test_a_frame_fits_the_window(height):
    glances = [seen(*range(1, 40), number=number) for number in range(8)]
    glance = replace(
        glances[0],
        runs=tuple(one.runs[0] for one in glances),
        states=tuple(one.states[0] for one in glances),
    )
    terminal = Terminal(width=70)
    lines = frame(glance, terminal, painter(terminal, {}), height=height)
    assert len(lines) <= max(height, 3)
    assert all(display_width(line) <= 70 for line in lines)
    assert ("and" in "".join(lines)) == (height < 11)


@given(st.lists(st.floats()))
def test_any_values_have_a_trend_and_a_sparkline(values):
    assert trend(np.array(values, float)) in (-1, 0, 1)
    assert len(sparkline(np.array(values, float))) <= 12


def test_a_trend_is_larger_than_the_scatter():
    noise = np.random.default_rng(0).normal(size=20)
    assert trend(noise) == 0
    assert (trend(np.arange(20.0)), trend(-np.arange(20.0) + noise / 10)) == (1, -1)
    assert trend(np.ones(20)) == 0


def test_a_sparkline_falls_with_its_values_and_leaves_out_gaps():
    assert sparkline(np.array([3.0, 2.0, 1.0, 1.0])) == "█▄▁▁"
    assert sparkline(np.array([1.0, math.nan, 2.0])) == "▁ █"


def test_the_rate_is_that_of_the_last_steps():
    assert rate(series(range(100))) == pytest.approx(2)
    assert rate(series([1])) is None
