"""The section ``policy`` of gtrack.yaml: what it may say, and what a person is told of what it may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.errors import UsageError
from gtrack.format import yaml
from gtrack.model.policy import Policy, RunRules, StageRules, is_among, parse_policy
from gtrack.ops.policy import policy_of
from gtrack.ops.policy_example import EXAMPLE

WHERE = "gtrack.yaml at origin/main (15f61e3)"
WHOLE = {
    "runs": {
        "params": ["model_type", "dataset_version"],
        "tags": "team",
        "experiment": "[a-z0-9-]+",
        "name": "{project}-{model}-{version}",
        "param_names": {"learning_rate": "lr"},
        "allowed_params": ["lr", "model.*"],
        "allowed_metrics": ["val_*"],
        "code": "clean",
        "data": "pinned",
    },
    "models": {
        "*": {"require": "metrics.val_auc >= 0.9", "not_worse_than": "champion", "production": {"approvals": 2}},
        "churn": {
            "metric": "val_auc",
            "tolerance": 0.01,
            "signed": True,
            "staging": {"promoters": ["*@example.org"]},
            "production": {"approvers": ["bo@example.org"], "from": "Staging"},
        },
    },
    "signers": "./.gtrack/allowed_signers",
}


def policy_in(said: object) -> Policy:
    found = policy_of({"policy": said}, WHERE)
    assert found is not None
    return found


def test_every_rule_is_read():
    policy = policy_in(WHOLE)
    assert policy.runs == RunRules(
        params=("model_type", "dataset_version"),
        tags=("team",),
        experiment="[a-z0-9-]+",
        name="{project}-{model}-{version}",
        param_names={"learning_rate": "lr"},
        allowed_params=("lr", "model.*"),
        allowed_metrics=("val_*",),
        code="clean",
        data="pinned",
    )
    assert policy.signers == ".gtrack/allowed_signers"
    assert policy.where == WHERE
    assert policy.to_dict()["models"]["churn"]["production"] == {"approvers": ["bo@example.org"], "from": "staging"}


def test_of_patterns_that_match_the_later_counts_key_by_key():
    policy = policy_in(WHOLE)
    assert policy.rules_of("churn", "Production") == StageRules(
        require="metrics.val_auc >= 0.9",
        not_worse_than="champion",
        metric="val_auc",
        tolerance=0.01,
        signed=True,
        approvals=2,
        approvers=("bo@example.org",),
        came_from="staging",
    )
    assert policy.rules_of("fraud", "Production").needs == 2
    assert policy.rules_of("churn", "Staging").promoters == ("*@example.org",)


def test_only_production_is_compared_and_what_leaves_is_not_judged_by_its_numbers():
    policy = policy_in(WHOLE)
    assert policy.rules_of("churn", "Staging").not_worse_than is None
    assert policy.rules_of("churn").require == "metrics.val_auc >= 0.9"
    assert policy.rules_of("churn", "Archived") == StageRules(signed=True)
    assert policy.rules_of("churn", "None") == StageRules(signed=True)


def test_who_names_approvers_wants_one():
    assert policy_in({"models": {"*": {"production": {"approvers": "bo@x"}}}}).rules_of("a", "Production").needs == 1
    assert policy_in({"models": {"*": {"production": {"from": "none"}}}}).rules_of("a", "Production").needs == 0


@pytest.mark.parametrize("said", [{}, {"runs": None}, {"models": None, "signers": None}, {"models": {"*": None}}])
def test_a_policy_may_ask_for_nothing(said):
    assert policy_in(said).rules_of("churn", "Production") == StageRules()


@pytest.mark.parametrize("document", [{}, {"policy": None}])
def test_without_the_section_there_is_none(document):
    assert policy_of(document, WHERE) is None


@pytest.mark.parametrize(
    ("said", "place", "hint"),
    [
        ("strict", "policy is 'strict', not a map", "runs, models, signers"),
        ({"run": {}}, "policy.run is not a rule", "did you mean runs?"),
        ({"runs": []}, "policy.runs is '[]', not a map", "params"),
        ({"runs": {"param": ["lr"]}}, "policy.runs.param is not a rule", "did you mean params?"),
        ({"runs": {"params": [3]}}, "policy.runs.params is '3'", "some text"),
        ({"runs": {"params": ["a"] * 201}}, "policy.runs.params has 201 entries", "200"),
        ({"runs": {"tags": [""]}}, "policy.runs.tags is ''", "some text"),
        ({"runs": {"tags": ["a\x1b[31m"]}}, "policy.runs.tags is", "some text"),
        ({"runs": {"experiment": "(a"}}, "policy.runs.experiment is no pattern", "[a-z0-9-]+"),
        ({"runs": {"experiment": "(?=a)"}}, "policy.runs.experiment is no pattern", "[a-z0-9-]+"),
        ({"runs": {"name": "{project"}}, "policy.runs.name has a '{'", "{project}-{model}-{version}"),
        ({"runs": {"name": "run"}}, "policy.runs.name has 0 fields", "{project}-{model}-{version}"),
        ({"runs": {"name": "{a b}"}}, "policy.runs.name has the field {a b}", "{project}-{model}-{version}"),
        ({"runs": {"param_names": ["lr"]}}, "policy.runs.param_names is", "learning_rate: lr"),
        ({"runs": {"param_names": {"a": "b", "b": "c"}}}, "policy.runs.param_names.a names 'b'", "use 'c'"),
        ({"runs": {"code": "off"}}, "policy.runs.code is 'off'", "clean or snapshot"),
        ({"runs": {"data": True}}, "policy.runs.data is 'True'", "pinned"),
        ({"models": ["churn"]}, "policy.models is", "patterns of models' names"),
        ({"models": {"churn": {"requires": "x"}}}, "policy.models.churn.requires is not a rule", "require?"),
        ({"models": {"churn": {"require": "metrics.auc >"}}}, "policy.models.churn.require is no filter", "val_auc"),
        ({"models": {"churn": {"tolerance": -1}}}, "policy.models.churn.tolerance is '-1'", "0.005"),
        ({"models": {"churn": {"signed": "yes"}}}, "policy.models.churn.signed is 'yes'", "true or false"),
        ({"models": {"*": {"production": {"approvals": 1.5}}}}, "production.approvals is '1.5'", "a number"),
        ({"models": {"*": {"production": {"approvals": True}}}}, "production.approvals is 'True'", "a number"),
        ({"models": {"*": {"production": {"from": "test"}}}}, "production.from is 'test'", "staging"),
        ({"models": {"*": {"approvals": 1}}}, "policy.models.*.approvals is not a rule", "there are require"),
        ({"signers": "../keys"}, "policy.signers is '../keys'", ".gtrack/allowed_signers"),
        ({"signers": "/etc/keys"}, "policy.signers is '/etc/keys'", ".gtrack/allowed_signers"),
    ],
)
def test_what_cannot_be_followed_is_told_with_its_place(said, place, hint):
    with pytest.raises(UsageError) as caught:
        policy_of({"policy": said}, WHERE)
    assert caught.value.message.startswith(WHERE)
    assert place in caught.value.message
    assert hint in str(caught.value.hint)
    assert caught.value.message.isprintable()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["runs", "models", "params", "name", "*", "production", "from"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(VALUES)
def test_whatever_stands_there_is_read_or_refused_in_words(value):
    try:
        policy = parse_policy(value, WHERE)
    except UsageError as error:
        assert error.message.startswith(WHERE)
        assert error.hint
    else:
        assert isinstance(policy.to_dict(), dict)


def test_the_example_asks_for_nothing_as_it_is_and_can_be_read_when_all_of_it_is_taken():
    assert policy_of(yaml.load(EXAMPLE.encode()), WHERE) is None
    chosen = (
        EXAMPLE.replace("\n#    #", "\n    #").replace("\n#      #", "\n      #").replace("\n#        #", "\n        #")
    )
    chosen = chosen.replace("\n#  ", "\n  ")
    policy = policy_of(yaml.load(chosen.encode()), WHERE)
    assert policy is not None
    assert policy.runs is not None
    assert policy.runs.params == ("model_type", "dataset_version", "feature_set")
    assert policy.runs.tags == ("team", "purpose")
    assert policy.rules_of("churn", "Production").signed
    assert "{model}-{index}-{key-params}" in EXAMPLE


def test_addresses_match_in_any_case():
    assert is_among("Ada@Example.org", ("bo@example.org", "*@example.org"))
    assert not is_among("ada@example.org.evil.net", ("*@example.org",))
