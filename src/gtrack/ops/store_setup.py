"""``gtrack store``: choosing a store, trying it, telling how it stands."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gtrack.branch.object_store import LARGEST
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import clone_id
from gtrack.clock import iso, now_ns
from gtrack.errors import DamageError, GtrackError, UsageError
from gtrack.ids import new_session_id
from gtrack.ops.objects import object_cache, opened_store, outbox_of
from gtrack.ops.store_settings import (
    AGREED_KEY,
    OPTION_KEY,
    STORE_KEY,
    StoreChoice,
    configure,
    repository_id,
    repository_remote,
    store_choice,
)
from gtrack.ops.team import team_settings
from gtrack.ops.team_edit import set_team_value
from gtrack.store.members import ABOUT, Member, members, register
from gtrack.store.outbox import Waiting
from gtrack.store.trouble import at_once, store_trouble
from gtrack.store.url import Location, parse_location

__all__ = ["StoreStatus", "check_store", "set_store", "store_status", "unset_store"]

T = TypeVar("T")


def set_store(
    repo: Repository, url: str, options: Mapping[str, object], *, base: str, share: bool = True
) -> tuple[Location, str | None]:
    """Use a store from now on, here; and write it into the working tree's ``gtrack.yaml``, for the team.

    Args:
        repo: The repository.
        url: A URL or a path.
        options: What the client has to know besides.
        base: The folder that a relative path is meant from.
        share: Write ``gtrack.yaml``.

    Returns:
        The store, and the file that was written; None where it says so already, or is left as it is.

    Raises:
        UsageError: It cannot be a store, or holds credentials, or ``gtrack.yaml`` cannot be edited.
        RepositoryError: Git's configuration cannot be written.
    """
    location = parse_location(url, options, base=base)
    inside = os.path.join(os.path.realpath(location.path), "")
    if location.protocol == "file" and inside.startswith(os.path.join(repo.paths.common_dir, "")):
        raise UsageError(f"{location.shown} is inside git's own folder", hint="name a folder elsewhere")
    shared = location.shared_options()
    value = {"url": location.url, "options": shared} if shared else location.url
    share = share and repo.paths.work_tree is not None
    written = set_team_value(repo, "store", value) if share else None
    if share:
        configure(repo, AGREED_KEY, replace(location, options=shared).value)
    configure(repo, STORE_KEY, location.url)
    configure(repo, OPTION_KEY, *(f"{key}={_text(option)}" for key, option in location.options.items()))
    return location, written


def unset_store(repo: Repository) -> None:
    """Give up this clone's own choice: the team's store counts again.

    Raises:
        RepositoryError: Git's configuration cannot be written.
    """
    configure(repo, STORE_KEY, None)
    configure(repo, OPTION_KEY, None)


def check_store(repo: Repository, location: Location, *, tell: Callable[[str], None] = lambda _: None) -> None:
    """Try all that gtrack does with a store: make its folder, write, look, read, list, remove.

    Args:
        repo: The repository.
        location: The store.
        tell: Called with each step that went well.

    Raises:
        AuthenticationError: It does not let us do something; the message says what.
        NetworkError: It cannot be reached, or something else went wrong.
        DamageError: It does not give back what it got.
        MissingExtraError: A package is not installed.
    """
    key, data = f"probes/{clone_id(repo)}-{new_session_id()}", os.urandom(1000)
    with opened_store(repo, location) as place:
        _step(location, "reach", tell, place.prepare)
        member = Member(repository_id(repo), repository_remote(repo), iso(now_ns() // 1000))
        _step(location, "write to", tell, lambda: register(place, member))
        try:
            _step(location, "write to", tell, lambda: place.write(key, data), "write")
            found = _step(location, "look into", tell, lambda: place.stat(key), "look")
            read = _step(location, "read from", tell, lambda: place.read(key, 0, len(data) + 1), "read")
            if found is None or found.size != len(data) or read != data:
                raise DamageError(f"{location.shown} does not give back what it was given")
            _step(location, "list", tell, lambda: [each.key for each in place.entries("probes")], "list")
        finally:
            with contextlib.suppress(Exception):
                place.remove(key)
        _step(location, "remove from", tell, lambda: place.remove(key), "remove")


def _step(location: Location, verb: str, tell: Callable[[str], None], action: Callable[[], T], did: str = "") -> T:
    with store_trouble(f"cannot {verb} {location.shown}", credentials=location.credentials):
        came = at_once(action)
    if did:
        tell(did)
    return came


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How the store stands.

    Attributes:
        choice: The store, or None.
        reachable: Whether it answers; None when it was not asked.
        trouble: Why it does not, or what is wrong with the settings.
        todo: What to type.
        waiting: How many objects of this clone wait to be sent.
        waiting_bytes: Their bytes.
        unconfirmed: How many were sent, whose records are not at the remote yet.
        cached: How many objects are in the local cache.
        cached_bytes: Their bytes.
        repositories: The ids of the repositories that use the store; None when it was not asked.
    """

    choice: StoreChoice | None = None
    reachable: bool | None = None
    trouble: str | None = None
    todo: str | None = None
    waiting: int = 0
    waiting_bytes: int = 0
    unconfirmed: int = 0
    cached: int = 0
    cached_bytes: int = 0
    repositories: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, object]:
        """Return it as a map, as ``--json`` prints it."""
        choice = self.choice
        where = None if choice is None else {
            "url": choice.location.shown, "options": dict(choice.location.options), "source": choice.source,
            "agreed": choice.agreed, "team": choice.team.shown if choice.team else None,
        }  # fmt: skip
        rest = {name: getattr(self, name) for name in self.__slots__ if name not in ("choice", "repositories")}
        return {
            "store": where,
            **rest,
            "repositories": list(self.repositories) if self.repositories is not None else None,
        }


def store_status(repo: Repository, *, ask: bool = True) -> StoreStatus:
    """Tell which store there is, whether it answers, and what waits for it. Raises nothing that has to do with it.

    Args:
        repo: The repository.
        ask: Ask the store whether it is there.

    Raises:
        OSError: The cache or the outbox cannot be read.
    """
    marks = list(outbox_of(repo).entries())
    waiting = [mark for mark in marks if mark.sent is None]
    cached = list(_sizes(repo))
    counts = {
        "waiting": len(waiting), "waiting_bytes": sum(max(0, mark.size) for mark in waiting),
        "unconfirmed": len(marks) - len(waiting), "cached": len(cached), "cached_bytes": sum(cached),
    }  # fmt: skip
    choice, asked = None, _Asked()
    try:
        choice = store_choice(repo)
        wrong = [problem for problem in team_settings(repo).problems if "store" in problem.message]
        if choice is None and wrong:
            raise wrong[0]
        if choice is not None and choice.agreed and ask:
            asked = _ask(repo, choice.location)
        elif choice is not None and not choice.agreed:
            asked = _Asked(todo="gtrack store accept")
    except GtrackError as error:
        asked = _Asked(False if choice is not None else None, error.message, error.hint)
    todo = asked.todo or _next(choice, waiting)
    return StoreStatus(choice, asked.reachable, asked.trouble, todo, **counts, repositories=asked.repositories)


def _next(choice: StoreChoice | None, waiting: Sequence[Waiting]) -> str | None:
    if not waiting:
        return None
    fits = choice is not None or any(mark.size <= LARGEST for mark in waiting)
    return "gtrack push" if fits else "gtrack store set URL"


@dataclass(frozen=True, slots=True)
class _Asked:
    reachable: bool | None = None
    trouble: str | None = None
    todo: str | None = None
    repositories: tuple[str, ...] | None = field(default=None)


def _ask(repo: Repository, location: Location) -> _Asked:
    with opened_store(repo, location) as place, store_trouble(f"cannot reach {location.shown}"):
        if at_once(lambda: place.stat(ABOUT)) is None:
            return _Asked(True, None, "gtrack store check", ())
        return _Asked(True, repositories=tuple(member.id for member in members(place)))


def _sizes(repo: Repository) -> Iterator[int]:
    cache = object_cache(repo)
    for digest in cache.digests():
        with contextlib.suppress(FileNotFoundError):
            yield os.stat(cache.path(digest)).st_size


def _text(option: object) -> str:
    return str(option).lower() if isinstance(option, bool) else str(option)
