"""The snapshot of a run: one commit of exactly the tree that ran, and what it does not hold.

Git itself makes it, through a private copy of the index, because filters, line endings, LFS pointers, sparse
checkouts and submodules must come out as git would store them. The user's index, HEAD, references and stash are
only read.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from gtrack.branch.edits import Edits, hidden_edits, judge_edits
from gtrack.branch.git import Git
from gtrack.branch.status import ABSENT, GITLINK, Entry, Status, Where, read_entries, read_status
from gtrack.branch.untracked import LeftOut, Selection, SnapshotPolicy, select_untracked, shown
from gtrack.errors import GitError, RepositoryError

__all__ = ["LeftOut", "Snapshot", "SnapshotPolicy", "Submodule", "snapshot_object", "take_snapshot"]

_OBJECT_ID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\n?\Z")
# safecrlf would refuse a file whose line endings git is told to convert; a snapshot takes it as `git add` would.
_CONFIG = ("-c", "core.safecrlf=false", "-c", "advice.addEmbeddedRepo=false")
# A blob that a partial clone does not have is no reason to go to the network.
_ENV = {"GIT_NO_LAZY_FETCH": "1"}
_REFUSED = 64
_STALE = 24 * 3600
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
_NO_ROOM_TEXTS = (*map(os.strerror, _NO_ROOM), "insufficient permission for adding an object")


@dataclass(frozen=True, slots=True)
class Submodule:
    """A submodule of the tree that ran.

    Args:
        path: From the top of the working tree.
        commit: The commit that is checked out in it.
        dirty: It has changes or new files, which no snapshot holds.
    """

    path: str
    commit: str
    dirty: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The code of a run.

    Args:
        commit: The id of HEAD, or None before the first commit.
        branch: The branch that HEAD is on, or None when it is detached.
        dirty: What ran is not what HEAD has: tracked changes, new source files, a dirty submodule.
        snapshot: The id of the snapshot commit, or None where the policy or a bare repository leaves none.
        tree: The id of its tree; without a snapshot, of HEAD's.
        submodules: The submodules, by path.
        left_out: What ran and is not in the tree, by path; of untracked files at most 200.
        unlisted: How many more untracked files are not in the tree.
        warnings: Sentences for the owner of the run.
        objects: The object directory that holds the snapshot, where the repository could not be written.
    """

    commit: str | None = None
    branch: str | None = None
    dirty: bool = False
    snapshot: str | None = None
    tree: str | None = None
    submodules: tuple[Submodule, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    unlisted: int = 0
    warnings: tuple[str, ...] = ()
    objects: str | None = None


def take_snapshot(
    git: Git,
    work_tree: str | None,
    git_dir: str,
    common_dir: str,
    *,
    policy: SnapshotPolicy,
    spool_objects: str | None = None,
) -> Snapshot:
    """Record the working tree as a commit that nothing refers to yet; see ``keep_snapshot``.

    Args:
        git: The git executable.
        work_tree: The top of the working tree, or None in a bare repository.
        git_dir: The git directory of this working tree.
        common_dir: The git directory that holds the objects; another one in a linked worktree.
        policy: What the snapshot may hold.
        spool_objects: A directory for the objects where the repository cannot be written; made when needed.

    Returns:
        The snapshot. Equal trees give the equal id, whoever takes it and whenever.

    Raises:
        GitError: Git failed.
        RepositoryError: The repository cannot be written and there is no ``spool_objects``.
        OSError: The index could not be copied.

    Example:
        >>> paths = find_repository(".", os.environ)
        >>> take_snapshot(git, paths.work_tree, paths.git_dir, paths.common_dir, policy=SnapshotPolicy()).dirty
        True
    """
    if policy.code == "off":
        return Snapshot()
    if work_tree is None:
        return _of_bare(git, git_dir)
    if policy.code == "commit-only":
        return _of_head(Where(git, git_dir, work_tree, _ENV), policy)
    try:
        if _is_writable(common_dir):
            scratch = _scratch(os.path.join(common_dir, "gtrack", "tmp"), spool_objects)
            with _index_copy(git_dir, scratch) as index:
                return _take(Where(git, git_dir, work_tree, {**_ENV, "GIT_INDEX_FILE": index}), policy, None)
    except (GitError, OSError) as error:
        if spool_objects is None or not _is_about_room(error):
            raise
    spool, env = _object_store(common_dir, spool_objects)
    with _index_copy(git_dir, tempfile.mkdtemp(prefix="snapshot-", dir=os.path.dirname(spool))) as index:
        return _take(Where(git, git_dir, work_tree, {**_ENV, **env, "GIT_INDEX_FILE": index}), policy, spool)


def snapshot_object(tree: str) -> bytes:
    """Return the content of the snapshot commit of a tree: a function of the tree alone.

    Its form is that of ``git cat-file commit``; author, time (2000-01-01) and message are fixed.
    """
    who = "gtrack <gtrack@localhost> 946684800 +0000"
    return f"tree {tree}\nauthor {who}\ncommitter {who}\n\ngtrack snapshot\n".encode()


def _take(where: Where, policy: SnapshotPolicy, objects: str | None) -> Snapshot:
    status = read_status(where)
    edits = judge_edits(where, status.changes)
    selection = select_untracked(where.work_tree, status.untracked, policy)
    refused = _update_index(where, edits, selection)
    entries = read_entries(where)
    hidden = hidden_edits(where, entries)
    tree = _object_id(where.run("write-tree"))
    snapshot = _object_id(where.run("hash-object", "-t", "commit", "-w", "--stdin", input=snapshot_object(tree)))
    left_out = (*edits.left_out, *selection.left_out, *hidden, *(LeftOut(path, None, "refused") for path in refused))
    unseen = (
        f"{shown(file.path)} is marked {file.reason} and differs from the index's version, which is in the code "
        "snapshot"
        for file in hidden
    )
    said_no = (f"git could not take {shown(path)}, which is not in the code snapshot as it is" for path in refused)
    return Snapshot(
        commit=status.commit,
        branch=status.branch,
        dirty=bool(status.changes or selection.taken or hidden),
        snapshot=snapshot,
        tree=tree,
        submodules=_submodules(entries, status),
        left_out=tuple(sorted(left_out, key=lambda file: file.path)),
        unlisted=selection.unlisted,
        warnings=(*edits.warnings, *selection.warnings, *unseen, *said_no),
        objects=objects,
    )


def _of_head(where: Where, policy: SnapshotPolicy) -> Snapshot:
    status = read_status(where)
    taken = select_untracked(where.work_tree, status.untracked, policy).taken
    entries = read_entries(where)
    return Snapshot(
        commit=status.commit,
        branch=status.branch,
        dirty=bool(status.changes or taken),
        tree=_object_id(where.run("rev-parse", "HEAD^{tree}")) if status.commit else None,
        submodules=_submodules(entries, status),
    )


def _of_bare(git: Git, git_dir: str) -> Snapshot:
    found = git.call(["rev-parse", "--verify", "--quiet", "HEAD"], git_dir=git_dir)
    if found.returncode != 0:
        return Snapshot()
    tree = git.run(["rev-parse", "HEAD^{tree}"], git_dir=git_dir)
    branch = git.run(["symbolic-ref", "--quiet", "--short", "HEAD"], git_dir=git_dir, check=False)
    name = os.fsdecode(branch).strip() or None
    return Snapshot(commit=_object_id(found.stdout), branch=name, tree=_object_id(tree))


def _submodules(entries: Sequence[Entry], status: Status) -> tuple[Submodule, ...]:
    dirty = {change.path for change in status.changes if set("MU") & set(change.submodule)}
    links = [entry for entry in entries if entry.mode == GITLINK]
    return tuple(Submodule(entry.path, entry.id, entry.path in dirty) for entry in links)


def _update_index(where: Where, edits: Edits, selection: Selection) -> list[str]:
    """Bring the copied index up to date; return the paths that git could not take."""
    lines = [_index_line("0", "0" * len(change.head_id), change.path) for change in edits.remove]
    for change in edits.restore:
        mode = "0" if change.head_mode == ABSENT else change.head_mode
        lines.append(_index_line(mode, change.head_id, change.path))
    if lines:
        where.run("update-index", "-z", "--index-info", input=os.fsencode("".join(lines)))
    refused: list[str] = []
    _stage(where, [*edits.stage, *selection.taken], refused)
    return refused


def _index_line(mode: str, object_id: str, path: str) -> str:
    """Return a line of ``git update-index --index-info``; mode 0 removes the path."""
    return f"{mode} {object_id}\t{path}\0"


def _stage(where: Where, paths: Sequence[str], refused: list[str]) -> None:
    """Add files to the copied index; halve what git refuses until it is known which file it was."""
    if not paths:
        return
    args = [*_CONFIG, "update-index", "--add", "--remove", "--replace", "-z", "--stdin"]
    try:
        where.run(*args, input=b"".join(os.fsencode(path) + b"\0" for path in paths))
    except GitError as error:
        if _is_about_room(error):
            raise
        if len(paths) > 1:
            _stage(where, paths[: len(paths) // 2], refused)
            _stage(where, paths[len(paths) // 2 :], refused)
            return
        if len(refused) == _REFUSED:
            raise  # not one odd file, but a filter or a disk that fails
        refused.append(paths[0])


def _object_id(output: bytes) -> str:
    text = output.decode("ascii", "replace")
    if not _OBJECT_ID.match(text):
        raise GitError(f"git answered {text[:80]!r} where an object id was due")
    return text.strip()


def _is_writable(common_dir: str) -> bool:
    objects = os.path.join(common_dir, "objects")
    return os.access(objects, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def _is_about_room(error: GitError | OSError) -> bool:
    """Tell whether the repository cannot take the objects, so that another directory may do better."""
    if isinstance(error, GitError):
        return any(text in str(error) for text in _NO_ROOM_TEXTS)
    return error.errno in _NO_ROOM


def _object_store(common_dir: str, spool_objects: str | None) -> tuple[str, dict[str, str]]:
    """Return the directory for objects that the repository cannot take, and the variables that tell git so."""
    objects = os.path.join(common_dir, "objects")
    if spool_objects is None:
        raise RepositoryError(f"{objects} cannot be written", hint="set GTRACK_SPOOL to a directory that can")
    os.makedirs(spool_objects, mode=0o700, exist_ok=True)
    quoted = '"' + objects.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return spool_objects, {"GIT_OBJECT_DIRECTORY": spool_objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES": quoted}


@contextmanager
def _index_copy(git_dir: str, folder: str) -> Iterator[str]:
    """Yield the path of a private copy of the index, in a folder that is removed afterwards."""
    try:
        index = os.path.join(folder, "index")
        with suppress(FileNotFoundError):  # nothing was ever added
            # With its time: git compares it with the files' to know which it cannot trust by their time alone.
            shutil.copy2(os.path.join(git_dir, "index"), index)
        yield index
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _scratch(home: str, spool_objects: str | None) -> str:
    """Return a new directory of mode 0700: in gtrack's own, else beside the spooled objects, else the system's."""
    with suppress(OSError):
        os.makedirs(home, mode=0o700, exist_ok=True)
        _sweep(home)
        return tempfile.mkdtemp(prefix="snapshot-", dir=home)
    spool = os.path.dirname(spool_objects) if spool_objects else None
    return tempfile.mkdtemp(prefix="snapshot-", dir=spool)


def _sweep(home: str) -> None:
    """Remove what a killed process left behind."""
    with os.scandir(home) as entries:
        for entry in entries:
            if entry.name.startswith("snapshot-") and entry.stat().st_mtime < time.time() - _STALE:
                shutil.rmtree(entry.path, ignore_errors=True)
