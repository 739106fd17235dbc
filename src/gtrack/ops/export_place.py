"""Where an export goes: a local path, or a URL that fsspec knows, whole or not at all.

A directory is made aside and renamed. An object store has no renaming, so there the file ``_SUCCESS`` comes last, as
Spark and Hadoop have it. What an export wrote stands in its manifest; nothing else is ever removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Protocol
from urllib.parse import unquote

from gtrack.errors import UsageError
from gtrack.text import clean

__all__ = [
    "MANIFEST",
    "SUCCESS",
    "Directory",
    "closing_files",
    "earlier_files",
    "is_url",
    "local_path",
    "open_directory",
    "open_file",
]

MANIFEST = "_gtrack_export.json"
"""What an export wrote. Readers of datasets pass over names that begin with an underscore."""
SUCCESS = "_SUCCESS"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(//|:)")
_MAX_MANIFEST = 64 << 20


class Directory(Protocol):
    """A directory that is being filled.

    Attributes:
        files: The paths of what was written, below the directory.
        mark: What the names of files carry, so that they replace none of an earlier export.
    """

    files: list[str]
    mark: str

    def create(self, path: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """Open a new file below the directory for writing."""

    def finish(self, manifest: Mapping[str, object]) -> None:
        """Let the files be seen as one whole."""

    def abandon(self) -> None:
        """Leave everything as it was."""


def is_url(target: str) -> bool:
    """Tell whether a target is a URL rather than a path."""
    return _URL.match(target) is not None


def local_path(target: str) -> str | None:
    """Return the local path that a target means, ``file://`` included; None for a place elsewhere."""
    if target.startswith("file://"):
        return unquote(target.removeprefix("file://").removeprefix("localhost"))
    return None if is_url(target) else target


def open_directory(target: str, *, overwrite: bool = False) -> Directory:
    """Begin a directory.

    Args:
        target: A path or a URL.
        overwrite: Put it in the place of an earlier export.

    Raises:
        UsageError: Something is there that no export made or that is not to be replaced; it cannot be written.
        MissingExtraError: The URL needs fsspec, or a package for its protocol.
        NetworkError: The place cannot be reached.
    """
    path = local_path(target)
    if path is not None:
        return LocalDirectory(path, overwrite=overwrite)
    from gtrack.ops.export_remote import RemoteDirectory

    return RemoteDirectory(target, overwrite=overwrite)


@contextlib.contextmanager
def open_file(target: str, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Write one file, which is then either whole or as it was; see :func:`open_directory`."""
    path = local_path(target)
    if path is None:
        from gtrack.ops.export_remote import open_remote_file

        with open_remote_file(target, overwrite=overwrite) as file:
            yield file
        return
    if os.path.isdir(path):
        raise UsageError(f"{clean(path)} is a directory", hint="name a file, or export with --curves")
    if os.path.lexists(path) and not overwrite:
        raise UsageError(f"{clean(path)} is there already", hint="--overwrite replaces it")
    draft = f"{path}.{os.getpid()}.new"
    with _local_trouble(path), _removed_on_failure(draft):
        with open(draft, "xb") as file:
            yield file
        os.replace(draft, path)


@contextlib.contextmanager
def _removed_on_failure(draft: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


@contextlib.contextmanager
def _local_trouble(path: str) -> Iterator[None]:
    """Turn what the system says of a file into a sentence; a reader of standard output that leaves is no such thing."""
    try:
        yield
    except OSError as error:
        if error.strerror is None or error.errno is None:
            raise
        raise UsageError(f"cannot write {clean(path)}: {error.strerror}") from error


class LocalDirectory:
    """A directory on this machine: made beside its place and renamed. See :class:`Directory`."""

    mark = ""

    def __init__(self, path: str, *, overwrite: bool) -> None:
        self.files: list[str] = []
        self._path = os.path.normpath(path)
        self._overwrite = overwrite
        self._earlier()
        parent, name = os.path.split(os.path.abspath(self._path))
        self._draft, self._old = (os.path.join(parent, f".{name}.{os.getpid()}.{end}") for end in ("new", "old"))
        with _local_trouble(self._path):
            os.makedirs(parent, exist_ok=True)
            os.mkdir(self._draft)

    @contextlib.contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        """Open a new file below the directory for writing."""
        whole = os.path.join(self._draft, path)
        with _local_trouble(os.path.join(self._path, path)):
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "xb") as file:
                yield file
        self.files.append(path)

    def finish(self, manifest: Mapping[str, object]) -> None:
        """Put the directory into its place."""
        for name, content in closing_files(manifest, self.files):
            with self.create(name) as file:
                file.write(content)
        earlier = self._earlier()  # somebody may have put something there meanwhile
        with _local_trouble(self._path):
            if earlier:
                os.rename(self._path, self._old)
            os.rename(self._draft, self._path)
        self._remove_old(earlier)

    def abandon(self) -> None:
        """Leave everything as it was."""
        shutil.rmtree(self._draft, ignore_errors=True)

    def _earlier(self) -> set[str]:
        """Return the files of the export that is to be replaced."""
        if not os.path.lexists(self._path):
            return set()
        if not os.path.isdir(self._path) or os.path.islink(self._path):
            raise UsageError(f"{clean(self._path)} is no directory")
        with _local_trouble(self._path):
            present = set(_files_below(self._path))
            manifest = None
            if MANIFEST in present:
                with open(os.path.join(self._path, MANIFEST), "rb") as file:
                    manifest = file.read(_MAX_MANIFEST)
        return earlier_files(self._path, present, manifest, overwrite=self._overwrite)

    def _remove_old(self, earlier: Iterable[str]) -> None:
        """Remove the files of an earlier export, and the folders that are empty then."""
        with contextlib.suppress(OSError):  # the new one stands
            for path in earlier:
                os.unlink(os.path.join(self._old, path))
            for folder, _, _ in os.walk(self._old, topdown=False):
                os.rmdir(folder)


def _files_below(root: str) -> Iterator[str]:
    """Yield the paths of all that is not a directory, and of links; empty directories do not matter."""
    for folder, folders, files in os.walk(root):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in (*files, *links):
            yield os.path.relpath(os.path.join(folder, name), root)


def earlier_files(where: str, present: set[str], manifest: bytes | None, *, overwrite: bool) -> set[str]:
    """Return what is to be replaced: all that is present.

    Args:
        where: The place, safe to print.
        present: The paths of the files that are there.
        manifest: The manifest that is among them.
        overwrite: Whether it may be replaced.

    Raises:
        UsageError: It may not, or something is there that no export made.
    """
    if not present:
        return set()
    if not overwrite:
        hint = "--overwrite replaces an earlier export" if manifest is not None else "name another place"
        raise UsageError(f"{clean(where)} is not empty", hint=hint)
    try:
        listed = json.loads(manifest or b"{}").get("files", [])
        known = {str(path) for path in listed} | {MANIFEST, SUCCESS}
    except (ValueError, AttributeError, TypeError, RecursionError):
        known = {MANIFEST, SUCCESS}
    foreign = sorted(present - known) if manifest is not None else sorted(present)
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise UsageError(
            f"{clean(where)} holds what no export made: {clean(foreign[0])}{more}", hint="name another place"
        )
    return present


def closing_files(manifest: Mapping[str, object], files: Iterable[str]) -> list[tuple[str, bytes]]:
    """Return the names and contents of the two files that come last: the manifest, and the word that all is there."""
    listed = json.dumps({**manifest, "files": sorted(files)}, indent=1).encode()
    return [(MANIFEST, listed + b"\n"), (SUCCESS, b"")]
