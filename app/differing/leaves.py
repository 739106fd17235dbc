"""Values of several runs beside each other, and only those that are not the same in all."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gtrack._app.differing.grid import Cell, Grid, heads_of
from gtrack.display.words import value_text
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.ops.differences import same_value

__all__ = ["PARTS", "Leaf", "leaf_grid", "leaves"]

_RUN_FACTS = ("status", "experiment", "author", "group", "parent")
_ERROR_FACTS = ("type", "message", "cause")
_CODE_FACTS = ("branch", "remote", "cwd", "command", "digest")
_ABSENT = "—"
_COMMIT = 12

Facts = Callable[[RunState], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of all runs.

    Attributes:
        key: Its name; nested maps' names are joined by dots.
        values: It, by the place of each run that has it.
    """

    key: str
    values: Mapping[int, object]


def leaves(maps: Sequence[Mapping[str, object]], *, every: bool = False) -> list[Leaf]:
    """Return the leaves of nested maps that are not the same in all of them, in the order of the first that has each.

    Args:
        maps: One for each run; two of them differ as :func:`gtrack.ops.differences.differences` tells.
        every: Those that are the same too.
    """
    flat = [dict(flatten(one)) for one in maps]
    found = []
    for key in dict.fromkeys(key for one in flat for key in one):
        values = {at: one[key] for at, one in enumerate(flat) if key in one}
        first = next(iter(values.values()))
        if every or len(values) < len(flat) or not all(same_value(first, value) for value in values.values()):
            found.append(Leaf(key, values))
    return found


def leaf_grid(runs: Sequence[RunState], facts: Facts, head: str, *, every: bool = False) -> Grid:
    """Return a line for each value that is not the same in all runs; what is as in the first run is faint.

    Args:
        runs: The runs, the reference first.
        facts: Returns the map of a run.
        head: What the lines are.
        every: Also those that are the same.
    """
    found = leaves([facts(run) for run in runs], every=every)
    rows = [_row(leaf, len(runs)) for leaf in found]
    return Grid([head, *heads_of(runs, runs[0].id if runs else "")], rows)


def run_facts(run: RunState) -> dict[str, object]:
    """Return what became of a run, and whose it is."""
    error = run.error or {}
    found = {name: getattr(run, name) for name in _RUN_FACTS}
    found |= {f"error.{name}": error.get(name) for name in _ERROR_FACTS}
    return {name: value for name, value in found.items() if value}


def environment_facts(run: RunState) -> dict[str, object]:
    """Return the environment of a run without its packages."""
    return {name: value for name, value in run.environment.items() if name != "packages"}


def package_facts(run: RunState) -> dict[str, object]:
    """Return the packages of a run's environment, by name."""
    packages = run.environment.get("packages")
    return {key: packages[key] for key in sorted(packages)} if isinstance(packages, Mapping) else {}


def code_facts(run: RunState) -> dict[str, object]:
    """Return what a run's record says of its code: the commit as git describes it, and the command as it is typed."""
    commit = run.code.get("commit")
    found: dict[str, object] = {}
    if isinstance(commit, str):
        found["commit"] = commit[:_COMMIT] + ("-dirty" if run.code.get("dirty") is True else "")
    for name in _CODE_FACTS:
        value = run.code.get(name)
        if value is not None:
            found[name] = shlex.join(map(str, value)) if isinstance(value, list) else value
    return found


PARTS: Mapping[str, tuple[str, Facts]] = {
    "run": ("Run", run_facts),
    "params": ("Params", lambda run: run.params),
    "tags": ("Tags", lambda run: run.tags),
    "environment": ("Environment", environment_facts),
    "packages": ("Packages", package_facts),
    "seed": ("Seeds", lambda run: run.seed),
    "code": ("Code", code_facts),
}
"""The parts of a comparison that are maps: the title of each, and where in a run it is."""


def _row(leaf: Leaf, count: int) -> list[Cell]:
    texts = _texts(leaf.values)
    reference = leaf.values.get(0)
    cells = [Cell(leaf.key)]
    for at in range(count):
        same = at > 0 and at in leaf.values and 0 in leaf.values and same_value(leaf.values[at], reference)
        absent = at not in leaf.values
        cells.append(Cell(_ABSENT if absent else texts[at], tone="faint" if same or absent else ""))
    return cells


def _texts(values: Mapping[int, object]) -> dict[int, str]:
    """Return values as people read them; with their quotes where they would look the same without."""
    texts = {at: _text(value) for at, value in values.items()}
    for at, value in values.items():
        if any(texts[at] == texts[other] and not same_value(value, values[other]) for other in values):
            return {at: value_text(json.dumps(one, ensure_ascii=False, default=str)) for at, one in values.items()}
    return texts


def _text(value: object) -> str:
    return "null" if value is None else '""' if value == "" else value_text(value)
