"""Params and metrics from files and assignments: types, series, and what is said about bad input."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.errors import NotFoundError, ParseError, UsageError
from gtrack.ops import rows
from gtrack.ops.values import parse_assignment, parse_metric_assignment, read_metrics, read_params

S = 1_700_000_000_000_000  # a moment in microseconds


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def points(path):
    return read_metrics(path).points


def test_params_keep_their_types_and_nesting(write):
    expected = {"lr": 1e-4, "model": {"depth": 3, "bn": True}, "layers": [1, 2]}
    assert read_params(write("p.json", json.dumps(expected))) == expected
    toml = "lr = 1e-4\nlayers = [1, 2]\n[model]\ndepth = 3\nbn = true\n"
    assert read_params(write("p.toml", toml)) == expected
    yaml = "lr: 0.0001\nlayers: [1, 2]\nmodel:\n  depth: 3\n  bn: true\n"
    assert read_params(write("p.yaml", yaml)) == expected


def test_dates_become_text(write):
    assert read_params(write("p.toml", "day = 2026-11-21\n")) == {"day": "2026-11-21"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.json", "{\n 'lr': 1}", r"p\.json line 2, column 2"),
        ("p.json", '{"lr": 1, "lr": 2}', "key lr stands there twice"),
        ("p.json", b'{\n"a": "\xff"}', "line 2: is not UTF-8"),
        ("p.json", "[" * 100_000, "p.json"),
        ("p.json", "1" * 5000, "p.json"),
        ("p.toml", "lr = \n", r"p\.toml: .*line 1"),
    ],
)
def test_damaged_params_name_the_file_and_the_line(write, name, content, message):
    with pytest.raises(ParseError, match=message):
        read_params(write(name, content))


def test_params_that_are_no_map_missing_or_of_no_known_format_are_wrong_use(write, tmp_path):
    with pytest.raises(UsageError, match="holds a list"):
        read_params(write("p.json", "[1]"))
    with pytest.raises(NotFoundError, match="no such file"):
        read_params(tmp_path / "none.json")
    with pytest.raises(UsageError, match=r"\.toml"):
        read_params(write("p.ini", "a=1"))
    with pytest.raises(UsageError, match="directory"):
        (tmp_path / "d.json").mkdir()
        read_params(tmp_path / "d.json")


def test_a_file_over_the_limit_is_refused_in_a_sentence(write, monkeypatch):
    monkeypatch.setattr(rows, "LIMIT", 1024 * 1024)
    with pytest.raises(UsageError, match="larger than 1 MB"):
        read_metrics(write("m.csv", b"a\n" + b"1\n" * 1024 * 1024))


def test_a_map_is_last_values_with_names_joined(write):
    found = read_metrics(write("m.json", '{"train": {"loss": 0.5}, "acc": 1, "note": "x", "ok": true, "none": null}'))
    assert found.points == [("train.loss", None, None, 0.5), ("acc", None, None, 1.0)]
    assert [name for name, _ in found.skipped] == ["note", "ok"]


def test_a_map_with_a_step_is_a_point(write):
    assert points(write("m.json", '{"step": 7, "loss": 0.5}')) == [("loss", 7, None, 0.5)]


def test_a_map_of_equally_long_lists_is_a_table(write):
    assert points(write("m.json", '{"epoch": [1, 2], "loss": [0.5, 0.4]}')) == [
        ("loss", 1, None, 0.5),
        ("loss", 2, None, 0.4),
    ]


def test_yaml_metrics_are_read_like_json(write):
    assert points(write("m.yaml", "train:\n  loss: 0.5\n")) == [("train.loss", None, None, 0.5)]


def test_rows_without_a_step_are_counted_and_a_single_row_is_not_a_series(write):
    assert points(write("m.json", '[{"a": 1}, {"a": 2}]')) == [("a", 0, None, 1.0), ("a", 1, None, 2.0)]
    assert points(write("m.csv", "a,b\n1,2\n")) == [("a", None, None, 1.0), ("b", None, None, 2.0)]
    assert points(write("n.csv", "a\n1\n2\n")) == [("a", 0, None, 1.0), ("a", 1, None, 2.0)]


def test_rows_without_a_step_among_rows_with_one_are_last_values(write):
    lines = '{"base": 1}\n{"step": 5, "loss": 2}\n{"final": 3}\n'
    assert points(write("m.jsonl", lines)) == [
        ("base", None, None, 1.0),
        ("loss", 5, None, 2.0),
        ("final", None, None, 3.0),
    ]


@pytest.mark.parametrize("name", ["step", "Step", "epoch", "iteration", "global_step", "_step"])
def test_the_step_column_goes_by_its_usual_names(write, name):
    assert points(write("m.csv", f"{name},loss\n10,0.5\n20,nan\n"))[0] == ("loss", 10, None, 0.5)


def test_a_step_goes_before_an_epoch_which_is_then_a_metric(write):
    assert points(write("m.csv", "epoch,step,loss\n0.5,10,1\n")) == [("epoch", 10, None, 0.5), ("loss", 10, None, 1.0)]
    assert points(write("n.csv", "epoch,loss\n0.5,1\n1.5,2\n"))[:2] == [("epoch", 0, None, 0.5), ("loss", 0, None, 1.0)]


@pytest.mark.parametrize("bad", ["x", "1.5", "", "nan"])
def test_a_bad_step_names_the_line(write, bad):
    with pytest.raises(ParseError, match="line 3: step is"):
        read_metrics(write("m.csv", f"step,loss\n1,2\n{bad},3\n"))


@pytest.mark.parametrize(
    "cell",
    ["1700000000", "1700000000.0", "1700000000000", "1700000000000000", "1700000000000000000", "2023-11-14T22:13:20Z"],
)
def test_a_time_column_is_read_in_the_unit_it_is_in(write, cell):
    assert points(write("m.csv", f"step,timestamp,loss\n1,{cell},2\n")) == [("loss", 1, S, 2.0)]


def test_thirteen_digits_are_never_taken_for_a_date(write):
    assert points(write("m.csv", "step,time,loss\n1,1712121231259,2\n"))[0][2] == 1712121231259000


def test_elapsed_seconds_are_a_metric_and_not_a_time(write):
    assert points(write("m.csv", "epoch,time,loss\n1,12.5,2\n")) == [("time", 1, None, 12.5), ("loss", 1, None, 2.0)]


def test_empty_cells_are_skipped_and_nan_and_infinity_kept(write):
    found = read_metrics(write("m.csv", "step,a,b\n1,,nan\n2,N/A,-inf\n3,1\n"))
    assert [point[:2] for point in found.points] == [("b", 1), ("b", 2), ("a", 3)]
    assert math.isnan(found.points[0][3]) and found.points[1][3] == -math.inf
    assert found.skipped == []


def test_columns_that_are_not_numbers_are_skipped_and_said(write):
    found = read_metrics(write("m.csv", "step,stage,loss\n1,train,0.5\n2,val,oops\n"))
    assert found.points == [("loss", 1, None, 0.5)]
    assert dict(found.skipped) == {
        "stage": "not a number: 'train' in line 2",
        "loss": "1 cells are not numbers, the first is 'oops' in line 3",
    }


def test_padded_headers_tabs_semicolons_and_a_byte_order_mark_are_read(write):
    assert points(write("m.csv", "\ufeff  epoch ,  loss\r\n  1,  0.5\r\n")) == [("loss", 1, None, 0.5)]
    assert points(write("m.tsv", "step\tloss\n1\t0.5\n")) == [("loss", 1, None, 0.5)]
    assert points(write("n.csv", "step;loss\n1;0.5\n")) == [("loss", 1, None, 0.5)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("step,a\n1,2,3\n", "line 2: 3 cells where the header names 2"),
        ("a,a\n1,2\n", "two columns are named a"),
        ('a,b\n1,"x\n', "line 2"),
        (b"a\n\xff\n", "line 2: is not UTF-8"),
    ],
)
def test_a_damaged_csv_names_the_line(write, content, message):
    with pytest.raises(ParseError, match=message):
        read_metrics(write("m.csv", content))


def test_a_last_line_cut_off_by_a_kill_is_skipped_and_a_bad_one_before_it_is_not(write):
    found = read_metrics(write("m.jsonl", '{"step": 1, "a": 2}\n{"step": 2, "a'))
    assert (found.points, found.skipped) == ([("a", 1, None, 2.0)], [("line 2", "cut off")])
    with pytest.raises(ParseError, match="line 2, column"):
        read_metrics(write("n.jsonl", '{"a": 1}\n{"a\n{"a": 2}\n'))
    with pytest.raises(ParseError, match="line 1: holds a list"):
        read_metrics(write("o.jsonl", "[1]\n"))


def test_parquet_is_read_like_a_table(tmp_path):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"step": [1, 2], "loss": [0.5, None], "name": ["x", "y"], "acc": [1, 2]})
    pyarrow.parquet.write_table(table, tmp_path / "m.parquet")
    found = read_metrics(tmp_path / "m.parquet")
    assert found.points == [("loss", 1, None, 0.5), ("acc", 1, None, 1.0), ("acc", 2, None, 2.0)]
    assert [name for name, _ in found.skipped] == ["name"]


def test_a_damaged_parquet_file_is_a_parse_error(write):
    with pytest.raises(ParseError, match="not a readable Parquet file"):
        read_metrics(write("m.parquet", b"PAR1 nothing PAR1"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("0.1", 0.1),
        ("1e-4", 1e-4),
        (".5", 0.5),
        ("5.", 5.0),
        ("inf", math.inf),
        ("true", True),
        ("false", False),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ('{"a": 1}', {"a": 1}),
        ('"3"', "3"),
        ("'true'", "true"),
        ("adam", "adam"),
        ("True", "True"),
        ("007", "007"),
        ("1_000", "1_000"),
        ("[broken", "[broken"),
        ("a=b", "a=b"),
        ("", ""),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_an_assignment_is_typed(text, value):
    key, typed = parse_assignment(f"p={text}")
    assert key == "p" and typed == value and type(typed) is type(value)


@pytest.mark.parametrize("text", ["lr", "=3", " =3", ""])
def test_an_assignment_needs_a_key_and_an_equals_sign(text):
    with pytest.raises(UsageError, match="for example"):
        parse_assignment(text)


def test_a_metric_assignment_is_a_number_or_an_error():
    assert parse_metric_assignment("auc=0.941") == ("auc", 0.941)
    assert parse_metric_assignment("n=3") == ("n", 3.0)
    assert math.isnan(parse_metric_assignment("a=nan")[1])
    for bad in ("auc=high", "auc=true", "auc=", "auc=1_0"):
        with pytest.raises(UsageError, match="not a number"):
            parse_metric_assignment(bad)


@given(st.one_of(st.integers(-(10**30), 10**30), st.floats(allow_nan=False), st.booleans(), st.none()))
def test_every_json_scalar_comes_back_from_its_text(value):
    text = str(value) if isinstance(value, float) else json.dumps(value)
    typed = parse_assignment(f"k={text}")[1]
    assert typed == value and type(typed) is type(value)


@given(st.binary(max_size=200), st.sampled_from(["m.json", "m.jsonl", "m.csv", "m.tsv"]))
def test_no_bytes_break_the_reader(tmp_path_factory, data, name):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(data)
    try:
        read_metrics(path)
    except ParseError as error:
        assert name in error.message
