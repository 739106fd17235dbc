"""gtrack policy, gtrack init --policy, and the options of run and log that pass a policy over."""

from __future__ import annotations

import json

import pytest
from test_policy_models import repo  # noqa: F401  # two runs of an experiment, as a fixture

from gtrack.cli import main
from gtrack.format import yaml


@pytest.fixture
def gtrack(team, capsys):
    """Call the command line in the team's repository; return its exit code, and what it wrote."""

    def call(*argv: str, code: int = 0) -> str:
        capsys.readouterr()
        done = main(list(argv))
        written = capsys.readouterr()
        assert done == code, written.err
        return written.out + written.err

    return call


RULES = """
runs:
  params: [model_type]
  name: "{project}-{model}-{version}"
  param_names: {learning_rate: lr}
models:
  churn:
    require: "metrics.val_auc >= 0.9"
    production: {approvals: 1, from: staging}
signers: .gtrack/allowed_signers
"""


def test_the_rules_are_shown_with_their_places(team, gtrack):
    team.says(RULES)
    shown = gtrack("policy", "show")
    assert "runs.param_names                   learning_rate -> lr" in shown
    assert "models.churn.production.approvals  1" in shown
    assert "gtrack.yaml at HEAD" in shown
    assert gtrack("policy") == shown
    assert "| models.churn.require | metrics.val\\_auc &gt;= 0.9 |" in gtrack("policy", "show", "--md")
    said = json.loads(gtrack("policy", "show", "--json"))
    assert said["models"]["churn"]["production"] == {"approvals": 1, "from": "staging"}


def test_without_a_policy_it_is_told_how_to_begin(team, gtrack):
    team.git("rm", "-q", "gtrack.yaml")
    team.git("commit", "-qm", "none")
    gtrack("log", "auc=1")
    for argv in (("show",), ("check",), ("check", "last")):
        assert "there is no policy; gtrack init --policy writes a commented example" in gtrack("policy", *argv)


def test_a_run_is_checked_rule_by_rule(team, gtrack):
    team.says(RULES)
    gtrack("log", "auc=1", "--bypass-policy", "a first look")
    shown = gtrack("policy", "check", "last", code=1)
    (run_id,) = (run.id[:7] for run in team.runs())
    assert (
        f"FAIL  runs.params       the param model_type is missing: gtrack log --run {run_id} -p model_type=VALUE"
        in shown
    )
    assert "PASS  runs.param_names  no param has a refused name" in shown
    assert "does not keep 1 of 3 rules (gtrack.yaml at HEAD" in shown
    said = json.loads(gtrack("policy", "check", "last", "--json", code=1))
    assert said["passed"] is False
    assert [each["passed"] for each in said["findings"]] == [False, True, True]
    assert "| ❌ fail | runs.params |" in gtrack("policy", "check", "last", "--md", code=1)
    gtrack("log", "--run", "last", "-p", "model_type=xgb")
    assert "keeps 3 rules" in gtrack("policy", "check", "last")


def test_the_policy_itself_is_checked_before_it_is_committed(team, gtrack):
    team.says(RULES)
    assert "the policy can be followed" in gtrack("policy", "check")
    (team.root / "gtrack.yaml").write_text("policy: {runs: {param: [lr]}}\n")
    shown = gtrack("policy", "check", code=1)
    assert "PASS  policy        gtrack.yaml at HEAD" in shown
    assert "FAIL  working tree  gtrack.yaml: policy.runs.param is not a rule: did you mean params?" in shown
    assert "the policy cannot be followed" in shown


def test_stages_are_of_versions(team, gtrack):
    team.says(RULES)
    assert "hint: gtrack policy check churn/3" in gtrack("policy", "check", "--stage", "production", code=2)
    assert "name it like churn/3" in gtrack("policy", "check", "last", "--stage", "production", code=2)


def test_a_version_is_checked_as_if_it_were_registered_or_promoted(team, gtrack, repo):  # noqa: F811
    from gtrack.ops.registering import register
    from gtrack.reader import Repo

    team.says("models: {}")
    run_id = team.runs()[0].id
    (team.root / "model.txt").write_text("depth: 3\n")
    with Repo(str(team.root)) as opened:
        import gtrack as api

        with api.start_run(run_id=run_id, resume=True, force=True) as run:
            run.log_artifact("model.txt")
        version = register(opened.repository, f"runs:/{run_id}/model.txt", "churn")
    team.says(RULES.replace("0.9", "0.99"))
    name = getattr(version, "name", None) or version.version.name
    shown = gtrack("policy", "check", name, code=1)
    assert "FAIL  models.churn.require  val_auc is 0.95, and >= 0.99 is required" in shown
    shown = gtrack("policy", "check", name, "--stage", "production", code=1)
    assert f"FAIL  models.churn.production.from     {name} is in the stage None, not in Staging" in shown
    assert "1 approval needed" in shown


# -- record


def test_a_recorded_run_is_asked_for_everything_at_once(team, gtrack):
    team.says('runs: {params: [model_type], tags: [team], allowed_metrics: ["val_*"]}')
    before = team.traces()
    said = gtrack("log", "auc=1", code=8)
    assert "  runs.params: the param model_type is missing: -p model_type=VALUE" in said
    assert "  runs.tags: the tag team is missing: -t team=VALUE" in said
    assert "  runs.allowed_metrics: the metric 'auc' is not allowed: " in said
    assert "hint: to do it all the same" in said
    assert team.traces() == before
    gtrack("log", "val_auc=1", "-p", "model_type=xgb", "-t", "team=growth")
    assert team.runs()[0].policy["verdict"] == "passed"


def test_a_command_is_not_run_where_its_run_is_not_allowed(team, gtrack):
    team.says('runs: {experiment: "[a-z]+"}')
    argv = ("run", "--experiment", "A1", "--no-console")
    gtrack(*argv, "--", "touch", "ran", code=8)
    assert not (team.root / "ran").exists()
    assert team.runs() == []
    gtrack(*argv, "--bypass-policy", "demo", "--", "touch", "ran")
    assert (team.root / "ran").exists()
    assert team.runs()[0].policy["bypass"]["reason"] == "demo"


def test_a_bypass_is_of_a_new_run(team, gtrack):
    gtrack("log", "auc=1")
    assert "no policy is asked" in gtrack("log", "b=1", "--run", "last", "--bypass-policy", "x", code=2)


def test_the_verdict_is_shown_and_found(team, gtrack):
    team.says("runs: {tags: [team]}")
    gtrack("log", "auc=1", "--bypass-policy", "a \x1b[31mlook")
    shown = gtrack("show", "last")
    assert "verdict  violated (bypassed)" in shown
    assert "runs.tags: the tag team is missing" in shown
    assert "\x1b[31m" not in shown
    assert json.loads(gtrack("show", "last", "--json"))["policy"]["verdict"] == "violated"
    assert "gtrack.yaml at HEAD" in shown
    assert len(gtrack("ls", "--where", "policy = 'violated'", "--csv").splitlines()) == 2
    assert "1" in gtrack("sql", "SELECT count(*) AS n FROM runs WHERE policy = 'violated'")
    assert "no damage" in gtrack("fsck")


# -- init


def test_init_writes_a_commented_policy_and_touches_nothing_else(team, gtrack):
    (team.root / "gtrack.yaml").unlink()
    team.git("add", "-A")
    team.git("commit", "-qm", "none")
    said = gtrack("init", "--policy")
    assert "wrote a commented policy to gtrack.yaml" in said
    assert 'git add gtrack.yaml && git commit -m "Policy for runs and models" && git push' in said
    assert team.git("status", "--porcelain") == "?? gtrack.yaml"
    text = (team.root / "gtrack.yaml").read_text()
    assert yaml.load(text.encode()) == {"policy": None}
    assert "has a policy already" in gtrack("init", "--policy")
    assert (team.root / "gtrack.yaml").read_text() == text


@pytest.mark.parametrize("before", ["push: end\n", "push: end", "# nothing yet\n", ""])
def test_init_adds_to_a_file_that_is_there(team, gtrack, before):
    (team.root / "gtrack.yaml").write_text(before)
    assert "added a commented policy" in gtrack("init", "--policy")
    text = (team.root / "gtrack.yaml").read_text()
    assert text.startswith(before)
    assert yaml.load(text.encode()).keys() == {"policy"} | ({"push"} if "push" in before else set())


def test_init_does_not_follow_links_nor_add_to_what_cannot_be_read(team, gtrack, tmp_path):
    (team.root / "gtrack.yaml").write_text("push: [\n")
    assert "nothing is added to it" in gtrack("init", "--policy", code=2)
    (team.root / "gtrack.yaml").unlink()
    (tmp_path / "elsewhere").write_text("")
    (team.root / "gtrack.yaml").symlink_to(tmp_path / "elsewhere")
    assert "not a plain file" in gtrack("init", "--policy", code=2)
    assert (tmp_path / "elsewhere").read_text() == ""
