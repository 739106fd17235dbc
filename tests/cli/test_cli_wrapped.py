"""``gtrack run``, ``fsck`` and ``ingest`` from end to end."""

from __future__ import annotations

import json
import sys

SCRIPT = """
import gtrack
with gtrack.start_run(name="elsewhere", params={"lr": 0.1}) as run:
    run.log({"loss": 0.5}, step=1)
"""


def last(project) -> dict:
    return json.loads(project.ok("show", "last", "--json"))


def test_a_wrapped_command_gets_its_params_and_is_recorded(project):
    argv = ["-p", "lr=0.1", "-t", "stage=baseline", "-m", "why", "--name", "wrapped", "--experiment", "churn"]
    done = project.process("run", *argv, "--", "echo", "--lr", "{lr}")
    assert (done.code, done.out) == (0, "--lr 0.1\n")
    run = last(project)
    assert (run["name"], run["experiment"], run["status"]) == ("wrapped", "churn", "finished")
    assert (run["params"], run["tags"]) == ({"lr": 0.1}, {"stage": "baseline"})
    assert [note["text"] for note in run["notes"]] == ["why"]
    assert project.ok("logs", "wrapped") == "--lr 0.1\n"


def test_the_exit_code_is_the_commands_own(project):
    assert project.process("run", "--", "sh", "-c", "exit 7").code == 7
    assert last(project)["status"] == "failed"
    assert project.process("run", "--", "no-such-command").code == 127


def test_options_after_the_command_are_the_commands(project):
    done = project.process("run", "-p", "lr=1", "echo", "-p", "--json", "--help")
    assert (done.code, done.out) == (0, "-p --json --help\n")


def test_the_console_can_be_left_out(project):
    project.process("run", "--no-console", "--", "echo", "secret")
    assert project.gtrack("logs", "last").code == 3


def test_fsck_of_a_sound_branch_finds_nothing(project):
    project.ok("log", "a=1", "-p", "lr=0.1")
    done = project.gtrack("fsck")
    assert (done.code, done.out) == (0, "")
    assert "1 run" in done.err
    assert project.ok("fsck", "--json") == "[]\n"


def test_fsck_of_a_damaged_branch_names_the_file_and_exits_with_6(project):
    project.ok("log", "a=1")
    path = next(p for p in project.git("ls-tree", "-r", "--name-only", "gtrack").split() if p.endswith("/run.yaml"))
    blob = project.run("git", "hash-object", "-w", "--stdin", stdin="format: 1\nid: [").out.strip()
    index = str(project.root / "damaged.index")
    project.git("read-tree", "gtrack", GIT_INDEX_FILE=index)
    project.git("update-index", "--cacheinfo", f"100644,{blob},{path}", GIT_INDEX_FILE=index)
    tree = project.git("write-tree", GIT_INDEX_FILE=index).strip()
    commit = project.git("commit-tree", tree, "-p", "gtrack", "-m", "tamper").strip()
    project.git("update-ref", "refs/heads/gtrack", commit)
    done = project.gtrack("fsck", "--json")
    assert done.code == 6
    assert any(finding["level"] == "error" and path in finding["path"] for finding in json.loads(done.out))
    assert path in project.gtrack("fsck").out


def test_runs_recorded_without_a_repository_are_taken_in_once(project, outside):
    spool = str(outside.root / "spool")
    assert outside.run(sys.executable, "-c", SCRIPT, GTRACK_SPOOL=spool).code == 0
    assert "taken in" in project.ok("ingest", spool)
    run = last(project)
    assert (run["name"], run["params"], run["metrics"]["loss"]["last"]) == ("elsewhere", {"lr": 0.1}, 0.5)
    again = project.gtrack("ingest", spool)
    assert (again.code, again.out) == (0, "")
    assert "nothing to take in" in again.err
    assert project.gtrack("ingest", "missing").code in (2, 3)
