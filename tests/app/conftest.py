"""One browser for all tests of a module, and nothing left behind by Streamlit's own test of an app."""

import sys
from collections.abc import Iterator

import pytest
from browser import browser, chromium, context

__all__ = ["browser", "chromium", "context"]


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Streamlit runs an app as ``__main__``, which processes that are spawned later would run again."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before
