"""What is said of experiments: how their runs are compared, what they are about, which are over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gtrack.branch.author import author
from gtrack.branch.commit import commit_files
from gtrack.branch.repository import Repository
from gtrack.clock import later_stamp, now_ns, stamp
from gtrack.errors import UsageError
from gtrack.format import names, yaml
from gtrack.ids import SHORT
from gtrack.model.experiment import (
    PROTOCOL,
    ExperimentState,
    SaidOf,
    fold_experiment,
    latest_experiment_events,
)
from gtrack.model.fold import Document
from gtrack.ops.experiment_files import load_said
from gtrack.ops.indexed import open_index
from gtrack.ops.present import DAY_US
from gtrack.ops.trees import visible_trees

__all__ = ["archive", "experiment_of", "experiments", "set_protocol"]


def experiment_of(repository: Repository, name: str) -> ExperimentState:
    """Return what is said of an experiment; of one that nobody said anything about, an empty state.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.

    Example:
        >>> experiment_of(repository, "churn").metric
        'val_auc'
    """
    return _state(name, open_index(repository).said(name))


def experiments(repository: Repository) -> list[ExperimentState]:
    """Return every experiment that something is said of, by name.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
    """
    index = open_index(repository)
    return [_state(name, index.said(name)) for name in index.spoken_of()]


def set_protocol(repository: Repository, name: str, changes: Mapping[str, object | None]) -> ExperimentState:
    """Say how an experiment's runs are compared, for everybody who shares the branch.

    A goal is the direction of one metric: the two are always said together, and another metric has none until somebody
    says it.

    Args:
        repository: The repository.
        name: The experiment.
        changes: The fields to set, of ``description``, ``metric``, ``goal``, ``floor`` and ``baseline`` (a run's id); a
            value of None takes one away.

    Returns:
        The state after it. Where it is as asked already, nothing is written.

    Raises:
        UsageError: The name or a value cannot be, or there is a goal without a metric.
    """
    wrong = next((key for key in changes if key not in PROTOCOL), None)
    if wrong is not None:
        raise UsageError(f"an experiment has no {wrong!r:.40}", hint=f"there are {', '.join(PROTOCOL)}")
    for key, value in changes.items():
        test, what = PROTOCOL[key]
        if value is not None and not test(value):
            raise UsageError(f"the {key} is not {what}")
    if changes.get("floor") is not None:
        _parse_floor(str(changes["floor"]))
    _check_name(name)
    with repository.lock():
        known = load_said(repository, visible_trees(repository), name)
        state = _state(name, known)
        facts = _with_its_metric(state, changes)
        news = {key: value for key, value in facts.items() if getattr(state, key) != value}
        if not news and not state.concurrent:
            return state
        return _record(repository, name, known, {"kind": "set", **facts}, _subject(news or facts))


def archive(repository: Repository, name: str, archived: bool = True) -> ExperimentState:
    """Say that an experiment is over, or that it is not; return the state after it.

    Raises:
        UsageError: The name cannot be an experiment's.
    """
    _check_name(name)
    with repository.lock():
        known = load_said(repository, visible_trees(repository), name)
        state = _state(name, known)
        if state.archived == archived and "archived" not in state.concurrent:
            return state
        kind = "archive" if archived else "unarchive"
        return _record(repository, name, known, {"kind": kind}, "archived" if archived else "no longer archived")


def _check_name(name: str) -> None:
    if names.experiment_dir(name) is None:
        raise UsageError(f"the experiment's name is {'too long' if name.strip() else 'empty'}")


def _with_its_metric(state: ExperimentState, changes: Mapping[str, object | None]) -> dict[str, object | None]:
    """Return the changes with metric and goal together, where one of them is among them."""
    facts = dict(changes)
    if "metric" in facts or "goal" in facts:
        metric = facts.get("metric", state.metric)
        same = metric == state.metric
        facts |= {"metric": metric, "goal": facts.get("goal", state.goal if same else None)}
        if metric is None and facts["goal"] is not None:
            if changes.get("goal") is not None:
                raise UsageError("a goal is the direction of a metric, and there is none", hint="add --metric KEY")
            facts["goal"] = None
    return {key: facts[key] for key in PROTOCOL if key in facts}


def _subject(news: Mapping[str, object | None]) -> str:
    """Return what is new, for a commit's subject: ``metric val_auc (max), floor metrics.precision >= 0.8``."""
    said = []
    for key in ("metric", "goal", "floor", "baseline", "description"):
        value, new_metric = news.get(key), news.get("metric") is not None
        if key not in news or (key == "goal" and new_metric):
            continue
        if value is None:
            said.append(f"no {key}")
        elif key == "metric":
            said.append(f"metric {value}" + (f" ({news['goal']})" if news.get("goal") else ""))
        else:
            said.append(f"{key} {str(value)[:SHORT] if key == 'baseline' else value}")
    return ", ".join(said)


def _state(name: str, known: SaidOf) -> ExperimentState:
    state = fold_experiment(name, known.documents, horizon=stamp(now_ns() // 1000 + DAY_US))
    problems = (*state.problems, *known.problems)
    if state.floor is not None:
        try:
            _parse_floor(state.floor)
        except UsageError as error:
            problems, state = (
                (*problems, f"its floor is not used: {error.message.splitlines()[0]}"),
                replace(state, floor=None),
            )
    return replace(state, problems=problems) if problems else state


def _parse_floor(text: str) -> None:
    from gtrack.index.filter import parse

    parse(text)


def _record(repository: Repository, name: str, known: SaidOf, fact: Mapping[str, object], what: str) -> ExperimentState:
    """Commit one event that comes after all that is known of the experiment; the lock is held."""
    by = author(repository.config, repository.env)
    # A fact of a time that has not come counts for nothing yet: an edit after it would be hidden just as long.
    future = set(_state(name, known).future)
    present = [doc for doc in known.documents if doc.name not in future]
    body = {"format": 1, **fact, "author": by, "previous": latest_experiment_events(present)}
    data = yaml.dump(body)
    moment = later_stamp(now_ns() // 1000, max((doc.stamp for doc in present), default=None))
    event = names.event(moment, data)
    shown = " ".join("".join(c if c.isprintable() else " " for c in f"experiment {name}: {what}").split())
    commit_files(repository, {f"{names.experiment_dir(name)}/{event}": data}, shown[:120], by=by)
    return _state(name, SaidOf((*known.documents, Document("event", event, body, moment)), known.problems))
