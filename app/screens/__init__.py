"""The pages of the dashboard, a package each.

The folder is not called pages: Streamlit would take its files for an app of its older layout.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from gtrack._app.reading import Reading

__all__ = ["PAGES", "PageEntry"]


@dataclass(frozen=True, slots=True)
class PageEntry:
    """A page, before its module is imported.

    Attributes:
        name: What stands in the address, and the name of the package whose ``page`` draws it.
        title: What stands in the navigation.
        icon: One of Streamlit's.
        hidden: It is reached from other pages only.
    """

    name: str
    title: str
    icon: str
    hidden: bool = False

    def load(self) -> Callable[[Reading], None]:
        """Import the page and return the function that draws it."""
        module = importlib.import_module(f"gtrack._app.screens.{self.name}.page")
        return cast("Callable[[Reading], None]", module.page)


PAGES = (
    PageEntry("runs", "Runs", ":material/table_rows:"),
    PageEntry("charts", "Charts", ":material/show_chart:"),
    PageEntry("compare", "Compare", ":material/compare_arrows:"),
    PageEntry("run", "Run", ":material/play_circle:"),
    PageEntry("leaderboard", "Leaderboard", ":material/leaderboard:"),
    PageEntry("models", "Models", ":material/deployed_code:"),
    PageEntry("history", "History", ":material/commit:"),
    PageEntry("reports", "Reports", ":material/article:"),
    PageEntry("health", "Health", ":material/monitor_heart:"),
)
"""Every page, in the order of the navigation; the first one is shown where the address names none."""
