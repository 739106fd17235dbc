"""How runs end: by exceptions, exits, signals, or because nobody ended them."""

from __future__ import annotations

import json
import signal
import threading

import pytest

import gtrack


def read_rows(path):
    raise KeyError("column age")


def parse_config(path):
    raise KeyError("lr")


ERRORS = [
    (lambda: (_ for _ in ()).throw(MemoryError("no room")), "MemoryError", "oom"),
    (lambda: (_ for _ in ()).throw(RuntimeError("CUDA out of memory. Tried")), "RuntimeError", "oom"),
    (lambda: (_ for _ in ()).throw(FloatingPointError("overflow")), "FloatingPointError", "nan"),
    (lambda: (_ for _ in ()).throw(ValueError("loss is NaN")), "ValueError", "nan"),
    (lambda: read_rows("data.csv"), "KeyError", "schema"),
    (lambda: json.loads("{"), "json.decoder.JSONDecodeError", "schema"),
    (lambda: parse_config("x.yaml"), "KeyError", "other"),
    (lambda: (_ for _ in ()).throw(KeyboardInterrupt()), "KeyboardInterrupt", "interrupt"),
    (lambda: 1 / 0, "ZeroDivisionError", "other"),
]


@pytest.mark.parametrize(("work", "kind", "cause"), ERRORS, ids=[f"{kind}-{cause}" for _, kind, cause in ERRORS])
def test_an_exception_is_recorded_with_its_cause_and_raised_again(here, work, kind, cause):
    with pytest.raises(BaseException) as caught, gtrack.start_run() as run:
        run.log({"loss": 1.0})
        work()
    found = here.only_run()
    error = found.state.error
    assert (found.status, error["type"], error["cause"]) == ("failed", kind, cause)
    assert error["message"] == str(caught.value)
    assert "Traceback" in error["traceback"]
    assert found.metrics == {"loss": 1.0}


def test_a_metric_that_ended_as_nan_explains_an_exception_that_does_not(here):
    with pytest.raises(AssertionError), gtrack.start_run() as run:
        run.log({"loss": float("nan"), "acc": 0.5}, step=3)
        raise AssertionError("stop")
    assert here.only_run().state.error["cause"] == "nan"


def test_a_nan_that_went_away_explains_nothing(here):
    with pytest.raises(AssertionError), gtrack.start_run() as run:
        run.log({"loss": float("nan")}, step=3)
        run.log({"loss": 1.0}, step=4)
        raise AssertionError("stop")
    assert here.only_run().state.error["cause"] == "other"


def test_an_end_can_be_told_by_hand(here):
    gtrack.start_run("by words").end("failed", {"type": "Early", "message": "no progress", "cause": "other"})
    gtrack.start_run("by exception").end("failed", ValueError("bad"))
    gtrack.start_run("killed").end("killed")
    runs = {run.name: run for run in here.runs()}
    assert runs["by words"].state.error == {"type": "Early", "message": "no progress", "cause": "other"}
    assert runs["by exception"].state.error["message"] == "bad"
    assert (runs["killed"].status, runs["killed"].state.by) == ("killed", "owner")


START = "import os, signal, sys, threading, time, gtrack\nrun = gtrack.start_run('it')\nrun.log({'loss': 1.0})\n"

LEFT = {
    "nothing": ("pass", 0, "finished", None),
    "sys.exit(0)": ("sys.exit(0)", 0, "finished", None),
    "sys.exit()": ("sys.exit()", 0, "finished", None),
    "sys.exit(3)": ("sys.exit(3)", 3, "failed", "SystemExit"),
    "sys.exit(text)": ("sys.exit('no data')", 1, "failed", "SystemExit"),
    "exception": ("1 / 0", 1, "failed", "ZeroDivisionError"),
    "interrupt": ("os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", -2, "failed", "KeyboardInterrupt"),
    "argparse": ("import argparse; argparse.ArgumentParser().parse_args(['-z'])", 2, "failed", "SystemExit"),
    "with exit 0": ("with run: sys.exit(0)", 0, "finished", None),
    "with exit 3": ("with run: sys.exit(3)", 3, "failed", "SystemExit"),
    "with raise": ("with run: raise SystemExit(4)", 4, "failed", "SystemExit"),
    "interrupt in with": (
        "with run: os.kill(os.getpid(), signal.SIGINT); time.sleep(9)",
        -2,
        "failed",
        "KeyboardInterrupt",
    ),
}


@pytest.mark.parametrize("how", LEFT)
def test_a_run_nobody_ended_ends_as_its_process_does(project, how):
    code, exit_code, status, error = LEFT[how]
    project.train(START + code, code_of_exit=exit_code)
    found = project.only_run()
    assert (found.status, found.metrics, found.state.by) == (status, {"loss": 1.0}, "owner")
    assert (found.state.error or {}).get("type") == error
    if error == "SystemExit":
        assert found.state.error["message"] == (str(exit_code) if "text" not in how else "no data")
    if error == "KeyboardInterrupt":
        assert found.state.error["cause"] == "interrupt"


def test_children_left_open_end_before_their_parents_and_share_the_failure(project):
    project.train(START + "gtrack.start_run('child', nested=True)\n1 / 0\n", code_of_exit=1)
    assert {run.name: run.status for run in project.runs()} == {"it": "failed", "child": "failed"}


def test_a_thread_that_dies_fails_its_own_run_alone(project):
    done = project.train(
        START
        + """\
def work():
    gtrack.start_run("in thread")
    gtrack.log({"x": 1})
    raise ValueError("thread")
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    )
    assert "ValueError: thread" in done.err
    assert {run.name: run.status for run in project.runs()} == {"it": "finished", "in thread": "failed"}


def test_the_users_own_hooks_are_still_called(project):
    done = project.train(
        """\
import sys, threading
def said(word):
    return lambda *args: print(word)
sys.excepthook = said("excepthook")
threading.excepthook = said("thread hook")
import gtrack
gtrack.start_run("it")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise ValueError("x")
""",
        code_of_exit=1,
    )
    assert done.out.split("\n")[:2] == ["thread hook", "excepthook"]
    assert project.only_run().status == "failed"


HANDLERS = {
    "default": ("", -signal.SIGTERM, "preempted", ""),
    "ignored": ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", 0, "finished", "survived"),
    "saves and exits": (
        "signal.signal(signal.SIGTERM, lambda *a: (print('saved'), run.log({'saved': 1}), sys.exit(0)))",
        0,
        "preempted",
        "saved",
    ),
    "saves and goes on": (
        "signal.signal(signal.SIGTERM, lambda *a: print('saved'))",
        0,
        "preempted",
        "saved\nsurvived",
    ),
    "raises": ("def on(*a): raise RuntimeError('stop')\nsignal.signal(signal.SIGTERM, on)", 1, "preempted", ""),
}


@pytest.mark.parametrize("how", HANDLERS)
@pytest.mark.parametrize("block", ["with", "bare"])
def test_sigterm_preempts_and_what_the_user_wanted_happens(project, how, block):
    handler, exit_code, status, said = HANDLERS[how]
    body = "run.log({'loss': 1.0}); os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.05); print('survived')"
    script = [
        "import os, signal, sys, time",
        handler,
        "import gtrack",
        "run = gtrack.start_run('it')",
        f"with run: {body}" if block == "with" else body,
    ]
    done = project.train("\n".join(script), code_of_exit=exit_code)
    assert done.out.strip() == said
    found = project.eventually(lambda: next((run for run in project.runs() if run.status != "running"), None))
    assert (found.status, found.state.by) == (status, "owner")
    assert found.metrics["loss"] == 1.0
    assert ("saved" in found.metrics) == ("log" in handler)


def test_a_preempted_run_is_recorded_without_another_command(project):
    project.train(START + "os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", code_of_exit=-signal.SIGTERM)
    files = project.eventually(
        lambda: [path for path in _branch_files(project) if "/end-" in path and path.startswith("runs/")]
    )
    assert 'status: "preempted"' in project.git("show", f"gtrack:{files[0]}")


def _branch_files(project):
    return project.branch_files() if project.git("branch", "--list", "gtrack").strip() else []


@pytest.mark.parametrize(("env", "status"), [({"SLURM_JOB_ID": "1"}, "preempted"), ({}, "killed")])
def test_sigusr1_is_a_preemption_under_slurm_alone(project, env, status):
    project.train(START + "os.kill(os.getpid(), signal.SIGUSR1); time.sleep(9)", env=env, code_of_exit=-signal.SIGUSR1)
    found = project.eventually(lambda: next((run for run in project.runs() if run.status != "running"), None))
    assert (found.status, found.metrics) == (status, {"loss": 1.0})


def test_signal_handlers_are_put_back_at_the_end(here):
    before = signal.getsignal(signal.SIGTERM)
    with gtrack.start_run():
        during = signal.getsignal(signal.SIGTERM)
        with gtrack.start_run(nested=True):
            assert signal.getsignal(signal.SIGTERM) is during
        assert signal.getsignal(signal.SIGTERM) is during
    assert during is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_set_during_the_run_is_left_alone(here):
    before = signal.getsignal(signal.SIGTERM)
    try:
        with gtrack.start_run():
            signal.signal(signal.SIGTERM, print)
        assert signal.getsignal(signal.SIGTERM) is print
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_run_in_a_thread_sets_no_handlers(here):
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with gtrack.start_run():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
    assert here.only_run().status == "finished"


def test_a_killed_process_leaves_a_killed_run_with_all_its_values(project):
    process = project.start(START + "for n in range(100): run.log_metric('n', n)\nprint('ready')\ntime.sleep(60)\n")
    assert process.stdout.readline() == "ready\n"
    assert project.only_run().status == "running"
    process.kill()
    process.wait()
    found = project.only_run()
    assert (found.status, found.state.by, found.state.live) == ("killed", "recovery", False)
    assert found.curves(["n"])["value"].to_pylist() == list(range(100))
    assert any("/end-" in path for path in project.branch_files())


def test_a_restarted_notebook_kernel_leaves_no_run_running(project):
    for name in ("first", "second"):
        process = project.start(
            f"import sys, gtrack\nrun = gtrack.start_run({name!r})\nprint('ready')\nsys.stdin.read()\n"
        )
        assert process.stdout.readline() == "ready\n"
        process.kill()
        process.wait()
    assert {run.name: run.status for run in project.runs()} == {"first": "killed", "second": "killed"}


def test_a_process_that_leaves_without_its_last_words_is_killed_too(project):
    project.train(START + "os._exit(0)")
    assert project.only_run().status == "killed"
