"""The code facts of a run: commit, snapshot, command; with or without git, with or without a repository."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from gtrack.capture.command import strip_credentials
from gtrack.config import Settings
from gtrack.errors import GtrackError, UsageError

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.branch.snapshot import Snapshot

__all__ = ["capture_code"]

_POLICIES = ("snapshot", "commit-only", "off")
_MAX_FILES = 500
_MAX_BYTES = 16 << 20


def capture_code(
    repo: Repository | None,
    settings: Settings,
    command: Sequence[str],
    *,
    spool_objects: str,
    warn: Callable[[str], None],
) -> dict[str, object]:
    """Return what run.yaml says of the code, and keep its snapshot.

    Args:
        repo: The repository, or None where there is none.
        settings: The environment's settings.
        command: The command line, redacted.
        spool_objects: Where the snapshot's objects go when the repository cannot be written.
        warn: Called with sentences for the user.
    """
    facts: dict[str, object]
    if repo is None:
        facts = {"commit": settings.commit, "snapshot": settings.snapshot}
        if settings.commit is None and settings.snapshot is None:
            facts = {"digest": _digest_of_script(command)}
        facts["cwd"] = os.path.basename(_cwd())
    else:
        facts = _of_repository(repo, settings, spool_objects, warn)
        facts["cwd"] = _relative(repo.paths.root)
        remote = repo.remote
        url = repo.config.get(f"remote.{remote}.url") if remote else None
        if url:
            facts["remote"] = strip_credentials(url)
    facts["command"] = list(command)
    return {key: value for key, value in facts.items() if value not in (None, [], ())}


def _of_repository(
    repo: Repository, settings: Settings, spool_objects: str, warn: Callable[[str], None]
) -> dict[str, object]:
    from gtrack.branch.snapshot import SnapshotPolicy, take_snapshot

    policy = settings.code or repo.config.get("gtrack.code") or "snapshot"
    if policy not in _POLICIES:
        raise UsageError(f"git config gtrack.code is {policy!r}", hint="use snapshot, commit-only or off")
    if repo.git is None:
        warn("git is not installed: the commit is recorded, uncommitted edits are not")
        return _without_git(repo)
    paths = repo.paths
    try:
        snapshot = take_snapshot(
            repo.git,
            paths.work_tree,
            paths.git_dir,
            paths.common_dir,
            policy=SnapshotPolicy(code=policy),
            spool_objects=spool_objects,
        )
        for sentence in snapshot.warnings:
            warn(sentence)
    except (GtrackError, OSError) as error:
        warn(f"the code could not be kept: {error}")
        return _without_git(repo)
    _keep(repo, snapshot, warn)
    return {
        "commit": snapshot.commit,
        "branch": snapshot.branch,
        "dirty": None if policy == "off" else snapshot.dirty,  # nobody looked
        "snapshot": snapshot.snapshot,
        "tree": snapshot.tree,
        "submodules": [asdict(item) for item in snapshot.submodules],
        "left_out": [_filled(asdict(item)) for item in snapshot.left_out],
        "left_out_more": snapshot.unlisted or None,
    }


def _keep(repo: Repository, snapshot: Snapshot, warn: Callable[[str], None]) -> None:
    """Keep the snapshot from git's garbage collection, where it is in the repository."""
    from gtrack.branch.chain import keep_snapshot
    from gtrack.branch.kept_link import is_kept, note_kept

    if repo.git is None or snapshot.snapshot is None or snapshot.tree is None or snapshot.objects is not None:
        return
    if is_kept(repo, snapshot.snapshot):
        return
    try:
        link = keep_snapshot(
            repo.git,
            repo.paths.git_dir,
            snapshot.snapshot,
            snapshot.tree,
            head=snapshot.commit,
            remote_ref_prefix=f"refs/remotes/{repo.remote}/" if repo.remote else None,
        )
        note_kept(repo, snapshot.snapshot, link)
    except (GtrackError, OSError) as error:
        warn(f"the code's snapshot is made, but git may collect it: {error}")


def _without_git(repo: Repository) -> dict[str, object]:
    """What the files of ``.git`` alone tell."""
    commit = branch = None
    with suppress(GtrackError, OSError):
        commit = repo.refs.read("HEAD")
    try:
        with open(os.path.join(repo.paths.git_dir, "HEAD"), encoding="utf-8", errors="replace") as file:
            line = file.readline(4096).strip()
        branch = line.removeprefix("ref: refs/heads/") if line.startswith("ref: refs/heads/") else None
    except OSError:
        pass
    return {"commit": commit, "branch": branch, "dirty": None}


def _relative(root: str) -> str:
    """Return where in the repository the process runs; ``.`` at its top, and for anywhere outside."""
    path = os.path.relpath(_cwd() or root, root)
    return "." if path == ".." or path.startswith("../") else path


def _cwd() -> str:
    """Return the working directory; empty when somebody has removed it."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _digest_of_script(command: Sequence[str]) -> str | None:
    """Return one digest of the Python files beside the script, for code that no repository holds."""
    script = next((part for part in command if part.endswith(".py")), None)
    if script is None or not os.path.isfile(script):
        return None
    folder = os.path.dirname(os.path.abspath(script))
    total, digest = 0, hashlib.sha256()
    try:
        for name in sorted(os.listdir(folder))[:_MAX_FILES]:
            path = os.path.join(folder, name)
            if name.endswith(".py") and os.path.isfile(path):
                with open(path, "rb") as file:
                    data = file.read(_MAX_BYTES - total)
                total += len(data)
                digest.update(b"%s\0%d\0" % (os.fsencode(name), len(data)) + data)
    except OSError:
        return None  # a digest of some of the files would be taken for that of all
    return f"sha256:{digest.hexdigest()}"


def _filled(fields: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value is not None}
