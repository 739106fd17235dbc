"""What is known of many runs without reading them whole is what reading them all would say, live ones included."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hostile import blobs, commit
from spooling import START, facts_of, finished_run, git, make_repo

from gtrack.branch.commit import FORMAT_FILE, format_file
from gtrack.clock import iso, stamp
from gtrack.format import names, yaml
from gtrack.index import store as index_store
from gtrack.index.columns import CONFIGURATION, Headline, line_of, newest_first
from gtrack.index.fields import Field
from gtrack.index.filter import parse
from gtrack.index.query import Query, sort_states
from gtrack.model.goal import Goal
from gtrack.model.summary import MetricSummary
from gtrack.ops.facts import RunFacts
from gtrack.ops.goals import declared_goal
from gtrack.ops.overview import overviews
from gtrack.ops.rivals import rivals
from gtrack.ops.sharing_state import sharing_state
from gtrack.ops.view import View

COLUMNS = [Field("attributes", "status"), Field("params", "model.depth"), Headline("loss", Goal("max", "experiment"))]
EVERY = [*COLUMNS, Headline("auc"), Field("datasets", "name"), CONFIGURATION]


def run_files(number, **facts):
    run_id, started = f"{number:032x}", START + number
    summary = MetricSummary.point(number / 7, number, started).to_dict()
    metrics = {"loss": summary, **({"auc": {**summary, "goal": "max"}} if number % 2 else {})}
    status = "failed" if number % 5 == 0 else "finished"
    data = yaml.dump(
        {"format": 1, "session": "9c1d7b6e", "status": status, "ended": iso(started + 9), "metrics": metrics}
    )
    facts = facts_of(run_id, params={"model": {"depth": number % 3}, "seed": number}, started=iso(started), **facts)
    folder = names.run_dir(run_id)
    return {f"{folder}/run.yaml": yaml.dump(facts), f"{folder}/{names.end(stamp(started + 9), data)}": data}


@pytest.fixture
def repo(tmp_path):
    """Twenty recorded runs of two experiments, and two live ones: the older of them is recorded in part."""
    with make_repo(tmp_path / "repo") as repo:
        files = blobs(repo.repository, {FORMAT_FILE: format_file(0)})
        for number in range(20):
            files.update(blobs(repo.repository, run_files(number, experiment="ab"[number % 2])))
        git(tmp_path / "repo", "update-ref", "refs/heads/gtrack", commit(repo.repository, files))
        spool = os.path.join(repo.repository.paths.home, "spool")
        for run_id in (f"{3:032x}", "d" * 32):
            finished_run(spool, values=(7.0,), run_id=run_id, experiment="a")
        yield repo


def chosen(view, query):
    return [state for state in sort_states(view._all(), ()) if query.selects(state, now_us=view.now_us)]


@pytest.mark.parametrize("where", [None, "metrics.loss > 1", "params.model.depth = 1 OR status = 'failed'"])
@pytest.mark.parametrize("experiments", [(), ("a",), ("b",), ("none",)])
def test_facts_are_what_going_through_all_runs_says(repo, where, experiments):
    view = View(repo.repository)
    query = Query(None if where is None else parse(where), experiments)
    runs, facts = chosen(view, query), RunFacts(view, query)
    assert repr(facts.lines(*EVERY)) == repr(newest_first(line_of(run, EVERY) for run in runs))
    assert (facts.total, facts.newest) == (len(runs), next(iter(runs), None))
    assert facts.experiments == Counter(run.experiment for run in runs)
    assert facts.statuses == Counter(run.status for run in runs)
    assert facts.metrics == Counter(key for run in runs for key in run.metrics)
    assert [facts.declared_goal(key) for key in ("auc", "loss")] == [
        declared_goal(key, runs) for key in ("auc", "loss")
    ]
    assert facts.params == sorted({key for run in runs for key in ("lr", "model.depth", "seed") if _has(run, key)})
    assert facts.states([run.id for run in runs]) == {run.id: run for run in runs}


def _has(run, key):
    return bool(Field("params", key).values(run))


def test_any_run_can_be_named_by_its_place_with_live_ones_among_them(repo):
    view = View(repo.repository)
    ordered = [run.id for run in chosen(view, Query())]
    assert [view.select(f"last~{at}") for at in range(len(ordered))] == ordered
    for offset in range(len(ordered) + 1):
        found = view.find(Query(limit=3, offset=offset))
        assert [run.id for run in found.runs] == ordered[offset : offset + 3]


def test_only_the_runs_that_are_shown_are_read_whole(repo, monkeypatch):
    repo.recover()
    assert View(repo.repository).run_ids  # the index knows what was recovered
    read = []
    whole = index_store.state_of
    monkeypatch.setattr(index_store, "state_of", lambda *given: (state := whole(*given), read.append(state.id))[0])
    found = rivals(repo, "b")
    board = found.leaderboard("auc", Goal("max", "experiment"), limit=2)
    found.states([row.best for row in board.rows])
    assert len(board.rows) == len(read) == 2
    read.clear()
    assert [(each.state.name, each.runs) for each in overviews(repo)] == [("b", 10), ("a", 11)]
    assert len(read) <= 4  # of each the newest run and the best
    read.clear()
    assert View(repo.repository).select("last~9")
    assert len(read) <= 1
    read.clear()
    sharing_state(repo.repository)
    assert read == []
