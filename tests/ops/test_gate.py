"""The gate: it fails exactly when the interval says so, and judges the right runs."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from spooling import git
from trained import AUC, Trained, make_trained

from gtrack.errors import NotFoundError, UsageError
from gtrack.index.filter import parse
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.experiments import set_protocol
from gtrack.ops.gate import compare_sides, count_runs, judge_condition, thresholds
from gtrack.ops.gate_question import Question, answer_question
from gtrack.ops.gate_result import Gate, Side, Threshold
from gtrack.reader import Repo

scipy_stats = pytest.importorskip("scipy.stats", reason="scipy comes with scikit-learn, which is not installed")

NOW = 1_796_000_000_000_000
UP, DOWN = Goal("max", "experiment"), Goal("min", "experiment")
samples = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=2, max_size=8)
bounds = st.floats(-100, 100).map(lambda x: round(x, 3))


def side(values, *, metric=AUC, label="HEAD@a3f91c2", status="finished"):
    """Runs with one value each; None for a run without it."""
    runs = [
        RunState(
            id=f"{number:032x}",
            name=f"run-{number}",
            experiment="churn",
            status=status,
            params={"depth": 6},
            metrics={} if value is None else {metric: MetricSummary.point(value, 0, 0)},
        )
        for number, value in enumerate(values, 1)
    ]
    return Side(label, tuple(runs))


def verdict(condition, runs, confidence=0.95):
    (part,) = thresholds(parse(condition))
    return judge_condition(part, runs, now_us=NOW, confidence=confidence).verdict


def spreads(values):
    return max(values) - min(values) > 0.01


@given(samples, bounds, st.sampled_from([">=", ">", "<=", "<"]), st.sampled_from([0.8, 0.95, 0.99]))
def test_a_bound_fails_exactly_when_the_whole_interval_is_on_the_wrong_side(values, bound, operator, confidence):
    assume(spreads(values))
    theirs = scipy_stats.ttest_1samp(values, 0).confidence_interval(confidence)
    assume(min(abs(theirs.low - bound), abs(theirs.high - bound)) > 1e-6)
    above, below = theirs.low > bound, theirs.high < bound
    right, wrong = (above, below) if operator[0] == ">" else (below, above)
    expected = "pass" if right else "fail" if wrong else "undecided"
    assert verdict(f"metrics.{AUC} {operator} {bound}", side(values), confidence) == expected


@given(samples, samples, st.floats(0, 50).map(lambda x: round(x, 3)), st.booleans(), st.sampled_from([0.8, 0.95]))
def test_a_comparison_fails_exactly_when_the_whole_worsening_is_beyond_the_tolerance(a, b, tolerance, up, confidence):
    assume(spreads(a) and spreads(b))
    theirs = scipy_stats.ttest_ind(a, b, equal_var=False).confidence_interval(confidence)
    low, high = (-theirs.high, -theirs.low) if up else (theirs.low, theirs.high)
    assume(min(abs(low - tolerance), abs(high - tolerance)) > 1e-6)
    expected = "fail" if low > tolerance else "pass" if high <= tolerance else "undecided"
    goal = UP if up else DOWN
    found = compare_sides(AUC, goal, side(a), side(b), tolerance=tolerance, confidence=confidence)
    assert found.verdict == expected


@given(samples, samples, st.floats(0, 50), st.floats(0, 50))
def test_more_tolerance_never_fails_what_passed(a, b, one, other):
    order = ["pass", "undecided", "fail"]
    low, high = sorted((one, other))
    strict, mild = (compare_sides(AUC, UP, side(a), side(b), tolerance=t).verdict for t in (low, high))
    assert order.index(mild) <= order.index(strict)


@given(samples, bounds)
def test_turned_round_a_sure_verdict_is_the_opposite(values, bound):
    one, other = (verdict(f"metrics.{AUC} {op} {bound}", side(values)) for op in (">=", "<"))
    assert (one, other) in {("pass", "fail"), ("fail", "pass"), ("undecided", "undecided")}


@pytest.mark.parametrize(
    ("value", "condition", "expected"),
    [
        (0.9, ">= 0.9", "pass"),
        (0.9, "> 0.9", "fail"),
        (0.9, "<= 0.9", "pass"),
        (0.9, "< 0.9", "fail"),
        (0.89, ">= 0.9", "fail"),
    ],
)
def test_of_one_run_the_plain_value_decides_and_so_it_is_without_spread(value, condition, expected):
    for values in ([value], [value] * 3):
        assert verdict(f"metrics.{AUC} {condition}", side(values)) == expected


@pytest.mark.parametrize(("tolerance", "expected"), [(0.0, "fail"), (0.25, "fail"), (0.5, "pass"), (1.0, "pass")])
def test_a_worsening_of_just_the_tolerance_is_right(tolerance, expected):
    assert compare_sides(AUC, UP, side([1.5]), side([2.0]), tolerance=tolerance).verdict == expected
    assert compare_sides(AUC, DOWN, side([2.0, 2.0]), side([1.5, 1.5]), tolerance=tolerance).verdict == expected


def test_an_improvement_passes_however_large():
    assert compare_sides(AUC, UP, side([0.99, 0.98]), side([0.1, 0.1])).verdict == "pass"


@pytest.mark.parametrize("bad", [None, math.nan])
def test_a_run_without_the_metric_or_with_nan_fails_and_is_named(bad):
    runs = side([0.95, bad, 0.96])
    (part,) = thresholds(parse(f"metrics.{AUC} >= 0.9"))
    for check in (judge_condition(part, runs, now_us=NOW), compare_sides(AUC, UP, runs, side([0.5, 0.6]))):
        assert check.verdict == "fail"
        assert "0000000" in check.problems[0]


@pytest.mark.parametrize("values", [[math.inf, 1.0], [math.inf, -math.inf], [-math.inf]])
def test_infinite_values_never_pass_what_they_do_not_reach(values):
    assert verdict(f"metrics.{AUC} <= 5", side(values)) == ("pass" if values == [-math.inf] else "fail")
    assert verdict(f"metrics.{AUC} >= 5", side([math.inf, math.inf])) == "pass"


def test_nan_of_the_reference_is_passed_over_but_nothing_to_compare_with_fails():
    assert compare_sides(AUC, UP, side([0.9]), side([math.nan, 0.8])).verdict == "pass"
    assert compare_sides(AUC, UP, side([0.9]), side([math.nan])).verdict == "fail"
    assert compare_sides(AUC, UP, side([0.9]), side([None])).verdict == "fail"


def test_a_conjunction_is_judged_part_by_part_and_a_range_by_its_ends():
    parts = thresholds(
        parse("metrics.a >= 0.9 AND (params.depth = 6 AND max(metrics.b) < 2) AND metrics.c BETWEEN 1 AND 2")
    )
    assert [(str(part.field), part.operator, part.bound) for part in parts if isinstance(part, Threshold)] == [
        ("metrics.a", ">=", 0.9),
        ("max(metrics.b)", "<", 2.0),
        ("metrics.c", ">=", 1.0),
        ("metrics.c", "<=", 2.0),
    ]
    assert str(parts[1]) == "params.depth = 6"


@pytest.mark.parametrize(
    "condition", ["params.depth = 6", f"metrics.{AUC} > 0.8 OR params.depth = 7", f"NOT metrics.{AUC} > 1"]
)
def test_any_other_condition_has_to_hold_of_every_run(condition):
    assert verdict(condition, side([0.9, 0.95])) == "pass"
    assert verdict(condition, Side("x", (*side([0.9]).runs, RunState("f" * 32, "odd", "churn", "finished")))) == "fail"


def test_too_few_runs_and_runs_that_did_not_finish_fail():
    good, bad = side([0.9, 0.9]), side([0.9], status="failed")
    assert count_runs([good, good], good, 2) == []
    (few,) = count_runs([good], good, 3)
    assert few.problems == ("has 2 finished runs, 3 wanted",)
    unfinished, none = count_runs([bad], bad, 1)
    assert "0000000 failed" in unfinished.problems[0]
    assert none.problems == ("has 0 finished runs, 1 wanted",)


def test_a_gate_is_as_good_as_its_worst_check_and_strict_about_what_is_undecided():
    runs = side([0.9, 0.92, 0.88])
    checks = {kind: judge_condition(Threshold(parse(f"metrics.{AUC} > 0").field, ">=", bound), runs, now_us=NOW)
              for kind, bound in (("pass", 0.5), ("undecided", 0.9), ("fail", 1.5))}  # fmt: skip
    assert all(check.verdict == kind for kind, check in checks.items())
    assert Gate((checks["pass"],), runs, strict=True).passed
    assert Gate((checks["pass"], checks["undecided"]), runs).passed
    assert not Gate((checks["pass"], checks["undecided"]), runs, strict=True).passed
    assert not Gate((checks["undecided"], checks["fail"]), runs).passed


# Which runs are judged.

GOOD, BAD = (0.910, 0.913, 0.908), (0.880, 0.877, 0.882)


@pytest.fixture
def trained(tmp_path) -> Trained:
    return make_trained(tmp_path / "repo")


def ask(repo: Repo, *conditions: str, **more):
    question = Question(tuple(map(parse, conditions)), **more)
    return answer_question(repo, question, now_us=NOW)


def train(trained, commit, values, **more):
    return [trained.run(commit, value, **more) for value in values]


def test_the_runs_of_head_are_compared_with_the_newest_earlier_commit_that_has_runs(trained):
    old, older, empty, head = trained.history(4)
    train(trained, old, BAD)
    train(trained, older, GOOD)
    train(trained, head, BAD)
    assert empty
    with trained.save() as repo:
        gate, notes = ask(repo, f"metrics.{AUC} >= 0.8", against="main", tolerance=0.005, min_runs=3)
    assert gate.reference.label == f"main@{older[:7]}"
    assert gate.candidate.label == f"HEAD@{head[:7]}"
    assert [check.verdict for check in gate.checks] == ["pass", "fail"]
    assert not gate.passed
    assert notes == [f"{AUC}: higher is better, by its name"]


def test_a_branch_that_is_at_the_remote_alone_is_found_there(trained):
    base, head = trained.history(2)
    train(trained, base, GOOD)
    train(trained, head, GOOD)
    git(trained.root, "remote", "add", "origin", "/nowhere")
    git(trained.root, "update-ref", "refs/remotes/origin/main", base)
    git(trained.root, "branch", "-m", "main", "feature")
    with trained.save() as repo:
        gate, _ = ask(repo, against="main", metrics=(AUC,))
    assert gate.reference.label == f"origin/main@{base[:7]}"
    assert gate.passed


def test_of_several_configurations_the_best_counts_on_both_sides(trained):
    base, head = trained.history(2)
    for lr, values in ((0.1, BAD), (0.2, GOOD)):
        train(trained, base, values, params={"lr": lr})
        train(trained, head, values[::-1], params={"lr": lr})
    with trained.save() as repo:
        gate, notes = ask(repo, f"metrics.{AUC} >= 0.9", against="main")
        assert gate.verdict == "undecided"  # the same on both sides: the interval lies around 0
        assert {run.params["lr"] for run in (*gate.candidate.runs, *gate.reference.runs)} == {0.2}
        assert sum("was run in 2 configurations" in note for note in notes) == 2


def compared(trained, **more):
    """What the runs of HEAD are compared with, and what is told of it."""
    with trained.save() as repo:
        gate, notes = ask(repo, against="main", metrics=(AUC,), **more)
    reference = gate.reference
    assert [check.reference for check in gate.checks if check.kind == "comparison"]
    return reference, [run.params["lr"] for run in reference.runs], [note for note in notes if "like those" in note]


def test_a_search_at_the_reference_is_not_held_against_a_single_configuration(trained):
    base, head = trained.history(2)
    for lr, values in ((0.1, BAD), (0.2, GOOD)):
        train(trained, base, values, params={"lr": lr})
    train(trained, head, BAD, params={"lr": 0.1})
    with trained.save() as repo:
        gate, notes = ask(repo, against="main", metrics=(AUC,), min_runs=3, tolerance=0.01)
    assert gate.passed
    assert {run.params["lr"] for run in gate.reference.runs} == {0.1}
    assert gate.reference.alike
    assert f"main@{base[:7]} was run in 2 configurations: that of HEAD@{head[:7]} counts" in notes


def test_commits_with_too_few_runs_like_the_candidates_are_passed_over(trained):
    old, few, lone, head = trained.history(4)
    train(trained, old, GOOD)
    train(trained, few, BAD[:2])
    trained.run(lone, 0.99, params={"lr": 7})
    train(trained, head, GOOD)
    reference, _, notes = compared(trained, min_runs=3)
    assert (reference.label, len(reference.runs), reference.alike) == (f"main@{old[:7]}", 3, True)
    assert notes == [f"main@{old[:7]} is the newest with 3 runs like those of HEAD@{head[:7]}"]


def test_a_newer_commit_that_was_run_otherwise_is_passed_over_and_named(trained):
    old, newer, head = trained.history(3)
    train(trained, old, BAD, params={"lr": 0.1})
    train(trained, newer, [0.9, 0.92], params={"lr": 0.2})
    train(trained, head, BAD, params={"lr": 0.1})
    reference, lrs, notes = compared(trained)
    assert (reference.label, set(lrs)) == (f"main@{old[:7]}", {0.1})
    assert notes == [
        f"main@{old[:7]} is the newest with a run like those of HEAD@{head[:7]}; "
        f"main@{newer[:7]} was run with lr=0.2, which came to 0.91"
    ]


def test_what_was_never_run_as_the_candidate_was_is_judged_by_its_best_configuration(trained):
    base, lone, head = trained.history(3)
    for lr, values in ((0.1, BAD), (0.2, GOOD)):
        train(trained, base, values, params={"lr": lr})
    trained.run(lone, 0.99, params={"lr": 7})
    train(trained, head, GOOD, params={"lr": 0.3, "depth": 6})
    reference, lrs, notes = compared(trained, min_runs=3)
    assert (reference.label, set(lrs), reference.alike) == (f"main@{base[:7]}", {0.2}, False)
    assert notes == [
        f"of the 2 commits that could be compared with, none has 3 runs like those of HEAD@{head[:7]}: "
        f"the best of 2 configurations of main@{base[:7]} counts, run with no depth, lr=0.2"
    ]


def test_where_no_commit_has_enough_runs_the_gate_fails_by_the_newest_like_the_candidates(trained):
    few, lone, head = trained.history(3)
    train(trained, few, GOOD[:2])
    trained.run(lone, 0.99, params={"lr": 7})
    train(trained, head, GOOD)
    with trained.save() as repo:
        gate, _ = ask(repo, against="main", metrics=(AUC,), min_runs=3)
    assert (gate.verdict, gate.checks[0].subject) == ("fail", f"main@{few[:7]}")
    assert gate.checks[0].problems == ("has 2 finished runs, 3 wanted",)


def test_a_configuration_below_the_floor_is_not_the_best_and_the_floor_is_a_condition(trained):
    (head,) = trained.history(1)
    for lr, values, precision in ((0.1, BAD, 0.9), (0.2, GOOD, 0.5)):
        for value in values:
            trained.run(head, value, params={"lr": lr}, metrics={"precision": [precision]})
    with trained.save() as repo:
        set_protocol(repo.repository, "churn", {"metric": AUC, "goal": "max", "floor": "metrics.precision >= 0.8"})
        gate, _ = ask(repo, f"metrics.{AUC} >= 0.8")
        assert {run.params["lr"] for run in gate.candidate.runs} == {0.1}
        assert [check.subject for check in gate.checks] == [AUC, "precision"]
        assert gate.passed
        only, _ = ask(repo, where=parse("params.lr = 0.2"))
        assert only.verdict == "fail"


def test_edited_code_does_not_count_unless_asked_for(trained):
    (head,) = trained.history(1)
    train(trained, head, GOOD, dirty=True)
    with trained.save() as repo:
        with pytest.raises(NotFoundError, match="edited code"):
            ask(repo, f"metrics.{AUC} >= 0.9")
        gate, _ = ask(repo, f"metrics.{AUC} >= 0.9", dirty=True)
        assert gate.passed


def test_a_failed_run_fails_the_gate_unless_it_is_left_out_on_purpose(trained):
    (head,) = trained.history(1)
    train(trained, head, GOOD)
    failed = trained.run(head, None, status="failed")
    with trained.save() as repo:
        gate, _ = ask(repo, f"metrics.{AUC} >= 0.9")
        assert [check.verdict for check in gate.checks] == ["fail", "pass"]
        assert failed[:7] in gate.checks[0].problems[0]
        gate, _ = ask(repo, f"metrics.{AUC} >= 0.9", where=parse("status = 'finished'"))
        assert gate.passed


def test_one_run_is_judged_by_itself_and_compared_with_a_run_and_those_that_repeat_it(trained):
    base, head = trained.history(2)
    reference = train(trained, base, GOOD)[1]
    train(trained, base, BAD, params={"lr": 0.5})
    bad = train(trained, head, BAD)[0]
    with trained.save() as repo:
        set_protocol(repo.repository, "churn", {"metric": AUC, "goal": "max", "baseline": reference})
        for against in ("baseline", reference[:10], f"run:{reference}"):
            gate, _ = ask(repo, run=bad, against=against)
            assert len(gate.candidate.runs) == 1
            assert len(gate.reference.runs) == 3
            assert not gate.passed


def test_what_cannot_be_answered_says_why(trained):
    old, head = trained.history(2)
    train(trained, head, GOOD)
    trained.run(head, 0.5, metric="odd")
    with trained.save() as repo:
        for error, pattern, asked in (
            (UsageError, "nothing to judge", {}),
            (UsageError, "no revision 'v9'", {"rev": "v9"}),
            (UsageError, "no revision '--all'", {"rev": "--all"}),
            (UsageError, "neither a revision here nor a run", {"against": "nowhere", "metrics": (AUC,)}),
            (UsageError, "has no baseline", {"against": "baseline", "metrics": (AUC,)}),
            (UsageError, "whether a higher or a lower 'odd' is better", {"against": "main", "metrics": ("odd",)}),
            (UsageError, "did you mean 'val_auc'", {"against": "main", "metrics": ("val_auk",)}),
            (NotFoundError, "has no runs", {"rev": old}),
            (NotFoundError, "no commit of main before HEAD", {"against": "main", "metrics": (AUC,)}),
            (NotFoundError, "no run that matches", {"where": parse("params.lr = 7")}),
        ):
            with pytest.raises(error, match=pattern):
                ask(repo, **asked)


def test_runs_of_two_experiments_have_to_be_told_apart(trained):
    (head,) = trained.history(1)
    train(trained, head, GOOD)
    train(trained, head, BAD, experiment="fraud")
    with trained.save() as repo:
        with pytest.raises(UsageError, match="2 experiments: churn, fraud"):
            ask(repo, f"metrics.{AUC} >= 0.9")
        assert ask(repo, f"metrics.{AUC} >= 0.8", experiment="fraud")[0].passed
        assert not ask(repo, f"metrics.{AUC} >= 0.9", experiment="fraud")[0].passed


def test_what_a_careful_reader_wants_to_know_is_said(trained):
    (head,) = trained.history(1)
    trained.run(head, None, goal="max", metrics={AUC: [0.95, 0.90], "test_auc": [0.9]})
    with trained.save() as repo:
        _, notes = ask(repo, f"metrics.{AUC} >= 0.9", "metrics.test_auc > 0.5")
    text = "\n".join(notes)
    assert "test_auc is measured on test data" in text
    assert f"max(metrics.{AUC}) asks for its best" in text
    assert "a single run says nothing about the spread" in text


def test_conditions_on_the_lineage_are_judged(trained):
    old, head = trained.history(2)
    git(trained.root, "tag", "v1", old)
    git(trained.root, "tag", "v2", head)
    train(trained, old, GOOD)
    with trained.save() as repo:
        assert ask(repo, "descends_from('v1')", rev="v1")[0].passed
        assert not ask(repo, "descends_from('v2')", rev="v1")[0].passed
