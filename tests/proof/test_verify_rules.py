"""The rules on what anybody may have written: nothing that stands in an event makes them fall over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signers import call, git

from gtrack.branch.signature_check import Signature, Verdict
from gtrack.model.policy import parse_policy
from gtrack.ops.signatures import FileSignatures, address_in
from gtrack.ops.verify_demands import Demands, is_among
from gtrack.ops.verify_records import ModelRecords, Problem, Record
from gtrack.ops.verify_result import Chain
from gtrack.ops.verify_rules import Pins, approvals_of, event_problems

UID, RUN = "9c1d" * 8, "3f2a" * 8
DEMANDS = Demands(
    parse_policy({"models": {"*": {"signed": True, "production": {"approvals": 2, "approvers": ["b@*", "c@*"]}}}}),
    "gtrack.yaml at main",
)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.just(UID)
    | st.sampled_from(["Production", "approve"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("kind", "author", "version", "stage", "verdict", "needs", "pins", "bypass", "rollback", "previous", "reason")


def event(by: str, number: int = 0, worth: Verdict | None = "good", **body: object) -> Record:
    """Return an event by somebody."""
    said = {"author": f"{by} <{by}@example.org>", "version": UID, "stage": "Production", **body}
    about = said["version"] if isinstance(said["version"], str) else ""
    name = f"events/2026112{number}T142530.123456Z-0123456789ab.yaml"
    path = f"models/churn/{name}"
    best = None if worth is None else Signature(worth, f"{by}@example.org", "SHA256:x")
    stamp = f"2026112{number}T142530.123456Z"
    return Record(path, "model", name, f"{number}", b"", said, stamp, about, FileSignatures(path, best))


def records(*events: Record) -> ModelRecords:
    """Return a model with one version, registered by A."""
    body = {"author": "A <a@example.org>", "run": RUN}
    version = Record(f"models/churn/versions/{UID}.yaml", "version", f"versions/{UID}.yaml", "v", b"v", body, uid=UID)
    return ModelRecords("churn", {UID: version}, {each.path: each for each in events})


def rules(problems: list[Problem]) -> set[str]:
    """Return the rules that are broken."""
    return {problem.rule for problem in problems if not problem.warning}


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, PLAIN)), max_size=4))
def test_any_event_is_judged_without_an_error(bodies: list[dict[str, object]]) -> None:
    events = []
    for number, body in enumerate(bodies):
        made = event("b", number)
        made.body = {**made.body, **body}
        events.append(made)
    model = records(*events)
    pins = Pins(lambda _: b"run")
    for each in events:
        list(event_problems(model, each, DEMANDS, pins))
        approvals_of(model, each, DEMANDS, pins)
        json.dumps([vars_of(problem) for problem in event_problems(model, each, DEMANDS, pins, allow_bypass=True)])


def vars_of(problem: Problem) -> list[object]:
    """Return what a problem says."""
    return [problem.path, problem.rule, problem.what, problem.hint, problem.warning]


def test_approvals_are_counted_once_a_person_and_after_rejections() -> None:
    pins = Pins(lambda _: None)
    promotion = event("d", 1, kind="stage", needs=2)
    by_b = event("b", 2, kind="approval", verdict="approve")
    again = event("b", 3, kind="approval", verdict="approve")
    by_c = event("c", 4, kind="approval", verdict="approve")
    own = event("a", 5, kind="approval", verdict="approve")
    stranger = event("e", 6, kind="approval", verdict="approve")
    model = records(promotion, by_b, again, by_c, own, stranger)
    assert [each.person for each in approvals_of(model, promotion, DEMANDS, pins)] == ["b@example.org", "c@example.org"]
    assert rules(list(event_problems(model, own, DEMANDS, pins))) == {"author", "approvers"}
    assert rules(list(event_problems(model, stranger, DEMANDS, pins))) == {"approvers"}
    rejected = event("c", 7, kind="approval", verdict="reject")
    model = records(promotion, by_b, by_c, rejected)
    assert [each.person for each in approvals_of(model, promotion, DEMANDS, pins)] == ["b@example.org"]


def test_a_rollback_needs_no_approval_where_the_version_was_there_before() -> None:
    pins = Pins(lambda _: None)
    promotion = event("d", 1, kind="stage", needs=1)
    approval = event("b", 2, kind="approval", verdict="approve")
    back = event("d", 3, kind="stage", needs=0, rollback=True)
    assert not rules(list(event_problems(records(promotion, approval, back), back, DEMANDS, pins)))
    assert rules(list(event_problems(records(promotion, back), back, DEMANDS, pins))) == {"approvals"}
    assert rules(list(event_problems(records(back), back, DEMANDS, pins))) == {"approvals"}


@pytest.mark.parametrize(
    ("verdict", "broken"),
    [
        ("good", set()),
        (None, {"signed"}),
        ("other", {"signer"}),
        ("stranger", {"signed"}),
        ("unchecked", {"signed"}),
        ("bad", {"signed"}),
    ],
)
def test_signatures_where_they_are_demanded_and_where_not(verdict: Verdict | None, broken: set[str]) -> None:
    pins = Pins(lambda _: None)
    note = event("b", 1, verdict, kind="note", text="x", stage=None)
    assert rules(list(event_problems(records(note), note, DEMANDS, pins))) == broken
    free = list(event_problems(records(note), note, Demands(), pins))
    assert rules(free) == (broken if verdict in ("other", "bad") else set())
    assert bool([each for each in free if each.warning]) == (verdict in ("stranger", "unchecked"))


def test_addresses_are_compared_without_their_case_and_by_patterns() -> None:
    assert address_in("Ada L <Ada@Example.org>") == "Ada@Example.org"
    assert address_in("Ada L") == address_in(None) == ""
    assert is_among("Ada@Example.org", ("ada@*",))
    assert is_among("x", None)
    assert not is_among("mallory@example.org", ("ada@*",))


def test_a_chain_stops_growing_and_counts_on() -> None:
    chain = Chain()
    for number in range(6000):
        chain.broken("altered", str(number), "x")
        chain.broken("altered", "0", "x")
    found = chain.result("churn/3")
    assert len(found.links) == 5001
    assert found.links[-1].text == "1,000 more are not listed"
    assert not found.ok


class TestCommand:
    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """An empty repository."""
        git("init", "-q", ".", cwd=tmp_path)
        return tmp_path

    @pytest.mark.parametrize(
        ("args", "code", "words"),
        [
            (["--repo", "."], 2, "go with --range"),
            (["last", "--range", "a..b"], 2, "checks a push"),
            (["--sign"], 2, "needs to know what to sign"),
            (["--range", "nothing"], 2, "is not a range"),
            (["nobody"], 3, "nobody"),
            (["models:/churn/3"], 3, "there is no model"),
            (["churn@champion"], 3, "there is no model"),
        ],
    )
    def test_wrong_use_is_told(self, place: Path, args: list[str], code: int, words: str) -> None:
        said = call(place, "verify", *args)
        assert said.code == code
        assert words in said.err

    def test_an_empty_repository_has_nothing_to_be_broken(self, place: Path) -> None:
        assert call(place, "verify").code == 0
        assert call(place, "verify", "--quiet").out == ""

    def test_the_forms_of_output(self, place: Path) -> None:
        assert call(place, "log", "loss=0.5").code == 0
        said = json.loads(call(place, "verify", "last", "--json").out)
        assert said["verdict"] == "sound"
        assert call(place, "verify", "last", "--csv").out.startswith("state,kind,name,text,hint\n")
        assert call(place, "verify", "last", "--md").out.startswith("| STATE |")
