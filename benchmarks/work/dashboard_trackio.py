"""What is done in trackio's dashboard: a table of runs. Its first page draws the curves of all of them, at once."""

from __future__ import annotations

from dashboard_tour import Visit


def arrive(visit: Visit) -> None:
    """Open the page of runs."""
    visit.page.goto(f"{visit.url}/runs?project=churn")
    visit.until("() => document.querySelectorAll('tbody tr').length >= 5")


def stay(visit: Visit) -> None:
    """Do what one does there: it has no search for runs."""
