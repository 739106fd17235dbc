"""Repositories of every shape: a run works in each, and nothing of the user's moves."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from odd_world import World, check_recorded, user_state

import gtrack


@dataclass(frozen=True)
class Place:
    """Where a run is started, and how.

    Attributes:
        cwd: The directory.
        env: What the shell has set there.
        edited: The tracked file with an uncommitted edit, from the top of the checkout; None where there is none.
        fsck: Options for ``git fsck``.
    """

    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    edited: str | None = "model.py"
    fsck: tuple[str, ...] = ("--full",)


def plain(world: World) -> Place:
    return Place(world.repository(world.root / "plain"))


def linked_worktree(world: World) -> Place:
    main = world.repository(world.root / "main")
    world.git(main, "worktree", "add", "-q", "-b", "side", "../linked")
    linked = world.root / "linked"
    (linked / "model.py").write_text("DEPTH = 4\n")
    return Place(linked)


def _remote(world: World) -> str:
    remote = world.repository(world.root / "remote")
    world.git(remote, "config", "uploadpack.allowFilter", "true")
    world.git(remote, "branch", "other")
    return f"file://{remote}"


def _clone(world: World, *options: str) -> Place:
    url = _remote(world)
    world.git(world.root, "clone", "-q", *options, url, "clone")
    clone = world.root / "clone"
    (clone / "model.py").write_text("DEPTH = 4\n")
    return Place(clone)


def shallow_clone(world: World) -> Place:
    return _clone(world, "--depth=1")


def single_branch_clone(world: World) -> Place:
    return _clone(world, "--single-branch")


def blobless_clone(world: World) -> Place:
    return _clone(world, "--filter=blob:none")


def treeless_clone(world: World) -> Place:
    return _clone(world, "--filter=tree:0")


def offline_partial_clone(world: World) -> Place:
    place = _clone(world, "--filter=blob:none")
    (world.root / "remote").rename(world.root / "gone")
    return place


def sparse_checkout(world: World) -> Place:
    place = _clone(world)
    world.git(place.cwd, "sparse-checkout", "set", "--cone", "docs")
    assert not (place.cwd / "pkg").exists()
    return place


def sparse_index(world: World) -> Place:
    place = _clone(world)
    world.git(place.cwd, "sparse-checkout", "set", "--cone", "--sparse-index", "docs")
    return place


def shared_objects(world: World) -> Place:
    source = world.repository(world.root / "source")
    world.git(world.root, "clone", "-q", "-s", str(source), "clone")
    (world.root / "clone" / "model.py").write_text("DEPTH = 4\n")
    return Place(world.root / "clone")


def submodule(world: World) -> Place:
    inner = world.repository(world.root / "inner")
    outer = world.repository(world.root / "outer")
    world.git(outer, "submodule", "--quiet", "add", str(inner), "lib")
    world.git(outer, "commit", "-q", "-m", "submodule")
    (outer / "lib" / "model.py").write_text("DEPTH = 4\n")
    return Place(outer / "lib")


def bare(world: World) -> Place:
    source = world.repository(world.root / "source")
    world.git(world.root, "clone", "-q", "--bare", str(source), "bare.git")
    return Place(world.root / "bare.git", edited=None)


def no_commits(world: World) -> Place:
    empty = world.root / "empty"
    empty.mkdir()
    world.git(empty, "init", "-q")
    (empty / "model.py").write_text("DEPTH = 1\n")
    return Place(empty)


def detached_head(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    world.git(repo, "checkout", "-q", "--detach", "HEAD~0")
    return Place(repo)


def awkward_name(world: World) -> Place:
    return Place(world.repository(world.root / "Übung 1\n'x\" $HOME"))


def monorepo_folder(world: World) -> Place:
    repo = world.repository(world.root / "mono")
    return Place(repo / "pkg")


def sha256(world: World) -> Place:
    return Place(world.repository(world.root / "repo", "--object-format=sha256"))


def git_dir_and_work_tree(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    (repo / ".git").rename(world.root / "elsewhere.git")
    env = {"GIT_DIR": str(world.root / "elsewhere.git"), "GIT_WORK_TREE": str(repo)}
    return Place(repo, env)


def git_dir_alone(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    (repo / ".git").rename(world.root / "elsewhere.git")
    return Place(repo, {"GIT_DIR": "../elsewhere.git"})


def git_dir_without_commits(world: World) -> Place:
    empty = world.root / "empty"
    empty.mkdir()
    world.git(empty, "init", "-q")
    (empty / ".git").rename(world.root / "elsewhere.git")
    (empty / "model.py").write_text("DEPTH = 1\n")
    return Place(empty, {"GIT_DIR": "../elsewhere.git"})


def git_dir_that_knows_its_work_tree(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    (repo / ".git").rename(world.root / "elsewhere.git")
    env = {"GIT_DIR": str(world.root / "elsewhere.git")}
    world.git(repo, "config", "core.worktree", "../repo", **env)
    return Place(repo / "pkg", env)


def configured_work_tree(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    (repo / ".git").rename(world.root / "elsewhere.git")
    world.git(repo, "config", "core.worktree", str(repo), GIT_DIR=str(world.root / "elsewhere.git"))
    (repo / ".git").write_text(f"gitdir: {world.root / 'elsewhere.git'}\n")
    return Place(repo)


def separate_git_dir(world: World) -> Place:
    return Place(world.repository(world.root / "repo", f"--separate-git-dir={world.root / 'apart'}"))


def worktree_config(world: World) -> Place:
    place = linked_worktree(world)
    world.git(place.cwd, "config", "extensions.worktreeConfig", "true")
    world.git(place.cwd, "config", "--worktree", "core.autocrlf", "input")
    return place


def packed(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    world.git(repo, "gc", "-q", "--prune=now")
    return Place(repo)


def packed_gtrack_branch(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    world.train(repo).check_undisturbed()
    world.git(repo, "gc", "-q", "--prune=now")
    world.git(repo, "pack-refs", "--all", "--prune")
    assert not (repo / ".git" / "refs" / "heads" / "gtrack").exists()
    return Place(repo)


def stashed(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    world.git(repo, "stash", "-q")
    (repo / "model.py").write_text("DEPTH = 4\n")
    return Place(repo)


def staged(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    (repo / "new.py").write_text("NEW = 1\n")
    world.git(repo, "add", "new.py", "model.py")
    (repo / "model.py").write_text("DEPTH = 5\n")
    world.git(repo, "rm", "-q", "--cached", "pkg/data.py")
    return Place(repo)


def symbolic_gtrack_branch(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    world.git(repo, "symbolic-ref", "refs/heads/gtrack", "refs/heads/gtrack-runs")
    return Place(repo)


def emptied_folder_in_the_way(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    (repo / ".git" / "refs" / "heads" / "gtrack" / "x").mkdir(parents=True)
    return Place(repo)


def bare_with_worktrees(world: World) -> Place:
    source = world.repository(world.root / "source")
    world.git(world.root, "clone", "-q", "--bare", str(source), "all/.bare")
    world.git(world.root / "all" / ".bare", "worktree", "add", "-q", "../main", "main")
    (world.root / "all" / "main" / "model.py").write_text("DEPTH = 4\n")
    return Place(world.root / "all" / "main")


def inside_a_hook(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    return Place(repo, {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index", "GIT_PREFIX": ""})


def many_references(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    head = world.git(repo, "rev-parse", "HEAD").strip()
    lines = "".join(f"{head} refs/heads/gtrack-{n}\n{head} refs/tags/gtrack/v{n}\n" for n in range(5000))
    (repo / ".git" / "packed-refs").write_text("# pack-refs with: peeled fully-peeled sorted \n" + lines)
    world.git(repo, "pack-refs", "--all")
    return Place(repo)


def linked_from_elsewhere(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    (world.root / "link").symlink_to(repo)
    return Place(world.root / "link" / "pkg")


def included_config(world: World) -> Place:
    repo = world.repository(world.root / "repo")
    (repo / ".git" / "more").write_text("[gtrack]\n\tbranch = gtrack/runs\n")
    world.git(repo, "config", "include.path", "more")
    return Place(repo)


def hostile_attributes(world: World) -> Place:
    """Line endings are converted, and hooks that must not run would fail."""
    repo = world.repository(world.root / "repo")
    (repo / ".gitattributes").write_text("*.py text eol=crlf\n")
    for name in ("reference-transaction", "post-index-change", "pre-commit", "post-commit", "pre-auto-gc"):
        hook = repo / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
    return Place(repo)


SHAPES: list[Callable[[World], Place]] = [
    plain,
    linked_worktree,
    shallow_clone,
    single_branch_clone,
    blobless_clone,
    treeless_clone,
    offline_partial_clone,
    sparse_checkout,
    sparse_index,
    shared_objects,
    submodule,
    bare,
    no_commits,
    detached_head,
    awkward_name,
    monorepo_folder,
    sha256,
    git_dir_and_work_tree,
    git_dir_alone,
    git_dir_without_commits,
    git_dir_that_knows_its_work_tree,
    configured_work_tree,
    separate_git_dir,
    worktree_config,
    packed,
    packed_gtrack_branch,
    stashed,
    staged,
    symbolic_gtrack_branch,
    emptied_folder_in_the_way,
    bare_with_worktrees,
    inside_a_hook,
    many_references,
    linked_from_elsewhere,
    included_config,
    hostile_attributes,
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_run_is_recorded_in_every_shape_of_repository(world: World, shape: Callable[[World], Place]) -> None:
    place = shape(world)
    before = user_state(world, place.cwd, place.env)
    trained = world.train(place.cwd, env=place.env)
    trained.check_undisturbed()
    assert trained.warnings == []
    assert user_state(world, place.cwd, place.env) == before
    with gtrack.Repo(str(place.cwd), env={**world.env, **place.env}) as repo:
        run = repo.run(trained.run_id)
        check_recorded(run)
        assert run.state.problems == ()
        check_code(world, place, dict(run.state.code))
        assert repo.repository.tip is not None
        listed = world.git(
            place.cwd, "ls-tree", "-r", "--name-only", "--full-tree", repo.repository.branch, **place.env
        )
    assert f"runs/{run.id[:2]}/{run.id}/run.yaml" in listed.splitlines()
    assert user_state(world, place.cwd, place.env) == before
    world.git(place.cwd, "fsck", *place.fsck, **place.env)


def check_code(world: World, place: Place, code: dict[str, object]) -> None:
    """Assert that a run's code facts are what git says, and that its snapshot is what ran."""
    head = _git(world, place, "rev-parse", "--verify", "--quiet", "HEAD")
    assert code.get("commit") == (head or None)
    branch = _git(world, place, "symbolic-ref", "--quiet", "--short", "HEAD")
    assert code.get("branch") == (branch or None)
    inside = _git(world, place, "rev-parse", "--show-prefix").rstrip("/")
    assert code["cwd"] == (inside or ".")
    if place.edited is None:
        assert code.get("dirty") is False
        return
    assert code["dirty"] is True
    top = Path(world.git(place.cwd, "rev-parse", "--show-toplevel", **place.env).rstrip("\n"))
    kept = world.git(place.cwd, "cat-file", "blob", f"{code['snapshot']}:{place.edited}", **place.env)
    assert kept == (top / place.edited).read_text()
    parents = _git(world, place, "rev-list", "--parents", "-1", str(code["snapshot"])).split()
    assert len(parents) == 1
    # Alive: the chain of snapshots reaches it, so that no garbage collection takes it.
    chain = _git(world, place, "rev-list", "refs/gtrack/code").split()
    assert code["snapshot"] in chain


def _git(world: World, place: Place, *args: str) -> str:
    """Return what git prints, also when it fails."""
    env = {**world.env, **place.env}
    done = subprocess.run(world.command(place.cwd, "git", *args), env=env, capture_output=True, check=False)
    return os.fsdecode(done.stdout).rstrip("\n")
