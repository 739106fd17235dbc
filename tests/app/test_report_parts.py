"""The parts of the page of reports that need no page: prose, tables, figures, the legend."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.panels.legend import LegendClick
from gtrack._app.screens.reports.charts import hidden_after, legend_entries
from gtrack._app.screens.reports.figures import figures_of
from gtrack._app.screens.reports.prose import Setting, prose
from gtrack._app.screens.reports.tables import grid_table, marked_table
from gtrack.plot.charts import Axis, Chart, Series
from gtrack.report.document import markdown, parse
from gtrack.report.hosts import Host
from gtrack.report.problems import BlockError
from gtrack.report.results import Cell, Charts, Grid, Heading

RUN, OTHER = "3f2a9c1d7b6e4a508c2f9e0d1a7b3c55", "0" * 32


def picture(path: str) -> str:
    if path == "gone.png":
        raise BlockError("there is no such picture")
    return f"data:image/png;base64,{path.encode().hex()}"


def shown(text: str, **settings: object) -> str:
    return prose(parse(text, "docs/r.md"), Setting(picture, **settings)).get(1, "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("costs $5, not $6", r"costs \$5, not \$6"),
        (r"already \$5", r"already \$5"),
        ("`$HOME :red[x]`", "`$HOME :red[x]`"),
        (":red[x] :material/delete: :smile:", r"\:red[x] \:material/delete: \:smile:"),
        ("use --lr, a -> b, c >= d", r"use \--lr, a \-> b, c \>= d"),
        ("see https://host:8080/x", "see https://host:8080/x"),
        ("[a](javascript:alert(1))", r"[a](javascript\:alert(1))"),
        ("[a](//evil.example/x)", "a"),
        ("[a](https://b.example 't')", "[a](<https://b.example>)"),
        ("[a]\n\n[a]: https://b.example", "[a](<https://b.example>)\n\n[a]: https://b.example"),
        ("[a](other.md#b)", "[a](<reports?file=docs/other.md>)"),
        ("[a](../train.py)", "[a](<https://github.com/acme/x/blob/" + "a" * 40 + "/train.py>)"),
        ("[a](../../x)", "a"),
        ("[a](#part)", "[a](<#part>)"),
        ("before ![dot](dot.png) after", "before ![dot](data:image/png;base64,646f63732f646f742e706e67) after"),
        ("![a](https://evil.example/x.png)", "[a](<https://evil.example/x.png>)"),
        ("[![a](https://evil.example/x.png)](https://b.example)", "[a](<https://b.example>)"),
        ("| a |\n|---|\n| $1 \\| $2 |", "| a |\n|---|\n| \\$1 \\| \\$2 |"),
        ("> ![two\n> lines](x.png) $", "> ![twolines](data:image/png;base64,646f63732f782e706e67)\n>  \\$"),
    ],
)
def test_prose_is_what_its_static_page_shows(text: str, becomes: str) -> None:
    host = Host("https://github.com/acme/x", "commit", "blob")
    assert shown(text, reports=frozenset({"docs/other.md"}), host=host, commit="a" * 40) == becomes


def test_a_picture_that_cannot_be_shown_is_named_with_its_line() -> None:
    setting = Setting(picture)
    text = "# Title\n\nsee ![the dot](../gone.png)\n"
    assert "the dot" in prose(parse(text, "docs/r.md"), setting)[1]
    assert [(problem.line, problem.message) for problem in setting.problems] == [(3, "there is no such picture")]


def test_each_part_between_blocks_is_found_by_its_line() -> None:
    text = "one $\n\n```gtrack\nrun: last\n```\n\ntwo $\n"
    assert prose(parse(text, "r.md"), Setting(picture)) == {1: "one \\$\n", 6: "\ntwo \\$\n"}


PIECES = st.sampled_from(
    [
        *("text", " ", "\n", "\n\n", "> ", "- ", "# ", "| a |\n|---|\n| ", " |", "`", "**", "\\", "$", ":red[", "]"),
        *("![", "](x.png)", "](https://evil.example/x.png)", "[", "](javascript:x)", "](a.md)", "<b>", "    "),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join))
def test_no_prose_loads_a_picture_from_elsewhere(text: str) -> None:
    out = shown(text)
    for token in markdown().parse(out):
        for child in token.children or ():
            if child.type == "image":
                assert str(child.attrs["src"]).startswith("data:image/png"), out


GRID = Grid(
    "Best",
    (Heading("lr", True), Heading("mean ± std", True), Heading("name"), Heading("lr", True)),
    (
        (
            Cell("0.1", 0.1),
            Cell("0.5 ± 0.1", 0.5, "best"),
            Cell(":material/delete: <b>", RUN),
            Cell("nan", float("nan")),
        ),
        (Cell("-"), Cell("0.4", 0.4, "bad"), Cell("[x](javascript:y)", OTHER), Cell("1", 1)),
    ),
    (RUN, OTHER),
    baseline=1,
)


def test_numbers_of_a_table_can_be_sorted_and_other_texts_are_shown_as_they_are() -> None:
    table, named = grid_table(GRID)
    assert named == 2
    assert table["0"].to_pylist() == [0.1, None]
    assert table["1"].to_pylist() == ["0.5 ± 0.1", "0.4"]
    assert pa.types.is_string(table.schema.field("3").type)
    assert not any(":material" in name for name in table["2"].to_pylist())


def test_a_table_that_does_not_name_its_runs_is_given_their_ids() -> None:
    table, named = grid_table(Grid("", (Heading("lr"),), ((Cell("1", 1),),), (RUN,)))
    assert (named, table["run"].to_pylist()) == (-1, [RUN[:7]])


def test_a_marked_table_leads_to_runs_and_takes_no_text_for_markdown() -> None:
    table = marked_table(GRID)
    assert len(set(table.column_names)) == 4
    name = table["name"].to_pylist()
    assert name[0] == rf"[\:material\/delete\: \<b\>](run?id={RUN})"
    assert name[1] == rf"**[\[x\]\(javascript\:y\)](run?id={OTHER})**"
    assert table.column(1).to_pylist() == [r"**0\.5 ± 0\.1**", r"**:red[0\.4]**"]


def charts() -> Charts:
    steps = np.arange(3)
    lines = (
        Series(RUN, 0, "<b>new</b>", steps, steps * 1.0, np.array([1.0, np.nan, 0.5])),
        Series(OTHER, 2, "old", steps, steps * 1.0, np.array([3.0, 2.0, 1.0])),
    )
    chart = Chart("loss<i>", Axis(), ("", 1.0), None, 0.0, lines)
    return Charts("", (chart,), Grid("Values", ()))


def test_a_chart_has_a_line_for_each_run_that_is_not_hidden() -> None:
    (figure,) = figures_of(charts())
    assert [trace["name"] for trace in figure.traces if trace.get("yaxis") != "y2"] == ["&lt;b&gt;new&lt;/b&gt;", "old"]
    assert "1 NaN" in figure.note
    (figure,) = figures_of(charts(), {OTHER})
    assert [trace["name"] for trace in figure.traces if trace.get("yaxis") != "y2"] == ["&lt;b&gt;new&lt;/b&gt;"]


def test_the_legend_has_the_colours_of_the_lines() -> None:
    (figure,) = figures_of(charts())
    drawn = {trace["meta"]["run"]: trace["line"]["color"] for trace in figure.traces if "run" in trace["meta"]}
    assert {entry["run"]: entry["colour"] for entry in legend_entries(charts(), {OTHER})} == drawn
    assert [entry["hidden"] for entry in legend_entries(charts(), {OTHER})] == [False, True]


@pytest.mark.parametrize(
    ("hidden", "kind", "ids", "after"),
    [
        ((), "toggle", ("a",), ("a",)),
        (("a", "x"), "toggle", ("a",), ("x",)),
        ((), "only", ("b",), ("a", "c")),
        (("a", "b", "x"), "all", (), ("x",)),
        ((), "toggle", ("stranger",), ()),
    ],
)
def test_the_legend_hides_runs_and_leaves_those_of_others_alone(
    hidden: tuple[str, ...], kind: str, ids: tuple[str, ...], after: tuple[str, ...]
) -> None:
    assert hidden_after(hidden, ("a", "b", "c"), LegendClick(kind, ids)) == after
