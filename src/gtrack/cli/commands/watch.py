"""``gtrack watch``: live runs, as they go on."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence

import click

from gtrack.cli.chart import painter
from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_run
from gtrack.cli.frames import frame
from gtrack.cli.invocation import Invocation
from gtrack.cli.numbers import Number
from gtrack.cli.options import experiment_option, metrics_option, where_option
from gtrack.cli.screen import Screen, whole_screen
from gtrack.cli.selectors import resolve
from gtrack.cli.terminal import write
from gtrack.cli.watching import Glance, Happenings, Watch
from gtrack.clock import now_ns
from gtrack.errors import GtrackError
from gtrack.text import clean

__all__ = ["command"]


@declare(
    "watch",
    examples=[
        "gtrack watch",
        "gtrack watch last -m val_loss",
        "gtrack watch --experiment churn --interval 10",
        "gtrack watch last | tee events.log",
    ],
)
@click.argument("selectors", metavar="[SELECTOR]...", nargs=-1, shell_complete=complete_run)
@where_option()
@experiment_option("Only an experiment's runs.")
@metrics_option("Show a metric, or those that a pattern such as 'val_*' names (repeatable); the first is drawn.")
@click.option(
    "--interval", metavar="SECONDS", type=Number(min=0.1, max=86_400), default=2.0, show_default=True,
    help="How often to look.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Show what there is now, and end.")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    selectors: Sequence[str],
    filter_: str | None,
    experiment: str | None,
    metrics: Sequence[str],
    interval: float,
    once: bool,
) -> None:
    """Follow live runs.

    The terminal shows the runs that are running, and those that ended in the last ten minutes, until q or Ctrl-C. Where
    the output is no terminal, each start, end and new best value is one line; with SELECTORs that ends with the runs.
    """
    with invocation.repository() as repo:
        ids = [run.id for run in resolve(repo, selectors)]
        watch = Watch(repo, ids=ids, where=filter_, experiment=experiment, metrics=metrics)
        first = watch.look(_now())
        try:
            if once:
                _once(invocation, first)
            elif invocation.terminal.interactive:
                _redraw(invocation, watch, first, interval)
            else:
                _tell(invocation, watch, first, interval, until_ended=bool(ids))
        except KeyboardInterrupt:
            return


def _now() -> int:
    return now_ns() // 1000


def _once(invocation: Invocation, glance: Glance) -> None:
    terminal = invocation.terminal
    write(sys.stdout, "".join(line + "\n" for line in frame(glance, terminal, painter(terminal, invocation.env))))


def _redraw(invocation: Invocation, watch: Watch, glance: Glance, interval: float) -> None:
    """Show one look after another until somebody has seen enough."""
    with whole_screen() as screen:
        due = time.monotonic() + interval
        _show(invocation, screen, glance, "")
        while "q" not in screen.wait(due - time.monotonic()).lower():
            trouble = ""
            if time.monotonic() >= due:
                glance, trouble = _look(watch, glance)
                due = time.monotonic() + interval
            _show(invocation, screen, glance, trouble)


def _show(invocation: Invocation, screen: Screen, glance: Glance, trouble: str) -> None:
    terminal = invocation.terminal
    height = shutil.get_terminal_size().lines
    lines = frame(glance, terminal, painter(terminal, invocation.env), height=height - bool(trouble))
    screen.show([*lines, terminal.style(trouble, "red")] if trouble else lines)


def _look(watch: Watch, before: Glance) -> tuple[Glance, str]:
    """Look again; when that fails, as in the middle of somebody's repair, keep what was seen and say so."""
    try:
        return watch.look(_now()), ""
    except (GtrackError, OSError) as error:
        return before, f"cannot look: {clean(str(error))}"


def _tell(invocation: Invocation, watch: Watch, glance: Glance, interval: float, *, until_ended: bool) -> None:
    """Print what happens, a line each."""
    happenings = Happenings(ended=until_ended)
    while True:
        for line in happenings.since(glance):
            invocation.say(line)
        sys.stdout.flush()
        if until_ended and not any(state.status == "running" for state in glance.states):
            return
        time.sleep(interval)
        glance, trouble = _look(watch, glance)
        if trouble:
            invocation.notice(trouble)
