"""Git objects: read by id, written loose and fsynced, trees edited in place."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from gtrack.errors import DamageError

if TYPE_CHECKING:
    from dulwich.object_store import DiskObjectStore

__all__ = ["BLOB", "BLOB_MODE", "COMMIT", "TREE", "TREE_MODE", "MissingObjectError", "Objects", "Tree", "parse_tree"]

COMMIT, TREE, BLOB = 1, 2, 3
BLOB_MODE, TREE_MODE = 0o100644, 0o040000
Tree = dict[bytes, tuple[int, str]]
"""A tree's entries: name to (mode, object id in hex)."""

_HASH_BYTES = {"sha1": 20, "sha256": 32}
_KIND_NAMES = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob"}
_COMPRESSION = 1
"""The level of zlib: git packs with its own later, and the fastest saves a third of the time here."""
_ATTEMPTS = 10


class MissingObjectError(DamageError, KeyError):
    """An object that something refers to is not in the repository."""


class Objects:
    """The object database of a repository.

    Args:
        common_dir: The repository's common directory.
        object_format: ``sha1`` or ``sha256``.
        missing: Called with an object id that is not here, to fetch it (partial clones); returns (type, data) or
            None.
    """

    def __init__(
        self,
        common_dir: str,
        object_format: str = "sha1",
        missing: Callable[[str], tuple[int, bytes] | None] | None = None,
    ) -> None:
        from dulwich.object_format import OBJECT_FORMATS
        from dulwich.object_store import DiskObjectStore

        self._hash_bytes = _HASH_BYTES[object_format]
        self._hash_name = object_format
        self._missing = missing
        self._path = os.path.join(common_dir, "objects")
        self._store: DiskObjectStore = DiskObjectStore(self._path, object_format=OBJECT_FORMATS[object_format])
        self.written: dict[str, tuple[int, bytes]] = {}

    def close(self) -> None:
        """Close the packs that were opened."""
        self._store.close()

    def refresh(self) -> None:
        """Forget what is known of packs: another process may have repacked."""
        self._store.close()

    def __contains__(self, oid: str) -> bool:
        return oid.encode() in self._store  # type: ignore[operator]

    def read(self, oid: str, kind: int) -> bytes:
        """Return an object's content.

        Args:
            oid: Its id in hex.
            kind: Its type: :data:`COMMIT`, :data:`TREE` or :data:`BLOB`.

        Raises:
            MissingObjectError: It is not here.
            DamageError: It is damaged, or of another type.
        """
        from dulwich.errors import ChecksumMismatch, FileFormatException

        try:
            found, data = self._store.get_raw(oid.encode())  # type: ignore[arg-type]
        except (ChecksumMismatch, FileFormatException, AssertionError, zlib.error) as error:
            raise DamageError(f"git object {oid} is damaged: {error}", hint="git fsck --full") from error
        except KeyError:
            fetched = self._missing(oid) if self._missing is not None else None
            if fetched is None:
                raise MissingObjectError(f"git object {oid} is missing", hint="gtrack fsck --repair") from None
            found, data = fetched
        if found != kind:
            raise DamageError(f"git object {oid} is of an unexpected type", hint="git fsck --full")
        return data

    def id_of(self, kind: int, data: bytes) -> str:
        """Return the id that an object has, written or not."""
        digest = hashlib.new(self._hash_name, _loose_header(kind, data), usedforsecurity=False)
        digest.update(data)
        return digest.hexdigest()

    def write(self, kind: int, data: bytes) -> str:
        """Write an object and return its id; one that is here already is not written again.

        Raises:
            OSError: The disk is full or read-only. Nothing of the object stays.
        """
        oid = self.id_of(kind, data)
        self.written[oid] = (kind, data)
        packed = zlib.compress(_loose_header(kind, data) + data, _COMPRESSION)
        for attempt in range(_ATTEMPTS):
            try:
                _write_loose(os.path.join(self._path, oid[:2]), oid[2:], packed)
            except FileNotFoundError:
                # git gc removes folders that are empty for a moment, and files like ours when told to prune all.
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                break
        return oid

    def tree(self, oid: str | None) -> Tree:
        """Return a tree's entries; those of None are none.

        Raises:
            KeyError: It is not here.
            DamageError: It is not a tree.
        """
        return {} if oid is None else parse_tree(self.read(oid, TREE), self._hash_bytes)

    def write_tree(self, entries: Mapping[bytes, tuple[int, str]]) -> str:
        """Write a tree and return its id."""
        # Git sorts folders as if their names ended in a slash.
        ordered = sorted(entries.items(), key=lambda item: item[0] + b"/" if item[1][0] == TREE_MODE else item[0])
        return self.write(
            TREE, b"".join(b"%o %s\0%s" % (mode, name, bytes.fromhex(oid)) for name, (mode, oid) in ordered)
        )

    def add_files(self, base: str | None, files: Mapping[str, bytes]) -> tuple[str, list[str]]:
        """Add files to a tree; a path that is taken keeps what it has.

        Args:
            base: The tree to add to, or None.
            files: Content by path.

        Returns:
            The new tree, and the paths that were taken by other content.
        """
        nested: dict[str, dict[str, bytes] | bytes] = {}
        taken: list[str] = []
        for path, data in files.items():
            name, _, rest = path.partition("/")
            if rest:
                nested.setdefault(name, {})[rest] = data  # type: ignore[index]
            else:
                nested[name] = data
        entries = self.tree(base)
        for name, content in nested.items():
            present = entries.get(name.encode())
            if isinstance(content, bytes):
                oid = self.write(BLOB, content)
                if present is None:
                    entries[name.encode()] = (BLOB_MODE, oid)
                elif present != (BLOB_MODE, oid):
                    taken.append(name)
            elif present is not None and present[0] != TREE_MODE:
                taken.extend(f"{name}/{rest}" for rest in content)
            else:
                oid, clashes = self.add_files(present[1] if present else None, content)
                entries[name.encode()] = (TREE_MODE, oid)
                taken.extend(f"{name}/{rest}" for rest in clashes)
        return self.write_tree(entries), taken

    def find(self, tree: str | None, path: str) -> tuple[int, str] | None:
        """Return the (mode, id) at a path below a tree, or None."""
        found: tuple[int, str] | None = (TREE_MODE, tree) if tree is not None else None
        for part in filter(None, path.split("/")):
            if found is None or found[0] != TREE_MODE:
                return None
            found = self.tree(found[1]).get(part.encode())
        return found

    def walk(self, tree: str | None, prefix: str = "") -> Iterable[tuple[str, int, str]]:
        """Yield (path, mode, id) of every file below a tree, in the order of names."""
        for raw, (mode, oid) in sorted(self.tree(tree).items()):
            path = prefix + raw.decode("utf-8", "surrogateescape")
            if mode == TREE_MODE:
                yield from self.walk(oid, path + "/")
            else:
                yield path, mode, oid


def parse_tree(data: bytes, hash_bytes: int) -> Tree:
    """Parse a tree object.

    Raises:
        DamageError: It is malformed.
    """
    out: Tree = {}
    at = 0
    while at < len(data):
        space, null = data.find(b" ", at), data.find(b"\0", at)
        end = null + 1 + hash_bytes
        if not at < space < null or end > len(data):
            raise DamageError("a git tree is malformed", hint="git fsck --full")
        try:
            mode = int(data[at:space], 8)
        except ValueError:
            raise DamageError("a git tree has a malformed mode", hint="git fsck --full") from None
        out[data[space + 1 : null]] = (mode, data[null + 1 : end].hex())
        at = end
    return out


def _loose_header(kind: int, data: bytes) -> bytes:
    return b"%b %d\0" % (_KIND_NAMES[kind], len(data))


def _write_loose(folder: str, name: str, packed: bytes) -> None:
    """Write a loose object as git does: under a name of its own kind of temporary files, then renamed."""
    path = os.path.join(folder, name)
    try:
        # An old object that nothing refers to is what git prunes: a fresh time keeps it.
        os.utime(path)
    except (FileNotFoundError, PermissionError):
        pass  # absent, or another user's
    else:
        return
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f"tmp_obj_{os.urandom(8).hex()}")
    fd = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o444)
    try:
        try:
            rest = memoryview(packed)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
