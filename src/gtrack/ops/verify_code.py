"""Whether the code of a run is here as it was recorded: its commit, its snapshot, every object of its tree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gtrack.branch.cat_file import contents
from gtrack.branch.code_diff import changed_files
from gtrack.branch.loose import object_id
from gtrack.branch.objects import BLOB, COMMIT, TREE, TREE_MODE, parse_tree
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GtrackError
from gtrack.ids import is_object_id
from gtrack.model.state import RunState
from gtrack.ops.verify_result import Chain

__all__ = ["TreeCheck", "check_code", "check_tree"]

_GITLINK = 0o160000
_MOST_OBJECTS = 500_000
_MOST_FILES = 20
_AT_ONCE = 2000
_FETCH = "gtrack verify --fetch, or git fetch"


@dataclass(slots=True)
class TreeCheck:
    """What a look at every object of a tree found.

    Attributes:
        files: How many files and folders are as their ids say.
        missing: Ids of those that are not here.
        damaged: Ids of those whose content is another, each with what is wrong.
    """

    files: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[tuple[str, str]] = field(default_factory=list)


def check_code(repo: Repository, state: RunState, chain: Chain) -> None:
    """Add to a chain what is found of a run's code, of each session's where it was resumed with another.

    Told are the commit, the snapshot, and the uncommitted changes between the two.

    Args:
        repo: The repository; nothing is fetched.
        state: The run.
        chain: Takes what is found.
    """
    resumed = (session.details.get("code") for session in state.sessions)
    seen: list[Mapping[str, object]] = []
    for code in (state.code, *resumed):
        if isinstance(code, Mapping) and not any(_same(code, other) for other in seen):
            seen.append(code)
            _check_one(repo, code, chain)


def _same(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    return all(a.get(name) == b.get(name) for name in ("commit", "snapshot", "tree", "dirty"))


def _check_one(repo: Repository, code: Mapping[str, object], chain: Chain) -> None:
    commit, snapshot, tree = (_oid(repo, code.get(name)) for name in ("commit", "snapshot", "tree"))
    if commit is None and snapshot is None:
        chain.note("code", "none", "nothing is recorded of the code that ran")
        return
    base = _check_commit(repo, commit, chain) if commit is not None else None
    if snapshot is None:
        _without_snapshot(repo, code, base, tree, chain)
        return
    held = _read_commit(repo, snapshot, "snapshot", chain)
    if held is None:
        return
    if tree is not None and held != tree:
        chain.broken(
            "code", snapshot, f"the snapshot holds the tree {held[:12]}, and the run's record says {tree[:12]}"
        )
        return
    if _check_objects(repo, held, "snapshot", snapshot, chain):
        _say_changes(repo, base, held, chain)


def check_tree(repo: Repository, tree: str) -> TreeCheck:
    """Read every object of a tree that is here, and compare it with its id.

    Args:
        repo: The repository; nothing is fetched.
        tree: The id of the tree.

    Raises:
        DamageError: It has more objects than can be looked at.
    """
    out, blobs, seen, waiting = TreeCheck(), set[str](), {tree}, [tree]
    while waiting:
        oid = waiting.pop()
        data = _content(repo, oid, TREE, out)
        if data is None:
            continue
        for mode, child in parse_tree(data, len(oid) // 2).values():
            if mode == _GITLINK:
                continue  # a submodule's commit is in a repository of its own
            if mode != TREE_MODE:
                blobs.add(child)
            elif child not in seen:
                seen.add(child)
                waiting.append(child)
        if len(seen) + len(blobs) > _MOST_OBJECTS:
            raise DamageError(f"the tree {tree[:12]} has more than {_MOST_OBJECTS:,} objects")
    _check_blobs(repo, sorted(blobs), out)
    return out


def _check_commit(repo: Repository, commit: str, chain: Chain) -> str | None:
    """Return the tree of the commit that was checked out; None where it is not here, or broken."""
    tree = _read_commit(repo, commit, "commit", chain)
    if tree is not None:
        chain.ok("code", commit, "commit: it is here, and is what its id says")
    return tree


def _read_commit(repo: Repository, oid: str, what: str, chain: Chain) -> str | None:
    out = TreeCheck()
    data = _content(repo, oid, COMMIT, out)
    if data is not None:
        return data[5 : data.index(b"\n")].decode("ascii", "replace")
    if out.missing:
        chain.absent("code", oid, f"the {what} is not here", _FETCH)
    for _, why in out.damaged:
        chain.broken("code", oid, f"the {what} {why}", "git fsck --full")
    return None


def _without_snapshot(
    repo: Repository, code: Mapping[str, object], base: str | None, tree: str | None, chain: Chain
) -> None:
    commit = str(code.get("commit"))
    if code.get("dirty") is True:
        chain.note("diff", commit, "there were uncommitted changes, and they were not kept")
    if base is None:
        return
    if tree is not None and tree != base and code.get("dirty") is False:
        chain.broken("code", commit, f"the commit holds the tree {base[:12]}, and the run's record says {tree[:12]}")
    elif _check_objects(repo, base, "commit", commit, chain) and code.get("dirty") is False:
        chain.ok("diff", commit, "no uncommitted changes")


def _check_objects(repo: Repository, tree: str, what: str, name: str, chain: Chain) -> bool:
    try:
        found = check_tree(repo, tree)
    except DamageError as error:
        chain.broken("code", name, error.message)
        return False
    for oid, why in found.damaged:
        chain.broken("code", name, f"in the tree of the {what}, object {oid[:12]} {why}", "git fsck --full")
    if found.missing:
        count = len(found.missing)
        chain.absent("code", name, f"{count:,} objects of the {what}'s tree are not here", _FETCH)
    if not found.damaged and not found.missing:
        chain.ok("code", name, f"{what}: the tree {tree[:12]} and its {found.files:,} objects are what their ids say")
    return not found.damaged and not found.missing


def _say_changes(repo: Repository, base: str | None, tree: str, chain: Chain) -> None:
    """Tell what the snapshot has that the commit has not: the uncommitted changes of the run."""
    if base is None or repo.git is None:
        return
    try:
        files = changed_files(repo, base, tree)
    except GtrackError as error:
        chain.note("diff", tree, f"it cannot be compared with the commit: {error.message}")
        return
    if not files:
        chain.ok("diff", tree, "no uncommitted changes")
        return
    added, removed = (sum(getattr(file, name) or 0 for file in files) for name in ("added", "removed"))
    chain.ok("diff", tree, f"uncommitted changes in {len(files):,} files, +{added:,} -{removed:,} lines")
    for file in files[:_MOST_FILES]:
        stat = "binary" if file.added is None else f"+{file.added:,} -{file.removed:,}"
        chain.note("diff", file.path, stat)
    if len(files) > _MOST_FILES:
        chain.note("diff", "...", f"and {len(files) - _MOST_FILES:,} more files")


def _check_blobs(repo: Repository, blobs: list[str], out: TreeCheck) -> None:
    absent = set(repo.objects.absent(blobs))
    out.missing += sorted(absent)
    present = [oid for oid in blobs if oid not in absent]
    for at in range(0, len(present), _AT_ONCE):
        some = present[at : at + _AT_ONCE]
        unread = set(some) - set(_sound_ones(repo, some))
        out.files += len(some) - len(unread)
        for oid in sorted(unread):  # one by one, for what is wrong with it
            _content(repo, oid, BLOB, out)


def _sound_ones(repo: Repository, oids: list[str]) -> Iterator[str]:
    """Yield the blobs that git reads and that are what their ids say; git stops at one that is damaged."""
    if repo.git is None:
        return
    try:
        for oid, data in zip(oids, contents(repo, oids), strict=False):
            if data is not None and _hash(repo, b"blob", data) == oid:
                yield oid
    except GtrackError:
        return


def _hash(repo: Repository, kind: bytes, data: bytes) -> str:
    head = b"%s %d\0" % (kind, len(data))
    return hashlib.new(repo.object_format, head + data, usedforsecurity=False).hexdigest()


def _content(repo: Repository, oid: str, kind: int, out: TreeCheck) -> bytes | None:
    """Return an object that is what its id says, and count it; else note what is wrong."""
    if oid not in repo.objects:
        out.missing.append(oid)
        return None
    try:
        data = repo.objects.read(oid, kind)
    except KeyError:
        out.missing.append(oid)
        return None
    except (GtrackError, OSError, ValueError) as error:
        out.damaged.append((oid, f"is damaged: {error}"))
        return None
    if object_id(kind, data, repo.object_format) != oid:
        out.damaged.append((oid, "has another content than its id says"))
        return None
    out.files += kind != COMMIT
    return data


def _oid(repo: Repository, value: object) -> str | None:
    length = 40 if repo.object_format == "sha1" else 64
    return value if isinstance(value, str) and is_object_id(value) and len(value) == length else None
