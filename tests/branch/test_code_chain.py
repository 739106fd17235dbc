"""The chain keeps every snapshot, for ever, and lets git send it thinly."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from pathlib import Path

import pytest
from snapshot_checkout import Checkout

from gtrack.branch import chain
from gtrack.branch.chain import CODE_REF, keep_snapshot
from gtrack.branch.snapshot import Snapshot
from gtrack.errors import DamageError, GitError, LockedError

REMOTE = "refs/remotes/origin/"


@pytest.fixture
def repo(tmp_path: Path) -> Checkout:
    """A repository with one commit."""
    repo = Checkout(tmp_path / "repo")
    repo.write("train.py", "lr = 0\n")
    repo.write("tool.sh", "#!/bin/sh\n", mode=0o755)
    repo.commit()
    return repo


def keep(repo: Checkout, snapshot: Snapshot, prefix: str | None = None) -> str:
    assert snapshot.snapshot and snapshot.tree
    return keep_snapshot(
        repo.git, repo.git_dir, snapshot.snapshot, snapshot.tree, head=snapshot.commit, remote_ref_prefix=prefix
    )


def edit(repo: Checkout, number: int) -> Snapshot:
    repo.write("train.py", f"lr = {number}\n")
    return repo.snapshot()


def parents(repo: Checkout, commit: str) -> list[str]:
    return repo("rev-list", "--parents", "-n1", commit).split()[1:]


def test_a_kept_snapshot_survives_rebase_branch_deletion_and_gc_and_checks_out_identically(
    repo: Checkout, tmp_path: Path
) -> None:
    base = repo("rev-parse", "HEAD").strip()
    repo("checkout", "-q", "-b", "work")
    repo.write("bad\n.bat", b"echo\r\n")
    (repo.root / "link").symlink_to("train.py")
    repo.commit()
    repo.write("new/module.py", "new = True\n")
    snapshot = edit(repo, 1)
    keep(repo, snapshot)
    ran = {path: (repo.root / path).read_bytes() for path in repo.files(snapshot.tree)}

    repo("add", "-A")
    repo("commit", "-q", "--amend", "-m", "other")
    repo("checkout", "-q", "--detach", base)
    repo("branch", "-q", "-D", "work")
    repo("checkout", "-q", "main")
    repo("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    repo("gc", "-q", "--prune=now")
    repo("worktree", "add", "-q", "--detach", str(tmp_path / "again"), snapshot.snapshot or "")

    again = Checkout(tmp_path / "again", init=None)
    assert {path: (again.root / path).read_bytes() for path in ran} == ran
    assert os.readlink(again.root / "link") == "train.py"
    assert os.access(again.root / "tool.sh", os.X_OK)
    assert again.snapshot().snapshot == snapshot.snapshot
    repo("fsck", "--strict")


def test_a_link_has_the_newest_tree_and_the_snapshots_as_parents(repo: Checkout) -> None:
    first = edit(repo, 1)
    second = edit(repo, 2)
    one, two = keep(repo, first), keep(repo, second)

    assert parents(repo, one) == [first.snapshot]
    assert parents(repo, two) == [one, second.snapshot]
    assert repo("rev-parse", f"{CODE_REF}^{{tree}}").strip() == second.tree
    assert repo("rev-parse", CODE_REF).strip() == two


def test_a_snapshot_is_kept_once(repo: Checkout) -> None:
    first, second = edit(repo, 1), edit(repo, 2)
    keep(repo, first)
    tip = keep(repo, second)
    assert keep(repo, second) == keep(repo, first) == tip


def test_there_is_no_reflog_and_no_hook(repo: Checkout) -> None:
    repo("config", "core.logAllRefUpdates", "always")
    repo.write(".git/hooks/reference-transaction", "#!/bin/sh\nexit 1\n", mode=0o755)
    keep(repo, edit(repo, 1))
    assert not Path(repo.git_dir, "logs", CODE_REF).exists()


def test_the_base_is_the_newest_ancestor_that_the_remote_has(repo: Checkout, tmp_path: Path) -> None:
    remote = str(tmp_path / "remote.git")
    repo("init", "-q", "--bare", remote)
    repo("remote", "add", "origin", remote)
    before = keep(repo, edit(repo, 1), REMOTE)
    repo("checkout", "-q", "train.py")
    repo("push", "-q", "origin", "main")
    pushed = repo("rev-parse", "HEAD").strip()
    at_head = keep(repo, edit(repo, 2), REMOTE)
    for number in (3, 4):
        repo.write("train.py", f"lr = -{number}\n")
        repo.commit()
    ahead = keep(repo, edit(repo, 5), REMOTE)
    elsewhere = keep(repo, edit(repo, 6), "refs/remotes/upstream/")

    assert [len(parents(repo, link)) for link in (before, at_head, ahead, elsewhere)] == [1, 3, 3, 2]
    assert parents(repo, at_head)[-1] == parents(repo, ahead)[-1] == pushed


def test_pushing_the_chain_sends_what_changed_and_no_local_commit(repo: Checkout, tmp_path: Path) -> None:
    for number in range(300):
        repo.write(f"pack/module{number}.py", f"value = {number}\n" * 50)
    repo.commit()
    remote = str(tmp_path / "remote.git")
    repo("init", "-q", "--bare", remote)
    repo("remote", "add", "origin", remote)
    repo("push", "-q", "origin", "main")
    repo.write("secret_plan.py", "plan = 1\n")
    private = repo.commit()
    (repo.root / "secret_plan.py").unlink()
    keep(repo, edit(repo, 1), REMOTE)

    packed = subprocess.run(
        ["git", "pack-objects", "--revs", "--stdout", "--thin", "-q"],
        input=f"{CODE_REF}\n--not\n{REMOTE}main\n".encode(),
        cwd=repo.root,
        env=repo.env,
        capture_output=True,
        check=True,
    ).stdout
    repo("push", "-q", "origin", CODE_REF)

    assert len(packed) < 1024
    there = Checkout(tmp_path / "remote.git", init=None)
    assert there.git.call(["cat-file", "-e", private], cwd=remote).returncode == 1
    there("fsck", "--strict")


def _keep_three(repo: Checkout, snapshots: list[Snapshot]) -> None:
    for snapshot in snapshots:
        keep(repo, snapshot)


def test_sixteen_processes_lose_no_snapshot(repo: Checkout) -> None:
    snapshots = [edit(repo, number) for number in range(1, 34)]
    shared = snapshots.pop()
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_keep_three, args=(repo, [*snapshots[2 * number : 2 * number + 2], shared]))
        for number in range(16)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [0] * 16
    kept = set(repo("rev-list", CODE_REF).split())
    assert {snapshot.snapshot for snapshot in [*snapshots, shared]} <= kept
    assert len(kept) == 66
    assert not Path(repo.git_dir, CODE_REF + ".lock").exists()


def test_a_links_time_is_never_before_its_parents(repo: Checkout) -> None:
    future = "4000000000 +0000"
    repo("commit", "-q", "--allow-empty", "-m", "from the future", GIT_COMMITTER_DATE=future)
    repo("update-ref", f"{REMOTE}main", "HEAD")
    keep(repo, edit(repo, 1), REMOTE)
    keep(repo, edit(repo, 2))
    assert repo("log", "-2", "--first-parent", "--format=%ct", CODE_REF).split() == ["4000000000"] * 2


def test_a_lock_that_nobody_holds_is_named(repo: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "_PATIENCE", 0.0)
    repo.write(f".git/{CODE_REF}.lock")
    with pytest.raises(LockedError, match=r"remove refs/gtrack/code\.lock"):
        keep(repo, edit(repo, 1))


def test_a_chain_whose_tip_is_missing_is_not_overwritten(repo: Checkout) -> None:
    tip = keep(repo, edit(repo, 1))
    Path(repo.git_dir, "objects", tip[:2], tip[2:]).unlink()
    with pytest.raises(DamageError, match="gtrack fsck --repair"):
        keep(repo, edit(repo, 2))
    assert Path(repo.git_dir, CODE_REF).read_text().strip() == tip


def test_a_reference_in_the_way_is_an_error_at_once(repo: Checkout) -> None:
    repo("update-ref", "refs/gtrack", "HEAD")
    with pytest.raises(GitError, match="update-ref failed"):
        keep(repo, edit(repo, 1))


def test_a_repository_without_commits_has_a_chain(tmp_path: Path) -> None:
    repo = Checkout(tmp_path / "fresh", init=("--object-format=sha256",))
    snapshot = edit(repo, 1)
    tip = keep(repo, snapshot, REMOTE)
    assert parents(repo, tip) == [snapshot.snapshot]
