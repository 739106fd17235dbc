"""Console output and wrapped commands, from the run's side."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from gtrack.errors import UsageError
from gtrack.wrap import run_wrapped

OUTPUT = """\
import ctypes, os, subprocess, sys, gtrack
with gtrack.start_run("talks", console=True) as run:
    print("from print")
    sys.stdout.flush()
    os.write(1, b"from the descriptor\\n")
    os.write(2, b"errors too\\n")
    subprocess.run(["echo", "from a child"], check=True)
    library = ctypes.CDLL(None)
    library.puts(b"from C")
    library.fflush(None)
    run.log({"loss": 1})
print("after the end")
"""


def test_everything_that_is_printed_is_kept_and_still_printed(project):
    done = project.train(OUTPUT)
    kept = project.only_run().console().decode()
    for line in ("from print", "from the descriptor", "errors too", "from a child", "from C"):
        assert kept.count(line + "\n") == 1
        assert (done.out + done.err).count(line + "\n") == 1
    assert "after the end" not in kept
    assert "after the end" in done.out
    assert any("/console-" in path for path in project.branch_files())


def test_nothing_is_kept_that_was_not_asked_for(project):
    project.train(OUTPUT.replace(", console=True", ""))
    assert project.only_run().console() is None


def test_the_output_of_a_live_run_can_be_read(project):
    process = project.start(
        "import sys, gtrack\nrun = gtrack.start_run('talks', console=True)\nprint('so far')\n"
        "os = sys.stderr.write('ready\\n')\nsys.stdin.read()\n"
    )
    while "ready" not in (line := process.stderr.readline()):
        assert line
    project.eventually(lambda: b"so far" in (project.only_run().console() or b""))
    assert project.only_run().live_console is not None
    process.communicate("")
    assert b"so far" in project.only_run().console()


def test_a_traceback_is_part_of_the_output(project):
    project.train("import gtrack\ngtrack.start_run('talks', console=True)\n1 / 0\n", code_of_exit=1)
    found = project.only_run()
    assert found.status == "failed"
    assert b"ZeroDivisionError" in found.console()


WRAP = """\
import os, sys
from gtrack.wrap import run_wrapped
sys.exit(run_wrapped(sys.argv[1:], path=".", env=os.environ, params={"lr": 0.5, "n": 3}, tags={"a": "b"},
                     name="wrapped", experiment="churn", message="a note"))
"""


def test_a_command_is_recorded_with_its_output_and_exit_code(project):
    done = project.train(WRAP, "sh", "-c", "echo lr={lr}; exit 5", code_of_exit=5)
    assert "lr=0.5" in done.out
    found = project.only_run()
    assert (found.name, found.experiment, found.status) == ("wrapped", "churn", "failed")
    assert (found.params, found.tags) == ({"lr": 0.5, "n": 3}, {"a": "b"})
    assert [note.text for note in found.notes] == ["a note"]
    assert found.console() == b"lr=0.5\n"
    assert found.state.error["type"] == "ExitCode"
    assert found.state.code["command"] == ["sh", "-c", "echo lr=0.5; exit 5"]


def test_a_wrapped_script_that_uses_gtrack_joins_the_run(project):
    (project.root / "inner.txt").write_text(
        "import gtrack\n"
        "with gtrack.start_run('own name', experiment='own', params={'inner': 1}) as run:\n"
        "    run.log({'auc': 0.9})\n"
        "    print('inner')\n"
    )
    done = project.train(WRAP, sys.executable, "inner.txt")
    found = project.only_run()
    assert (found.name, found.experiment, found.status) == ("wrapped", "churn", "finished")
    assert found.params == {"lr": 0.5, "n": 3, "inner": 1}
    assert found.metrics == {"auc": 0.9}
    assert found.console() == b"inner\n"
    assert len(done.notices) == 2


def test_a_wrapped_command_within_a_wrapped_command_is_a_child(project):
    (project.root / "wrap.txt").write_text(WRAP.replace('"wrapped"', '"inner"'))
    project.train(WRAP, sys.executable, "wrap.txt", "echo", "hello")
    runs = {run.name: run for run in project.runs()}
    assert set(runs) == {"wrapped", "inner"}
    assert runs["inner"].state.parent == runs["wrapped"].id
    assert runs["inner"].console() == b"hello\n"


@pytest.mark.parametrize(
    ("command", "code", "word"), [("no-such-command", 127, "not found"), ("./data.txt", 126, "chmod")]
)
def test_a_command_that_cannot_be_started_says_why(project, command, code, word):
    (project.root / "data.txt").write_text("text")
    done = project.train(WRAP, command, code_of_exit=code)
    said = [line for line in done.notices if word in line]
    assert len(said) == 1
    found = project.only_run()
    assert found.status == "failed"
    assert word in found.state.error["message"]


def test_sigterm_reaches_the_command_and_the_run_is_preempted(project):
    process = project.start(WRAP, "sh", "-c", "echo ready; exec sleep 60")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert project.only_run().status == "preempted"


def test_no_command_or_an_unknown_param_starts_no_run(here):
    for argv in ([], ["echo", "{nothing}"]):
        with pytest.raises(UsageError):
            run_wrapped(argv, path=".", env=os.environ, params={}, tags={}, name=None, experiment=None, message=None)
    assert here.runs() == []
