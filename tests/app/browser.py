"""A real browser, and the dashboard's server with a script of one's own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any

import pytest

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
WEBGL = ["--use-gl=swiftshader", "--enable-unsafe-swiftshader"]
"""Without a graphics card, what needs WebGL is drawn by the processor."""

_SERVE = """
import sys
from pathlib import Path
from gtrack._app.options import Options
from gtrack._app.server import serve
path, script, read_only = sys.argv[1:]
try:
    serve(Options(path, read_only == "True"), port=0, browser=False, script=Path(script),
          started=lambda url: print(url, flush=True))
except KeyboardInterrupt:
    pass
"""


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := which(name))), None)
    if found is None:
        pytest.skip("there is no Chromium")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """A started Chromium, as playwright's Browser; one a module, as its loop would be in the way of other tests'."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", *WEBGL])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    """A context of the browser that all tests share, so that Streamlit's own code is loaded once."""
    made = browser.new_context()
    yield made
    made.close()


def serve_command(script: Path, path: str = ".", read_only: bool = False) -> list[str]:
    """Return the command line that serves a script, and prints its address."""
    return [sys.executable, "-c", _SERVE, path, str(script), str(read_only)]


@contextmanager
def serving(script: Path, *, path: str = ".", read_only: bool = False, **env: str) -> Iterator[str]:
    """Serve a Streamlit script as the dashboard, in a process of its own; yield its address.

    Args:
        script: The script.
        path: The repository.
        read_only: As ``gtrack ui --read-only``.
        env: More of the environment.
    """
    process = subprocess.Popen(
        serve_command(script, path, read_only),
        env={**os.environ, "PYTHONPATH": SOURCE, **env},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, "the server did not start"
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@contextmanager
def opened(context: Any, url: str, *, width: int = 1200, height: int = 800, dark: bool = False) -> Iterator[Any]:
    """Open a page; at the end, nothing may have been complained about on its console.

    Args:
        context: The browser's context.
        url: What to open.
        width: Of the window, in pixels.
        height: Of the window, in pixels.
        dark: The system's colours are dark.
    """
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if _is_complaint(message) else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
    try:
        page.goto(url)
        yield page
        assert said == []
    finally:
        page.close()


def _is_complaint(message: Any) -> bool:
    # Opened at the address of a page, Streamlit's client asks below it first where the server is.
    looks_for_server = re.search(r"//[^/]+/\w+/_stcore/", message.location.get("url", ""))
    return message.type == "error" and not looks_for_server


def until(page: Any, expression: str, timeout: float = 30.0) -> None:
    """Wait until a JavaScript expression is true.

    playwright's own wait_for_function is refused by the page's Content-Security-Policy.
    """
    end = time.monotonic() + timeout
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(20)
