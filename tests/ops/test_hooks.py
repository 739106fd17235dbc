"""The hook pre-push in real repositories: the accidents it stops, and the pushes it must never hurt."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hooked import BIN, SOURCE, Clone, make_clone
from hypothesis import given
from hypothesis import strategies as st

from gtrack.branch.hooks import install_hooks
from gtrack.branch.repository import Repository
from gtrack.ops.hooks import PushOptions, parse_pushed, push_options
from gtrack.reader import Repo

ZEROS = "0" * 40


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return make_clone(tmp_path)


def at_remote(clone: Clone) -> dict[str, str]:
    """The references of the bare repository."""
    lines = clone.git("ls-remote", "origin").splitlines()
    return {name: oid for oid, name in (line.split("\t") for line in lines)}


# -- pre-push: what is stopped


@pytest.fixture
def shared(clone: Clone) -> Clone:
    """The same, its runs published."""
    clone.git("push", "-q", "--no-verify", "origin", "gtrack")
    return clone


def test_a_plain_push_of_the_branch_is_let_through(clone):
    clone.git("push", "-q", "origin", "gtrack")
    with Repo(str(clone.root), env={**os.environ}) as repo:
        tree = repo.repository.tree_of(repo.repository.tip)
    newer = clone.git("commit-tree", str(tree), "-p", "gtrack", "-m", "more")
    clone.git("update-ref", "refs/heads/gtrack", newer)
    clone.git("push", "-q", "--all", "origin")
    assert at_remote(clone)["refs/heads/gtrack"] == newer


@pytest.mark.parametrize("how", [("--delete", "origin", "gtrack"), ("origin", ":gtrack"), ("origin", "+:gtrack")])
def test_deleting_the_branch_is_refused(shared, how):
    assert "delete the branch gtrack at origin" in shared.refused(*how)
    assert "refs/heads/gtrack" in at_remote(shared)


def test_overwriting_the_branch_is_refused(shared):
    tip = at_remote(shared)["refs/heads/gtrack"]
    other = shared.git("commit-tree", f"{tip}^{{tree}}", "-m", "another history")
    shared.git("update-ref", "refs/heads/gtrack", other)
    for how in (("--force", "origin", "gtrack"), ("origin", "+gtrack"), ("--force-with-lease", "origin", "gtrack")):
        assert "overwrite the branch gtrack" in shared.refused(*how)
    assert at_remote(shared)["refs/heads/gtrack"] == tip
    shared.git("push", "-q", "--force", "origin", "gtrack", GTRACK_ALLOW_REWRITE="1")
    assert at_remote(shared)["refs/heads/gtrack"] == other


def test_a_forced_push_over_runs_that_are_not_even_here_is_refused(shared, tmp_path):
    theirs = Clone(tmp_path / "theirs")
    shared.git("clone", "-q", str(tmp_path / "team.git"), str(theirs.root))
    newer = theirs.git("commit-tree", "origin/gtrack^{tree}", "-p", "origin/gtrack", "-m", "theirs")
    theirs.git("push", "-q", "origin", f"{newer}:refs/heads/gtrack")
    assert "overwrite the branch gtrack" in shared.refused("--force", "origin", "gtrack")
    assert at_remote(shared)["refs/heads/gtrack"] == newer


def test_a_mirror_publishes_no_code_that_nobody_agreed_to(shared):
    shared.git("update-ref", "refs/gtrack/code", "HEAD")
    assert "publish refs/gtrack/code to origin" in shared.refused("--mirror", "origin")
    assert "refs/gtrack/code" not in at_remote(shared)


def test_a_mirror_deletes_nobodys_inbox(shared):
    inbox = "refs/gtrack/inbox/0123456789abcdef/runs"
    shared.git("push", "-q", "--no-verify", "origin", f"gtrack:{inbox}")
    # Git tells a hook nothing of what a mirror deletes.
    assert "delete there what other clones sent" in shared.refused("--mirror", "origin")
    shared.git("config", "remote.origin.mirror", "true")
    assert "delete there what other clones sent" in shared.refused("origin")
    shared.git("config", "--unset", "remote.origin.mirror")
    assert f"delete {inbox} at origin" in shared.refused("origin", f":{inbox}")
    assert inbox in at_remote(shared)
    shared.git("push", "-q", "--mirror", "origin", GTRACK_ALLOW_REWRITE="1")
    assert inbox not in at_remote(shared)


def test_runs_go_to_no_other_remote_by_accident(shared, tmp_path):
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "fork.git")], check=True)
    shared.git("remote", "add", "fork", str(tmp_path / "fork.git"))
    for how in (("fork", "gtrack"), ("--all", "fork"), (str(tmp_path / "fork.git"), "gtrack")):
        said = shared.refused(*how)
        assert "publish the runs of the branch gtrack to" in said
        assert "shared through origin" in said
    assert "--no-verify" in said
    shared.git("push", "-q", "fork", "main")
    assert "refs/heads/gtrack" not in shared.git("ls-remote", "fork")
    shared.git("push", "-q", "--no-verify", "fork", "gtrack")
    assert "refs/heads/gtrack" in shared.git("ls-remote", "fork")


def test_the_tracking_remote_is_known_by_its_url_too(clone, tmp_path):
    clone.git("push", "-q", str(tmp_path / "team.git"), "gtrack")
    assert "refs/heads/gtrack" in at_remote(clone)


def test_credentials_of_a_url_are_not_repeated(shared):
    hook = shared.root / ".git" / "hooks" / "pre-push"
    url = "https://ada:s3cret@example.org/x.git"
    line = f"refs/heads/gtrack {shared.git('rev-parse', 'gtrack')} refs/heads/gtrack {ZEROS}\n"
    done = subprocess.run(
        [str(hook), url, url],
        cwd=shared.root,
        env={**os.environ, "PYTHONPATH": SOURCE, "PATH": f"{BIN}:{os.environ['PATH']}"},
        input=line,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "example.org/x" in done.stderr
    assert "s3cret" not in done.stderr


def test_another_name_of_the_branch_is_guarded_as_well(clone):
    clone.git("config", "gtrack.branch", "team/runs")
    with Repo(str(clone.root), env={**os.environ}) as repo:
        repo.ensure_branch()
    clone.git("push", "-q", "--no-verify", "origin", "team/runs", "gtrack")
    assert "delete the branch team/runs" in clone.refused("origin", ":team/runs")
    clone.git("push", "-q", "origin", ":gtrack")


# -- pre-push: what goes along


def logged(clone: Clone) -> str:
    """Record a run, and return its id."""
    assert clone.call("gtrack", "log", "auc=0.9").returncode == 0
    return clone.runs()[0].id


def test_a_push_of_code_takes_the_runs_along(clone):
    run_id = logged(clone)
    clone.commit("second", x_py="1\n")
    done = clone.call("git", "push", "origin", "main")
    assert done.returncode == 0
    assert "gtrack: sent 1 run along to origin" in done.stderr
    clone.git("fetch", "-q")
    assert run_id in clone.git("ls-tree", "-r", "--name-only", "origin/gtrack")
    assert "along" not in clone.call("git", "push", "origin", "main").stderr


def test_what_is_no_push_of_code_to_the_tracking_remote_takes_nothing_along(clone, tmp_path):
    logged(clone)
    clone.commit("second", x_py="1\n")
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "fork.git")], check=True)
    clone.git("push", "-q", str(tmp_path / "fork.git"), "main")
    clone.git("push", "-q", "--dry-run", "origin", "main")
    clone.git("push", "-q", "--no-verify", "origin", "main:old")
    clone.git("push", "-q", "origin", ":old")
    assert "refs/heads/gtrack" not in at_remote(clone)
    assert "gtrack" not in clone.git("ls-remote", str(tmp_path / "fork.git"))


# -- pre-push: what never hurts a push of code


def test_trouble_of_gtracks_own_lets_the_push_go_on(clone):
    clone.commit("second", x_py="1\n")
    (clone.root / ".git" / "gtrack" / "clone").mkdir(parents=True)
    clone.git("push", "-q", "origin", "main")
    assert at_remote(clone)["refs/heads/main"] == clone.head


def test_without_gtrack_on_the_path_the_interpreter_that_installed_it_acts(shared):
    bare_path = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if p != BIN)
    assert "delete the branch" in shared.refused("origin", ":gtrack", PATH=bare_path)


def test_without_any_gtrack_the_push_goes_on_with_one_line(clone):
    bare_path = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if p != BIN)
    with Repository(str(clone.root), os.environ) as repo:
        install_hooks(repo, "/gone/with the old/venv/bin/python")
    clone.commit("second", x_py="1\n")
    done = clone.call("git", "push", "-q", "origin", "main", PATH=bare_path)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "gtrack: not on the PATH" in done.stderr


def test_a_gtrack_that_is_broken_refuses_no_push(shared, tmp_path):
    broken = tmp_path / "bin"
    broken.mkdir()
    for code in (1, 2, 70, 127):
        script = broken / "gtrack"
        script.write_text(f"#!/bin/sh\nexit {code}\n")
        script.chmod(0o755)
        shared.commit("x", "--allow-empty")
        shared.git("push", "-q", "origin", "main", PATH=f"{broken}:{os.environ['PATH']}")


def test_a_dry_run_and_a_mirror_are_known_by_the_words_of_git_push(clone, tmp_path):
    root = tmp_path / "proc"
    me = os.getppid()

    def process(pid: int, parent: int, *words: str) -> None:
        folder = root / "proc" / str(pid)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cmdline").write_bytes(b"\0".join(word.encode() for word in words) + b"\0")
        (folder / "status").write_text(f"Name:\tx\nPPid:\t{parent}\n")

    process(me, 7, "/bin/sh", ".git/hooks/pre-push", "origin", "url")
    for words, wanted in [
        (("git", "push", "--dry-run"), PushOptions(dry_run=True)),
        (("git", "push", "-n", "origin", "main"), PushOptions(dry_run=True)),
        (("/usr/bin/git", "-C", "x", "push", "-fn"), PushOptions(dry_run=True)),
        (("git", "push", "--mirror", "origin"), PushOptions(mirror=True)),
        (("git", "push", "-u", "origin", "main"), PushOptions()),
        (("git", "push", "origin", "--", "-n"), PushOptions()),
        (("git", "push", "origin", "new"), PushOptions()),
        (("make", "push", "-n"), PushOptions()),
    ]:
        process(7, 1, *words)
        assert push_options(str(root)) == wanted, words
    assert push_options(str(tmp_path / "nothing")) == PushOptions()


ids = st.sampled_from(["1" * 40, "a" * 64, ZEROS])
names = st.text(st.characters(codec="ascii", exclude_characters=" \n"), min_size=1, max_size=20)


@given(st.text(max_size=30).map(lambda text: text.replace("\n", " ")), ids, names, ids)
def test_what_git_names_to_the_hook_is_read_whatever_the_local_side_is(local, new, ref, old):
    (entry,) = parse_pushed([f"{local} {new} {ref} {old}\n"])
    assert (entry.ref, entry.new is None, entry.old is None) == (ref, new == ZEROS, old == ZEROS)


@given(st.text())
def test_no_line_makes_the_hook_fail(line):
    assert len(list(parse_pushed([line]))) <= 1
