"""Everything in a tree of the branch, and the content of many files: damaged objects are named, not tripped over."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gtrack.branch.bulk import read_blobs
from gtrack.branch.objects import BLOB, TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GitError

__all__ = ["Entry", "Listing", "list_tree", "read_in_batches"]

_BATCH_BYTES = 32 << 20
_BATCH_FILES = 4000
# What dulwich and zlib raise on objects that are not what they should be.
_BROKEN = (DamageError, OSError, ValueError, LookupError, AssertionError, ArithmeticError, zlib.error)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a tree: its path from the root, mode, object id, and size in bytes where that is known."""

    path: str
    mode: int
    oid: str
    size: int | None = None


@dataclass(slots=True)
class Listing:
    """What a tree holds.

    Attributes:
        files: Every member that is not a folder, in the order of names.
        folders: How many members each folder has, by path; the root is ``""``.
        unreadable: Folders that are missing or malformed, and why.
    """

    files: list[Entry] = field(default_factory=list)
    folders: dict[str, int] = field(default_factory=dict)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def list_tree(repo: Repository, tree: str) -> Listing:
    """List everything below a tree.

    Args:
        repo: The repository.
        tree: The tree's id.
    """
    if repo.git is not None:
        try:
            return _by_git(repo, tree)
        except (GitError, ValueError):
            pass  # something is missing: the slow way tells what
    out = Listing()
    _walk(repo, tree, "", out)
    return out


def _by_git(repo: Repository, tree: str) -> Listing:
    assert repo.git is not None
    out = Listing(folders={"": 0})
    command = ["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", tree]
    raw = repo.git.run(command, git_dir=repo.paths.git_dir, env_extra={"GIT_NO_LAZY_FETCH": "1"})
    for line in raw.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        head, _, path = line.partition("\t")
        mode, kind, oid, size = head.split()
        out.folders[path.rpartition("/")[0]] += 1
        if kind == "tree":
            out.folders[path] = 0
        else:
            out.files.append(Entry(path, int(mode, 8), oid, int(size) if size.isdigit() else None))
    return out


def _walk(repo: Repository, tree: str, folder: str, out: Listing) -> None:
    try:
        members = repo.objects.tree(tree)
    except KeyError:
        out.unreadable.append((folder, f"the folder's object {tree[:12]} is missing"))
        return
    except _BROKEN as error:
        out.unreadable.append((folder, f"the folder's object {tree[:12]} is damaged: {error}"))
        return
    out.folders[folder] = len(members)
    for raw, (mode, oid) in sorted(members.items()):
        path = f"{folder}/{raw.decode('utf-8', 'surrogateescape')}".lstrip("/")
        if mode == TREE_MODE:
            _walk(repo, oid, path, out)
        else:
            out.files.append(Entry(path, mode, oid))


def read_in_batches(
    repo: Repository, groups: Iterator[tuple[str, Sequence[Entry]]], limit: int
) -> Iterator[tuple[str, Sequence[Entry], dict[str, bytes], dict[str, str]]]:
    """Read the content of groups of files, a bounded amount at a time.

    Args:
        repo: The repository.
        groups: A name and the files of each group.
        limit: The largest file that is read, in bytes.

    Yields:
        The group, its contents by object id, and by object id why a file could not be read.
    """
    batch: list[tuple[str, Sequence[Entry]]] = []
    files = size = 0
    for group in groups:
        batch.append(group)
        files += len(group[1])
        size += sum(min(entry.size or 0, limit) for entry in group[1])
        if files >= _BATCH_FILES or size >= _BATCH_BYTES:
            yield from _read(repo, batch, limit)
            batch, files, size = [], 0, 0
    yield from _read(repo, batch, limit)


def _read(
    repo: Repository, batch: Sequence[tuple[str, Sequence[Entry]]], limit: int
) -> Iterator[tuple[str, Sequence[Entry], dict[str, bytes], dict[str, str]]]:
    wanted = {e.oid: e.size for _, entries in batch for e in entries if e.mode & 0o100000 and e.mode != 0o160000}
    large = {oid for oid, size in wanted.items() if size is not None and size > limit}
    contents: dict[str, bytes] = {}
    if repo.git is not None and wanted.keys() - large:
        try:
            contents = read_blobs(repo, sorted(wanted.keys() - large))
        except (GitError, ValueError, IndexError):
            contents = {}  # one is damaged: the slow way tells which
    sound = {oid: data for oid, data in contents.items() if _is_sound(repo, oid, data)}
    bad: dict[str, str] = dict.fromkeys(large, f"it is larger than {limit:,} bytes")
    for oid in wanted.keys() - large - sound.keys():
        try:
            data = repo.objects.read(oid, BLOB)
        except KeyError:
            bad[oid] = f"its object {oid[:12]} is missing"
        except _BROKEN as error:
            bad[oid] = f"its object {oid[:12]} is damaged: {error}"
        else:
            if len(data) > limit:
                bad[oid] = f"it is larger than {limit:,} bytes"
            elif _is_sound(repo, oid, data):
                sound[oid] = data
            else:
                bad[oid] = f"its object {oid[:12]} has another content than its id says"
    for name, entries in batch:
        mine = {entry.oid for entry in entries}
        yield (
            name,
            entries,
            {oid: sound[oid] for oid in mine if oid in sound},
            {oid: bad[oid] for oid in mine if oid in bad},
        )


def _is_sound(repo: Repository, oid: str, data: bytes) -> bool:
    return hashlib.new(repo.object_format, b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() == oid
