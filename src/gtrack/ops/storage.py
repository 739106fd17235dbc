"""How much there is of what gtrack keeps in a repository, kind by kind."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gtrack.branch.chain import CODE_REF
from gtrack.branch.repository import Repository
from gtrack.config import Settings
from gtrack.errors import GitError

__all__ = ["Kept", "folders_kept", "history_kept"]

_MOST = 20_000
"""Files of one folder that are looked at."""
_PATIENCE = 120.0
_ENV = {"GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1"}
_NOT_RUNS = ("--not", "--branches", "--remotes", "--tags")


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is of one kind.

    Attributes:
        name: The kind, in a few words.
        size: Bytes; None where that cannot be told.
        files: How many files; None for objects of git.
        whole: All of it was looked at; else it is at least so much.
    """

    name: str
    size: int | None
    files: int | None = None
    whole: bool = True


def folders_kept(repo: Repository, *, most: int = _MOST) -> list[Kept]:
    """Return what is in gtrack's own folders: spools, cache, outbox, index. Looks at a bounded number of files.

    Args:
        repo: The repository.
        most: How many files of each folder are looked at.
    """
    paths = repo.paths
    spools = dict.fromkeys(map(os.path.realpath, (paths.spool, *Settings.from_env(repo.env).extra_spools)))
    return [
        _folders("spools of live runs", list(spools), most),
        _folders("cache of artifacts", [paths.objects], most),
        _folders("marks of what waits to be sent", [paths.outbox], most),
        _index(paths.home),
    ]


def history_kept(repo: Repository) -> list[Kept]:
    """Return what git keeps for gtrack, as it is on the disk: runs, snapshots of code, small files of artifacts.

    Git goes through the history for it, which takes seconds of 10,000 runs. Where there is no git, or an older one than
    2.31, nothing is known.
    """
    wanted = {
        "runs and their history": [ref for ref in _tips(repo) if repo.refs.read(ref) is not None],
        "snapshots of code": [*([CODE_REF] if repo.refs.read(CODE_REF) else []), "--glob=refs/gtrack/remotes/*/code"],
        "small files of artifacts": ["--glob=refs/gtrack/objects/*", "--glob=refs/gtrack/remotes/*/objects/*"],
    }
    return [Kept(name, _on_disk(repo, refs)) for name, refs in wanted.items()]


def _tips(repo: Repository) -> Iterator[str]:
    yield repo.branch
    if repo.remote is not None:
        yield f"refs/remotes/{repo.remote}/{repo.branch.removeprefix('refs/heads/')}"


def _on_disk(repo: Repository, refs: Sequence[str]) -> int | None:
    if repo.git is None:
        return None
    if not refs:
        return 0
    own = () if repo.branch in refs or any(ref.startswith("refs/remotes/") for ref in refs) else _NOT_RUNS
    args = ["rev-list", "--disk-usage", "--objects", *refs, *own]
    try:
        said = repo.git.run(args, git_dir=repo.paths.git_dir, env_extra=_ENV, timeout=_PATIENCE)
        return int(said)
    except (GitError, ValueError):
        return None


def _folders(name: str, folders: Sequence[str], most: int) -> Kept:
    size = files = 0
    for folder in folders:
        for each in _files(folder):
            if files >= most:
                return Kept(name, size, files, whole=False)
            size, files = size + each, files + 1
    return Kept(name, size, files)


def _files(folder: str) -> Iterator[int]:
    """Yield the sizes of the files below a folder; links are not followed, and what goes meanwhile is passed over."""
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        else:
                            yield entry.stat(follow_symlinks=False).st_size
                    except OSError:
                        continue
        except OSError:
            continue


def _index(home: str) -> Kept:
    sizes = []
    try:
        with os.scandir(home) as entries:
            sizes = [entry.stat().st_size for entry in entries if entry.name.startswith("index-v")]
    except OSError:
        pass
    return Kept("index of runs, which is made anew when it is lost", sum(sizes), len(sizes))
