"""A visit to a dashboard in a real Chromium, with a stopwatch: ``python dashboard_tour.py OPTIONS``.

Starts the dashboard's server, lets a first visitor come, then others, and has the last one do what people do; prints
the seconds of everything and the memory of the server's processes after it. The browser is running before anything is
measured, and every visitor has a fresh profile, without anything in its cache.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import IO, Any

import psutil

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = ("--no-sandbox", "--use-gl=swiftshader", "--enable-unsafe-swiftshader")
_STEP = 0.01
_PATIENCE = 120.0
_SIZE = {"width": 1440, "height": 1000}


class Server:
    """A dashboard's server, in this process's own session: Ctrl-C ends it too.

    Args:
        argv: Its command line.
        cwd: Where it is started.
        log: Where its output goes.
    """

    def __init__(self, argv: Sequence[str], cwd: str, log: IO[bytes]) -> None:
        self.process = subprocess.Popen(argv, cwd=cwd, stdout=log, stderr=log)

    def until_ready(self, url: str) -> float:
        """Wait until it answers, and return the seconds."""
        began = time.perf_counter()
        while True:
            try:
                with urllib.request.urlopen(url, timeout=10):
                    return time.perf_counter() - began
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, "the server ended"
                assert time.perf_counter() - began < _PATIENCE, "the server does not answer"
                time.sleep(_STEP)

    def resident(self) -> float:
        """Return the MiB that it and its children have resident."""
        total = 0
        for process in (root := psutil.Process(self.process.pid), *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total / 2**20

    def stop(self) -> None:
        """End it, and its children."""
        if self.process.poll() is None:
            root = psutil.Process(self.process.pid)
            family = [root, *root.children(recursive=True)]
            self.process.send_signal(signal.SIGINT)
            for process in psutil.wait_procs(family, timeout=5)[1]:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        self.process.wait()


class Visit:
    """What somebody does in a browser, measured.

    Args:
        page: The tab, as playwright's Page.
        url: The dashboard's address.
        measured: Where the figures go.
        resident: Tells the server's memory.
        known: What else a tour has to know.
    """

    def __init__(
        self,
        page: Any,
        url: str,
        measured: dict[str, list[float]],
        resident: Callable[[], float],
        known: Mapping[str, Any],
    ) -> None:
        self.page, self.url, self.known = page, url, known
        self._measured, self._resident = measured, resident

    def until(self, expression: str, argument: object = None) -> Any:
        """Wait until a JavaScript expression is true, and return it.

        playwright's own wait_for_function is refused by a Content-Security-Policy.
        """
        end = time.perf_counter() + _PATIENCE
        while not (found := self.page.evaluate(expression, argument)):
            if time.perf_counter() > end:
                raise TimeoutError(f"not so after {_PATIENCE:.0f} s: {' '.join(expression.split())}")
            time.sleep(_STEP)
        return found

    @contextlib.contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Measure what is done inside, and the server's memory after it."""
        began = time.perf_counter()
        yield
        self._measured.setdefault(what, []).append(time.perf_counter() - began)
        self._measured.setdefault(f"{what} MiB", []).append(self._resident())


def chromium() -> str | None:
    """Return the path of a Chromium, if there is one."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def main(tour: str, argv: Sequence[str], folder: str, url: str, visitors: int, known: Mapping[str, Any]) -> None:
    """Make a tour.

    Args:
        tour: The module that knows the dashboard: ``dashboard_<tour>``.
        argv: The command line of its server.
        folder: Where that is started.
        url: Its address.
        visitors: How many come after the first.
        known: What the tour has to know.
    """
    from playwright.sync_api import sync_playwright

    guide = import_module(f"dashboard_{tour}")
    measured: dict[str, list[float]] = {}
    with tempfile.TemporaryFile() as log, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(_FLAGS))
        server = Server(argv, folder, log)
        try:
            measured["ready"] = [server.until_ready(url)]
            measured["ready MiB"] = [server.resident()]
            for number in range(1 + visitors):
                context = browser.new_context(viewport=_SIZE)
                visit = Visit(context.new_page(), url, measured, server.resident, known)
                try:
                    with visit.timed("first" if number == 0 else "again"):
                        guide.arrive(visit)
                    if number == visitors:
                        guide.stay(visit)
                except TimeoutError as error:
                    # What a dashboard never shows is a figure too.
                    _keep_evidence(visit, log)
                    print(json.dumps({"never": str(error)}))
                    return
                except BaseException:
                    _keep_evidence(visit, log)
                    raise
                context.close()
        finally:
            server.stop()
            browser.close()
    print(json.dumps(measured))


def _keep_evidence(visit: Visit, log: IO[bytes]) -> None:
    """Show what the browser and the server said last: stderr is shown where a tour fails."""
    with contextlib.suppress(Exception):
        sys.stderr.write(f"{visit.page.url}\n{visit.page.evaluate('document.body.innerText')[-2000:]}\n")
        visit.page.screenshot(path=os.path.join(tempfile.gettempdir(), "gtrack-bench-dashboard.png"), timeout=5000)
    log.seek(0)
    sys.stderr.write(log.read()[-4000:].decode(errors="replace"))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
