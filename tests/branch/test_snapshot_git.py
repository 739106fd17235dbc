"""The git runner: what it passes on, what it says when git fails, and that nothing is left running."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from snapshot_checkout import Checkout

from gtrack.branch.git import Git
from gtrack.errors import GitError


@pytest.fixture
def repo(tmp_path: Path) -> Checkout:
    """An empty repository."""
    return Checkout(tmp_path / "repo")


def pretend_git(folder: Path, script: str) -> Git:
    """Return a runner for an executable of our own, to see what git is given."""
    folder.mkdir(exist_ok=True)
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    git = Git.find({"PATH": f"{folder}:{os.environ['PATH']}", "LC_ALL": "de_DE.UTF-8", "GIT_DIR": "/elsewhere"})
    assert git is not None
    return git


def test_without_git_there_is_none(tmp_path: Path) -> None:
    assert Git.find({"PATH": str(tmp_path)}) is None


def test_the_environment_is_cleaned_and_messages_are_english(tmp_path: Path) -> None:
    out = pretend_git(tmp_path / "bin", "env").run(["status"], env_extra={"GIT_INDEX_FILE": "/copy"}).decode()
    env = dict(line.split("=", 1) for line in out.splitlines())
    assert "GIT_DIR" not in env and "LC_ALL" not in env
    assert (env["LC_CTYPE"], env["LC_MESSAGES"], env["GIT_INDEX_FILE"]) == ("de_DE.UTF-8", "C", "/copy")
    assert (env["GIT_OPTIONAL_LOCKS"], env["GIT_TERMINAL_PROMPT"]) == ("0", "0")


def test_hooks_run_only_where_asked_for(tmp_path: Path) -> None:
    git = pretend_git(tmp_path / "bin", 'echo "$@"')
    assert b"core.hooksPath=/dev/null" in git.run(["push"])
    assert b"core.hooksPath" not in git.run(["push"], hooks=True)


def test_stdin_is_empty_unless_given(repo: Checkout) -> None:
    empty = repo.git.run(["hash-object", "--stdin"], cwd=str(repo.root))
    assert empty == b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\n"
    assert repo.git.run(["hash-object", "--stdin"], cwd=str(repo.root), input=b"x") != empty


def test_a_failure_says_what_git_said(repo: Checkout) -> None:
    with pytest.raises(GitError, match="git rev-parse failed: fatal: Needed a single revision"):
        repo.git.run(["rev-parse", "--verify", "nothing"], cwd=str(repo.root))
    assert repo.git.run(["rev-parse", "--verify", "-q", "nothing"], cwd=str(repo.root), check=False) == b""


def test_a_failure_shows_no_credentials(tmp_path: Path) -> None:
    git = pretend_git(
        tmp_path / "bin", "echo \"fatal: repository 'https://ada:s3cret@example.org/x' not found\" >&2; exit 128"
    )
    with pytest.raises(GitError) as caught:
        git.run(["-c", "a.b=c", "fetch"])
    assert str(caught.value) == "git fetch failed: fatal: repository 'https://example.org/x' not found"


def test_a_repository_of_somebody_else_comes_with_the_command_to_type(tmp_path: Path) -> None:
    script = (
        "printf \"fatal: detected dubious ownership in repository at '/x'\\nTo add an exception for this "
        'directory, call:\\n\\n\\tgit config --global --add safe.directory /x\\n" >&2; exit 128'
    )
    with pytest.raises(GitError, match="dubious ownership") as caught:
        pretend_git(tmp_path / "bin", script).run(["status"])
    assert caught.value.hint == "git config --global --add safe.directory /x"


def test_a_process_that_hangs_is_killed_and_reaped(tmp_path: Path) -> None:
    git = pretend_git(tmp_path / "bin", f"echo $$ > {tmp_path}/pid; exec sleep 60")
    with pytest.raises(GitError, match=r"git fetch took longer than 0\.5 s"):
        git.run(["fetch"], timeout=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_folder_that_is_not_there_is_an_error_of_ours(repo: Checkout) -> None:
    with pytest.raises(GitError, match="could not be started"):
        repo.git.run(["status"], cwd=str(repo.root / "gone"))
