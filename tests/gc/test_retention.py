"""The policy in ``gtrack.yaml``: every rule does what it says, and what cannot be followed is shown with its place."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gtrack.errors import UsageError
from gtrack.model.keeping import Fate, Known, decide, over_age
from gtrack.model.retention import DAY, GRACE, Policy, Rules, parse_age, parse_policy, shown_age

NOW = 1_800_000_000_000_000
WHOLE = {
    "keep": {"registered": True, "newest": "90d", "best": 10, "tagged": ["paper", "keep"]},
    "failed": "30d",
    "archive_experiments": "26w",
    "experiments": {"churn-*": {"best": 20}, "churn-old": {"keep": {"newest": "1y"}, "failed": "never"}},
}


def run(days, **more):
    return Known("a" * 32, moment=NOW - int(days * DAY * 1e6), **more)


def fate(policy, known, **more):
    return decide([known], parse_policy(policy), now_us=NOW, grace=GRACE, **more)[known.id].fate


def test_every_rule_is_read():
    policy = parse_policy(WHOLE, "gtrack.yaml at origin/main (15f61e3)")
    assert policy.rules == Rules(90 * DAY, 10, ("paper", "keep"), 30 * DAY, 182 * DAY)
    assert policy.rules_of("churn-2026") == Rules(90 * DAY, 20, ("paper", "keep"), 30 * DAY, 182 * DAY)
    assert policy.rules_of("churn-old") == Rules(365 * DAY, 20, ("paper", "keep"), math.inf, 182 * DAY)
    assert policy.lets_go


@pytest.mark.parametrize("said", [None, {}, {"keep": None}, {"keep": {"registered": True}}, {"failed": "never"}])
def test_a_policy_that_says_nothing_keeps_everything(said):
    policy = parse_policy(said)
    assert not policy.lets_go
    assert fate(said, run(10_000)) is Fate.KEEP
    assert fate(said, run(10_000, status="failed")) is Fate.KEEP


@pytest.mark.parametrize(
    ("said", "known", "expected"),
    [
        ({"keep": {"newest": "90d"}}, run(89), Fate.KEEP),
        ({"keep": {"newest": "90d"}}, run(91), Fate.DELETE),
        ({"keep": {"newest": "never"}}, run(9_999), Fate.KEEP),
        ({"keep": {"newest": "90d"}}, run(91, status="failed"), Fate.DELETE),
        ({"keep": {"newest": "90d", "best": 2}}, run(91, place=2), Fate.KEEP),
        ({"keep": {"newest": "90d", "best": 2}}, run(91, place=3), Fate.DELETE),
        ({"keep": {"newest": "90d", "best": 2}}, run(91), Fate.DELETE),
        ({"keep": {"newest": "90d", "best": 2}}, run(91, ranked=False), Fate.KEEP),
        ({"keep": {"newest": "90d", "best": 0}}, run(91, ranked=False), Fate.DELETE),
        ({"keep": {"newest": "90d", "best": 2}}, run(91, place=1, status="failed"), Fate.DELETE),
        ({"keep": {"newest": "90d", "tagged": "paper"}}, run(91, tags=frozenset({"paper"})), Fate.KEEP),
        ({"keep": {"newest": "90d", "tagged": "paper"}}, run(91, tags=frozenset({"other"})), Fate.DELETE),
        ({"failed": "30d"}, run(31, status="killed"), Fate.DELETE),
        ({"failed": "30d"}, run(29, status="preempted"), Fate.KEEP),
        ({"failed": "30d"}, run(9_999), Fate.KEEP),
        ({"failed": "30d"}, run(31, status="failed", named="registered as churn"), Fate.KEEP),
        ({"keep": {"newest": "1d"}, "failed": "1d"}, run(31, status="running"), Fate.KEEP),
        ({"keep": {"newest": "1d"}, "failed": "1d"}, run(31, status="lost"), Fate.KEEP),
        ({"keep": {"newest": "1d"}, "failed": "1d"}, run(31, live=True), Fate.KEEP),
        ({"keep": {"newest": "1d"}, "failed": "1d"}, Known("a" * 32), Fate.KEEP),
    ],
)
def test_each_rule_does_what_it_says(said, known, expected):
    assert fate(said, known) is expected


def test_what_a_run_that_can_still_be_restored_was_made_from_waits_for_it():
    long_ago, lately = NOW - int(20 * DAY * 1e6), NOW - int(2 * DAY * 1e6)
    base = Known("a" * 32, deleted=long_ago)
    user = Known("b" * 32, deleted=lately, from_runs=frozenset({base.id, "c" * 32}))
    verdicts = decide([base, user], Policy(), now_us=NOW, grace=GRACE)
    assert (verdicts[base.id].fate, verdicts[base.id].rule) == (Fate.WAIT, "needed")
    assert "run bbbbbbb, which can still be restored, was made from it" in verdicts[base.id].why
    assert decide([base], Policy(), now_us=NOW, grace=GRACE)[base.id].fate is Fate.PRUNE


def test_a_deleted_run_that_goes_on_elsewhere_is_not_final():
    deleted = Known("a" * 32, status="running", deleted=NOW - int(20 * DAY * 1e6))
    verdict = decide([deleted], Policy(), now_us=NOW, grace=GRACE)[deleted.id]
    assert (verdict.fate, verdict.why[1:]) == (Fate.WAIT, ("it is still being recorded",))
    lost = replace(deleted, status="lost")
    assert decide([lost], Policy(), now_us=NOW, grace=GRACE)[lost.id].fate is Fate.PRUNE


def test_runs_that_name_each_other_hold_nobody():
    long_ago = NOW - int(20 * DAY * 1e6)
    ids = ["a" * 32, "b" * 32]
    circle = [Known(ids[at], deleted=long_ago, from_runs=frozenset(ids)) for at in (0, 1)]
    verdicts = decide(circle, Policy(), now_us=NOW, grace=GRACE)
    assert {verdict.fate for verdict in verdicts.values()} == {Fate.PRUNE}


def test_an_experiment_is_over_when_its_newest_run_is_old_enough():
    policy = parse_policy({"archive_experiments": "180d", "experiments": {"live-*": {"archive": "never"}}})
    newest = {"old": NOW - int(200 * DAY * 1e6), "new": NOW, "live-x": 0}
    assert {name: round(age / DAY) for name, age in over_age(policy, newest, now_us=NOW).items()} == {"old": 200}
    assert over_age(Policy(), newest, now_us=NOW) == {}


@pytest.mark.parametrize(
    ("said", "line", "caret", "hint"),
    [
        ({"keep": {"newest": 90}}, "retention: {keep: {newest: 90}}", "90}}", "90d, 36h"),
        ({"keep": {"newest": "90 dayz"}}, 'retention: {keep: {newest: "90 dayz"}}', '"90', "90d, 36h"),
        ({"keep": {"newest": True}}, "retention: {keep: {newest: true}}", "true", "90d, 36h"),
        ({"keep": {"newest": "0d"}}, "retention: {keep: {newest: 0d}}", "0d", "90d, 36h"),
        ({"keep": {"bets": 3}}, "retention: {keep: {bets: 3}}", "bets", "did you mean best?"),
        ({"keep": {"newest": "9d", "best": "x"}}, "retention: {keep: {best: x}}", "x}}", "best: 10"),
        ({"keep": {"newest": "9d", "best": True}}, "retention: {keep: {best: true}}", "true", "best: 10"),
        ({"keep": {"best": 10}}, "retention: {keep: {best: 10}}", "keep", "add newest: 90d"),
        ({"keep": {"registered": False}}, "retention: {keep: {registered: false}}", "false", "always keeps"),
        ({"keep": {"newest": "9d", "tagged": 3}}, "retention: {keep: {tagged: 3}}", "3}}", "tagged: [paper, keep]"),
        ({"failed": ["x"]}, 'retention: {failed: ["x"]}', "[", "90d, 36h"),
        ({"experiments": {"a": {"best": 1}}}, "retention: {experiments: {a: {best: 1}}}", "a: {b", "add newest: 90d"),
        ({"experiments": {"a": 3}}, "retention: {experiments: {a: 3}}", "3", "write it like"),
        ({"experiments": [1]}, "retention: {experiments: [1]}", "[", "write it like"),
        ([], "retention: []", "[", "write it like"),
        ({"kepe": 1}, "retention: {kepe: 1}", "kepe", "did you mean keep?"),
        ({"x" * 500: 1}, "x" * 60, "xxx", "there are keep"),
        ({"\x1b[2J": 1}, r"retention: {", '"', "there are keep"),
    ],
)
def test_what_cannot_be_followed_is_shown_with_its_place(said, line, caret, hint):
    with pytest.raises(UsageError) as failure:
        parse_policy(said, "gtrack.yaml at HEAD (1234567)")
    message, shown, mark = failure.value.message.split("\n")
    assert message.startswith("gtrack.yaml at HEAD (1234567): retention")
    assert line in shown
    assert shown[mark.index("^") :].startswith(caret)
    assert hint in str(failure.value.hint)
    assert failure.value.message.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90d", 90 * DAY), ("36h", 1.5 * DAY), ("2w", 14 * DAY), ("1y", 365 * DAY), ("Never", math.inf)],
)
def test_ages_are_read(text, seconds):
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1 month", "1e9d", "9999999d", "\u0661d", None, 3, True])
def test_what_is_no_age_is_none(text):
    assert parse_age(text) is None


def test_ages_are_shown_in_words():
    shown = [shown_age(seconds) for seconds in (0.0, 10.0, 3600.0, DAY, 90 * DAY, math.inf)]
    assert shown == ["0 days", "under an hour", "1 hour", "1 day", "90 days", "for ever"]
