"""Where a remote is: its URLs as git will use them, looked at before git or ssh is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.branch.gitconfig import GitConfig
from gtrack.errors import GitError, NotFoundError, UsageError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository

__all__ = ["Address", "allowed_protocols", "check_remote_name", "parse_url", "remote_addresses", "without_credentials"]

_SAFE = ("file", "git", "http", "https", "ssh")
_ALIASES = {"git+ssh": "ssh", "ssh+git": "ssh"}
_NAME = re.compile(r"(?!-)[^\s=\x00-\x1f\x7f]+\Z")
_HELPER = re.compile(r"(?P<scheme>[A-Za-z0-9][A-Za-z0-9+.-]*)::")
_URL = re.compile(r"(?P<scheme>[A-Za-z0-9][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)")
_SCP = re.compile(r"(?P<authority>[^/:\[]*|[^/:\[]*\[[^\]/]*\]):")
"""git-clone(1), "GIT URLS": ``host:path`` is ssh unless a slash comes before the first colon."""
_CREDENTIALS = re.compile(r"(://)[^/\s]*@")


@dataclass(frozen=True, slots=True)
class Address:
    """One URL of a remote.

    Attributes:
        url: As git gets it, credentials included: never shown.
        scheme: ``file``, ``git``, ``http``, ``https``, ``ssh``, or the name of a remote helper.
        host: The host without user and port; empty for a path.
    """

    url: str
    scheme: str
    host: str

    @property
    def shown(self) -> str:
        """The URL without credentials, safe to print."""
        return clean(without_credentials(self.url))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a message must not repeat: the password, or the user where there is none (a token)."""
        match = _URL.match(self.url)
        if match is None or "@" not in match["authority"]:
            return ()
        user, colon, password = match["authority"].rpartition("@")[0].partition(":")
        if not colon and self.scheme == "ssh":
            return ()
        return tuple(filter(None, (password if colon else user,)))


def without_credentials(text: str) -> str:
    """Return a text with the credentials of every URL in it left out."""
    return _CREDENTIALS.sub(r"\1", text)


def parse_url(url: str) -> Address:
    """Read a URL or path as git does.

    Raises:
        UsageError: Git or ssh would take it, or a part of it, for an option, or it holds control characters.
    """
    if not url or url.startswith("-") or re.search(r"[\x00-\x1f\x7f]", url):
        raise UsageError(f"{clean(without_credentials(url))!r:.200} is not the URL of a git repository")
    helper, full = _HELPER.match(url), _URL.match(url)
    scp = None if full or helper else _SCP.match(url)
    if helper:
        return Address(url, helper["scheme"].lower(), "")
    if full is None and scp is None:
        return Address(url, "file", "")
    scheme, authority = (
        (full["scheme"].lower(), full["authority"]) if full else ("ssh", scp["authority"] if scp else "")
    )
    host = authority.rpartition("@")[2]
    host = re.sub(r":\d*\Z", "", host) if full else host
    if authority.startswith("-") or host.strip("[]").startswith("-"):
        raise UsageError(f"the host {clean(host)!r:.200} begins with a hyphen: ssh would take it for an option")
    return Address(url, _ALIASES.get(scheme, scheme), host)


def allowed_protocols(config: GitConfig, env: Mapping[str, str], scheme: str) -> set[str]:
    """Return the protocols that may be used, for ``GIT_ALLOW_PROTOCOL``.

    These are git's five; another (``ext`` runs any command) only where the user's own git configuration names it,
    and none that it forbids. The variable replaces git's own judgement of ``protocol.*``, hence this.

    Args:
        config: The git configuration (git-config, ``protocol.allow``).
        env: The environment: a ``GIT_ALLOW_PROTOCOL`` of the user's stands.
        scheme: The protocol that is asked about, beyond those that are always looked at.
    """
    given = env.get("GIT_ALLOW_PROTOCOL")
    if given is not None:
        return set(given.split(":"))
    default = config.get("protocol.allow")
    from_user = env.get("GIT_PROTOCOL_FROM_USER", "1") not in ("0", "false", "no", "off")

    def allows(name: str) -> bool:
        value = config.get(f"protocol.{name}.allow") or default or ("always" if name in _SAFE else "never")
        return value.lower() == "always" or (value.lower() == "user" and from_user)

    return {name for name in {*_SAFE, *config.subsections("protocol"), scheme} if allows(name)}


def check_remote_name(name: str) -> str:
    """Return the name of a remote, once it is known that git takes it for nothing else.

    Raises:
        UsageError: It is malformed.
    """
    if not _NAME.match(name):
        raise UsageError(f"{clean(name)!r:.200} is not the name of a remote", hint="git remote -v")
    return name


def remote_addresses(repo: Repository, remote: str, *, push: bool) -> list[Address]:
    """Return the URLs of a remote, rewritten as ``url.<base>.insteadOf`` asks, each looked at.

    Raises:
        NotFoundError: There is no such remote.
        UsageError: A URL is malformed, or of a protocol that may not be used.
    """
    check_remote_name(remote)
    config = repo.config
    urls = config.get_all(f"remote.{remote}.url")
    if not urls:
        raise NotFoundError(f"there is no remote {clean(remote)!r}", hint=f"git remote add {clean(remote)} URL")
    if push:
        urls = config.get_all(f"remote.{remote}.pushurl") or urls
    if config.keys("url."):
        urls = _rewritten(repo, remote, urls, push=push)
    addresses = [parse_url(url) for url in urls]
    for address in addresses:
        if address.scheme not in allowed_protocols(config, repo.env, address.scheme):
            raise UsageError(
                f"the remote {clean(remote)!r} is reached by {clean(address.scheme)!r}, a protocol that is not allowed",
                hint=f"if you trust it: git config --global protocol.{clean(address.scheme)}.allow user",
            )
    return addresses


def _rewritten(repo: Repository, remote: str, urls: list[str], *, push: bool) -> list[str]:
    if repo.git is None:
        raise GitError("url.<base>.insteadOf is set, and only the git program rewrites URLs", hint="install git")
    asked = ["remote", "get-url", "--all", *(["--push"] if push else []), "--end-of-options", remote]
    return repo.git.run(asked, git_dir=repo.paths.git_dir).decode("utf-8", "surrogateescape").splitlines() or urls
