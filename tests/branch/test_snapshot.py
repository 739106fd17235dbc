"""A snapshot is what ran, as git itself would store it; nothing of the user's is touched."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from snapshot_checkout import AWS_KEY, GITHUB_TOKEN, PASSWORD, Checkout, add_submodule

from gtrack.branch.snapshot import Snapshot, SnapshotPolicy, snapshot_object, take_snapshot
from gtrack.errors import UsageError


@pytest.fixture
def world(tmp_path: Path) -> Checkout:
    """A repository with everything that makes a working tree hard: see the body."""
    repo = Checkout(tmp_path / "repo")
    library = Checkout(tmp_path / "library")
    library.write("lib.py", "one = 1\n")
    library.commit()

    repo.write(".gitattributes", "*.txt text\n*.bat text eol=crlf\n")
    repo.write(".gitignore", "*.log\nbuild/\n")
    repo.write("train.py", "lr = 0.1\n")
    repo.write("config.py", "debug = False\n")
    repo.write("notes.txt", b"one\r\ntwo\r\n")
    repo.write("run.bat", b"echo 1\r\n")
    repo.write("tool.sh", "#!/bin/sh\n")
    repo.write("old.py", "gone = True\n")
    repo.write("build/tracked.py", "ignored = 'but tracked'\n")
    (repo.root / "link").symlink_to("train.py")
    repo.commit()
    module = add_submodule(repo, library, "library")

    repo.write("train.py", "lr = 0.2\n")  # an edit
    repo.write("staged.py", "staged = 1\n")
    repo("add", "staged.py")
    repo.write("staged.py", "staged = 2\n")  # edited after it was staged
    repo.write("notes.txt", b"one\r\ntwo\r\nthree\r\n")  # CRLF
    repo.write("run.bat", b"echo 2\r\n")
    (repo.root / "tool.sh").chmod(0o755)  # the executable bit
    (repo.root / "link").unlink()
    (repo.root / "link").symlink_to("config.py")
    (repo.root / "old.py").unlink()  # a deletion
    repo.write("build/tracked.py", "ignored = 'but tracked and edited'\n")
    repo.write("config.py", f"debug = False\naws_key = '{AWS_KEY}'\n")  # a key in a tracked file
    repo.write("new/module.py", "new = True\n")
    repo.write("new/run me.sh", "#!/bin/sh\n", mode=0o755)
    repo.write("new/na\nme-\u00e9.py", "odd = 1\n")
    (repo.root / "new" / "inner").symlink_to("../train.py")
    (repo.root / "new" / "outer").symlink_to("/etc/hostname")
    repo.write(".env", f"DB_PASSWORD={PASSWORD}\n")
    repo.write("upload.py", f"token = '{GITHUB_TOKEN}'\n")
    repo.write("small.csv", "a,b\n1,2\n")
    repo.write("blob", b"a\0b")
    repo.write("out.log", "ignored\n")
    with repo.write("data.csv").open("wb") as file:
        file.truncate(200 << 20)
    module.write("lib.py", "one = 2\n")  # a dirty submodule
    return repo


TAKEN = (
    *("train.py", "staged.py", "notes.txt", "run.bat", "tool.sh", "link", "old.py", "build/tracked.py"),
    *("new/module.py", "new/run me.sh", "new/na\nme-\u00e9.py", "new/inner"),
)


def test_a_snapshot_is_the_tree_that_git_itself_would_write(world: Checkout) -> None:
    snapshot = world.snapshot()

    assert world.files(snapshot.tree) == world.files(world.tree_of(*TAKEN))
    assert snapshot.tree == world.tree_of(*TAKEN)
    assert world("rev-parse", f"{snapshot.snapshot}^{{tree}}").strip() == snapshot.tree
    assert snapshot.commit == world("rev-parse", "HEAD").strip()
    assert (snapshot.branch, snapshot.dirty, snapshot.objects) == ("main", True, None)


def test_what_is_left_out_is_listed_with_reason_and_digest(world: Checkout) -> None:
    left_out = {file.path: file for file in world.snapshot().left_out}

    assert {path: file.reason for path, file in left_out.items()} == {
        ".env": "secret",
        "blob": "binary",
        "config.py": "secret-edit",
        "data.csv": "suffix",
        "new/outer": "link-outside",
        "small.csv": "suffix",
        "upload.py": "secret",
    }
    assert left_out["small.csv"].digest == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert left_out["blob"].digest == hashlib.sha256(b"a\0b").hexdigest()
    assert (left_out["data.csv"].size, left_out["data.csv"].digest) == (200 << 20, None)
    assert [left_out[name].digest for name in (".env", "config.py", "upload.py")] == [None] * 3


def test_a_planted_secret_is_in_no_object(world: Checkout) -> None:
    snapshot = world.snapshot()

    objects = world.all_objects()
    assert b"lr = 0.2" in objects
    assert [key for key in (AWS_KEY, GITHUB_TOKEN, PASSWORD) if key.encode() in objects] == []
    assert world.text(snapshot.tree, "config.py") == "debug = False\n"
    told = "\n".join(snapshot.warnings)
    assert "config.py changed and seems to hold a secret (AWS key)" in told
    assert "upload.py is not in the code snapshot" in told
    assert AWS_KEY not in told and GITHUB_TOKEN not in told


def test_nothing_of_the_users_is_touched(world: Checkout) -> None:
    world("stash", "push", "-q", "train.py")
    world.write("train.py", "lr = 0.3\n")

    def state() -> list[object]:
        files = [Path(world.git_dir, name) for name in ("index", "HEAD", "config", "logs/HEAD", "logs/refs/stash")]
        kept = [(file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino) for file in files]
        return [
            *kept,
            world("for-each-ref"),
            world("stash", "list"),
            world("reflog", "--all"),
            os.listdir(world.git_dir),
        ]

    (Path(world.git_dir) / "gtrack").mkdir()
    status = world("status", "--porcelain")
    Path(world.git_dir, "index").touch()
    before = state()
    world.snapshot()

    assert state() == before
    assert world("status", "--porcelain") == status
    assert os.listdir(Path(world.git_dir) / "gtrack" / "tmp") == []


def test_equal_trees_give_the_equal_snapshot(world: Checkout, tmp_path: Path) -> None:
    first = world.snapshot()
    other = Checkout(tmp_path / "other", env={"GIT_AUTHOR_NAME": "Grace", "GIT_AUTHOR_DATE": "1999-01-01T00:00:00Z"})
    other("config", "i18n.commitEncoding", "ISO-8859-1")
    other("config", "commit.gpgSign", "true")
    other("config", "protocol.file.allow", "always")
    other("fetch", "-q", str(world.root), first.snapshot or "")
    other("checkout", "-q", "FETCH_HEAD")

    second = other.snapshot()

    assert world.snapshot().snapshot == first.snapshot == second.snapshot
    assert not second.dirty
    raw = world("cat-file", "commit", first.snapshot or "")
    assert raw.encode() == snapshot_object(first.tree or "")
    assert "parent" not in raw


def test_a_dirty_submodule_is_recorded_by_its_commit(world: Checkout) -> None:
    module = Checkout(world.root / "library", init=None)
    (first,) = world.snapshot().submodules
    moved = module.commit()
    (second,) = (after := world.snapshot()).submodules

    assert (first.path, first.dirty) == ("library", True)
    assert (second.path, second.commit, second.dirty) == ("library", moved, False)
    assert world.files(after.tree)["library"] == f"160000 commit {moved}"


def test_a_clean_checkout_gives_heads_tree_and_is_not_dirty(tmp_path: Path) -> None:
    repo = Checkout(tmp_path / "repo")
    repo.write("a.py", "a = 1\n")
    repo.write("data.csv", "1\n")
    commit = repo.commit("a.py")

    snapshot = repo.snapshot()

    assert (snapshot.commit, snapshot.dirty) == (commit, False)
    assert snapshot.tree == repo("rev-parse", "HEAD^{tree}").strip()
    assert repo.left(snapshot) == {"data.csv": "suffix"}


def test_commit_only_writes_nothing(world: Checkout) -> None:
    before = world.all_objects()
    snapshot = world.snapshot(code="commit-only")

    assert world.all_objects() == before
    assert (snapshot.snapshot, snapshot.dirty, snapshot.left_out) == (None, True, ())
    assert snapshot.commit == world("rev-parse", "HEAD").strip()
    assert snapshot.tree == world("rev-parse", "HEAD^{tree}").strip()
    assert [module.path for module in snapshot.submodules] == ["library"]


def test_off_asks_git_nothing(world: Checkout) -> None:
    assert world.snapshot(code="off") == Snapshot()
    with pytest.raises(UsageError, match="choose snapshot"):
        SnapshotPolicy(code="everything")


def test_a_bare_repository_has_a_commit_and_no_snapshot(tmp_path: Path) -> None:
    repo = Checkout(tmp_path / "repo")
    repo.write("a.py")
    commit = repo.commit()
    repo("clone", "-q", "--bare", ".", "../bare.git")
    bare = str(tmp_path / "bare.git")

    snapshot = take_snapshot(repo.git, None, bare, bare, policy=SnapshotPolicy())

    assert (snapshot.commit, snapshot.branch, snapshot.snapshot) == (commit, "main", None)
    assert snapshot.tree == repo("rev-parse", "HEAD^{tree}").strip()


def test_an_edit_right_after_git_add_is_seen(tmp_path: Path) -> None:
    repo = Checkout(tmp_path / "repo")
    repo.write("a.py", "00")
    repo.commit()
    for number in range(40):  # same size, and within the index's time resolution
        content = f"{number:02}"
        repo.write("a.py", content)
        repo("add", "a.py")
        repo.write("a.py", content[::-1] if content != content[::-1] else "xy")
        snapshot = repo.snapshot()
        assert repo.text(snapshot.tree, "a.py") == (repo.root / "a.py").read_text()
