"""Exports to what fsspec reaches: object stores, other machines, memory."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, BinaryIO

from gtrack.branch.transport_url import without_credentials
from gtrack.errors import GtrackError, MissingExtraError, NetworkError, UsageError
from gtrack.ops.export_place import MANIFEST, SUCCESS, closing_files, earlier_files
from gtrack.text import clean

__all__ = ["RemoteDirectory", "open_remote_file"]

# The module that a protocol needs, and the extra that brings it.
_EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), ("s3fs", "s3")),
    **dict.fromkeys(("gs", "gcs"), ("gcsfs", "gs")),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), ("adlfs", "azure")),
}
_WITHOUT_FOLDERS = frozenset((*_EXTRAS, "memory"))


@contextlib.contextmanager
def open_remote_file(url: str, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Write one object; a store shows it when it is whole. See :func:`gtrack.ops.export_place.open_file`."""
    with _trouble(url):
        fs, path = _filesystem(url)
        if not overwrite and fs.exists(path):
            raise UsageError(f"{_shown(url)} is there already", hint="--overwrite replaces it")
        with _whole(fs, path) as file:
            yield file


class RemoteDirectory:
    """A place below a URL. See :class:`gtrack.ops.export_place.Directory`."""

    def __init__(self, url: str, *, overwrite: bool) -> None:
        self.files: list[str] = []
        self.mark = f"-{secrets.token_hex(4)}"
        self._url = url
        with _trouble(url):
            self._fs, root = _filesystem(url)
            self._root = root.rstrip("/")
            self._fs.invalidate_cache()
            present = {path.removeprefix(self._root).lstrip("/") for path in self._fs.find(self._root)}
            manifest = self._fs.cat_file(self._at(MANIFEST)) if MANIFEST in present else None
            self._earlier = earlier_files(_shown(url), present, manifest, overwrite=overwrite)
            if SUCCESS in self._earlier:  # what is there is not one whole from now on
                self._fs.rm_file(self._at(SUCCESS))

    @contextlib.contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        """Open a new file below the place for writing."""
        with _trouble(self._url), _whole(self._fs, self._at(path)) as file:
            yield file
        self.files.append(path)

    def finish(self, manifest: Mapping[str, object]) -> None:
        """Write the manifest, remove the earlier files, and say last that all is there."""
        (name, listed), (last, empty) = closing_files(manifest, self.files)
        with _trouble(self._url):
            self._put(name, listed)
            for path in sorted(self._earlier - {*self.files, MANIFEST, SUCCESS}):
                self._fs.rm_file(self._at(path))
            self._put(last, empty)

    def abandon(self) -> None:
        """Remove what was written, and let an earlier export be whole again."""
        with contextlib.suppress(Exception):  # whatever stands in the way stood in the way before
            for path in self.files:
                self._fs.rm_file(self._at(path))
            if SUCCESS in self._earlier:
                self._put(SUCCESS, b"")

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _put(self, path: str, content: bytes) -> None:
        with _whole(self._fs, self._at(path)) as file:
            file.write(content)


def _filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's filesystem and the path in it.

    Raises:
        MissingExtraError: fsspec is not installed, or what the protocol needs.
        UsageError: fsspec does not know the protocol.
    """
    if find_spec("fsspec") is None:
        raise MissingExtraError("fsspec", "fsspec")
    from fsspec.core import url_to_fs

    protocol = url.partition(":")[0].lower()
    try:
        return url_to_fs(url)  # type: ignore[no-any-return]
    except ImportError as error:
        if protocol in _EXTRAS:
            raise MissingExtraError(*_EXTRAS[protocol]) from error
        raise UsageError(f"{_shown(url)} needs a package that is not installed: {clean(str(error))}") from error
    except ValueError as error:
        raise UsageError(f"{_shown(url)} is nowhere to write to: {clean(str(error))}") from error


@contextlib.contextmanager
def _whole(fs: Any, path: str) -> Iterator[BinaryIO]:
    """Write a file that is sent when it is whole; where the body fails, nothing is."""
    with tempfile.NamedTemporaryFile(prefix="gtrack-export-") as file:
        yield file  # type: ignore[misc]  # a wrapper of one
        file.flush()
        protocols = {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
        if not protocols & _WITHOUT_FOLDERS:
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        fs.put_file(file.name, path)


@contextlib.contextmanager
def _trouble(url: str) -> Iterator[None]:
    """Turn whatever a store's client raises into one sentence."""
    try:
        yield
    except GtrackError:
        raise
    except Exception as error:
        said = clean(" ".join(without_credentials(str(error)).split()))[:300] or type(error).__name__
        raise NetworkError(f"cannot write to {_shown(url)}: {said}") from error


def _shown(url: str) -> str:
    return clean(without_credentials(url))
