"""The process that stays with a live run: it commits segments, survives nothing it should not, and hurts nobody."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from watched import EVERY, TRAIN, cwd_of, end, go_on, kill, values_of, watching

from gtrack.ops.detached import Job, start

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found through /proc")


@pytest.fixture
def watched(project):
    yield from watching(project)


def job_of(project, every):
    """Return the job of a recorder of the only live run."""
    (folder,) = (project.root / ".git/gtrack/spool").glob("[0-9a-f]*")
    session = next(folder.glob("*.owner.yaml")).name[:8]
    return Job(str(project.root), "off", str(folder.parent), folder.name, session, every)


def test_one_process_commits_all_segments_and_ends_with_the_run(watched):
    process = watched.project.start(TRAIN, env=EVERY)
    watched.next_segment(process)
    pid = watched.recorder()
    for _ in range(3):
        watched.next_segment(process)
    assert watched.recorders() == [pid]
    end(process)
    watched.project.eventually(lambda: not watched.processes())
    run = watched.project.only_run()
    assert (run.status, values_of(run), watched.log) == ("finished", list(range(200)), "")
    assert not list((watched.project.root / ".git/gtrack/recorders").iterdir())


def test_the_recorder_ends_when_the_run_does_though_the_process_lives_on(watched):
    process = watched.project.start(TRAIN, "--stay", env=EVERY)
    watched.next_segment(process)
    watched.recorder()
    process.stdin.write("end\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ended\n"
    watched.project.eventually(lambda: not watched.recorders())
    assert process.poll() is None
    assert not list((watched.project.root / ".git/gtrack/spool").glob("[0-9a-f]*"))
    process.communicate("\n", timeout=60)


def test_a_killed_recorder_is_replaced(watched):
    process = watched.project.start(TRAIN, env=EVERY)
    watched.next_segment(process)
    first = watched.recorder()
    kill(first)
    watched.next_segment(process)
    assert watched.recorder() != first
    end(process)
    assert values_of(watched.project.only_run()) == list(range(100))


def test_a_killed_owner_is_recorded_as_killed_by_nobody_but_the_recorder(watched):
    process = watched.project.start(TRAIN, env=EVERY)
    watched.next_segment(process)
    go_on(process)
    watched.recorder()
    process.kill()
    process.wait()
    watched.project.eventually(lambda: any("/end-" in path for path in watched.project.branch_files()))
    watched.project.eventually(lambda: not watched.processes())
    shutil.rmtree(watched.project.root / ".git/gtrack/spool")
    run = watched.project.only_run()
    assert (run.status, values_of(run)) == ("killed", list(range(100)))


def test_a_run_whose_owner_is_killed_while_its_workers_log_is_recorded_as_killed(watched):
    process = watched.project.start(
        """\
import os, sys, time, gtrack
run = gtrack.start_run("parent")
if os.fork() == 0:
    sys.stdin.close()
    step = 0
    while not os.path.exists("stop"):
        run.log({"child": step}, step=step)
        step += 1
        time.sleep(0.005)
    os._exit(0)
run.log({"parent": 1.0})
print("started", flush=True)
sys.stdin.readline()
""",
        env=EVERY,
    )
    assert process.stdout.readline() == "started\n"
    watched.project.eventually(watched.segments)
    watched.recorder()
    process.kill()
    process.wait()
    watched.project.eventually(lambda: any("/end-" in path for path in watched.project.branch_files()))
    watched.project.eventually(lambda: not watched.recorders())
    (watched.project.root / "stop").touch()
    watched.project.eventually(lambda: not watched.processes())
    run = watched.project.only_run()
    steps = values_of(run, "child")
    assert (run.status, steps) == ("killed", list(range(len(steps))))


@pytest.mark.parametrize("kills", [8, pytest.param(60, marks=pytest.mark.soak)])
def test_a_recorder_killed_at_any_moment_loses_nothing_and_doubles_nothing(watched, kills):
    project, chance = watched.project, random.Random(0)
    process = project.start(TRAIN)
    total = go_on(process)
    job = job_of(project, every=0.001)
    for _ in range(kills):
        start(job, project.env)
        pid = watched.recorder()
        for _ in range(chance.randrange(1, 6)):
            total = go_on(process)
            time.sleep(chance.uniform(0.0, 0.1))
        kill(pid)
        project.eventually(lambda: not watched.recorders())
    end(process)
    assert values_of(project.only_run()) == list(range(total))
    assert project.only_run().summary["acc"].count == total
    project.git("fsck", "--full", "--strict")


SOME = [("rename", 1, 14, 4), ("fsync", 2, 14, 4), ("openat", 700, 900, 100)]
ALL = [("rename", 1, 30, 1), ("fsync", 1, 30, 1), ("write", 1, 30, 1), ("openat", 300, 1200, 10)]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt install strace")
@pytest.mark.parametrize("calls", [SOME, pytest.param(ALL, marks=pytest.mark.soak)], ids=["some", "all"])
def test_a_recorder_killed_at_its_system_calls_loses_nothing_and_doubles_nothing(watched, calls):
    project = watched.project
    process = project.start(TRAIN)
    total = go_on(process)
    command = [sys.executable, "-c", "import sys; from gtrack.ops.recorder import main; main(sys.argv[1])"]
    for call, first, stop, step in calls:
        for number in range(first, stop, step):
            inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
            strace = ["strace", "-f", "-qq", "-o", os.devnull, *inject]
            job = job_of(project, every=0.001)
            with subprocess.Popen([*strace, *command, job.to_text()], env=project.env) as recorder:
                while recorder.poll() is None:
                    total = go_on(process)
                    time.sleep(0.01)
            assert recorder.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    end(process)
    assert values_of(project.only_run()) == list(range(total))
    assert project.only_run().summary["acc"].count == total
    project.git("fsck", "--full", "--strict")


def test_there_is_one_recorder_a_run_however_often_one_is_started(watched):
    project = watched.project
    process = project.start(TRAIN, env=EVERY)
    watched.next_segment(process)
    pid = watched.recorder()
    for _ in range(3):
        start(job_of(project, every=0.2), project.env)
    project.eventually(lambda: watched.processes("gtrack.ops.recorder") == [pid])
    end(process)


def test_only_the_owner_of_a_run_starts_a_recorder(watched):
    process = watched.project.start(
        """\
import multiprocessing, os, subprocess, sys, time, gtrack

JOINED = '''
import time, gtrack
with gtrack.start_run() as run:
    for step in range(100):
        run.log({"workerjoined": step}, step=step)
        time.sleep(0.005)
'''

def work(run, number):
    for step in range(100):
        run.log({f"worker{number}": step}, step=step)
        time.sleep(0.005)

if __name__ == "__main__":
    with gtrack.start_run("parent") as run:
        run.log({"parent": 1.0})
        workers = [multiprocessing.get_context(how).Process(target=work, args=(run, how)) for how in ("fork", "spawn")]
        for worker in workers: worker.start()
        subprocess.run([sys.executable, "-c", JOINED], env={**os.environ, **run.environ()}, check=True)
        for worker in workers: worker.join()
        print("joined", flush=True)
        sys.stdin.readline()
""",
        env=EVERY,
    )
    seen = set()
    while not select.select([process.stdout], [], [], 0.02)[0]:
        seen.update(watched.recorders())
    assert process.stdout.readline() == "joined\n"
    seen.add(watched.recorder())
    assert len(seen) == 1
    process.communicate("\n", timeout=60)
    run = watched.project.only_run()
    assert {key: summary.count for key, summary in run.summary.items()} == {
        "parent": 1, "workerfork": 100, "workerspawn": 100, "workerjoined": 100,
    }  # fmt: skip


def test_the_recorder_outlives_the_signals_of_a_terminal_and_a_scheduler(watched):
    process = watched.project.start(TRAIN, env=EVERY)
    watched.next_segment(process)
    pid = watched.recorder()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        kill(pid, number)
        watched.next_segment(process)
    assert watched.recorders() == [pid]
    assert os.getsid(pid) not in (pid, os.getsid(process.pid))
    end(process)


def test_the_recorder_holds_nothing_of_the_trainings(watched):
    inherited = watched.project.root / "inherited.txt"
    process = watched.project.start(
        f"import os\nfd = os.open({str(inherited)!r}, os.O_CREAT | os.O_RDWR)\nos.set_inheritable(fd, True)\n" + TRAIN,
        env=EVERY,
    )
    watched.next_segment(process)
    pid = watched.recorder()
    open_files = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    held = {path for path in open_files if str(watched.project.root) in path}
    assert cwd_of(pid) == "/"
    assert {os.path.basename(os.path.dirname(path)) for path in held if not path.endswith(".journal")} == {"recorders"}
    assert all(os.readlink(f"/proc/{pid}/fd/{number}") == os.devnull for number in range(3))
    end(process)


def test_a_training_that_waits_for_all_of_its_children_does_not_wait_for_the_recorder(watched):
    waiting = TRAIN.replace(
        "        print(step, flush=True)",
        "        print(step, flush=True)\n        try:\n            while True: os.wait()\n"
        "        except ChildProcessError: pass",
    )
    process = watched.project.start("import os\n" + waiting, env=EVERY)
    watched.next_segment(process)
    watched.recorder()
    go_on(process)
    watched.next_segment(process)
    end(process)


def test_the_end_of_a_training_does_not_wait_for_a_recorder_that_hangs(watched):
    process = watched.project.start(TRAIN, env=EVERY)
    watched.next_segment(process)
    pid = watched.recorder()
    stat = Path(f"/proc/{pid}/stat")
    watched.project.eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S")
    kill(pid, signal.SIGSTOP)
    end(process)
    assert watched.recorders() == [pid]
    run = watched.project.only_run()
    assert (run.status, values_of(run)) == ("finished", list(range(50)))
    kill(pid, signal.SIGCONT)


def test_what_keeps_segments_from_being_committed_is_in_the_log_and_not_in_the_training(watched):
    project = watched.project
    process = project.start(TRAIN, env=EVERY)
    go_on(process)
    (project.root / ".git/refs/heads/gtrack").mkdir()
    project.git("branch", "gtrack/x")
    project.eventually(lambda: "could not be committed" in watched.log)
    lines = watched.log.splitlines()
    go_on(process)
    time.sleep(0.5)  # for two more attempts or so
    pid = watched.recorder()
    project.git("branch", "-D", "gtrack/x")
    shutil.rmtree(project.root / ".git/refs/heads/gtrack", ignore_errors=True)
    watched.next_segment(process)
    assert watched.recorders() == [pid]
    assert watched.log.splitlines() == lines, "the same trouble was told again and again"
    assert "warning" not in end(process)
    assert values_of(project.only_run()) == list(range(150))


def test_a_full_disk_is_the_recorders_trouble_alone(watched, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("a small disk can be had by root alone")
    try:
        project = watched.project
        shutil.copytree(project.root, disk / "project")
        project.root = disk / "project"
        process = project.start(TRAIN, env={**EVERY, "GTRACK_SPOOL": str(tmp_path / "spool")})
        watched.next_segment(process)
        with open(disk / "filler", "wb", 0) as filler, pytest.raises(OSError, match="No space"):
            while True:
                filler.write(bytes(4096))
        go_on(process)
        pid = watched.recorder()
        segments = watched.segments()
        time.sleep(0.5)
        (disk / "filler").unlink()
        watched.project.eventually(lambda: watched.segments() > segments)
        assert watched.recorders() == [pid]
        assert "warning" not in end(process)
        project.env["GTRACK_SPOOL"] = str(tmp_path / "spool")
        assert values_of(project.only_run()) == list(range(100))
        project.eventually(lambda: not watched.processes())
    finally:
        watched.kill_all()
        subprocess.run(["umount", str(disk)], check=True)


def test_a_repository_that_cannot_be_written_is_the_recorders_trouble_alone(watched, tmp_path):
    project, spool = watched.project, {"GTRACK_SPOOL": str(tmp_path / "spool")}
    git_dir = str(project.root / ".git")
    if subprocess.run(["mount", "--bind", git_dir, git_dir], check=False).returncode:
        pytest.skip("a folder can be made read-only for root by root alone")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", git_dir], check=True)
        process = project.start(TRAIN, env={**EVERY, **spool})
        go_on(process)
        project.eventually(lambda: watched.processes("gtrack.ops.recorder"))
        project.eventually(lambda: not watched.processes("gtrack.ops.recorder"))
        go_on(process)
        err = end(process)
        assert "Traceback" not in err
    finally:
        watched.kill_all()
        subprocess.run(["umount", git_dir], check=True)
    project.env |= spool
    assert values_of(project.only_run()) == list(range(100))


def test_a_recorder_whose_repository_is_removed_ends_and_makes_nothing_anew(watched, tmp_path):
    process = watched.project.start(TRAIN, env=EVERY)
    watched.next_segment(process)
    watched.recorder()
    watched.project.root.rename(tmp_path / "elsewhere")
    watched.project.eventually(lambda: not watched.recorders())
    process.kill()
    process.wait()
    watched.project.eventually(lambda: not watched.processes())
    assert not watched.project.root.exists()


def test_nothing_is_started_for_a_run_without_segments(watched):
    process = watched.project.start(TRAIN)
    go_on(process)
    end(process)
    assert not (watched.project.root / ".git/gtrack/recorders").exists()
