"""What is done in MLflow's dashboard: a table, a filter, a run."""

from __future__ import annotations

from dashboard_tour import Visit

_SHOWN = "names => names.every(name => document.body.innerText.includes(name))"
_FIRST = "name => [...document.querySelectorAll('[row-index=\"0\"]')].some(row => row.innerText.includes(name))"


def arrive(visit: Visit) -> None:
    """Open the experiment's runs, the newest of which are a table."""
    visit.page.goto(f"{visit.url}/#/experiments/1/runs")
    visit.until(_FIRST, visit.known["newest"])


def stay(visit: Visit) -> None:
    """Do what one does there."""
    line = visit.page.locator("input[placeholder*='metrics.rmse']").first
    for where, name in visit.known["filters"]:
        line.fill(where)
        with visit.timed("filter"):
            line.press("Enter")
            visit.until(_FIRST, name)
    name, run_id = visit.known["open"]
    with visit.timed("open"):
        visit.page.get_by_text(name, exact=True).first.click()
        visit.until(_SHOWN, [run_id, "val_auc"])
