"""``gtrack ui``: the dashboard, in a browser."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.terminal import write
from gtrack.text import clean

__all__ = ["command"]


@declare(
    "ui",
    examples=[
        "gtrack ui",
        "gtrack ui --read-only",
        "gtrack ui --no-browser --port 9000",
        "gtrack ui --no-browser --read-only --name gtrack.example.org",
    ],
)
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), help="The port; by default a free one from 8501.")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--name",
    "names",
    metavar="NAME",
    multiple=True,
    help="A name that it answers to, such as that of a proxy in front (repeatable).",
)
@click.option("--read-only", is_flag=True, help="Let nobody change anything.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.pass_obj
def command(
    invocation: Invocation, *, port: int | None, host: str, names: tuple[str, ...], read_only: bool, no_browser: bool
) -> None:
    """Open the dashboard in a browser.

    It shows this repository's runs until Ctrl-C, to this machine alone unless --host names another address. On a
    machine elsewhere, start it there with --no-browser and reach it with: ssh -L 8501:localhost:8501 MACHINE
    """
    from gtrack._app.options import Options
    from gtrack._app.server import serve
    from gtrack._app.server_guard import is_loopback

    with invocation.repository() as repo:
        options = Options(path=repo.root, read_only=read_only)
    reached = [*(() if is_loopback(host) else (host,)), *names]
    if reached:
        others = "read everything" if read_only else "read everything and change it in your name"
        write(sys.stderr, f"gtrack: everybody who can reach {' or '.join(map(clean, reached))} can {others}\n")

    def started(url: str) -> None:
        invocation.notice(f"gtrack: the dashboard is at {url}\n  Ctrl-C ends it")

    try:
        opens = not no_browser and _has_screen(invocation.env)
        serve(options, host=host, names=names, port=port, browser=opens, started=started)
    except KeyboardInterrupt:
        return


def _has_screen(env: Mapping[str, str]) -> bool:
    """Return whether a browser can show itself: without a screen, one that runs in the terminal would take it over."""
    return sys.platform == "darwin" or any(env.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"))
