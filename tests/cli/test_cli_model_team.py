"""``gtrack model`` between clones: numbers, approvals, branches for review, what ``gtrack status`` waits for."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

import pytest

CODE = """
import gtrack
with gtrack.start_run(experiment="churn", name="first") as run:
    run.log({"val_auc": 0.93})
    run.log_text("weights", "model/model.bin")
"""
POLICY = "policy:\n  models:\n    churn:\n      production: {approvals: 1}\n"
REVIEW = "gtrack-promote/churn-v1-production"


@dataclass(frozen=True)
class Team:
    """Two clones of a bare repository."""

    ada: object
    ben: object


@pytest.fixture
def team(project, tmp_path):
    """A version without a number in Ada's clone; Ben has cloned; production takes an approval."""
    bare = tmp_path / "team.git"
    project.git("init", "-q", "--bare", "-b", "main", str(bare))
    (project.root / "gtrack.yaml").write_text(POLICY)
    project.git("add", ".")
    project.git("commit", "-q", "-m", "policy")
    project.git("remote", "add", "origin", str(bare))
    project.git("push", "-q", "origin", "main")
    project.git("fetch", "-q")
    project.git("config", "gtrack.publishCode", "true")
    done = project.run(sys.executable, "-c", CODE, GTRACK_QUIET="1")
    assert done.code == 0, done.err
    project.ok("model", "register", "first/model", "churn")
    project.git("clone", "-q", str(bare), str(tmp_path / "ben"))
    env = {**project.env, "GIT_AUTHOR_NAME": "Ben", "GIT_AUTHOR_EMAIL": "ben@example.org"}
    return Team(project, type(project)(tmp_path / "ben", env))


def waiting(person):
    return json.loads(person.ok("status", "--json"))["models"]


def stage(person, version="churn/1"):
    return json.loads(person.ok("model", "show", version, "--json"))["stage"]


def test_a_version_has_its_number_when_it_was_pushed(team):
    ada = team.ada
    short = json.loads(ada.ok("model", "show", "churn", "--json"))["versions"][0]["version"]
    assert short.startswith("~")
    assert f"churn: without a number yet: {short}" in ada.ok("status")
    assert [(each["kind"], each["todo"]) for each in waiting(ada)] == [("number", "gtrack push")]
    done = ada.gtrack("model", "show", "churn/1")
    assert f"hint: gtrack push claims its number; until then it is churn/{short}" in done.err
    assert f"churn/{short}" in ada.ok("model", "show", f"churn/{short}")
    assert f"churn/{short} is churn/1" in ada.gtrack("push").err
    assert waiting(ada) == []
    assert "churn/1" in ada.ok("model", "show", f"churn/{short}")


def test_a_promotion_waits_for_somebody_else(team):
    ada, ben = team.ada, team.ben
    ada.ok("push")
    done = ada.gtrack("model", "promote", "churn/1", "production", "-m", "good")
    assert "asked for v1 to come into Production: 1 approval to wait for" in done.err
    assert "somebody else types: gtrack model approve churn/1 production" in done.err
    assert "Production waits for 1 of 1 approval" in ada.ok("model", "show", "churn")
    assert stage(ada) == "None"
    done = ada.gtrack("model", "approve", "churn/1", "production")
    assert done.code == 8
    assert "ada@example.org registered it" in done.err
    ada.ok("push")
    ben.ok("pull")
    assert "churn: v1 to Production, asked for by Ada L, waits for 1 approval" in ben.ok("status")
    assert waiting(ben)[0]["todo"] == "gtrack model approve churn/1 production"
    assert (
        "approved v1 for Production: v1 is in Production" in ben.gtrack("model", "approve", "churn/1", "production").err
    )
    assert stage(ben) == "Production"
    assert waiting(ben) == []
    assert "you have approved v1 for production already" in ben.gtrack("model", "approve", "churn/1", "production").err
    assert "tag churn@production/v1 created" in ben.gtrack("push").err


def test_a_rejection_ends_it(team):
    ada, ben = team.ada, team.ben
    ada.ok("push")
    ada.ok("model", "promote", "churn/1", "production")
    ada.ok("push")
    ben.ok("pull")
    done = ben.gtrack("model", "reject", "churn/1", "production", "-m", "drifts")
    assert "rejected v1 for Production: the promotion ended" in done.err
    assert waiting(ben) == []


def test_a_bypass_says_why_for_ever(team):
    ada = team.ada
    ada.ok("push")
    done = ada.gtrack("model", "promote", "churn/1", "production", "--bypass-policy", "hotfix for the outage")
    assert "promoted v1 to Production" in done.err
    assert "the policy was passed over: hotfix for the outage" in done.err
    assert "the policy was passed over: hotfix for the outage" in ada.ok("model", "show", "churn", "--events")


@pytest.mark.parametrize("way", ["squash", "merge", "rebase"])
def test_a_promotion_as_a_pull_request(team, tmp_path, way):
    ada, ben = team.ada, team.ben
    done = ada.gtrack("model", "promote", "churn/latest", "production", "--pr")
    assert done.code != 0
    ada.ok("push")
    done = ada.gtrack("model", "promote", "churn/1", "production", "--pr", "-m", "good")
    assert done.code == 0, done.err
    assert f"on the branch {REVIEW} for review, and not in effect yet" in done.err
    assert f"git push origin {REVIEW}" in done.err
    assert f"gh pr create --base gtrack --head {REVIEW} --fill" in done.err
    assert waiting(ada) == []
    changed = ada.git("diff", "--name-status", "origin/gtrack", REVIEW).split()
    assert changed[0] == "A"
    assert len(changed) == 2
    assert changed[1].startswith("models/churn/events/")
    assert "[skip ci]" not in ada.git("log", "-1", "--format=%B", REVIEW)
    ada.git("push", "-q", "origin", REVIEW)
    ada.ok("model", "note", "churn/1", "meanwhile the branch of runs goes on")
    ada.ok("push")
    merge(ben, way)
    ada.ok("pull")
    assert waiting(ada)[0]["kind"] == "approval"
    ben.ok("pull")
    ben.ok("model", "approve", "churn/1", "production")
    ben.ok("push")
    ada.ok("pull")
    assert stage(ada) == "Production"
    assert "meanwhile" in ada.ok("model", "show", "churn/1")
    assert ada.gtrack("fsck").code == 0


def test_branches_for_review_do_not_take_each_others_place(team):
    ada = team.ada
    ada.ok("push")
    for branch in (REVIEW, f"{REVIEW}-2"):
        assert f"the branch {branch} for" in ada.gtrack("model", "promote", "churn/1", "production", "--pr").err
    ada.ok("model", "note", "churn", "unpushed")
    done = ada.gtrack("model", "promote", "churn/1", "production", "--pr")
    assert done.code != 0
    assert "hint: gtrack push, then again" in done.err


def test_an_alias_that_two_clones_moved_is_shown_until_somebody_decides(team):
    ada, ben = team.ada, team.ben
    done = ada.run(sys.executable, "-c", CODE, GTRACK_QUIET="1")
    assert done.code == 0
    ada.ok("model", "register", "last/model", "churn")
    ada.ok("push")
    ben.ok("pull")
    ada.ok("model", "alias", "churn", "champion", "1")
    ben.ok("model", "alias", "churn", "champion", "2")
    ada.ok("push")
    ben.ok("push")
    (found,) = waiting(ben)
    assert found["kind"] == "conflict"
    assert "churn alias champion: v1 by Ada L, v2 by Ben; the last one stands meanwhile" in found["text"]
    assert found["todo"] == "gtrack model alias churn champion VERSION"
    assert "edited twice  alias champion" in ben.ok("model", "show", "churn")
    done = ben.gtrack("model", "get", "churn@champion", "out")
    assert done.code != 0
    assert "changed in two clones at the same time: churn/1 by Ada" in done.err
    ben.ok("model", "alias", "churn", "champion", "2")
    assert waiting(ben) == []


def merge(person, way):
    """Do at the remote what a forge does when a pull request is merged that way."""
    person.git("fetch", "-q")
    person.git("config", "user.name", "Ben")
    person.git("config", "user.email", "ben@example.org")
    if way == "rebase":
        person.git("checkout", "-q", "-B", "work", f"origin/{REVIEW}")
        person.git("rebase", "-q", "origin/gtrack")
    else:
        person.git("checkout", "-q", "-B", "work", "origin/gtrack")
        person.git("merge", "-q", *(["--squash"] if way == "squash" else ["--no-ff"]), f"origin/{REVIEW}")
        if way == "squash":
            person.git("commit", "-q", "-m", "squashed")
    person.git("push", "-q", "origin", "work:gtrack")
    person.git("checkout", "-q", "main")


def test_aliases_approvals_and_rollbacks_can_be_reviewed_as_well(team):
    ada, ben = team.ada, team.ben
    assert ada.run(sys.executable, "-c", CODE, GTRACK_QUIET="1").code == 0
    ada.ok("model", "register", "last/model", "churn")
    ada.ok("push")
    ada.ok("model", "alias", "churn", "champion", "1")
    ada.ok("model", "alias", "churn", "champion", "2")
    ada.ok("model", "promote", "churn/1", "production")
    ada.ok("push")
    ben.ok("pull")
    before = ben.ok("model", "show", "churn", "--json")
    for argv, branch in (
        (("alias", "churn", "champion", "1"), "gtrack-promote/churn-champion-1"),
        (("rollback", "churn", "champion"), "gtrack-promote/churn-rollback-champion"),
        (("approve", "churn/1", "production"), "gtrack-promote/churn-v1-approve-production"),
    ):
        done = ben.gtrack("model", *argv, "--pr")
        assert done.code == 0, done.err
        assert f"on the branch {branch} for review, and not in effect yet" in done.err
        (changed,) = ben.git("diff", "--name-status", "origin/gtrack", branch).splitlines()
        assert changed.startswith("A\tmodels/churn/events/")
        assert ben.gtrack("verify", "--range", f"origin/gtrack..{branch}").code == 0
    assert ben.ok("model", "show", "churn", "--json") == before
