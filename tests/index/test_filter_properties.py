"""The filter language for all filters: canonical text, truth against an independent oracle, and hostile input."""

from __future__ import annotations

import math
import re
from itertools import product

from filter_strategies import combined, soup, trees
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gtrack.errors import UsageError
from gtrack.index.filter import (
    Ago,
    And,
    Between,
    Compare,
    Field,
    Filter,
    In,
    IsNull,
    Moment,
    Not,
    Or,
    parse,
)
from gtrack.index.like import like
from gtrack.index.literals import number_of
from gtrack.index.regexp import compile_regexp
from gtrack.model.state import RunState

NOW = 1_795_000_000_000_000

claim = settings(deadline=None, max_examples=100)


@claim
@given(trees)
@example(Compare(Field("attributes", "started"), ">", Ago(123_456_789_012_345_677)))
@example(Between(Field("attributes", "ended"), Moment(-1, 1), Moment(NOW, 1000)))
@example(Compare(Field("tags", "it's `q`"), "=", "it's"))
def test_canonical_text_parses_to_the_same_tree(tree: Filter) -> None:
    # By repr, in which NaN is itself and 1 is not 1.0.
    assert repr(parse(str(tree))) == repr(tree)


# The oracle: a few values whose meaning is written down by hand, and truth as the least and largest of 0, 1, 2.
POOL: dict[str, tuple[object, float | None, str]] = {
    # name: (the value, the number it is, the text it is)
    "six": (6, 6, "6"),
    "six point": (6.0, 6, "6.0"),
    "six text": ("6", 6, "6"),
    "six long": ("6.00", 6, "6.00"),
    "tenth": (0.1, 0.1, "0.1"),
    "tenth text": ("1e-1", 0.1, "1e-1"),
    "minus": (-3, -3, "-3"),
    "nan": (math.nan, math.nan, "nan"),
    "infinite": (math.inf, math.inf, "inf"),
    "true": (True, None, "true"),
    "false": (False, None, "false"),
    "yes": ("True", None, "True"),
    "word": ("adam", None, "adam"),
    "Word": ("Adam", None, "Adam"),
    "empty": ("", None, ""),
    "list": ([1, "a"], None, '[1, "a"]'),
}
LITERAL_NAMES = [name for name in POOL if name != "list"]


def oracle_equal(left: str, right: str) -> bool:
    (a, m, s), (b, n, t) = POOL[left], POOL[right]
    if isinstance(a, bool) or isinstance(b, bool):
        return s.lower() == t.lower()
    if isinstance(a, str | list) and isinstance(b, str):
        return s == t
    return m is not None and n is not None and (m == n or (math.isnan(m) and math.isnan(n)))


def oracle_order(left: str, right: str) -> int | None:
    (a, m, s), (b, n, t) = POOL[left], POOL[right]
    if isinstance(a, str | list) and isinstance(b, str):
        return (s > t) - (s < t)
    if m is None or n is None or math.isnan(m) or math.isnan(n):
        return None
    return (m > n) - (m < n)


def oracle(tree: Filter, run: dict[str, str]) -> int:
    """Return 2 for true, 1 for unknown, 0 for false."""
    match tree:
        case And(parts):
            return min(oracle(part, run) for part in parts)
        case Or(parts):
            return max(oracle(part, run) for part in parts)
        case Not(part):
            return 2 - oracle(part, run)
        case IsNull(field):
            return 2 * (field.key not in run)
    return oracle_of_value(tree, run[tree.field.key]) if tree.field.key in run else 1


def oracle_of_value(tree: Filter, value: str) -> int:
    if isinstance(tree, In):
        return 2 * any(oracle_equal(value, name) for name in tree.items)
    if tree.operator in ("=", "!="):
        return 2 * (oracle_equal(value, tree.value) == (tree.operator == "="))
    sign = oracle_order(value, tree.value)
    if sign is None:
        return 1
    return 2 * (
        (sign < 0 and "<" in tree.operator)
        or (sign > 0 and ">" in tree.operator)
        or (sign == 0 and "=" in tree.operator)
    )


def with_values(tree: Filter) -> Filter:
    """Return the tree with literals in place of their names."""
    match tree:
        case And(parts) | Or(parts):
            return type(tree)(tuple(map(with_values, parts)))
        case Not(part):
            return Not(with_values(part))
        case In(field, items):
            return In(field, tuple(POOL[name][0] for name in items))
        case Compare(field, operator, value):
            return Compare(field, operator, POOL[value][0])
    return tree


pool_fields = st.sampled_from(["a", "b", "c.d"]).map(lambda key: Field("params", key))
literal_names = st.sampled_from(LITERAL_NAMES)
named = st.one_of(
    st.builds(Compare, pool_fields, st.sampled_from(["=", "!="]), literal_names),
    st.builds(
        Compare,
        pool_fields,
        st.sampled_from(["<", "<=", ">", ">="]),
        literal_names.filter(lambda n: n not in ("true", "false")),
    ),
    st.builds(In, pool_fields, st.lists(literal_names, min_size=1, max_size=3).map(tuple)),
    st.builds(IsNull, pool_fields),
)
named_trees = st.recursive(named, combined, max_leaves=5)
runs = st.dictionaries(st.sampled_from(["a", "b", "c.d"]), st.sampled_from(list(POOL)))


def recorded(run: dict[str, str]) -> RunState:
    params: dict[str, object] = {key: POOL[name][0] for key, name in run.items()}
    if "c.d" in params:
        params["c"] = {"d": params.pop("c.d")}
    return RunState("0" * 32, "name", "experiment", "running", params=params)


@claim
@given(named_trees, runs)
def test_truth_is_that_of_an_independent_oracle(tree: Filter, run: dict[str, str]) -> None:
    expected = {2: True, 1: None, 0: False}[oracle(tree, run)]
    for filter_ in (with_values(tree), parse(str(with_values(tree)))):
        assert filter_.truth(recorded(run), now_us=NOW) is expected
        assert filter_.matches(recorded(run), now_us=NOW) is (expected is True)


def test_every_pair_of_values_compares_as_the_oracle_says() -> None:
    for value, name, operator in product(POOL, LITERAL_NAMES, ["=", "!=", "<", "<=", ">", ">="]):
        tree = Compare(Field("params", "a"), operator, name)
        expected = {2: True, 1: None, 0: False}[oracle(tree, {"a": value})]
        if not (isinstance(POOL[name][0], bool) and operator not in ("=", "!=")):
            assert with_values(tree).truth(recorded({"a": value}), now_us=NOW) is expected, (value, operator, name)


@claim
@given(st.integers(-3, 3), st.integers(-3, 3), st.sampled_from([1, 2, 3]))
def test_a_moment_lies_neither_before_nor_after_its_own_length(at: int, start: int, length: int) -> None:
    run = RunState("0" * 32, "n", "e", "running", started=at)
    field, moment = Field("attributes", "started"), Moment(start, length)
    holds = {op: Compare(field, op, moment).matches(run, now_us=NOW) for op in ("<", "=", ">", "<=", ">=", "!=")}
    assert holds["<"] + holds["="] + holds[">"] == 1
    assert holds["="] == (at in range(start, start + length))
    assert holds["<="] == (holds["<"] or holds["="])
    assert holds[">="] == (holds[">"] or holds["="])
    assert holds["!="] is not holds["="]
    between = Between(field, moment, Moment(start + 1, length)).matches(run, now_us=NOW)
    assert between == (start <= at < start + 1 + length)


@claim
@given(named_trees.map(with_values), named_trees.map(with_values), runs)
def test_the_laws_of_logic_hold_with_unknowns(a: Filter, b: Filter, run: dict[str, str]) -> None:
    state = recorded(run)

    def truth(tree: Filter) -> bool | None:
        return tree.truth(state, now_us=NOW)

    assert truth(Not(Not(a))) is truth(a)
    assert truth(Not(And((a, b)))) is truth(Or((Not(a), Not(b))))
    assert truth(And((a, b))) is truth(And((b, a)))
    assert truth(Or((a, And((a, b))))) is truth(a)


@claim
@given(
    st.one_of(st.text(), soup, trees.map(str).flatmap(lambda text: st.integers(0, len(text)).map(lambda at: text[:at])))
)
@example("(" * 9_999)
@example("NOT " * 2_499)
@example("'" * 9_999)
@example("`" * 10_000)
@example("a." * 5_000)
@example("params.x IN (" + "1," * 4_990)
@example("name REGEXP '" + "(" * 500 + "'")
@example("name REGEXP '[[:alpha:]--&&||]'")
@example("x = " + "9" * 9_000)
@example("started = -999999999w")
def test_any_text_is_a_filter_or_a_usage_error(text: str) -> None:
    try:
        tree = parse(text)
    except UsageError as error:
        assert len(error.message) < 500
        assert all(char.isprintable() or char == "\n" for char in error.message)
        return
    assert repr(parse(str(tree))) == repr(tree)
    tree.matches(recorded({"a": "six", "c.d": "list"}), now_us=NOW)


odd = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["a", "a.b", "b", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)


@claim
@given(trees, st.dictionaries(st.sampled_from(["commit", "branch", "dirty", "a", "host", "name", "a.b"]), odd))
def test_no_recorded_value_makes_a_filter_fail(tree: Filter, values: dict[str, object]) -> None:
    run = RunState(
        *("0" * 32, "n", "e", "running"),
        **dict.fromkeys(("params", "tags", "code", "environment", "seed", "error"), values),
        data=(values, *values.values()),
    )
    assert tree.matches(run, now_us=NOW) in (True, False)


@claim
@given(st.text("ab%_", max_size=8), st.text("ab\n", max_size=8))
@example("a%a", "a")
@example("a%_%a", "aa")
def test_like_is_what_its_definition_says(pattern: str, text: str) -> None:
    def matches(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "%":
            return matches(pattern[1:], text) or (bool(text) and matches(pattern, text[1:]))
        return bool(text) and pattern[0] in ("_", text[0]) and matches(pattern[1:], text[1:])

    assert like(text, pattern) is matches(pattern, text)
    assert like(text.upper(), pattern, ignore_case=True) is matches(pattern, text)


atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\d", r"\.", "^", "$", "(?:ab)", "[]a]", "-", "{"])
quantified = st.builds(
    lambda atom, many: atom if atom in "^$" else atom + many,
    atoms,
    st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}", "{0,}", "*?"]),
)
expressions = st.recursive(
    quantified,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map("|".join),
        st.builds("({}){}".format, inner, st.sampled_from(["", "*", "+", "?", "{0,2}"])),
    ),
    max_leaves=5,
)


@claim
@given(expressions, st.text("ab1.-]{", max_size=6))
def test_a_regular_expression_finds_what_pythons_finds(pattern: str, text: str) -> None:
    assert compile_regexp(pattern).search(text) is (re.search(pattern, text) is not None)


@claim
@given(st.text("ab()[]{}*+?|^$\\.,-12", max_size=12))
def test_any_pattern_is_compiled_or_refused(pattern: str) -> None:
    try:
        compile_regexp(pattern).search("ab12")
    except ValueError:
        return


@claim
@given(st.floats())
def test_a_written_number_is_read_back(number: float) -> None:
    assert repr(number_of(str(number))) == repr(number)
