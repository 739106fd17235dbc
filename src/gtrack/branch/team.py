"""``gtrack.yaml``: which version of the team's file counts, what it holds, and that remembered between starts.

The version that counts is the one on the default code branch of the tracking remote as it was last fetched; where
that remote has no code (a separate tracking repository), on that of ``origin``; where no remote's code is known, the
one in HEAD. Never the working tree's: what a branch under review says is not the team's word yet.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from gtrack.branch.objects import TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.errors import ParseError
from gtrack.format import yaml

__all__ = ["FILE", "LIMIT", "TeamFile", "default_branch", "read_team_file"]

FILE = "gtrack.yaml"
LIMIT = 64 * 1024
"""The largest file that is read, in bytes."""

_VERSION = 1
_CACHE = "team.json"
_LARGEST_CACHE = 1 << 20
# What a partial clone left at its remote is no reason for a training to wait for the network. An older git does not
# know the first variable; without a protocol it cannot fetch either.
_STAY_HERE = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}


@dataclass(frozen=True, slots=True)
class TeamFile:
    """The team's file at one commit.

    Attributes:
        where: File, reference and commit, as in ``gtrack.yaml at origin/main (15f61e3)``.
        document: What it holds; empty when there is no such file, or none that can be read.
        problem: What is wrong with the file, to be read after ``where``, or None.
        commit: The commit, for other files of the same version.
    """

    where: str
    document: Mapping[str, object]
    problem: str | None = None
    commit: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is remembered of the last version that was read."""

    commit: str
    blob: str | None = None
    document: dict[str, object] = field(default_factory=dict)
    problem: str | None = None


def read_team_file(repo: Repository) -> TeamFile | None:
    """Return the version of ``gtrack.yaml`` that counts, or None before the first commit.

    While the branch stands still this starts no process and reads no object: see ``team.json`` in gtrack's folder.

    Args:
        repo: The repository.

    Raises:
        GitError: Git failed.
        DamageError: A reference or an object is damaged, or missing.
        OSError: A reference cannot be read.

    Example:
        >>> read_team_file(repo)
        TeamFile(where='gtrack.yaml at origin/main (15f61e3)', document={'push': 'end'}, problem=None)
    """
    source = _source(repo)
    if source is None:
        return None
    name, commit = source
    kept = known = _remembered(repo)
    if kept is None or kept.commit != commit:
        kept = _read(repo, commit, known)
        _remember(repo, kept)
    return TeamFile(f"{FILE} at {name} ({commit[:7]})", kept.document, kept.problem, commit)


def _source(repo: Repository) -> tuple[str, str] | None:
    """Return the name and the commit of the branch whose version counts."""
    for remote in dict.fromkeys((repo.remote, "origin")):
        found = default_branch(repo, remote) if remote else None
        if found is not None:
            return found
    head = repo.refs.read("HEAD")
    return None if head is None else ("HEAD", head)


def default_branch(repo: Repository, remote: str) -> tuple[str, str] | None:
    """Return a remote's default code branch as of the last fetch, or None where it has none or it is not known."""
    prefix = f"refs/remotes/{remote}/"
    runs = prefix + repo.branch.removeprefix("refs/heads/")
    tip_of_runs = repo.refs.read(runs)
    for name in ("HEAD", "main", "master"):
        tip = repo.refs.read(prefix + name)
        # HEAD leads to the runs where a hosting service took the first branch it saw for the default.
        if tip not in (None, tip_of_runs):
            return f"{remote}/{name}", str(tip)
    names = [name for name in repo.refs.names(prefix) if name not in (runs, prefix + "HEAD")]
    tip = repo.refs.read(names[0]) if len(names) == 1 else None
    return None if tip is None else (names[0].removeprefix("refs/remotes/"), tip)


def _read(repo: Repository, commit: str, known: _Kept | None) -> _Kept:
    kind, blob, size = _find(repo, commit)
    if blob is None:
        return _Kept(commit)
    if known is not None and known.blob == blob:
        return replace(known, commit=commit)
    if kind != "blob":
        return _Kept(commit, blob, problem=" is not a file")
    data = _content(repo, blob) if size is None or size <= LIMIT else b""
    size = len(data) if size is None else size
    if size > LIMIT:
        return _Kept(commit, blob, problem=f" is {size:,} bytes long; at most {LIMIT:,} are read")
    try:
        # Without a name, the text of an error is what follows the name.
        return _Kept(commit, blob, {} if _is_empty(data) else yaml.load(data, name=""))
    except ParseError as error:
        return _Kept(commit, blob, problem=error.message)


def _is_empty(data: bytes) -> bool:
    """Tell whether a file has nothing but comments, which is no document to a reader of YAML."""
    return all(line.strip()[:1] in (b"", b"#") for line in data.split(b"\n"))


def _find(repo: Repository, commit: str) -> tuple[str, str | None, int | None]:
    """Return the type, id and size of what has the file's name in a commit; no id where nothing has."""
    if repo.git is None:
        mode, oid = repo.objects.tree(repo.tree_of(commit)).get(FILE.encode(), (0, None))
        return "tree" if mode == TREE_MODE else "blob", oid, None
    asked = f"{commit}:{FILE}\n".encode()
    answer = repo.git.run(
        ["cat-file", "--batch-check"], git_dir=repo.paths.git_dir, input=asked, env_extra=_STAY_HERE
    ).split()
    if len(answer) != 3 or not answer[2].isdigit():
        return "missing", None, None
    return answer[1].decode(), answer[0].decode(), int(answer[2])


def _content(repo: Repository, blob: str) -> bytes:
    if repo.git is None:
        return repo.read_blob(blob)
    return repo.git.run(["cat-file", "blob", blob], git_dir=repo.paths.git_dir, env_extra=_STAY_HERE)


def _remembered(repo: Repository) -> _Kept | None:
    try:
        with open(os.path.join(repo.paths.home, _CACHE), "rb") as file:
            saved = json.loads(file.read(_LARGEST_CACHE))
        if saved.pop("version") != _VERSION:
            return None
        kept = _Kept(**saved)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # there is none yet, or it is damaged: it is made anew
    return kept if isinstance(kept.document, dict) and isinstance(kept.problem, str | None) else None


def _remember(repo: Repository, kept: _Kept) -> None:
    path = os.path.join(repo.paths.home, _CACHE)
    draft = f"{path}.{os.getpid()}.new"
    try:
        text = json.dumps({"version": _VERSION, **asdict(kept)})
        os.makedirs(repo.paths.home, mode=0o700, exist_ok=True)
        with open(draft, "w", encoding="ascii") as file:
            file.write(text)
        os.replace(draft, path)
    except (OSError, ValueError):  # a repository that cannot be written costs a process more at each start
        with contextlib.suppress(OSError):
            os.unlink(draft)
