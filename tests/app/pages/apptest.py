"""Pages of the dashboard without a browser: Streamlit's own test of an app, on a real repository."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

import gtrack
from gtrack._app.options import Options, use
from gtrack._app.reading import forget
from gtrack.ops.edit import rename

HOSTILE = (
    "<script>alert(1)</script>",
    "**bold** [link](javascript:alert(1)) ![x](https://evil.example/x.png)",
    "x" * 10_000,
    "\x1b[2J\x00\u202e:material/delete: $x^2$ :red[y]",
)
"""Names and texts that somebody wrote to do harm."""


def make_repository(path: Path) -> Path:
    """Make a git repository with one commit."""
    path.mkdir(parents=True)
    (path / "train.py").write_text("print('training')\n")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run(["git", "-C", str(path), *command], check=True)
    return path


def record(path: Path, metrics: Mapping[str, Any] | None = None, **settings: Any) -> str:
    """Record a run with a short curve, and return its id.

    Args:
        path: The repository.
        metrics: Further values of every step.
        settings: What ``start_run`` is told.
    """
    with contextlib.chdir(path), gtrack.start_run(**{"system_metrics": False, **settings}) as run:
        for step in range(3):
            run.log({"loss": 1.0 / (step + 1), "val_auc": 0.8 + 0.05 * step, **(metrics or {})}, step=step)
        return run.id


def record_hostile(path: Path) -> list[str]:
    """Record a run for each hostile text, which it has wherever a text can be, and return their ids."""
    ids = []
    for text in HOSTILE:
        short = text[:300]
        params, tags = {short: text, "lr": float("nan")}, {short: text}
        with (
            contextlib.chdir(path),
            gtrack.start_run(
                short, experiment=short[:60], params=params, tags=tags, notes=text, group=short, system_metrics=False
            ) as run,
        ):
            for step in range(3):
                run.log({short: float("nan"), "loss": float("inf"), "val_auc": float("nan")}, step=step)
            ids.append(run.id)
    with gtrack.Repo(str(path)) as repo:
        for run_id, text in zip(ids, HOSTILE, strict=True):
            rename(repo, repo.run(f"run:{run_id}"), text)
    return ids


def open_page(name: str, path: Path, *, read_only: bool = False, address: Mapping[str, Any] | None = None) -> AppTest:
    """Open a page of the dashboard, and return it drawn.

    Args:
        name: The page.
        path: The repository.
        read_only: Without actions.
        address: The parameters of its address.
    """
    use(Options(str(path), read_only))
    forget()
    at = AppTest.from_function(_script, kwargs={"name": name}, default_timeout=30)
    for key, value in (address or {}).items():
        at.query_params[key] = value
    return at.run()


def _script(name: str) -> None:
    """Draw one page as the shell does: Streamlit's test of an app knows no pages that are functions."""
    import streamlit as st

    from gtrack._app.parts import problem
    from gtrack._app.reading import reading
    from gtrack._app.screens import PAGES
    from gtrack.errors import GtrackError

    st.session_state["pages"] = {entry.name: st.Page(lambda: None, url_path=entry.name) for entry in PAGES}
    (entry,) = (entry for entry in PAGES if entry.name == name)
    try:
        with reading() as now:
            entry.load()(now)
    except GtrackError as error:
        problem(error)


def texts(at: AppTest) -> str:
    """Return all text that a page shows, as Markdown where it is that."""
    parts = [*at.markdown, *at.caption, *at.title, *at.header, *at.subheader, *at.code, *at.text]
    return "\n".join(str(part.value) for part in parts)


def is_whole(at: AppTest) -> bool:
    """Tell whether a page was drawn without an exception."""
    return not at.exception
