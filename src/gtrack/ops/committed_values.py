"""The params and metrics in the files of a commit that ``gtrack.yaml`` names under ``on_commit``.

Files are read from the commit, never from the working tree, and as data: nothing they hold is run or evaluated.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from gtrack.branch.bulk import read_blobs
from gtrack.branch.committed import changed_files, files_below
from gtrack.branch.listing import Entry
from gtrack.branch.repository import Repository
from gtrack.errors import GtrackError
from gtrack.ops.rows import suffix_of
from gtrack.ops.team import OnCommit
from gtrack.ops.values import Point, read_metrics, read_params

__all__ = ["CommittedValues", "committed_values", "matches"]

_MOST_FILES = 64
_LARGEST = 2 << 20
"""The largest file that is read, in bytes: a commit must not take long."""
_REGULAR = (0o100644, 0o100755)
_METRICS_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_PARAMS_SUFFIXES = (".toml",)
_PARAMS_NAME = re.compile(r"(?:^|[^a-z])(?:param|hparam|hyper|config|setting)")
_METRICS_NAME = re.compile(r"(?:^|[^a-z])(?:metric|score|result|eval)")
_GLOB = re.compile(r"[*?\[]")


@dataclass
class CommittedValues:
    """What the named files of a commit hold.

    Attributes:
        params: The params, of all files that are there.
        points: The metric values, of the files that the commit changed: the others are an earlier commit's.
        measured: There are metrics files, changed or not.
    """

    params: dict[str, Any] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    measured: bool = False


def committed_values(
    repo: Repository, commit: str, named: Sequence[OnCommit], *, tell: Callable[[str], None]
) -> CommittedValues | None:
    """Return what the named files of a commit hold, or None when it changed none of them.

    The keys of a file that a glob found begin with its name: ``results/*.csv`` finds ``loss`` in ``results/a.csv`` as
    ``a/loss``, and ``conf/*.yaml`` finds the params of ``conf/model.yaml`` under ``model``.

    Args:
        repo: The repository; it has the git executable.
        commit: The commit's id.
        named: The files.
        tell: Called with a sentence about a file that cannot be read.

    Raises:
        GitError: Git failed.
    """
    changed = {path for path in changed_files(repo, commit) if _rule(named, path) is not None}
    if not changed:
        return None
    entries = _entries(repo, commit, named, tell)
    contents = read_blobs(repo, sorted({entry.oid for entry in entries})) if entries else {}
    found = CommittedValues()
    with tempfile.TemporaryDirectory(prefix="gtrack-on-commit-") as folder:
        for number, entry in enumerate(entries):
            rule = _rule(named, entry.path)
            data = contents.get(entry.oid)
            if rule is None or data is None:
                continue
            copy = _copy(os.path.join(folder, str(number)), entry.path, data)
            try:
                _add(found, rule, entry.path, copy, is_new=entry.path in changed)
            except GtrackError as error:
                tell(f"not recorded: {str(error).replace(copy, entry.path)}")
    return found


def matches(pattern: str, path: str) -> bool:
    """Tell whether a path of the tree is one that a pattern stands for.

    Args:
        pattern: A path or glob; ``*``, ``?`` and ``[...]`` stay within a name, ``**`` is any number of folders.
        path: A path from the top of the tree.

    Example:
        >>> matches("results/*.csv", "results/a.csv"), matches("*.csv", "results/a.csv"), matches("**/a.csv", "a.csv")
        (True, False, True)
    """
    parts = pattern.split("/")
    at = _past_folders(parts, {0})  # all places in the pattern that may come next, so that no ** is tried twice
    for name in path.split("/"):
        hits = {i for i in at if i < len(parts) and (parts[i] == "**" or fnmatchcase(name, parts[i]))}
        at = _past_folders(parts, {i if parts[i] == "**" else i + 1 for i in hits})
    return len(parts) in at


def _past_folders(parts: Sequence[str], at: set[int]) -> set[int]:
    """Add the places behind each ``**``, which may stand for no folder at all."""
    out = set(at)
    for place in sorted(at):
        while place < len(parts) and parts[place] == "**":
            place += 1  # noqa: PLW2901
            out.add(place)
    return out


def _rule(named: Iterable[OnCommit], path: str) -> OnCommit | None:
    return next((rule for rule in named if matches(rule.pattern, path)), None)


def _entries(repo: Repository, commit: str, named: Sequence[OnCommit], tell: Callable[[str], None]) -> list[Entry]:
    """Return the named files of a commit, as far as they are plain files of a bounded size and number."""
    found: list[Entry] = []
    for entry in files_below(repo, commit, [_fixed_part(rule.pattern) for rule in named]):
        if entry.mode not in _REGULAR or _rule(named, entry.path) is None:
            continue
        if entry.size is not None and entry.size > _LARGEST:
            tell(f"{entry.path} is larger than {_LARGEST >> 20} MiB and not recorded (gtrack log --metrics reads it)")
        elif len(found) == _MOST_FILES:
            tell(f"on_commit names more than {_MOST_FILES} files; {entry.path} and what follows is not recorded")
            break
        else:
            found.append(entry)
    return found


def _fixed_part(pattern: str) -> str:
    """Return the folder below which everything is that a glob can find; a path without one is itself."""
    parts = pattern.split("/")
    globs = [number for number, part in enumerate(parts) if _GLOB.search(part)]
    return "/".join(parts[: globs[0]]) if globs else pattern


def _copy(folder: str, path: str, data: bytes) -> str:
    """Write a file's content where the readers of files find it, under its own name for its suffix."""
    os.mkdir(folder, 0o700)
    copy = os.path.join(folder, os.path.basename(path))
    with open(copy, "xb") as file:
        file.write(data)
    return copy


def _add(found: CommittedValues, rule: OnCommit, path: str, copy: str, *, is_new: bool) -> None:
    """Add what a file holds."""
    name = _name(rule.pattern, path)
    if (rule.kind or _kind(path, copy)) == "metrics":
        found.measured = True
        if is_new:
            prefix = f"{name}/" if name else ""
            found.points += [(prefix + key, *rest) for key, *rest in read_metrics(copy).points]  # type: ignore[misc]
    else:
        params = read_params(copy)
        found.params.update({name: params} if name else params)


def _name(pattern: str, path: str) -> str:
    """Return what tells a file from the others that a glob finds; nothing where there is one only."""
    if not _GLOB.search(pattern):
        return ""
    fixed = _fixed_part(pattern)
    return os.path.splitext(path[len(fixed) :].lstrip("/"))[0]


def _kind(path: str, copy: str) -> str:
    """Tell metrics from params: by the suffix, then by the name, then by whether all there is are numbers."""
    suffix, name = suffix_of(path), os.path.basename(path).lower()
    if suffix in _METRICS_SUFFIXES:
        return "metrics"
    if suffix in _PARAMS_SUFFIXES or _PARAMS_NAME.search(name):
        return "params"
    if _METRICS_NAME.search(name):
        return "metrics"
    found = read_metrics(copy)
    return "metrics" if found.points and not found.skipped else "params"
