"""The snapshot of a run: one commit of exactly the tree that ran, and what it does not hold.

Git itself makes it, through a private copy of the index, because filters, line endings, LFS pointers, sparse
checkouts and submodules must come out as git would store them. The user's index, HEAD, references and stash are
only read.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gtrack.branch.edits import Edits, hidden_edits, judge_edits
from gtrack.branch.git import Git
from gtrack.branch.loose import COMMIT, write_loose
from gtrack.branch.private_index import (
    index_copy,
    is_about_room,
    is_writable,
    scratch_folder,
    spooled_store,
    update_index,
)
from gtrack.branch.snapshot_cache import IndexFacts, cache_path, index_key, recall, remember
from gtrack.branch.status import GITLINK, Entry, Status, Where, read_entries, read_status
from gtrack.branch.untracked import LeftOut, Selection, SnapshotPolicy, select_untracked, shown
from gtrack.errors import GitError

__all__ = ["LeftOut", "Snapshot", "SnapshotPolicy", "Submodule", "snapshot_object", "take_snapshot"]

_OBJECT_ID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\n?\Z")
# A blob that a partial clone does not have is no reason to go to the network.
_ENV = {"GIT_NO_LAZY_FETCH": "1"}


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
    where = Where(git, git_dir, work_tree, _ENV)
    if policy.code == "commit-only":
        return _of_head(where, policy)
    objects = os.path.join(common_dir, "objects")
    try:
        if is_writable(objects):
            seen = _look(where, policy)
            cache = cache_path(git_dir, common_dir)
            known = _of_known_index(where, seen, cache, objects)
            if known is not None:
                return known
            with index_copy(git_dir, scratch_folder(os.path.join(common_dir, "gtrack", "tmp"), spool_objects)) as index:
                return _take(_with(where, GIT_INDEX_FILE=index), policy, objects, seen=seen, cache=cache)
    except (GitError, OSError) as error:
        if spool_objects is None or not is_about_room(error):
            raise
    spool, env = spooled_store(objects, spool_objects)
    with index_copy(git_dir, scratch_folder(None, spool)) as index:
        taken = _take(_with(where, **env, GIT_INDEX_FILE=index), policy, spool)
        return replace(taken, objects=spool)


def snapshot_object(tree: str) -> bytes:
    """Return the content of the snapshot commit of a tree: a function of the tree alone.

    Its form is that of ``git cat-file commit``; author, time (2000-01-01) and message are fixed.
    """
    who = "gtrack <gtrack@localhost> 946684800 +0000"
    return f"tree {tree}\nauthor {who}\ncommitter {who}\n\ngtrack snapshot\n".encode()


@dataclass(frozen=True, slots=True)
class _Seen:
    """The working tree, as git compared it with an index.

    Args:
        index: The key of that index, or None when it has none or was replaced meanwhile.
        status: What git said.
        selection: What a snapshot takes of the untracked files.
    """

    index: str | None
    status: Status
    selection: Selection


def _look(where: Where, policy: SnapshotPolicy) -> _Seen:
    index = where.env.get("GIT_INDEX_FILE") or os.path.join(where.git_dir, "index")
    before = index_key(index)
    status = read_status(where)
    selection = select_untracked(where.work_tree, status.untracked, policy)
    return _Seen(before if before == index_key(index) else None, status, selection)


def _of_known_index(where: Where, seen: _Seen, cache: str, objects: str) -> Snapshot | None:
    """Return the snapshot of a working tree that is as its index has it, where that index's tree is known."""
    if seen.index is None or seen.status.changes or seen.selection.taken:
        return None
    facts = recall(cache, seen.index)
    if facts is None or facts.tree is None or not _OBJECT_ID.match(facts.tree):
        return None
    return _made(where, seen, _Made(facts.tree, facts.entries), objects)


@dataclass(frozen=True, slots=True)
class _Made:
    """The tree of a snapshot, the odd entries of its index, and what became of the edits."""

    tree: str
    entries: tuple[Entry, ...]
    edits: Edits = field(default_factory=Edits)
    refused: tuple[str, ...] = ()


def _take(
    where: Where, policy: SnapshotPolicy, objects: str, *, seen: _Seen | None = None, cache: str = ""
) -> Snapshot:
    """Bring a copied index up to date, and make the snapshot of its tree.

    Args:
        where: With the copied index.
        policy: What the snapshot may hold.
        objects: The object directory that takes the snapshot.
        seen: What git said of the index that was copied, if it is that one still.
        cache: Where to keep what is learnt of it.
    """
    if seen is None or seen.index is None or seen.index != index_key(where.env["GIT_INDEX_FILE"]):
        seen = _look(where, policy)
    edits = judge_edits(where, seen.status.changes)
    refused = update_index(where, edits, seen.selection)
    key = _key_after(seen, edits, refused)
    facts = recall(cache, key) if key else None
    entries = read_entries(where) if facts is None else facts.entries
    tree = _object_id(where.run("write-tree"))
    if facts is None and key and cache:
        remember(cache, key, IndexFacts(tree if key == seen.index else None, entries))
    return _made(where, seen, _Made(tree, entries, edits, tuple(refused)), objects)


def _key_after(seen: _Seen, edits: Edits, refused: Sequence[str]) -> str | None:
    """Return the key of an index with some paths brought up to date, or None when its odd entries do not follow.

    Which entries are submodules, or hidden from git, follows from the index and from which paths were brought up to
    date, whatever these hold; not if a submodule was among them.
    """
    if seen.index is None or refused or any(change.work_mode == GITLINK for change in seen.status.changes):
        return None
    restored = [f"{change.head_mode} {change.path}" for change in edits.restore]
    paths = [edits.stage, seen.selection.taken, [change.path for change in edits.remove], restored]
    if not any(paths):
        return seen.index
    done = "\0\0".join("\0".join(group) for group in paths)
    return f"{seen.index} {hashlib.sha256(os.fsencode(done)).hexdigest()}"


def _made(where: Where, seen: _Seen, made: _Made, objects: str) -> Snapshot:
    """Write the commit, and tell what is in it and what is not."""
    status, selection, edits = seen.status, seen.selection, made.edits
    hidden = hidden_edits(where, made.entries)
    object_format = "sha1" if len(made.tree) == 40 else "sha256"
    snapshot = write_loose(objects, COMMIT, snapshot_object(made.tree), object_format)
    refused = (LeftOut(path, None, "refused") for path in made.refused)
    left_out = (*edits.left_out, *selection.left_out, *hidden, *refused)
    unseen = (
        f"{shown(file.path)} is marked {file.reason} and differs from the index's version, which is in the code "
        "snapshot"
        for file in hidden
    )
    said_no = (f"git could not take {shown(path)}, which is not in the code snapshot as it is" for path in made.refused)
    return Snapshot(
        commit=status.commit,
        branch=status.branch,
        dirty=bool(status.changes or selection.taken or hidden),
        snapshot=snapshot,
        tree=made.tree,
        submodules=_submodules(made.entries, status),
        left_out=tuple(sorted(left_out, key=lambda file: file.path)),
        unlisted=selection.unlisted,
        warnings=(*edits.warnings, *selection.warnings, *unseen, *said_no),
    )


def _with(where: Where, **env: str) -> Where:
    return replace(where, env={**where.env, **env})


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


def _object_id(output: bytes) -> str:
    text = output.decode("ascii", "replace")
    if not _OBJECT_ID.match(text):
        raise GitError(f"git answered {text[:80]!r} where an object id was due")
    return text.strip()
