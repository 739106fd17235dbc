"""An experiment's protocol in a line, and what makes one doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gtrack.display.ranking import describe_goal
from gtrack.display.words import plural
from gtrack.ids import SHORT
from gtrack.index.filter import fields, parse
from gtrack.model.goal import usual_direction
from gtrack.ops.goals import near_names, test_metric_warning
from gtrack.ops.rivals import Rivals
from gtrack.text import clean

__all__ = ["describe_protocol", "doubts"]


def describe_protocol(found: Rivals) -> str:
    """Return a protocol in a line."""
    state = found.protocol
    said = []
    if state.metric is not None:
        said.append(f"{clean(state.metric)}, {describe_goal(found.goal(state.metric))}")
    if state.floor is not None:
        total = found.facts.total
        met = total if found.good is None else len(found.good)
        said.append(f"floor {clean(state.floor)} (met by {met:,} of {plural(total, 'run')})")
    if state.baseline is not None:
        name = f" {clean(found.baseline.name)}" if found.baseline else ""
        said.append(f"baseline {state.baseline[:SHORT]}{name}")
    return "; ".join(said) or "nothing is set that runs are compared by"


def doubts(found: Rivals, changes: Mapping[str, object | None], near: Sequence[str] = ()) -> list[str]:
    """Return what somebody should hear who has just changed a protocol: slips, and what others say otherwise.

    Args:
        found: The experiment as it is now.
        changes: What was set.
        near: Experiments with runs that may have been meant, where this one has none.
    """
    out = [] if found.facts.total else [f"no run is of an experiment {clean(found.protocol.name)} yet{_meant(near)}"]
    if changes.get("metric") is not None or changes.get("goal") is not None:
        out += _about_metric(found)
    if changes.get("floor") is not None:
        out += _about_floor(found)
    if changes.get("baseline") is not None:
        out += _about_baseline(found)
    return out


def _about_metric(found: Rivals) -> Iterator[str]:
    state, key = found.protocol, found.protocol.metric
    if key is None:
        return
    shown = clean(key)
    metrics = found.facts.metrics
    if found.facts.total and key not in metrics:
        yield f"no run of it has a metric {shown} yet{_meant(near_names(key, metrics))}"
    if (warning := test_metric_warning(key)) is not None:
        yield f"warning: {clean(warning)}"
    goal, declared, usual = found.goal(key), found.facts.declared_goal(key), usual_direction(key)
    if goal is None:
        yield f"nobody says which way {shown} is better: add --goal min or --goal max"
    elif state.goal is not None and declared not in (None, state.goal):
        yield f"the runs' define_metric says {declared} of {shown}; the experiment's {state.goal} stands"
    elif state.goal is not None and declared is None and usual not in (None, state.goal):
        yield f"by its name {shown} would be better {'lower' if usual == 'min' else 'higher'}; {state.goal} stands"


def _about_floor(found: Rivals) -> Iterator[str]:
    if found.protocol.floor is None or not found.facts.total:
        return
    known = found.facts.metrics
    for field in sorted(fields(parse(found.protocol.floor)), key=str):
        if field.scope == "metrics" and field.key not in known:
            near = near_names(field.key, known)
            yield f"no run of it has the floor's metric {clean(field.key)} yet{_meant(near)}"
    if found.good is not None and not found.good:
        yield "no run of it meets that floor"


def _about_baseline(found: Rivals) -> Iterator[str]:
    state, run = found.protocol, found.baseline
    if run is None:
        return
    if run.experiment != state.name:
        yield f"the baseline is of the experiment {clean(run.experiment)}"
    if run.deleted:
        yield "the baseline is deleted"
    if run.status != "finished":
        yield f"the baseline is {clean(run.status)}, not finished"
    if state.metric is not None and state.metric not in run.metrics:
        yield f"the baseline has no {clean(state.metric)}"
    if found.good is not None and run.id not in found.good and run.experiment == state.name:
        yield "the baseline does not meet the floor"


def _meant(close: Sequence[str]) -> str:
    return f"; did you mean {' or '.join(clean(key) for key in close)}?" if close else ""
