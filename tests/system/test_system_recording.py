"""The machine is measured while a run lives: real processes, forks and kills, and what readers make of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gtrack
from gtrack.cli import main
from gtrack.config import Settings
from gtrack.errors import DamageError, UsageError
from gtrack.ops.begin import Identity
from gtrack.ops.team import effective
from gtrack.run_system import _is_first_here
from gtrack.spool.records import NO_RANK
from gtrack.spool.system import _Gate

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
RSS = "system/process_memory_rss_megabytes"
WAIT = """
import glob, os, sys, time
import gtrack

def samples(run, count):
    '''Wait until the spool has so many samples more.'''
    path = run.console_stem + ".system"
    size = lambda: os.path.getsize(path) if os.path.exists(path) else 0
    last, seen = size(), 0
    while seen < count:
        time.sleep(0.01)
        now = size()
        seen, last = seen + (now > last), now

def peak(run, key, value):
    '''Wait until a system metric has been as high as that.'''
    from gtrack.spool.system_reading import read_system
    while read_system(run.console_stem + ".system").totals[f"system/{key}"].max < value:
        time.sleep(0.02)
"""


class Place:
    """A repository with a commit, and scripts that run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.git("init", "-q")
        self.git("commit", "-q", "--allow-empty", "-m", "first")

    def git(self, *argv: str) -> str:
        return subprocess.run(["git", *argv], cwd=self.root, check=True, capture_output=True, text=True).stdout

    def start(self, body: str, **env: str) -> subprocess.Popen[str]:
        settings = {"GTRACK_SYSTEM_METRICS": "100ms", "PYTHONPATH": SOURCE, "GTRACK_CODE": "off", **env}
        return subprocess.Popen(
            [sys.executable, "-c", WAIT + body],
            cwd=self.root,
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, body: str, **env: str) -> tuple[str, str]:
        process = self.start(body, **env)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out, err

    def last(self) -> gtrack.RecordedRun:
        with gtrack.Repo(str(self.root)) as repo:
            run = repo.run("last")
            run.system()
            return run

    def values(self, key: str) -> list[float]:
        with gtrack.Repo(str(self.root)) as repo:
            return repo.run("last").system(key)["value"].to_pylist()

    def files(self) -> list[str]:
        return self.git("ls-tree", "-r", "--name-only", "gtrack").split()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "repo")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run that used 200 MB, had a child that used CPU, and forked."""
    place = Place(tmp_path_factory.mktemp("trained") / "repo")
    place.run(
        """
import subprocess
with gtrack.start_run(name="big") as run:
    samples(run, 1)
    block = bytearray(200_000_000)
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    if os.fork() == 0:
        time.sleep(0.3)
        links = [os.readlink(path) for path in glob.glob("/proc/self/fd/*") if os.path.islink(path)]
        gtrack.log({"open_in_child": sum(link.endswith(".system") for link in links)})
        os._exit(0)
    samples(run, 2)
    peak(run, "process_count", 2)
    os.wait()
    child.kill(), child.wait()
    del block
    samples(run, 2)
    run.log({"loss": 0.5})
"""
    )
    return place


def test_memory_that_a_run_uses_shows(trained):
    values = trained.values(RSS)
    assert max(values) >= min(values) + 180
    assert trained.last().system_use["process_memory_rss_megabytes"].max == pytest.approx(max(values), rel=0.01)


def test_the_work_of_a_child_shows(trained):
    assert max(trained.values("system/process_cpu_percentage")) >= 10
    assert max(trained.values("system/process_count")) >= 2


def test_a_forked_child_measures_nothing(trained):
    assert sum("/system-" in name for name in trained.files()) == 1
    assert trained.last().metrics["open_in_child"] == 0


def test_samples_are_numbered_and_timed(trained):
    table = trained.last().system(RSS)
    assert table["step"].to_pylist() == list(range(len(table)))
    assert table["time"].to_pylist() == sorted(table["time"].to_pylist())


def test_system_metrics_are_none_of_the_runs_metrics(trained):
    run = trained.last()
    assert set(run.metrics) == {"loss", "open_in_child"}
    assert set(run.curves()["key"].unique().to_pylist()) == {"loss", "open_in_child"}
    end = next(document.body for document in run.documents if document.kind == "end")
    (machine,) = end["system"].values()
    assert {"mean", "max", "count"} == set(machine["process_memory_rss_megabytes"])


def test_fsck_reads_the_files(trained, capsys, monkeypatch):
    monkeypatch.chdir(trained.root)
    assert main(["fsck"]) == 0
    assert "no damage" in capsys.readouterr().err


@pytest.fixture
def shown(trained, capsys, monkeypatch) -> Callable[..., str]:
    monkeypatch.chdir(trained.root)

    def call(*argv: str) -> str:
        code = main(list(argv))
        out, err = capsys.readouterr()
        return out if code == 0 else err

    return call


def test_show_tells_means_and_peaks_and_on_request_everything(shown):
    assert "memory of the run" in shown("show", "last")
    assert "peak" in shown("show", "last")
    everything = shown("show", "last", "--system")
    assert "process_memory_rss_megabytes" in everything
    assert "network_receive_megabytes_per_second" in everything
    told = json.loads(shown("show", "last", "--system", "--json"))
    assert {"key", "last", "min", "mean", "max", "points"} == set(told["system"][0])
    assert "system" not in json.loads(shown("show", "last", "--json"))


def test_plot_draws_them_over_the_time_of_the_run(shown):
    drawn = shown("plot", "last", "--system")
    assert "system/cpu_utilization_percentage" in drawn
    assert "time (s)" in drawn
    assert len(shown("plot", "last", "--system", "-m", "process_memory*", "--csv").splitlines()) > 6
    assert "did you mean process_count" in shown("plot", "last", "--system", "-m", "proces_count")


def test_a_run_without_any_says_so(place, capsys, monkeypatch):
    place.run("with gtrack.start_run(system_metrics=False) as run: run.log({'a': 1.0}, step=0)")
    assert not any("/system-" in name for name in place.files())
    monkeypatch.chdir(place.root)
    assert main(["plot", "last", "--system"]) == 3
    assert "no system metrics" in capsys.readouterr().err
    assert place.last().system_use == {}
    assert len(place.last().system()) == 0


def test_a_run_that_is_shorter_than_a_sample_loads_and_writes_nothing(place):
    out, err = place.run(
        """
import threading
with gtrack.start_run() as run:
    gtrack.log({"a": 1.0})
    print(sorted(thread.name for thread in threading.enumerate()))
print([name for name in ("psutil", "pynvml", "gtrack.capture.system.readings") if name in sys.modules])
""",
        GTRACK_SYSTEM_METRICS="",
    )
    threads, loaded = out.splitlines()
    assert "gtrack-system" in threads
    assert loaded == "[]"
    assert "warning" not in err.replace("gtrack: warning: the code", "")
    assert not any("/system-" in name for name in place.files())


def test_a_kill_costs_no_sample_that_was_taken(place):
    process = place.start("run = gtrack.start_run(); samples(run, 5); print('now', flush=True); time.sleep(60)")
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(place.values("system/process_count")) >= 5
    assert place.last().status == "killed"
    assert place.last().system_use["process_memory_rss_megabytes"].count >= 5


def test_a_live_run_is_read_from_its_spool(place, capsys, monkeypatch):
    process = place.start(
        "run = gtrack.start_run(); run.log({'a': 1.0}); samples(run, 3); print('now', flush=True); time.sleep(60)",
    )
    assert process.stdout.readline() == "now\n"
    try:
        assert len(place.values("system/process_count")) >= 3
        assert place.last().status == "running"
        monkeypatch.chdir(place.root)
        assert main(["plot", "last", "--system"]) == 0
        assert "cpu_utilization" in capsys.readouterr().out
        assert main(["show", "last"]) == 0
        assert "memory of the run" in capsys.readouterr().out
    finally:
        process.kill()
        process.communicate()


def test_a_resumed_run_has_the_samples_of_both_sessions_one_after_the_other(place):
    place.run("with gtrack.start_run() as run: samples(run, 3); run.log({'a': 1.0})")
    first = len(place.values("system/process_count"))
    place.run(
        "with gtrack.start_run(run_id='last', resume=True, force=True) as run: samples(run, 3); run.log({'a': 1.0})"
    )
    table = place.last().system("system/process_count")
    assert len(table) >= first + 3
    assert table["step"].to_pylist() == list(range(len(table)))
    assert place.last().system_use["process_cpu_percentage"].count == len(table)


def test_a_damaged_file_is_an_error_for_its_reader_and_named_by_fsck(trained, tmp_path, capsys, monkeypatch):
    hostile = Place(tmp_path / "hostile")
    name = next(name for name in trained.files() if "/system-" in name)
    for source in trained.files():
        data = subprocess.run(
            ["git", "cat-file", "blob", f"gtrack:{source}"], cwd=trained.root, check=True, capture_output=True
        ).stdout
        target = hostile.root / source
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data[:-9] + b"x" * 9 if source == name else data)
    hostile.git("checkout", "-q", "--orphan", "gtrack")
    hostile.git("add", ".")
    hostile.git("commit", "-q", "-m", "runs")
    hostile.git("checkout", "-q", "--orphan", "elsewhere")
    with gtrack.Repo(str(hostile.root)) as repo, pytest.raises(DamageError):
        repo.run("last").system()
    monkeypatch.chdir(hostile.root)
    assert main(["fsck"]) == 6
    assert "system-" in capsys.readouterr().out


def test_a_broken_library_is_told_of_once_and_the_run_goes_on(place, tmp_path):
    broken = tmp_path / "psutil"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('psutil is broken')\n")
    _, err = place.run(
        "with gtrack.start_run() as run: time.sleep(0.5); run.log({'a': 1.0})",
        PYTHONPATH=os.pathsep.join([str(tmp_path), SOURCE]),
    )
    assert err.count("system metrics: cannot measure the machine: psutil is broken") == 1
    assert err.count("system metrics") == 1
    assert place.last().status == "finished"


@pytest.mark.parametrize(
    ("text", "seconds"), [("off", 0.0), ("0", 0.0), ("2s", 2.0), ("10", 10.0), (None, None), ("", None)]
)
def test_the_environment_says_how_often(text, seconds):
    env = {} if text is None else {"GTRACK_SYSTEM_METRICS": text}
    assert Settings.from_env(env).system_metrics == seconds
    with pytest.raises(UsageError):
        Settings.from_env({"GTRACK_SYSTEM_METRICS": "often"})


def test_git_configuration_and_the_team_say_how_often_where_the_environment_does_not(place):
    def every(**env: str) -> float | None:
        with gtrack.Repo(str(place.root), env={**os.environ, **env}) as repo:
            return effective(Settings.from_env(env), repo.repository, warn=pytest.fail).system_metrics

    assert every() is None
    (place.root / "gtrack.yaml").write_text("system_metrics: off\n")
    place.git("add", ".")
    place.git("commit", "-q", "-m", "team")
    assert every() == 0.0
    place.git("config", "gtrack.systemMetrics", "20s")
    assert every() == 20.0
    assert every(GTRACK_SYSTEM_METRICS="1s") == 1.0


def test_one_process_on_each_machine_measures_it():
    def first(rank: int, local_rank: int | None, *, owner: bool) -> bool:
        env = {"RANK": str(rank), "WORLD_SIZE": "16"} | ({} if local_rank is None else {"LOCAL_RANK": str(local_rank)})
        return _is_first_here(Identity("0" * 32, "0" * 8, owner=owner, rank=rank), env)

    assert first(0, 0, owner=True)
    assert not first(1, 1, owner=False)
    assert first(8, 0, owner=False)  # of another machine
    assert not first(8, None, owner=False)
    assert not first(0, 0, owner=False)  # `gtrack run` around it measures
    assert not _is_first_here(Identity("0" * 32, "0" * 8, owner=False, rank=NO_RANK), {})


@pytest.fixture
def gate() -> Iterator[None]:
    _Gate.install()
    yield
    assert not _Gate.shut().locked()


def test_a_fork_waits_for_a_reading(gate):
    began, done = threading.Event(), threading.Event()

    def read() -> None:
        with _Gate.shut():
            began.set()
            time.sleep(0.05)
            done.set()

    thread = threading.Thread(target=read)
    thread.start()
    began.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if done.is_set() and not _Gate.shut().locked() else 1)
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


def test_a_fork_waits_for_no_driver_that_hangs(gate, monkeypatch):
    began, go = threading.Event(), threading.Event()

    def hang() -> None:
        with _Gate.shut():
            began.set()
            go.wait()

    thread = threading.Thread(target=hang)
    thread.start()
    began.wait()
    for patience in (0.01, 3600.0):  # what one fork waited for in vain the next does not wait for
        monkeypatch.setattr("gtrack.spool.system._PATIENCE", patience)
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    go.set()
    thread.join()
