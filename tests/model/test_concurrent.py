"""Edits made at the same time in clones that did not know of each other are found, and settled by a later one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gtrack.model.concurrent import concurrent_edits, latest_events
from gtrack.model.fold import Document, fold_run


def edit(event: str, *previous: str, **body: object) -> Document:
    fact = body or {"kind": "tag", "tags": {"stage": event}}
    return Document("event", event, {"format": 1, **fact, "previous": list(previous)}, event)


def test_two_edits_of_one_tag_that_know_nothing_of_each_other_are_concurrent() -> None:
    assert concurrent_edits([edit("1"), edit("2", "1"), edit("3", "1")]) == ("tag stage",)


def test_an_edit_that_knows_both_settles_it() -> None:
    assert concurrent_edits([edit("1"), edit("2"), edit("3", "1", "2")]) == ()


def test_edits_of_different_things_are_not_concurrent() -> None:
    events = [
        edit("1", kind="tag", tags={"a": 1}),
        edit("2", kind="tag", tags={"b": 1}),
        edit("3", kind="rename", name="x"),
    ]
    assert concurrent_edits(events) == ()


def test_the_same_edit_made_twice_is_no_conflict() -> None:
    assert concurrent_edits([edit("1", kind="rename", name="x"), edit("2", kind="rename", name="x")]) == ()


def test_deleting_and_restoring_at_the_same_time_is_told() -> None:
    events = [edit("1", kind="delete"), edit("2", kind="restore")]
    assert concurrent_edits(events) == ("deletion",)
    assert fold_run("0" * 32, events).concurrent == ("deletion",)


def test_events_that_name_none_before_them_are_known_to_everybody() -> None:
    old = Document("event", "1", {"format": 1, "kind": "tag", "tags": {"stage": "old"}}, "1")
    assert concurrent_edits([old, edit("2")]) == ()


def test_an_edit_made_now_comes_after_all_that_nobody_came_after() -> None:
    assert latest_events([edit("1"), edit("2", "1"), edit("3", "1")]) == ["2", "3"]
    assert latest_events([]) == []


@given(st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=10), st.randoms())
def test_concurrency_does_not_depend_on_the_order_and_one_more_edit_settles_it(before: list[list[int]], chance) -> None:  # type: ignore[no-untyped-def]
    events = [edit(str(n), *(str(p) for p in named if p < n)) for n, named in enumerate(before)]
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert concurrent_edits(events) == concurrent_edits(shuffled)
    settled = [*events, edit("99", *latest_events(events))]
    assert concurrent_edits(settled) == ()
