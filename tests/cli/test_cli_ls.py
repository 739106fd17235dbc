"""``gtrack ls`` as a tool for comparing: order, columns, trees, groups."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.cli.choosing import only_changed
from gtrack.cli.columns import metric_column, param_column, run_columns, with_best
from gtrack.cli.grouping import group_columns
from gtrack.cli.terminal import Terminal
from gtrack.display.ordering import split_list
from gtrack.display.tree import tree_rows
from gtrack.index.columns import line_of
from gtrack.index.fields import Field
from gtrack.model.goal import Goal
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.experiments import set_protocol
from gtrack.ops.grouping import group_runs, grouping_columns
from gtrack.reader import Repo

HOSTILE = "evil\x1b[2J\x1b]0;title\x07name"


def state(name: str, parent: str | None = None, started: int = 0, **metrics: float) -> RunState:
    summaries = {key: MetricSummary.point(value, 0, 0) for key, value in metrics.items()}
    return RunState(name, name, "churn", "finished", started=started, parent=parent, metrics=summaries)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def record(project, code: str) -> None:
    """Record runs through the library, which is quicker than a command for each."""
    done = project.run(sys.executable, "-c", f"import gtrack\n{code}", GTRACK_QUIET="1")
    assert done.code == 0, done.err


@pytest.fixture
def seeds(project):
    """Six runs: three seeds each of two learning rates, the better one being 0.1."""
    record(
        project,
        "aucs = [(0.1, 0, 0.90), (0.1, 1, 0.92), (0.1, 2, 0.91), (0.01, 0, 0.80), (0.01, 1, 0.84), (0.01, 2, 0.82)]\n"
        "for i, (lr, seed, auc) in enumerate(aucs):\n"
        "    with gtrack.start_run(f'run-{i}', experiment='churn') as run:\n"
        "        run.log_params({'lr': lr, 'seed': seed, 'model': 'xgb'})\n"
        "        run.set_tag('purpose', 'search')\n"
        "        run.log({'val_auc': auc, 'loss': round(1 - auc, 2)})\n",
    )
    return project


def names(project, *options: str) -> list[str]:
    return [run["name"] for run in json.loads(project.ok("ls", "--json", *options))]


def test_the_example_of_the_help_text_finds_the_best_runs(seeds):
    wanted = """metrics.val_auc > 0.81 AND params.lr IN (0.1, 0.01) AND tags.purpose IN ("search", "final")"""
    assert names(seeds, "--where", wanted, "--sort", "-metrics.val_auc", "-n", "3") == ["run-1", "run-2", "run-0"]
    assert names(seeds, "--where", wanted, "--sort=-metrics.val_auc", "-n", "1") == ["run-1"]
    assert names(seeds, "--sort", "-params.lr,metrics.val_auc", "-n", "4") == ["run-0", "run-2", "run-1", "run-3"]
    assert names(seeds, "--sort", "params.lr", "--sort", "loss", "-n", "2") == ["run-4", "run-5"]


def test_a_bare_metric_comes_with_the_best_first_and_says_by_what(seeds):
    done = seeds.gtrack("ls", "--sort", "loss", "-n", "1", "--csv")
    assert [row["name"] for row in rows(done.out)] == ["run-1"]
    assert "loss: lower is better, by its name" in done.err
    assert names(seeds, "--sort", "loss", "--reverse", "-n", "1") == ["run-3"]


def test_what_the_rows_are_sorted_by_is_shown(project):
    code = (
        "import gtrack\n"
        "for values in ([0.9, 0.1], [0.5, 0.2], [0.3, 0.3]):\n"
        "    with gtrack.start_run(params={'lr': values[0], 'hidden': 1}) as run:\n"
        "        run.define_metric('val_auc', goal='max')\n"
        "        for step, value in enumerate(values):\n"
        "            run.log({'val_auc': value}, step=step)\n"
    )
    assert project.run(sys.executable, "-c", code).code == 0
    lines = project.ok("ls", "--sort", "-metrics.val_auc").splitlines()
    assert lines[0].split()[-3:] == ["val_auc", "val_auc", "max"]
    assert [line.split()[-2:] for line in lines[1:]] == [["0.3", "0.3"], ["0.2", "0.5"], ["0.1", "0.9"]]
    assert project.ok("ls", "--sort", "val_auc").splitlines()[0].split().count("val_auc") == 1
    assert " lr " in project.ok("ls", "--sort", "params.lr", "-m", "val_auc").splitlines()[0]


def test_sorting_by_a_test_metric_warns(project):
    project.ok("log", "test_auc=0.9")
    assert "test data" in project.gtrack("ls", "--sort", "-metrics.test_auc").err
    assert "test data" not in project.gtrack("ls", "--sort", "started").err


def test_a_wrong_key_is_answered_with_the_nearest(seeds):
    for option, value, meant in (
        ("--sort", "val_acu", "val_auc"),
        ("--sort", "metrics.val_acu", "metrics.val_auc"),
        ("--columns", "name,params.lrr", "params.lr"),
        ("--columns", "statsu", "status"),
        ("--group-by", "MODEL", "model"),
    ):
        done = seeds.gtrack("ls", option, value)
        assert done.code == 2
        assert f"hint: {option} {meant}" in done.err, done.err
    assert "did you mean val_auc?" in seeds.gtrack("ls", "--metric", "val_acu").err
    assert seeds.gtrack("ls", "--columns", "maxx(metrics.loss)").code == 2
    assert seeds.gtrack("ls", "--columns", "params.x*").code == 2


def test_columns_are_exactly_those_asked_for_in_every_format(seeds):
    columns = ["--columns", "name,params.*", "--columns", "max(metrics.loss)", "-n", "1"]
    wanted = ["name", "params.lr", "params.model", "params.seed", "max(metrics.loss)"]
    (run,) = json.loads(seeds.ok("ls", *columns, "--json"))
    assert run == dict(zip(wanted, ["run-5", 0.01, "xgb", 2, 0.18], strict=True))
    assert json.loads(seeds.ok("ls", *columns, "--jsonl")) == run
    assert seeds.ok("ls", *columns, "--csv").splitlines() == [",".join(wanted), "run-5,0.01,xgb,2,0.18"]
    assert seeds.ok("ls", *columns, "--md").splitlines()[0] == "| NAME | lr | model | seed | loss max |"
    head, row = seeds.ok("ls", *columns).splitlines()
    assert head.split() == ["NAME", "lr", "model", "seed", "loss", "max"]
    assert row.split() == ["run-5", "0.01", "xgb", "2", "0.18"]


def test_any_field_of_the_filter_language_is_a_column(seeds):
    asked = "id,experiment,status,started,ended,duration,code,author,parent,group,host,branch,commit,environment.python"
    (run,) = json.loads(seeds.ok("ls", "--columns", asked, "-n", "1", "--json"))
    assert list(run) == asked.split(",")
    assert (run["experiment"], run["branch"], run["parent"]) == ("churn", "main", None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", run["ended"])
    table = seeds.ok("ls", "--columns", "ended,commit,duration", "-n", "1").splitlines()
    assert table[0].split() == ["ENDED", "COMMIT", "DURATION"]
    assert re.match(r"(just now|\d+ s ago) +[0-9a-f]{7} +0\.\d s", table[1])


def test_a_bare_metric_with_a_goal_is_shown_by_its_best_as_it_is_sorted(project):
    record(
        project,
        "for name, values in (('a', [0.9, 0.5]), ('b', [0.8, 0.7])):\n"
        "    with gtrack.start_run(name) as run:\n"
        "        run.define_metric('val_auc', goal='max')\n"
        "        for step, value in enumerate(values):\n"
        "            run.log({'val_auc': value, 'acc': value}, step=step)\n",
    )
    out = project.ok("ls", "--sort", "val_auc", "--columns", "name,val_auc,metrics.val_auc,acc")
    assert [line.split() for line in out.splitlines()] == [
        ["NAME", "val_auc", "max", "val_auc", "acc"],
        ["a", "0.9", "0.5", "0.5"],
        ["b", "0.8", "0.7", "0.7"],
    ]
    (best, _) = json.loads(project.ok("ls", "--sort", "val_auc", "--columns", "val_auc,metrics.val_auc", "--json"))
    assert best == {"max(metrics.val_auc)": 0.9, "metrics.val_auc": 0.5}


def test_what_is_the_same_in_all_is_left_out_and_named(seeds):
    done = seeds.gtrack("ls", "--columns", "name,params.*,experiment,metrics.val_auc", "--only-changed")
    assert done.out.splitlines()[0].split() == ["NAME", "lr", "seed", "val_auc"]
    assert "same in all: params.model=xgb, experiment=churn" in done.err
    everything = seeds.ok("ls", "--only-changed", "--csv").splitlines()[0].split(",")
    assert {"id", "name", "params.lr", "params.seed"} <= set(everything)
    assert not {"params.model", "experiment", "status"} & set(everything)
    alone = seeds.gtrack("ls", "--columns", "name,params.model", "--only-changed", "-n", "1")
    assert alone.out.splitlines()[0].split() == ["NAME", "model"]


def test_columns_of_one_heading_are_told_apart(project):
    project.ok("log", "lr=1", "-p", "lr=2", "-t", "lr=3", "-p", "a=0")
    head = project.ok("ls", "--columns", "params.*,metrics.lr,tags.lr").splitlines()[0]
    assert head.split() == ["a", "params.lr", "metrics.lr", "tags.lr"]


def test_options_that_contradict_each_other_are_refused(seeds):
    for options in (
        ["--columns", "name", "--metric", "loss"],
        ["--group-by", "params.lr", "--tree"],
        ["--group-by", "params.lr", "--columns", "name"],
        ["--agg", "mean"],
        ["--group-by", "params.lr", "--agg", "average"],
        ["--group-by", "params.lr", "--sort", "params.seed"],
    ):
        done = seeds.gtrack("ls", *options)
        assert (done.code, done.out) == (2, ""), options


def test_seeds_are_shown_as_mean_and_spread(seeds):
    head, *lines = seeds.ok("ls", "--group-by", "params.lr", "--metric", "val_auc").splitlines()
    assert head.split() == ["lr", "n", "val_auc"]
    assert [line.split() for line in lines] == [
        ["0.01", "3", "0.820", "±", "0.020"],
        ["0.1", "3", "0.910", "±", "0.010"],
    ]
    best, _ = seeds.ok("ls", "--group-by", "lr", "--metric", "val_auc", "--sort", "val_auc", "--csv").splitlines()[1:]
    assert [float(cell) for cell in best.split(",")] == pytest.approx([0.1, 3, 0.91, 0.01, 3])


def test_groups_as_json_have_every_aggregate_and_the_ids_of_their_runs(seeds):
    found = json.loads(seeds.ok("ls", "--group-by", "configuration", "--sort", "-metrics.val_auc", "--json", "-n", "1"))
    ids = {run["name"]: run["id"] for run in json.loads(seeds.ok("ls", "--json"))}
    (group,) = found
    assert group["group"] == {"params.lr": 0.1, "params.model": "xgb"}
    assert (group["n"], set(group["runs"])) == (3, {ids[f"run-{i}"] for i in range(3)})
    assert group["metrics"]["val_auc"]["median"] == 0.91
    assert group["metrics"]["val_auc"]["goal_source"] == "name"
    assert group["metrics"]["loss"]["best"] == pytest.approx(0.08)
    done = seeds.gtrack("ls", "--group-by", "configuration", "--agg", "best,last,std", "-n", "1")
    assert "same in all: params.model=xgb" not in done.err  # a single row is not compared
    assert "1 of 2 groups" in done.err
    assert "same in all: params.model=xgb" in seeds.gtrack("ls", "--group-by", "configuration").err


def test_groups_by_commit_are_headed_by_seven_digits_and_whole_for_programs(seeds):
    commit = seeds.git("rev-parse", "HEAD").strip()
    for field in ("commit", "code.commit"):
        done = seeds.ok("ls", "--group-by", field)
        assert done.splitlines()[1].split()[0] == commit[:7]
        assert json.loads(seeds.ok("ls", "--group-by", field, "--json"))[0]["group"] == {"commit": commit}
        assert rows(seeds.ok("ls", "--group-by", field, "--csv"))[0]["commit"] == commit
    for field in ("id", "snapshot"):
        cells = [line.split()[0] for line in seeds.ok("ls", "--group-by", field).splitlines()[1:]]
        assert {len(cell) for cell in cells} == {7}


def test_runs_without_the_value_are_a_group_and_nan_is_counted(project):
    for value in ("0.5", "nan", "0.7"):
        project.ok("log", f"auc={value}", "-p", "lr=1")
    project.ok("log", "other=1")
    done = project.ok("ls", "--group-by", "params.lr", "--metric", "auc").splitlines()
    assert done[1].split() == ["1", "3", "0.60", "±", "0.14", "(1", "NaN)"]
    assert done[2].split() == ["-", "1", "-"]


def record_sweep(project) -> None:
    """Record a sweep with three trials, one of them with a child of its own, and a run beside it."""
    record(
        project,
        "with gtrack.start_run('sweep', experiment='e'):\n"
        "    for i in range(3):\n"
        "        with gtrack.start_run(f'trial-{i}', experiment='e', nested=True) as run:\n"
        "            run.log_metric('auc', 0.5 + i / 10)\n"
        "            if i == 1:\n"
        "                with gtrack.start_run('fold', experiment='e', nested=True) as fold:\n"
        "                    fold.log_metric('auc', 0.9)\n"
        "with gtrack.start_run('alone', experiment='e') as run:\n"
        "    run.log_metric('auc', 0.55)\n",
    )


def test_a_tree_keeps_the_parents_of_matches_in_view(project):
    record_sweep(project)
    found = json.loads(project.ok("ls", "--tree", "--where", "metrics.auc > 0.5", "--sort", "-metrics.auc", "--json"))
    assert [(run["name"], run["depth"], run["matched"]) for run in found] == [
        ("sweep", 0, False),
        ("trial-1", 1, True),
        ("fold", 2, True),
        ("trial-2", 1, True),
        ("alone", 0, True),
    ]
    limited = rows(project.ok("ls", "--tree", "--sort", "-metrics.auc", "-n", "1", "--csv", "--columns", "name"))
    assert [(row["name"], row["depth"], row["matched"]) for row in limited] == [
        ("sweep", "0", "false"),
        ("trial-1", "1", "false"),
        ("fold", "2", "true"),
    ]
    table = project.ok("ls", "--tree", "--columns", "name", "--sort", "auc").splitlines()
    assert table == ["NAME", "sweep", "├─ trial-1", "│  └─ fold", "├─ trial-2", "└─ trial-0", "alone"]


def test_a_tree_without_unicode_is_drawn_in_ascii(project):
    record_sweep(project)
    done = project.process("ls", "--tree", "--columns", "name", "--sort", "auc", PYTHONIOENCODING="ascii")
    assert done.out.splitlines() == ["NAME", "sweep", "|- trial-1", "|  `- fold", "|- trial-2", "`- trial-0", "alone"]


ids = st.integers(0, 8)


@given(st.dictionaries(ids, st.none() | ids), st.sets(ids))
def test_a_tree_has_every_match_once_with_its_ancestors_whatever_the_parents_are(parents, wanted):
    known = {str(i): state(str(i), None if p is None else str(p)) for i, p in parents.items()}
    matches = [known[str(i)] for i in sorted(wanted) if str(i) in known]
    found = tree_rows(matches, lambda asked: [known[i] for i in asked if i in known])
    shown = [row.run.id for row in found]
    assert len(shown) == len(set(shown))
    assert [row.run.id for row in found if row.matched] != [] or not matches
    assert {row.run.id for row in found if row.matched} == {run.id for run in matches}
    above: list[str] = []
    for row in found:
        del above[row.depth :]
        assert len(above) == row.depth
        if row.depth:
            assert row.run.parent == above[-1]
        above.append(row.run.id)


def test_a_chain_deeper_than_the_stack_is_a_tree_all_the_same():
    chain = [state(str(i), str(i - 1) if i else None) for i in range(3000)]
    assert [row.depth for row in tree_rows(chain, lambda _: [])] == list(range(3000))


def test_the_best_of_several_values_stands_out_and_only_where_somebody_said_which():
    runs = [state("a", loss=0.2), state("b", loss=0.1), state("c")]
    column = metric_column("loss")
    for direction, wanted in (("min", [(), ("bold", "green"), ()]), ("max", [("bold", "green"), (), ()])):
        style = with_best(column, runs, direction).style
        assert style is not None
        assert [style(run) for run in runs] == wanted
    assert with_best(column, runs, None).style is None
    assert with_best(column, runs[1:], "min").style is None
    by, goals = [Field("attributes", "name")], {"loss": Goal("min", "define_metric")}
    lines = [line_of(run, grouping_columns(by, goals)) for run in runs[:2]]
    groups = group_runs(lines, by, goals)
    shown = group_columns(by, groups, {"loss": Goal("min", "name")}, ("mean",), Terminal())
    assert [shown[-1].style(group) for group in groups if shown[-1].style] == [(), ()]


def test_the_best_value_is_bold_on_a_terminal_and_plain_in_a_pipe(project):
    record(
        project,
        "for value in (0.5, 0.75, 0.25):\n"
        "    with gtrack.start_run() as run:\n"
        "        run.define_metric('auc', goal='max')\n"
        "        run.log_metric('auc', value)\n",
    )
    assert "\x1b" not in project.ok("ls")
    reader, writer = pty.openpty()
    try:
        env = {**project.env, "TERM": "xterm", "COLUMNS": "120"}
        command = [sys.executable, "-m", "gtrack", "ls", "--columns", "name,max(metrics.auc)"]
        subprocess.run(command, cwd=project.root, env=env, stdout=writer, check=True, timeout=60)
        shown = os.read(reader, 65536).decode()
    finally:
        os.close(reader)
        os.close(writer)
    assert re.findall("\x1b\\[1;32m(.*?)\x1b\\[0m", shown) == ["0.75"]


@given(st.lists(st.none() | st.integers(0, 2), min_size=2))
def test_a_column_is_left_out_exactly_when_all_values_are_the_same(values):
    runs = [replace(state(str(i)), params={} if value is None else {"p": value}) for i, value in enumerate(values)]
    kept, same = only_changed([param_column("p"), param_column("q")], runs)
    differ = len(set(values)) > 1
    assert [column.name for column in kept] == ["params.p"]  # one stays, so that there is something to see
    assert same == ([] if differ or values[0] is None else [f"params.p={values[0]}"])
    runs = [replace(each, id="a", name="a") for each in runs]
    with_name, _ = only_changed([*run_columns(0, Terminal())[:2], param_column("p")], runs)
    assert [column.name for column in with_name] == ["id", "name", *(["params.p"] if differ else [])]


def test_names_are_split_at_commas_outside_of_quotes():
    assert split_list('a, params."x,y" ,max(metrics.z),`b,c`,,') == ["a", 'params."x,y"', "max(metrics.z)", "`b,c`"]
    assert split_list(" , ") == []


def test_nothing_hostile_reaches_the_terminal(project):
    project.ok("log", f"{HOSTILE}=1", "-p", f"{HOSTILE}={HOSTILE}", "-t", f"{HOSTILE}={HOSTILE}", "--experiment", "e")
    project.ok("log", f"{HOSTILE}=2", "-p", f"{HOSTILE}={HOSTILE}", "-t", f"{HOSTILE}={HOSTILE}", "--experiment", "e")
    for options in (
        ["--columns", "name,params.*,metrics.*,tags.*"],
        ["--columns", "name,params.*,metrics.*,tags.*", "--only-changed"],
        ["--tree"],
        ["--group-by", "configuration", "--metric", HOSTILE],
        ["--group-by", f"params.`{HOSTILE}`"],
        ["--sort", HOSTILE],
        ["--sort", f"{HOSTILE}x"],
        ["--columns", f"{HOSTILE}x"],
        ["--metric", f"{HOSTILE}x"],
    ):
        for form in ([], ["--json"], ["--csv"], ["--md"]):
            done = project.gtrack("ls", *options, *form)
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.out + done.err), options


def test_only_as_many_runs_are_shown_as_asked_for_and_the_rest_is_counted(seeds):
    done = seeds.gtrack("ls", "-n", "2", "--experiment", "churn", "--experiment", "none")
    assert len(done.out.splitlines()) == 3
    assert "2 of 6 runs" in done.err
    assert len(json.loads(seeds.ok("ls", "--json"))) == 6
    assert names(seeds, "--reverse", "-n", "2") == ["run-0", "run-1"]
    assert names(seeds, "--experiment", "none") == []


def test_the_metric_that_an_experiment_is_compared_by_comes_first_with_its_best(seeds):
    with Repo(str(seeds.root), env=seeds.env) as repo:
        set_protocol(repo.repository, "churn", {"metric": "loss", "goal": "min"})
    head = seeds.ok("ls", "--columns", "name,metrics.loss").splitlines()[0]
    assert head.split() == ["NAME", "loss"]
    assert seeds.ok("ls", COLUMNS="200").splitlines()[0].split()[-3:] == ["loss", "min", "val_auc"]
    done = seeds.gtrack("ls", "--sort", "loss", "-n", "1", "--csv")
    assert ([row["name"] for row in rows(done.out)], done.err) == (["run-1"], "")
