"""The commands on real repositories, as processes."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

HOSTILE = "evil\x1b[2J\x1b]0;title\x07name"


def test_log_prints_one_line_and_ls_lists_the_run(project):
    line = project.ok("log", "val_auc=0.91", "-p", "lr=0.1", "-t", "stage=baseline", "-m", "first try")
    assert re.fullmatch(r"run [0-9a-f]{7} [a-z]+-[a-z]+-\d\d recorded: val_auc=0\.91\n", line)
    head, row = project.ok("ls").splitlines()
    assert head.split()[-1] == "val_auc"
    assert row.startswith(line.split()[1])
    assert row.endswith("0.91")


def test_params_keep_their_types_and_tags_are_text(project):
    project.ok("log", "a=1", "-p", "lr=1e-3", "-p", "layers=[1, 2]", "-p", "debug=true", "-t", "version=1.10")
    run = json.loads(project.ok("show", "last", "--json"))
    assert run["params"] == {"lr": 0.001, "layers": [1, 2], "debug": True}
    assert run["tags"] == {"version": "1.10"}


def test_an_assignment_overrides_a_nested_param_of_a_file(project):
    (project.root / "params.yaml").write_text("lr: 0.1\nmodel: {depth: 3, width: 8}\n")
    project.ok("log", "a=1", "--params", "params.yaml", "-p", "model.depth=4", "-p", "seed=7")
    run = json.loads(project.ok("show", "last", "--json"))
    assert run["params"] == {"lr": 0.1, "model": {"depth": 4, "width": 8}, "seed": 7}


def test_metrics_of_a_file_become_curves_and_skipped_columns_are_named(project):
    (project.root / "m.csv").write_text("step,loss,remark\n0,1.0,x\n1,0.5,y\n")
    done = project.gtrack("log", "--metrics", "m.csv")
    assert done.code == 0
    assert "remark is left out" in done.err
    loss = json.loads(project.ok("show", "last", "--json"))["metrics"]["loss"]
    assert (loss["last"], loss["step"], loss["count"]) == (0.5, 1, 2)


def test_log_adds_to_a_run_that_is_there(project):
    project.ok("log", "val_auc=0.91", "--name", "base")
    assert " base extended: test_auc=0.89" in project.ok("log", "test_auc=0.89", "--run", "base")
    run = json.loads(project.ok("show", "base", "--json"))
    assert {key: m["last"] for key, m in run["metrics"].items()} == {"val_auc": 0.91, "test_auc": 0.89}
    assert run["status"] == "finished"


def test_log_refuses_to_name_a_run_it_adds_to_and_to_record_nothing(project):
    project.ok("log", "a=1")
    assert project.gtrack("log", "b=1", "--run", "last", "--name", "x").code == 2
    assert project.gtrack("log").code == 2
    assert len(json.loads(project.ok("ls", "--json"))) == 1


def test_edits_show_and_are_told_on_stderr(project):
    project.ok("log", "a=1", "-t", "stage=baseline")
    done = project.gtrack("tag", "last", "reviewed=yes", "stage-")
    assert (done.code, done.out) == (0, "")
    assert "stage removed" in done.err
    project.ok("note", "last", "the labels of March are wrong")
    project.ok("note", "last", "-", stdin="two\nlines\n")
    project.ok("rename", "last", "churn-baseline")
    run = json.loads(project.ok("show", "churn-baseline", "--json"))
    assert run["tags"] == {"reviewed": "yes"}
    assert [note["text"] for note in run["notes"]] == ["the labels of March are wrong", "two\nlines"]
    shown = project.ok("show", "last")
    assert "the labels of March are wrong" in shown
    assert "Ada L" in shown


def test_a_deleted_run_is_hidden_and_comes_back(project):
    project.ok("log", "a=1", "--name", "keep")
    project.ok("log", "a=2", "--name", "drop")
    done = project.gtrack("rm", "drop", "-m", "wrong labels")
    hint = done.err.splitlines()[-1].strip().removeprefix("to bring it back: gtrack ")
    assert [run["name"] for run in json.loads(project.ok("ls", "--json"))] == ["keep"]
    assert [run["name"] for run in json.loads(project.ok("ls", "--deleted", "--json"))] == ["drop"]
    project.ok(*hint.split())
    assert {run["name"] for run in json.loads(project.ok("ls", "--json"))} == {"keep", "drop"}


def test_a_batch_is_one_commit(project):
    for value in range(3):
        project.ok("log", f"a={value}")
    before = int(project.git("rev-list", "--count", "gtrack"))
    project.ok("tag", "last", "last~1", "last~2", "set=one")
    assert int(project.git("rev-list", "--count", "gtrack")) == before + 1
    assert all(run["tags"] == {"set": "one"} for run in json.loads(project.ok("ls", "--json")))


def test_listing_filters_sorts_and_counts(project):
    for name, auc, experiment in (("low", 0.7, "a"), ("high", 0.9, "a"), ("other", 0.8, "b")):
        project.ok("log", f"auc={auc}", "--name", name, "--experiment", experiment)

    def names(*options: str) -> list[str]:
        return [run["name"] for run in json.loads(project.ok("ls", "--json", *options))]

    assert names() == ["other", "high", "low"]
    assert names("--sort", "auc") == ["high", "other", "low"]
    assert names("--sort", "auc", "--reverse") == ["low", "other", "high"]
    assert names("--experiment", "a", "-n", "1") == ["high"]
    assert names("--status", "failed") == []
    done = project.gtrack("ls", "--sort", "acu")
    assert done.code == 2
    assert "--sort auc" in done.err


def test_every_output_format_holds_the_run(project):
    project.ok("log", "auc=nan", "-p", "formula==1+1", "-p", "n=-3", "--name", "one|two")
    assert json.loads(project.ok("ls", "--json"))[0]["metrics"]["auc"]["last"] == "NaN"
    assert json.loads(project.ok("ls", "--jsonl"))["name"] == "one|two"
    (row,) = csv.DictReader(io.StringIO(project.ok("ls", "--csv")))
    assert (row["params.formula"], row["params.n"], row["metrics.auc"]) == ("'=1+1", "-3", "nan")
    assert r"one\|two" in project.ok("ls", "--md")
    project.ok("ls", "-o", "runs.jsonl")
    assert json.loads((project.root / "runs.jsonl").read_text())["name"] == "one|two"
    assert project.gtrack("ls", "-o", "missing/runs.csv").code == 2
    assert [path.name for path in project.root.glob("*.new")] == []


def test_no_field_of_a_run_reaches_the_terminal_raw(project):
    project.ok("log", f"{HOSTILE}=1", "-p", f"{HOSTILE}={HOSTILE}", "-t", f"{HOSTILE}={HOSTILE}", "-m", HOSTILE)
    project.ok("rename", "last", HOSTILE)
    calls = [["ls"], ["ls", "--metric", HOSTILE], ["show", "last"], ["show", "last", "--environment"], ["rm", "last"]]
    calls += [[verb, *rest, form] for verb, *rest in (["ls"], ["show", "last"]) for form in ("--json", "--csv", "--md")]
    calls += [["tag", f"name:{HOSTILE}", f"{HOSTILE}=2"], ["show", f"{HOSTILE}x"], ["fsck"]]
    for call in calls:
        done = project.gtrack(*call)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.out + done.err), call
        if call[0] == "rm":
            project.ok("restore", "last" if done.code else f"name:{HOSTILE}")


def test_show_prints_one_object_for_one_run_and_a_list_for_several(project):
    project.ok("log", "a=1")
    project.ok("log", "a=2")
    assert isinstance(json.loads(project.ok("show", "last", "--json")), dict)
    assert [run["metrics"]["a"]["last"] for run in json.loads(project.ok("show", "last", "last~1", "--json"))] == [2, 1]


def test_the_check_out_line_of_show_gives_the_code_that_ran(project):
    (project.root / "train.py").write_text("print('edited')\n")
    project.ok("log", "a=1")
    line = next(line for line in project.ok("show", "last").splitlines() if "git worktree add" in line)
    command = line.split("check out")[1].strip().replace("DIR", str(project.root.parent / "copy"))
    assert project.run(*command.split()).code == 0
    assert (project.root.parent / "copy" / "train.py").read_text() == "print('edited')\n"


def test_an_empty_repository_is_told_what_to_type(project):
    done = project.gtrack("ls")
    assert (done.code, done.out) == (0, "")
    assert "gtrack run" in done.err
    assert project.gtrack("-q", "ls").err == ""
    assert project.gtrack("ls", GTRACK_QUIET="1").err == ""
    assert project.ok("ls", "--json") == "[]\n"


def test_an_ambiguous_selector_lists_the_candidates(project):
    project.ok("log", "a=1", "--name", "twin")
    project.ok("log", "a=2", "--name", "twin")
    done = project.gtrack("show", "twin")
    assert done.code == 3
    assert done.err.count("twin") >= 3
    ids = [run["id"][:12] for run in json.loads(project.ok("ls", "--json"))]
    assert all(run_id in done.err for run_id in ids)


def test_another_directory_can_be_named_as_with_git(project, outside):
    (project.root / "m.json").write_text('{"a": 1}')
    outside.ok("-C", str(project.root), "log", "--metrics", "m.json")
    assert outside.ok("-C", str(project.root), "ls", "--jsonl").count("\n") == 1
    assert outside.gtrack("-C", "missing", "ls").code == 2
    assert json.loads(project.ok("show", "last", "--json"))["code"]["cwd"] == "."


def test_the_users_checkout_is_left_alone(project):
    before = project.git("status", "--porcelain"), project.git("rev-parse", "HEAD"), project.git("stash", "list")
    index = (project.root / ".git" / "index").read_bytes()
    project.ok("log", "a=1")
    project.ok("ls")
    project.ok("rm", "last")
    assert (project.root / ".git" / "index").read_bytes() == index
    assert before == (
        project.git("status", "--porcelain"),
        project.git("rev-parse", "HEAD"),
        project.git("stash", "list"),
    )


def test_a_table_fits_the_width_it_is_given(project):
    project.ok("log", "auc=0.5", "loss=0.25", "--name", "x" * 200, "--experiment", "y" * 80)
    for width in (60, 80, 120):
        for line in project.ok("ls", COLUMNS=str(width)).splitlines():
            assert len(line) <= width
    wide = project.gtrack("ls", *(f"--metric=m{i:02}" for i in range(20)), COLUMNS="60")
    assert "no room for" in wide.err


def test_textconv_lets_git_show_curves_as_text(project, tmp_path):
    (project.root / "m.csv").write_text("step,loss\n" + "".join(f"{i},{1 / (i + 1)}\n" for i in range(50)))
    project.ok("log", "--metrics", "m.csv")
    assert "Binary files" in project.git("log", "-p", "gtrack")
    project.ok("init", "--textconv")
    first = project.gtrack("init", "--textconv").out
    assert "already" in first
    attributes = (project.root / ".git" / "info" / "attributes").read_text()
    assert attributes.count("/metrics-*.parquet") == 1
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "gtrack"
    import sys

    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m gtrack "$@"\n')
    script.chmod(0o755)
    shown = project.git("log", "-p", "gtrack", PATH=f"{folder}:{project.env['PATH']}")
    assert "Binary files" not in shown
    assert "loss" in shown


def test_textconv_survives_what_is_no_parquet_and_no_gzip(project):
    for name, content in (("a.parquet", b"PAR1"), ("b.gz", b"\x1f\x8bxx"), ("c", b""), ("d", b"\x1b[2J")):
        path: Path = project.root / name
        path.write_bytes(content)
        done = project.gtrack("textconv", name)
        assert done.code == 0
        assert "\x1b" not in done.out


def test_init_makes_the_branch_and_nothing_else(project):
    before = project.git("for-each-ref")
    assert "made the branch gtrack" in project.ok("init")
    after = project.git("for-each-ref")
    assert set(after.splitlines()) - set(before.splitlines()) == {
        line for line in after.splitlines() if line.endswith("refs/heads/gtrack")
    }
    assert project.git("ls-tree", "--name-only", "gtrack").split() == ["FORMAT", "README.md"]
    assert "there already" in project.ok("init")


def test_init_in_a_clone_starts_from_the_teams_branch(project, tmp_path):
    project.ok("log", "a=1")
    project.git("clone", "-q", str(project.root), str(tmp_path / "clone"))
    clone = type(project)(tmp_path / "clone", project.env)
    assert "origin/gtrack" in clone.ok("init")
    assert clone.git("rev-parse", "gtrack") == project.git("rev-parse", "gtrack")
