"""gtrack init: the remote that runs are shared through, and hooks beside those that are there."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

BIN = str(Path(sys.executable).parent)


@pytest.fixture
def bare(project, tmp_path: Path) -> Path:
    """A bare repository that the project pushes its code to, as origin."""
    project.git("init", "-q", "--bare", "-b", "main", str(tmp_path / "team.git"))
    project.git("remote", "add", "origin", str(tmp_path / "team.git"))
    project.git("push", "-q", "-u", "origin", "main")
    return tmp_path / "team.git"


def config_of(project, prefix: str = "") -> list[str]:
    lines = project.run("git", "config", "--local", "--list").out.splitlines()
    return sorted(line for line in lines if line.startswith(prefix))


def hook(project, name: str, text: str, *, folder: str = ".git/hooks", mode: int = 0o755) -> Path:
    path = project.root / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


# -- the remote


def test_a_remote_that_is_there_becomes_the_tracking_remote(project, bare):
    project.git("remote", "add", "backup", str(bare))
    said = project.ok("init", "--remote", "backup")
    assert "runs are shared through backup" in said
    assert said.splitlines()[-1] == "next: gtrack push"
    assert config_of(project, "gtrack.") == ["gtrack.remote=backup"]
    before = config_of(project)
    assert "already" in project.ok("init", "--remote", "backup")
    assert config_of(project) == before


def test_a_repository_of_its_own_brings_the_runs_and_nothing_else(project, bare, tmp_path):
    project.git("init", "-q", "--bare", str(tmp_path / "runs.git"))
    assert "added the remote gtrack" in project.ok("init", "--remote", str(tmp_path / "runs.git"))
    before = config_of(project)
    project.git("fetch", "-q", "--all")  # before anything was pushed there
    project.git("push", "-q", "gtrack", "gtrack", "main:refs/heads/main", "main:refs/tags/v1")
    project.git("update-ref", "-d", "refs/remotes/gtrack/gtrack")
    project.git("fetch", "-q", "--all")
    assert project.git("for-each-ref", "--format=%(refname)", "refs/remotes/gtrack", "refs/tags").split() == [
        "refs/remotes/gtrack/gtrack"
    ]
    assert "is the remote gtrack" in project.ok("init", "--remote", str(tmp_path / "runs.git"))
    assert config_of(project) == before
    assert "ambiguous" not in project.run("git", "log", "gtrack").err


def test_a_relative_path_means_the_same_from_everywhere(project, tmp_path):
    project.git("init", "-q", "--bare", str(tmp_path / "runs.git"))
    (project.root / "sub").mkdir()
    project.ok("-C", "sub", "init", "--remote", "../../runs.git")
    assert f"remote.gtrack.url={tmp_path / 'runs.git'}" in config_of(project)


def test_the_url_of_a_remote_that_is_there_names_that_remote(project, bare):
    assert "is the remote origin" in project.ok("init", "--remote", str(bare))
    assert config_of(project, "gtrack.") == ["gtrack.remote=origin"]


def test_another_repository_of_its_own_is_not_taken_for_the_first(project, tmp_path):
    project.ok("init", "--remote", "https://example.org/a.git")
    done = project.gtrack("init", "--remote", "https://example.org/b.git")
    assert done.code == 4
    assert "git remote set-url gtrack" in done.err
    assert "remote.gtrack.url=https://example.org/a.git" in config_of(project)


@pytest.mark.parametrize(
    ("which", "code", "why"),
    [
        ("nowhere", 3, "there is no remote 'nowhere'"),
        ("ext::sh -c touch% /tmp/x", 2, "'ext', a protocol that is not allowed"),
        ("-oProxyCommand=x:y", 2, "not the URL"),
        ("ssh://-oProxyCommand=x/y", 2, "begins with a hyphen"),
        ("transport://example.org/x", 2, "not allowed"),
        ("https://example.org/\nx", 2, "not the URL"),
        ("", 3, "no remote"),
    ],
)
def test_what_git_must_not_be_given_is_refused_and_nothing_is_changed(project, which, code, why):
    before = config_of(project)
    done = project.gtrack("init", f"--remote={which}")
    assert (done.code, why in done.err) == (code, True), done.err
    assert config_of(project) == before
    assert project.run("git", "rev-parse", "--verify", "-q", "gtrack").code == 1


def test_credentials_in_a_url_are_warned_of_and_not_shown(project):
    said = project.ok("init", "--remote", "https://ada:s3cret@example.org/runs.git")
    assert "warning: the URL holds credentials" in said
    assert "s3cret" not in said
    assert "example.org/runs.git" in said


def test_a_clone_of_a_single_branch_gets_the_runs_from_then_on(project, bare, tmp_path):
    project.git("clone", "-q", "--single-branch", f"file://{bare}", str(tmp_path / "single"))
    single = type(project)(tmp_path / "single", project.env)
    assert "brings the branch gtrack from now on" in single.ok("init", "--remote", "origin")
    single.git("fetch", "-q")  # there are no runs yet, and plain git goes on
    project.ok("log", "a=1")
    project.git("push", "-q", "origin", "gtrack", "main:other")
    single.git("pull", "-q")
    assert single.git("rev-parse", "origin/gtrack") == project.git("rev-parse", "gtrack")
    assert single.run("git", "rev-parse", "--verify", "-q", "origin/other").code == 1
    before = config_of(single)
    assert "from now on" not in single.ok("init", "--remote", "origin")
    assert config_of(single) == before


def test_a_usual_clone_needs_no_refspec_and_starts_from_the_teams_branch(project, bare, tmp_path):
    project.ok("log", "a=1")
    project.git("push", "-q", "origin", "gtrack")
    project.git("clone", "-q", str(bare), str(tmp_path / "clone"))
    clone = type(project)(tmp_path / "clone", project.env)
    before = config_of(clone, "remote.")
    assert "made the branch gtrack, at origin/gtrack" in clone.ok("init", "--remote", "origin")
    assert config_of(clone, "remote.") == before


def test_a_mirror_that_would_overwrite_local_runs_is_told(project, bare, tmp_path):
    project.git("clone", "-q", "--mirror", str(bare), str(tmp_path / "mirror.git"))
    mirror = type(project)(tmp_path / "mirror.git", project.env)
    assert "overwrites the local branches here" in mirror.ok("init", "--remote", "origin")


# -- hooks


def test_hooks_are_installed_once_and_taken_away_whole(project):
    folder = project.root / ".git" / "hooks"
    before = sorted(os.listdir(folder))
    assert "installed the hook pre-push" in project.ok("init", "--hooks")
    for name in ("pre-push", "post-commit"):
        assert (folder / name).stat().st_mode & stat.S_IXUSR
        assert project.run("sh", "-n", str(folder / name)).code == 0
    content = (folder / "pre-push").read_bytes()
    assert "installed already" in project.ok("init", "--hooks")
    assert (folder / "pre-push").read_bytes() == content
    assert "removed the hook" in project.ok("init", "--no-hooks")
    assert sorted(os.listdir(folder)) == before
    assert "no hook pre-push of gtrack's" in project.ok("init", "--no-hooks")


def test_an_init_that_says_nothing_of_hooks_leaves_them_alone(project):
    project.ok("init", "--hooks")
    before = sorted(os.listdir(project.root / ".git" / "hooks"))
    project.ok("init")
    assert sorted(os.listdir(project.root / ".git" / "hooks")) == before


def test_a_hook_that_was_there_is_called_first_with_the_same_arguments_and_input(project, bare):
    seen = project.root.parent / "seen"
    hook(project, "pre-push", f'{{ echo "$@"; cat; }} >"{seen}"')
    hook(project, "post-commit", f'echo "$# arguments" >"{seen}"')
    assert "kept as pre-push.before-gtrack and called first" in project.ok("init", "--hooks")
    project.git("commit", "-q", "--allow-empty", "-m", "second", PATH=f"{BIN}:{project.env['PATH']}")
    assert seen.read_text() == "0 arguments\n"
    project.git("push", "-q", "origin", "main", PATH=f"{BIN}:{project.env['PATH']}")
    arguments, line = seen.read_text().splitlines()
    assert arguments == f"origin {bare}"
    assert line.split()[::2] == ["refs/heads/main", "refs/heads/main"]


def test_a_hook_that_was_there_still_refuses_a_push(project, bare):
    hook(project, "pre-push", "echo no tests, no push >&2\nexit 3")
    project.ok("init", "--hooks")
    project.git("commit", "-q", "--allow-empty", "-m", "second")
    before = project.git("ls-remote", "origin")
    done = project.run("git", "push", "origin", "main", PATH=f"{BIN}:{project.env['PATH']}")
    assert done.code == 1
    assert "no tests, no push" in done.err
    assert project.git("ls-remote", "origin") == before


def test_a_hook_that_reads_nothing_and_one_that_is_not_executable_harm_nothing(project, bare):
    hook(project, "pre-push", "exit 0")
    hook(project, "post-commit", "exit 1", mode=0o644)
    project.ok("init", "--hooks")
    done = project.run("git", "commit", "-q", "--allow-empty", "-m", "second", PATH=f"{BIN}:{project.env['PATH']}")
    assert (done.code, done.err) == (0, "")
    project.git("push", "-q", "origin", "main", PATH=f"{BIN}:{project.env['PATH']}")


def test_taking_hooks_away_puts_back_what_was_there(project):
    path = hook(project, "pre-push", "exit 3")
    before = (path.read_bytes(), path.stat().st_mode)
    for _ in range(2):
        project.ok("init", "--hooks")
        assert path.read_bytes() != before[0]
    project.ok("init", "--no-hooks")
    assert (path.read_bytes(), path.stat().st_mode) == before
    assert not (path.parent / "pre-push.before-gtrack").exists()


def test_a_hook_that_replaced_ours_is_not_lost(project):
    hook(project, "pre-push", "exit 3")
    project.ok("init", "--hooks")
    path = hook(project, "pre-push", "exit 5")  # as git lfs update --force does
    done = project.gtrack("init", "--hooks")
    assert done.code == 4
    assert "which of them counts?" in done.err
    assert "exit 5" in path.read_text()
    assert "exit 3" in (path.parent / "pre-push.before-gtrack").read_text()


def test_hooks_that_a_framework_moved_aside_are_still_known(project):
    path = hook(project, "pre-push", "exit 0")
    project.ok("init", "--hooks")
    # pre-commit install: what it finds becomes pre-push.legacy, which it calls first.
    path.rename(path.with_suffix(".legacy"))
    hook(project, "pre-push", 'exec "${0%/*}/pre-push.legacy" "$@"')
    assert "hook pre-push is installed already" in project.ok("init", "--hooks")
    project.ok("init", "--no-hooks")
    assert "exit 0" in path.with_suffix(".legacy").read_text()


def test_an_older_script_is_brought_up_to_date(project):
    project.ok("init", "--hooks")
    path = project.root / ".git" / "hooks" / "pre-push"
    newest = path.read_text()
    path.write_text(newest.replace("gtrack hook pre-push", "gtrack hook pre-push --old"))
    assert "brought the hook pre-push up to date" in project.ok("init", "--hooks")
    assert path.read_text() == newest


def test_hooks_of_a_worktree_are_those_of_the_repository(project, tmp_path):
    project.git("worktree", "add", "-q", str(tmp_path / "side"))
    side = type(project)(tmp_path / "side", project.env)
    side.ok("init", "--hooks")
    assert (project.root / ".git" / "hooks" / "pre-push").exists()
    assert "installed already" in project.ok("init", "--hooks")


def test_a_folder_of_hooks_inside_git_is_this_clones_own(project):
    project.git("config", "core.hooksPath", ".git/own-hooks")
    project.ok("init", "--hooks")
    assert (project.root / ".git" / "own-hooks" / "pre-push").exists()


@pytest.mark.parametrize(("where", "why"), [(".husky/_", "in the work tree"), ("../shared", "outside this repository")])
def test_hooks_that_are_not_this_clones_own_are_left_alone(project, where, why):
    project.git("config", "core.hooksPath", where)
    there = hook(project, "pre-push", "exit 0", folder=where)
    said = project.ok("init", "--hooks")
    assert why in said
    assert 'gtrack hook pre-push "$@"' in said
    assert sorted(os.listdir(there.parent)) == ["pre-push"]
    assert not (project.root / ".git" / "hooks" / "pre-push").exists()


def test_the_line_that_is_named_for_such_hooks_does_their_work(project, bare):
    project.git("config", "core.hooksPath", ".husky")
    hook(project, "pre-push", 'gtrack hook pre-push "$@"', folder=".husky")
    project.ok("init")
    path = f"{BIN}:{project.env['PATH']}"
    project.git("push", "-q", "--no-verify", "origin", "gtrack")
    done = project.run("git", "push", "origin", ":gtrack", PATH=path)
    assert done.code == 1
    assert "delete the branch gtrack at origin" in done.err


def test_an_interpreter_with_a_strange_path_is_named_safely(project, tmp_path):
    from gtrack.branch.hooks import install_hooks
    from gtrack.branch.repository import Repository

    place = tmp_path / 'it\'s $(touch pwned) "here"'
    place.mkdir()
    (place / "python").write_text('#!/bin/sh\necho "called $*" >&2\nexit 4\n')
    (place / "python").chmod(0o755)
    with Repository(str(project.root), project.env) as repo:
        install_hooks(repo, str(place / "python"))
    done = project.run(str(project.root / ".git/hooks/pre-push"), "origin", "url", PATH="/usr/bin:/bin")
    assert done.code == 1
    assert done.err == "called -m gtrack hook pre-push origin url\n"
    assert not (project.root / "pwned").exists()
