"""Where the reports of a repository are: its Markdown files with a block, and reading one without leaving the root."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.branch.listing import Entry, list_tree
from gtrack.errors import GtrackError, NotFoundError, UsageError
from gtrack.report.document import Report, parse
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["LARGEST", "committed", "find_reports", "read_file", "read_report", "report_path"]

LARGEST = 1 << 20
"""The largest report that is read, in bytes."""
_MOST_FILES = 2_000
_MOST_REPORTS = 200
_ENDINGS = (".md", ".markdown")
_FENCE = re.compile(rb"(?:```|~~~)[ \t]*gtrack\b")
_FORMAT, _FILE = 0o170000, 0o100000


@dataclass(frozen=True, slots=True)
class _Place:
    """A file of the repository: its path from the top, and its object where only HEAD has it."""

    path: str
    oid: str | None = None


def find_reports(repo: Repo) -> list[Report]:
    """Return the reports of a repository, by path.

    They are Markdown files of the working tree that git tracks, or would track, and what HEAD has beside those; up to
    1 MiB each, 2,000 files at most. Links are not followed.

    Raises:
        MissingExtraError: markdown-it-py is not installed.
    """
    found = []
    for place in sorted(_candidates(repo), key=lambda each: each.path)[:_MOST_FILES]:
        try:
            data = _read(repo, place)
        except (GtrackError, OSError, KeyError):
            continue  # it is gone, or not to be read: it is no report
        if _FENCE.search(data):
            report = parse(data.decode("utf-8", "replace"), place.path)
            if report.blocks or report.problems:
                found.append(report)
        if len(found) >= _MOST_REPORTS:
            break
    return found


def read_report(repo: Repo, path: str) -> Report:
    """Read a report.

    Args:
        repo: The repository.
        path: Its path from the top of the repository.

    Raises:
        NotFoundError: There is no such file.
        UsageError: It is outside of the repository, too large, no file, or not UTF-8.
        MissingExtraError: markdown-it-py is not installed.
    """
    try:
        text = read_file(repo, path, LARGEST).decode()
    except UnicodeDecodeError:
        raise UsageError(f"{clean(path)} is not UTF-8") from None
    return parse(text, path)


def report_path(repo: Repo, file: str) -> str:
    """Return the path from the top of the repository of a file that somebody named from where he is.

    Raises:
        UsageError: It is outside of the repository.
    """
    root = os.path.realpath(repo.root)
    path = os.path.relpath(os.path.realpath(file), root).replace(os.sep, "/")
    if path == ".." or path.startswith("../") or _is_git(path):
        raise UsageError(f"{clean(file)} is not in the repository {clean(root)}", hint="gtrack report ls")
    return path


def read_file(repo: Repo, path: str, largest: int) -> bytes:
    """Return a file of the working tree, or of HEAD where there is none.

    Args:
        repo: The repository.
        path: The path from the top of the repository, ``/`` between its parts.
        largest: How many bytes it may have.

    Raises:
        NotFoundError: There is no such file.
        UsageError: It is outside of the repository, too large, or no file.
    """
    normal = os.path.normpath(path)
    if os.path.isabs(path) or "\0" in path or "\\" in path or normal.split(os.sep)[0] == ".." or _is_git(normal):
        raise UsageError(f"{clean(path)} is not in the repository")
    tree = repo.repository.paths.work_tree
    if tree is not None and os.path.lexists(os.path.join(tree, normal)):
        return _of_work_tree(tree, normal, largest)
    return _of_head(repo, normal, largest)


def committed(repo: Repo, report: Report) -> bool:
    """Tell whether HEAD has a report as it was read."""
    try:
        data = _of_head(repo, report.path, LARGEST)
    except (GtrackError, OSError, KeyError):
        return False
    return parse(data.decode("utf-8", "replace"), report.path).text == report.text


def _is_git(path: str) -> bool:
    return any(part.lower() == ".git" for part in path.replace(os.sep, "/").split("/"))


def _of_work_tree(tree: str, path: str, largest: int) -> bytes:
    root = os.path.realpath(tree)
    real = os.path.realpath(os.path.join(root, path))
    if not real.startswith(root.rstrip(os.sep) + os.sep) or _is_git(os.path.relpath(real, root)):
        raise UsageError(f"{clean(path)} leads out of the repository")
    # Not the first look's word: what is there may have become a link, or a pipe that nobody writes to.
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"{clean(path)} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{clean(path)} is not a file")
    with open(descriptor, "rb") as file:
        return _bounded(path, file.read(largest + 1), largest)


def _of_head(repo: Repo, path: str, largest: int) -> bytes:
    for entry in _tracked(repo):
        if entry.path == path and entry.mode & _FORMAT == _FILE:
            return _bounded(path, repo.repository.read_blob(entry.oid), largest)
    raise NotFoundError(f"there is no file {clean(path):.200} in the repository", hint="gtrack report ls")


def _bounded(path: str, data: bytes, largest: int) -> bytes:
    if len(data) > largest:
        raise UsageError(f"{clean(path)} is larger than {largest:,} bytes")
    return data


def _read(repo: Repo, place: _Place) -> bytes:
    if place.oid is not None:
        return _bounded(place.path, repo.repository.read_blob(place.oid), LARGEST)
    tree = repo.repository.paths.work_tree
    if tree is None or os.path.islink(os.path.join(tree, place.path)):
        return b""
    return _of_work_tree(tree, place.path, LARGEST)


def _candidates(repo: Repo) -> Iterator[_Place]:
    """Yield the Markdown files of the working tree and those that only HEAD has."""
    tree = repo.repository.paths.work_tree
    here = set(_listed(repo)) if tree is not None else set()
    tracked = [entry for entry in _tracked(repo) if _is_markdown(entry.path) and entry.mode & _FORMAT == _FILE]
    for entry in tracked:
        if tree is not None and os.path.lexists(os.path.join(tree, entry.path)):
            here.add(entry.path)
        elif tree is None or entry.path not in here:
            yield _Place(entry.path, entry.oid)
    yield from map(_Place, here)


def _listed(repo: Repo) -> Iterator[str]:
    """Yield the Markdown files of the working tree that git tracks or would track; none without git."""
    repository = repo.repository
    if repository.git is None:
        return
    args = [
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
        "--",
        *(f":(icase)*{end}" for end in _ENDINGS),
    ]
    paths = repository.paths
    raw = repository.git.run(args, cwd=paths.work_tree, git_dir=paths.git_dir, work_tree=paths.work_tree)
    for path in raw.decode("utf-8", "surrogateescape").split("\0"):
        if path and os.path.isfile(os.path.join(paths.work_tree or "", path)):
            yield path


def _tracked(repo: Repo) -> list[Entry]:
    """Return the files of HEAD; none before the first commit, or where something of it is missing."""
    repository = repo.repository
    head = repository.refs.read("HEAD")
    if head is None:
        return []
    try:
        if repository.git is not None:
            args = ["ls-tree", "-r", "-z", "--full-tree", head]  # not their sizes: a partial clone would fetch them all
            return list(_entries(repository.git.run(args, git_dir=repository.paths.git_dir)))
        tree = repository.tree_of(head)
    except (GtrackError, KeyError, OSError, ValueError):
        return []
    return [] if tree is None else list_tree(repository, tree).files


def _entries(listing: bytes) -> Iterator[Entry]:
    for line in listing.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        head, _, path = line.partition("\t")
        mode, _, oid = head.split()
        yield Entry(path, int(mode, 8), oid)


def _is_markdown(path: str) -> bool:
    return path.lower().endswith(_ENDINGS)
