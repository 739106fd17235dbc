"""Commits of gtrack's branch: written, and compared by ancestry."""

from __future__ import annotations

import time
from collections.abc import Sequence

from gtrack.branch.objects import COMMIT
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GitError

__all__ = ["SKIP_CI", "commit_time", "independent", "is_ancestor", "write_commit"]

SKIP_CI = "[skip ci]"
"""In the body of every commit to the branch: there is nothing on it to build or test."""

_AHEAD = 7 * 86_400
"""Seconds by which a parent may be ahead of our clock and still count: each of two clocks may be a day wrong."""


def write_commit(repo: Repository, tree: str, parents: Sequence[str], *, by: str, subject: str, body: str = "") -> str:
    """Write a commit and return its id; no reference is set.

    Args:
        repo: The repository.
        tree: What it holds.
        parents: The tips that went into it, the published one first.
        by: Author and committer, ``Name <email>``.
        subject: The first line of the message.
        body: The rest of it.
    """
    now = int(time.time())
    # Git's walks prune by time: a child must not be older than its parents, unless their clock is weeks ahead.
    times = [commit_time(repo.objects.read(parent, COMMIT)) for parent in parents]
    seconds = max([now, *(t for t in times if t <= now + _AHEAD)])
    zone = time.strftime("%z", time.localtime(seconds)) or "+0000"
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {by} {seconds} {zone}", f"committer {by} {seconds} {zone}", "", subject]
    if body:
        lines += ["", body.rstrip("\n")]
    return repo.objects.write(COMMIT, ("\n".join(lines) + "\n").encode("utf-8", "replace"))


def commit_time(commit: bytes) -> int:
    """Return when a commit was made, in seconds since the epoch; 0 where it does not say."""
    for line in commit.split(b"\n\n", 1)[0].splitlines():
        if line.startswith(b"committer "):
            try:
                return int(line.split()[-2])
            except (ValueError, IndexError):
                break
    return 0


def is_ancestor(repo: Repository, older: str | None, newer: str | None) -> bool:
    """Tell whether a commit is another one or descends to it; None is an ancestor of everything.

    Raises:
        GitError: Git failed, such as on a commit that is missing.
    """
    if older is None or older == newer:
        return True
    if newer is None:
        return False
    if repo.git is None:
        return _walk(repo, older, newer)
    args = ["merge-base", "--is-ancestor", "--end-of-options", older, newer]
    done = repo.git.call(args, git_dir=repo.paths.git_dir, env_extra={"GIT_NO_REPLACE_OBJECTS": "1"})
    if done.returncode not in (0, 1):
        raise GitError(f"git cannot tell whether {older[:12]} is in {newer[:12]}", hint="git fsck")
    return done.returncode == 0


def independent(repo: Repository, tips: Sequence[str]) -> list[str]:
    """Return those of some commits that none of the others descends from, in the order given, each once.

    Raises:
        GitError: Git failed, such as on a commit that is missing.
    """
    wanted = list(dict.fromkeys(tips))
    if len(wanted) < 2:
        return wanted
    if repo.git is None:
        return [tip for tip in wanted if not any(_walk(repo, tip, other) for other in wanted if other != tip)]
    args = ["merge-base", "--independent", "--end-of-options", *wanted]
    env = {"GIT_NO_REPLACE_OBJECTS": "1"}
    kept = set(repo.git.run(args, git_dir=repo.paths.git_dir, env_extra=env).decode().split())
    return [tip for tip in wanted if tip in kept]


def _walk(repo: Repository, older: str, newer: str) -> bool:
    """Without git: follow every parent; what a shallow clone lacks ends there."""
    waiting, seen = [newer], {newer}
    while waiting:
        try:
            commit = repo.objects.read(waiting.pop(), COMMIT)
        except (KeyError, DamageError):
            continue
        for line in commit.split(b"\n\n", 1)[0].splitlines():
            if line.startswith(b"parent "):
                parent = line[7:].decode()
                if parent == older:
                    return True
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
    return False
