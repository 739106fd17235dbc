"""``gtrack diff`` on real repositories: what differs between runs, and between the runs of two branches."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import pytest

HOSTILE = "evil\x1b[2J\x1b]0;t\x07 | `x` <b>@team</b> #1 [a](http://x) ![i](http://x)"
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

TRAIN = """\
import sys
import gtrack

SCALE = 16

params = {"lr": float(sys.argv[1]), "model": {"depth": 6}}
with gtrack.start_run(experiment="digits", params=params) as run:
    run.define_metric("val_acc", goal="max")
    for step, value in enumerate(map(float, sys.argv[2:])):
        run.log({"val_acc": value, "val_loss": 1 - value, "weird": step}, step=step)
"""


def train(project, *args: str) -> str:
    done = project.run(sys.executable, "train.py", *args)
    assert done.code == 0, done.err
    return json.loads(project.ok("show", "last", "--json"))["id"]


def log(project, *args: str, experiment: str = "churn") -> str:
    project.ok("log", *args, "--experiment", experiment)
    return json.loads(project.ok("show", "last", "--json"))["id"]


def seeds(project, *values: float, params: str = "lr=0.1", more: tuple[str, ...] = ()) -> list[str]:
    return [log(project, f"val_auc={value}", "-p", params, "-p", f"seed={n}", *more) for n, value in enumerate(values)]


def change(project, text: str, *, commit: str | None = None, branch: str | None = None) -> None:
    if branch is not None:
        project.git("checkout", "-q", "-b", branch)
    (project.root / "train.py").write_text(text)
    if commit is not None:
        project.git("commit", "-q", "-a", "-m", commit)


@pytest.fixture
def trained(project):
    """Two trainings that differ in one param, and in an edit that was never committed."""
    change(project, TRAIN, commit="train")
    train(project, "0.1", "0.5", "0.9", "0.8")
    change(project, TRAIN.replace("SCALE = 16", "SCALE = 255"))
    train(project, "0.2", "0.6", "0.95", "0.7")
    return project


def test_two_trainings_differ_in_exactly_the_param_the_code_and_the_metrics(trained):
    found = json.loads(trained.ok("diff", "last~1", "last", "--json"))
    assert found["params"] == [{"key": "lr", "change": "changed", "a": 0.1, "b": 0.2}]
    assert found["code"]["files"] == [{"path": "train.py", "added": 1, "removed": 1, "was": None}]
    assert (found["code"]["same"], found["code"]["b"]["dirty"]) == (False, True)
    metrics = {metric["key"]: metric for metric in found["metrics"]}
    assert metrics["val_acc"]["delta"] == pytest.approx(0.05)
    told = {key: (m["verdict"], m["goal"], m["goal_source"]) for key, m in metrics.items()}
    assert told == {
        "val_acc": ("better", "max", "define_metric"),
        "val_loss": ("worse", "min", "name"),
        "weird": ("equal", None, None),
    }
    assert (metrics["val_acc"]["value"], metrics["val_acc"]["last_b"]) == ("max", 0.7)
    assert all(found[part] == [] for part in ("tags", "data", "seed"))
    assert found["environment"] == {"facts": [], "packages": [], "host": None}


def test_the_first_three_lines_say_what_differs(trained):
    lines = trained.ok("diff", "last~1", "last").splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["a", "b"]
    assert lines[2] == ("differ in 1 param (lr), 2 metrics (1 better, 1 worse), code (1 file, +1 -1); same environment")
    assert "  lr  0.1  →  0.2" in lines
    assert {"-SCALE = 16", "+SCALE = 255"} <= set(lines)
    assert any(re.search(r"val_acc \(max\) +0\.9 +0\.95 +\+0\.05 \(\+5\.56%\)  better$", line) for line in lines)
    assert any(line.endswith("worse, as lower is better (by its name)") for line in lines)


def test_the_code_in_a_pipe_is_what_git_apply_takes(trained, tmp_path):
    (trained.root / "weights.bin").write_bytes(b"\0\1\2" * 100)
    trained.git("add", "weights.bin")
    log(trained, "val_acc=0.5")
    trained.git("rm", "-q", "--cached", "weights.bin")
    (trained.root / "weights.bin").unlink()
    patch = trained.ok("diff", "last~1", "last", "--code")
    done = trained.run("git", "apply", "-", stdin=patch)
    assert done.code == 0, done.err
    assert (trained.root / "weights.bin").read_bytes() == b"\0\1\2" * 100
    trained.ok("diff", "last~1", "last", "--code", "-o", str(tmp_path / "x.patch"))
    assert (tmp_path / "x.patch").read_text() == patch


def test_bytes_that_are_no_text_reach_a_pipe_as_they_are(project):
    (project.root / "train.py").write_bytes(b"\xff\x1b[2J\r\n")
    log(project, "a=1")
    log(project, "a=1")
    (project.root / "train.py").write_bytes(b"\xfe\r\n")
    log(project, "a=1")
    done = subprocess.run(
        [sys.executable, "-m", "gtrack", "diff", "last~1", "last", "--code"],
        cwd=project.root, env=dict(project.env), capture_output=True, check=True,
    )  # fmt: skip
    assert b"-\xff\x1b[2J\r\n" in done.stdout
    assert b"+\xfe\r\n" in done.stdout


def test_on_a_terminal_code_is_coloured_and_can_command_nothing(project):
    (project.root / "train.py").write_text("\x1b[2J\x07\r\n")
    log(project, "a=1")
    (project.root / "train.py").write_text("ok\n")
    log(project, "a=1")
    for args in (["--code"], []):
        shown = on_a_terminal(project, "diff", "last~1", "last", *args)
        assert "\x1b[32m+ok\x1b[0m" in shown
        assert "-\\x1b[2J\\x07^M" in shown
        assert set(re.findall("\x1b\\[[0-9;]*[A-Za-z]", shown)) <= {f"\x1b[{n}m" for n in (0, 1, 2, 31, 32, 33, 36)}
        assert "\x07" not in shown
    assert "\x1b" not in on_a_terminal(project, "diff", "last~1", "last", NO_COLOR="1")


def test_the_same_code_is_said_to_be_the_same(project):
    log(project, "a=1", "-p", "x=1")
    log(project, "a=2", "-p", "x=1")
    out = project.ok("diff", "last~1", "last")
    assert "same params, environment, code" in out.splitlines()[2]
    assert "diff --git" not in out
    done = project.gtrack("diff", "last~1", "last", "--code")
    assert (done.code, done.out) == (0, "")
    assert "the same code ran" in done.err
    assert json.loads(project.ok("diff", "last~1", "last", "--code", "--json"))["code"]["diff"] == ""


def test_parts_can_be_combined(trained):
    out = json.loads(trained.ok("diff", "last~1", "last", "--params", "--code", "--json"))
    assert set(out) == {"a", "b", "params", "code"}
    assert "+SCALE = 255\n" in out["code"]["diff"]
    shown = trained.ok("diff", "last~1", "last", "--metrics", "-m", "val_loss")
    assert "val_loss" in shown
    assert "val_acc" not in shown
    assert "no difference in that" in trained.ok("diff", "last~1", "last", "--data")


def test_every_form_holds_what_differs(trained):
    rows = trained.ok("diff", "last~1", "last", "--csv").splitlines()
    assert rows[0] == "part,key,change,a,b,delta,relative,verdict,goal,goal_source"
    assert "params,lr,changed,0.1,0.2,,,,," in rows
    lines = [json.loads(line) for line in trained.ok("diff", "last~1", "last", "--jsonl").splitlines()]
    assert {line["part"] for line in lines} == {"params", "metrics", "code"}
    page = trained.ok("diff", "last~1", "last", "--md")
    assert "| lr | 0.1 | → | 0.2 |" in page
    assert "```diff\n" in page


def test_values_that_look_alike_are_told_apart(project):
    log(project, "a=1", "-p", "x=6", "-p", "y=null")
    log(project, "a=1", "-p", 'x="6"', "-p", "z=1")
    out = project.ok("diff", "last~1", "last", "--params")
    assert re.search('x +6 +→ +"6"', out)
    assert re.search(r"- +y +null", out)
    assert re.search(r"\+ +z +1", out)


def test_one_run_is_compared_with_the_baseline_or_the_run_before_it(project):
    first = log(project, "val_auc=0.5")
    done = project.gtrack("diff", "last")
    assert (done.code, "is the first of 'churn'" in done.err) == (3, True)
    log(project, "val_auc=0.1", experiment="other")
    second, third = log(project, "val_auc=0.6"), log(project, "val_auc=0.7")
    done = project.gtrack("diff", "last")
    assert f"compared with the run before it of churn, {second[:7]}" in done.err
    assert [line.split()[1] for line in done.out.splitlines()[:2]] == [second[:7], third[:7]]
    project.ok("experiment", "set", "churn", "--metric", "val_auc", "--baseline", first[:12])
    assert f"compared with the baseline of churn, {first[:7]}" in project.gtrack("diff", "last").err


def test_several_runs_stand_side_by_side(project):
    ids = [log(project, f"val_auc={value}", "-p", f"lr={lr}", "-p", "same=1") for value, lr in ((0.5, 1), (0.7, 2))]
    ids.append(log(project, "val_auc=0.6", "-p", "lr=3", "-p", "same=1"))
    head, _, *lines = project.ok("diff", *ids).splitlines()
    assert head.split() == [run[:7] for run in ids]
    assert [line.split() for line in lines] == [["lr", "1", "2", "3"], ["val_auc", "0.5", "0.7", "0.6"]]
    found = json.loads(project.ok("diff", *ids, "--json"))
    assert found["lines"][1]["best"] == [ids[1]]
    assert project.gtrack("diff", *ids, "--code").code == 2


def branches(project) -> None:
    """Three runs of main, and three of a branch that is worse."""
    project.ok("experiment", "set", "churn", "--metric", "val_auc", "--goal", "max")
    seeds(project, 0.881, 0.882, 0.883)
    change(project, "print('without scaling')\n", commit="drop scaling", branch="feature")
    seeds(project, 0.861, 0.862, 0.863)


def test_a_branch_is_compared_with_main_by_welchs_interval(project):
    branches(project)
    first, second, *_ = project.ok("diff", "main..feature").splitlines()
    assert re.fullmatch(r"main@[0-9a-f]{7} → feature@[0-9a-f]{7}, experiment churn", first)
    assert second == ("val_auc (max)  0.8820 ± 0.0010 (n=3)  →  0.8620 ± 0.0010 (n=3)  -0.0200 ± 0.0023  worse")
    (metric,) = json.loads(project.ok("diff", "main..feature", "--json"))["metrics"]
    assert (metric["goal_source"], metric["left"]["n"], metric["verdict"]) == ("experiment", 3, "worse")
    assert metric["low"] == pytest.approx(-0.022267, abs=1e-6)
    assert project.ok("diff", "main..") == project.ok("diff", "main..feature").replace("feature@", "HEAD@")


def test_where_the_interval_includes_zero_no_difference_is_seen_and_one_run_tells_no_spread(project):
    seeds(project, 0.88, 0.89)
    change(project, "print(2)\n", commit="second", branch="feature")
    seeds(project, 0.885, 0.891)
    assert "no difference seen" in project.ok("diff", "main..feature")
    change(project, "print(3)\n", commit="third", branch="other")
    seeds(project, 0.99)
    out = project.ok("diff", "main..other")
    assert "one run says nothing about the spread" in out
    assert "better" not in out.splitlines()[1]


def test_the_left_side_of_three_dots_is_where_the_two_parted(project):
    branches(project)
    project.git("checkout", "-q", "main")
    change(project, "print('main goes on')\n", commit="main goes on")
    seeds(project, 0.95, 0.95, 0.95)
    assert "0.95 ± 0 (n=3)" in project.ok("diff", "main..feature").splitlines()[1]
    assert "0.8820" in project.ok("diff", "main...feature").splitlines()[1]


def test_the_newest_commit_with_runs_stands_for_a_side(project):
    branches(project)
    change(project, "print('no run yet')\n", commit="no run yet")
    assert "-0.0200" in project.ok("diff", "main..feature").splitlines()[1]


def test_of_each_side_the_best_configuration_counts_and_that_is_told(project):
    branches(project)
    seeds(project, 0.5, 0.5, params="lr=9")
    done = project.gtrack("diff", "main..feature")
    assert "0.8620 ± 0.0010 (n=3)" in done.out
    assert "has runs of 2 configurations: the best by val_auc counts" in done.err


def test_it_is_told_where_the_sides_were_run_with_different_params(project):
    branches(project)
    assert "was run with" not in project.gtrack("diff", "main..feature").err
    seeds(project, 0.95, 0.95, params="lr=9", more=("-p", "depth=3"))
    done = project.gtrack("diff", "main..feature")
    assert "was run with other params (depth, lr) than main@" in done.err
    assert "was run with other params (depth, lr) than" in project.ok("diff", "main..feature", "--md")


def test_runs_of_uncommitted_code_count_only_when_asked_for(project):
    seeds(project, 0.88, 0.88)
    change(project, "print(2)\n", commit="second", branch="feature")
    change(project, "print('edited')\n")
    seeds(project, 0.9, 0.9)
    done = project.gtrack("diff", "main..feature")
    assert done.code == 3
    assert "uncommitted changes" in done.err
    assert "--dirty" in done.err
    assert "+0.02" in project.ok("diff", "main..feature", "--dirty").splitlines()[1]


def test_filters_and_the_floor_narrow_both_sides(project):
    branches(project)
    seeds(project, 0.99, 0.99, params="lr=5", more=("precision=0.1",))
    assert "0.99" in project.ok("diff", "main..feature").splitlines()[1]
    assert "0.8620" in project.ok("diff", "main..feature", "--where", "params.lr < 1").splitlines()[1]
    project.ok("experiment", "set", "churn", "--floor", "metrics.val_auc < 0.95")
    assert "0.8620" in project.ok("diff", "main..feature").splitlines()[1]


def test_a_side_below_the_floor_is_shown_and_told(project):
    branches(project)
    project.ok("experiment", "set", "churn", "--floor", "metrics.val_auc > 0.87")
    done = project.gtrack("diff", "main..feature")
    assert "-0.0200" in done.out.splitlines()[1]
    assert re.search(r"3 of the 3 runs of feature@\w{7} are below the floor metrics.val_auc > 0.87", done.err)
    project.ok("experiment", "set", "churn", "--floor", "metrics.val_auc >= 0.882")
    done = project.gtrack("diff", "main..feature")
    assert "(n=3)" in done.out.splitlines()[1]  # what is compared are all runs of a configuration, not its lucky ones
    assert re.search(r"1 of the 3 runs of main@\w{7} is below the floor", done.err)


def test_a_run_that_is_named_like_a_range_can_be_meant(project):
    log(project, "a=1", "--name", "old..new")
    log(project, "a=2")
    done = project.gtrack("diff", "old..new")
    assert (done.code, "gtrack diff name:old..new" in done.err) == (2, True)
    assert "a  1" not in project.ok("diff", "name:old..new", "last")


WRONG = [
    (["main..nope"], 2, "no revision 'nope'"),
    (["feature..main"], 3, "the other way round: gtrack diff main..feature"),
    (["main..main"], 3, "main and main are the same commit"),
    (["feature..HEAD"], 3, "gtrack diff A B"),
    (["main..feature", "-m", "val_acu"], 2, "did you mean 'val_auc'"),
    (["main..feature", "--experiment", "other"], 3, "a finished run that matches"),
    (["main..feature", "--code"], 2, "gtrack diff A B --code"),
    (["last", "--where", "params.x = 1"], 2, "--ablation"),
    (["last", "last"], 2, "are the same run"),
    (["last", "last~1", "-m", "val_acu"], 2, "did you mean 'val_auc'"),
    (["last", "last~1", "--ablation", "x"], 2, "one base"),
    (["last", "--ablation", "nobody"], 3, "no other run in the group 'nobody'"),
    (["last", "--where", "((", "--ablation"], 2, "expected"),
    (["--upload-pack=x..main"], 2, "no such option"),
    (["--", "--output=x..main"], 2, "no revision '--output=x'"),
]


def test_wrong_use_is_told_with_what_to_type(project):
    branches(project)
    for args, code, said in WRONG:
        done = project.gtrack("diff", *args)
        assert (done.code, said in done.err, done.out) == (code, True, ""), (args, done.err)


def test_an_ablation_lists_what_each_param_does(project):
    base = seeds(project, 0.80, 0.81, 0.82, params="lr=1")[0]
    seeds(project, 0.90, 0.91, 0.92, params="lr=2")
    seeds(project, 0.7, params="lr=1", more=("-p", "drop=0.5"))
    seeds(project, 0.1, params="lr=7", more=("-p", "drop=0.9"))
    done = project.gtrack("diff", base, "--ablation", "-m", "val_auc")
    rows = [line.split() for line in done.out.splitlines()]
    assert [row[0] for row in rows] == ["base", "param", "lr", "drop"]
    assert rows[2] == "lr 1 → 2 3 0.910 ± 0.010 +0.100 ± 0.023 better".split()
    assert rows[3][-2:] == ["0.7", "-0.11"]
    assert "2 runs that differ in no param count with the base" in done.err
    assert "1 run that differs in several params" in done.err
    found = json.loads(project.ok("diff", base, "--ablation", "-m", "val_auc", "--json"))
    assert [(effect["key"], effect["n"], effect["verdict"]) for effect in found["effects"]] == [
        ("lr", 3, "better"),
        ("drop", 1, "one run"),
    ]


def test_choosing_by_a_metric_of_the_test_set_warns(project):
    log(project, "test_auc=0.5", "-p", "lr=1")
    log(project, "test_auc=0.6", "-p", "lr=2")
    done = project.gtrack("diff", "last", "--ablation", "-m", "test_auc")
    assert done.code == 0
    assert "measured on test data" in done.err


def test_the_comment_for_a_pull_request_renders_as_a_table_in_which_nothing_from_runs_has_an_effect(project):
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    change(project, "```\n", commit="fence")
    for name, value in (("main", "1"), ("feature", HOSTILE)):
        if name == "feature":
            change(project, "```\n<script>\n", commit="x", branch="feature")
        for n in range(2):
            log(project, f"val_auc=0.{n + 5}", f"{HOSTILE}=0.5", "-p", f"{HOSTILE}={value}", "-p", f"seed={n}")
    page = project.ok("diff", "main..feature", "--md", "-m", "val_auc", "-m", HOSTILE)
    rendered = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = rendered.parse(page)
    assert [token.type for token in tokens].count("table_open") == 2
    html = rendered.render(page)
    assert html.count("<td") == 2 * 5 + 1 * 4
    assert set(re.findall(r"</?([a-z0-9]+)", html)) <= set(
        "table thead tbody tr th td p details summary h3 pre code".split()
    )
    assert re.search(r"<details>\s*<summary>", html)
    assert not re.search(r"@\w|#\d", html)
    fences = [token for token in tokens if token.type == "fence"]
    assert any("+<script>" in fence.content and " ```" in fence.content for fence in fences)
    assert not UNSAFE.search(page)


def test_hostile_text_reaches_no_terminal(project):
    log(project, f"{HOSTILE}=1", "-p", f"{HOSTILE}={HOSTILE}", "-t", f"{HOSTILE}=1", "--name", HOSTILE)
    log(project, f"{HOSTILE}=2", "-p", "x=1", "--name", HOSTILE + "2")
    log(project, f"{HOSTILE}=3", "-p", "x=2")
    pair = ["last~2", "last~1"]
    calls = [["diff", *pair], ["diff", *pair, "last"], ["diff", "last~1", "--ablation", "-m", HOSTILE]]
    for call in calls:
        for form in ([], ["--md"], ["--csv"], ["--json"], ["--jsonl"]):
            done = project.gtrack(*call, *form)
            assert done.code == 0, done.err
            assert not UNSAFE.search(done.out + done.err), (call, form)


def test_a_terminal_without_unicode_gets_ascii(trained):
    done = trained.run(sys.executable, "-m", "gtrack", "diff", "last~1", "last", PYTHONIOENCODING="ascii", COLUMNS="40")
    assert done.code == 0
    assert done.out.isascii()
    assert re.search(r"lr +0\.1 +-> +0\.2", done.out)


def test_a_colleagues_code_is_fetched_when_it_is_asked_for_and_the_checkout_is_left_alone(trained, tmp_path):
    bare = tmp_path / "team.git"
    trained.git("init", "-q", "--bare", "-b", "main", str(bare))
    trained.git("remote", "add", "origin", f"file://{bare}")
    trained.git("push", "-q", "origin", "main")
    trained.ok("push", "--code")
    trained.git("clone", "-q", f"file://{bare}", str(tmp_path / "clone"))
    clone = type(trained)(tmp_path / "clone", trained.env)
    name = json.loads(clone.ok("show", "last", "--json"))["id"][:7]
    shown = clone.ok("diff", "last~1", "last")
    assert f"the code of run {name} is not in this clone" in shown
    assert "--code fetches it" in shown
    before = clone.git("for-each-ref").splitlines(), clone.git("status", "--porcelain"), os.listdir(clone.root / ".git")
    done = clone.gtrack("diff", "last~1", "last", "--code")
    assert "+SCALE = 255\n" in done.out
    assert "fetched the code of runs from origin" in done.err
    new = set(clone.git("for-each-ref").splitlines()) - set(before[0])
    assert [line.split()[-1] for line in new] == ["refs/gtrack/remotes/origin/code"]
    assert clone.git("status", "--porcelain") == before[1]
    assert set(os.listdir(clone.root / ".git")) - {"gtrack"} == set(before[2]) - {"gtrack"}


def test_code_that_was_not_published_is_named_and_the_rest_is_shown(trained, tmp_path):
    trained.git("clone", "-q", f"file://{trained.root}", str(tmp_path / "clone"))
    clone = type(trained)(tmp_path / "clone", trained.env)
    clone.git("config", "remote.origin.url", f"file://{tmp_path}/gone")
    done = clone.gtrack("diff", "last~1", "last", "--code")
    assert done.code == 3
    assert "its owner publishes it with gtrack push --code" in done.err
    assert "could not be fetched" in done.err
    assert "lr  0.1  →  0.2" in clone.ok("diff", "last~1", "last")


def test_without_snapshots_the_commits_are_compared_and_that_is_told(project):
    project.git("config", "gtrack.code", "commit-only")
    log(project, "a=1")
    change(project, "print(2)\n", commit="second")
    change(project, "print('never kept')\n")
    log(project, "a=1")
    shown = project.ok("diff", "last~1", "last")
    assert "which were not kept: its commit is compared" in shown
    assert "+print(2)" in shown
    assert "never kept" not in shown


def test_a_forged_record_of_code_is_an_error_in_words(project, tmp_path):
    """What a run says of its code is anybody's word."""
    from gtrack.model.state import RunState
    from gtrack.ops.run_code import compare_code
    from gtrack.reader import Repo

    blob = project.git("hash-object", "-w", "train.py").strip()
    tree = project.git("rev-parse", "HEAD^{tree}").strip()
    with Repo(str(project.root), env=project.env) as repo:
        for code in ({"snapshot": blob}, {"snapshot": "--output=x"}, {"tree": ["x"]}, {"commit": "HEAD"}, {}):
            forged = RunState("0" * 32, "x", "x", "finished", code=code)
            honest = RunState("1" * 32, "x", "x", "finished", code={"tree": tree, "dirty": False})
            change_ = compare_code(repo.repository, honest, forged)
            assert not change_.compared, code
            assert change_.remarks
        assert compare_code(repo.repository, honest, honest).compared
    assert not (project.root / "x").exists()


def on_a_terminal(project, *args: str, **env: str) -> str:
    """Return what the command line writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gtrack", *args],
        cwd=project.root, env={**project.env, "TERM": "xterm", **env},
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    out = b""
    try:
        while piece := os.read(ours, 1 << 16):
            out += piece
    except OSError:  # what Linux says when the other end is closed
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return out.decode().replace("\r\n", "\n")
