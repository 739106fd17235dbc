"""The dashboard's server: Streamlit's own, on loopback unless told otherwise, with a guard and the panels' files."""

from __future__ import annotations

import errno
import gzip
import importlib
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gtrack._app.assets import Asset, assets, plotly_url
from gtrack._app.options import Options, use
from gtrack._app.server_guard import Guard, name_of, names_of
from gtrack._app.server_settings import settings
from gtrack.errors import ConflictError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["HOST", "PORT", "SCRIPT", "free_port", "serve", "url_of"]

HOST = "127.0.0.1"
PORT = 8501
SCRIPT = Path(__file__).parent / "main.py"
_TRIED = 100
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


def serve(
    options: Options,
    *,
    host: str = HOST,
    names: Iterable[str] = (),
    port: int | None = None,
    browser: bool = True,
    started: Callable[[str], None] | None = None,
    script: Path = SCRIPT,
) -> None:
    """Serve the dashboard until somebody interrupts it.

    Args:
        options: What the pages show.
        host: The address to listen on.
        names: Names that it answers to besides that address, such as that of a proxy in front.
        port: The port to listen on; by default the first free one from 8501 on.
        browser: Open it in the user's browser, if there is one.
        started: Called with the dashboard's address as soon as it answers.
        script: The Streamlit script.

    Raises:
        MissingExtraError: Streamlit or plotly is not installed.
        ConflictError: The port is in use.
        UsageError: This machine has no such address, the port is not for everybody, or a name is none.
    """
    try:
        from starlette.middleware import Middleware
        from streamlit import config
        from streamlit.starlette import App
    except ImportError:
        raise MissingExtraError("streamlit", "ui") from None
    plotly_url()  # that it is missing is said before anything starts
    more = frozenset(map(name_of, names))
    port = free_port(host, port)
    use(options)

    @asynccontextmanager
    async def living(_: App) -> AsyncIterator[None]:
        _announce(url_of(host, port, secure=bool(config.get_option("server.sslCertFile"))), browser, started)
        yield

    own = frozenset({socket.gethostname().lower()})
    guard = Middleware(Guard, names=names_of(host), own=own, more=more)
    app = App(script, lifespan=living, routes=_routes(), middleware=[guard])
    with _as_script(script):
        app.run(config=settings(host, port))


def url_of(host: str, port: int, *, secure: bool = False) -> str:
    """Return the address to type into a browser."""
    shown = "localhost" if host in ("0.0.0.0", "::", HOST) else host  # noqa: S104
    scheme = "https" if secure else "http"
    return f"{scheme}://{f'[{shown}]' if ':' in shown else shown}:{port}"


def free_port(host: str, port: int | None) -> int:
    """Return the port to listen on.

    Args:
        host: The address to listen on.
        port: The port that was asked for, if any: no other will do.

    Raises:
        ConflictError: It is in use.
        UsageError: It cannot be had.
    """
    for candidate in range(PORT, PORT + _TRIED) if port is None else (port,):
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, candidate))
                probe.listen(1)
                chosen: int = probe.getsockname()[1]
                return chosen
        except socket.gaierror:
            raise UsageError(f"there is no machine {host!r:.80}", hint="gtrack ui --host 127.0.0.1") from None
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                text = f"{host:.80} is not an address of this machine"
                raise UsageError(text, hint="gtrack ui --host 127.0.0.1") from None
            if error.errno == errno.EACCES and port is not None:
                raise UsageError(f"port {port} is not for everybody", hint=f"gtrack ui --port {PORT}") from None
    if port is None:
        raise ConflictError(f"ports {PORT} to {PORT + _TRIED - 1} are in use", hint="gtrack ui --port 0")
    raise ConflictError(f"port {port} is in use", hint="gtrack ui --port 0 takes a free one")


def _announce(url: str, browser: bool, started: Callable[[str], None] | None) -> None:
    """Say where the dashboard is, and do what can wait until it answers."""
    if started is not None:
        started(url)
    threading.Thread(target=_warm_up, daemon=True).start()
    if browser:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _warm_up() -> None:
    """Load what the first visitor needs while the browser still loads Streamlit's page: half a second of imports."""
    from gtrack._app.screens import PAGES

    for name in ("pandas", "gtrack._app.shell"):  # the first is what Streamlit imports with its first table
        importlib.import_module(name)
    PAGES[0].load()
    _compressed(assets()[plotly_url()].path)


def _routes() -> list[BaseRoute]:
    """Return a route for each file that the browser may have, which are all known beforehand."""
    from starlette.routing import Route

    return [Route(url, _sender(asset), methods=["GET"]) for url, asset in assets().items()]


def _sender(asset: Asset) -> Callable[[Request], Any]:
    def send(request: Request) -> Response:
        from starlette.responses import FileResponse, Response

        if "gzip" not in request.headers.get("accept-encoding", ""):
            return FileResponse(asset.path, media_type=asset.media_type, headers=_FOREVER)
        headers = {**_FOREVER, "Content-Encoding": "gzip"}
        return Response(_compressed(asset.path), media_type=asset.media_type, headers=headers)

    return send


_compressing = threading.Lock()
_kept: dict[Path, bytes] = {}


def _compressed(path: Path) -> bytes:
    """Return a file's bytes compressed, which takes a quarter of a second for plotly.js and is done once."""
    with _compressing:
        if path not in _kept:
            _kept[path] = gzip.compress(path.read_bytes(), 6, mtime=0)
        return _kept[path]


@contextmanager
def _as_script(script: Path) -> Iterator[None]:
    """Let Streamlit take its script for the program: it would look beside ``gtrack`` for settings and modules."""
    before = sys.argv, sys.path[:]
    sys.argv = [str(script)]
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before
