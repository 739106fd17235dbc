"""``refs/gtrack/code``: the chain that keeps snapshots alive and lets git send them thinly.

A link is a commit with the newest snapshot's tree. Its parents are the previous link, the new snapshot, and the
newest ancestor of HEAD that the tracking remote already has: git then knows that the remote holds nearly all of
the tree, and sends only what differs.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import time
from dataclasses import dataclass

from gtrack.branch.git import Git
from gtrack.errors import DamageError, GitError, LockedError

__all__ = ["CODE_REF", "keep_snapshot"]

CODE_REF = "refs/gtrack/code"
"""The reference that keeps snapshots."""

_LOOKED_AT = 64
"""How many links back a snapshot is looked for; an older one is simply kept once more."""
_PATIENCE = 10.0
_LEFT = 5.0
"""Seconds after which the reference's lock was left by a git that was killed: it is held for milliseconds."""
_OVERTAKEN = (b"but expected", b"reference already exists", b"File exists", b"unable to resolve reference")
_BROKEN = ("traverse parents", "bad object", "missing object", "unable to read")
_ENV = {"GIT_NO_LAZY_FETCH": "1"}


@dataclass(frozen=True, slots=True)
class _Link:
    id: str
    time: int
    parents: tuple[str, ...]


def keep_snapshot(
    git: Git,
    git_dir: str,
    snapshot_commit: str,
    tree: str,
    *,
    head: str | None,
    remote_ref_prefix: str | None,
    ref: str = CODE_REF,
) -> str:
    """Add a snapshot to the chain, unless it is there.

    Any number of processes may do so at once: the reference moves by compare-and-set.

    Args:
        git: The git executable.
        git_dir: The repository.
        snapshot_commit: The id of the snapshot.
        tree: The id of its tree.
        head: The commit that the run's code started from, or None.
        remote_ref_prefix: Where the tracking remote's branches are, such as ``refs/remotes/origin/``, or None.
        ref: The chain.

    Returns:
        The id of the newest link, whose history holds the snapshot.

    Raises:
        LockedError: The reference stayed locked.
        DamageError: The reference leads to a commit that is missing.
        GitError: Git failed.
    """
    base: _Link | None = None
    deadline = time.monotonic() + _PATIENCE
    for attempt in itertools.count():
        links = _links(git, git_dir, ref)
        if any(snapshot_commit in link.parents for link in links):
            return links[0].id
        if attempt == 0:
            base = _published(git, git_dir, head, remote_ref_prefix)
        tip = links[0] if links else None
        link = _write_link(git, git_dir, tree, snapshot_commit, tip, base)
        if _move(git, git_dir, ref, link, tip):
            return link
        if tip is None:
            _check_readable(git, git_dir, ref)
        _remove_left_lock(git, git_dir, ref)
        if time.monotonic() > deadline:
            break
        time.sleep(random.uniform(0, 0.002 * min(attempt + 1, 25)))  # noqa: S311  jitter, not a secret
    raise LockedError(f"{ref} stayed locked", hint=f"if no git process is running, remove {ref}.lock in {git_dir}")


def _links(git: Git, git_dir: str, ref: str) -> list[_Link]:
    """Return the newest links of the chain, newest first."""
    try:
        return [link for _, link in _commits(git, git_dir, "--first-parent", f"--max-count={_LOOKED_AT}", ref)]
    except GitError as error:
        if not any(sign in str(error) for sign in _BROKEN):
            raise
        # What ``git gc --prune=now`` does to objects that are just being written.
        raise DamageError(f"{ref} leads to missing objects", hint="gtrack fsck --repair") from error


def _published(git: Git, git_dir: str, head: str | None, prefix: str | None) -> _Link | None:
    """Return the newest ancestor of ``head`` that the tracking remote has."""
    if head is None or prefix is None:
        return None
    ours = _commits(git, git_dir, "--boundary", head, "--not", f"--glob={prefix}*")
    if not ours:
        ours = [("-", commit) for _, commit in _commits(git, git_dir, "--max-count=1", head)]
    shared = [commit for mark, commit in ours if mark == "-"]
    return max(shared, key=lambda commit: (commit.time, commit.id), default=None)


def _commits(git: Git, git_dir: str, *args: str) -> list[tuple[str, _Link]]:
    """Return what git rev-list prints: each commit with its mark, `-` at the boundary."""
    command = ["rev-list", "--ignore-missing", "--format=%m %H %ct %P", *args, "--"]
    lines = git.run(command, git_dir=git_dir, env_extra=_ENV).decode().splitlines()
    found = [line.split() for line in lines if not line.startswith("commit ")]
    return [(mark, _Link(oid, int(seconds), tuple(parents))) for mark, oid, seconds, *parents in found]


def _write_link(git: Git, git_dir: str, tree: str, snapshot: str, tip: _Link | None, base: _Link | None) -> str:
    # Not earlier than its parents: git may misjudge ancestry otherwise.
    seconds = max([int(time.time()), *(commit.time for commit in (tip, base) if commit)])
    parents = [*([tip.id] if tip else []), snapshot, *([base.id] if base else [])]
    who = f"gtrack <gtrack@localhost> {seconds} +0000"
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {who}", f"committer {who}"]
    data = "\n".join([*lines, "", f"snapshot {snapshot}", ""]).encode()
    command = ["hash-object", "-t", "commit", "-w", "--stdin"]
    return git.run(command, git_dir=git_dir, env_extra=_ENV, input=data).decode().strip()


def _move(git: Git, git_dir: str, ref: str, new: str, old: _Link | None) -> bool:
    """Set the reference if it still is ``old``, without a reflog."""
    expected = old.id if old else "0" * len(new)
    args = ["-c", "core.logAllRefUpdates=false", "update-ref", "--no-deref", ref, new, expected]
    done = git.call(args, git_dir=git_dir, env_extra=_ENV)
    if done.returncode == 0:
        return True
    if any(sign in done.stderr for sign in _OVERTAKEN):
        return False
    raise git.failure(args, done)


def _remove_left_lock(git: Git, git_dir: str, ref: str) -> None:
    """Remove the lock of a git process that was killed, or every later run would wait for it in vain."""
    shown = git.run(["rev-parse", "--git-path", ref], git_dir=git_dir, env_extra=_ENV)
    lock = os.fsdecode(shown).rstrip("\n") + ".lock"
    with contextlib.suppress(FileNotFoundError):
        if time.time() - os.stat(lock).st_mtime > _LEFT:
            os.unlink(lock)


def _check_readable(git: Git, git_dir: str, ref: str) -> None:
    """Refuse a reference that exists and has no commit; one that was just made by another process has one."""
    named = git.call(["rev-parse", "--verify", "--quiet", ref], git_dir=git_dir, env_extra=_ENV)
    if named.returncode == 0:
        oid = named.stdout.decode().strip()
        if git.call(["cat-file", "-e", oid], git_dir=git_dir, env_extra=_ENV).returncode != 0:
            raise DamageError(f"{ref} leads to {oid[:7]}, which is missing", hint="gtrack fsck --repair")
