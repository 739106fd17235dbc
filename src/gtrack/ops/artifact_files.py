"""Artifacts as files in a folder that somebody named: nothing outside it is ever written.

A path of a manifest may be anybody's. Each of its folders is opened from the one above it and no link is followed, so
that neither the path nor what somebody put into the folder beforehand leads out of it. A file appears whole, under a
name of its own until its content was compared with its digest.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from types import TracebackType

from gtrack.errors import ConflictError, DamageError, GtrackError, UsageError
from gtrack.format.artifact_path import fault
from gtrack.model.artifact import Artifact
from gtrack.text import clean

__all__ = ["Outcome", "TargetFolder"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_LINK = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EACCES})


class Outcome(Enum):
    """What became of a file that was to be written."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"


class TargetFolder:
    """A folder to put artifacts into.

    Args:
        root: The folder; made with the first file. It may be a link itself: somebody named it.
        overwrite: Replace files of other content.

    Example:
        >>> with TargetFolder("out") as folder:
        ...     folder.put(artifact, lambda: [b"content"])
        <Outcome.WRITTEN: 'written'>
    """

    def __init__(self, root: str, *, overwrite: bool = False) -> None:
        self.root = root
        self._overwrite = overwrite
        self._fd: int | None = None

    def __enter__(self) -> TargetFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def put(self, artifact: Artifact, content: Callable[[], Iterable[bytes]]) -> Outcome:
        """Write an artifact at its path.

        Args:
            artifact: What is written.
            content: Returns its content in pieces; not called when the file is there already.

        Raises:
            DamageError: Its path is not safe, or its content is not what its digest says.
            ConflictError: A file of other content is there, or a link or a file where a folder must be.
            UsageError: The folder cannot be made or written.
        """
        wrong = fault(artifact.path)
        if wrong is not None:
            raise DamageError(f"{clean(artifact.path)!r:.200} is not the path of an artifact: {wrong}")
        *folders, name = artifact.path.split("/")
        try:
            with self._opened(folders) as folder:
                if self._is_there(folder, name, artifact):
                    return Outcome.UNCHANGED
                self._write(folder, name, artifact, content)
        except OSError as error:
            if isinstance(error, GtrackError):
                raise
            shown = os.path.join(self.root, artifact.path)
            raise UsageError(f"cannot write {clean(shown)}: {error.strerror or error}") from None
        return Outcome.WRITTEN

    @contextlib.contextmanager
    def _opened(self, folders: Iterable[str]) -> Iterator[int]:
        """Open a folder below the root, made if need be, step by step and without following links."""
        if self._fd is None:
            os.makedirs(self.root, exist_ok=True)
            self._fd = os.open(self.root, _FOLDER)
        fd, shown = os.dup(self._fd), self.root
        try:
            for part in folders:
                shown = os.path.join(shown, part)
                below = _step(fd, part, shown)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    def _is_there(self, folder: int, name: str, artifact: Artifact) -> bool:
        """Tell whether a file is there already; refuse one of other content unless it may be replaced."""
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        shown = clean(os.path.join(self.root, artifact.path))
        if stat.S_ISDIR(found.st_mode):
            raise ConflictError(f"{shown} is a folder", hint="-o names another folder to write to")
        plain = stat.S_ISREG(found.st_mode)
        if plain and found.st_size == artifact.size and _digest(folder, name) == artifact.digest:
            return True
        if not self._overwrite:
            what = "has other content" if plain else "is no plain file"
            raise ConflictError(f"{shown} is there already and {what}", hint="--overwrite replaces it")
        return False

    def _write(self, folder: int, name: str, artifact: Artifact, content: Callable[[], Iterable[bytes]]) -> None:
        aside = f".gtrack-{os.urandom(8).hex()}"
        fd = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=folder)
        try:
            with os.fdopen(fd, "wb") as file:
                found = hashlib.sha256()
                for chunk in content():
                    found.update(chunk)
                    file.write(chunk)
            if found.hexdigest() != artifact.digest:
                raise DamageError(f"what was to be {clean(artifact.path)} is not {artifact.digest[:12]}")
            self._settle(folder, aside, name)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(aside, dir_fd=folder)

    def _settle(self, folder: int, aside: str, name: str) -> None:
        """Give a file its name; one that appeared there meanwhile is not replaced unasked."""
        if not self._overwrite:
            try:
                os.link(aside, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:
                raise ConflictError(f"{clean(name)} has just appeared in {clean(self.root)}") from None
            except OSError as error:
                if error.errno not in _NO_LINK:
                    raise
            else:
                return
        os.rename(aside, name, src_dir_fd=folder, dst_dir_fd=folder)


def _step(fd: int, part: str, shown: str) -> int:
    for _ in range(2):
        try:
            return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=fd)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            raise ConflictError(
                f"{clean(shown)} is a link or a file, and a folder must be there", hint="-o names another folder"
            ) from None
    raise ConflictError(f"{clean(shown)} comes and goes")


def _digest(folder: int, name: str) -> str:
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(fd, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
