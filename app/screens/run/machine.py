"""The tab of the machine: what was measured during the run, below its loss, over one axis of time."""

from __future__ import annotations

from dataclasses import replace

from gtrack._app.charts.system import system_figure
from gtrack._app.grids import facts, figure_table
from gtrack._app.panels import panels
from gtrack._app.parts import empty_state
from gtrack._app.reading import kept
from gtrack._app.screens.run.curves import curves_of
from gtrack._app.screens.run.subject import Subject
from gtrack.display.system_use import use_in_words

__all__ = ["machine_tab"]

_ABOVE = 3


def machine_tab(subject: Subject) -> None:
    """Show the tab."""
    # What is measured comes without the run's metrics: a live run is read each time.
    key = (*subject.version, subject.now.mark if subject.run.state.live else "", "system")
    table = kept(key, subject.run.system)
    if not len(table):
        empty_state(
            "Nothing was measured",
            "The machine is measured every 5 seconds while a run lives, so very short runs have little or nothing.",
            ["git config gtrack.systemMetrics 1s    # how often; off for never"],
        )
        return
    use = kept((*key, "use"), lambda: dict(subject.run.system_use))
    (run,) = subject.drawn()
    above = [name for name in subject.main if subject.run.state.metrics[name].count > 1][:_ABOVE]
    figure = replace(system_figure(table, run, curves=curves_of(subject), metrics=above), title="")
    if subject.link["plain"]:
        figure_table(figure)
    else:
        panels([figure], key="run.system", columns=1)
    facts(list(use_in_words(use)), plain=bool(subject.link["plain"]), alt="Means and peaks")
