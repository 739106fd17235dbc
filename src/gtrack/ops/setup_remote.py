"""Choosing the tracking remote: one that is there, or a repository of its own for the runs."""

from __future__ import annotations

import os

from gtrack.branch.repository import Repository
from gtrack.branch.transport_url import Address, allowed_protocols, check_remote_name, parse_url
from gtrack.errors import ConflictError, GitError, NotFoundError, RepositoryError, UsageError
from gtrack.text import clean

__all__ = ["choose_remote"]

_OWN = "gtrack"
"""The name of the remote that is added for a repository of the runs alone."""


def choose_remote(repo: Repository, which: str) -> list[str]:
    """Make a remote the tracking remote of this clone, as far as it is not.

    For a URL that no remote has, the remote ``gtrack`` is added, from which ``git fetch`` brings the branch with the
    runs and nothing else.

    Args:
        repo: The repository; its configuration is read anew afterwards.
        which: A remote's name, or the URL or path of a repository.

    Returns:
        What was done or found, one sentence each.

    Raises:
        NotFoundError: There is no such remote.
        UsageError: The URL is none that git may be given.
        ConflictError: The remote ``gtrack`` is another repository.
        RepositoryError: There is no git, or the configuration cannot be written.
    """
    if repo.git is None:
        raise RepositoryError("there is no git on the PATH whose configuration could be set", hint="install git")
    done: list[str] = []
    if repo.config.get(f"remote.{which}.url") is not None:
        name = check_remote_name(which)
    else:
        name, done = _named_for(repo, _address(repo, which))
    done += _bring_branch(repo, name)
    if repo.config.get("gtrack.remote") == name:
        done.append(f"runs are shared through {clean(name)} already")
    else:
        _set(repo, "gtrack.remote", name)
        done.append(f"runs are shared through {clean(name)} (gtrack.remote in this clone's git config)")
    return [*done, "next: gtrack push"]


def _address(repo: Repository, which: str) -> Address:
    """Return what a URL or path stands for, or say that a remote was probably meant."""
    if "/" not in which and ":" not in which and not os.path.isdir(which):
        names = ", ".join(map(clean, repo.config.subsections("remote"))) or "none"
        raise NotFoundError(
            f"there is no remote {clean(which)!r:.80}, and it is no URL; the remotes are: {names}",
            hint="git remote -v",
        )
    address = parse_url(which)
    if address.scheme not in allowed_protocols(repo.config, repo.env, address.scheme):
        raise UsageError(
            f"{address.shown:.200} is reached by {address.scheme!r:.40}, a protocol that is not allowed",
            hint="use https, ssh, or a path",
        )
    if address.scheme == "file" and "://" not in which:
        return Address(os.path.abspath(which), "file", "")  # git takes it from wherever it is run
    return address


def _named_for(repo: Repository, address: Address) -> tuple[str, list[str]]:
    """Return the remote that has a URL, added when none has, and what was done."""
    for name in repo.config.subsections("remote"):
        if address.url in repo.config.get_all(f"remote.{name}.url"):
            return name, [f"{address.shown} is the remote {clean(name)}"]
    present = repo.config.get(f"remote.{_OWN}.url")
    if present is not None:
        raise ConflictError(
            f"the remote {_OWN} is {parse_url(present).shown} already",
            hint=f"git remote set-url {_OWN} URL, or: gtrack init --remote {_OWN}",
        )
    _set(repo, f"remote.{_OWN}.url", address.url)
    _set(repo, f"remote.{_OWN}.fetch", _refspec(repo, _OWN))
    _set(repo, f"remote.{_OWN}.tagOpt", "--no-tags")
    # Where the runs are the first branch, hosting services make it the default one. refs/remotes/gtrack/HEAD would
    # then make the word "gtrack" ambiguous to git, which says so at each command.
    _set(repo, f"remote.{_OWN}.followRemoteHEAD", "never")
    done = [f"added the remote {_OWN} for {address.shown}; it brings the branch with the runs and nothing else"]
    if address.secrets:
        done.append(
            "warning: the URL holds credentials, and .git/config keeps them in plain text: a credential helper is "
            "safer (git help credentials)"
        )
    return _OWN, done


def _bring_branch(repo: Repository, name: str) -> list[str]:
    """See to it that ``git fetch`` brings the runs, as it does not in a clone of a single branch."""
    refspecs = repo.config.get_all(f"remote.{name}.fetch")
    places = [place for place in (_place(refspec, repo.branch) for refspec in refspecs) if place is not None]
    if repo.branch in places:
        return [
            f"warning: git fetch {clean(name)} overwrites the local branches here, the runs included: it is a mirror"
        ]
    if not refspecs or f"refs/remotes/{name}/{_short(repo)}" in places:
        return []
    _set(repo, f"remote.{name}.fetch", _refspec(repo, name), "--add")
    return [f"git fetch {clean(name)} brings the branch {clean(_short(repo))} from now on; this clone had left it out"]


def _refspec(repo: Repository, name: str) -> str:
    # With a star, since git fetch fails for good on a branch that is named and not there yet: before the first push.
    return f"+{repo.branch}*:refs/remotes/{name}/{_short(repo)}*"


def _place(refspec: str, ref: str) -> str | None:
    """Return where a refspec of a remote puts a reference, or None when it leaves it out.

    See `gitrevisions and refspecs <https://git-scm.com/book/en/v2/Git-Internals-The-Refspec>`_.
    """
    source, _, target = refspec.removeprefix("+").partition(":")
    before, star, after = source.partition("*")
    if not star:
        return target if source == ref else None
    if not (ref.startswith(before) and ref.endswith(after) and len(ref) >= len(before) + len(after)):
        return None
    return target.replace("*", ref[len(before) : len(ref) - len(after)], 1)


def _short(repo: Repository) -> str:
    return repo.branch.removeprefix("refs/heads/")


def _set(repo: Repository, key: str, value: str, *options: str) -> None:
    assert repo.git is not None
    try:
        repo.git.run(["config", "--local", *options, key, value], git_dir=repo.paths.git_dir)
    except GitError as error:
        raise RepositoryError(f"git config {key} could not be set: {error.message}") from error
    vars(repo).pop("config", None)  # it is read anew when it is asked for
