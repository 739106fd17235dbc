"""Registrations, promotions and approvals under a policy: each rule with its message."""

from __future__ import annotations

from dataclasses import replace

import pytest

import gtrack
from gtrack.branch.repository import Repository
from gtrack.errors import PolicyError, UsageError
from gtrack.model.policy import Finding, Judgement
from gtrack.model.registered import Promotion, Version
from gtrack.model.registry import ModelState
from gtrack.ops.experiments import set_protocol
from gtrack.ops.policy import enforce
from gtrack.ops.policy_models import judge_approval, judge_promotion, judge_registration
from gtrack.ops.view import View

ADA, BO, CY = "Ada L <ada@example.org>", "Bo M <Bo@Example.org>", "Cy N <cy@elsewhere.net>"


@pytest.fixture
def repo(team):
    """The team's repository, with two runs of an experiment whose metric has a goal."""
    for auc, precision in ((0.91, 0.8), (0.95, 0.7)):
        with gtrack.start_run(experiment="churn") as run:
            run.log({"val_auc": auc, "precision": precision})
    with Repository(str(team.root), {}) as opened:
        set_protocol(opened, "churn", {"metric": "val_auc", "goal": "max"})
        yield opened


def registered(repo) -> ModelState:
    """Return a model with a version of each run, the older one being the champion in Production."""
    newest, oldest = (state.id for state in View(repo).states())
    first = Version("churn", "a" * 32, oldest, "model", "", author=ADA, number=1, stage="Production")
    second = Version("churn", "b" * 32, newest, "model", "", author=ADA, number=2, stage="Staging")
    return ModelState("churn", every=(replace(first, aliases=("champion",)), second), aliases={"champion": "a" * 32})


def promotion(repo, number=2, *, by=ADA, stage="Production", later=None, **more):
    model = registered(repo)
    version = model.every[number - 1]
    if later is not None:
        version = replace(version, metrics=later)
    return judge_promotion(repo, View(repo), model, version, stage, by, **more)


def said(judgement):
    return [(finding.rule, finding.message) for finding in judgement.violations]


# -- registration


def test_without_a_policy_anything_may_be_registered(team, repo):
    team.git("rm", "-q", "gtrack.yaml")
    team.git("commit", "-qm", "no policy")
    judged = judge_registration(repo, View(repo), View(repo).states()[0], "churn")
    assert judged == Judgement()
    assert promotion(repo).passed


def test_a_registered_run_keeps_the_rules_for_runs_and_the_floor(team, repo):
    team.says(
        "runs: {tags: [team]}\nmodels:\n  churn: {require: 'metrics.val_auc >= 0.9 AND metrics.precision >= 0.75'}"
    )
    good, bad = reversed(View(repo).states())
    assert said(judge_registration(repo, View(repo), bad, "churn")) == [
        ("runs.tags", "the tag team is missing"),
        ("models.churn.require", "precision is 0.7, and >= 0.75 is required"),
    ]
    assert said(judge_registration(repo, View(repo), good, "churn")) == [("runs.tags", "the tag team is missing")]
    assert [finding.rule for finding in judge_registration(repo, View(repo), good, "other").findings] == ["runs.tags"]


@pytest.mark.parametrize(
    ("require", "message"),
    [
        ("metrics.recall >= 0.9", "recall: {run} has no recall"),
        ("experiment = 'fraud'", "experiment = 'fraud': does not hold of {run}"),
        ("metrics.val_auc > 0.95", "val_auc is 0.95, and > 0.95 is required"),
    ],
)
def test_a_floor_says_what_it_found(team, repo, require, message):
    team.says(f'models:\n  "*":\n    require: "{require}"')
    run = View(repo).states()[0]
    judged = judge_registration(repo, View(repo), run, "churn")
    assert said(judged) == [("models.churn.require", message.format(run=run.id[:7]))]


# -- promotion


def test_what_was_measured_later_counts_for_a_promotion(team, repo):
    team.says('models:\n  "*":\n    production: {require: "metrics.shadow_auc >= 0.9"}')
    assert said(promotion(repo))[0][1].endswith("has no shadow_auc")
    assert said(promotion(repo, later={"shadow_auc": 0.8})) == [
        ("models.churn.production.require", "shadow_auc is 0.8, and >= 0.9 is required")
    ]
    assert promotion(repo, later={"shadow_auc": 0.93}).passed


@pytest.mark.parametrize(
    ("rules", "number", "message"),
    [
        ("not_worse_than: champion", 2, None),
        ("not_worse_than: production", 2, None),
        ("not_worse_than: challenger", 2, None),
        (
            "{not_worse_than: champion, metric: precision}",
            2,
            "precision is 0.7, and 0.8 of champion (churn/1); higher is better",
        ),
        ("{not_worse_than: champion, metric: precision, tolerance: 0.2}", 2, None),
        ("{not_worse_than: champion, metric: precision}", 1, None),
    ],
)
def test_a_version_in_production_is_not_worse_than_the_champion(team, repo, rules, number, message):
    team.says(f'models:\n  "*": {rules}' if "{" in rules else f'models:\n  "*": {{{rules}}}')
    wanted = [] if message is None else [("models.churn.production.not_worse_than", message)]
    assert said(promotion(repo, number)) == wanted
    assert promotion(repo, number, stage="Staging").passed


def test_nobody_can_be_compared_by_a_metric_whose_goal_nobody_knows(team, repo):
    team.says('models:\n  "*": {not_worse_than: champion, metric: zeta}')
    ((rule, message),) = said(promotion(repo))
    assert rule == "models.churn.production.not_worse_than"
    assert message == "nobody said whether a higher or a lower zeta is better"


def test_a_version_whose_run_is_not_here_is_not_judged_good(team, repo):
    team.says('models:\n  "*": {require: "metrics.val_auc > 0"}')
    model = registered(repo)
    version = replace(model.every[1], run="c" * 32)
    judged = judge_promotion(repo, View(repo), model, version, "Production", ADA)
    assert said(judged) == [
        ("models.churn.production.require", "the run of churn/2 is not here, so nobody can judge it")
    ]


def test_who_may_promote_is_told_by_address(team, repo):
    team.says('models:\n  "*":\n    production: {promoters: ["*@example.org"]}')
    assert promotion(repo, by=BO).passed
    judged = promotion(repo, by=CY)
    assert said(judged) == [("models.churn.production.promoters", "cy@elsewhere.net may not promote to it")]
    assert judged.violations[0].hint == "ask one of *@example.org"
    assert promotion(repo, by=CY, stage="Staging").passed


def test_a_version_comes_from_the_stage_before(team, repo):
    team.says('models:\n  "*":\n    production: {from: staging}\n    staging: {from: none}')
    assert promotion(repo).passed
    judged = promotion(repo, stage="Staging")
    assert said(judged) == [("models.churn.staging.from", "churn/2 is in the stage Staging, not in None")]
    assert promotion(repo, 1, rollback=True).passed


def test_approvals_are_asked_for_and_not_for_a_rollback(team, repo):
    team.says('models:\n  "*":\n    production: {approvals: 2}\n  other:\n    production: {approvals: 9}')
    assert promotion(repo).needs == 2
    assert promotion(repo, stage="Staging").needs == 0
    assert promotion(repo, rollback=True).needs == 0


def test_events_that_have_to_be_signed_need_a_key(team, repo):
    team.says('models:\n  "*": {signed: true}')
    team.git("config", "gpg.format", "ssh")
    team.git("config", "gpg.ssh.defaultKeyCommand", "false")
    with Repository(str(team.root), {}) as fresh:
        judged = promotion(fresh)
    assert judged.signed
    assert [rule for rule, _ in said(judged)] == ["models.churn.production.signed"]
    assert said(judged)[0][1].startswith("events are to be signed: ")
    team.git("config", "gtrack.sign", "false")
    with Repository(str(team.root), {}) as fresh:
        assert said(promotion(fresh))[0][1] == "events are to be signed, and git config gtrack.sign is false"


# -- approval


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (BO, None),
        (CY, "cy@elsewhere.net is not one of the approvers"),
        (ADA, "ada@example.org registered it, and somebody else has to approve"),
    ],
)
def test_another_one_of_the_approvers_has_to_approve(team, repo, by, message):
    team.says('models:\n  "*":\n    production: {approvers: ["*@example.org"]}')
    model = registered(repo)
    judged = judge_approval(repo, model, model.every[1], "Production", by)
    assert [text for _, text in said(judged)] == ([] if message is None else [message])


def test_who_promoted_does_not_approve(team, repo):
    team.says('models:\n  "*":\n    production: {approvals: 1}')
    model = registered(repo)
    waiting = Promotion("b" * 32, "Production", 1, BO, 0, "events/x")
    judged = judge_approval(repo, model, replace(model.every[1], pending=waiting), "Production", BO)
    assert said(judged) == [
        ("models.churn.production.approvals", "bo@example.org promoted it, and somebody else has to approve")
    ]


# -- policies that cannot be read, and bypasses


@pytest.mark.parametrize("broken", ["policy: {models: {churn: {requires: x}}}\n", "policy: [\n", "policy: strict\n"])
def test_under_a_policy_that_cannot_be_read_nothing_is_allowed(team, repo, broken):
    (team.root / "gtrack.yaml").write_text(broken)
    team.git("commit", "-qam", "broken")
    model = registered(repo)
    for judged in (
        promotion(repo),
        promotion(repo, rollback=True),
        judge_registration(repo, View(repo), View(repo).states()[0], "churn"),
        judge_approval(repo, model, model.every[1], "Production", BO),
    ):
        assert [finding.rule for finding in judged.violations] == ["policy"]
        assert "nothing can be said to be allowed: gtrack.yaml at HEAD" in judged.violations[0].message
        assert judged.violations[0].hint


REFUSED = Judgement("gtrack.yaml at HEAD (15f61e3)", (Finding("models.churn.require", False, "too low\x1b", "tune"),))


def test_a_refusal_lists_rule_reason_and_what_to_do():
    with pytest.raises(PolicyError) as caught:
        enforce(REFUSED, "churn/3 to Production")
    assert "the policy (gtrack.yaml at HEAD (15f61e3)) does not allow churn/3 to Production" in str(caught.value)
    assert "  models.churn.require: too low" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert ": tune" in str(caught.value)
    assert [finding.rule for finding in caught.value.violations] == ["models.churn.require"]


def test_a_bypass_is_recorded_with_what_it_passed_over():
    assert enforce(REFUSED, "churn/3", bypass="outage")["reason"] == "outage"
    assert enforce(REFUSED, "churn/3", bypass="outage")["violations"][0]["rule"] == "models.churn.require"
    assert enforce(Judgement(), "churn/3", bypass="outage") is None
    with pytest.raises(UsageError, match="needs a reason"):
        enforce(REFUSED, "churn/3", bypass="  ")
