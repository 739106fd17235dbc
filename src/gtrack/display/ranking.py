"""What is said beside a leaderboard: what it is ranked by, what it leaves out, whether the first is really the best."""

from __future__ import annotations

from gtrack.display.words import plural
from gtrack.model.experiment import ExperimentState
from gtrack.model.goal import Goal
from gtrack.model.statistics import Interval, welch
from gtrack.ops.leaderboard import Leaderboard
from gtrack.text import clean

__all__ = ["describe_goal", "left_out", "ranked_by", "tie"]

_SOURCES = {"define_metric": "by define_metric", "experiment": "says the experiment", "name": "by its name"}


def describe_goal(goal: Goal | None) -> str:
    """Return which way a metric is better and who says so: ``higher is better (by its name)``."""
    if goal is None:
        return "which way is better is not known"
    way = "lower" if goal.direction == "min" else "higher"
    return f"{way} is better ({_SOURCES.get(goal.source, goal.source)})"


def ranked_by(protocol: ExperimentState, board: Leaderboard) -> str:
    """Return what a leaderboard is ranked by, in a line."""
    value = "best" if board.goal.declared else "last"
    floor = f"; floor {clean(protocol.floor)}" if protocol.floor else ""
    what = f"{clean(protocol.name)}: {clean(board.metric)}, {describe_goal(board.goal)}"
    return f"{what}, the {value} value of each run{floor}"


def left_out(board: Leaderboard, protocol: ExperimentState, min_runs: int, *, unfinished: str = "--all") -> str:
    """Return what is not in a leaderboard, in a line; empty where all is.

    Args:
        board: The leaderboard.
        protocol: What was said of its experiment.
        min_runs: How many runs a configuration has to have.
        unfinished: What to say so that runs count that have not finished.
    """
    said = []
    if board.below_floor:
        said.append(f"{plural(board.below_floor, 'run')} below the floor {clean(protocol.floor or '')}")
    if board.unfinished:
        counts = ", ".join(f"{count:,} {clean(status)}" for status, count in board.unfinished.items())
        said.append(f"{counts} ({unfinished} counts them)")
    if board.without:
        said.append(f"{plural(board.without, 'run')} without {clean(board.metric)}")
    if board.nan:
        said.append(f"{plural(board.nan, 'run')} where it is NaN")
    if board.few:
        said.append(f"{plural(board.few, 'configuration')} of fewer than {plural(min_runs, 'run')}")
    return f"left out: {'; '.join(said)}" if said else ""


def tie(board: Leaderboard) -> Interval | None:
    """Return the difference of the first two, where their seeds cannot tell them apart; else None."""
    if len(board.rows) < 2:
        return None
    apart = welch(board.rows[0].sample, board.rows[1].sample)
    if apart.low is None or apart.high is None or apart.low > 0 or apart.high < 0:
        return None
    return apart
