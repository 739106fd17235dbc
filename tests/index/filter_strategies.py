"""Strategies for filters: trees of every kind, and texts that are nearly one."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from gtrack.index.fields import AGGREGATES, ATTRIBUTES, Type
from gtrack.index.filter import (
    Ago,
    And,
    Between,
    Compare,
    Field,
    Filter,
    In,
    IsNull,
    Like,
    Moment,
    Not,
    Or,
    Prefix,
    Regexp,
)

DAY = 86_400_000_000

printable = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    st.sampled_from(["it's", "''", 'say "x"', "a`b", "null", "6", "true", "a AND b", "two\nlines", "%_"]),
)
keys = st.one_of(
    st.sampled_from(["lr", "a.b", "val auc", "x`y", 'q"', "and", "1st", "über", "a..b", ".", "a/b@5"]), printable
)
maps = ("params", "tags", "environment", "seed", "error")
fields = st.one_of(
    st.builds(Field, st.sampled_from(maps), keys.filter(bool)),
    st.builds(Field, st.just("metrics"), keys.filter(bool), st.sampled_from(list(AGGREGATES))),
    st.builds(Field, st.just("attributes"), st.sampled_from(list(ATTRIBUTES))),
    st.builds(Field, st.just("datasets"), st.sampled_from(["name", "digest", "role"])),
)
numbers = st.one_of(st.integers(-(10**29), 10**29), st.floats())
days = st.integers(-700_000, 2_900_000).map(lambda day: Moment(day * DAY, DAY))
lengths = st.sampled_from([60_000_000, 1_000_000, 100_000, 1000, 1])
moments = st.builds(lambda at, length: Moment(at // length * length, length), st.integers(-(10**16), 10**17), lengths)
hashes = st.text("0123456789abcdef", min_size=4, max_size=64)
LITERALS = {
    Type.ANY: st.one_of(numbers, st.booleans(), printable),
    Type.NUMBER: numbers,
    Type.SECONDS: numbers,
    Type.TIME: st.one_of(
        days, moments, st.integers(0, 3 * 10**17).map(Ago), st.integers(0, 400).map(lambda d: Ago(d * DAY))
    ),
    Type.TRUTH: st.booleans(),
    Type.TEXT: printable,
    Type.WORD: printable.map(str.lower),
    Type.HASH: st.one_of(
        hashes.map(Prefix), printable.filter(lambda text: not re.fullmatch("[0-9a-fA-F]{4,64}", text))
    ),
}
ORDERED = {Type.ANY: st.one_of(numbers, printable)}
PATTERNS = st.sampled_from(["a", "^a+$", "[a-c]|d?", r"\d{1,3}'", "(?:x|y)*z"])


@st.composite
def predicates(draw: st.DrawFn) -> Filter:
    field = draw(fields)
    kind = field.type
    literals, ordered = LITERALS[kind], ORDERED.get(kind, LITERALS[kind])
    options = [st.just(IsNull(field)), st.builds(Compare, st.just(field), st.sampled_from(["=", "!="]), literals)]
    options.append(st.builds(In, st.just(field), st.lists(literals, min_size=1, max_size=4).map(tuple)))
    if kind is not Type.TRUTH:
        options.append(st.builds(Compare, st.just(field), st.sampled_from(["<", "<=", ">", ">="]), ordered))
        options.append(st.builds(Between, st.just(field), ordered, ordered))
    if kind in (Type.ANY, Type.TEXT, Type.WORD, Type.HASH):
        texts = printable.map(str.lower) if kind is Type.WORD else printable
        options += [st.builds(Like, st.just(field), texts, st.booleans()), st.builds(Regexp, st.just(field), PATTERNS)]
    return draw(st.one_of(options))


def combined(parts: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(several.map(And), several.map(Or), parts.map(Not))


trees = st.recursive(predicates(), combined, max_leaves=6)


TOKENS = [
    *(
        "AND",
        "or",
        "Not",
        "(",
        ")",
        ",",
        "=",
        "!=",
        "<=",
        "=~",
        "IN",
        "like",
        "ILIKE",
        "REGEXP",
        "between",
        "is",
        "null",
    ),
    *(
        "metrics.loss",
        "params.`a b`",
        'tags."x"',
        "status",
        "started",
        "dirty",
        "min",
        "nan",
        "inf",
        "-7d",
        "2h",
        "1e400",
    ),
    *(
        "'a'",
        '"b"',
        "'(+'",
        "''",
        "'%'",
        "`",
        "'",
        '"',
        ".",
        ";",
        "--",
        "\\",
        "\0",
        "\ud800",
        "\u202e",
        "é",
        "1",
        "true",
    ),
    *("9" * 5000, "2026-11-01", "'99999-01-01'", "0001-01-01", "'0001-01-01T00:00+14:00'", "datasets.name", "params."),
]
soup = st.lists(st.sampled_from(TOKENS), max_size=12).flatmap(
    lambda words: st.sampled_from(["", " "]).map(lambda s: s.join(words))
)
