"""What the team's ``gtrack.yaml`` means, and which setting stands: the environment, git's configuration, the team.

=================  =====================================================================  ===================
key                what it may be                                                         set by oneself
=================  =====================================================================  ===================
``push``           ``off``, ``end`` or ``segment``: when runs are sent by themselves       ``gtrack.push``
``segment_every``  ``10m``, or ``off``: how often a live run's values are committed        ``gtrack.segmentEvery``
``code``           ``snapshot``, ``commit-only`` or ``off``                                ``gtrack.code``
``system_metrics`` ``5s``, or ``off``: how often the machine is measured                   ``gtrack.systemMetrics``
``experiment``     a name: the experiment of runs that name none
``on_commit``      files to record when they are committed; see :class:`OnCommit`
``store``          a URL, or a map of ``url`` and ``options``: where artifacts are     ``gtrack.store``
``policy``         what is asked of runs and models; see :mod:`gtrack.ops.policy`
``retention``      which runs are kept; see :mod:`gtrack.model.retention`
=================  =====================================================================  ===================

The file is the team's and the team may be wrong: a key that cannot be used is passed over with a warning while code is
training, and the others stand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from gtrack.config import PUSHES, Settings, parse_duration
from gtrack.errors import GtrackError, ParseError, UsageError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.store.url import Location

__all__ = ["OnCommit", "Team", "effective", "has_policy", "team_settings"]

_CODE = ("snapshot", "commit-only", "off")
_OFF = ("off", "never")
_SHORTEST = 1.0
"""The smallest ``segment_every``, in seconds: a slip of the pen must not commit a thousand times a second."""
_NAME_BYTES = 512
_MOST_FILES = 100
_KINDS = ("metrics", "params")
_ELSEWHERE = frozenset({"policy", "retention"})
"""Keys that are read where they are needed, and whose mistakes are told there."""

_told: WeakKeyDictionary[Repository, set[str]] = WeakKeyDictionary()
"""What was warned of already: a process that starts a hundred runs warns once."""


@dataclass(frozen=True, slots=True)
class OnCommit:
    """Files that are recorded as a run when they are committed.

    Args:
        pattern: A path from the top of the tree; ``*`` and ``?`` stand for any characters but a slash, ``**`` for any
            folders.
        kind: ``metrics`` or ``params``; None to go by the file's name and content.
    """

    pattern: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """The team's settings; None where the file says nothing.

    Attributes:
        where: The file they are from, as in ``gtrack.yaml at origin/main (15f61e3)``; None where there is no commit.
        push: When runs are sent by themselves.
        segment_every: Seconds between commits of a live run's values; 0 for never.
        code: What is kept of the code.
        system_metrics: Seconds between measurements of the machine; 0 for never.
        experiment: The experiment of runs that name none.
        on_commit: What is recorded when it is committed.
        store: Where artifacts are; used once somebody here agreed to it: see :mod:`gtrack.ops.store_settings`.
        problems: What is wrong with the file.
        remarks: What about it may be a mistake.
    """

    where: str | None = None
    push: str | None = None
    segment_every: float | None = None
    code: str | None = None
    system_metrics: float | None = None
    experiment: str | None = None
    on_commit: tuple[OnCommit, ...] = ()
    store: Location | None = None
    problems: tuple[GtrackError, ...] = ()
    remarks: tuple[str, ...] = ()


def team_settings(repo: Repository) -> Team:
    """Return the settings that ``gtrack.yaml`` gives the team. Raises nothing: what is wrong is in the answer.

    Args:
        repo: The repository.

    Example:
        >>> team_settings(repo).push
        'end'
    """
    from gtrack.branch.team import FILE, read_team_file

    try:
        file = read_team_file(repo)
    except GtrackError as error:
        return Team(problems=(error,))
    except OSError as error:
        return Team(problems=(UsageError(f"{FILE} cannot be read: {error.strerror or error}"),))
    if file is None:
        return Team()
    if file.problem is not None:
        return Team(file.where, problems=(ParseError(file.where + file.problem, hint="correct it, commit and push"),))
    return _Reader(file.where).read(file.document)


def effective(
    settings: Settings, repo: Repository | None, *, warn: Callable[[str], None], strict: bool = False
) -> Settings:
    """Return settings whose gaps are filled: from git's configuration, then from the team's ``gtrack.yaml``.

    Args:
        settings: What the environment says, which comes first.
        repo: The repository; without one nothing is filled.
        warn: Called with a sentence about what cannot be used, once for each repository that was opened.
        strict: Raise for what is wrong with the team's file: somebody is at the command line, and can correct it.

    Returns:
        The settings; ``segment_every`` is None where it is switched off.

    Raises:
        UsageError: A ``gtrack.*`` setting of git's configuration has a value it cannot have.
        GtrackError: With ``strict``, the team's file is damaged.
    """
    if repo is None:
        return settings
    team = team_settings(repo)
    told = _told.setdefault(repo, set())
    for text in (*team.remarks, *(() if strict else map(str, team.problems))):
        if text not in told:
            told.add(text)
            warn(text)
    if strict and team.problems:
        raise team.problems[0]
    filled: dict[str, Any] = {}
    for name, (key, read) in _CONFIGURED.items():
        choices = (getattr(settings, name), _configured(repo, key, read), getattr(team, name))
        filled[name] = next((choice for choice in choices if choice is not None), None)
    filled["segment_every"] = filled["segment_every"] or None
    return replace(settings, **filled, experiment=settings.experiment or team.experiment)


def has_policy(repo: Repository) -> bool:
    """Tell whether the file has a policy. Raises nothing: of a file that cannot be read, settings tell."""
    from gtrack.branch.team import read_team_file

    try:
        file = read_team_file(repo)
    except (GtrackError, OSError):
        return False
    return file is not None and file.document.get("policy") is not None


class _WrongValueError(ValueError):
    """A value cannot be used; the text says what can."""


class _Reader:
    """Reads the document key by key, so that one wrong value costs no other."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.problems: list[GtrackError] = []
        self.remarks: list[str] = []

    def read(self, document: Mapping[str, object]) -> Team:
        values: dict[str, Any] = {}
        for key, value in document.items():
            if key in _READERS:
                if value is not None:
                    self._take(values, key, value)
            elif key not in _ELSEWHERE:
                self.remarks.append(f"{self.where}: the key {clean(key)[:60]!r} is not known{_meant(key)}")
        return Team(self.where, **values, problems=tuple(self.problems), remarks=tuple(self.remarks))

    def _take(self, values: dict[str, Any], key: str, value: object) -> None:
        try:
            values[key] = _READERS[key](value)
        except _WrongValueError as error:
            # A store that cannot be used may hold a password.
            said = "cannot be used" if key == "store" else f"is {clean(str(value))[:60]!r}"
            self.problems.append(UsageError(f"{self.where}: {key} {said}", hint=str(error)))


def _one_of(*allowed: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in allowed:
            raise _WrongValueError(f"use {', '.join(allowed[:-1])} or {allowed[-1]}")
        return str(value)

    return read


def _seconds(value: object) -> float:
    if value in _OFF:
        return 0.0
    try:
        seconds = parse_duration(str(value)) if isinstance(value, str | int | float) else math.nan
    except UsageError:
        seconds = math.nan
    if isinstance(value, bool) or not _SHORTEST <= seconds < math.inf:
        raise _WrongValueError("write it like 30s, 10m or 2h, at least 1s, or off")
    return seconds


def _measured(value: object) -> float:
    return 0.0 if value is False or value == "false" else _seconds(value)


def _name(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value.encode()) > _NAME_BYTES:
        raise _WrongValueError(f"use a name, at most {_NAME_BYTES} bytes long")
    return value


def _files(value: object) -> tuple[OnCommit, ...]:
    items = value if isinstance(value, list) else [value]
    if len(items) > _MOST_FILES:
        raise _WrongValueError(f"name at most {_MOST_FILES} files; one entry may stand for many, as results/*.csv does")
    return tuple(dict.fromkeys(_file(item) for item in items))


def _file(item: object) -> OnCommit:
    if isinstance(item, dict) and len(item) == 1:
        kind, pattern = next(iter(item.items()))
    else:
        kind, pattern = None, item
    if not isinstance(pattern, str) or kind not in (None, *_KINDS):
        raise _WrongValueError("write entries like metrics.json, or metrics: results/*.csv, or params: params.yaml")
    return OnCommit(_inside(pattern), kind)


def _inside(pattern: str) -> str:
    """Return a path or glob that stays inside the tree, or refuse it."""
    pattern = pattern.removeprefix("./")
    parts = pattern.split("/")
    if len(pattern) > _NAME_BYTES or not pattern.isprintable() or "\\" in pattern:
        raise _WrongValueError(
            f"a file of the tree is named with slashes and at most {_NAME_BYTES} printable characters"
        )
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise _WrongValueError("name files inside the tree, from its top: no leading slash, no .. and no .git")
    return pattern


def _store(value: object) -> Location:
    from gtrack.store.url import read_setting

    try:
        return read_setting(value)
    except UsageError as error:
        raise _WrongValueError(str(error)) from None


def _meant(key: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(key, [*_READERS, *_ELSEWHERE], 1)
    return f"; did you mean {close[0]}?" if close else " to this gtrack"


def _configured(repo: Repository, key: str, read: Callable[[object], Any]) -> Any:
    value = repo.config.get(key)
    if value is None:
        return None
    try:
        return read(value)
    except _WrongValueError as error:
        raise UsageError(f"git config {key} is {value!r:.60}", hint=str(error)) from None


_READERS: Mapping[str, Callable[[object], Any]] = {
    "push": _one_of(*PUSHES),
    "segment_every": _seconds,
    "code": _one_of(*_CODE),
    "system_metrics": _measured,
    "experiment": _name,
    "on_commit": _files,
    "store": _store,
}
_CONFIGURED: Mapping[str, tuple[str, Callable[[object], Any]]] = {
    "push": ("gtrack.push", _READERS["push"]),
    "segment_every": ("gtrack.segmentEvery", _READERS["segment_every"]),
    "code": ("gtrack.code", _READERS["code"]),
    "system_metrics": ("gtrack.systemMetrics", _READERS["system_metrics"]),
}
