"""Git objects: read by id, written loose and fsynced, trees edited in place."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from gtrack.branch.loose import BLOB, COMMIT, TAG, TREE, object_id, read_loose, write_loose
from gtrack.errors import DamageError, NetworkError
from gtrack.ids import is_object_id

if TYPE_CHECKING:
    from dulwich.object_store import DiskObjectStore

__all__ = [
    "BLOB",
    "BLOB_MODE",
    "COMMIT",
    "TAG",
    "TREE",
    "TREE_MODE",
    "MissingObjectError",
    "Objects",
    "Tree",
    "UnfetchedObjectError",
    "parse_tree",
]

BLOB_MODE, TREE_MODE = 0o100644, 0o040000
Tree = dict[bytes, tuple[int, str]]
"""A tree's entries: name to (mode, object id in hex)."""

_HASH_BYTES = {"sha1": 20, "sha256": 32}


class MissingObjectError(DamageError, KeyError):
    """An object that something refers to is not in the repository."""


class UnfetchedObjectError(NetworkError, KeyError):
    """An object is not here, since a partial clone left it at its remote, and it cannot be had from there now."""


class Objects:
    """The object database of a repository.

    Args:
        common_dir: The repository's common directory.
        object_format: ``sha1`` or ``sha256``.
        missing: Called with the id of a file or folder that is not here, to fetch it (partial clones); tells whether
            it came.
    """

    def __init__(
        self,
        common_dir: str,
        object_format: str = "sha1",
        missing: Callable[[str], bool] | None = None,
    ) -> None:
        self._hash_bytes = _HASH_BYTES[object_format]
        self._format = object_format
        self._missing = missing
        self._path = os.path.join(common_dir, "objects")
        self.written: dict[str, tuple[int, bytes]] = {}

    @cached_property
    def _store(self) -> DiskObjectStore:
        """What knows packs and alternates; the last runs' objects are loose, and most commands need no more."""
        from dulwich.object_format import OBJECT_FORMATS
        from dulwich.object_store import DiskObjectStore

        return DiskObjectStore(self._path, object_format=OBJECT_FORMATS[self._format])

    def close(self) -> None:
        """Close the packs that were opened."""
        if "_store" in self.__dict__:
            for alternate in self._store.alternates:  # which dulwich leaves open
                alternate.close()
            self._store.close()

    def refresh(self) -> None:
        """Forget what is known of packs: another process may have repacked."""
        self.close()

    def __contains__(self, oid: str) -> bool:
        return self._is_loose(oid) or oid.encode() in self._store  # type: ignore[operator]

    def _is_loose(self, oid: str) -> bool:
        return os.path.exists(os.path.join(self._path, oid[:2], oid[2:]))

    def absent(self, oids: Iterable[str]) -> list[str]:
        """Return those of some objects that are not here, each once; no remote is asked.

        Args:
            oids: Object ids; what is none of this repository's is passed over.
        """
        length = 2 * self._hash_bytes
        left = [oid for oid in dict.fromkeys(oids) if len(oid) == length and is_object_id(oid)]
        left = [oid for oid in left if not self._is_loose(oid)]
        # Pack by pack, and not object by object: for each that is in none, dulwich would look for new packs.
        for pack in self._store.packs if left else ():
            left = [oid for oid in left if oid.encode() not in pack]  # type: ignore[operator]
        for other in self._store.alternates if left else ():
            left = [oid for oid in left if oid.encode() not in other]  # type: ignore[operator]
        return left

    def read(self, oid: str, kind: int) -> bytes:
        """Return an object's content.

        Args:
            oid: Its id in hex.
            kind: Its type: :data:`COMMIT`, :data:`TREE` or :data:`BLOB`.

        Raises:
            MissingObjectError: It is not here.
            UnfetchedObjectError: It is not here, and cannot be had now from where a partial clone left it.
            DamageError: It is damaged, or of another type.
        """
        found = self._present(oid)
        # No filter leaves out commits, and one that is fetched by its id brings all of its history.
        if found is None and kind != COMMIT and self._missing is not None and self._missing(oid):
            found = self._present(oid)
        if found is None:
            raise MissingObjectError(f"git object {oid} is missing", hint="gtrack fsck --repair")
        if found[0] != kind:
            raise DamageError(f"git object {oid} is of an unexpected type", hint="git fsck --full")
        return found[1]

    def _present(self, oid: str) -> tuple[int, bytes] | None:
        try:
            return read_loose(self._path, oid) or self._packed(oid)
        except DamageError:
            found = self._packed(oid)  # a damaged file may have a good copy beside it
            if found is None:
                raise
            return found

    def _packed(self, oid: str) -> tuple[int, bytes] | None:
        """Return type and content of an object in a pack or an alternate, or None."""
        from dulwich.errors import ChecksumMismatch, FileFormatException

        try:
            return self._store.get_raw(oid.encode())  # type: ignore[arg-type]
        except (ChecksumMismatch, FileFormatException, AssertionError, zlib.error) as error:
            fault = str(error)
        except KeyError:
            return None
        # Without the cause, whose frames would keep a pack's memory map from being closed.
        raise DamageError(f"git object {oid} is damaged: {fault}", hint="git fsck --full")

    def id_of(self, kind: int, data: bytes) -> str:
        """Return the id that an object has, written or not."""
        return object_id(kind, data, self._format)

    def write(self, kind: int, data: bytes) -> str:
        """Write an object and return its id; one that is here already is not written again.

        Raises:
            OSError: The disk is full or read-only. Nothing of the object stays.
        """
        oid = write_loose(self._path, kind, data, self._format)
        self.written[oid] = (kind, data)
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
