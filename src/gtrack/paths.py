"""Where things are: the repository around a directory, the spool, gtrack's own folder. Reads no objects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from gtrack.errors import NotFoundError, RepositoryError

__all__ = ["RepositoryPaths", "cache_home", "find_repository", "state_spool"]


@dataclass(frozen=True, slots=True)
class RepositoryPaths:
    """The directories of one repository.

    Attributes:
        work_tree: The root of the checkout, or None in a bare repository.
        git_dir: The checkout's own git directory (HEAD, index).
        common_dir: The directory shared by all worktrees (objects, refs).
    """

    work_tree: str | None
    git_dir: str
    common_dir: str

    @property
    def root(self) -> str:
        """The checkout, or the git directory of a bare repository."""
        return self.work_tree or self.git_dir

    @property
    def home(self) -> str:
        """Gtrack's own folder in the repository."""
        return os.path.join(self.common_dir, "gtrack")

    @property
    def spool(self) -> str:
        """Where live runs are, unless ``GTRACK_SPOOL`` says otherwise."""
        return os.path.join(self.home, "spool")

    @property
    def objects(self) -> str:
        """The local cache of artifacts' content."""
        return os.path.join(self.home, "objects")

    @property
    def outbox(self) -> str:
        """The marks of objects that this clone may still have to send."""
        return os.path.join(self.home, "outbox")


def find_repository(start: str, env: Mapping[str, str]) -> RepositoryPaths:
    """Find the repository around a directory, as git does, without asking git.

    Args:
        start: Any directory in a checkout, or a bare repository.
        env: The environment; ``GIT_DIR``, ``GIT_WORK_TREE`` and ``GIT_CEILING_DIRECTORIES`` are honoured.

    Raises:
        NotFoundError: There is no repository.
        RepositoryError: A ``.git`` file points nowhere.
    """
    start = os.path.realpath(start)
    given = env.get("GIT_DIR")
    if given:
        git_dir = os.path.realpath(os.path.join(start, given))
        if not _is_git_dir(git_dir):
            raise NotFoundError(f"GIT_DIR is {given}, which is not a git repository", hint="unset GIT_DIR")
        return _paths(git_dir, env.get("GIT_WORK_TREE") or _work_tree_of(git_dir, start))
    ceilings = {os.path.realpath(p) for p in env.get("GIT_CEILING_DIRECTORIES", "").split(os.pathsep) if p}
    here = start
    while True:
        entry = os.path.join(here, ".git")
        if os.path.isfile(entry):
            return _paths(_follow(entry), env.get("GIT_WORK_TREE") or here)
        if os.path.isdir(entry) and _is_git_dir(entry):
            return _paths(entry, env.get("GIT_WORK_TREE") or here)
        if _is_git_dir(here):
            return _paths(here, None)
        parent = os.path.dirname(here)
        if parent == here or parent in ceilings:
            raise NotFoundError(f"no git repository at {start} or above it", hint="git init")
        here = parent


def state_spool(env: Mapping[str, str]) -> str:
    """Return where runs wait that have no repository to live in: ``$XDG_STATE_HOME/gtrack/spool``."""
    base = env.get("XDG_STATE_HOME") or os.path.join(env.get("HOME") or os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "gtrack", "spool")


def cache_home(env: Mapping[str, str]) -> str:
    """Return where things are kept that can be made anew: ``$XDG_CACHE_HOME/gtrack``."""
    base = env.get("XDG_CACHE_HOME") or os.path.join(env.get("HOME") or os.path.expanduser("~"), ".cache")
    return os.path.join(base, "gtrack")


def _paths(git_dir: str, work_tree: str | None) -> RepositoryPaths:
    git_dir = os.path.realpath(git_dir)
    common = git_dir
    try:
        with open(os.path.join(git_dir, "commondir"), encoding="utf-8") as file:
            common = os.path.realpath(os.path.join(git_dir, file.read().strip()))
    except OSError:
        pass
    return RepositoryPaths(os.path.realpath(work_tree) if work_tree else None, git_dir, common)


def _follow(entry: str) -> str:
    """Return the git directory that a ``.git`` file (worktree, submodule) names."""
    try:
        with open(entry, encoding="utf-8", errors="surrogateescape") as file:
            line = file.readline(4096)
    except OSError as error:
        raise RepositoryError(f"{entry} cannot be read: {error.strerror}") from None
    target = os.path.join(os.path.dirname(entry), line.removeprefix("gitdir:").strip())
    if not line.startswith("gitdir:") or not _is_git_dir(target):
        raise RepositoryError(f"{entry} names no git repository", hint="git worktree repair")
    return target


def _is_git_dir(path: str) -> bool:
    if not os.path.lexists(os.path.join(path, "HEAD")):
        return False
    if os.path.isfile(os.path.join(path, "commondir")):
        return True
    return os.path.isdir(os.path.join(path, "objects")) and os.path.lexists(os.path.join(path, "refs"))


def _work_tree_of(git_dir: str, start: str) -> str | None:
    """Return the checkout that goes with ``GIT_DIR`` alone: ``core.worktree``, else the present directory."""
    core = _core_settings(git_dir)
    if "worktree" in core:
        return os.path.join(git_dir, core["worktree"])
    return None if core.get("bare") in ("true", "yes", "on", "1") else start


def _core_settings(git_dir: str) -> dict[str, str]:
    """Return the plain settings of the ``[core]`` section; a linked worktree, whose config is elsewhere, has none."""
    found: dict[str, str] = {}
    inside = False
    try:
        with open(os.path.join(git_dir, "config"), encoding="utf-8", errors="surrogateescape") as file:
            for line in map(str.strip, file):
                if line.startswith("["):
                    inside = line.lower().startswith("[core]")
                elif inside and "=" in line:
                    name, _, value = line.partition("=")
                    found[name.strip().lower()] = value.strip().strip('"')
    except OSError:
        pass
    return found
