"""Which store this clone uses: one of its own choice, else the team's once somebody here agreed to it.

=======================  =====================================================================================
git config               what it says
=======================  =====================================================================================
``gtrack.store``         a store of this clone's (or person's) choice; ``off`` for none, whatever the team's is
``gtrack.storeOption``   ``key=value``, any number of them: what the client has to know besides
``gtrack.storeAgreed``   the team's store that somebody agreed to, by value: another one is asked about again
=======================  =====================================================================================

The team's is ``store:`` of ``gtrack.yaml`` as :mod:`gtrack.branch.team` reads it. A URL that comes with a repository
could make this machine read and write wherever its user may, hence the question.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from gtrack.branch.repository import Repository
from gtrack.branch.tracking import clone_id
from gtrack.branch.transport_url import parse_url, without_credentials
from gtrack.errors import GitError, GtrackError, RepositoryError, UsageError
from gtrack.ops.team import team_settings
from gtrack.store.url import Location, parse_location, parse_option

__all__ = [
    "AGREED_KEY",
    "OPTION_KEY",
    "STORE_KEY",
    "StoreChoice",
    "agree",
    "clone_repository_id",
    "configure",
    "repository_id",
    "repository_remote",
    "store_choice",
    "usable_store",
]

STORE_KEY, OPTION_KEY, AGREED_KEY = "gtrack.store", "gtrack.storeOption", "gtrack.storeAgreed"
_OFF = ("off", "none", "false", "")


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """The store that this clone has to do with.

    Attributes:
        location: Where it is, with the options that apply here.
        source: Who says so, as in ``gtrack.yaml at origin/main (15f61e3)``.
        agreed: It may be used; the team's not before somebody here agreed to it.
        team: What the team's file says, where this clone uses another one.
    """

    location: Location
    source: str
    agreed: bool
    team: Location | None = None


def store_choice(repo: Repository) -> StoreChoice | None:
    """Return the store that this clone has to do with, agreed to or not; None where there is none.

    Raises:
        UsageError: What git's configuration says cannot be.
    """
    own = repo.config.get(STORE_KEY)
    team = team_settings(repo)
    if own is not None and own.lower() in _OFF:
        return None
    options = dict(parse_option(text) for text in repo.config.get_all(OPTION_KEY))
    if own is not None:
        location = parse_location(own, options)
        other = team.store if team.store is not None and team.store.url != location.url else None
        return StoreChoice(location, f"{STORE_KEY} in git's configuration", True, other)
    if team.store is None:
        return None
    location = parse_location(team.store.url, {**team.store.options, **options})
    agreed = repo.config.get(AGREED_KEY) == team.store.value
    return StoreChoice(location, str(team.where), agreed)


def usable_store(repo: Repository) -> Location | None:
    """Return the store that may be used now, or None. Raises nothing: what is wrong with settings is told elsewhere.

    Example:
        >>> usable_store(repo).url
        's3://team-store/churn'
    """
    try:
        choice = store_choice(repo)
    except GtrackError:
        return None
    return choice.location if choice is not None and choice.agreed else None


def agree(repo: Repository) -> StoreChoice:
    """Use the team's store from now on, as its file says now; a choice of this clone's own is given up.

    Raises:
        UsageError: The team has none.
        RepositoryError: The configuration cannot be written.
    """
    team = team_settings(repo)
    if team.store is None:
        problems = [problem for problem in team.problems if "store" in problem.message]
        if problems:
            raise problems[0]
        raise UsageError("the team's gtrack.yaml names no store", hint="gtrack store set URL, then commit gtrack.yaml")
    configure(repo, AGREED_KEY, team.store.value)
    if repo.config.get(STORE_KEY) is not None:
        configure(repo, STORE_KEY, None)
    choice = store_choice(repo)
    if choice is None or not choice.agreed:
        raise UsageError(f"{STORE_KEY} in your own git configuration says otherwise", hint=f"git config {STORE_KEY}")
    return choice


def configure(repo: Repository, key: str, *values: str | None) -> None:
    """Set a key of this clone's git configuration to some values; None takes it away.

    Raises:
        RepositoryError: It cannot be written.
    """
    if repo.git is None:
        raise RepositoryError("there is no git on the PATH whose configuration could be set", hint="install git")
    try:
        # It fails where there is none, or where the value is the user's own and stays.
        repo.git.run(["config", "--local", "--unset-all", key], git_dir=repo.paths.git_dir, check=False)
        for value in filter(None, values):
            repo.git.run(["config", "--local", "--add", key, value], git_dir=repo.paths.git_dir)
    except GitError as error:
        raise RepositoryError(f"git config {key} could not be set: {error.message}") from error
    vars(repo).pop("config", None)  # it is read anew when it is asked for


def repository_id(repo: Repository) -> str:
    """Return what tells a repository from others that use the same store: where its runs are published.

    Not the root of its history, which a fork shares (whose runs name other objects), a shallow clone lacks and a
    repository of the runs alone does not have. A path means something on one machine alone, so the machine is part of
    it; a repository without a remote is its clone.

    Example:
        >>> repository_id(repo)
        'github.com/acme/churn'
    """
    url = repository_remote(repo)
    if url is None:
        return clone_repository_id(repo)
    address = parse_url(url)
    if address.scheme == "file":
        path = os.path.normpath(os.path.join(repo.paths.root, url.removeprefix("file://")))
        return f"{socket.gethostname()}:{path}"
    path = urlsplit(url).path if "://" in url else url.rpartition("@")[2].partition(":")[2]
    host = address.host.lower()
    if host.strip("[]") == "::1" or host == "localhost" or host.startswith("127."):
        # Another machine's is another one, and so is what another port, or a tunnel from it, leads to.
        host = f"{socket.gethostname()}:{urlsplit(url).netloc.rpartition('@')[2] if '://' in url else host}"
    return f"{host}/{path.strip('/').removesuffix('.git')}"


def clone_repository_id(repo: Repository) -> str:
    """Return what this clone is called as a repository while it has no remote."""
    return f"clone:{clone_id(repo)}"


def repository_remote(repo: Repository) -> str | None:
    """Return the URL of the tracking remote without credentials, or None where there is no such remote."""
    url = repo.config.get(f"remote.{repo.remote}.url") if repo.remote else None
    return without_credentials(url) if url else None
