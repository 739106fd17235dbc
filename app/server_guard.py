"""What stands before every request: whose it is, and what the page that it brings may do.

A page of another site cannot read from a server of this machine, unless it gets a name of its own to mean this machine
(DNS rebinding), so only names that are ours are answered; and it may open a websocket to wherever it likes, so a
request that says which page it comes from has to come from ours.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gtrack.errors import UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "is_loopback", "name_of", "names_of", "policy"]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_WILDCARD = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, not bound to
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def names_of(host: str) -> frozenset[str] | None:
    """Return the names that a server listening on ``host`` answers to.

    Any port is right: through a tunnel (``ssh -L 9000:localhost:8501``) it is the tunnel's, and a stranger's page
    cannot choose the name.

    Returns:
        The names in lower case; None where the server listens on every address: IP addresses and this machine's name.
    """
    return None if host in _WILDCARD else _LOOPBACK | {host.strip("[]").lower()}


def name_of(text: str) -> str:
    """Return a further name that a server is to answer to, as browsers send it.

    Raises:
        UsageError: It is not the name of a machine.

    Example:
        >>> name_of("GTrack.example.org.")
        'gtrack.example.org'
    """
    name = text.strip().rstrip(".").lower()
    if not name.isascii():
        with contextlib.suppress(UnicodeError):
            name = name.encode("idna").decode()
    if not _NAME.fullmatch(name):
        raise UsageError(f"{text!r:.80} is not the name of a machine", hint="gtrack ui --name gtrack.example.org")
    return name


@functools.lru_cache(maxsize=64)
def policy(host: str) -> str:
    """Return the Content-Security-Policy of pages that are asked for under ``host``: nothing from anywhere else.

    Streamlit's styles are inline, and it starts a component's script from a blob. What plotly.js draws with WebGL
    (parallel coordinates, scatter matrices) it compiles at run time, which needs ``unsafe-eval``.
    """
    hashes = " ".join(f"'sha256-{digest}'" for digest in _inline_scripts())
    rules = {
        "default-src": "'self'",
        "script-src": f"'self' blob: 'unsafe-eval' {hashes}".rstrip(),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": f"'self' ws://{host} wss://{host}",
        "worker-src": "'self' blob:",
        "frame-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


@functools.cache
def _inline_scripts() -> tuple[str, ...]:
    """Return the digests of the scripts within Streamlit's own page."""
    import streamlit

    page = Path(streamlit.__file__).parent / "static" / "index.html"
    scripts: Iterable[str] = _INLINE_SCRIPT.findall(page.read_text("utf-8")) if page.is_file() else ()
    return tuple(base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)


class Guard:
    """ASGI middleware that refuses strangers' requests and says what a page may do.

    Args:
        app: What is guarded.
        names: The names that the server answers to, as :func:`names_of` returns them.
        own: This machine's names, for a server that listens on every address.
        more: Names that it answers to besides, as :func:`name_of` returns them.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        names: frozenset[str] | None,
        own: frozenset[str] = frozenset(),
        more: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._names = None if names is None else names | more
        self._own = _LOOPBACK | own | more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if not self._is_ours(host):
            await _refuse(scope, send, 421, "This server does not answer to that name.")
        elif not _is_same_origin(scope, headers.get(b"origin"), host):
            await _refuse(scope, send, 403, "This request comes from another site.")
        else:
            await self._app(scope, receive, _with_headers(send, host) if scope["type"] == "http" else send)

    def _is_ours(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name, _ = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return False
        if not name or parts.netloc != host or "@" in host:
            return False
        if self._names is not None:
            return name in self._names
        return name in self._own or _is_address(name)


def _is_address(name: str) -> bool:
    """Return whether a name is an IP address: nobody can make such a name mean another machine."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_origin(scope: Scope, origin: str | None, host: str) -> bool:
    """Return whether a request that changes something, or opens a websocket, comes from a page of ours.

    Streamlit itself lets pages of every port of this machine open one. Programs send no origin.
    """
    if origin is None or (scope["type"] == "http" and scope["method"] in _SAFE_METHODS):
        return True
    return urlsplit(origin).netloc == host


def _with_headers(send: Send, host: str) -> Send:
    added = [
        (b"content-security-policy", policy(host).encode()),
        (b"x-frame-options", b"DENY"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    ]
    replaced = {name for name, _ in added}

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in replaced]
            message = {**message, "headers": kept + added}
        await send(message)

    return sending


async def _refuse(scope: Scope, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})  # before it is accepted: an answer of 403
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode() + b"\n"})
