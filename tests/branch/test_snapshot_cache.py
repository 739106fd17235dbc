"""A snapshot that was found by what is remembered is the one that git would make anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from snapshot_checkout import Checkout, add_submodule

from gtrack.branch.chain import CODE_REF, keep_snapshot
from gtrack.branch.git import Git
from gtrack.branch.kept_link import is_kept, note_kept
from gtrack.branch.repository import Repository
from gtrack.branch.snapshot import Snapshot
from gtrack.branch.snapshot_cache import cache_path, index_key, read_checked, write_checked

LOG = """#!/bin/sh
echo "$*" >> "$GTRACK_TEST_LOG"
exec "$GTRACK_TEST_GIT" "$@"
"""


class Observed(Checkout):
    """A checkout whose snapshots are taken by a git that writes down what it was asked."""

    def __init__(self, root: Path, *, init: tuple[str, ...] | None = ()) -> None:
        super().__init__(root, init=init)
        self.log = root.parent / f"{root.name}.asked"
        script = root.parent / "logged-git"
        script.write_text(LOG)
        script.chmod(0o755)
        env = {**self.git.env, "GTRACK_TEST_LOG": str(self.log), "GTRACK_TEST_GIT": self.git.executable}
        self.git = Git(str(script), env)

    def asked(self) -> list[str]:
        """Return the commands that a snapshot asked git, and check it against one made without memory."""
        self.log.unlink(missing_ok=True)
        taken = self.snapshot()
        lines = self.log.read_text().splitlines()
        commands = {"status", "ls-files", "write-tree", "hash-object", "update-index", "rev-parse", "cat-file"}
        self.forget()
        assert taken == self.snapshot()
        assert self("cat-file", "-t", taken.snapshot or "").strip() == "commit"
        return [next(word for word in line.split() if word in commands) for line in lines]

    @property
    def cache(self) -> Path:
        return Path(cache_path(self.git_dir, self.common_dir))

    def forget(self) -> None:
        """Remove what is remembered."""
        self.cache.unlink(missing_ok=True)


@pytest.fixture
def repo(tmp_path: Path) -> Observed:
    repo = Observed(tmp_path / "repo")
    repo.write("train.py", "lr = 0.1\n")
    repo.write("lib/model.py", "depth = 3\n")
    repo.write("data.txt", b"a\nb\n")
    repo.commit()
    return repo


def anew(repo: Observed) -> Snapshot:
    repo.forget()
    return repo.snapshot()


def test_the_second_start_asks_git_for_the_status_alone(repo: Observed) -> None:
    repo.snapshot()

    assert repo.asked() == ["status"]


def test_a_dirty_start_asks_what_its_edits_need(repo: Observed) -> None:
    repo.write("train.py", "lr = 0.2\n")
    repo.snapshot()
    repo.write("train.py", "lr = 0.3\n")

    assert repo.asked() == ["status", "update-index", "write-tree"]


def test_an_edit_of_the_same_size_and_time_as_the_index_is_seen(repo: Observed) -> None:
    for number in range(6):
        repo.write("train.py", f"lr = {number:03}\n")
        repo.commit("train.py")  # the index and the file have the same time: git calls such an entry racy
        clean = repo.snapshot()
        repo.write("train.py", f"lr = {number + 500:03}\n")
        dirty = repo.snapshot()

        assert not clean.dirty
        assert dirty.dirty
        assert repo("show", f"{dirty.tree}:train.py") == f"lr = {number + 500:03}\n"


def test_an_index_that_was_replaced_with_the_same_size_and_times_is_another(repo: Observed) -> None:
    first = repo.snapshot()
    index = Path(repo.git_dir, "index")
    before = index.stat()
    repo.write("train.py", "lr = 0.2\n")
    repo("add", "train.py")
    repo("commit", "-q", "-m", "more")
    os.utime(index, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert index.stat().st_size == before.st_size
    second = repo.snapshot()
    assert second.tree == repo("rev-parse", "HEAD^{tree}").strip() != first.tree


def test_a_commit_a_reset_and_a_switch_are_seen(repo: Observed) -> None:
    trees = {repo.snapshot().tree}
    repo.write("train.py", "lr = 0.2\n")
    second = repo.commit()
    trees.add(repo.snapshot().tree)
    repo("reset", "-q", "--hard", "HEAD~")
    back = repo.snapshot()
    repo("switch", "-q", "--detach", second)
    forth = repo.snapshot()

    assert len(trees) == 2
    assert back.tree == repo("rev-parse", f"{second}~^{{tree}}").strip()
    assert (forth.tree, forth.branch, forth.commit) == (repo("rev-parse", "HEAD^{tree}").strip(), None, second)


def test_a_commit_of_the_same_tree_is_another_commit(repo: Observed) -> None:
    first = repo.snapshot()
    repo("commit", "-q", "--allow-empty", "-m", "nothing")
    second = repo.snapshot()

    assert second.commit == repo("rev-parse", "HEAD").strip() != first.commit
    assert second.snapshot == first.snapshot


@pytest.mark.parametrize("change", ["attributes", "info", "config", "filter"])
def test_what_changes_how_git_stores_files_is_seen(repo: Observed, change: str) -> None:
    repo.write("data.txt", b"a\r\nb\r\n")
    repo("-c", "core.autocrlf=false", "add", "data.txt")
    repo("commit", "-q", "-m", "CRLF")
    clean = repo.snapshot()
    if change == "attributes":
        repo.write(".gitattributes", "*.txt text\n")
    elif change == "info":
        Path(repo.git_dir, "info", "attributes").write_text("*.txt text\n")
    elif change == "config":
        repo("config", "core.autocrlf", "input")
        os.utime(repo.root / "data.txt", (0, 0))
    else:
        repo("config", "filter.upper.clean", "tr a-z A-Z")
        Path(repo.git_dir, "info", "attributes").write_text("*.txt filter=upper\n")
        os.utime(repo.root / "data.txt", (0, 0))

    changed = repo.snapshot()
    assert changed == anew(repo)
    assert clean.snapshot is not None
    if change in ("attributes", "filter"):
        assert changed.tree != clean.tree


def test_new_removed_staged_and_ignored_files_are_seen(repo: Observed) -> None:
    clean = repo.snapshot()
    repo.write("new.py", "new = 1\n")
    new = repo.snapshot()
    repo.write(".git/info/exclude", "new.py\n")
    ignored = repo.snapshot()
    repo.write("added.py", "added = 1\n")
    repo("add", "added.py")
    staged = repo.snapshot()
    repo("rm", "-q", "-f", "--cached", "added.py")
    (repo.root / "added.py").unlink()
    (repo.root / "train.py").unlink()
    removed = repo.snapshot()

    assert "new.py" in repo.files(new.tree)
    assert ignored == clean
    assert "added.py" in repo.files(staged.tree)
    assert "train.py" not in repo.files(removed.tree)


def test_edits_of_files_that_git_does_not_look_at_are_reported_every_time(repo: Observed) -> None:
    repo("update-index", "--assume-unchanged", "train.py")
    assert not repo.snapshot().left_out
    repo.write("train.py", "lr = 0.9\n")

    assert [(file.path, file.reason) for file in repo.snapshot().left_out] == [("train.py", "assume-unchanged")]
    assert repo.asked() == ["status", "hash-object"]
    repo("update-index", "--no-assume-unchanged", "train.py")
    assert not repo.snapshot().left_out


def test_a_file_hidden_while_another_is_edited_is_reported(repo: Observed) -> None:
    repo.write("lib/model.py", "depth = 4\n")
    repo.snapshot()
    repo("update-index", "--skip-worktree", "train.py")
    repo.write("train.py", "lr = 0.9\n")

    assert [file.path for file in repo.snapshot().left_out] == ["train.py"]


def test_submodules_are_as_they_are_now(repo: Observed, tmp_path: Path) -> None:
    library = Checkout(tmp_path / "library")
    library.write("lib.py", "one = 1\n")
    library.commit()
    module = add_submodule(repo, library, "library")
    repo.commit()
    first = repo.snapshot().submodules[0]
    module.write("lib.py", "one = 2\n")
    dirty = repo.snapshot().submodules[0]
    moved = module.commit()
    ahead = repo.snapshot().submodules[0]
    module.write("lib.py", "one = 3\n")
    further = module.commit()

    assert dirty == replace(first, dirty=True)
    assert ahead.commit == moved
    assert repo.snapshot().submodules[0].commit == further


def test_each_worktree_remembers_its_own_index(repo: Observed, tmp_path: Path) -> None:
    repo("worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    other = Observed(tmp_path / "other", init=None)
    other.write("train.py", "lr = 0.7\n")
    other.commit()
    for _ in range(2):
        assert repo.snapshot().tree == repo("rev-parse", "HEAD^{tree}").strip()
        assert other.snapshot().tree == other("rev-parse", "HEAD^{tree}").strip()

    assert repo.cache != other.cache
    assert (repo.asked(), other.asked()) == (["status"], ["status"])


def test_a_sparse_checkout_has_the_whole_tree_the_second_time_too(repo: Observed) -> None:
    repo("sparse-checkout", "set", "--cone", "lib")
    first = repo.snapshot()

    assert repo.snapshot() == first
    assert first.tree == repo("rev-parse", "HEAD^{tree}").strip()


def test_another_policy_is_followed(repo: Observed) -> None:
    repo.snapshot()
    repo.write("table.csv", "a,b\n")

    assert "table.csv" not in repo.files(repo.snapshot().tree)
    assert "table.csv" in repo.files(repo.snapshot(skip_suffixes=frozenset()).tree)
    assert repo.snapshot(code="off") == Snapshot()


def test_a_repository_without_an_index_remembers_nothing(tmp_path: Path) -> None:
    repo = Observed(tmp_path / "empty")
    first = repo.snapshot()

    assert index_key(str(Path(repo.git_dir, "index"))) is None
    assert repo.snapshot() == first
    assert not repo.cache.exists()


def test_an_index_without_a_checksum_is_not_remembered(repo: Observed) -> None:
    index = Path(repo.git_dir, "index")
    data = index.read_bytes()
    index.write_bytes(data[:-20] + bytes(20))  # as index.skipHash of newer versions of git leaves it

    assert index_key(str(index)) is None
    assert repo.snapshot() == repo.snapshot()
    assert not repo.cache.exists()


def test_a_sha256_repository_remembers_too(tmp_path: Path) -> None:
    repo = Observed(tmp_path / "long", init=("--object-format=sha256",))
    repo.write("train.py", "lr = 0.1\n")
    repo.commit()
    repo.snapshot()

    assert repo.asked() == ["status"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 400), flip=st.integers(0, 400), keep=st.booleans())
@example(cut=0, flip=-3, keep=True)  # the last digit of the tree
def test_a_torn_or_damaged_memory_is_as_good_as_none(repo: Observed, cut: int, flip: int, keep: bool) -> None:
    expected = repo.snapshot()
    data = bytearray(repo.cache.read_bytes())
    if keep:
        data[flip % len(data)] ^= 1
    else:
        del data[cut % len(data) :]
    repo.cache.write_bytes(data)

    assert repo.snapshot() == expected


def test_a_memory_that_cannot_be_written_is_done_without(repo: Observed) -> None:
    expected = repo.snapshot()
    repo.forget()
    repo.cache.mkdir()

    assert repo.snapshot() == expected


def test_a_snapshot_that_git_pruned_is_written_again(repo: Observed) -> None:
    first = repo.snapshot()
    repo("gc", "-q", "--prune=now")
    assert first.snapshot is not None
    assert not Path(repo.common_dir, "objects", first.snapshot[:2], first.snapshot[2:]).exists()

    assert repo.snapshot() == first
    assert repo("rev-parse", f"{first.snapshot}^{{tree}}").strip() == first.tree


def test_what_the_user_has_is_not_touched(repo: Observed) -> None:
    repo.snapshot()
    index = Path(repo.git_dir, "index")
    os.utime(repo.root / "train.py", (10**9, 10**9))  # a status of the user's own would now refresh the index
    before = index.read_bytes(), index.stat().st_mtime_ns, index.stat().st_ino
    repo.snapshot()

    assert (index.read_bytes(), index.stat().st_mtime_ns, index.stat().st_ino) == before


@pytest.mark.parametrize("document", [{}, {"a": "\u00e9"}, {"a": [1, None, "x" * 5000]}])
def test_a_document_is_read_as_it_was_written_whatever_was_there(tmp_path: Path, document: dict[str, object]) -> None:
    path = str(tmp_path / "file")
    write_checked(path, {"longer": "y" * 9000})
    write_checked(path, document)

    assert read_checked(path) == document


@pytest.fixture
def opened(repo: Observed) -> Iterator[Repository]:
    with Repository(str(repo.root), repo.env) as opened:
        yield opened


def keep(repo: Observed, opened: Repository, snapshot: Snapshot) -> str:
    assert snapshot.snapshot is not None
    assert snapshot.tree is not None
    link = keep_snapshot(
        repo.git, repo.git_dir, snapshot.snapshot, snapshot.tree, head=snapshot.commit, remote_ref_prefix=None
    )
    note_kept(opened, snapshot.snapshot, link)
    return link


def test_a_snapshot_is_known_to_be_kept_while_the_chain_stands_still(repo: Observed, opened: Repository) -> None:
    first = repo.snapshot()
    assert first.snapshot is not None
    assert not is_kept(opened, first.snapshot)
    keep(repo, opened, first)

    assert is_kept(opened, first.snapshot)
    assert not is_kept(opened, "0" * 40)
    repo("pack-refs", "--all")
    assert is_kept(opened, first.snapshot)


def test_a_chain_that_moved_or_is_gone_is_asked_of_git(repo: Observed, opened: Repository) -> None:
    first = repo.snapshot()
    assert first.snapshot is not None
    link = keep(repo, opened, first)
    repo.write("train.py", "lr = 0.2\n")
    keep(repo, opened, repo.snapshot())
    moved = is_kept(opened, first.snapshot)
    note_kept(opened, first.snapshot, link)
    stale = is_kept(opened, first.snapshot)
    repo("update-ref", "-d", CODE_REF)

    assert (moved, stale, is_kept(opened, first.snapshot)) == (False, False, False)


def test_a_link_that_git_lost_is_written_again(repo: Observed, opened: Repository) -> None:
    first = repo.snapshot()
    assert first.snapshot is not None
    link = keep(repo, opened, first)
    Path(repo.common_dir, "objects", link[:2], link[2:]).unlink()

    assert is_kept(opened, first.snapshot)
    assert repo("rev-parse", f"{CODE_REF}^{{commit}}").strip() == link
    assert repo("fsck", "--full", "--strict") == ""


def test_a_memory_of_another_link_is_not_believed(repo: Observed, opened: Repository) -> None:
    first = repo.snapshot()
    assert first.snapshot is not None
    link = keep(repo, opened, first)
    path = os.path.join(opened.paths.home, "chain-cache")
    write_checked(path, {"snapshot": first.snapshot, "link": link, "object": "tree 1234\n"})

    assert not is_kept(opened, first.snapshot)
