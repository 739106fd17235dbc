"""``gtrack experiment`` and ``gtrack best``: the protocol is said once, and everybody ranks by it."""

from __future__ import annotations

import json
import re
import sys

import pytest

DECLARING = """
import gtrack
with gtrack.start_run(experiment="churn") as run:
    run.define_metric("cost", goal="max")
    run.log({"cost": 1.0}, step=0)
"""
HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e|`x`"


def log(project, lr, *seeds, experiment="churn", **metrics):
    """Record a run for each of the seeds; the metrics' values are those of the seeds."""
    for at, seed in enumerate(seeds):
        values = [f"{key}={value[at] if isinstance(value, list) else value}" for key, value in metrics.items()]
        project.ok("-q", "log", *values, "-p", f"lr={lr}", "-p", f"seed={seed}", "--experiment", experiment)


@pytest.fixture
def churn(project):
    """Two configurations of three seeds."""
    log(project, 0.1, 1, 2, 3, val_auc=[0.80, 0.82, 0.84], precision=[0.7, 0.9, 0.9])
    log(project, 0.2, 1, 2, 3, val_auc=[0.90, 0.91, 0.92], precision=0.85)
    return project


def board(project, *argv):
    return json.loads(project.ok("best", "--json", *argv))


def test_the_leaderboard_goes_by_the_protocol(churn):
    baseline = json.loads(churn.ok("ls", "--json", "--where", "params.lr = 0.1 AND params.seed = 2"))[0]["id"]
    floor = "metrics.precision >= 0.8"
    done = churn.gtrack("experiment", "set", "churn", "--metric", "val_auc", "--goal", "max", "--floor", floor)
    assert done.code == 0
    assert "val_auc, higher is better (says the experiment); floor metrics.precision >= 0.8 (met by 5 of 6" in done.err
    churn.ok("experiment", "set", "churn", "--baseline", baseline[:8])
    done = churn.gtrack("best")
    head, heads, first, second = done.out.splitlines()
    assert head == (
        "churn: val_auc, higher is better (says the experiment), the best value of each run; "
        "floor metrics.precision >= 0.8"
    )
    assert heads.split() == ["#", "N", "val_auc", "±", "std", "VS", "BASELINE", "lr", "BEST", "RUN", "NAME", "CODE"]
    assert first.split()[:6] == ["1", "3", "0.910", "±", "0.010", "+0.080"]
    assert re.search(r"2 +2 of 3 +0.830 ± 0.014 +baseline +0.1", second)
    assert "left out: 1 run below the floor metrics.precision >= 0.8" in done.err
    found = board(churn)
    assert found["goal"] == {"direction": "max", "source": "experiment"}
    assert [row["n"] for row in found["rows"]] == [3, 2]
    assert found["left_out"]["below_floor"] == 1
    assert found["rows"][0]["delta"]["low"] < 0.08 < found["rows"][0]["delta"]["high"]


def test_without_a_protocol_the_next_command_is_named(churn):
    done = churn.gtrack("best")
    assert (done.code, done.out) == (2, "")
    assert "hint: gtrack experiment set churn --metric val_auc" in done.err
    assert "higher is better (by its name), the last value of each run" in churn.ok("best", "val_auc")
    done = churn.gtrack("best", "val_acu")
    assert done.code == 2
    assert "did you mean 'val_auc'?" in done.err
    churn.ok("-q", "log", "epoch=3", "--experiment", "churn")
    assert "nobody said whether a higher or a lower 'epoch'" in churn.gtrack("best", "epoch").err


def test_too_few_seeds_and_rows_that_cannot_be_told_apart_are_told(churn):
    log(churn, 0.3, 1, 2, 3, val_auc=[0.91, 0.90, 0.93], precision=0.9)
    log(churn, 0.4, 1, val_auc=0.99, precision=0.9)
    assert "1 and 2 cannot be told apart" in churn.gtrack("best", "val_auc", "--min-runs", "3").err
    done = churn.gtrack("best", "val_auc", "--min-runs", "3")
    assert "1 configuration of fewer than 3 runs" in done.err
    assert "0.4" not in done.out
    assert board(churn, "val_auc")["rows"][0]["params"]["lr"] == 0.4


def test_single_runs_groups_and_counts(churn):
    singles = churn.ok("best", "val_auc", "--runs", "-n", "2").splitlines()
    assert singles[1].split() == ["#", "val_auc", "lr", "seed", "RUN", "NAME", "CODE"] or "seed" in singles[1]
    assert len(singles) == 4
    assert [row["group"] for row in board(churn, "val_auc", "--group-by", "params.seed")["rows"]] == [
        {"params.seed": seed} for seed in (3, 2, 1)
    ]
    assert churn.gtrack("best", "val_auc", "--runs", "--min-runs", "3").code == 2
    assert churn.gtrack("best", "val_auc", "--group-by", "lr").code == 2


def test_the_experiment_is_the_newest_runs_and_is_told_where_there_are_others(churn):
    assert "--experiment" not in churn.gtrack("best", "val_auc").err
    log(churn, 1, 1, val_auc=0.5, experiment="other")
    done = churn.gtrack("best", "val_auc")
    assert "the newest run's experiment is other; --experiment chooses another" in done.err
    assert churn.ok("best", "val_auc", "--experiment", "churn").startswith("churn:")
    assert churn.ok("best", "val_auc", "--where", "params.lr < 1").startswith("churn:")
    done = churn.gtrack("best", "val_auc", "--experiment", "chrn")
    assert (done.code, "did you mean 'churn'?" in done.err) == (3, True)


def test_without_runs_there_is_nothing_to_rank(project):
    assert project.gtrack("best").code == 3
    project.ok("experiment", "set", "churn", "--metric", "auc")
    assert project.gtrack("best", "--experiment", "churn").code == 3


def test_failed_runs_are_left_out_and_counted(churn):
    churn.process("run", "--experiment", "churn", "--", "sh", "-c", "exit 1")
    done = churn.gtrack("best", "val_auc")
    assert "left out: 1 failed (--all counts them)" in done.err


def test_choosing_by_a_test_metric_warns_on_standard_error_alone(churn):
    log(churn, 0.1, 7, test_auc=0.9)
    done = churn.gtrack("experiment", "set", "churn", "--metric", "test_auc")
    assert (done.code, done.out) == (0, "")
    assert "warning: test_auc is measured on test data" in done.err
    assert "warning: test_auc is measured on test data" in churn.gtrack("best").err


def test_slips_in_a_protocol_are_told_and_do_not_stop_it(churn):
    def told(*argv):
        done = churn.gtrack("experiment", "set", *argv)
        assert done.code == 0, done.err
        return done.err

    assert "no run of it has a metric val_acu yet; did you mean val_auc?" in told("churn", "--metric", "val_acu")
    assert "by its name val_auc would be better higher" in told("churn", "--metric", "val_auc", "--goal", "min")
    assert "floor's metric presision yet; did you mean precision?" in told("churn", "--floor", "metrics.presision > 1")
    assert "no run is of an experiment chrun yet; did you mean churn?" in told("chrun", "--metric", "val_auc")
    log(churn, 1, 1, val_auc=0.5, experiment="other")
    assert "the baseline is of the experiment other" in told("churn", "--baseline", "last")
    assert "nobody says which way epoch is better" in told("churn", "--metric", "epoch")


def test_a_goal_that_contradicts_define_metric_is_told(project):
    (project.root / "train.py").write_text(DECLARING)
    assert project.run(sys.executable, "train.py").code == 0
    done = project.gtrack("experiment", "set", "churn", "--metric", "cost", "--goal", "min")
    assert "the runs' define_metric says max of cost; the experiment's min stands" in done.err
    assert "higher is better (by define_metric)" in project.gtrack("experiment", "set", "churn", "--unset", "goal").err


@pytest.mark.parametrize(
    "argv",
    [
        ["set", "churn"],
        ["set", "churn", "--goal", "max"],
        ["set", "churn", "--goal", "up"],
        ["set", "churn", "--metric", "a", "--unset", "metric"],
        ["set", " ", "--metric", "a"],
        ["sett", "churn"],
        ["move", "last"],
    ],
)
def test_wrong_use_is_one_line_and_a_hint(project, argv):
    done = project.gtrack("experiment", *argv)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("gtrack: ")
    assert len(done.err.splitlines()) <= 2


def test_a_floor_that_is_no_filter_shows_the_place(project):
    done = project.gtrack("experiment", "set", "churn", "--floor", "metrics.precision >>= 0.8")
    assert done.code == 2
    assert "metrics.precision >>= 0.8\n" in done.err
    assert project.git("for-each-ref", "refs/heads/gtrack") == ""


def test_experiments_are_listed_with_how_far_they_have_come(churn):
    churn.ok("experiment", "set", "churn", "--metric", "val_auc", "--description", "who leaves?")
    churn.ok("experiment", "set", "planned", "--metric", "f1")
    log(churn, 1, 1, loss=0.5, experiment="other")
    lines = [re.split(r"  +", line.strip()) for line in churn.ok("experiment", "ls").splitlines()]
    assert [line[0] for line in lines] == ["EXPERIMENT", "other", "churn", "planned"]
    assert lines[2][1] == "6"
    assert lines[2][3:5] == ["val_auc (max)", "0.910 ± 0.010"]
    assert lines[2][-1] == "who leaves?"
    assert churn.ok("experiment") == churn.ok("experiment", "ls")
    found = json.loads(churn.ok("experiment", "ls", "--json"))
    assert [(each["name"], each["runs"]) for each in found] == [("other", 1), ("churn", 6), ("planned", 0)]
    assert found[1]["best"]["n"] == 3


def test_show_says_everything_of_one_experiment(churn):
    churn.ok("experiment", "set", "churn", "--metric", "val_auc", "--goal", "max", "--baseline", "last")
    shown = churn.ok("experiment", "show", "churn")
    assert "metric       val_auc, higher is better (says the experiment)\n" in shown
    assert re.search(r"baseline     [0-9a-f]{7} [a-z]+-[a-z]+-\d\d \(0.92\)\n", shown)
    assert "runs         6 (6 finished)\n" in shown
    assert "by Ada L\n" in shown
    assert json.loads(churn.ok("experiment", "show", "churn", "--json"))["metric"] == "val_auc"
    assert churn.gtrack("experiment", "show", "chrun").code == 3


def test_the_baseline_is_shown_with_the_value_that_others_are_compared_with(project):
    code = DECLARING.replace('run.log({"cost": 1.0}, step=0)', "run.log({'cost': 3.0})\n    run.log({'cost': 2.0})")
    assert project.run(sys.executable, "-c", code).code == 0
    project.ok("experiment", "set", "churn", "--metric", "cost", "--baseline", "last")
    assert re.search(r"baseline .* \(3\)\n", project.ok("experiment", "show", "churn"))


def test_an_archived_experiment_is_left_out_of_the_list_until_asked_for(churn):
    churn.ok("experiment", "archive", "churn")
    done = churn.gtrack("experiment", "ls")
    assert "churn" not in done.out
    assert "1 archived; --all shows them" in done.err
    assert "churn (archived)" in churn.ok("experiment", "ls", "--all")
    churn.ok("experiment", "unarchive", "churn")
    assert "churn" in churn.ok("experiment", "ls")
    assert churn.gtrack("experiment", "archive", "chrun").code == 3


def test_runs_move_to_another_experiment(churn):
    done = churn.gtrack("experiment", "move", "last", "last~1", "--to", "other")
    assert (done.code, done.err) == (0, "2 runs moved to other\n")
    assert len(json.loads(churn.ok("ls", "--json", "--experiment", "other"))) == 2
    assert churn.gtrack("experiment", "move", "last", "--to", "other").err == "0 runs moved to other\n"


def test_a_protocol_travels_with_the_runs_and_edits_at_the_same_time_are_told(churn, tmp_path):
    churn.git("init", "-q", "--bare", str(tmp_path / "team.git"))
    churn.git("remote", "add", "origin", str(tmp_path / "team.git"))
    churn.ok("experiment", "set", "churn", "--metric", "val_auc", "--goal", "max")
    churn.git("push", "-q", "origin", "main")
    churn.git("config", "gtrack.publishCode", "true")
    churn.ok("push")
    churn.git("clone", "-q", str(tmp_path / "team.git"), str(tmp_path / "clone"))
    other = type(churn)(tmp_path / "clone", churn.env)
    assert other.ok("best").splitlines()[0].startswith("churn: val_auc, higher is better (says the experiment)")
    churn.ok("experiment", "set", "churn", "--floor", "metrics.precision > 0.8")
    other.ok("experiment", "set", "churn", "--floor", "metrics.precision > 0.5")
    churn.ok("push")
    other.ok("push")
    churn.ok("pull")
    for clone in (churn, other):
        assert "floor metrics.precision > 0.5" in clone.ok("best")
        assert "its floor was set in two clones at the same time" in clone.gtrack("best").err
    assert churn.git("rev-parse", "gtrack^{tree}") == other.git("rev-parse", "gtrack^{tree}")
    churn.ok("experiment", "set", "churn", "--floor", "metrics.precision > 0.5")
    assert "two clones" not in churn.gtrack("best").err
    assert churn.gtrack("fsck").code == 0


def test_no_text_of_a_branch_reaches_the_terminal_raw(project):
    argv = ["--metric", HOSTILE, "--goal", "max", "--description", HOSTILE, "--floor", f"params.x != '{HOSTILE}'"]
    project.ok("log", f"{HOSTILE}=1", "-p", f"{HOSTILE}={HOSTILE}", "-p", "x=1", "--experiment", HOSTILE)
    project.ok("log", f"{HOSTILE}=2", "-p", f"{HOSTILE}=2", "-p", "x=1", "--experiment", HOSTILE)
    project.ok("experiment", "set", HOSTILE, *argv, "--baseline", "last")
    calls = [
        ["best"],
        ["best", "--runs"],
        ["experiment", "ls"],
        ["experiment", "show", HOSTILE],
        ["best", f"{HOSTILE}x"],
    ]
    calls += [["best", form] for form in ("--json", "--csv", "--md", "--jsonl")]
    calls += [["experiment", verb, HOSTILE] for verb in ("archive", "unarchive")]
    calls += [["experiment", "show", HOSTILE, form] for form in ("--json", "--csv", "--md")]
    for call in calls:
        done = project.gtrack(*call)
        assert done.code in (0, 2)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", done.out + done.err), call


def test_a_leaderboard_fits_the_width_it_is_given(churn):
    churn.ok("experiment", "set", "churn", "--metric", "val_auc", "--baseline", "last")
    for width in (60, 100):
        done = churn.gtrack("best", COLUMNS=str(width))
        assert all(len(line) <= width for line in done.out.splitlines()[1:])
    assert "no room for" in churn.gtrack("best", COLUMNS="60").err


def test_a_file_gets_the_table_in_its_own_format(churn):
    churn.ok("best", "val_auc", "-o", "best.md")
    text = (churn.root / "best.md").read_text(encoding="utf-8")
    assert text.splitlines()[0].startswith("| \\# | N | val\\_auc ± std |")
    rows = churn.ok("best", "val_auc", "--csv").splitlines()
    assert rows[0].startswith("rank,n,of,mean,std,delta,")
    assert len(rows) == 3


def test_the_users_checkout_is_left_alone(churn):
    def state():
        return [churn.git(*args) for args in (["status", "--porcelain"], ["rev-parse", "HEAD"], ["reflog"])]

    before, index = state(), (churn.root / ".git" / "index").read_bytes()
    churn.ok("experiment", "set", "churn", "--metric", "val_auc")
    churn.ok("best")
    assert (before, index) == (state(), (churn.root / ".git" / "index").read_bytes())
