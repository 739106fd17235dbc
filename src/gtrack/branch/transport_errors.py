"""What git says when a remote does not do what it should, in words that say what to type."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gtrack.branch.transport_url import Address, without_credentials
from gtrack.errors import AuthenticationError, DamageError, GitError, GtrackError, NetworkError
from gtrack.text import clean

__all__ = ["explain", "has_no_room", "lines_of", "printable", "said_by_server"]

_MOST_LINES = 20
_MOST_CHARACTERS = 300
_PROGRESS = re.compile(r"(?:[A-Z][\w ]+: +(?:\d+% )?\(?\d+[/)., ]|Total \d+ \(delta|[A-Z][\w ]+: +\d+, done)")
_NO_ROOM = r"No space left on device|Disk quota exceeded|Read-only file system|disk quota|out of disk"


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of trouble: how git puts it, how we do, and what to type."""

    signs: str
    error: type[GtrackError]
    words: str
    hint: str

    def matches(self, text: str) -> bool:
        return re.search(self.signs, text, re.IGNORECASE) is not None


# In this order: what is special comes before what git adds to nearly every failure. {place} is the URL without
# credentials, {detail} what git or the server said. The messages are those of git 2.30 to 2.50, libcurl, OpenSSH and
# the large hosts.
_KINDS = (
    _Kind(
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|No \S+ host key is known",
        AuthenticationError,
        "the host key of {host} is not known, or has changed",
        "check it with its owner, then: git ls-remote {remote}",
    ),
    _Kind(
        r"SSL certificate|server certificate verification|certificate has expired|unable to get local issuer"
        r"|gnutls_handshake|SSL connect error|SSL_ERROR|SSL routines|no alternative certificate|SSL: ",
        NetworkError,
        "the certificate of {host} cannot be verified: {detail}",
        "git config --global http.sslCAInfo FILE names your organisation's certificate",
    ),
    _Kind(
        r"error: 403|Permission to \S+ denied|Write access to repository not granted|marked as read.only"
        r"|not allowed to (?:push|access|upload|download)|service not enabled|remote error: access denied|error: 407"
        r"|HTTP 403",
        AuthenticationError,
        "{place} does not let you do that: {detail}",
        "ask its owner for the right to write, or use other credentials",
    ),
    _Kind(
        r"Authentication failed|could not read (?:Username|Password)|terminal prompts disabled|Permission denied \("
        r"|Permission denied, please try again|error: 401|HTTP 401|HTTP Basic: Access denied|invalid credentials"
        r"|Invalid username or (?:password|token)|Too many authentication failures|unable to read askpass"
        r"|Support for password authentication was removed|supported authentication methods|user interactivity",
        AuthenticationError,
        "{place} wants to know who you are: {detail}",
        "{login}",
    ),
    _Kind(
        r"Could not resolve|unable to look up|Name or service not known|name resolution|nodename nor servname"
        r"|No address associated",
        NetworkError,
        "the name of the host {host} could not be resolved",
        "check the network, and the URL: git remote -v",
    ),
    _Kind(
        r"timed out|Timeout was reached|Operation too slow|Timeout, server",
        NetworkError,
        "{place} did not answer in time: {detail}",
        "try again when it answers",
    ),
    _Kind(
        r"Connection refused|Failed to connect|Couldn't connect|No route to host|Network is unreachable"
        r"|Host is down|unable to connect",
        NetworkError,
        "{place} cannot be reached: {detail}",
        "check the network, and the URL: git remote -v",
    ),
    _Kind(
        r"Repository not found|repository '.*' not found|not appear to be a git repository|error: 404|HTTP 404"
        r"|Could not find repository|could not be found|access denied or repository not exported"
        r"|No such project|no such repository|error: 410",
        NetworkError,
        "there is no git repository at {place}, or none for you",
        "check the URL: git remote -v",
    ),
    _Kind(
        r"error: 429|HTTP 429|rate limit|too many requests",
        NetworkError,
        "{place} asks for fewer requests: {detail}",
        "try again in some minutes",
    ),
    _Kind(
        r"error: 5\d\d|HTTP 5\d\d|Internal Server Error|Service Unavailable|Bad Gateway",
        NetworkError,
        "{place} is in trouble: {detail}",
        "try again later",
    ),
    _Kind(
        r"info/refs not valid|unexpected content|invalid server response"
        r"|bad line length character|unable to parse(?! commit)|protocol error: (?!bad pack)",
        NetworkError,
        "what answers at {place} does not speak as a git server does: {detail}",
        "check the URL: git remote -v",
    ),
    _Kind(
        r"mismatched algorithms|does not support (?:this|the repository's) (?:object format|hash)",
        GitError,
        "{place} names its objects by another hash than this repository: {detail}",
        "the remote must be made with: git init --bare --object-format=...",
    ),
    _Kind(
        r"shallow roots are not allowed|source repository is shallow|shallow update not allowed|shallow file",
        GitError,
        "{place} is a shallow clone, and not all of the branch is there: {detail}",
        "run there: git fetch --unshallow",
    ),
    _Kind(
        r"fsck error|did not send all necessary objects|missing necessary objects|is corrupt"
        r"|inflate: data stream error|SHA1 COLLISION",
        DamageError,
        "what {place} sent is damaged: {detail}",
        "run there: git fsck",
    ),
    _Kind(
        r"hung up|early EOF|unable to parse commit|unexpected disconnect|RPC failed|Connection reset|Broken pipe"
        r"|Connection closed|kex_exchange_identification|outstanding read data|Empty reply|Recv failure"
        r"|Send failure|curl \d+"
        r"|index-pack failed|invalid index-pack output|failed to report status|read error|write error|bad pack header"
        r"|expected flush after ref listing|expected 'packfile'|expected response|Could not read from remote repository"
        r"|remote-\w+' died|unexpected EOF|unexpectedly closed|unable to rewind|client_loop: send disconnect"
        r"|Connection broken|Connection aborted|IncompleteRead",
        NetworkError,
        "the connection to {place} broke off",
        "{again}",
    ),
)
_AGAIN = {
    "push": "what was sent is sent again: gtrack push",
    "fetch": "gtrack pull fetches again",
    "ls-remote": "try again",
}


def explain(command: str, remote: str, address: Address, stderr: str) -> GtrackError | None:
    """Return the error for a git process that failed at a remote, or None when git says nothing we know.

    Args:
        command: ``push``, ``fetch`` or ``ls-remote``.
        remote: The remote's name.
        address: The URL that was used.
        stderr: What git and its helpers wrote.
    """
    lines = lines_of(stderr, address)
    if full := has_no_room(lines, remotely=command == "push"):
        return NetworkError(
            f"{address.shown} could not store the objects: {full}", hint="make room there, then: gtrack push"
        )
    if has_no_room(lines, remotely=True):
        return None  # Our own disk: what git says of the remote after that is the consequence.
    text = "\n".join(lines)
    kind = next((kind for kind in _KINDS if kind.matches(text)), None)
    if kind is None:
        return None
    facts = {
        "place": address.shown,
        "host": clean(address.host) or address.shown,
        "remote": remote,
        "detail": _detail(kind, lines),
        "login": _login(remote, address),
        "again": _AGAIN[command],
    }
    return kind.error(kind.words.format_map(facts), hint=kind.hint.format_map(facts))


def lines_of(stderr: str, address: Address) -> list[str]:
    """Return what git printed, line by line: progress, credentials and control characters left out."""
    lines = [printable(raw.strip(), address) for raw in re.split(r"[\r\n]+", stderr)]
    return [line for line in lines if line and not _PROGRESS.match(line.removeprefix("remote: "))]


def printable(text: str, address: Address) -> str:
    """Return one line without credentials and control characters."""
    for secret in address.secrets:
        text = text.replace(secret, "***")
    return clean(without_credentials(text).replace("\t", " "))


def said_by_server(lines: Iterable[str]) -> tuple[str, ...]:
    """Return what the server itself printed, without git's prefix, cut to a screenful."""
    said = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    return tuple(line[:_MOST_CHARACTERS] for line in said if line)[:_MOST_LINES]


def has_no_room(lines: Iterable[str], *, remotely: bool) -> str | None:
    """Return the line that says that the server's disk is full or read-only, or None.

    Args:
        lines: What was printed.
        remotely: What was printed without naming its origin is the server's, as in a push.
    """
    for line in lines:
        if re.search(_NO_ROOM, line, re.IGNORECASE) and (remotely or line.startswith("remote:")):
            return _plain(line)
    return None


def _detail(kind: _Kind, lines: list[str]) -> str:
    """Return the line that told: the server's own before git's."""
    telling = [line for line in lines if kind.matches(line)] or lines
    servers = [line for line in telling if line.startswith(("remote: ", "ERROR: "))]
    return _plain(servers[0] if servers else telling[-1])


def _plain(line: str) -> str:
    return re.sub(r"\A(?:(?:remote|fatal|error|ssh):\s*|unable to access '[^']*':\s*)+", "", line, flags=re.I)[
        :_MOST_CHARACTERS
    ]


def _login(remote: str, address: Address) -> str:
    if address.scheme == "ssh":
        return f"load the key that it knows (ssh-add), then check: git ls-remote {remote}"
    return f"set a credential helper (git config --global credential.helper cache), then log in: git ls-remote {remote}"
