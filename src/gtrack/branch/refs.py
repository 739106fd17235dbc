"""References: read, compared and set; gtrack's own only."""

from __future__ import annotations

import contextlib
import os
import time

from gtrack.errors import ConflictError, RepositoryError

__all__ = ["Refs"]

_PATIENCE = 10.0
_STALE = 2.0


class Refs:
    """The references of a repository.

    Args:
        git_dir: The checkout's git directory.
        common_dir: The repository's common directory.
        home: gtrack's folder, where it notes that it is about to set a reference.
    """

    def __init__(self, git_dir: str, common_dir: str, home: str) -> None:
        from dulwich.refs import DiskRefsContainer

        self._common = common_dir
        self._home = home
        self._refs = DiskRefsContainer(common_dir, git_dir)

    def read(self, name: str) -> str | None:
        """Return the object id a reference leads to, or None."""
        try:
            value = self._refs.follow(name.encode())[1]  # type: ignore[arg-type]
        except (KeyError, ValueError, OSError):
            return None
        return value.decode() if value else None

    def names(self, prefix: str) -> list[str]:
        """Return the names of the references below a prefix such as ``refs/remotes/``."""
        found = {name.decode("utf-8", "replace") for name in self._refs.allkeys()}
        return sorted(name for name in found if name.startswith(prefix))

    def compare_and_set(self, name: str, old: str | None, new: str) -> bool:
        """Set a reference if it still has the value it had.

        Args:
            name: The full name.
            old: The value it must have, or None when it must not exist.
            new: The value to set.

        Returns:
            False when it has another value by now.

        Raises:
            RepositoryError: A reference of another kind is in the way.
            ConflictError: Somebody keeps it locked.
        """
        from dulwich.file import FileLocked

        self._make_room(name)
        marker = os.path.join(self._home, "setting-ref")
        lock = os.path.join(self._common, *name.split("/")) + ".lock"
        if os.path.exists(marker):
            # A gtrack that held the repository's lock before us was killed while setting a reference.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(lock)
        with open(marker, "wb"):
            pass
        deadline = time.monotonic() + _PATIENCE
        try:
            while True:
                try:
                    return self._set(name, old, new)
                except FileLocked:
                    if time.monotonic() > deadline:
                        raise ConflictError(
                            f"{lock} exists: git is busy with the branch, or was killed there",
                            hint=f"if no git is running: rm {lock}",
                        ) from None
                    time.sleep(0.02)
        finally:
            os.unlink(marker)

    def _set(self, name: str, old: str | None, new: str) -> bool:
        raw = name.encode()
        if old is None:
            return bool(self._refs.add_if_new(raw, new.encode()))  # type: ignore[arg-type]
        return bool(self._refs.set_if_equals(raw, old.encode(), new.encode()))  # type: ignore[arg-type]

    def _make_room(self, name: str) -> None:
        """Explain a branch that stands where ours must be: ``gtrack/x`` makes ``gtrack`` impossible."""
        parts = name.split("/")
        inside = self.names(name + "/")
        above = [n for n in ("/".join(parts[:i]) for i in range(3, len(parts))) if self.read(n) is not None]
        for other in inside + above:
            raise RepositoryError(
                f"the branch {other.removeprefix('refs/heads/')!r} stands in the way of the branch "
                f"{name.removeprefix('refs/heads/')!r}: git cannot hold both",
                hint=f"rename it, or choose another name: git config gtrack.branch {parts[-1]}-runs",
            )
