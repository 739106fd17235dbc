"""``gtrack gate`` and ``gtrack blame`` as a person and continuous integration call them."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil

import pytest

from gtrack.cli.measured import measured, sparkline
from gtrack.cli.terminal import Terminal

GOOD, BAD = (0.910, 0.913, 0.908), (0.880, 0.877, 0.882)


def commit(project, subject: str, text: str) -> str:
    (project.root / "train.py").write_text(text)
    project.git("commit", "-qam", subject)
    return project.git("rev-parse", "HEAD").strip()


def train(project, values=GOOD, *more: str) -> None:
    for seed, value in enumerate(values):
        project.ok("log", f"val_auc={value}", "-p", "lr=0.1", "-p", f"seed={seed}", "--experiment", "churn", *more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Where the repository below is kept after it was made once."""
    return tmp_path_factory.mktemp("worse") / "project"


@pytest.fixture
def worse(project, made):
    """A branch whose pull request lowers the AUC."""
    if made.exists():
        shutil.rmtree(project.root)
        shutil.copytree(made, project.root)
        return project
    train(project)
    project.git("checkout", "-q", "-b", "feature")
    commit(project, "drop feature scaling", "print('worse')\n")
    train(project, BAD)
    shutil.copytree(project.root, made)
    return project


def test_a_pull_request_that_lowers_the_metric_is_stopped(worse):
    main = worse.git("rev-parse", "--short=7", "main").strip()
    done = worse.gtrack(
        "gate", "metrics.val_auc >= 0.87", "--against", "main", "--tolerance", "0.005", "--min-runs", "3"
    )
    lines = done.out.splitlines()
    assert done.code == 1
    assert lines[0] == "PASS  val_auc 0.8797 ± 0.0063 (n=3) >= 0.87"
    assert lines[1] == (
        f"FAIL  val_auc -0.0307 ± 0.0057 against main@{main} (n=3 against 3), tolerance 0.005, higher is better"
    )
    assert lines[2].endswith("fails 1 of 2 checks (± is the 95 % confidence interval)")
    assert done.err == "gtrack: val_auc: higher is better, by its name\n"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (("metrics.val_auc >= 0.87",), 0),
        (("metrics.val_auc >= 0.88",), 0),  # undecided
        (("metrics.val_auc >= 0.88", "--strict"), 1),
        (("metrics.val_auc >= 0.90",), 1),
        (("metrics.val_auc >= 0.90", "--rev", "main"), 0),
        (("metrics.val_auc >= 0.87", "--min-runs", "4"), 1),
        (("metrics.val_auc >= 0.875", "--run", "last"), 0),
        (("--against", "main", "-m", "val_auc"), 1),
        (("--against", "main", "-m", "val_auc", "--tolerance", "0.05"), 0),
        (("--against", "HEAD", "-m", "val_auc"), 1),  # not with itself, but with what came before
        (("metrics.nothing > 0",), 1),
        ((), 2),
        (("metrics.val_auc >=",), 2),
        (("metrics.val_auc > 0", "--rev", "nowhere"), 2),
        (("metrics.val_auc > 0", "--tolerance", "0.1"), 2),
        (("metrics.val_auc > 0", "--run", "last", "--rev", "main"), 2),
        (("metrics.val_auc > 0", "--confidence", "1"), 2),
        (("metrics.val_auc > 0", "--where", "params.lr = 7"), 3),
        (("metrics.val_auc > 0", "--run", "nothing"), 3),
    ],
)
def test_the_exit_code_is_what_the_question_came_to(worse, asked, code):
    done = worse.gtrack("gate", *asked)
    assert done.code == code, done


def test_json_has_every_number(worse):
    done = worse.gtrack("gate", "metrics.val_auc >= 0.87", "--against", "main", "--json")
    found = json.loads(done.out)
    assert done.code == 1
    assert (found["passed"], found["verdict"]) == (False, "fail")
    bound, comparison = found["checks"]
    assert (bound["operator"], bound["threshold"], bound["verdict"]) == (">=", 0.87, "pass")
    assert comparison["low"] < comparison["difference"] < comparison["high"] < 0
    assert comparison["reference"]["n"] == 3
    assert len(found["candidate"]["runs"]) == 3


def test_markdown_is_a_verdict_and_a_table(worse):
    out = worse.gtrack("gate", "metrics.val_auc >= 0.87", "--against", "main", "--md").out
    assert out.startswith("❌ **gtrack gate:** HEAD@")
    assert out.count("\n|") == 4
    assert "<" not in out


def test_a_comment_says_what_it_was_compared_with_where_that_was_run_otherwise(worse):
    worse.ok("log", "val_auc=0.9", "-p", "depth=@ada", "--experiment", "churn", "--name", "other")
    done = worse.gtrack("gate", "--run", "other", "--against", "main", "-m", "val_auc", "--md")
    assert done.out.splitlines()[-1].endswith("counts, run with no depth, lr=0.1")
    found = json.loads(worse.gtrack("gate", "--run", "other", "--against", "main", "-m", "val_auc", "--json").out)
    assert found["reference"]["alike"] is False
    assert found["reference"]["remark"] in done.err


def test_csv_has_a_row_for_each_check(worse):
    out = worse.gtrack("gate", "metrics.val_auc >= 0.87", "params.lr = 0.1", "--csv").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["kind"], row["verdict"]) for row in rows] == [("threshold", "pass"), ("condition", "pass")]


def test_a_terminal_without_unicode_gets_plain_signs(worse):
    done = worse.process(
        "gate", "metrics.val_auc >= 0.87", LANG="C", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii"
    )
    assert "0.8797 +- 0.0063" in done.out


def test_where_nothing_can_be_measured_what_was_wanted_stands_before_the_reason(worse):
    done = worse.gtrack("gate", "metrics.val_acu >= 0.87", "--run", "last")
    run = json.loads(worse.ok("show", "last", "--json"))["id"][:7]
    assert done.out.splitlines()[0] == f"FAIL  val_acu >= 0.87: {run} has no val_acu"


@pytest.mark.parametrize("option", ["--tolerance", "--confidence"])
def test_nan_is_neither_a_tolerance_nor_a_confidence(worse, option):
    done = worse.gtrack("gate", "metrics.val_auc >= 0.87", "--against", "main", option, "nan")
    assert (done.code, "nan is not a number" in done.err) == (2, True)


def test_a_comment_of_blame_has_the_verdict_and_calls_nobody(project):
    train(project)
    commit(project, "thanks to @ada, see #12", "print('worse')\n")
    train(project, BAD)
    out = project.ok("blame", "val_auc", "--md")
    assert out.startswith("val\\_auc of churn on HEAD, higher is better")
    assert re.search(r"^moved most: \w{7} .* -0.0307 ± 0.0057 \(worse\)$", out, re.MULTILINE)
    assert not re.search("@ada|#12", out)


def test_hostile_names_command_no_terminal(project):
    train(project, GOOD, "--name", "\x1b[2Jevil")
    commit(project, "subject \x1b]0;owned\x07", "print('next')\n")
    train(project, BAD)
    for asked in (
        ("blame", "val_auc"),
        ("gate", "--against", "HEAD", "-m", "val_auc"),
        ("gate", "params.x = '\x1b[2J'"),
    ):
        done = project.gtrack(*asked)
        assert "\x1b" not in done.out + done.err


def test_blame_names_the_commit(worse):
    broken = worse.git("rev-parse", "--short=7", "HEAD").strip()
    first = worse.git("rev-parse", "--short=7", "main").strip()
    out = worse.ok("blame", "val_auc")
    lines = out.splitlines()
    assert lines[0] == "val_auc of churn on HEAD, higher is better (by its name)  █▁"
    assert lines[2].split()[0] == broken
    assert lines[2].endswith("▼ worse")
    assert lines[3].split()[0] == first
    assert lines[4] == f'moved most: {broken} "drop feature scaling" -0.0307 ± 0.0057 (worse)'


def test_blame_names_the_range_where_commits_have_no_runs(project):
    train(project)
    first = project.git("rev-parse", "--short=7", "HEAD").strip()
    for number in range(3):
        commit(project, f"change {number}", f"print({number})\n")
    train(project, BAD)
    last = project.git("rev-parse", "--short=7", "HEAD").strip()
    assert project.ok("blame", "val_auc").splitlines()[-1] == (
        f"  one of 3 commits, the others have no runs: git log --oneline {first}..{last}"
    )


def test_blame_as_data(worse):
    found = json.loads(worse.ok("blame", "val_auc", "--json"))
    assert found["moved_most"] == found["commits"][0]["id"]
    assert found["commits"][0]["n"] == 3
    rows = list(csv.DictReader(io.StringIO(worse.ok("blame", "metrics.val_auc", "--branch", "main", "--csv"))))
    assert [row["subject"] for row in rows] == ["first"]


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (("val_auk",), 2, "did you mean 'val_auc'?"),
        (("val_auc", "--branch", "nowhere"), 2, "no revision 'nowhere' here"),
        (("val_auc", "--since", "feature", "--branch", "main"), 2, "is not on the history of 'main'"),
        (("val_auc", "--experiment", "fraud"), 3, "no commit of HEAD has a finished run"),
        (("val_auc", "--where", "params.lr = 7"), 3, "no run with 'val_auc' matches"),
    ],
)
def test_blame_says_what_is_wrong(worse, asked, code, said):
    done = worse.gtrack("blame", *asked)
    assert done.code == code
    assert said in done.err


def test_a_test_metric_warns(project):
    project.ok("log", "test_auc=0.9")
    assert "measured on test data" in project.gtrack("blame", "test_auc").err
    assert "measured on test data" in project.gtrack("gate", "metrics.test_auc > 0.5").err


def test_numbers_are_shown_with_two_digits_of_what_they_may_be_off_by():
    utf, plain = Terminal(), Terminal(unicode=False)
    assert measured(0.912345, 0.00412, utf) == "0.9123 ± 0.0041"
    assert measured(-0.031, 0.0041, plain, signed=True) == "-0.0310 +- 0.0041"
    assert measured(0.5, None, utf, signed=True) == "+0.5"
    assert measured(1234.6, 56.7, utf) == "1235 ± 57"
    assert measured(0.5, 0.0, utf) == "0.5 ± 0"
    assert measured(float("nan"), 0.1, utf) == "nan"


def test_a_sparkline_shows_the_least_the_greatest_and_what_is_missing():
    assert sparkline([1.0, 2.0, float("nan"), 3.0], Terminal()) == "▁▅ █"
    assert sparkline([1.7e308, -1.7e308], Terminal(unicode=False)) == "@_"
    assert sparkline([2.0, 2.0], Terminal()) == "▅▅"
    assert sparkline([], Terminal()) == ""


def test_a_metric_that_no_run_has_is_a_wrong_question_everywhere(worse):
    for asked in (
        ("best", "val_auk"),
        ("blame", "val_auk"),
        ("plot", "-m", "val_auk"),
        ("ls", "--sort", "val_auk"),
        ("ls", "--columns", "val_auk"),
        ("diff", "main..feature", "-m", "val_auk"),
        ("diff", "last~1", "last", "-m", "val_auk"),
        ("gate", "--against", "main", "-m", "val_auk"),
    ):
        done = worse.gtrack(*asked)
        assert (done.code, "did you mean" in done.err, "val_auc" in done.err) == (2, True, True), asked


def test_a_clone_of_a_single_branch_is_told_what_fetches_the_runs(worse, tmp_path):
    worse.git("branch", "-m", "gtrack", "runs")
    worse.git("config", "gtrack.branch", "runs")
    worse.git("clone", "-q", "--single-branch", "-o", "up", f"file://{worse.root}", str(tmp_path / "clone"))
    clone = type(worse)(tmp_path / "clone", worse.env)
    clone.git("config", "gtrack.branch", "runs")
    hint = "git fetch up runs:refs/remotes/up/runs"
    for asked in (("gate", "metrics.val_auc > 0"), ("blame", "val_auc"), ("diff", "HEAD~1..HEAD")):
        done = clone.gtrack(*asked)
        assert (done.code, hint in done.err) == (3, True), (asked, done.err)
    clone.git(*hint.split()[1:])
    assert clone.ok("gate", "metrics.val_auc > 0.8", "--against", "HEAD~1", "--tolerance", "0.1")
