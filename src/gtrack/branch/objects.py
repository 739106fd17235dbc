"""Git objects: read by id, written loose and fsynced, trees edited in place."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from gtrack.errors import DamageError

if TYPE_CHECKING:
    from dulwich.object_store import DiskObjectStore

__all__ = ["BLOB", "BLOB_MODE", "COMMIT", "TREE", "TREE_MODE", "Objects", "Tree", "parse_tree"]

COMMIT, TREE, BLOB = 1, 2, 3
BLOB_MODE, TREE_MODE = 0o100644, 0o040000
Tree = dict[bytes, tuple[int, str]]
"""A tree's entries: name to (mode, object id in hex)."""

_STALE = 2.0
_HASH_BYTES = {"sha1": 20, "sha256": 32}


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
        self._missing = missing
        self._format = OBJECT_FORMATS[object_format]
        self._store: DiskObjectStore = DiskObjectStore(
            os.path.join(common_dir, "objects"),
            loose_compression_level=1,
            fsync_object_files=True,
            object_format=self._format,
        )
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
            KeyError: It is not here.
            DamageError: It is of another type.
        """
        try:
            found, data = self._store.get_raw(oid.encode())  # type: ignore[arg-type]
        except KeyError:
            fetched = self._missing(oid) if self._missing is not None else None
            if fetched is None:
                raise
            found, data = fetched
        if found != kind:
            raise DamageError(f"git object {oid} is of an unexpected type", hint="git fsck --full")
        return data

    def id_of(self, kind: int, data: bytes) -> str:
        """Return the id that an object has, written or not."""
        from dulwich.objects import ShaFile

        return ShaFile.from_raw_string(kind, data, object_format=self._format).get_id(self._format).decode()

    def write(self, kind: int, data: bytes) -> str:
        """Write an object and return its id; one that is here already is not written again."""
        from dulwich.file import FileLocked
        from dulwich.objects import ShaFile

        obj = ShaFile.from_raw_string(kind, data, object_format=self._format)
        oid = obj.get_id(self._format).decode()
        self.written[oid] = (kind, data)
        deadline = time.monotonic() + 2 * _STALE
        while True:
            try:
                self._store.add_object(obj)
            except FileLocked as error:
                # A writer that was killed leaves its lock behind, and content has only one place to go.
                _break_stale_lock(error.lockfilename, deadline)
            else:
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


def _break_stale_lock(path: str | bytes, deadline: float) -> None:
    """Wait a moment, then remove a lock that nobody has touched for some seconds."""
    try:
        age = time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return
    if age > _STALE or time.monotonic() > deadline:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    else:
        time.sleep(0.02)
