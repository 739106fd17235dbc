"""Registered versions in words: whatever stands in the files, each thing that happened is one safe line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.clock import iso, stamp
from gtrack.display.model_facts import model_rows, signature_text, version_rows
from gtrack.display.model_history import remarks, sentence
from gtrack.display.model_waiting import waiting
from gtrack.display.model_words import called, conflict_todo, conflict_words, people, standing, who
from gtrack.ids import sha12
from gtrack.model.fold import Document
from gtrack.model.registered import ModelFile, VersionDocument, digest_of
from gtrack.model.registry import ModelState, fold_model
from gtrack.model.version_name import STAGES
from gtrack.text import clean

START = 1_795_000_000_000_000
ONE, TWO = "1" * 32, "2" * 32
ADA, BEN = "Ada L <ada@example.org>", "Ben <ben@example.org>"
HOSTILE = "evil\x1b[2J\x07\u202e\nsecond line"


def version(uid: str, **more: object) -> VersionDocument:
    files = (ModelFile("MLmodel", 3, "ab" * 32),)
    body: dict[str, object] = {
        "format": 1, "model": "churn", "uid": uid, "run": None, "path": "model", "digest": digest_of(files),
        "files": [file.to_dict() for file in files], "registered": iso(START), "author": ADA,
    }  # fmt: skip
    return VersionDocument(uid, body | more)


def event(at: int, kind: str, *, author: str = ADA, previous: tuple[str, ...] = (), **fields: Any) -> Document:
    body = {"format": 1, "kind": kind, **fields, "author": author, "previous": list(previous)}
    moment = stamp(START + 1 + at)
    return Document("event", f"events/{moment}-{sha12(repr(body).encode())}.yaml", body, moment)


def fold(*events: Document, claims: object = ((1, ONE), (2, TWO)), **more: object) -> ModelState:
    return fold_model("churn", [version(ONE, **more), version(TWO)], claims, events)  # type: ignore[arg-type]


def last(*events: Document) -> str:
    state = fold(*events)
    return sentence(state, state.history[-1])


def test_each_kind_of_event_is_a_sentence():
    up = event(0, "stage", version=ONE, stage="Production", needs=0, keep=False)
    asked = event(0, "stage", version=ONE, stage="Production", needs=2, keep=False)
    yes = {"version": ONE, "stage": "Production", "verdict": "approve"}
    ben, chi = event(1, "approval", author=BEN, **yes), event(2, "approval", author="Chi <chi@example.org>", **yes)
    then = event(2, "stage", version=ONE, stage="Production", needs=1)
    no = event(3, "approval", author=BEN, version=ONE, stage="Production", verdict="reject")
    for events, said in (
        ((), "registered v2 from model"),
        ((event(0, "alias", alias="champion", version=ONE),), "champion is v1"),
        ((event(0, "alias", alias="champion", version="3" * 32),), "champion is ~3333333"),
        ((up,), "promoted v1 to Production"),
        (
            (up, event(1, "stage", version=TWO, stage="Production", needs=0, keep=False)),
            "promoted v2 to Production, v1 is archived",
        ),
        ((asked,), "asked for v1 to come into Production: 2 approvals to wait for"),
        ((asked, ben), "approved v1 for Production: 1 of 2 approvals"),
        ((asked, ben, chi), "approved v1 for Production: v1 is in Production"),
        ((asked, ben, no), "rejected v1 for Production: the promotion ended"),
        ((ben, then), "promoted v1 to Production (approved by Ben)"),
        ((event(0, "note", version=None, text="hello"),), "note on the model: hello"),
        ((event(0, "deployed", version=ONE, endpoint="https://x"),), "deployed v1 at https://x"),
        ((event(0, "metrics", version=ONE, metrics={"auc": 0.5}),), "measured v1: auc=0.5"),
        ((event(0, "tag", version=ONE, tags={"a": "b", "c": None}),), "tagged v1: a=b, c taken away"),
        ((event(0, "describe", version=ONE, description=None),), "took away the description of v1"),
        ((event(0, "delete", version=None),), "deleted the model"),
        ((event(0, "restore", version=TWO),), "restored v2"),
    ):  # fmt: skip
        assert last(*events) == said


def test_numbers_that_two_versions_claimed():
    settled = event(0, "number", version=TWO, number=2, instead_of=1, stands=ONE)
    state = fold(settled, claims=((1, ONE), (1, TWO), (2, TWO)))
    assert sentence(state, state.history[-1]) == "two versions claimed number 1: v1 keeps it, v2 has 2"
    contested = fold(claims=((1, ONE), (1, TWO)))
    (each,) = waiting([contested], shared=True)
    assert (each.kind, each.text, each.todo) == (
        "contested", "churn/1 is claimed by ~1111111 and ~2222222: it names neither", "gtrack push",
    )  # fmt: skip
    assert [each.kind for each in waiting([fold(claims=((1, ONE),))], shared=True)] == ["number"]
    assert waiting([fold(claims=((1, ONE),))], shared=False) == []


def test_why_and_against_which_rule():
    bypass = {"reason": "hotfix", "violations": [{"rule": "models.churn.require", "message": "val_auc is 0.7"}]}
    state = fold(event(0, "stage", version=ONE, stage="Staging", needs=0, reason="it burns", bypass=bypass))
    assert remarks(state.history[-1]) == [
        '"it burns"', "the policy was passed over: hotfix", "  models.churn.require: val_auc is 0.7",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "two", "what", "todo"),
    [
        (
            {"kind": "alias", "alias": "champion", "version": ONE},
            {"kind": "alias", "alias": "champion", "version": TWO},
            "alias champion: v1 by Ada L, v2 by Ben; the last one stands meanwhile",
            "gtrack model alias churn champion VERSION",
        ),
        (
            {"kind": "stage", "version": ONE, "stage": "Production", "needs": 0},
            {"kind": "stage", "version": TWO, "stage": "Production", "needs": 0},
            "stage Production: v1 by Ada L, v2 by Ben; the last one stands meanwhile",
            "gtrack model promote churn/VERSION production",
        ),
        (
            {"kind": "delete", "version": ONE},
            {"kind": "restore", "version": ONE},
            "deletion 1111111: delete by Ada L, restore by Ben; the last one stands meanwhile",
            "gtrack model restore churn/1",
        ),
        (
            {"kind": "tag", "version": None, "tags": {"a": 1}},
            {"kind": "tag", "version": None, "tags": {"a": 2}},
            "tag a: 1 by Ada L, 2 by Ben; the last one stands meanwhile",
            "gtrack model tag churn KEY=VALUE",
        ),
    ],
)
def test_what_two_clones_disagree_about(one, two, what, todo):
    state = fold(event(0, author=ADA, **one), event(1, author=BEN, **two))
    (conflict,) = state.conflicts
    assert (conflict_words(state, conflict), conflict_todo(state, conflict)) == (what, todo)


def test_names():
    staging = event(0, "stage", version=ONE, stage="Staging", needs=0)
    state = fold(staging, event(1, "stage", version=ONE, stage="Production", needs=2))
    assert (who(ADA), who(""), people([ADA]), people([ADA, BEN])) == ("Ada L", "somebody", "Ada L", "Ada L and Ben")
    assert [called(version) for version in state.versions] == ["v1", "v2"]
    assert standing(state.versions[0]) == "Staging, Production waits for 2 of 2 approvals"
    columns = (
        '[{"type": "long", "name": "age"}, {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}]'
    )
    assert signature_text(columns) == "age: long, float64[-1, 3]"
    assert signature_text("{") == "{"


texts = st.one_of(st.just(HOSTILE), st.text(max_size=20))
values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.lists(texts, max_size=2))
uids = st.sampled_from([ONE, TWO, "3" * 32])
events = st.builds(
    lambda at, kind, author, fields, version: event(at, kind, author=author, **fields, version=version),
    st.integers(0, 9),
    st.sampled_from(["alias", "stage", "approval", "note", "deployed", "metrics", "tag", "describe", "number", "odd"]),
    st.one_of(st.sampled_from([ADA, BEN]), texts),
    st.fixed_dictionaries(
        {
            "alias": st.just("champion"),
            "stage": st.sampled_from(STAGES),
            "verdict": st.sampled_from(["approve", "reject"]),
            "text": texts, "endpoint": texts, "description": st.one_of(st.none(), texts), "reason": texts,
            "metrics": st.dictionaries(texts, st.floats(), max_size=2),
            "tags": st.dictionaries(texts, values, max_size=2),
            "bypass": st.dictionaries(st.sampled_from(["reason", "violations"]), values),
            "number": st.integers(1, 3), "instead_of": st.integers(1, 3), "stands": uids,
        },
        optional={"needs": st.integers(0, 2), "keep": st.booleans(), "rollback": st.booleans()},
    ),
    st.one_of(st.none(), uids),
)  # fmt: skip


@given(st.lists(events, max_size=8), texts, values)
def test_nothing_in_the_files_breaks_a_line(found, description, signature):
    state = fold(*found, description=description, gate={"condition": description}, signature={"inputs": signature})
    lines = [sentence(state, entry) for entry in state.history]
    lines += [line for entry in state.history for line in remarks(entry)]
    rows = [*model_rows(state), *(row for each in state.every for row in version_rows(each, None, START))]
    lines += [part for row in rows for part in row]
    lines += [part for each in waiting([state], shared=True) for part in (each.text, each.todo)]
    assert [line for line in lines if clean(line) != line] == []
