"""Exports to what fsspec reaches: object stores, other machines, memory."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from gtrack.branch.transport_url import without_credentials
from gtrack.errors import UsageError
from gtrack.ops.export_place import MANIFEST, SUCCESS, closing_files, earlier_files
from gtrack.store.opening import open_url
from gtrack.store.trouble import store_trouble
from gtrack.text import clean

__all__ = ["RemoteDirectory", "open_remote_file"]

_WITHOUT_FOLDERS = frozenset("s3 s3a gs gcs abfs abfss az adl memory".split())


@contextlib.contextmanager
def open_remote_file(url: str, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Write one object; a store shows it when it is whole. See :func:`gtrack.ops.export_place.open_file`."""
    with _trouble(url):
        fs, path = open_url(url)
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
            self._fs, root = open_url(url)
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


def _trouble(url: str) -> contextlib.AbstractContextManager[None]:
    # A client that takes an address for a name may quote all of it.
    user, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    return store_trouble(f"cannot write to {_shown(url)}", secret=user if at else "")


def _shown(url: str) -> str:
    return clean(without_credentials(url))
