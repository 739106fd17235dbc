"""Many trees at once: read by one git process, written as one pack."""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice

from gtrack.branch.objects import BLOB, TREE, TREE_MODE, Tree, parse_tree
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GitError

__all__ = ["ABSENT", "NOT_A_BLOB", "blob_sizes", "read_trees", "tree_data", "write_trees"]

ABSENT, NOT_A_BLOB = -1, -2
"""What :func:`blob_sizes` says of an object that is not here, or is a tree, a commit or a tag."""

_TREE_BYTES = 16 << 20
"""The largest tree that is read: a quarter of a million members."""
_BATCH = 8000
_BATCH_BYTES = 64 << 20
_FEW = 16
"""Up to this many objects are read one by one: a process costs as much."""
_UNPACKED = 100
"""From this many objects on they become a pack, as git has it when it receives some (``transfer.unpackLimit``)."""
# A replacement would show another content than the one that is pushed.
_ENV = {"GIT_NO_REPLACE_OBJECTS": "1"}
_HASH_BYTES = {"sha1": 20, "sha256": 32}


def read_trees(repo: Repository, oids: Collection[str]) -> dict[str, Tree]:
    """Return the entries of trees by id.

    Args:
        repo: The repository.
        oids: The trees.

    Raises:
        DamageError: One is damaged, no tree, or larger than 16 MiB.
        MissingObjectError: One is not here.
    """
    out: dict[str, Tree] = {}
    if repo.git is not None and len(oids) > _FEW:
        size = _HASH_BYTES[repo.object_format]
        with contextlib.suppress(GitError):  # one is damaged: reading them one by one tells which
            for batch in _batches(oids, _checked_sizes(repo, oids)):
                out.update((oid, parse_tree(data, size)) for oid, data in _read(repo, batch))
    for oid in oids:
        if oid not in out:
            out[oid] = repo.objects.tree(oid)
    return out


def _checked_sizes(repo: Repository, oids: Collection[str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for oid, kind, size in _facts(repo, oids):
        if kind != "tree":
            raise DamageError(f"git object {oid} is of an unexpected type", hint="git fsck --full")
        if size > _TREE_BYTES:
            raise DamageError(f"the folder {oid} has {size:,} bytes; at most {_TREE_BYTES:,} are read")
        sizes[oid] = size
    return sizes


def _batches(oids: Iterable[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0
    for oid in oids:
        if oid not in sizes:
            continue
        if batch and (len(batch) == _BATCH or total + sizes[oid] > _BATCH_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(oid)
        total += sizes[oid]
    if batch:
        yield batch


def _read(repo: Repository, oids: list[str]) -> Iterator[tuple[str, bytes]]:
    assert repo.git is not None
    raw = repo.git.run(
        ["cat-file", "--batch", "--buffer"],
        git_dir=repo.paths.git_dir,
        input="".join(f"{oid}\n" for oid in oids).encode(),
        env_extra=_ENV,
    )
    at = 0
    for _ in oids:
        line = raw.index(b"\n", at)
        head = raw[at:line].split()
        at = line + 1
        if len(head) == 3:
            yield head[0].decode(), raw[at : at + int(head[2])]
            at += int(head[2]) + 1


def blob_sizes(repo: Repository, oids: Collection[str]) -> dict[str, int]:
    """Return the sizes of blobs in bytes, by id; :data:`ABSENT` or :data:`NOT_A_BLOB` for what is none.

    Args:
        repo: The repository.
        oids: The objects.
    """
    out = dict.fromkeys(oids, ABSENT)
    if repo.git is not None:
        with contextlib.suppress(GitError):  # one is damaged: reading them one by one tells which
            for oid, kind, size in _facts(repo, oids):
                out[oid] = size if kind == "blob" else NOT_A_BLOB
            return out
    for oid in oids:
        try:
            out[oid] = len(repo.objects.read(oid, BLOB))
        except KeyError:
            pass
        except DamageError:
            out[oid] = NOT_A_BLOB
    return out


def _facts(repo: Repository, oids: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    """Yield (id, type, size) of the objects that are here."""
    assert repo.git is not None
    rest = iter(oids)
    while batch := list(islice(rest, 10 * _BATCH)):
        raw = repo.git.run(
            ["cat-file", "--batch-check", "--buffer"],
            git_dir=repo.paths.git_dir,
            input="".join(f"{oid}\n" for oid in batch).encode(),
            env_extra=_ENV,
        )
        for line in raw.decode("ascii", "replace").splitlines():
            answer = line.split(" ")
            if len(answer) == 3:
                yield answer[0], answer[1], int(answer[2])


def tree_data(entries: Tree) -> bytes:
    """Return the content of a tree object with these entries, in git's own order and form."""
    # Git sorts folders as if their names ended in a slash.
    ordered = sorted(
        (name + b"/" if mode == TREE_MODE else name, name, mode, oid) for name, (mode, oid) in entries.items()
    )
    return b"".join([b"%o %b\0%b" % (mode, name, bytes.fromhex(oid)) for _, name, mode, oid in ordered])


def write_trees(repo: Repository, trees: Mapping[str, bytes]) -> None:
    """Write trees.

    They are noted in ``repo.objects.written`` as well, for :func:`gtrack.branch.keep.keep_objects`.

    Args:
        repo: The repository.
        trees: Content by id; a tree stands after those it names.

    Raises:
        GitError: Git failed.
        OSError: The disk is full or read-only.
    """
    if repo.git is None or len(trees) < _UNPACKED:
        for data in trees.values():
            repo.objects.write(TREE, data)
        return
    # Writes the pack and its index under temporary names, syncs, and renames them.
    repo.git.run(["index-pack", "--stdin"], git_dir=repo.paths.git_dir, input=_pack(trees.values(), repo.object_format))
    repo.objects.refresh()
    repo.objects.written.update((oid, (TREE, data)) for oid, data in trees.items())


def _pack(trees: Collection[bytes], object_format: str) -> bytes:
    """Return a pack of trees; the format is https://git-scm.com/docs/gitformat-pack."""
    parts = [b"PACK" + (2).to_bytes(4, "big") + len(trees).to_bytes(4, "big")]
    for data in trees:
        parts += [_pack_header(TREE, len(data)), zlib.compress(data, 1)]
    body = b"".join(parts)
    return body + hashlib.new(object_format, body, usedforsecurity=False).digest()


def _pack_header(kind: int, size: int) -> bytes:
    """Return type and size: 4 bits of the size in the first byte, 7 in each of the others, the low ones first."""
    first = kind << 4 | size & 0xF
    size >>= 4
    out = bytearray()
    while size:
        out.append(first | 0x80)
        first = size & 0x7F
        size >>= 7
    out.append(first)
    return bytes(out)
