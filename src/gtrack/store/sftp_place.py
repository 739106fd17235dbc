"""A store in a folder of another machine, reached by ssh as the ssh command reaches it.

The package ``sshfs`` (asyncssh) is used rather than fsspec's own ``sftp`` (paramiko): it reads ``~/.ssh/config``, asks
the agent, and several threads can use one connection. It is told to check the host's key, which neither does by itself.
"""

from __future__ import annotations

import contextlib
import logging
import posixpath
import threading
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from gtrack.errors import MissingExtraError, NotFoundError
from gtrack.ids import new_session_id
from gtrack.store.place import Content, Progress, Stored
from gtrack.store.trouble import is_lasting
from gtrack.store.url import Location

__all__ = ["SftpPlace"]

_BLOCK = 2 << 20
_TAIL = 1 << 18
"""Bytes of an unfinished upload that are read back before it is resumed: what a crash tore is at the end."""
_PATIENCE = 20
_SLOW = 300
"""Seconds for a block, after which the connection is taken for dead."""


class SftpPlace:
    """A store on another machine; see :class:`gtrack.store.place.Place`.

    An upload is written to ``.<digest>.<mark>.part`` beside its name, and resumed at the length that this has. One
    connection is shared by all threads; when it is lost, the next attempt makes another.

    Args:
        location: The store.
        mark: Tells this clone's unfinished uploads from others'.

    Raises:
        MissingExtraError: ``sshfs`` is not installed.
    """

    def __init__(self, location: Location, mark: str) -> None:
        self._options = _connection(location)
        self._root = location.path
        self._mark = mark
        self._lock = threading.Lock()
        self._opened: Any = None
        if find_spec("sshfs") is None:
            raise MissingExtraError("sshfs", "ssh")

    def prepare(self) -> None:
        """Make the folder."""
        with self._connected() as fs:
            fs.makedirs(self._root, exist_ok=True)

    def stat(self, key: str) -> Stored | None:
        """Tell what is under a name, or None."""
        with self._connected() as fs:
            try:
                return _stored(key, fs.info(self._at(key), timeout=_SLOW))
            except FileNotFoundError:
                self._check_root(fs)
                return None

    def read(self, key: str, start: int, length: int) -> bytes:
        """Return bytes of an object."""
        with self._connected() as fs, fs.open(self._at(key), "rb") as file:
            file.seek(start)
            return _exactly(file, length)

    def put(self, key: str, content: Content, progress: Progress) -> None:
        """Send a file, and give it its name when all of it is there."""
        target = self._at(key)
        folder, name = posixpath.split(target)
        part = posixpath.join(folder, f".{name}.{self._mark}.part")
        with self._connected() as fs:
            present = _size(fs, part)
            if present is None:
                self._check_root(fs)
                fs.makedirs(folder, exist_ok=True)
            start = _resumable(fs, part, content, present or 0)
            with fs.open(part, "r+b" if present else "wb") as file:
                if present and start < present:
                    file.truncate(start)
                file.seek(start)
                at = 0
                for block in content.blocks(_BLOCK):
                    at += len(block)
                    if at > start:
                        file.write(block[max(0, start - (at - len(block))) :], timeout=_SLOW)
                    progress(at)
            found = _size(fs, part)
            if found != content.size:
                fs.rm_file(part)
                raise OSError(f"{found} of {content.size} bytes arrived")
            fs.mv(part, target)

    def write(self, key: str, data: bytes) -> None:
        """Write a small object at once."""
        target = self._at(key)
        draft = f"{target}.{self._mark}-{new_session_id()}.new"
        with self._connected() as fs:
            fs.pipe_file(draft, data)
            fs.mv(draft, target)

    def remove(self, key: str) -> None:
        """Remove an object."""
        with self._connected() as fs, contextlib.suppress(FileNotFoundError):
            fs.rm_file(self._at(key))

    def entries(self, prefix: str) -> Iterator[Stored]:
        """Yield the objects below a folder."""
        with self._connected() as fs:
            self._check_root(fs)
            folders = [self._at(prefix).rstrip("/")]
            while folders:
                try:
                    found = fs.ls(folders.pop(), detail=True)
                except FileNotFoundError:
                    continue
                for info in found:
                    if info["type"] == "directory":
                        folders.append(info["name"])
                    else:
                        yield _stored(posixpath.relpath(info["name"], self._root), info)

    def refresh(self, key: str) -> bool:  # noqa: ARG002  # the signature is a place's
        """Make an object as young as one that is sent now."""
        return False

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            _disconnect(opened)

    def _at(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _check_root(self, fs: Any) -> None:
        if _size(fs, self._root) is None:
            raise NotFoundError(f"there is no folder {self._root} there", hint="gtrack store check makes it")

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        """Give the connection; one on which something went wrong is not used again."""
        with self._lock:
            if self._opened is None:
                self._opened = _connect(self._options)
            fs = self._opened
        try:
            yield fs
        except Exception as error:
            if not is_lasting(error):
                with self._lock:
                    if self._opened is fs:
                        self._opened = None
                # Others that use it find out at once, rather than when it has been silent for long.
                fs.loop.call_soon_threadsafe(fs.client.abort)
            raise


def _connection(location: Location) -> dict[str, Any]:
    user, _, host = location.host.rpartition("@")
    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    given = dict(location.options)
    options: dict[str, Any] = {
        "host": name.strip("[]"),
        "known_hosts": (),  # asyncssh's own default, ~/.ssh/known_hosts; sshfs would check nothing
        "connect_timeout": _PATIENCE,
        "login_timeout": _PATIENCE,
        "keepalive_interval": _PATIENCE,
        **given,
    }
    if user:
        options["username"] = user
    if port:
        options["port"] = int(port)
    return options


def _connect(options: dict[str, Any]) -> Any:
    # What is written to a connection that has just broken is told to whoever made it, and need not be on the screen.
    logging.getLogger("asyncio").addFilter(_is_news)
    return import_module("sshfs").SSHFileSystem(**options, skip_instance_cache=True)


def _is_news(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    error = record.exc_info[1] if record.exc_info else None
    lost = isinstance(error, ConnectionError) or type(error).__module__.startswith("asyncssh")
    return not (text.startswith("socket.send() raised exception") or ("never retrieved" in text and lost))


def _disconnect(fs: Any) -> None:
    from fsspec.asyn import sync

    async def leave() -> None:
        await fs._pool.close()
        await fs._stack.aclose()

    with contextlib.suppress(Exception):
        sync(fs.loop, leave, timeout=2)


def _size(fs: Any, path: str) -> int | None:
    try:
        return int(fs.info(path, timeout=_SLOW)["size"])
    except FileNotFoundError:
        return None


def _resumable(fs: Any, part: str, content: Content, present: int) -> int:
    """Return how much of an unfinished upload can stay."""
    if not 0 < present <= content.size:
        return 0
    start = max(0, present - _TAIL)
    with fs.open(part, "rb") as there, open(content.path, "rb") as here:
        there.seek(start)
        here.seek(start)
        return present if _exactly(there, present - start) == here.read(present - start) else 0


def _exactly(file: Any, length: int) -> bytes:
    """Read so many bytes, fewer only at the end of the file."""
    out = b""
    while len(out) < length and (more := file.read(length - len(out), timeout=_SLOW)):
        out += more
    return out


def _stored(key: str, info: dict[str, Any]) -> Stored:
    modified = info.get("mtime")
    return Stored(key, int(info["size"]), modified.timestamp() if isinstance(modified, datetime) else None)
