"""A repository as gtrack needs it: opened, checked, locked, its branch read."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Protocol

from gtrack.branch.git import Git
from gtrack.branch.gitconfig import GitConfig, read_git_config, read_repository_config
from gtrack.branch.lock import repository_lock
from gtrack.branch.objects import BLOB, COMMIT, Objects
from gtrack.branch.refs import Refs
from gtrack.errors import RepositoryError
from gtrack.paths import RepositoryPaths, find_repository

__all__ = ["Closable", "Repository"]

_KNOWN_EXTENSIONS = {
    "noop",
    "noop-v1",
    "objectformat",
    "partialclone",
    "preciousobjects",
    "relativeworktrees",
    "worktreeconfig",
}


class Closable(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Close it."""


class Repository:
    """A git repository, opened for tracking.

    Whoever opens one should close it. What nobody closed is closed when nothing refers to it any more, at the latest
    when the interpreter exits: before the libraries are taken apart whose objects would complain.

    Args:
        start: Any directory in it.
        env: The environment of the process.
        incoming: In a server's hook, let git see also what a push brings; only git does, and nothing may be written.

    Raises:
        NotFoundError: There is no repository.
        RepositoryError: It cannot be used; the message says why.
    """

    def __init__(self, start: str, env: Mapping[str, str], *, incoming: bool = False) -> None:
        self.env = env
        self.attached: dict[str, Closable] = {}
        """What was opened for it, here or by upper layers, by their names for it; closed with it."""
        # It must not lead back to the repository, which would then never be let go.
        weakref.finalize(self, _close_all, self.attached)
        self.paths: RepositoryPaths = find_repository(start, env)
        self.git = Git.find(env, incoming=incoming)
        raw = read_repository_config(self.paths.common_dir)
        self.object_format = _check(self.paths, raw)
        self.promisors: tuple[str, ...] = () if self.git is None or incoming else _promisors(raw)
        """The remotes at which a partial clone left objects, in the order in which they are asked for them."""
        self._check_owner()

    @cached_property
    def config(self) -> GitConfig:
        """The whole git configuration that applies here."""
        return read_git_config(self.paths, self.git, self.env)

    @property
    def branch(self) -> str:
        """The full name of the branch that holds the runs."""
        return "refs/heads/" + (self.config.get("gtrack.branch") or "gtrack")

    @cached_property
    def objects(self) -> Objects:
        """The object database."""
        missing = partial(_bring_one, weakref.ref(self)) if self.promisors else None
        opened = self.attached["objects"] = Objects(self.paths.common_dir, self.object_format, missing)
        return opened

    def bring(self, oids: Iterable[str]) -> bool:
        """Fetch at once what is going to be read, where a partial clone left it at its remote; elsewhere do nothing.

        Args:
            oids: The ids of files and folders; a folder comes with all the folders below it.

        Returns:
            Whether anything came.

        Raises:
            UnfetchedObjectError: A remote could not be reached, or did not do as it was asked.
        """
        if not self.promisors:
            return False
        from gtrack.branch.promised import bring

        return bring(self, oids)

    @cached_property
    def refs(self) -> Refs:
        """The references."""
        return Refs(self.paths.git_dir, self.paths.common_dir, self.paths.home)

    def close(self) -> None:
        """Close what was opened. It is opened again when it is needed again, such as by a run that was found before."""
        _close_all(self.attached)
        self.__dict__.pop("objects", None)

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    def lock(self, timeout: float = 60.0) -> Iterator[None]:
        """Hold gtrack's lock on this repository; see :func:`gtrack.branch.lock.repository_lock`."""
        with repository_lock(self.paths.home, timeout=timeout):
            yield

    @property
    def tip(self) -> str | None:
        """The commit the branch is at, or None before the first run."""
        return self.refs.read(self.branch)

    @property
    def remote(self) -> str | None:
        """The tracking remote: ``gtrack.remote``, else ``origin``, else the only one."""
        chosen = self.config.get("gtrack.remote")
        if chosen:
            return chosen
        names = self.config.subsections("remote")
        if "origin" in names:
            return "origin"
        return names[0] if len(names) == 1 else None

    @property
    def remote_tip(self) -> str | None:
        """The tracking remote's branch as of the last fetch, or None."""
        if self.remote is None:
            return None
        return self.refs.read(f"refs/remotes/{self.remote}/{self.branch.removeprefix('refs/heads/')}")

    def tree_of(self, commit: str | None) -> str | None:
        """Return the tree of a commit; None for None.

        Raises:
            KeyError: The commit is not here.
        """
        if commit is None:
            return None
        head = self.objects.read(commit, COMMIT)
        return head[5 : head.index(b"\n")].decode()

    def read_blob(self, oid: str) -> bytes:
        """Return the content of a file by its object id."""
        return self.objects.read(oid, BLOB)

    def checked_out_in(self) -> str | None:
        """Return the git directory of a worktree that has the branch checked out, or None."""
        heads = [os.path.join(self.paths.common_dir, "HEAD")]
        worktrees = os.path.join(self.paths.common_dir, "worktrees")
        if os.path.isdir(worktrees):
            heads += [os.path.join(worktrees, name, "HEAD") for name in sorted(os.listdir(worktrees))]
        for path in heads:
            try:
                with open(path, "rb") as file:
                    if file.read(4096).strip() == b"ref: " + self.branch.encode():
                        return os.path.dirname(path)
            except OSError:
                continue
        return None

    def _check_owner(self) -> None:
        """Refuse a repository of somebody else's, as git does (``safe.directory``)."""
        owner = os.stat(self.paths.git_dir).st_uid
        me = os.geteuid()
        if owner == me or (me == 0 and self.env.get("SUDO_UID") == str(owner)):
            return
        allowed = read_git_config(None, self.git, self.env).get_all("safe.directory")
        allowed = allowed[len(allowed) - allowed[::-1].index("") :] if "" in allowed else allowed
        if not {"*", self.paths.root, self.paths.git_dir} & {path.rstrip("/") for path in allowed}:
            raise RepositoryError(
                f"{self.paths.root} belongs to another user, and git does not trust it",
                hint=f"git config --global --add safe.directory {self.paths.root}",
            )


def _check(paths: RepositoryPaths, config: GitConfig) -> str:
    """Return the object format, or say why the repository cannot be used."""
    version = config.get("core.repositoryformatversion") or "0"
    extensions = {key.removeprefix("extensions."): config.get(key) or "" for key in config.keys("extensions.")}
    storage = extensions.pop("refstorage", "files").lower()
    if storage != "files":
        raise RepositoryError(
            f"{paths.root} keeps its references as {storage!r}, which gtrack cannot write yet",
            hint="git refs migrate --ref-format=files",
        )
    unknown = sorted(set(extensions) - _KNOWN_EXTENSIONS)
    if version not in ("0", "1") or (version == "1" and unknown):
        what = f"the extension {unknown[0]!r}" if unknown else f"repository format {version}"
        raise RepositoryError(
            f"{paths.root} uses {what}, which this gtrack does not know", hint="pip install -U gtrack"
        )
    object_format = extensions.get("objectformat", "sha1").lower() if version == "1" else "sha1"
    if object_format not in ("sha1", "sha256"):
        raise RepositoryError(f"{paths.root} names its objects by {object_format!r}, which gtrack does not know")
    return object_format


def _close_all(opened: MutableMapping[str, Closable]) -> None:
    while opened:
        opened.popitem()[1].close()


def _promisors(config: GitConfig) -> tuple[str, ...]:
    """Return the remotes at which a partial clone left objects, in the order in which git asks them.

    Older versions of git name one in ``extensions.partialClone``, and it is asked last; newer ones mark each remote.
    See https://git-scm.com/docs/partial-clone, "Using many promisor remotes".
    """
    marked = [name for name in config.subsections("remote") if config.flag(f"remote.{name}.promisor")]
    last = config.get("extensions.partialclone")
    return (*(name for name in marked if name != last), *([last] if last else []))


def _bring_one(repository: weakref.ref[Repository], oid: str) -> bool:
    repo = repository()
    return repo is not None and repo.bring([oid])
