"""Tables, fields and output formats: what is printed fits, is safe, and can be read back."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.cli.columns import all_columns, metric_column, run_columns
from gtrack.cli.output import markdown_table
from gtrack.cli.sections import run_sections
from gtrack.cli.table import Heading, display_width, render_table
from gtrack.cli.terminal import Terminal
from gtrack.display.cells import csv_cell, to_json
from gtrack.display.console import ConsoleText, Shown, last_lines
from gtrack.display.keys import Keys
from gtrack.display.main_metrics import main_metrics, metric_goals
from gtrack.display.ordering import read_orders
from gtrack.display.words import ago, duration, instant, size, value_text
from gtrack.errors import UsageError
from gtrack.index.query import sort_states
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.goals import goal_for

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def run(number: int = 0, **facts: object) -> RunState:
    state = RunState(id=f"{number:032x}", name=f"run-{number}", experiment="churn", status="finished", started=number)
    metrics = facts.pop("metrics", {})
    summaries = {key: MetricSummary.point(value, 0, 0) for key, value in metrics.items()}
    return replace(state, metrics=summaries, **facts)


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (0, "just now"),
        (42_000_000, "42 s ago"),
        (3 * MINUTE, "3 min ago"),
        (5 * HOUR, "5 h ago"),
        (2 * DAY, "2 d ago"),
        (400 * DAY, "2025-10-17"),
        (-2 * DAY, "2026-11-23"),
    ],
)
def test_times_are_told_as_people_do(distance, text):
    now = 1_795_271_130_000_000
    assert ago(now - distance, now) == text


def test_a_time_beyond_the_calendar_is_shown_all_the_same():
    assert instant(2**62) == f"{2**62} us"
    assert instant(None) == "-"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.2 s"), (59.9, "59 s"), (190, "3 min 10 s"), (7_200, "2 h"), (93_600, "1 d 2 h"), (math.inf, "-")],
)
def test_durations_have_two_units(seconds, text):
    assert duration(seconds) == text


def test_sizes_are_binary():
    assert [size(n) for n in (0, 1023, 1536, 200 * 1024**2, None, True)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "200 MiB",
        "",
        "",
    ]


@given(values)
@settings(max_examples=100, deadline=None)
def test_any_value_is_one_safe_line(value):
    text = value_text(value)
    assert not UNSAFE.search(text)
    assert "\n" not in text


def test_nested_maps_are_flattened_with_dots():
    assert dict(flatten({"a": {"b": {"c": 1}, "d": {}}, "e": [1]})) == {"a.b.c": 1, "a.d": {}, "e": [1]}


@given(values)
@settings(max_examples=100, deadline=None)
def test_json_is_strict_safe_to_print_and_reads_back(value):
    def refuse(name: str) -> None:
        raise AssertionError(name)

    text = to_json(value)
    text.encode()
    assert not UNSAFE.search(text)
    assert to_json(json.loads(text, parse_constant=refuse)) == text


def test_json_writes_what_is_not_finite_as_text():
    assert json.loads(to_json([math.nan, math.inf, -math.inf, 1.5])) == ["NaN", "Infinity", "-Infinity", 1.5]


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_nocsv_cell_is_a_formula(text):
    cell = str(csv_cell(text))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert not UNSAFE.search(cell)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([cell])
    assert next(csv.reader(io.StringIO(buffer.getvalue(), newline=""))) == [cell]


def test_numbers_in_csv_stay_numbers():
    assert [csv_cell(value) for value in (-1.5, 3, True, None)] == [-1.5, 3, "true", ""]


@given(st.lists(st.text(), min_size=2, max_size=2))
@settings(max_examples=100, deadline=None)
def test_a_markdown_row_is_one_line_without_html(cells):
    lines = markdown_table(["a", "b"], [cells]).splitlines()
    assert len(lines) == 3
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", lines[2])) == 3
    assert not re.search("<(?!br>)", lines[2])


@given(st.lists(st.lists(st.text(max_size=30), min_size=3, max_size=3), max_size=4), st.integers(20, 100))
@settings(max_examples=100, deadline=None)
def test_a_table_is_as_wide_as_the_terminal_at_most(rows, width):
    rows = [[value_text(cell) for cell in row] for row in rows]
    headings = [Heading("one", shrinks_to=4), Heading("two", shrinks_to=4), Heading("three", right=True, drop=1)]
    lines, _ = render_table(headings, rows, Terminal(width=width))
    assert len(lines) == len(rows) + 1
    assert all(display_width(line) <= width for line in lines)


def test_columns_are_left_out_by_rank_and_named():
    headings = [Heading("keep"), Heading("first", drop=2), Heading("second", drop=1)]
    lines, missing = render_table(headings, [["x" * 8, "y" * 8, "z" * 8]], Terminal(width=20))
    assert lines[1] == "xxxxxxxx  zzzzzzzz"
    assert missing == ["first"]


def test_wide_and_combining_characters_are_aligned():
    assert [display_width(text) for text in ("abc", "漢字", "e\u0301", "")] == [3, 4, 1, 0]
    lines, _ = render_table([Heading("n"), Heading("m")], [["漢字", "x"], ["ab", "y"]], Terminal())
    assert display_width(lines[1]) == display_width(lines[2])


def test_colours_are_for_terminals_that_want_them():
    class Stream(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    assert Terminal.of(Stream(), {}).colour
    assert not Terminal.of(Stream(), {"NO_COLOR": "1"}).colour
    assert not Terminal.of(Stream(), {"TERM": "dumb"}).colour
    assert not Terminal.of(io.StringIO(), {}).colour
    assert Terminal.of(Stream(), {"COLUMNS": "72"}).width == 72
    lines, _ = render_table([Heading("a")], [["b"]], Terminal(colour=True), [[("red",)]])
    assert lines[1] == "\x1b[31mb\x1b[0m"


def test_a_terminal_without_unicode_gets_ascii():
    columns = run_columns(0, Terminal(unicode=False))
    assert all(column.cell(run()).isascii() for column in columns)


def test_metrics_with_a_goal_come_first_then_validation_then_the_commonest():
    runs = [run(1, metrics={"a": 1, "b": 1, "val_c": 1, "z": 1}), run(2, metrics={"b": 1})]
    assert main_metrics(runs) == ["val_c", "b", "a"]
    goal = replace(runs[0].metrics["z"], goal="min")
    runs[0] = replace(runs[0], metrics={**runs[0].metrics, "z": goal})
    assert main_metrics(runs, 2) == ["z", "val_c"]


class Known(Keys):
    """The keys of runs at hand, as a repository knows those of its own."""

    def __init__(self, runs: list[RunState]) -> None:
        self._runs = runs

    def of(self, scope: str) -> dict[str, int]:
        maps = (
            flatten(getattr(run, scope)) if scope == "params" else getattr(run, scope).items() for run in self._runs
        )
        return dict(Counter(key for items in maps for key, _ in items))


def sort_runs(runs: list[RunState], *keys: str, reverse: bool = False) -> list[RunState]:
    return sort_states(runs, read_orders(keys, Known(runs), lambda key: goal_for(key, runs), reverse=reverse))


@given(st.lists(st.none() | st.floats(), max_size=8), st.booleans())
@settings(max_examples=60, deadline=None)
def test_sorting_keeps_every_run_and_puts_those_without_a_value_last(numbers, reverse):
    runs = [run(i, metrics={} if value is None else {"m": value}) for i, value in enumerate(numbers)]
    if not any(value is not None for value in numbers):
        return
    ordered = sort_runs(runs, "m", reverse=reverse)
    assert sorted(r.id for r in ordered) == sorted(r.id for r in runs)
    found = [r.metrics["m"].last if "m" in r.metrics else math.nan for r in ordered]
    known = [value for value in found if not math.isnan(value)]
    assert known == sorted(known, reverse=not reverse)
    assert all(math.isnan(value) for value in found[len(known) :])


def test_a_metric_with_a_goal_is_shown_and_sorted_by_its_best():
    def with_goal(number: int, low: float, last: float) -> RunState:
        summary = replace(MetricSummary.point(last, 9, 0), min=low, argmin=1, goal="min")
        return replace(run(number), metrics={"loss": summary})

    runs = [with_goal(1, low=0.3, last=0.5), with_goal(2, low=0.1, last=0.9)]
    assert [r.metrics["loss"].min for r in sort_runs(runs, "loss")] == [0.1, 0.3]
    (column,) = [metric_column(key, goal) for key, goal in metric_goals(runs).items()]
    assert (column.heading.text, column.cell(runs[0])) == ("loss min", "0.3")
    names = [c.name for c in all_columns(runs, run_columns(0, Terminal()))]
    assert names[-2:] == ["metrics.loss", "metrics.loss.min"]


def test_a_bare_metric_puts_the_best_first_by_its_name_and_a_field_rises():
    runs = [run(i, metrics={"loss": value, "auc": value, "x": value}) for i, value in enumerate([0.2, 0.1, 0.3])]

    def values(*keys: str) -> list[float]:
        return [r.metrics["x"].last for r in sort_runs(runs, *keys)]

    assert values("loss") == values("metrics.loss") == values("metrics.auc") == values("x ASC") == [0.1, 0.2, 0.3]
    assert values("auc") == values("x") == values("-loss") == values("-metrics.loss") == values("loss DESC")
    assert values("auc") == values("max(metrics.loss) DESC") == [0.3, 0.2, 0.1]


def test_sorting_by_several_fields_takes_the_first_things_first():
    runs = [run(i, params={"a": a, "b": b}) for i, (a, b) in enumerate([(1, 2), (2, 1), (1, 1), (2, 2)])]
    wanted = [(2, 1), (2, 2), (1, 1), (1, 2)]
    for keys in (["-params.a,params.b"], ["-params.a", "b"], ["a DESC, b ASC"]):
        assert [(r.params["a"], r.params["b"]) for r in sort_runs(runs, *keys)] == wanted


def test_times_come_with_the_latest_first_and_reversing_turns_everything_round():
    runs = [run(i, ended=i + 1) for i in range(3)]
    for key in ("started", "ended", "-started"):
        assert [r.started for r in sort_runs(runs, key)] == [2, 1, 0]
        assert [r.started for r in sort_runs(runs, key, reverse=True)] == [0, 1, 2]
    assert [r.started for r in sort_runs(runs, "started ASC")] == [0, 1, 2]


def test_sorting_by_a_param_takes_numbers_before_text_and_by_a_lost_key_is_refused():
    runs = [run(i, params={"lr": value}) for i, value in enumerate(["x", 0.1, 0.01, "a"])]
    assert [r.params["lr"] for r in sort_runs(runs, "lr")] == [0.01, 0.1, "a", "x"]
    assert [r.params["lr"] for r in sort_runs(runs, "params.lr", reverse=True)] == [0.1, 0.01, "x", "a"]
    for key in ("lt", "params.lt", "metrics.lr", "median(metrics.lr)", "", "datasets.name"):
        with pytest.raises(UsageError):
            sort_runs(runs, f"{key} DESC")
    with pytest.raises(UsageError, match="did you mean lr"):
        sort_runs(runs, "lt")


def test_a_snapshot_that_is_no_object_id_is_not_offered_to_a_shell():
    hostile = run(1, code={"commit": "c" * 40, "snapshot": "$(touch pwned)", "command": ["rm", "a b"]})
    text = [" ".join(row) for section in run_sections(hostile, Terminal()) for row in section.rows]
    assert not any("pwned" in line for line in text)
    assert "command rm 'a b'" in text


def test_sections_bear_with_facts_of_any_shape():
    odd = run(
        1,
        error={"type": 3, "message": {"a": 1}, "traceback": ["x"]},
        code={"commit": 1, "command": "x", "left_out": [3, {"path": None, "size": "big"}], "submodules": 4},
        environment={"packages": 7, "gpu": {"a": [1]}, "platform": 3},
        data=(1, {"a": {"b": None}}),
        tags={"t": math.nan},
    )
    for packages in (False, True):
        assert run_sections(odd, Terminal(), packages=packages)


def test_an_error_is_shown_with_the_end_of_its_traceback():
    text = "".join(f"line {i}\x1b[2J\n" for i in range(40))
    sections = run_sections(run(1, error={"type": "ValueError", "message": "bad", "traceback": text}), Terminal())
    error = next(section for section in sections if section.title == "Error")
    assert error.rows == [["type", "ValueError"], ["message", "bad"]]
    assert error.lines[-1] == "line 39\\x1b[2J"
    assert "28 lines more" in error.lines[0]


@given(st.binary(), st.integers(1, 8))
@settings(max_examples=100, deadline=None)
def test_console_text_is_safe_and_does_not_depend_on_how_it_comes(data, step):
    whole = ConsoleText().feed(data, final=True)
    pieces = ConsoleText()
    text = "".join(pieces.feed(data[i : i + step]) for i in range(0, len(data), step)) + pieces.finish()
    assert text == whole
    assert not UNSAFE.search(text)


def test_escape_sequences_are_taken_out_whole_even_when_cut_in_two():
    console = ConsoleText()
    out = "".join(map(console.feed, [b"a\x1b[3", b"1mred\x1b", b"[0m\x1b]0;ti", b"tle\x07b\xc3", b"\xa9\r", b"\nc\rd"]))
    assert out + console.finish() == "aredbé\nc\nd"


def test_a_sequence_without_an_end_does_not_swallow_the_output():
    console = ConsoleText()
    out = console.feed(b"\x1b]" + b"x" * 10_000)
    assert len(out) > 9_000
    assert "\x1b" not in out


@pytest.mark.parametrize(("count", "kept"), [(0, b""), (1, b"c\n"), (2, b"b\nc\n"), (9, b"a\nb\nc\n")])
def test_the_last_lines_are_counted_as_tail_does(count, kept):
    assert last_lines(b"a\nb\nc\n", count) == kept
    assert last_lines(b"a\nb", 1) == b"b"
    assert last_lines(b"", 3) == b""


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"tick\n"]), max_size=30), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_what_was_not_followed_is_found_in_the_record(parts, cut):
    recorded = b"".join(parts)
    shown = Shown()
    for start in range(0, cut, 3):
        shown.add(recorded[start : min(start + 3, cut)])
    assert shown.rest(recorded) == recorded[cut:]


def test_the_rest_of_overwritten_and_of_shortened_output_is_found():
    shown = Shown()
    for chunk in (b"1%", b"\r50%", b"\r100%\nnext", b" line\n"):
        shown.add(chunk)
    assert shown.rest(b"100%\nnext line\nlast\n") == b"last\n"
    assert shown.rest(b"head\n... 5 bytes left out ...\n100%\nnext line\nlast\n") == b"last\n"
    assert shown.rest(b"something else\n") == b""
