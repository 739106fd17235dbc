"""Ten people look at the dashboard for two minutes while four trainings log: nothing fails, and no memory piles up."""

from __future__ import annotations

import contextlib
import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import pytest
from browser import SOURCE, serve_command

import gtrack
from gtrack._app import server

SECONDS = 120
WINDOW = 15
"""Seconds over which memory is looked at, before the first minute is over and at the end."""
GROWTH = 1.2
START = 8
"""Seconds in which all pages are opened."""
VISITS = (
    "/",
    "/charts",
    "/compare?runs={0}&runs={1}",
    "/run?id={0}",
    "/leaderboard",
    "/history",
    "/reports",
    "/health",
    "/?where=metrics.loss+%3C+0.5",
    "/run?id={1}&tab=Charts",
)

TRAINING = """
import sys, time
import gtrack
end, worker, number = time.time() + float(sys.argv[1]), sys.argv[2], 0
while time.time() < end:
    with gtrack.start_run(params={"lr": 0.1 / (number + 1), "worker": worker}) as run:
        for step in range(200):
            run.log({"loss": 1 / (step + 1), "val/accuracy": step / 200, "val/loss": 1 / (step + 2)}, step=step)
            time.sleep(0.05)
            if time.time() > end:
                break
    number += 1
"""


@dataclass
class Watched:
    """What ten visitors saw."""

    memory: list[tuple[float, float]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def around(self, moment: float) -> float:
        """Return the MiB that the server had resident in the seconds before a moment."""
        return median(size for at, size in self.memory if moment - WINDOW <= at <= moment)


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, list[str]]:
    """A repository with some ended runs, and their ids."""
    path = tmp_path / "repo"
    path.mkdir()
    (path / "train.py").write_text("print('training')\n")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run(["git", "-C", str(path), *command], check=True)
    ids = []
    with contextlib.chdir(path):
        for number in range(12):
            with gtrack.start_run(params={"lr": 0.1 / (number + 1)}, system_metrics=False) as run:
                for step in range(2000):
                    run.log({"loss": 1 / (step + 1 + number), "val/accuracy": step / 2000}, step=step)
                ids.append(run.id)
    return path, ids


@contextlib.contextmanager
def started(argv: list[str], cwd: Path, log: Path, **settings: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a process that is ended at the end; what it says on stderr is in a file."""
    with log.open("ab") as file:
        process = subprocess.Popen(argv, cwd=cwd, stderr=file, text=True, **settings)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def watch(browser: Any, visits: list[str], resident: Callable[[], float], seconds: float) -> Watched:
    """Let each visitor look at a page; one after the other they act, and go from page to page."""
    seen = Watched()
    with contextlib.ExitStack() as stack:
        pages = []
        for number in range(len(visits)):
            context = stack.enter_context(browser.new_context(viewport={"width": 1000, "height": 700}))
            page = context.new_page()
            page.on("console", lambda said, n=number: complaint(seen, n, f"{said.text} {said.location}", said.type))
            page.on("pageerror", lambda error, n=number: complaint(seen, n, str(error)))
            page.goto(visits[number], wait_until="commit", timeout=90_000)
            pages.append(page)
        began = time.monotonic()
        for turn in itertools.count():
            now = time.monotonic() - began
            if now > seconds:
                break
            seen.memory.append((now, resident()))
            number = turn % len(pages)
            if turn >= len(pages):
                seen.wrong += trouble(pages[number], number)
                act(pages[number], turn // len(pages), visits[(number + turn // len(pages)) % len(visits)])
            pages[number].wait_for_timeout(500)
        for number, page in enumerate(pages):
            seen.wrong += trouble(page, number)
    return seen


def act(page: Any, number: int, elsewhere: str) -> None:
    """Do something: scroll, or go to another page within the session, or come anew."""
    if number % 4 == 1:
        page.goto(elsewhere, wait_until="commit", timeout=90_000)
    elif number % 4 == 3:
        with contextlib.suppress(Exception):  # while the page is on its way, there is no such link yet
            page.locator("[data-testid=stSidebarNavLink]").nth(number % 8).click(timeout=500)
    else:
        page.mouse.wheel(0, 400 if number % 2 else -400)


def complaint(seen: Watched, number: int, text: str, kind: str = "error") -> None:
    """Note an error of a page's console; Streamlit's own looking for the server's root, page by page, is none."""
    if kind == "error" and "/_stcore/" not in text:
        seen.wrong.append(f"{number}: {text}")


def trouble(page: Any, number: int) -> list[str]:
    """Return the exceptions and errors that a page shows."""
    selector = "[data-testid=stException], [data-testid=stAlertContentError], [data-testid=stConnectionStatus]"
    shown = f"[...document.querySelectorAll('{selector}')].map(node => node.textContent)"
    return [f"{number} ({page.url}): {text}" for text in page.evaluate(shown)]


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_ten_visitors_see_no_error_and_memory_stays_while_four_trainings_log(
    browser: Any, repository: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, ids = repository
    monkeypatch.setenv("PYTHONPATH", SOURCE)
    said, trained = tmp_path / "server.txt", tmp_path / "trainings.txt"
    command = serve_command(server.SCRIPT, str(path))
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(started(command, path, said, stdout=subprocess.PIPE))
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        trainings = [
            stack.enter_context(
                started([sys.executable, "-c", TRAINING, str(SECONDS + START), str(worker)], path, trained)
            )
            for worker in range(4)
        ]
        visits = [url + visit.format(*ids) for visit in VISITS]
        resident = psutil.Process(process.pid)
        seen = watch(browser, visits, lambda: resident.memory_info().rss / 2**20, SECONDS)
        ends = [training.wait(60) for training in trainings]
        process.stdout.close()
    minute, end = seen.around(SECONDS / 2), seen.around(SECONDS)
    print(f"resident after a minute {minute:.0f} MiB, at the end {end:.0f} MiB: {end / minute:.2f}x")
    assert seen.wrong == []
    assert ends == [0] * 4, trained.read_text()
    assert "Traceback" not in said.read_text(), said.read_text()[-4000:]
    assert end <= GROWTH * minute
