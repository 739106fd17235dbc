"""The fold of an experiment's events: a pure function of their set, that nothing in them can break."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.clock import stamp
from gtrack.format.schema import check_document
from gtrack.ids import sha12
from gtrack.model.experiment import PROTOCOL, ExperimentState, fold_experiment, latest_experiment_events
from gtrack.model.fold import Document

START = 1_795_000_000_000_000
RUN = "3f2a9c1d7b6e4a508c2f9e0d1a7b3c55"


def event(at: int, kind: object = "set", *previous: str, **fields: object) -> Document:
    body: dict[str, object] = {"format": 1, "kind": kind, **fields, "author": "Ada L <ada@example.org>"}
    body["previous"] = list(previous)
    moment = stamp(START + at)
    return Document("event", f"events/{moment}-{sha12(repr(body).encode())}.yaml", body, moment)


metrics = st.sampled_from(["auc", "loss", None])
sound = st.one_of(
    st.builds(lambda at, metric: event(at, metric=metric), st.integers(0, 9), metrics),
    st.builds(
        lambda at, metric, goal: event(at, metric=metric, goal=goal),
        st.integers(0, 9), metrics, st.sampled_from(["min", "max", None]),
    ),
    st.builds(lambda at, text: event(at, description=text), st.integers(0, 9), st.sampled_from(["a", "b", None])),
    st.builds(event, st.integers(0, 9), st.sampled_from(["archive", "unarchive", "later"])),
)  # fmt: skip
events = st.lists(sound, max_size=8)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(["set", "min", RUN])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)


def test_of_each_field_the_later_stamp_stands_and_null_takes_it_away() -> None:
    said = [
        event(1, metric="auc", goal="max", floor="metrics.precision >= 0.8"),
        event(3, floor=None),
        event(2, floor="x"),
    ]
    state = fold_experiment("churn", said)
    assert (state.metric, state.goal, state.floor) == ("auc", "max", None)
    assert (state.updated, state.author) == (START + 3, "Ada L <ada@example.org>")


def test_an_experiment_of_which_nothing_is_said_has_an_empty_state() -> None:
    assert fold_experiment("churn", []) == ExperimentState("churn")
    assert fold_experiment("churn", [event(1, "of a later gtrack", metric="auc")]) == ExperimentState("churn")


def test_archiving_is_taken_back_by_a_later_event() -> None:
    assert fold_experiment("e", [event(1, "archive")]).archived
    assert not fold_experiment("e", [event(1, "archive"), event(2, "unarchive")]).archived


@given(events, st.randoms())
def test_the_fold_does_not_depend_on_order_or_repetition(some: list[Document], chance) -> None:  # type: ignore[no-untyped-def]
    shuffled = [*some, *some[:2]]
    chance.shuffle(shuffled)
    assert fold_experiment("e", shuffled) == fold_experiment("e", some)


@given(events, st.integers(0, 9))
def test_what_lies_beyond_the_horizon_is_listed_and_counts_for_nothing(some: list[Document], at: int) -> None:
    horizon = stamp(START + at)
    seen, now = fold_experiment("e", some, horizon=horizon), [doc for doc in some if doc.stamp <= horizon]
    assert set(seen.future) == {doc.name for doc in some} - {doc.name for doc in now}
    assert {**seen.to_dict(), "future": None} == {**fold_experiment("e", now).to_dict(), "future": None}


@given(st.lists(st.dictionaries(st.sampled_from(["kind", "previous", "author", *PROTOCOL]), anything), max_size=5))
def test_no_body_breaks_the_fold_and_only_sound_values_stand(bodies: list[dict[str, object]]) -> None:
    docs = [Document("event", f"events/{number}", body, stamp(START + number)) for number, body in enumerate(bodies)]
    state = fold_experiment("e", docs)
    for name, (test, _) in PROTOCOL.items():
        value = getattr(state, name)
        assert value is None or test(value)
    state.to_dict()
    latest_experiment_events(docs)


@pytest.mark.parametrize(
    ("field", "value"),
    [("metric", 3), ("metric", " "), ("goal", "up"), ("goal", ["min"]), ("floor", {"a": 1}), ("baseline", "3f2a")],
)
def test_a_value_that_cannot_be_is_named_and_changes_nothing(field: str, value: object) -> None:
    state = fold_experiment("e", [event(1, metric="auc", goal="max"), event(2, **{field: value})])
    assert (state.metric, state.goal, getattr(state, field)) == (
        "auc",
        "max",
        {"metric": "auc", "goal": "max"}.get(field),
    )
    assert len(state.problems) == 1
    assert f"its {field} is not" in state.problems[0]
    wrong = event(2, **{field: value}).body
    assert len(check_document("experiment", wrong)) == 1
    assert check_document("experiment", event(1, **dict.fromkeys(PROTOCOL)).body) == []


def test_the_schema_names_what_no_event_of_an_experiment_is() -> None:
    assert check_document("experiment", {"format": 1}) == ["kind is missing, not a name"]
    assert check_document("experiment", {"format": 2, "kind": "set"}) != []
    assert check_document("experiment", {"format": 1, "kind": "set", "previous": "x"}) != []
    assert check_document("experiment", {"format": 1, "kind": "of a later gtrack"}) == []


def test_two_protocols_set_at_the_same_time_and_differently_are_told_until_one_is_set_again() -> None:
    first = event(1, metric="auc", goal="max")
    ours, theirs = (
        event(2, "set", first.name, metric="f1", goal="max"),
        event(3, "set", first.name, metric="auc", goal="min"),
    )
    both = [first, ours, theirs]
    assert fold_experiment("e", both).concurrent == ("goal", "metric")
    assert (fold_experiment("e", both).metric, fold_experiment("e", both).goal) == ("auc", "min")
    settled = event(4, "set", *latest_experiment_events(both), metric="f1", goal="max")
    assert fold_experiment("e", [*both, settled]).concurrent == ()


def test_edits_of_different_fields_at_the_same_time_are_no_conflict() -> None:
    assert fold_experiment("e", [event(1, description="a"), event(2, floor="b"), event(3, "archive")]).concurrent == ()
    assert fold_experiment("e", [event(1, "archive"), event(2, "unarchive")]).concurrent == ("archived",)


@given(events)
def test_an_edit_that_comes_after_all_others_settles_everything(some: list[Document]) -> None:
    last = event(99, "set", *latest_experiment_events(some), metric="m", goal="max", description="d")
    archived = event(100, "archive", *latest_experiment_events([*some, last]))
    assert fold_experiment("e", [*some, last, archived]).concurrent == ()
