"""The fold of a registered model: a pure function of the set of its files, that nothing in them can break."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.clock import iso, stamp
from gtrack.ids import sha12
from gtrack.model.fold import Document
from gtrack.model.registered import ModelFile, VersionDocument, digest_of
from gtrack.model.registry import ModelState, fold_model, latest_model_events
from gtrack.model.registry_events import MODEL_FIELDS
from gtrack.model.registry_numbers import fold_numbers

START = 1_795_000_000_000_000
RUN = "3f2a9c1d7b6e4a508c2f9e0d1a7b3c55"
ONE, TWO, THREE = (digit * 32 for digit in "123")
ADA, BEN, CHI = (f"{name} <{name.lower()}@example.org>" for name in ("Ada", "Ben", "Chi"))


def version(uid: str, at: int = 0, author: str = ADA, **more: object) -> VersionDocument:
    files = (ModelFile("MLmodel", 3, "ab" * 32), ModelFile("model.skops", 5, "cd" * 32))
    body: dict[str, object] = {
        "format": 1, "model": "churn", "uid": uid, "run": RUN, "path": "model", "digest": digest_of(files),
        "files": [file.to_dict() for file in files], "flavors": ["sklearn"], "signature": None, "gate": None,
        "registered": iso(START + at), "author": author, "description": None, "bypass": None,
    }  # fmt: skip
    return VersionDocument(uid, body | more, "ef" * 32)


def event(at: int, kind: object, *previous: str, author: str = ADA, **fields: object) -> Document:
    body: dict[str, object] = {"format": 1, "kind": kind, **fields, "author": author, "previous": list(previous)}
    moment = stamp(START + at)
    return Document("event", f"events/{moment}-{sha12(repr(body).encode())}.yaml", body, moment)


def promoted(at: int, uid: str, stage: str = "Production", *previous: str, **more: Any) -> Document:
    return event(at, "stage", *previous, version=uid, stage=stage, **{"needs": 0, "keep": False, **more})


def approved(at: int, uid: str, author: str, *previous: str, verdict: str = "approve") -> Document:
    return event(at, "approval", *previous, author=author, version=uid, stage="Production", verdict=verdict)


def fold(*events: Document, claims: object = ((1, ONE), (2, TWO)), **more: Any) -> ModelState:
    return fold_model("churn", [version(ONE, 1), version(TWO, 2)], claims, events, **more)  # type: ignore[arg-type]


uids = st.sampled_from([ONE, TWO, THREE])
stages = st.sampled_from(["None", "Staging", "Production", "Archived"])
people = st.sampled_from([ADA, BEN, CHI])
times = st.integers(0, 9)
sound = st.one_of(
    st.builds(
        lambda at, who, uid: event(at, "alias", author=who, alias="champion", version=uid),
        times, people, st.one_of(st.none(), uids),
    ),
    st.builds(
        lambda at, who, uid, stage, needs, keep: event(
            at, "stage", author=who, version=uid, stage=stage, needs=needs, keep=keep
        ),
        times, people, uids, stages, st.integers(0, 2), st.booleans(),
    ),
    st.builds(
        lambda at, who, uid, stage, verdict: event(
            at, "approval", author=who, version=uid, stage=stage, verdict=verdict
        ),
        times, people, uids, stages, st.sampled_from(["approve", "reject"]),
    ),
    st.builds(lambda at, uid, kind: event(at, kind, version=uid), times, st.one_of(st.none(), uids),
              st.sampled_from(["delete", "restore"])),
    st.builds(lambda at, uid, value: event(at, "tag", version=uid, tags={"a": value}), times, uids, st.integers(0, 2)),
    st.builds(lambda at, uid, value: event(at, "metrics", version=uid, metrics={"auc": value}), times, uids, times),
    st.builds(lambda at: event(at, "of a later gtrack", version=ONE), times),
)  # fmt: skip
claims = st.lists(st.tuples(st.integers(1, 4), uids), max_size=6)
settled = st.builds(
    lambda at, loser, stands, number, other: event(
        at, "number", version=loser, number=other, instead_of=number, stands=stands
    ),
    times, uids, uids, st.integers(1, 4), st.integers(5, 7),
)  # fmt: skip
events = st.lists(st.one_of(sound, settled), max_size=10)
registered = st.lists(st.builds(version, uids, times), max_size=4, unique_by=lambda each: each.uid)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from([ONE, "Production"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)


@given(registered, claims, events, st.randoms())
def test_the_fold_does_not_depend_on_order_or_repetition(made, some, said, chance):  # type: ignore[no-untyped-def]
    shuffled = [[*part, *part[:2]] for part in (made, some, said)]
    for part in shuffled:
        chance.shuffle(part)
    assert fold_model("churn", *shuffled) == fold_model("churn", made, some, said)


@given(registered, claims, events, events)
def test_it_is_a_function_of_the_union_however_the_files_came_together(made, some, ours, theirs):  # type: ignore[no-untyped-def]
    whole = fold_model("churn", made, some, [*ours, *theirs])
    assert whole == fold_model("churn", made[::-1], [*some, *some], [*theirs, *ours, *theirs])
    names = {doc.name for doc in (*ours, *theirs) if doc.body["kind"] in MODEL_FIELDS}
    assert names == {entry.file for entry in whole.history if entry.kind != "registered"}, "no event is lost"


@given(registered, claims, events, st.integers(0, 9))
def test_what_lies_beyond_the_horizon_is_listed_and_counts_for_nothing(made, some, said, at):  # type: ignore[no-untyped-def]
    horizon = stamp(START + at)
    seen = fold_model("churn", made, some, said, horizon=horizon)
    now = [doc for doc in said if doc.stamp <= horizon]
    assert set(seen.future) == {doc.name for doc in said} - {doc.name for doc in now}
    assert {**seen.to_dict(), "future": None} == {**fold_model("churn", made, some, now).to_dict(), "future": None}


@given(claims, st.lists(settled, max_size=4))
def test_a_number_names_one_version_or_none_and_a_version_has_one(some, said):  # type: ignore[no-untyped-def]
    found = fold_numbers(some, sorted(said, key=lambda doc: doc.order))
    assert sorted(found.by_uid.values()) == sorted(found.by_number)
    assert {uid: number for number, uid in found.by_number.items()} == found.by_uid
    assert all((number, uid) in some for number, uid in found.by_number.items())
    assert not set(found.contested) & set(found.by_number)
    assert all(found.next > number for number, _ in some)


@given(claims, st.integers(0, 5))
def test_a_new_claim_of_the_next_number_changes_no_number_that_was_there(some, many):  # type: ignore[no-untyped-def]
    before = fold_numbers(some)
    fresh = [(before.next + at, f"{at:032x}") for at in range(many)]
    after = fold_numbers([*some, *fresh])
    assert after.by_uid == {**before.by_uid, **{uid: number for number, uid in fresh}}


def test_of_two_claims_of_one_number_neither_counts_until_somebody_settles_it() -> None:
    both = [(1, ONE), (1, TWO)]
    state = fold(claims=both)
    assert [each.number for each in state.every] == [None, None]
    assert state.numbers.contested == {1: (ONE, TWO)}
    assert "version 1 is claimed by ~1111111 and ~2222222" in state.problems[0]
    first = event(5, "number", version=TWO, number=2, instead_of=1, stands=ONE)
    later = event(6, "number", version=ONE, number=3, instead_of=1, stands=TWO)
    settled = fold(later, first, claims=[*both, (2, TWO), (3, ONE)])
    assert settled.numbers.by_uid == {ONE: 1, TWO: 2}, "the first word counts"
    assert not settled.problems


def test_of_several_claims_the_lowest_is_kept_and_the_others_are_void_for_ever() -> None:
    state = fold(claims=[(2, ONE), (5, ONE), (5, TWO), (3, TWO)])
    assert state.numbers.by_uid == {ONE: 2, TWO: 3}
    assert state.numbers.next == 6
    assert state.numbered(5) is None


def test_without_a_remote_versions_have_numbers_here_after_the_highest_claim() -> None:
    state = fold(claims=[(4, TWO)], local=True)
    assert [(each.label, each.name) for each in state.every] == [("4", "churn/4"), ("5 (local)", "churn/5")]
    assert state.numbered(5) == state.every[1]
    assert [each.label for each in fold(claims=[(4, TWO)]).every] == ["4", "~1111111"]


def test_an_alias_points_where_it_was_pointed_last_and_its_past_is_known() -> None:
    said = [event(1, "alias", alias="champion", version=ONE), event(3, "alias", alias="champion", version=TWO)]
    state = fold(*said, event(5, "alias", alias="old", version=ONE), event(6, "alias", alias="old", version=None))
    assert state.aliases == {"champion": TWO}
    assert state.every[1].aliases == ("champion",)
    assert [state.alias_at("champion", START + at) for at in (0, 1, 2, 3)] == [None, ONE, ONE, TWO]


def test_a_promotion_makes_room_and_can_keep_the_others() -> None:
    state = fold(promoted(1, ONE), promoted(3, TWO))
    assert [each.stage for each in state.every] == ["Archived", "Production"]
    assert [[each.uid for each in state.in_stage("Production", at=START + at)] for at in (0, 1, 2, 3)] == [
        [], [ONE], [ONE], [TWO],
    ]  # fmt: skip
    assert [change.replaced_by for change in state.stage_changes] == [None, TWO, None]
    both = fold(promoted(1, ONE), promoted(3, TWO, keep=True))
    assert [each.uid for each in both.in_stage("Production")] == [TWO, ONE]


def test_a_promotion_waits_for_approvals_of_others() -> None:
    asked = promoted(3, ONE, needs=1, author=BEN)
    for who in (ADA, BEN):  # the version's author, the promoter
        waiting = fold(asked, approved(4, ONE, who))
        assert (waiting.every[0].stage, len(waiting.pending)) == ("None", 1)
    done = fold(asked, approved(5, ONE, CHI))
    assert (done.every[0].stage, done.pending) == ("Production", ())
    assert (done.stage_changes[0].time, done.stage_changes[0].approved) == (START + 5, (CHI,))
    before = fold(approved(1, ONE, CHI), asked)
    assert before.stage_changes[0].time == START + 3, "given before, it counts at once"
    twice = fold(promoted(3, ONE, needs=2), approved(4, ONE, CHI), approved(5, ONE, "Other Chi <CHI@example.org>"))
    assert twice.pending[0].approved == ("Other Chi <CHI@example.org>",), "one person counts once"


def test_who_rejects_ends_what_waits_and_counts_no_more() -> None:
    asked = promoted(3, ONE, needs=1, author=BEN)
    ended = fold(asked, approved(4, ONE, CHI, verdict="reject"), approved(5, ONE, "Di <di@example.org>"))
    assert (ended.every[0].stage, ended.pending) == ("None", ())
    doubtful = fold(approved(1, ONE, CHI), approved(2, ONE, CHI, verdict="reject"), asked)
    assert len(doubtful.pending) == 1
    too_late = fold(asked, approved(4, ONE, CHI), approved(5, ONE, CHI, verdict="reject"))
    assert too_late.every[0].stage == "Production"


def test_another_promotion_of_the_same_version_takes_the_place_of_one_that_waits() -> None:
    state = fold(promoted(3, ONE, needs=1), promoted(4, ONE, "Staging"), approved(5, ONE, CHI))
    assert (state.every[0].stage, state.pending) == ("Staging", ())


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        (("alias", {"alias": "champion", "version": ONE}), ("alias", {"alias": "champion", "version": TWO}),
         "alias champion"),
        (("stage", {"version": ONE, "stage": "Production"}), ("stage", {"version": TWO, "stage": "Production"}),
         "stage Production"),
        (("stage", {"version": ONE, "stage": "Archived"}), ("stage", {"version": ONE, "stage": "None"}),
         "version 1111111"),
        (("delete", {"version": ONE}), ("restore", {"version": ONE}), "deletion 1111111"),
        (("describe", {"version": None, "description": "a"}), ("describe", {"version": None, "description": "b"}),
         "description"),
        (("tag", {"version": ONE, "tags": {"a": 1}}), ("tag", {"version": ONE, "tags": {"a": 2}}), "tag 1111111 a"),
    ],
)  # fmt: skip
def test_what_was_changed_at_once_and_differently_is_told_until_an_event_comes_after_both(one, other, what):  # type: ignore[no-untyped-def]
    first = event(1, "note", version=None, text="made")
    sides = [event(at, kind, first.name, **said) for at, (kind, said) in ((2, one), (3, other))]
    state = fold(first, *sides)
    assert state.concurrent == (what,)
    assert [choice.event for choice in state.conflicts[0].choices] == [side.name for side in sides]
    settling = event(4, other[0], *(side.name for side in sides), **other[1])
    assert fold(first, *sides, settling).concurrent == ()
    ordered = event(3, other[0], sides[0].name, **other[1])
    assert fold(first, sides[0], ordered).concurrent == ()


def test_two_promotions_that_replace_nobody_and_the_same_change_twice_are_no_conflict() -> None:
    assert fold(promoted(1, ONE, keep=True), promoted(2, TWO, keep=True)).concurrent == ()
    assert fold(promoted(1, ONE), promoted(2, ONE)).concurrent == ()


def test_an_approval_that_completes_a_promotion_competes_with_another_promotion() -> None:
    asked = promoted(1, ONE, needs=1)
    done = approved(2, ONE, CHI, asked.name)
    state = fold(asked, done, promoted(3, TWO, "Production", asked.name))
    assert state.concurrent == ("stage Production",)


def test_what_an_event_says_that_cannot_be_is_named_and_changes_nothing() -> None:
    wrong = [event(1, "alias", alias="latest", version=ONE), promoted(2, ONE, "Live"), promoted(3, ONE, needs=-1),
             event(4, "approval", version=ONE, stage="Production", verdict="maybe"), event(5, "deployed", version=ONE),
             event(6, "metrics", version=ONE, metrics={"auc": "high"}),
             event(7, "delete", version="churn/1")]  # fmt: skip
    state = fold(*wrong)
    assert len(state.problems) == 7
    assert state.every == fold().every
    assert "its alias is not an alias" in state.problems[0]
    assert len(latest_model_events(wrong)) == 7


@pytest.mark.parametrize(
    "more",
    [{"model": "other"}, {"digest": "ab" * 32}, {"files": []}, {"files": [{"path": "x"}]}, {"run": "3f"},
     {"path": 3}, {"format": 2}],
)  # fmt: skip
def test_a_document_that_is_not_what_it_says_is_named_and_is_no_version(more: dict[str, object]) -> None:
    state = fold_model("churn", [version(ONE, **more)], [(1, ONE)], [])
    assert (state.every, len(state.problems)) == ((), 1)


@given(st.lists(st.dictionaries(st.sampled_from(["kind", "previous", "author", "version", "stage", "alias"]), anything,
                                max_size=6), max_size=5),
       st.sampled_from(sorted(MODEL_FIELDS)))  # fmt: skip
def test_no_body_breaks_the_fold(bodies: list[dict[str, object]], kind: str) -> None:
    docs = [Document("event", f"events/{at}", {"kind": kind, **body}, stamp(START + at))
            for at, body in enumerate(bodies)]  # fmt: skip
    state = fold_model("churn", [version(ONE)], [], docs)
    state.to_dict()
    assert [entry.to_dict() for entry in state.history]
    latest_model_events(docs)


@given(st.dictionaries(st.sampled_from(["format", "uid", "model", "run", "path", "digest", "files"]), anything))
def test_no_document_of_a_version_breaks_the_fold(body: dict[str, object]) -> None:
    fold_model("churn", [VersionDocument(ONE, {**version(ONE).body, **body})], [], []).to_dict()


def test_deleting_hides_and_restoring_shows_again_and_what_was_said_adds_up() -> None:
    said = [event(1, "delete", version=ONE), event(2, "metrics", version=TWO, metrics={"auc": 0.9, "f1": 0.5}),
            event(3, "metrics", version=TWO, metrics={"auc": 0.8}), event(4, "tag", version=TWO, tags={"a": 1, "b": 2}),
            event(5, "tag", version=TWO, tags={"a": None}), event(6, "note", version=TWO, text="hm"),
            event(7, "deployed", version=TWO, endpoint="https://a"), event(8, "describe", version=TWO, description="d"),
            event(9, "delete", version=None)]  # fmt: skip
    state = fold(*said)
    two = state.every[1]
    assert (state.deleted, [each.uid for each in state.versions]) == (True, [TWO])
    assert (two.metrics, two.tags, two.description) == ({"auc": 0.8, "f1": 0.5}, {"b": 2}, "d")
    assert (two.notes[0].text, two.deployments[0].endpoint) == ("hm", "https://a")
    assert (state.updated, state.author, len(state.history)) == (START + 9, ADA, 11)
    assert fold(*said, event(10, "restore", version=None), event(11, "restore", version=ONE)).versions[0].uid == ONE


def test_an_event_that_was_copied_from_another_model_means_nothing() -> None:
    said = {"format": 1, "model": "fraud", "kind": "delete", "version": None, "author": "Ada L <ada@example.org>"}
    state = fold_model("churn", [], [], [Document("event", "events/x", said, "20261121T142530.123456Z")])
    assert not state.deleted
    assert state.problems == ("events/x: it is of another model",)
