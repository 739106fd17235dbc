"""The leaderboard as the page shows it: what is asked for, and the answer without what is still open to the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gtrack._app.experiment_choice import filter_of
from gtrack._app.link import Link, Setting
from gtrack._app.reading import Reading
from gtrack._app.shell_word import shell_word
from gtrack.errors import UsageError
from gtrack.index.fields import Field, read_field
from gtrack.model.experiment import ExperimentState
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.ops.goals import near_names
from gtrack.ops.leaderboard import Entry, Leaderboard, Row, entries, entry_columns
from gtrack.ops.rivals import Rivals, rivals

__all__ = ["DEFAULTS", "MOST_LEFT", "Board", "Left", "as_cli", "as_python", "board_of", "fields_of", "with_baseline"]

DEFAULTS: dict[str, Setting] = {
    "metric": "",
    "group": (),
    "single": False,
    "unfinished": False,
    "min_runs": 1,
    "count": 20,
    "row": "",
    "archived": False,
    "plain": False,
}
MOST_LEFT = 100
"""The most runs to name of those that were left out."""
_MOST_STATES = 500


@dataclass(frozen=True, slots=True)
class Left:
    """A run that does not count.

    Attributes:
        run: The run.
        value: Its value, where it has one.
        reason: Why it does not count.
    """

    run: RunState
    value: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Board:
    """A leaderboard.

    Attributes:
        protocol: What was said of the experiment.
        goal_said: The goal of the protocol's metric.
        total: How many runs match.
        metrics: The metrics that they have, each with the number of such runs.
        params: Their params.
        good: How many meet the floor; None where there is none.
        baseline: The run that others are compared with.
        baseline_good: It meets the floor; None where there is none, or it is another experiment's.
        remarks: What the protocol asks for and cannot be had.
        board: The ranking; None where it cannot be made.
        problem: Why not.
        rows: The rows to show, the baseline's at the end where it is not among them.
        states: The best run of each row.
        left: Runs that do not count, the newest first; a bounded number.
    """

    protocol: ExperimentState
    goal_said: Goal | None
    total: int
    metrics: Mapping[str, int]
    params: Sequence[str]
    good: int | None = None
    baseline: RunState | None = None
    baseline_good: bool | None = None
    remarks: tuple[str, ...] = ()
    board: Leaderboard | None = None
    problem: UsageError | None = None
    rows: tuple[Row, ...] = ()
    states: Mapping[str, RunState] | None = None
    left: tuple[Left, ...] = ()


def board_of(now: Reading, link: Link, experiment: str) -> Board:
    """Return the leaderboard that a page's settings ask for.

    Raises:
        UsageError: The filter or a field to group by is not in the language.
    """
    by = fields_of(link["group"])
    names = ("metric", "group", "single", "unfinished", "min_runs", "count")
    key = (experiment, link["where"], *(link[name] for name in names))
    return now.kept("leaderboard", key, lambda: _board(now, link, experiment, by))


def fields_of(names: Sequence[str]) -> list[Field]:
    """Return the fields to group by.

    Raises:
        UsageError: There is no such field.
    """
    out = []
    for name in names:
        try:
            out.append(read_field(name))
        except ValueError as error:
            raise UsageError(f"cannot group: {error}", hint="params.lr") from None
    return out


def _board(now: Reading, link: Link, experiment: str, by: Sequence[Field]) -> Board:
    found = rivals(now.repo, experiment, filter_of(link))
    protocol, base = found.protocol, found.baseline
    about = Board(
        protocol,
        None if protocol.metric is None else found.goal(protocol.metric),
        found.facts.total,
        dict(found.facts.metrics),
        found.facts.params,
        None if found.good is None else len(found.good),
        base,
        None if base is None or found.good is None or base.experiment != experiment else base.id in found.good,
        found.remarks,
    )
    if not about.total:
        return about
    try:
        key, goal = _metric(found, link["metric"])
    except UsageError as error:
        return replace(about, problem=error)
    single, count = bool(link["single"]), max(1, link["count"])
    # One more tells whether the first two can be told apart.
    board = found.leaderboard(
        key,
        goal,
        by=() if single else by,
        single=single,
        min_runs=1 if single else max(1, link["min_runs"]),
        unfinished=bool(link["unfinished"]),
        limit=max(count, 2),
    )
    rows = with_baseline(board, count)
    states = found.states(row.best for row in rows)
    left = _left(found, key, goal, unfinished=bool(link["unfinished"]))
    return replace(about, board=board, rows=tuple(rows), states=states, left=tuple(left))


def _metric(found: Rivals, asked: str) -> tuple[str, Goal]:
    """Return the metric to rank by and its goal."""
    key = asked.removeprefix("metrics.") if asked else found.metric()
    name, metric = shell_word(found.protocol.name), shell_word(key)
    if key not in found.facts.metrics:
        near = near_names(key, found.facts.metrics)
        meant = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise UsageError(f"no run here has a metric {key!r:.80}{meant}")
    goal = found.goal(key)
    if goal is None:
        raise UsageError(
            f"nobody said whether a higher or a lower {key!r:.80} is better",
            hint=f"gtrack experiment set {name} --metric {metric} --goal max",
        )
    return key, goal


def with_baseline(board: Leaderboard, count: int) -> list[Row]:
    """Return the rows to show; the baseline's always, after the others where it is not among them."""
    rows = list(board.rows[:count])
    if board.baseline is not None and not any(row.baseline for row in rows):
        rows.append(board.baseline)
    return rows


def _left(found: Rivals, key: str, goal: Goal, *, unfinished: bool) -> list[Left]:
    """Return the runs that do not count, and why."""
    reasons: list[tuple[Entry, str]] = []
    for run in entries(found.facts.lines(*entry_columns(key, goal, single=True))):
        reason = _reason(run, found, unfinished)
        if reason:
            reasons.append((run, reason))
            if len(reasons) == MOST_LEFT:
                break
    states = found.states(run for run, _ in reasons)
    return [Left(states[run.id], run.value, reason) for run, reason in reasons]


def _reason(run: Entry, found: Rivals, unfinished: bool) -> str:
    if run.status != "finished" and not unfinished:
        return run.status
    if run.value is None:
        return "no value"
    if run.value != run.value:  # NaN
        return "NaN"
    return "below the floor" if found.good is not None and run.id not in found.good else ""


def as_cli(link: Link, experiment: str) -> str:
    """Return the command that shows the same."""
    single = link["single"]
    parts = ["gtrack best", shell_word(link["metric"]) if link["metric"] else ""]
    parts += [f"--experiment {shell_word(experiment)}"]
    parts += [f"--where {shell_word(link['where'].strip())}"] if link["where"].strip() else []
    parts += [f"--group-by {shell_word(name)}" for name in link["group"] if not single]
    parts += ["--runs"] if single else []
    parts += [f"--min-runs {link['min_runs']}"] if link["min_runs"] > 1 and not single else []
    parts += ["--all"] if link["unfinished"] else []
    parts += [f"-n {link['count']}"] if link["count"] != DEFAULTS["count"] else []
    return " ".join(filter(None, parts))


def as_python(link: Link, experiment: str) -> str:
    """Return the same in Python."""
    where, single = link["where"].strip(), link["single"]
    imports = ["import gtrack", "from gtrack.index.filter import parse" if where else ""]
    imports += ["from gtrack.index.fields import read_field" if link["group"] and not single else ""]
    imports += ["from gtrack.ops.rivals import rivals"]
    options = [f"by=[{', '.join(f'read_field({name!r})' for name in link['group'])}]"] if link["group"] else []
    options = ["single=True"] if single else options
    options += [f"min_runs={link['min_runs']}"] if link["min_runs"] > 1 and not single else []
    options += ["unfinished=True"] if link["unfinished"] else []
    arguments = ", ".join(["metric", "found.goal(metric)", *options, f"limit={link['count']}"])
    metric = repr(link["metric"]) if link["metric"] else "found.metric()"
    asked = f", parse({where!r})" if where else ""
    return "\n".join(
        [
            *filter(None, imports),
            "",
            "with gtrack.Repo() as repo:",
            f"    found = rivals(repo, {experiment!r}{asked})",
            f"    metric = {metric}",
            f"    board = found.leaderboard({arguments})",
            "for row in board.rows:",
            "    print(row.rank, row.sample.mean, row.sample.std, row.sample.n, row.best.id)",
        ]
    )
