"""What blocks come to: tables, charts, runs and leaderboards as plain data, and problems where they are wrong."""

from __future__ import annotations

import json

import pytest
from report_world import HOSTILE

from gtrack.report.cells import moment
from gtrack.report.hosts import host_of
from gtrack.report.problems import Problem
from gtrack.report.results import Charts, Grid, RunCard

COMMIT = "3f2a9c1d7b6e4a508c2f9e0d1a7b3c55aabbccdd"


def grid(world, source: str) -> Grid:
    found = world.answer(source)
    assert isinstance(found, Grid), found
    return found


def texts(found: Grid) -> list[list[str]]:
    return [[cell.text for cell in row] for row in found.rows]


def problem(world, source: str) -> str:
    found = world.answer(source)
    assert isinstance(found, Problem), found
    return str(found) + (f" | {found.hint}" if found.hint else "")


def test_a_table_has_the_columns_and_the_order_that_were_asked_for(world):
    found = grid(
        world,
        "table: params.lr < 0.5\ncolumns: [name, params.lr, val_auc, metrics.val_loss]\nsort: val_auc\nlimit: 3\n",
    )
    assert [(head.text, head.right) for head in found.headings] == [
        ("name", False), ("lr", True), ("val_auc max", True), ("val_loss", True),
    ]  # fmt: skip
    assert [row[:3] for row in texts(found)] == [
        ["lr-0.05-seed-2", "0.05", "0.9075"],
        ["lr-0.05-seed-1", "0.05", "0.8975"],
        ["lr-0.1-seed-2", "0.1", "0.895"],
    ]
    assert [row[2].tone for row in found.rows] == ["best", "", ""]
    assert found.rows[0][1].value == 0.05
    assert found.remarks == ("1 more; limit: 4 shows all",)
    assert len(set(found.runs)) == 3


def test_a_table_without_columns_shows_what_differs_and_the_main_metrics(world):
    found = grid(world, "table:\n")
    assert [head.text for head in found.headings] == ["name", "status", "lr", "seed", "val_auc", "val_loss"]
    assert len(found.rows) == 6
    assert found.rows[0][1].tone == "good"
    assert found.title == "6 runs"


def test_times_are_the_same_a_week_later(world):
    (row,) = grid(world, "table: name = 'lr-0.1-seed-1'\ncolumns: [started, duration, id, commit]\n").rows
    with world.repo() as repo:
        run = repo.run("name:lr-0.1-seed-1")
    assert row[0].text == moment(run.started)
    assert moment(0) == "1970-01-01 00:00"
    assert (row[2].text, row[2].value) == (run.id[:7], run.id)
    assert row[3].text == run.state.code["commit"][:7]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("table: metrics.val_acu > 0.5\n", "r.md:2: no run has a metric val_acu; did you mean val_auc?\n  metr"),
        ("table: metrics.val_auc >> 1\n", "r.md:2: the filter, column 18"),
        ("table:\nexperiment: chrun\n", "r.md:3: no run is of an experiment 'chrun'; did you mean 'churn'?"),
        ("table:\ncolumns: [name, params.lrr]\n", "r.md:3: no run has a metric, param or tag 'params.lrr'; did you"),
        ("table:\ncolumns: [nam]\n", "| columns: name"),
        ("table:\nsort: -metrics.val_los\n", "| sort: metrics.val_loss"),
        ("chart: val_los\n", "r.md:2: 'val_los' is a metric of no run; did you mean 'val_loss'?"),
        ("chart: zzz*\n", "| there are val_auc, val_loss"),
        ("chart: val_loss\nx: epoch\n", "r.md:3: 'epoch' is neither step, time, relative nor a metric"),
        ("chart: val_loss\nruns: [nobody]\n", "r.md:3: no run 'nobody'"),
        ("chart: val_loss\nwhere: params.lrr = 1\n", "r.md:3: no run has a param lrr; did you mean lr?"),
        ("run: nobody\n", "r.md:2: no run 'nobody' | gtrack ls"),
        ("leaderboard: chrun\n", "r.md:2: no run is of an experiment 'chrun'; did you mean 'churn'?"),
        ("leaderboard: churn\nmetric: val_acu\n", "r.md:3: no run here has a metric 'val_acu'; did you mean 'val_a"),
        ("leaderboard: churn\ngroup_by: [nothing]\n", "r.md:3: cannot group: unknown field nothing"),
        ("leaderboard: churn\nsingle: true\nmin_runs: 2\n", "r.md:3: single ranks runs"),
        ("leaderboard: churn\nwhere: params.lrr = 1\n", "r.md:3: no run has a param lrr; did you mean lr?"),
        ("leaderboard: churn\nmetric: val_auc\nwhere: a b\n", "r.md:4: the filter"),
    ],
)  # fmt: skip
def test_a_block_that_names_what_is_not_there_is_answered_with_the_nearest(world, source, message):
    assert message in problem(world, source)


def test_a_filter_that_merely_finds_nothing_is_no_problem(world):
    assert grid(world, "table: metrics.val_auc > 2\n").remarks == ("no run matches",)
    assert world.answer("chart: val_loss\nwhere: metrics.val_auc > 2\n").remarks == ("no run matches",)
    assert "nothing to rank" in grid(world, "leaderboard: churn\nwhere: metrics.val_auc > 2\n").remarks


def test_a_chart_has_a_line_for_every_run_and_its_values_as_a_table(world):
    found = world.answer("chart: [val_*]\nwhere: params.seed = 1\nsmoothing: 0.5\nlimit: 2\nlog: true\ntitle: Both\n")
    assert isinstance(found, Charts)
    assert [chart.metric for chart in found.charts] == ["val_auc", "val_loss"]
    assert [len(chart.series) for chart in found.charts] == [2, 2]
    assert found.charts[0].series[0].smoothed is not None
    assert (found.log, found.title, found.remarks) == (True, "Both", ("the newest 2 of 3 runs",))
    assert [head.text for head in found.values.headings] == ["metric", "run", "last", "at step", "best", "at step"]
    assert len(found.values.rows) == 4


def test_a_chart_of_named_runs_keeps_their_order_and_draws_against_a_metric(world):
    found = world.answer("chart: val_loss\nx: metrics.val_auc\nruns: [lr-0.5-seed-1, lr-0.05-seed-1, lr-0.5-seed-1]\n")
    assert isinstance(found, Charts)
    assert [one.label.split(" ")[0] for one in found.charts[0].series] == ["lr-0.5-seed-1", "lr-0.05-seed-1"]
    assert found.charts[0].x_label == "val_auc"


def test_a_run_shows_what_was_asked_for(world):
    world.gtrack("-q", "tag", "name:lr-0.5-seed-2", "stage=final")
    world.gtrack("-q", "note", "name:lr-0.5-seed-2", "-m", "the\nlast one")
    shown = "[tags, notes, params, metrics, code, data, environment, seed, artifacts]"
    found = world.answer(f"run: last\nshow: {shown}\n")
    assert isinstance(found, RunCard)
    assert (found.name, found.status, found.tone) == ("lr-0.5-seed-2", "finished", "good")
    sections = {section.title: section for section in found.sections}
    assert (
        list(sections) == ["Tags", "Notes", "Params", "Metrics", "Code", "Environment", "Seed"] or "Params" in sections
    )
    assert [(fact.name, fact.text) for fact in sections["Params"].facts] == [
        ("lr", "0.5"), ("seed", "2"), ("model.depth", "6"),
    ]  # fmt: skip
    assert "the\nlast one" in sections["Notes"].text
    assert [cell.text for cell in sections["Metrics"].grid.rows[0]][:3] == ["val_auc", "0.795", "19"]
    assert [fact.name for fact in sections["Code"].facts] == ["commit", "branch", "command", "snapshot"]


def test_a_failed_runs_error_is_shown_in_any_case(world):
    code = 'import gtrack\nwith gtrack.start_run(name="bad"):\n    raise ValueError("no data")\n'
    world.write("bad.py", code)
    with pytest.raises(AssertionError, match="no data"):
        world.run("python", "bad.py")
    found = world.answer("run: bad\nshow: [params]\n")
    assert isinstance(found, RunCard)
    assert (found.tone, found.sections[0].title) == ("bad", "Error")
    assert found.sections[0].facts[1].text == "no data"
    assert "Traceback" in found.sections[0].text


def test_the_leaderboard_is_that_of_best(world):
    with world.repo() as repo:
        baseline = repo.run("name:lr-0.1-seed-1").id
    world.gtrack("-q", "experiment", "set", "churn", "--floor", "metrics.val_auc >= 0.80", "--baseline", baseline)
    found = grid(world, "leaderboard: churn\n")
    best = json.loads(world.gtrack("best", "--experiment", "churn", "--json"))
    assert [head.text for head in found.headings] == [
        "#", "runs", "val_auc ± std", "vs baseline", "lr", "best run", "code",
    ]  # fmt: skip
    assert [row[2].value for row in found.rows] == [row["mean"] for row in best["rows"]]
    assert [row[3].value for row in found.rows] == [row["delta"] and row["delta"]["difference"] for row in best["rows"]]
    assert found.lead == (
        "churn: val_auc, higher is better (says the experiment), the best value of each run; "
        "floor metrics.val_auc >= 0.80"
    )
    assert found.baseline == 1
    assert found.rows[0][2].tone == "best"
    assert any("below the floor" in remark for remark in found.remarks)
    assert any("cannot be told apart" in remark for remark in found.remarks)


def test_a_leaderboard_groups_cuts_and_ranks_single_runs(world):
    found = grid(world, "leaderboard: churn\ngroup_by: [params.lr]\nlimit: 1\nmin_runs: 2\n")
    assert (len(found.rows), found.remarks[0]) == (1, "2 more")
    single = grid(world, "leaderboard: churn\nsingle: true\nmetric: metrics.val_loss\n")
    assert [head.text for head in single.headings] == ["#", "val_loss", "lr", "seed", "run", "code"]
    assert len(single.rows) == 6


def test_a_leaderboard_that_nobody_said_the_metric_of_says_what_to_type(world):
    world.gtrack("-q", "log", "odd=1", "--experiment", "other")
    assert "| gtrack experiment set other --metric odd" in problem(world, "leaderboard: other\n")


def test_an_empty_repository_is_answered_in_words(world, tmp_path):
    world.run("git", "init", "-q", str(tmp_path / "empty"))
    empty = type(world)(tmp_path / "empty", world.env)
    assert grid(empty, "table:\n").remarks == ("no run matches",)
    for source in ("run: last\n", "chart: loss\n", "leaderboard: churn\n"):
        assert isinstance(empty.answer(source), Problem)


def test_hostile_names_are_clean_text_of_bounded_length(world):
    world.gtrack(
        "-q", "log", f"{HOSTILE[:40].replace('=', '-')}=1", "--name", HOSTILE + "x" * 10_000,
        "-p", f"{HOSTILE.replace('=', '-')}={HOSTILE}", "-t", f"a={HOSTILE}", "--experiment", HOSTILE,
    )  # fmt: skip
    found = world.answer("run: last\nshow: [params, metrics, tags]\n")
    table = grid(world, "table:\nlimit: 1\n")
    assert isinstance(found, RunCard)
    said = [found.name, *(fact.text + fact.name for section in found.sections for fact in section.facts)]
    said += [cell.text for row in table.rows for cell in row] + [head.text for head in table.headings]
    assert not any(char in text for text in said for char in "\x1b\u202e")
    assert max(map(len, said)) <= 500
    assert len(found.name) == 300


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@github.com:acme/churn.git", f"https://github.com/acme/churn/commit/{COMMIT}"),
        ("https://ada:t0ken@github.com/acme/churn", f"https://github.com/acme/churn/commit/{COMMIT}"),
        ("ssh://git@gitlab.com/a/b/churn.git", f"https://gitlab.com/a/b/churn/-/commit/{COMMIT}"),
        ("https://bitbucket.org/acme/churn", f"https://bitbucket.org/acme/churn/commits/{COMMIT}"),
        ("https://codeberg.org/acme/churn", f"https://codeberg.org/acme/churn/commit/{COMMIT}"),
        ("/srv/git/churn.git", ""),
        ("https://git.example.org/acme/churn", ""),
        ("https://github.com.evil.org/acme/churn", ""),
        ("https://github.com/acme", ""),
        ('https://github.com/a"><script>/b', ""),
        ("https://github.com/../../x", ""),
        ("ext::sh -c x", ""),
    ],
)
def test_commits_lead_to_the_hosts_that_are_known_and_nowhere_else(remote, address):
    host = host_of(remote)
    assert (host.commit(COMMIT) if host else "") == address
    assert host is None or host.commit("javascript:alert(1)") == ""
