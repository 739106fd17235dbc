"""What a gate's candidate is compared with among the commits of a history."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from gtrack.ids import SHORT
from gtrack.model.goal import Direction
from gtrack.model.state import RunState
from gtrack.model.statistics import sample
from gtrack.ops.commit_runs import choose_configuration, run_otherwise, same_but_code
from gtrack.ops.gate_result import Side

__all__ = ["Ranking", "best_side", "choose_reference"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """By what the best of several configurations is chosen.

    Attributes:
        value: The value of a run; None where it has none that counts.
        direction: Which way it is better, where known.
        least: How many finished runs a configuration needs, as long as any has so many.
    """

    value: Callable[[RunState], float | None]
    direction: Direction | None
    least: int = 1


def best_side(label: str, runs: Sequence[RunState], ranking: Ranking, commit: str | None = None) -> Side:
    """Return the best configuration among runs as a side."""
    choice = choose_configuration(runs, ranking.value, ranking.direction, least=ranking.least)
    return Side(label, choice.runs, choice.of, commit)


def choose_reference(
    name: str, commits: Iterable[tuple[str, Sequence[RunState]]], ranking: Ranking, candidate: Side
) -> Side | None:
    """Return what a candidate is compared with; None where there are no commits.

    That is the newest commit with ``ranking.least`` runs or more that were made as the candidate was, but for the code:
    the best of a search on one side is no measure of a single configuration on the other. Where no commit has, it is
    the best configuration of the newest commit that has so many runs of any. The side's remark says so.

    Args:
        name: What the history is called.
        commits: The commits with their finished runs, one or more each, the newest first.
        ranking: By what the best of several configurations is chosen, and how many runs one needs.
        candidate: What is compared.
    """
    like = same_but_code(candidate.runs[0])
    few: Side | None = None
    passed: list[Side] = []
    for commit, runs in commits:
        best = best_side(f"{name}@{commit[:SHORT]}", runs, ranking, commit)
        same = [run for run in runs if same_but_code(run) == like]
        if same:
            found = replace(best, runs=best_side(best.label, same, ranking).runs, alike=True)
            if len(found.runs) >= ranking.least:
                return replace(found, remark=_remark_on_alike(found, passed, ranking, candidate))
            few = few or found
        passed.append(best)
    enough = _with_enough(passed, ranking)
    if enough is None:
        return few or next(iter(passed), None)
    return replace(enough, alike=False, remark=_remark_on_best(enough, passed, ranking, candidate))


def _with_enough(sides: Iterable[Side], ranking: Ranking) -> Side | None:
    return next((side for side in sides if len(side.runs) >= ranking.least), None)


def _remark_on_alike(side: Side, passed: Sequence[Side], ranking: Ranking, candidate: Side) -> str:
    """Say what was passed over: that a pull request turns a param back to a worse value must not be hidden."""
    if not passed:
        several = f"{side.label} was run in {side.configurations} configurations: that of {candidate.label} counts"
        return several if side.configurations > 1 else ""
    said = f"{side.label} is the newest with {_runs(ranking)} like those of {candidate.label}"
    newer = _with_enough(passed, ranking)
    otherwise = "" if newer is None else run_otherwise(newer.runs[0], candidate.runs[0])
    if newer is None or not otherwise:
        return said
    mean = sample(value for run in newer.runs if (value := ranking.value(run)) is not None).mean
    came_to = "" if math.isnan(mean) else f", which came to {mean:.6g}"
    return f"{said}; {newer.label} was run with {otherwise}{came_to}"


def _remark_on_best(side: Side, passed: Sequence[Side], ranking: Ranking, candidate: Side) -> str:
    commits = "the one commit" if len(passed) == 1 else f"the {len(passed)} commits"
    said = f"of {commits} that could be compared with, none has {_runs(ranking)} like those of {candidate.label}"
    otherwise = run_otherwise(side.runs[0], candidate.runs[0]) or "the same params"
    which = f"the best of {side.configurations} configurations" if side.configurations > 1 else "what there is"
    return f"{said}: {which} of {side.label} counts, run with {otherwise}"


def _runs(ranking: Ranking) -> str:
    return "a run" if ranking.least == 1 else f"{ranking.least} runs"
