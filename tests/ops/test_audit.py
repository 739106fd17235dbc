"""The audit trail of a run: a sentence for each of its documents, whatever stands in them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from spooling import RUN, START, end, finished_run, make_repo, open_resume, open_run

from gtrack.branch.commit import commit_files
from gtrack.clock import iso, now_ns, stamp
from gtrack.format import names, yaml
from gtrack.model.fold import Document
from gtrack.ops.audit import audit_trail
from gtrack.ops.edit import delete, move, note, rename, restore, tag
from gtrack.reader import Repo

sys.path.append(str(Path(__file__).parent.parent / "model"))

from strategies import ends, events, run_file, summaries

ADA = "Ada L <ada@example.org>"


def event(seconds, author=ADA, **body):
    return Document(
        "event", f"events/{seconds}", {"format": 1, "author": author, **body}, stamp(START + seconds * 10**6)
    )


def sentences(*documents):
    return [entry.sentence for entry in audit_trail(documents)]


def test_what_was_done_to_a_run_is_told_in_order_with_who_and_what_was_before(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        finished_run(repo.repository.paths.spool)
        repo.recover()
        runs = [repo.run(RUN)]
        tag(repo, runs, {"stage": "staging", "baseline": True})
        tag(repo, runs, {"stage": "prod", "baseline": None})
        rename(repo, runs[0], "best")
        move(repo, runs, "churn-2027")
        note(repo, runs, "looks\nleaky")
        delete(repo, runs, "by mistake")
        restore(repo, runs)
        with Repo(repo.root, env=dict(os.environ)) as fresh:
            trail = fresh.run(RUN).audit()
    assert [(entry.kind, entry.sentence) for entry in trail] == [
        ("start", "start churn in churn-2026"),
        ("end", "finish with 1 metric"),
        ("tag", "tag stage=staging baseline=True"),
        ("tag", "tag stage=prod (was staging) baseline- (was True)"),
        ("rename", "rename to best (was churn)"),
        ("move", "move to churn-2027 (was churn-2026)"),
        ("note", "note: looks leaky"),
        ("delete", "delete: by mistake"),
        ("restore", "restore"),
    ]
    assert all(entry.path.startswith(f"{names.run_dir(RUN)}/") for entry in trail)
    assert trail[0].author == trail[1].author == ADA and all(entry.author for entry in trail)
    assert [entry.time for entry in trail] == sorted(entry.time for entry in trail)
    assert trail[0].to_dict() == {
        "time": iso(START),
        "author": ADA,
        "kind": "start",
        "sentence": "start churn in churn-2026",
        "path": f"{names.run_dir(RUN)}/run.yaml",
    }


def test_a_failure_a_resume_and_a_killed_end_are_told(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        spool = repo.repository.paths.spool
        writer = open_run(spool)
        end(writer, "failed", error={"type": "ValueError", "message": "no such file"})
        repo.recover()
        open_resume(spool, "9c1d7b6e", from_step=7).close()
        repo.recover()
        trail = repo.run(RUN).audit()
    assert [(entry.author, entry.sentence) for entry in trail] == [
        (ADA, "start churn in churn-2026"),
        (ADA, "fail: ValueError: no such file"),
        ("", "resume from step 7"),
        ("", "end as killed, as was found later"),
    ]


def test_an_event_of_a_time_that_has_not_come_is_marked_and_replaces_nothing(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        finished_run(repo.repository.paths.spool)
        repo.recover()
        data = yaml.dump({"format": 1, "kind": "rename", "name": "future", "author": ADA})
        path = f"{names.run_dir(RUN)}/{names.event(stamp(now_ns() // 1000 + 10**15), data)}"
        with repo.repository.lock():
            commit_files(repo.repository, {path: data}, "by hand", by=ADA)
        rename(repo, repo.run(RUN), "now")
        trail = repo.run(RUN).audit()
    assert [(entry.sentence, entry.future) for entry in trail[-2:]] == [
        ("rename to now (was churn)", False),
        ("rename to future", True),
    ]
    assert trail[-1].path == path and trail[-1].to_dict()["future"] is True


def test_goals_and_kinds_that_are_not_known_are_told():
    assert sentences(event(1, kind="goal", goals={"loss": "min"}), event(2, kind="pin")) == [
        "goal loss=min",
        "pin: this gtrack knows no such event",
    ]


def test_a_run_that_is_not_here_and_events_alone_make_a_trail():
    assert audit_trail([]) == []
    assert sentences(event(1, kind="rename", name="x"), event(2, kind="rename", name="y")) == [
        "rename to x",
        "rename to y (was x)",
    ]


def test_hostile_texts_are_cut_and_command_no_terminal():
    long = "\x1b[2J\u202e" + "x" * 10_000
    hostile = [
        event(1, kind="tag", author=long, tags={long: long, "b": {"a": 1}, "n": 10**600}),
        event(2, kind="tag", tags={f"{n}": n for n in range(1000)}),
        event(3, kind=long),
        event(4, kind="note", text=long),
        event(5, kind="tag", tags=[1]),
        event(6, kind=["tag"], author=7),
        event(7, kind="rename", name={"a": 1}),
        event(8, kind="goal", goals={long: long}),
        event(9, kind="attempt", session=[], from_step=True),
        Document("end", "end-x", {"status": long, "error": {"message": long, "type": 3}, "metrics": 5}, "no stamp"),
        Document("summary", long, {"metrics": {"a": 3, "b": {"time": "x"}}}),
    ]
    for entry in audit_trail(hostile):
        for text in (entry.author, entry.kind, entry.sentence, entry.path):
            assert len(text) <= 300 and text.isprintable()


@given(st.lists(st.one_of(run_file, events, ends, summaries), max_size=12), st.randoms(use_true_random=False))
def test_a_trail_has_each_document_once_and_depends_on_the_set_alone(documents, random):
    documents = list({(doc.kind, doc.name): doc for doc in documents}.values())
    trail = audit_trail(documents)
    assert sorted(entry.path for entry in trail) == sorted(doc.name for doc in documents)
    shuffled = [*documents, *random.sample(documents, len(documents) // 2)]
    random.shuffle(shuffled)
    assert audit_trail(shuffled) == trail
    times = [entry.time for entry in trail if entry.kind != "start" and entry.time is not None]
    assert times == sorted(times)
