"""Runs under a policy: each rule with its message, before the run exists, at its first metric and at its end."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

import gtrack
from gtrack.clock import now_ns
from gtrack.errors import UsageError
from gtrack.index.filter import parse

CONVENTIONS = """
runs:
  params: [model_type, dataset_version]
  tags: [team]
"""


# -- what is checked before a run exists


@pytest.mark.parametrize(
    ("rule", "given", "said", "todo"),
    [
        (
            'experiment: "[a-z0-9-]+"',
            {"experiment": "Churn 2026"},
            "runs.experiment: the experiment 'Churn 2026' is not of the form [a-z0-9-]+",
            "experiment='churn-2026'",
        ),
        (
            'name: "{project}-{model}-{version}"',
            {"name": "final2"},
            "runs.name: the name 'final2' does not follow {project}-{model}-{version}",
            "PROJECT-MODEL-v1",
        ),
        (
            'name: "{project}-{model}-{version}"',
            {},
            "runs.name: no name can be made by {project}-{model}-{version}: model is not given",
            'params={"model_type": ...}',
        ),
        (
            "param_names: {learning_rate: lr}",
            {"params": {"learning_rate": 0.1}},
            "runs.param_names: the param 'learning_rate' is called 'lr' here",
            "use 'lr'",
        ),
        (
            "param_names: {learning_rate: lr}",
            {"params": {"optimizer": {"learning_rate": 0.1}}},
            "the param 'optimizer.learning_rate' is called 'lr' here",
            "use 'lr'",
        ),
        (
            'allowed_params: [lr, "model.*"]',
            {"params": {"lr": 1, "model": {"depth": 3}, "modle": 2}},
            "runs.allowed_params: the param 'modle' is not allowed",
            "did you mean model.*?",
        ),
    ],
)
def test_a_run_that_a_rule_does_not_allow_is_refused_and_leaves_nothing_behind(team, refused, rule, given, said, todo):
    team.says(f"runs:\n  {rule}")
    text = refused(**given)
    assert said in text
    assert todo in text
    assert "gtrack.yaml at HEAD" in text
    assert "bypass_policy=" in text
    assert team.runs() == []


def test_code_that_is_not_committed_is_refused_where_it_has_to_be_clean(team, refused):
    team.says("runs: {code: clean}")
    (team.root / "train.py").write_text("DEPTH = 4\n")
    assert "runs.code: the code has uncommitted changes: git status, then git commit" in refused()
    team.git("commit", "-qam", "deeper")
    with gtrack.start_run():
        pass
    assert team.runs()[0].policy["verdict"] == "passed"


def test_code_that_is_not_kept_is_refused_where_it_has_to_be(team, refused, monkeypatch):
    team.says("runs: {code: snapshot}")
    monkeypatch.setenv("GTRACK_CODE", "commit-only")
    assert "runs.code: the code is to be kept, and GTRACK_CODE or gtrack.code is 'commit-only'" in refused()
    monkeypatch.delenv("GTRACK_CODE")
    (team.root / "train.py").write_text("DEPTH = 4\n")
    with gtrack.start_run():
        pass
    assert team.runs()[0].policy["verdict"] == "passed"


def test_every_violation_is_told_at_once(team, refused):
    team.says('runs:\n  experiment: "[a-z]+"\n  param_names: {learning_rate: lr, n: trees}')
    text = refused(experiment="A", params={"learning_rate": 1, "n": 2})
    assert text.count("\n  runs.") == 3


def test_a_hostile_pattern_takes_no_time(team):
    team.says('runs: {experiment: "(a+)+"}')
    began = time.perf_counter()
    with pytest.raises(gtrack.errors.PolicyError):
        gtrack.start_run(experiment="a" * 500 + "!")
    assert time.perf_counter() - began < 2


def test_the_version_under_review_counts_for_nothing(team):
    (team.root / "gtrack.yaml").write_text('policy: {runs: {experiment: "x"}}\n')
    with gtrack.start_run(experiment="churn"):
        pass
    assert team.runs()[0].experiment == "churn"


# -- names that a template makes


def test_a_template_makes_the_names_of_runs_that_were_given_none(team):
    team.says('runs: {name: "{project}-{model}-{version}"}')
    for model in ("xgb", "xgb", "tree"):
        with gtrack.start_run(params={"model_type": model}):
            pass
    with gtrack.start_run("churn-xgb-v7"):
        pass
    with gtrack.start_run(params={"model_type": "xgb"}) as run:
        assert run.name == "churn-xgb-v8"
    names = [run.name for run in team.runs()]
    assert names == ["churn-xgb-v8", "churn-xgb-v7", "churn-tree-v1", "churn-xgb-v2", "churn-xgb-v1"]
    assert all(run.policy["verdict"] == "passed" for run in team.runs())


def test_key_params_are_those_that_not_every_run_has(team):
    team.says('runs: {params: [dataset_version], name: "{model}-{index}-{key-params}"}')
    params = {"model_type": "xgb", "dataset_version": 3, "seed": 7, "tree": {"max_depth": 6}, "lr": 0.05}
    with gtrack.start_run(params=params) as first, gtrack.start_run(params={"model": "a b"}, nested=True) as second:
        assert first.name == "xgb-1-max_depth=6,lr=0.05"
        assert second.name == "a-b-1-default"


def test_the_project_is_what_the_repository_is_called_where_it_is_shared(team):
    team.git("remote", "add", "origin", "git@example.org:ml/churn-model.git")
    team.says('runs: {name: "{project}/{experiment}/{date}/{user}/{id}"}')
    with gtrack.start_run(experiment="base") as run:
        project, experiment, date, user, short = run.name.split("/")
    assert (project, experiment, user) == ("churn-model", "base", "ada")
    assert short == run.id[:7]
    assert len(date) == 10


# -- what may come until the first metric


def test_what_is_missing_at_the_first_metric_is_told_once_and_recorded(team, capsys):
    team.says(CONVENTIONS)
    with gtrack.start_run(params={"model_type": "xgb"}) as run:
        run.log_metric("auc", 0.5)
        run.log_metric("auc", 0.6)
        run.log({"loss": 1.0})
        run.log_params({"dataset_version": 3})
    told = [line for line in capsys.readouterr().err.splitlines() if "policy" in line]
    assert len(told) == 1
    assert "param dataset_version and tag team are missing at the first metric" in told[0]
    (state,) = team.runs()
    assert state.policy["verdict"] == "violated"
    assert [each["message"] for each in state.policy["violations"]] == [
        "the param dataset_version came after the first metric",
        "the tag team is missing",
    ]
    assert state.policy["policy"].startswith("gtrack.yaml at HEAD")


def test_what_comes_before_the_first_metric_is_in_time(team, capsys):
    team.says(CONVENTIONS)
    with gtrack.start_run() as run:
        run.log_params({"model_type": "xgb", "dataset_version": 3})
        run.set_tag("team", "growth")
        run.log({"auc": 0.5})
    assert "policy" not in capsys.readouterr().err
    assert team.runs()[0].policy == {"verdict": "passed", "violations": [], "policy": team.runs()[0].policy["policy"]}


@pytest.mark.parametrize("empty", [None, ""])
def test_a_param_that_says_nothing_is_missing(team, empty):
    team.says(CONVENTIONS)
    with gtrack.start_run(params={"model_type": empty, "dataset_version": 0}, tags={"team": "a"}):
        pass
    assert [each["message"] for each in team.runs()[0].policy["violations"]] == ["the param model_type is missing"]


def test_a_required_param_may_be_in_an_inner_map(team):
    team.says("runs: {params: [model.type]}")
    with gtrack.start_run(params={"model": {"type": "xgb"}}):
        pass
    assert team.runs()[0].policy["verdict"] == "passed"


def test_looking_at_the_first_metric_takes_less_than_a_tenth_of_a_millisecond(team):
    team.says("runs: {params: [a, b, c, d, e], tags: [f, g]}")
    params = dict.fromkeys("abcde", 1) | {f"x{i}": i for i in range(100)}
    with gtrack.start_run(params=params, tags={"f": 1, "g": 2}) as run:
        look = run._recording.at_first_metric
        took = []
        for _ in range(20):
            began = time.perf_counter()
            look()
            took.append(time.perf_counter() - began)
    assert min(took) < 100e-6


# -- what is judged at the end


@pytest.mark.parametrize(
    ("rule", "logged", "said"),
    [
        ('allowed_metrics: ["val_*"]', "run.log({'val_auc': 1, 'acc': 1})", "the metric 'acc' is not allowed"),
        ("param_names: {n: trees}", "run.log_params({'n': 3})", "the param 'n' is called 'trees' here"),
        ("data: pinned", "run.log({'auc': 1})", "no input is recorded"),
        (
            "data: pinned",
            "run.log_data('train', 's3://bucket/train.parquet')",
            "nobody can tell which content 'train' had: it has neither a digest nor a version",
        ),
    ],
)
def test_what_a_run_does_later_is_recorded_as_a_violation(team, rule, logged, said):
    team.says(f"runs:\n  {rule}")
    with gtrack.start_run() as run:
        exec(logged, {"run": run})
    assert [each["message"] for each in team.runs()[0].policy["violations"]] == [said]


def test_inputs_with_digests_are_pinned(team):
    team.says("runs: {data: pinned}")
    (team.root / ".git" / "info" / "exclude").write_text("*.csv\n")
    (team.root / "train.csv").write_text("a,b\n1,2\n")
    with gtrack.start_run() as run:
        run.log_data("train", "train.csv")
    assert team.runs()[0].policy["verdict"] == "passed"


def test_inputs_with_versions_are_pinned(team):
    team.says("runs: {data: pinned}")
    with gtrack.start_run() as run:
        run.log_data("train", "s3://bucket/train.parquet", source={"uri": "s3://bucket/train.parquet", "version": "3H"})
    assert team.runs()[0].policy["verdict"] == "passed"


def test_a_killed_run_is_judged_when_it_is_recorded(team):
    team.says(CONVENTIONS)
    code = "import gtrack, os\nrun = gtrack.start_run()\nrun.log({'auc': 1})\nos.kill(os.getpid(), 9)\n"
    subprocess.run([sys.executable, "-c", code], cwd=team.root, env=dict(os.environ), check=False, capture_output=True)
    with gtrack.Repo(str(team.root)) as repo:
        repo.recover()
    (state,) = team.runs()
    assert (state.status, state.policy["verdict"]) == ("killed", "violated")


def test_runs_are_found_by_the_verdict(team):
    team.says("runs: {tags: [team]}")
    for tags in ({}, {"team": "growth"}):
        with gtrack.start_run(tags=tags):
            pass
    team.git("commit", "-q", "--allow-empty", "-m", "later")
    for text, count in (("policy = 'violated'", 1), ("policy = 'passed'", 1), ("policy IS NULL", 0)):
        with gtrack.Repo(str(team.root)) as repo:
            assert len(list(repo.find(gtrack_query(text)))) == count
        assert sum(parse(text).matches(run, now_us=now_ns() // 1000) for run in team.runs()) == count


def gtrack_query(text):
    from gtrack.ops.asking import question

    return question(where=parse(text))


def test_without_rules_for_runs_nothing_is_recorded(team):
    team.says("models: {}")
    with gtrack.start_run():
        pass
    assert team.runs()[0].policy is None
    assert not [path for path in team.git("ls-tree", "-r", "--name-only", "gtrack").splitlines() if "/events/" in path]


# -- bypass, and policies that cannot be read


@pytest.mark.parametrize("by_environment", [True, False])
def test_a_bypass_with_a_reason_is_recorded_from_the_start(team, monkeypatch, by_environment):
    team.says('runs: {experiment: "[a-z]+", tags: [team]}')
    if by_environment:
        monkeypatch.setenv("GTRACK_POLICY_BYPASS", "hotfix")
    with gtrack.start_run(experiment="A1", bypass_policy=None if by_environment else "hotfix"):
        (live,) = team.runs()
        assert live.policy["verdict"] == "violated"
        assert live.policy["bypass"]["reason"] == "hotfix"
    (state,) = team.runs()
    assert state.policy["bypass"]["reason"] == "hotfix"
    assert [each["rule"] for each in state.policy["bypass"]["violations"]] == ["runs.experiment"]
    assert [each["rule"] for each in state.policy["violations"]] == ["runs.tags", "runs.experiment"]


def test_a_bypass_that_nothing_needed_leaves_no_mark(team):
    team.says('runs: {experiment: "[a-z]+"}')
    with gtrack.start_run(experiment="churn", bypass_policy="in case"):
        pass
    assert team.runs()[0].policy["verdict"] == "passed"
    assert "bypass" not in team.runs()[0].policy


@pytest.mark.parametrize("reason", ["", "  ", 3])
def test_a_bypass_needs_a_reason(team, reason):
    with pytest.raises(UsageError, match="needs a reason"):
        gtrack.start_run(bypass_policy=reason)


def test_training_goes_on_under_a_policy_that_cannot_be_read(team, capsys):
    team.says("runs: {parms: [lr]}")
    for _ in range(2):
        with gtrack.start_run() as run:
            run.log({"auc": 1})
    told = [line for line in capsys.readouterr().err.splitlines() if "policy" in line]
    assert len(told) == 1
    assert "policy.runs.parms is not a rule (did you mean params?)" in told[0]
    assert "nothing can be registered or promoted" in told[0]
    assert [run.policy for run in team.runs()] == [None, None]


def test_processes_that_join_a_run_are_not_asked(team, monkeypatch):
    team.says('runs: {experiment: "[a-z]+"}')
    with gtrack.start_run(experiment="churn") as run:
        env = {**os.environ, **run.environ()}
        code = "import gtrack\nwith gtrack.start_run('X', experiment='Not A Name') as r:\n    r.log({'auc': 1})\n"
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_a_run_that_a_recorder_commits_as_it_goes_is_judged_once(team):
    from gtrack.branch.repository import Repository
    from gtrack.ops.live import LiveRun
    from gtrack.spool.directory import list_spool

    team.says("runs: {tags: [team]}")
    with gtrack.start_run() as run:
        run.log({"auc": 1})
        with Repository(str(team.root), os.environ) as repo, repo.lock():
            (spooled,) = list_spool(repo.paths.spool)
            live = LiveRun(spooled)
            assert live.commit(repo)
        assert team.runs()[0].policy is None
    files = team.git("ls-tree", "-r", "--name-only", "gtrack").splitlines()
    assert len([path for path in files if "/events/" in path]) == 1
    assert team.runs()[0].policy["verdict"] == "violated"


def test_a_resumed_run_is_judged_anew(team):
    team.says("runs: {allowed_metrics: [auc]}")
    with gtrack.start_run() as run:
        run.log({"auc": 1})
    assert team.runs()[0].policy["verdict"] == "passed"
    with gtrack.start_run(run_id=run.id, resume=True, force=True) as again:
        again.log({"acc": 1})
    assert team.runs()[0].policy["verdict"] == "violated"


def test_the_fold_passes_over_verdicts_that_cannot_be():
    from gtrack.model.fold import Document, fold_run

    first = Document("run", "run.yaml", {"format": 1, "policy": {"bypass": "no"}})
    odd = [
        Document("event", f"events/{n}", {"kind": "policy", "verdict": verdict, "violations": "x", "bypass": 3}, str(n))
        for n, verdict in enumerate([None, 3, "fine"])
    ]
    assert fold_run("a" * 32, [first, *odd]).policy is None
    good = Document("event", "events/9", {"kind": "policy", "verdict": "passed", "violations": 3, "policy": 4}, "9")
    assert fold_run("a" * 32, [first, *odd, good]).policy == {"verdict": "passed", "violations": [], "policy": ""}


def test_the_processes_of_a_launch_refuse_alike_and_need_not_repeat_each_other(team, refused, monkeypatch):
    team.says('runs: {experiment: "[a-z]+", name: "{model}-{index}", params: [model]}')
    launch = {"TORCHELASTIC_RUN_ID": "job", "WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "1"}
    for name, value in launch.items():
        monkeypatch.setenv(name, value)
    assert "runs.experiment" in refused(experiment="A1")
    assert "runs.name" in refused(name="final")
    with gtrack.start_run() as run:  # what it is called, and with which params, is the first one's to say
        assert not run.owner
