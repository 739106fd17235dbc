"""Folds: the state of a run is a function of the set of its files."""

from __future__ import annotations

import copy

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import RUN, SESSIONS, START, document, documents

from gtrack.clock import iso, stamp
from gtrack.model.fold import Document, fold_run
from gtrack.model.summary import MetricSummary


def fold(*docs, horizon=None):
    return fold_run(RUN, docs, horizon=horizon)


def run_yaml(**fields):
    facts = {"id": RUN, "name": "churn", "experiment": "e", "started": iso(START), "session": SESSIONS[0]}
    return document("run", {**facts, **fields})


def end(at=1, session=SESSIONS[0], status="finished", by="owner", **fields):
    return document(
        "end", {"session": session, "status": status, "by": by, "ended": iso(START + at), **fields}, START + at
    )


def event(kind, at, **fields):
    return document("event", {"kind": kind, **fields}, START + at)


def attempt(session, previous, at=1, **fields):
    return event("attempt", at, session=session, previous=previous, started=iso(START + at), **fields)


def summary(value, step, count=1, first_step=None):
    point = MetricSummary.point(value, step, START + step).to_dict()
    return {**point, "count": count, "first_step": step if first_step is None else first_step}


@given(documents, st.randoms())
@settings(max_examples=150, deadline=None)
def test_neither_order_nor_repetition_of_files_matters(docs, random):
    again = random.sample([*docs, *random.choices(docs, k=3)] if docs else [], len(docs) + 3 if docs else 0)
    assert repr(fold_run(RUN, again)) == repr(fold_run(RUN, docs))


@given(documents, documents, documents)
@settings(max_examples=60, deadline=None)
def test_union_of_files_is_all_that_sharing_needs(one, two, three):
    # Of two contents under one name the union keeps the same one everywhere; here the smaller text.
    def union(*sets):
        out = {}
        for doc in sorted((doc for docs in sets for doc in docs), key=repr, reverse=True):
            out[doc.kind, doc.name] = doc
        return list(out.values())

    left, right = union(union(one, two), three), union(one, union(three, two))
    assert repr(fold_run(RUN, left)) == repr(fold_run(RUN, right))
    assert repr(fold_run(RUN, union(left, one))) == repr(fold_run(RUN, left))


@given(documents)
@settings(max_examples=60, deadline=None)
def test_folding_leaves_the_documents_as_they_are(docs):
    before = copy.deepcopy(docs)
    fold_run(RUN, docs)
    assert repr(docs) == repr(before)


@given(documents, st.integers(START - 1, START + 21))
@settings(max_examples=60, deadline=None)
def test_events_beyond_the_horizon_are_listed_and_not_folded(docs, at):
    horizon = stamp(at)
    late = {doc.name for doc in docs if doc.kind == "event" and doc.stamp > horizon}
    state = fold_run(RUN, docs, horizon=horizon)
    assert set(state.future) == late
    without = fold_run(RUN, [doc for doc in docs if doc.name not in late])
    assert repr(without) == repr(fold_run(RUN, [doc for doc in docs if doc.name not in late], horizon=horizon))
    assert (state.name, state.tags, state.notes, state.deleted) == (
        without.name, without.tags, without.notes, without.deleted,
    )  # fmt: skip


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    ),
    st.sampled_from(["run", "end", "summary", "event"]),
    st.sampled_from(
        ["session", "status", "params", "tags", "notes", "data", "uses", "seed", "segments", "metrics", "rejected",
         "goals", "previous", "kind", "name", "experiment", "started", "ended", "error", "text", "code"]
    ),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_no_content_of_a_file_breaks_the_fold(value, kind, field):
    body = {"session": SESSIONS[0], "kind": "attempt", "segments": [f"{SESSIONS[0]}-{SESSIONS[1]}-0-2"]}
    hostile = Document(kind, "x", {**body, field: value}, stamp(START), SESSIONS[0])
    fold(run_yaml(), hostile, end(2)).to_dict()


def test_an_impossible_stamp_breaks_nothing():
    for kind in ("note", "attempt", "tag"):
        body = {"kind": kind, "text": "t", "session": SESSIONS[1], "tags": {"a": 1}}
        fold(run_yaml(), Document("event", "x", body, "20269999T999999.999999Z"))


def test_the_last_stamp_wins_for_each_tag_and_for_the_name():
    state = fold(
        run_yaml(tags={"a": 0, "b": 0, "c": 0}),
        event("tag", 3, tags={"a": 3}), event("tag", 2, tags={"a": 2, "b": 2}), event("tag", 4, tags={"c": None}),
        event("rename", 6, name="later"), event("rename", 5, name="sooner"),
    )  # fmt: skip
    assert state.tags == {"a": 3, "b": 2} and state.name == "later"


def test_notes_accumulate_in_the_order_of_their_times():
    notes = [{"time": iso(START), "text": "first"}]
    state = fold(run_yaml(notes=notes), event("note", 9, text="third"), event("note", 8, text="second"))
    assert [note.text for note in state.notes] == ["first", "second", "third"]


def test_deletion_and_restoration_go_by_stamp():
    assert fold(run_yaml(), event("delete", 1)).deleted
    assert not fold(run_yaml(), event("restore", 2), event("delete", 1)).deleted
    assert fold(run_yaml(), event("delete", 3), event("restore", 2), event("delete", 1)).deleted


def test_a_goal_that_is_told_later_applies_to_what_was_logged_before():
    docs = [run_yaml(), end(metrics={"loss": summary(1.0, 0)})]
    assert fold(*docs).metrics["loss"].goal is None
    assert fold(*docs, event("goal", 9, goals={"loss": "min"})).metrics["loss"].goal == "min"


def test_the_owners_word_on_the_end_beats_a_recoverys():
    assert fold(run_yaml(), end(1), end(9, status="killed", by="recovery")).status == "finished"
    assert fold(run_yaml(), end(9, status="killed", by="recovery")).status == "killed"
    assert fold(run_yaml(), end(1), end(2, status="failed")).status == "failed"


def test_the_last_session_decides_and_only_a_session_that_adds_values_does_not():
    docs = [run_yaml(), end(1, status="failed"), attempt(SESSIONS[1], SESSIONS[0], 2)]
    assert fold(*docs).status == "running"
    assert fold(*docs, end(3, SESSIONS[1])).status == "finished"
    added = attempt(SESSIONS[1], SESSIONS[0], 2, appended=True)
    state = fold(run_yaml(), end(1, status="failed"), added, end(3, SESSIONS[1], status=None))
    assert (state.status, state.ended) == ("failed", START + 1)


def test_sessions_stand_in_the_order_in_which_they_resumed_each_other_whatever_their_clocks_say():
    docs = [run_yaml(), attempt(SESSIONS[2], SESSIONS[1], 1), attempt(SESSIONS[1], SESSIONS[0], 9)]
    assert [session.id for session in fold(*docs).sessions] == list(SESSIONS)


def test_two_sessions_resumed_from_the_same_point_are_a_fork():
    forked = fold(run_yaml(), attempt(SESSIONS[1], SESSIONS[0], 1), attempt(SESSIONS[2], SESSIONS[0], 2))
    assert [session.fork for session in forked.sessions] == [False, True, True]


def test_a_later_session_supersedes_the_summaries_of_its_keys_alone():
    first = end(1, metrics={"loss": summary(1.0, 9, 10, 0), "only": summary(3.0, 1)})
    second = end(3, SESSIONS[1], metrics={"loss": summary(5.0, 6, 7, 0)})
    state = fold(run_yaml(), first, attempt(SESSIONS[1], SESSIONS[0], 2), second)
    assert (state.metrics["loss"].last, state.metrics["loss"].count, state.metrics["only"].last) == (5.0, 7, 3.0)


def test_params_and_tags_given_to_a_resume_are_those_of_the_run():
    state = fold(
        run_yaml(params={"lr": 1, "deep": {"a": 1, "b": 1}}, tags={"t": 1}),
        attempt(SESSIONS[1], SESSIONS[0], 2, params={"lr": 2, "deep": {"b": 2}}, tags={"t": 2}),
    )
    assert state.params == {"lr": 2, "deep": {"a": 1, "b": 2}} and state.tags == {"t": 2}


def test_inputs_are_listed_once_and_many_of_them_take_no_time():
    many = [{"path": f"f{number}"} for number in range(20_000)]
    state = fold(run_yaml(data=many), end(1, data=[*many, {"path": "new"}]))
    assert len(state.data) == 20_001


def test_a_long_note_says_where_it_is():
    marker = {"$values": "values-0123456789ab.txt", "bytes": 100_000}
    notes = fold(run_yaml(notes=[{"time": iso(START), "text": marker}])).notes
    assert notes[0].text == "(100000 bytes in values-0123456789ab.txt)"


def test_a_run_without_a_file_of_its_start_is_shown_all_the_same():
    state = fold(end(1, metrics={"loss": summary(1.0, 0)}))
    assert (state.status, state.experiment, state.metrics["loss"].last) == ("finished", "default", 1.0)
    assert fold().status == "running"


def test_a_run_was_last_heard_at_the_latest_time_that_anything_of_it_tells():
    metrics = {"a": summary(1.0, 30), "b": summary(1.0, 70), "c": {"time": "no time"}, "d": {"time": [1]}, "e": 5}
    assert fold(run_yaml()).last_heard == START
    assert fold(run_yaml(), end(at=50, metrics={"a": summary(1.0, 30)})).last_heard == START + 50
    assert fold(run_yaml(), end(at=50, metrics=metrics)).last_heard == START + 70
    assert fold(run_yaml(), attempt("00000002", SESSIONS[0], at=90), end(at=50)).last_heard == START + 90
    assert fold(run_yaml(), event("note", 95), end(at=50)).last_heard == START + 50
