"""Snapshots of repositories of every shape, and of working trees in every state."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from snapshot_checkout import AWS_KEY, Checkout, add_submodule

from gtrack.branch.git import Git
from gtrack.branch.snapshot import take_snapshot
from gtrack.branch.untracked import SnapshotPolicy
from gtrack.errors import GitError, RepositoryError


@pytest.fixture
def repo(tmp_path: Path) -> Checkout:
    """A repository with one commit of three files."""
    repo = Checkout(tmp_path / "repo")
    for name in ("a.py", "b.py", "pack/c.py"):
        repo.write(name, f"{name}\n")
    repo.commit()
    return repo


def test_a_repository_without_commits_has_a_snapshot(tmp_path: Path) -> None:
    repo = Checkout(tmp_path / "repo")
    repo.write("a.py", "a = 1\n")

    snapshot = repo.snapshot()

    assert (snapshot.commit, snapshot.branch, snapshot.dirty) == (None, "main", True)
    assert list(repo.files(snapshot.tree)) == ["a.py"]
    assert repo.snapshot(code="commit-only").tree is None


def test_a_detached_head_has_no_branch(repo: Checkout) -> None:
    repo("checkout", "-q", "--detach")
    assert repo.snapshot().branch is None


def test_a_branch_name_may_have_slashes_and_letters_of_any_script(repo: Checkout) -> None:
    repo("checkout", "-q", "-b", "exp/lernrate-\u00fc")
    assert repo.snapshot().branch == "exp/lernrate-\u00fc"


def test_a_sha256_repository_has_sha256_snapshots(tmp_path: Path) -> None:
    repo = Checkout(tmp_path / "repo", init=("--object-format=sha256",))
    repo.write("gone.py")
    repo.write("key.py", "key = None\n")
    repo.commit()
    (repo.root / "gone.py").unlink()
    repo.write("key.py", f"key = '{AWS_KEY}'\n")
    repo.write("new.py", f"key = '{AWS_KEY}'\n")
    repo("add", "new.py")

    snapshot = repo.snapshot()

    assert len(snapshot.snapshot or "") == len(snapshot.tree or "") == 64
    assert repo.text(snapshot.tree, "key.py") == "key = None\n"
    assert list(repo.files(snapshot.tree)) == ["key.py"]
    assert repo.left(snapshot) == {"key.py": "secret-edit", "new.py": "secret"}


def test_a_linked_worktree_is_its_own_working_tree(repo: Checkout, tmp_path: Path) -> None:
    repo("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    repo.write("a.py", "not of this worktree\n")
    side = Checkout(tmp_path / "side", init=None)
    side.write("a.py", "side\n")

    snapshot = side.snapshot()

    assert (snapshot.branch, side.git_dir != side.common_dir) == ("side", True)
    assert repo.text(snapshot.snapshot, "a.py") == "side\n"


def test_a_submodule_is_a_repository_like_any_other(repo: Checkout, tmp_path: Path) -> None:
    outer = Checkout(tmp_path / "outer")
    outer.commit()
    inner = add_submodule(outer, repo, "inner")
    inner.write("a.py", "edited\n")

    snapshot = inner.snapshot()

    assert snapshot.commit == repo("rev-parse", "HEAD").strip()
    assert inner.text(snapshot.tree, "a.py") == "edited\n"


def test_conflicts_are_taken_as_they_stand_in_the_working_tree(repo: Checkout) -> None:
    repo("checkout", "-q", "-b", "other")
    repo.write("a.py", "theirs\n")
    (repo.root / "b.py").unlink()
    repo.commit()
    repo("checkout", "-q", "main")
    repo.write("a.py", "ours\n")
    repo.write("b.py", "ours\n")
    repo.commit()
    repo.git.call(["merge", "other"], cwd=str(repo.root))
    assert repo("ls-files", "-u")
    (repo.root / "b.py").unlink()

    snapshot = repo.snapshot()

    assert "<<<<<<<" in repo.text(snapshot.tree, "a.py")
    assert list(repo.files(snapshot.tree)) == ["a.py", "pack/c.py"]


def test_files_added_with_intent_only_are_taken(repo: Checkout) -> None:
    repo.write("new.csv", "1\n")
    repo("add", "--intent-to-add", "new.csv")
    assert repo.text(repo.snapshot().tree, "new.csv") == "1\n"


def test_a_file_removed_from_the_index_only_is_untracked(repo: Checkout) -> None:
    repo("rm", "-q", "--cached", "a.py", "b.py")
    repo.write("b.py", b"\0")
    snapshot = repo.snapshot()
    assert list(repo.files(snapshot.tree)) == ["a.py", "pack/c.py"]
    assert repo.left(snapshot) == {"b.py": "binary"}


def test_files_folders_and_links_may_take_each_others_place(repo: Checkout) -> None:
    (repo.root / "a.py").unlink()
    repo.write("a.py/deep/x.py", "x\n")
    shutil.rmtree(repo.root / "pack")
    repo.write("pack", "a file now\n")
    (repo.root / "b.py").unlink()
    (repo.root / "b.py").symlink_to("pack")

    assert repo.files(repo.snapshot().tree) == repo.files(repo.tree_of("."))


def test_a_folder_replaced_by_a_link_is_a_link(repo: Checkout) -> None:
    (repo.root / "pack").rename(repo.root / "moved")
    (repo.root / "pack").symlink_to("moved")
    files = repo.files(repo.snapshot().tree)
    assert files == repo.files(repo.tree_of("."))
    assert files["pack"].startswith("120000")


def test_a_repository_inside_is_left_out(repo: Checkout) -> None:
    inner = Checkout(repo.root / "vendor" / "inner")
    inner.write("x.py")
    inner.commit()
    snapshot = repo.snapshot()
    assert repo.left(snapshot) == {"vendor/inner/": "embedded-repository"}
    assert "vendor/inner" not in repo.files(snapshot.tree)


def test_edits_that_git_does_not_look_at_are_reported(repo: Checkout) -> None:
    repo("update-index", "--assume-unchanged", "a.py")
    repo("update-index", "--skip-worktree", "b.py", "pack/c.py")
    head = repo.snapshot()
    repo.write("a.py", "edited\n")
    repo.write("b.py", f"key = '{AWS_KEY}'\n")

    snapshot = repo.snapshot()

    assert (head.left_out, head.warnings, head.dirty) == ((), (), False)
    assert snapshot.tree == head.tree
    assert repo.left(snapshot) == {"a.py": "assume-unchanged", "b.py": "skip-worktree"}
    assert [file.digest is None for file in snapshot.left_out] == [False, True]
    assert (snapshot.dirty, len(snapshot.warnings)) == (True, 2)
    assert AWS_KEY.encode() not in repo.all_objects()


def test_a_sparse_checkout_has_the_whole_tree(repo: Checkout) -> None:
    repo("sparse-checkout", "set", "pack")
    repo("sparse-checkout", "set", "--no-cone", "pack/*")
    assert not (repo.root / "a.py").exists()
    repo.write("pack/c.py", "edited\n")
    snapshot = repo.snapshot()
    assert list(repo.files(snapshot.tree)) == ["a.py", "b.py", "pack/c.py"]
    assert repo.text(snapshot.tree, "pack/c.py") == "edited\n"
    assert snapshot.left_out == ()


@pytest.mark.parametrize("autocrlf", ["true", "input", "false"])
def test_line_endings_are_those_git_stores(repo: Checkout, autocrlf: str) -> None:
    repo("config", "core.autocrlf", autocrlf)
    repo("config", "core.safecrlf", "true")
    repo.write("a.py", b"one\r\ntwo\r\n")
    repo.write("mixed.py", b"one\r\ntwo\n")
    tree = repo.snapshot().tree
    repo("config", "core.safecrlf", "false")
    assert tree == repo.tree_of(".")


def test_filters_run_as_in_git_add(repo: Checkout) -> None:
    repo("config", "filter.lfs.clean", "sed s/secret/pointer/")
    repo("config", "filter.lfs.required", "true")
    repo.write(".gitattributes", "*.dat filter=lfs\n")
    repo.write("big.dat", "a secret content\n")
    repo.commit()
    repo.write("big.dat", "another secret content\n")
    assert repo.text(repo.snapshot().tree, "big.dat") == "another pointer content\n"


def test_a_file_that_git_refuses_costs_that_file_only(repo: Checkout) -> None:
    repo.write(".gitattributes", "*.dat filter=broken\n")
    repo.write("big.dat", "one\n")
    repo.commit()
    repo("config", "filter.broken.clean", "false")
    repo("config", "filter.broken.required", "true")
    repo.write("big.dat", "longer than before\n")
    repo.write("a.py", "edited\n")
    snapshot = repo.snapshot()
    assert repo.left(snapshot) == {"big.dat": "refused"}
    assert repo.text(snapshot.tree, "a.py") == "edited\n"
    assert repo.text(snapshot.tree, "big.dat") == "one\n"
    assert "git could not take big.dat" in snapshot.warnings[0]


def test_hooks_and_fsmonitor_do_not_run_and_a_split_index_is_read(repo: Checkout) -> None:
    ran = repo.root.parent / "ran"
    for hook in ("post-index-change", "pre-commit", "reference-transaction", "fsmonitor"):
        repo.write(f".git/hooks/{hook}", f"#!/bin/sh\necho {hook} >> '{ran}'\n", mode=0o755)
    repo("update-index", "--split-index")
    repo("config", "core.splitIndex", "true")
    repo("config", "core.fsmonitor", ".git/hooks/fsmonitor")
    ran.unlink(missing_ok=True)
    repo.write("a.py", "edited\n")

    snapshot = repo.snapshot()

    assert repo.text(snapshot.tree, "a.py") == "edited\n"
    assert not ran.exists()
    assert len(list(Path(repo.git_dir).glob("sharedindex.*"))) == 1


def test_variables_that_a_hook_sets_do_not_lead_astray(repo: Checkout, tmp_path: Path) -> None:
    elsewhere = Checkout(tmp_path / "elsewhere")
    expected = repo.snapshot()
    misled = {"GIT_DIR": elsewhere.git_dir, "GIT_INDEX_FILE": "/nowhere", "GIT_PREFIX": "pack/"}
    repo.git = Git.find({**repo.env, **misled}) or repo.git
    assert repo.snapshot() == expected


def test_a_key_that_head_has_already_only_warns(repo: Checkout) -> None:
    repo.write("a.py", f"key = '{AWS_KEY}'\n")
    repo.commit()
    repo.write("a.py", f"lr = 0.1\nkey = '{AWS_KEY}'\n")
    snapshot = repo.snapshot()
    assert "lr" in repo.text(snapshot.tree, "a.py")
    assert snapshot.left_out == ()
    assert snapshot.warnings == ("a.py seems to hold a secret (AWS key) in HEAD already; it is in the code snapshot",)


def test_a_tracked_file_with_the_name_of_a_secret_stays_as_in_head(repo: Checkout) -> None:
    repo.write(".env", "A=1\n")
    repo.commit()
    repo.write(".env", "A=2\n")
    snapshot = repo.snapshot()
    assert repo.text(snapshot.tree, ".env") == "A=1\n"
    assert repo.left(snapshot) == {".env": "secret-edit"}


def test_a_lost_file_of_a_renamed_one_is_gone_and_the_new_one_there(repo: Checkout) -> None:
    (repo.root / "a.py").rename(repo.root / "renamed.py")
    assert list(repo.files(repo.snapshot().tree)) == ["b.py", "pack/c.py", "renamed.py"]


def test_paths_need_not_be_utf8(repo: Checkout) -> None:
    name = os.fsdecode(b'caf\xe9 "x" -> y.py')
    repo.write(name, "x = 1\n")
    repo.write(name + "2", b"\0")
    snapshot = repo.snapshot()
    assert name in repo.files(snapshot.tree)
    assert repo.left(snapshot) == {name + "2": "binary"}


@contextmanager
def without_privileges() -> Iterator[Path]:
    """Yield a new folder and, for root, be somebody else meanwhile: modes mean nothing to root."""
    folder = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.chown(folder, 65534, 65534)
            os.setegid(65534)
            os.seteuid(65534)
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
            os.setegid(0)
        shutil.rmtree(folder)


def test_a_read_only_repository_has_its_objects_in_the_spool() -> None:
    with without_privileges() as folder:
        repo = Checkout(folder / 'repo: "1"')
        repo.write("a.py", "a = 1\n")
        repo.commit()
        repo.write("a.py", "a = 2\n")
        closed = [Path(repo.git_dir, "objects"), Path(repo.git_dir)]
        for path in closed:
            path.chmod(0o555)
        try:
            spool = str(folder / "spool" / "objects")
            with pytest.raises(RepositoryError, match="GTRACK_SPOOL"):
                repo.snapshot()
            snapshot = repo.snapshot(spool_objects=spool)
        finally:
            for path in closed:
                path.chmod(0o755)

        assert snapshot.objects == spool
        assert repo.git.call(["cat-file", "-e", snapshot.snapshot or ""], cwd=str(repo.root)).returncode == 1
        shown = repo("show", f"{snapshot.snapshot}:a.py", GIT_ALTERNATE_OBJECT_DIRECTORIES=spool)
        assert shown == "a = 2\n"
        assert sorted(os.listdir(folder / "spool")) == ["objects"]


def test_a_killed_snapshots_files_are_swept_later(repo: Checkout) -> None:
    left = Path(repo.common_dir) / "gtrack" / "tmp" / "snapshot-dead"
    left.mkdir(parents=True)
    (left / "index").touch()
    os.utime(left, (0, 0))
    repo.snapshot()
    assert not left.exists()
    assert stat.S_IMODE(left.parent.stat().st_mode) & 0o700 == 0o700


def test_a_folder_that_is_no_repository_is_an_error(repo: Checkout, tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not a git repository"):
        take_snapshot(repo.git, str(tmp_path), str(tmp_path), repo.common_dir, policy=SnapshotPolicy())
