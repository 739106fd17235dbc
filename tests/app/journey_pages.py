"""Every page of the dashboard, opened until it has what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from browser import opened, until

_DRAWN = "document.querySelectorAll('.gtrack-panel[data-state=drawn]').length > 0"
_TABLE = "document.querySelector('[data-testid=stDataFrame] canvas [role=gridcell]') !== null"
_HTML = "document.querySelector('table td') !== null"
_IMAGE = "document.querySelector('[role=tabpanel] img')?.naturalWidth > 0"
_FORM = "document.querySelector('[data-testid=stForm] textarea') !== null"
_SECTIONS = "document.querySelectorAll('h3').length > 1"
_FOUR = "&".join(f"runs=name:churn-{number}" for number in (5, 4, 3, 2))

PAGES = {
    "runs": ("", _TABLE),
    "charts": ("charts", _DRAWN),
    "compare": (f"compare?{_FOUR}", _HTML),
    "compare-parallel": (f"compare?part=parallel&{_FOUR}", _DRAWN),
    "run": ("run?id=name:churn-4", _TABLE),
    "run-artifacts": ("run?id=name:churn-4&tab=Artifacts", _IMAGE),
    "run-code": ("run?id=name:churn-4&tab=Code", _TABLE),
    "leaderboard": ("leaderboard?experiment=churn", _TABLE),
    "models": ("models", _TABLE),
    "model": ("models?model=churn", _TABLE),
    "model-change": ("models?model=churn&version=2&tab=Change", _FORM),
    "model-compare": ("models?model=churn&version=2&tab=Compare", _HTML),
    "model-lineage": ("models?model=churn&version=2&tab=Lineage", _SECTIONS),
    "history": ("history", _DRAWN),
    "reports": ("reports", _HTML),
    "health": ("health", _SECTIONS),
}
"""The address of each, and what is true once it is drawn."""
_QUIET = """document.querySelector('[data-testid=stStatusWidget]') === null
    && document.querySelector('[data-stale=true]') === null
    && document.querySelector('[data-testid=stSkeleton]') === null
    && [...document.querySelectorAll('.gtrack-panel')].every(panel =>
        panel.dataset.state === 'drawn' || panel.getBoundingClientRect().top > innerHeight)"""


@contextmanager
def opened_page(context: Any, server: str, name: str, **options: Any) -> Iterator[Any]:
    """Open a page, and wait until all of it is drawn.

    Args:
        context: The browser's context.
        server: The address of the server.
        name: One of PAGES.
        options: Of :func:`browser.opened`.
    """
    address, condition = PAGES[name]
    with opened(context, f"{server}/{address}", **options) as page:
        until(page, condition)
        until(page, _QUIET)
        yield page
