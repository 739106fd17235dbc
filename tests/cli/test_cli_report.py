"""``gtrack report``: listed, checked, built; what is wrong is named, and the exit codes say so."""

from __future__ import annotations

import json
import os
import sys

import pytest

GOOD = "# Results\n\n```gtrack\ntable:\n```\n"
BAD = "# Bad\n\n```gtrack\ntabel: x\n```\n\n```gtrack\nrun: nobody\n```\n"


@pytest.fixture
def reports(project):
    project.ok("-q", "log", "loss=0.5", "--name", "first")
    (project.root / "good.md").write_text(GOOD)
    (project.root / "docs").mkdir()
    (project.root / "docs" / "bad.md").write_text(BAD)
    return project


def test_ls_shows_every_report_with_its_title_and_counts(reports):
    lines = reports.ok("report").splitlines()
    assert [line.split() for line in lines] == [
        ["PATH", "TITLE", "BLOCKS", "PROBLEMS"],
        ["docs/bad.md", "Bad", "2", "1"],
        ["good.md", "Results", "1", "0"],
    ]
    (bad, good) = json.loads(reports.ok("report", "ls", "--json"))
    assert good["blocks"] == [{"kind": "table", "line": 3, "table": None}]
    assert [problem["line"] for problem in bad["problems"]] == [4]


def test_ls_of_none_says_what_one_is(project):
    done = project.gtrack("report", "ls")
    assert (done.code, done.out) == (0, "")
    assert "no Markdown file here has a gtrack block" in done.err


def test_check_names_what_is_wrong_and_exits_with_1(reports):
    done = reports.gtrack("report", "check")
    assert done.code == 1
    assert done.out.splitlines()[0].startswith("docs/bad.md:4: a block is one of table, chart, run, leaderboard")
    assert "docs/bad.md:8: no run 'nobody'\n  hint: gtrack ls\n" in done.out
    found = reports.gtrack("report", "check", "docs/bad.md", "--json")
    assert found.code == 1
    assert [(each["path"], each["line"]) for each in json.loads(found.out)] == [("docs/bad.md", 4), ("docs/bad.md", 8)]


def test_check_of_good_ones_exits_with_0(reports):
    assert reports.ok("report", "check", "good.md") == "good.md: 1 block, no problem\n"


def test_build_writes_a_whole_page_and_tells_what_is_wrong_in_it(reports):
    done = reports.gtrack("report", "build", "good.md", "docs/bad.md", "--title", "All", "-o", "out.html")
    assert (done.code, done.out) == (0, "")
    assert "docs/bad.md:4: " in done.err
    assert done.err.endswith("out.html: 2 reports, 3 blocks\n")
    page = (reports.root / "out.html").read_text()
    assert "<h1>All</h1>" in page and "first" in page and "docs/bad.md:8" in page
    assert sorted(os.listdir(reports.root)) == [".git", "docs", "good.md", "out.html", "train.py"]


def test_build_strict_exits_with_1_and_writes_the_page_all_the_same(reports):
    assert reports.gtrack("report", "build", "docs/bad.md", "--strict", "-o", "out.html").code == 1
    assert (reports.root / "out.html").exists()
    assert reports.gtrack("report", "build", "good.md", "--strict", "-o", "out.html").code == 0


def test_build_to_standard_output_is_the_same_page(reports):
    reports.ok("report", "build", "good.md", "-o", "out.html")
    assert reports.ok("report", "build", "good.md", "-o", "-") == (reports.root / "out.html").read_text()


def test_build_from_a_subfolder_means_files_from_there(reports):
    done = reports.gtrack("report", "build", "bad.md", "../good.md", "-o", "out.html", cwd=reports.root / "docs")
    assert done.code == 0
    assert (reports.root / "docs" / "out.html").exists()


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["build", "good.md"], 2, "hint: gtrack report build good.md -o report.html"),
        (["build", "none.md", "-o", "x"], 3, "there is no file none.md in the repository"),
        (["build", "/etc/passwd", "-o", "x"], 2, "is not in the repository"),
        (["build", "docs", "-o", "x"], 2, "docs is not a file"),
        (["build", "good.md", "-o", "none/x.html"], 2, "cannot write none/x.html"),
        (["build", "-o", "x"], 2, "missing argument"),
        (["check", "\x1b[2J.md"], 3, "\\x1b[2J.md"),
        (["chekc"], 2, "did you mean 'check'?"),
    ],
)
def test_wrong_use_is_answered_in_a_line(reports, argv, code, message):
    done = reports.gtrack("report", *argv)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert "\x1b" not in done.err


def test_without_the_extra_one_line_says_what_to_type(reports, monkeypatch):
    from gtrack.report import document

    document.markdown.cache_clear()
    monkeypatch.setattr(document, "find_spec", lambda name: None)
    done = reports.gtrack("report", "check", "good.md")
    assert done.code == 2
    assert done.err == "gtrack: markdown-it-py is not installed\n  hint: pip install 'gtrack[report]'\n"


def test_the_help_of_the_command_loads_nothing_heavy(reports):
    code = (
        "import sys\nfrom gtrack.cli import main\nmain(['report', 'build', '--help'])\n"
        "sys.exit(str({'markdown_it', 'pyarrow', 'numpy', 'dulwich', 'yaml'} & set(sys.modules) or ''))"
    )
    assert reports.run(sys.executable, "-c", code).err.strip() == ""
