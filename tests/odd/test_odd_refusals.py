"""Repositories that gtrack must not write: commands say why in one sentence, and training waits in the spool."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from odd_world import STEPS, World, user_state

import gtrack
from gtrack import errors


@dataclass(frozen=True)
class Refusal:
    """Why a repository cannot be used.

    Attributes:
        repo: The checkout.
        error: What opening or writing raises.
        says: Words of its message.
        hint: What it proposes to type.
        heal: Makes the repository usable.
        readable: Its runs can be read all the same.
    """

    repo: Path
    error: type[errors.GtrackError]
    says: str
    hint: str
    heal: Callable[[], object]
    readable: bool = False


def reftable(world: World) -> Refusal:
    repo = world.repository(world.root / "repo")
    config = repo / ".git" / "config"
    before = config.read_text()
    config.write_text(before.replace("repositoryformatversion = 0", "repositoryformatversion = 1"))
    with config.open("a") as file:
        file.write("[extensions]\n\trefStorage = reftable\n")
    hint = "git refs migrate --ref-format=files"
    return Refusal(repo, errors.RepositoryError, "'reftable'", hint, lambda: config.write_text(before))


def unknown_extension(world: World) -> Refusal:
    repo = world.repository(world.root / "repo")
    config = repo / ".git" / "config"
    before = config.read_text()
    config.write_text(before.replace("repositoryformatversion = 0", "repositoryformatversion = 1"))
    with config.open("a") as file:
        file.write("[extensions]\n\tquantumObjects = true\n")
    says = "the extension 'quantumobjects'"
    return Refusal(repo, errors.RepositoryError, says, "pip install -U gtrack", lambda: config.write_text(before))


def future_repository_version(world: World) -> Refusal:
    repo = world.repository(world.root / "repo")
    config = repo / ".git" / "config"
    before = config.read_text()
    config.write_text(before.replace("repositoryformatversion = 0", "repositoryformatversion = 7"))
    says = "repository format 7"
    return Refusal(repo, errors.RepositoryError, says, "pip install -U gtrack", lambda: config.write_text(before))


def another_users_repository(world: World) -> Refusal:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    repo = world.repository(world.root / "repo")
    for path in (repo, repo / ".git"):
        os.chown(path, 65534, 65534)

    def trust() -> None:
        world.git(world.root, "config", "--file", world.env["GIT_CONFIG_GLOBAL"], "--add", "safe.directory", str(repo))

    hint = f"git config --global --add safe.directory {repo}"
    return Refusal(repo, errors.RepositoryError, "belongs to another user", hint, trust)


def broken_git_file(world: World) -> Refusal:
    repo = world.repository(world.root / "repo")
    (repo / ".git").rename(world.root / "moved.git")
    (repo / ".git").write_text("gitdir: ../nowhere.git\n")

    def mend() -> None:
        (repo / ".git").write_text("gitdir: ../moved.git\n")

    return Refusal(repo, errors.RepositoryError, "names no git repository", "git worktree repair", mend)


def branch_below(world: World) -> Refusal:
    repo = world.repository(world.root / "repo")
    world.git(repo, "branch", "gtrack/x")
    says = "the branch 'gtrack/x' stands in the way"
    hint = "git config gtrack.branch gtrack-runs"
    return Refusal(
        repo, errors.RepositoryError, says, hint, lambda: world.git(repo, "branch", "-m", "gtrack/x", "x"), True
    )


def packed_branch_below(world: World) -> Refusal:
    refusal = branch_below(world)
    world.git(refusal.repo, "pack-refs", "--all", "--prune")
    return refusal


def branch_above(world: World) -> Refusal:
    repo = world.repository(world.root / "repo")
    world.git(repo, "config", "gtrack.branch", "main/runs")
    says = "the branch 'main' stands in the way"
    heal = lambda: world.git(repo, "config", "gtrack.branch", "gtrack")  # noqa: E731
    return Refusal(repo, errors.RepositoryError, says, "choose another name", heal, True)


def checked_out(world: World) -> Refusal:
    repo = world.repository(world.root / "repo")
    world.train(repo).check_undisturbed()
    world.git(repo, "worktree", "add", "-q", str(world.root / "runs"), "gtrack")
    heal = lambda: world.git(world.root / "runs", "switch", "-q", "--detach")  # noqa: E731
    return Refusal(repo, errors.RepositoryError, "is checked out in", "git switch", heal, True)


def future_format(world: World) -> Refusal:
    repo = world.repository(world.root / "repo")
    world.train(repo).check_undisturbed()
    tip = world.git(repo, "rev-parse", "gtrack").strip()
    index = {"GIT_INDEX_FILE": str(world.root / "index")}
    world.git(repo, "read-tree", "gtrack", **index)
    (world.root / "FORMAT").write_text("format: 2\nepoch: 0\n")
    blob = world.git(repo, "hash-object", "-w", str(world.root / "FORMAT")).strip()
    world.git(repo, "update-index", "--cacheinfo", f"100644,{blob},FORMAT", **index)
    tree = world.git(repo, "write-tree", **index).strip()
    commit = world.git(repo, "commit-tree", "-p", tip, "-m", "of the future", tree).strip()
    world.git(repo, "update-ref", "refs/heads/gtrack", commit)
    heal = lambda: world.git(repo, "update-ref", "refs/heads/gtrack", tip)  # noqa: E731
    return Refusal(repo, errors.FormatError, "of format 2; this gtrack reads up to 1", "pip install -U gtrack", heal)


def missing_objects(world: World) -> Refusal:
    repo = world.repository(world.root / "repo")
    world.train(repo).check_undisturbed()
    tip = world.git(repo, "rev-parse", "gtrack").strip()
    lost = repo / ".git" / "objects" / tip[:2] / tip[2:]
    shutil.copy2(lost, world.root / "lost")
    lost.unlink()
    shutil.rmtree(repo / ".git" / "gtrack" / "kept")
    heal = lambda: shutil.copy2(world.root / "lost", lost)  # noqa: E731
    return Refusal(repo, errors.DamageError, "whose objects are missing", "gtrack fsck --repair", heal)


def damaged_reference(world: World) -> Refusal:
    repo = world.repository(world.root / "repo")
    world.train(repo).check_undisturbed()
    ref = repo / ".git" / "refs" / "heads" / "gtrack"
    before = ref.read_bytes()
    ref.write_bytes(b"")
    heal = lambda: ref.write_bytes(before)  # noqa: E731
    return Refusal(repo, errors.DamageError, "refs/heads/gtrack is damaged", "git fsck", heal)


REFUSALS = [
    reftable,
    unknown_extension,
    future_repository_version,
    another_users_repository,
    broken_git_file,
    branch_below,
    packed_branch_below,
    branch_above,
    checked_out,
    future_format,
    missing_objects,
    damaged_reference,
]


@pytest.mark.parametrize("refuse", REFUSALS, ids=lambda refuse: refuse.__name__)
def test_what_cannot_be_used_is_explained_and_the_training_waits_in_the_spool(
    world: World, tmp_path: Path, refuse: Callable[[World], Refusal]
) -> None:
    # A configuration of this test's own, since one of the cases adds to it.
    config = shutil.copy(world.env["GIT_CONFIG_GLOBAL"], tmp_path / "gitconfig")
    world = World(world.root, {**world.env, "GIT_CONFIG_GLOBAL": str(config)})
    refusal = refuse(world)
    trained = world.train(refusal.repo)
    trained.check_undisturbed()
    (warning,) = trained.warnings
    assert refusal.says in warning
    assert refusal.hint in warning

    listed = world.gtrack(refusal.repo, "ls")
    if refusal.readable:
        assert listed.code == 0, listed
        assert trained.run_id[:7] in listed.out
        assert [line for line in listed.warnings if refusal.says in line] == listed.warnings
        assert len(listed.warnings) == 1
        error = _error_of_writing(world, refusal.repo)
    else:
        assert (listed.code, listed.out) == (refusal.error.exit_code, ""), listed
        error = _error_of_reading(world, refusal.repo)
    assert type(error) is refusal.error
    assert refusal.says in error.message
    assert "\n" not in error.message
    assert refusal.hint in (error.hint or "")

    refusal.heal()
    before = user_state(world, refusal.repo)
    if str(world.state_spool) in warning and "gtrack ingest" in warning:
        pytest.importorskip("gtrack.ops.ingest")
        taken = world.gtrack(refusal.repo, "ingest", str(world.state_spool))
        assert taken.code == 0, taken
    found = {run["id"]: run for run in world.runs(refusal.repo)}
    assert found[trained.run_id]["status"] == "finished"
    assert found[trained.run_id]["values"]["seen"] == list(range(STEPS))
    branch = world.git(refusal.repo, "config", "--default", "gtrack", "gtrack.branch").strip()
    world.git(refusal.repo, "cat-file", "-e", f"{branch}:runs/{trained.run_id[:2]}/{trained.run_id}/run.yaml")
    assert user_state(world, refusal.repo) == before


def _error_of_reading(world: World, repo: Path) -> errors.GtrackError:
    with pytest.raises(errors.GtrackError) as caught, gtrack.Repo(str(repo), env=world.env) as opened:
        opened.runs()
    return caught.value


def _error_of_writing(world: World, repo: Path) -> errors.GtrackError:
    from gtrack.branch.commit import commit_files

    with gtrack.Repo(str(repo), env=world.env) as opened, pytest.raises(errors.GtrackError) as caught:
        commit_files(opened.repository, {"views/x": b"x"}, "x", by="Ada <ada@example.org>")
    return caught.value
