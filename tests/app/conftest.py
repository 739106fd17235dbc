"""One browser for all tests of the dashboard."""

from browser import browser, chromium, context

__all__ = ["browser", "chromium", "context"]
