"""Reports as they are written: which fences are blocks, what blocks may say, which files are reports."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.errors import GtrackError, UsageError
from gtrack.report.blocks import KINDS, Block, read_block
from gtrack.report.document import MOST_BLOCKS, Prose, parse
from gtrack.report.sources import find_reports, read_file, read_report, report_path

BLOCK = "```gtrack\nrun: last\n```\n"


def block(source: str) -> Block:
    return read_block("r.md", 10, source)


def said(source: str) -> str:
    found = block(source)
    assert found.problem is not None, found.settings
    return str(found.problem)


def test_a_report_is_prose_and_blocks_in_order_with_their_lines():
    report = parse(f"# The *title*\n\nfirst\n\n{BLOCK}between\n{BLOCK}", "r.md")
    assert [(type(part), part.line) for part in report.parts] == [(Prose, 1), (Block, 5), (Prose, 8), (Block, 9)]
    assert report.title == "The title"
    assert [part.text for part in report.parts if isinstance(part, Prose)] == ["# The *title*\n\nfirst\n", "between"]


def test_the_ends_of_lines_do_not_matter():
    report = parse("a\r\rb\r```gtrack\rrun: last\r```\rc", "r.md")
    assert [(part.line, getattr(part, "text", "")) for part in report.parts] == [(1, "a\n\nb"), (4, ""), (7, "c")]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (BLOCK, 1),
        (BLOCK.replace("\n", "\r\n"), 1),
        (BLOCK.replace("\n", "\r"), 1),
        (BLOCK.replace("```", "~~~~"), 1),
        ("``` gtrack of churn\nrun: last\n```", 1),
        ("```gtrack\nrun: last\n", 1),
        ("```gtracked\nrun: last\n```", 0),
        ("```yaml gtrack\nrun: last\n```", 0),
        (f"````markdown\n{BLOCK}````\n", 0),
        ("    ```gtrack\n    run: last\n    ```\n", 0),
    ],
)
def test_a_block_is_a_fence_whose_first_word_is_gtrack(text, count):
    blocks = parse(text, "r.md").blocks
    assert len(blocks) == count
    assert all(dict(each.settings) == {"run": "last"} and each.line == 1 for each in blocks)


def test_a_nested_block_and_one_too_many_are_problems_at_their_lines():
    report = parse("text\n\n- item\n\n  ```gtrack\n  run: last\n  ```\n", "r.md")
    assert [str(problem).split(":")[1] for problem in report.problems] == ["5"]
    assert report.blocks == ()
    many = parse(BLOCK * (MOST_BLOCKS + 2), "r.md")
    assert (len(many.blocks), len(many.problems)) == (MOST_BLOCKS, 2)


def test_every_kind_has_a_title_and_its_own_name_first():
    for kind, keys in KINDS.items():
        assert next(iter(keys)) == kind
        assert "title" in keys


def test_a_block_says_all_that_its_kind_takes():
    found = block("leaderboard: churn\nmetric: val_auc\ngroup_by: params.lr, params.depth\nmin_runs: 3\nlimit: 500\n")
    assert found.problem is None
    assert found.settings["group_by"] == ("params.lr", "params.depth")
    assert block("table:\ncolumns: [name, 'params.\"a,b\"']\n").settings == {
        "table": None,
        "columns": ("name", 'params."a,b"'),
    }
    assert block("chart: [a, b]\nsmoothing: 0\nlog: true\nruns: last\n").settings["runs"] == ("last",)
    assert (
        block("table: >\n  metrics.a > 1\n  AND params.b = 2\n").settings["table"] == "metrics.a > 1 AND params.b = 2"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "tabel: x\n",
            "r.md:11: a block is one of table, chart, run, leaderboard, which is its first key; did you mean",
        ),
        ("{}", "r.md:10: a block is one of"),
        ("table: a\ncolunms: [b]\n", "r.md:12: a table has no key 'colunms'; did you mean 'columns'?"),
        ("table: a\n\nlimit: 501\n", "r.md:13: limit must be a whole number from 1 to 500"),
        ("table: a\nlimit: true\n", "r.md:12: limit must be"),
        ("chart: a\nsmoothing: 1\n", "r.md:12: smoothing must be a number from 0 to under 1"),
        ("chart: a\nsmoothing: .nan\n", "r.md:12: smoothing must be"),
        ("chart: a\nlog: 1\n", "r.md:12: log must be true or false"),
        ("chart: {a: b}\n", "r.md:11: chart must be text"),
        ("chart: []\n", "r.md:11: chart must be one name or a list of them"),
        ("chart: a\nruns: [last]\nlimit: 3\n", "r.md:12: runs are either named or found"),
        ("run: 1234567\n", "r.md:11: run must be text; a name or an id of digits alone is put in quotes"),
        ("run: last\nshow: [param]\n", "did you mean 'params'?"),
        ("run:\n", "r.md:11: run must be text"),
        ("leaderboard: a\nchart: b\n", "r.md:12: a leaderboard has no key 'chart'"),
        ("", "r.md:11: this is not YAML: the document is empty"),
        ("run: last\nrun: first\n", "comes twice"),
        ("table: &a x\n", "r.md:11: this is not YAML: anchors and aliases are not accepted"),
        ("table: [\n", "this is not YAML"),
        ("table: a: b\n", "this is not YAML"),
        ("- run\n", "r.md:11: this is not YAML: the document is not a map"),
        ("run: " + "[" * 1000, "this is not YAML"),
        ("x" * 1_100_000, "at most 1,048,576 are read"),
        ("run: \x1b[2J\nshow: \x1b\n", "this is not YAML"),
    ],
)
def test_a_wrong_block_is_named_with_its_line_and_what_is_allowed(source, message):
    assert message in said(source)
    assert "\x1b" not in said(source)


@given(
    st.text(max_size=300)
    | st.from_regex(r"(table|chart|run|leaderboard|limit|[a-z]{1,6}): ?[^\n]{0,20}(\n[a-z]+: .{0,20}){0,3}")
)
def test_any_text_is_a_block_or_a_problem(source):
    found = block(source)
    assert (found.problem is None) == bool(found.kind)
    assert found.problem is None or 10 <= found.problem.line <= 12 + source.count("\n")


@given(
    st.lists(st.sampled_from([BLOCK, "# a\n", "text\n", "- x\n", "> ", "~~~\n", "\r", "\u2028", "\n", "```\n", "\0"]))
)
def test_parts_are_the_whole_file(pieces):
    report = parse("".join(pieces), "r.md")
    lines = report.text.split("\n")
    for part in report.parts:
        if isinstance(part, Prose):
            assert part.text.split("\n") == lines[part.line - 1 : part.line + part.text.count("\n")]
        else:
            assert "gtrack" in lines[part.line - 1]
    assert [part.line for part in report.parts] == sorted({part.line for part in report.parts})


def test_reports_are_found_where_git_tracks_or_would_track_them(world):
    world.write("docs/a.md", BLOCK)
    world.write("B.MARKDOWN", BLOCK)
    world.write("none.md", "# nothing\n")
    world.write("shown.md", f"````\n{BLOCK}````\n")
    world.write("ignored/c.md", BLOCK)
    world.write(".gitignore", "ignored/\n")
    world.write("large.md", BLOCK + "x" * 2_000_000)
    outside = world.root.parent / "outside.md"
    outside.write_text(BLOCK)
    os.symlink(outside, world.root / "link.md")
    os.symlink("docs/a.md", world.root / "inner.md")
    world.write("gone.md", BLOCK)
    world.run("git", "add", "gone.md", "docs/a.md")
    world.run("git", "commit", "-q", "-m", "reports")
    (world.root / "gone.md").unlink()
    with world.repo() as repo:
        assert [report.path for report in find_reports(repo)] == ["B.MARKDOWN", "docs/a.md", "gone.md"]
        assert read_report(repo, "gone.md").blocks


def test_a_bare_repository_has_the_reports_of_its_head(world, tmp_path):
    world.write("a.md", BLOCK)
    world.run("git", "add", "a.md")
    world.run("git", "commit", "-q", "-m", "a report")
    world.run("git", "clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    with type(world)(tmp_path / "bare", world.env).repo() as repo:
        assert [report.path for report in find_reports(repo)] == ["a.md"]


@pytest.mark.parametrize(
    "path",
    ["../a.md", "{outside}/a.md", ".git/config", "docs/.GIT/a.md", "a\\..\\a.md", "out/a.md", "in/config", "a.md\0"],
)
def test_nothing_is_read_from_outside_the_repository(world, path):
    outside = world.root.parent
    for place in (outside / "a.md", world.root / "a.md", world.root / "docs" / ".GIT" / "a.md"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(BLOCK)
    os.symlink(outside, world.root / "out")
    os.symlink(".git", world.root / "in")
    with world.repo() as repo:
        assert read_file(repo, "a.md", 1000) == BLOCK.encode()
        with pytest.raises(GtrackError):
            read_file(repo, path.format(outside=outside), 1000)


def test_a_pipe_is_no_file_and_nobody_waits_for_it(world):
    os.mkfifo(world.root / "pipe.md")
    with world.repo() as repo, pytest.raises(UsageError, match="not a file"):
        read_report(repo, "pipe.md")


def test_a_named_file_is_meant_from_where_one_is_and_inside_the_repository(world, monkeypatch):
    world.write("docs/a.md", BLOCK)
    monkeypatch.chdir(world.root / "docs")
    with world.repo() as repo:
        assert report_path(repo, "a.md") == "docs/a.md"
        for outside in ("../../x.md", "/etc/passwd", "../.git/config"):
            with pytest.raises(UsageError, match="not in the repository"):
                report_path(repo, outside)


def test_text_that_is_not_utf8_is_refused(world):
    world.write("a.md", b"# \xff\n")
    with world.repo() as repo, pytest.raises(UsageError, match="not UTF-8"):
        read_report(repo, "a.md")
