from __future__ import annotations

import json
import math

import pytest
import yaml
from format_strategies import ODD_TEXT, documents, keys, plain, same
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.errors import ParseError, UsageError
from gtrack.format.events import read_events
from gtrack.format.lines import read_lines
from gtrack.format.scalars import escape_key, float_tag, unescape_key
from gtrack.format.yaml import dump, load

EXAMPLE = {
    "format": 1,
    "name": "churn: \u201clgbm\u201d",
    "parent": None,
    "params": {"lr": 1e-05, "layers": [64, 64], "optim": {"name": "adamw", "eps": 1e-8}, "clip": math.inf},
    "tags": {},
    "data": [{"rows": 1000, "mean": math.nan}],
    "seed": {"$float": "user's"},
}
EXAMPLE_BYTES = """\
format: 1
name: "churn: \u201clgbm\u201d"
parent: null
params:
  "lr": 1.0e-05
  "layers": [64, 64]
  "optim": {"name": "adamw", "eps": 1.0e-08}
  "clip": .inf
tags: {}
data: [{"rows": 1000, "mean": {"$float": "nan"}}]
seed:
  "$$float": "user's"
""".encode()


def test_the_bytes_of_a_document_are_fixed():
    assert dump(EXAMPLE) == EXAMPLE_BYTES
    assert same(load(EXAMPLE_BYTES), EXAMPLE)


@settings(max_examples=100, deadline=None)
@given(documents)
def test_what_was_dumped_loads_equal_in_value_type_and_order(document):
    assert same(load(dump(document)), document)


@settings(max_examples=60, deadline=None)
@given(documents)
def test_the_fast_reader_reads_what_the_writer_writes_and_the_patient_one_agrees(document):
    text = dump(document).decode()
    fast = read_lines(text)
    assert same(read_events(text, "x"), document)
    assert same(fast, document) or "\\ud" in text or "\\uD" in text


def as_other_tools_read(value, level=0):
    """What YAML and JSON parsers that know nothing of gtrack find in a dumped document."""
    if isinstance(value, float) and level > 2 and not math.isfinite(value):
        return float_tag(value)
    if isinstance(value, dict):
        return {
            (escape_key(key) if level else key): as_other_tools_read(item, level + 1) for key, item in value.items()
        }
    # What stands in a list stands in one-line JSON.
    return [as_other_tools_read(item, 9) for item in value] if isinstance(value, list) else value


@settings(max_examples=60, deadline=None)
@given(documents)
def test_a_plain_yaml_1_1_parser_reads_the_same(document):
    assert same(yaml.load(dump(document), Loader=yaml.CSafeLoader), as_other_tools_read(document))


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(keys, plain, min_size=1, max_size=4))
def test_every_value_line_is_json(params):
    for line, (key, value) in zip(dump({"params": params}).decode().split("\n")[1:], params.items(), strict=False):
        if not isinstance(value, float) or math.isfinite(value):
            assert same(json.loads(f"{{{line}}}"), as_other_tools_read({key: value}, 1))


LITERALS = (
    *(json.dumps(text, ensure_ascii=False) for text in ODD_TEXT),
    *(json.dumps(text) for text in ODD_TEXT),
    *r'"\/" "\u00e9" "\ud83d\ude00" "\uD800" "\u0000" "\x41" "\e"'.split(),
    *"0 -0 -0.0 1e5 1E-5 1.5e+300 1e999 01 1. .5 +1 - . 1_0 0x1 NaN Infinity -Infinity".split(),
    *".nan -.inf .NaN null Null".split(),
    *"true True no 2026-11-21 12:30 <<".split(),
)
STRINGS = tuple(text for text in LITERALS if text[:1] == '"')
literals = st.sampled_from(LITERALS)
commas, colons, inner = (st.sampled_from(forms) for forms in ((",", ", ", " , ", ",  "), (":", ": ", " : "), ("", " ")))


def _flow(children):
    pairs = st.tuples(st.sampled_from(STRINGS), colons, children).map("".join)
    lists = st.tuples(st.sampled_from("[{"), inner, commas, st.lists(children, max_size=3), st.lists(pairs, max_size=3))
    return lists.map(lambda p: f"[{p[1]}{p[2].join(p[3])}{p[1]}]" if p[0] == "[" else f"{{{p[1]}{p[2].join(p[4])}}}")


flows = st.recursive(literals, _flow, max_leaves=6)
top_lines = st.tuples(st.sampled_from(("a", "b_c", "no", "null", "d")), st.just(": "), flows).map("".join)
blocks = st.lists(
    st.tuples(st.just("  "), st.sampled_from(STRINGS), colons, flows).map("".join), min_size=1, max_size=3
)
named_blocks = st.builds(
    lambda name, lines: "\n".join([f"{name}:", *lines]), st.sampled_from(("block", "code")), blocks
)
near_documents = st.lists(top_lines | named_blocks, min_size=1, max_size=2)


@settings(max_examples=200, deadline=None)
@given(near_documents, st.integers(0, 300), st.sampled_from(("", "", "", "", *'{}[],:"\\ #-\n\t', "  ", "a: 1\n")))
def test_whatever_the_fast_reader_accepts_the_patient_reader_reads_the_same(lines, at, inserted):
    text = "\n".join(lines) + "\n"
    text = text[:at] + inserted + text[at:]
    fast = read_lines(text)
    if fast is not None:
        assert same(read_events(text, "x"), fast)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_a_document_or_a_clean_error(data):
    try:
        assert isinstance(load(data), dict)
    except ParseError as error:
        assert str(error).isprintable()
        assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("+3", 3),
        ("-0", 0),
        ("~", None),
        ("", None),
        ("True", True),
        (".NaN", math.nan),
        ("+.inf", math.inf),
        ("no", "no"),
        ("yes", "yes"),
        ("012", "012"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-11-21", "2026-11-21"),
        ("=", "="),
        ("<<", "<<"),
        ("NaN", "NaN"),
        ("'it''s'", "it's"),
        ("[a, 1, {b: no}]", ["a", 1, {"b": "no"}]),
        ('{"$float": "-inf"}', -math.inf),
        ("1 # a comment", 1),
        ("|\n    two\n    lines\n", "two\nlines\n"),
    ],
)
def test_what_a_person_types_reads_as_meant(written, read):
    assert same(load(f"params:\n  x: {written}\n".encode()), {"params": {"x": read}})


@pytest.mark.parametrize("name", ["params", "code", "environment"])
@settings(max_examples=60, deadline=None)
@given(values=st.dictionaries(keys, plain, min_size=1, max_size=4))
def test_documents_that_say_the_same_share_nothing_that_can_be_changed(name, values):
    data = dump({name: values})
    one, other = load(data), load(data)
    assert same(one, other)
    assert not changeable(one) & changeable(other)
    assert same(load(data), {name: values})


def changeable(value):
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {id(value) for _ in [0] if isinstance(value, dict | list)}.union(*map(changeable, inside))


@pytest.mark.parametrize("value", ["9" * 641, "-" + "9" * 641, f"[{'9' * 641}]", f'{{"a": {"9" * 641}}}'])
@pytest.mark.parametrize("block", ["", "params:\n  ", "code:\n  "])
def test_no_integer_of_more_digits_than_allowed_is_read_wherever_it_stands(block, value):
    text = f'{block}"a": {value}\n' if block else f"a: {value}\n"
    assert read_lines(text.replace("9" * 641, "9" * 640)) is not None
    with pytest.raises(ParseError, match="640 digits"):
        load(text.encode())


@pytest.mark.parametrize("line", ['"a":1, "b": 2', '"a":"b": 2', '"a":["b": 2', '"a" : 2', '"a":2', '"a\\": 2', '"a'])
@pytest.mark.parametrize("block", ["params", "code"])
def test_a_key_ends_with_its_first_quote_and_nothing_but_a_colon_and_a_space_follows(block, line):
    assert read_lines(f"{block}:\n  {line}\n") is None


@pytest.mark.parametrize("block", ["params", "code"])
def test_as_many_brackets_as_may_nest_are_read_and_one_more_is_refused(block):
    # The document and the block are levels too; what stands in text or side by side does not nest.
    deepest = "[" * 62 + "]" * 62
    for value in (deepest, '"' + "[" * 90 + '"', "[" + ", ".join(["[]"] * 90) + "]"):
        assert same(read_lines(f'{block}:\n  "[": {value}\n'), read_events(f'{block}:\n  "[": {value}\n', "x"))
    with pytest.raises(ParseError, match="deeper than 64"):
        load(f'{block}:\n  "[": [{deepest}]\n'.encode())


def test_keys_are_always_text():
    document = load(b"no: 1\n1: 2\nnull: 3\n<<: {a: 1}\n'q': 4\nblock:\n- a\n-   b: {c: 1}\n")
    assert document == {"no": 1, "1": 2, "null": 3, "<<": {"a": 1}, "q": 4, "block": ["a", {"b": {"c": 1}}]}


def test_windows_line_ends_and_a_byte_order_mark_are_read():
    assert load(b'\xef\xbb\xbfparams:\r\n  "a": 1\r\n') == {"params": {"a": 1}}


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"", 1, "empty"),
        (b"# nothing\n", None, "empty"),
        (b"[1]\n", 1, "not a map"),
        (b"text\n", 1, "not a map"),
        (b'{"$float": "nan"}\n', None, "not a map"),
        (b"a: 1\nb: \xff\n", 2, "UTF-8"),
        (b"a: 1\n\nb: \x00\n", 3, "U+0000"),
        (b'a: "\x7f"\n', 1, "U+007F"),
        ('a: 1\nb: "\u2028"\n'.encode(), 2, "U+2028"),
        (b"a: 1\n---\nb: 1\n", 2, "more than one"),
        (b"%YAML 1.1\n---\na: 1\n", None, "directives"),
        (b"a: &x 1\n", 1, "anchors"),
        (b"a: *x\n", 1, "anchors"),
        (b"a: 1\nb: !!str 1\n", 2, "tags"),
        (b"a: !!python/object/apply:os.system [id]\n", 1, "tags"),
        (b"a: 1\na: 2\n", None, '"a" comes twice'),
        (b'a:\n  "b": 1\n  "b": 1\n', None, '"b" comes twice'),
        (b'a:\n  "$$float": 1\n  "$$float": 1\n', None, '"$$float" comes twice'),
        (b'a: {"b": 1, "b": 1}\n', 1, '"b" comes twice'),
        (b'a: {"b": 1, "\\u0062": 1}\n', 1, '"b" comes twice'),
        (b"? [a]\n: 1\n", None, "a key is not text"),
        (b'a: {"$float": 1}\n', 1, "$float"),
        (b'a: {"$float": "nan", "b": 1}\n', 1, "$float"),
        (b'a: "\\ud800"\n', 1, "escape"),
        (b'a: {"b": 1\nc: 1\n', None, ""),
        (b"a: 1\n  b: 1\n", 2, ""),
        (b"a: @b\n", 1, ""),
    ],
)
def test_what_is_refused_is_refused_with_its_line_and_reason(data, line, reason):
    with pytest.raises(ParseError) as caught:
        load(data, name="runs/3f/run.yaml")
    assert reason in str(caught.value)
    assert str(caught.value).startswith("runs/3f/run.yaml")
    if line is not None:
        assert f"line {line}:" in str(caught.value)


def test_the_name_of_a_hostile_file_cannot_command_the_terminal():
    with pytest.raises(ParseError) as caught:
        load(b"[", name="\x1b[2J")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "document",
    [
        {"Name": 1},
        {"": 1},
        {"no": 1},
        {"true": 1},
        {"a b": 1},
        {"a": {1: 2}},
        {"a": object()},
        {"a": {1, 2}},
        {"a": b"bytes"},
        {"a": 10**640},
        {"a": {"x" * 513: 1}},
        {"a": {"\x00" * 200: 1}},
        {"a": dict.fromkeys(("\ud800", "\udfff"))},
        {"a": "x" * (1 << 20)},
    ],
)
def test_the_writer_refuses_what_no_reader_would_take(document):
    with pytest.raises(UsageError) as caught:
        dump(document)
    assert str(caught.value).isprintable()


def test_lone_surrogates_are_replaced_and_reported():
    replaced = []
    document = {"name": "a\ud800b", "params": {"x": [{"y": "\udc80"}], "ok": "é"}}
    assert load(dump(document, replaced=replaced)) == {
        "name": "a\ufffdb",
        "params": {"x": [{"y": "\ufffd"}], "ok": "é"},
    }
    assert replaced == ["name", "params.x.[].y"]


def test_a_string_of_almost_a_megabyte_round_trips():
    document = {"params": {"prompt": 'a "quoted"\nline\u2028' * 40_000}}
    assert load(dump(document)) == document


@pytest.mark.parametrize("key", ["x" * 512, "é" * 256, "\x01" * 160, '"' * 490])
def test_the_longest_keys_round_trip_through_both_levels(key):
    document = {"params": {key: {key: 1}}}
    assert load(dump(document)) == document
    assert read_events(dump(document).decode(), "x") == document


@given(keys)
def test_an_escaped_key_comes_back_and_is_never_the_float_tag(key):
    assert unescape_key(escape_key(key)) == key
    assert escape_key(key) != "$float"


def test_subclasses_of_plain_types_are_written_by_their_own_value():
    class Loud(str):
        def __str__(self):
            return "LOUD"

    class Odd(float):
        def __repr__(self):
            return "odd"

    assert load(dump({"a": Loud("quiet"), "b": Odd(0.5), "c": (1, 2)})) == {"a": "quiet", "b": 0.5, "c": [1, 2]}


def test_documents_are_read_without_libyaml_too(monkeypatch):
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert load(b"params: {lr: 1e-4, shuffle: no}\n") == {"params": {"lr": 1e-4, "shuffle": "no"}}
    with pytest.raises(ParseError, match="surrogate"):
        load(b'a: "\\ud83d\\ude00"\n')
