"""Filters made to do harm: each is a clear error or finds nothing, and soon."""

from __future__ import annotations

import string

import pytest

from gtrack.errors import UsageError
from gtrack.index.filter import parse
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary

RUN = RunState(
    "0" * 32,
    "a" * 4_000 + "!",
    "e",
    "running",
    params={"x": "1", "long": "a" * 100_000, "' OR 1=1 --": "found", "big": 10**400, "deep": {"a": {"b": 1}}},
    metrics={"loss": MetricSummary.point(0.5, 0, 0)},
)

ERRORS = [
    # Fragments of SQL: no statement, comment, sub-query, function, expression or literal of it is in the language.
    ("1; DROP TABLE run", "expected a field"),
    ("params.x = 1; DROP TABLE run", "expected AND, OR or the end, found ';'"),
    ("params.x = 1 --", "found '--'"),
    ("params.x = 1 /* */", "found '/'"),
    ("params.x = 1 UNION SELECT * FROM run", "found 'UNION'"),
    ("' OR 1=1 --", "the ' that opens here is never closed"),
    ("params.x = '' OR 1=1", "expected a field such as metrics.loss"),
    ("params.x = '' OR '1'='1'", "expected a field"),
    ("params.x = (SELECT id FROM run)", "expected a value"),
    ("params.x IN (SELECT id FROM run)", "in quotes: 'SELECT'"),
    ("EXISTS (SELECT 1)", "unknown function EXISTS"),
    ("load_extension('x') = 1", "unknown function load_extension"),
    ("max('x') = 1", "expected a metric, found"),
    ("randomblob(metrics.loss) > 1", "unknown function randomblob"),
    ("params.x = x'00'", "in quotes: 'x'"),
    ("params.x = ?1", "expected a value"),
    ("params.x = :name", "in quotes: ':name'"),
    ("params.x = $name", "expected a value"),
    ("params.x = 'a' COLLATE nocase", "found 'COLLATE'"),
    ("params.x LIKE 'a' ESCAPE 'b'", "found 'ESCAPE'"),
    ("params.x = 'a' || 'b'", "found '|'"),
    ("params.x GLOB 'a'", "expected an operator"),
    ("params.x MATCH 'a'", "expected an operator"),
    ("rowid = 1", "unknown field rowid"),
    ("sqlite_master.sql LIKE '%'", "unknown field sqlite_master.sql"),
    ("attributes.sql LIKE '%'", "unknown attribute attributes.sql"),
    ("run.document LIKE '%'", "unknown attribute run.document"),
    # Python, shell and templates are not either.
    ("__import__('os').system('id')", "unknown function __import__"),
    ("params.__class__.__mro__[1] = 1", "found '['"),
    ("{{7*7}}", "expected a field"),
    ("${HOME} = 1", "expected a field"),
    # What is not text, or is meant to hide something.
    ("params.x = 'a\0b'", "\\x00 is not text"),
    ("params.x = '\ud800'", "\\ud800 is not text"),
    ("params.x\u202e = 1", "expected an operator"),
    ("params.\u2066x = 1", "expected a key after the dot"),
    ("\ufeffparams.x = 1", "expected a field"),
    # Sizes.
    ("(" * 10_000, "expected a field"),
    (")" * 10_000, "expected a field"),
    ("NOT " * 2_500, "conditions nest deeper"),
    ("NOT (" * 2_000, "expected a field"),
    ("'" * 10_000, "expected a field"),
    ("'" * 9_999, "never closed"),
    ("`" * 10_000, "unknown field ``"),
    ("params.x = '" + "a" * 1_000_000 + "'", "1,000,013 characters; 10,000 is the most"),
    (" " * 1_000_000, "is the most"),
    (" " * 9_000, "the filter is empty"),
    ("a." * 5_000, "expected a key after the dot"),
    ("params.x IN (" + "1," * 4_990, "1,000 is the most"),
    ("params.x > " + "9" * 9_000, "in quotes"),
    ("metrics.loss > 1e" + "9" * 200, "expected a number"),
    ("started > 99999999999999999999999999999", "between the years 1 and 9999"),
    ("started > -99999999999999999999w", "expected a time"),
    ("duration > 99999999999999999999w", "expected seconds"),
    # Patterns that would keep a searcher going back over the text for ever are too large, or not patterns here.
    (r"name REGEXP '(a)\1'", "is not supported"),
    ("name REGEXP '(?=a)'", "not supported"),
    ("name REGEXP '(((a{999}){999}){999})'", "repeats too much"),
    ("name REGEXP '" + "(" * 250 + ")" * 250 + "'", "nests more than 30"),
    ("name LIKE '" + "%a" * 501 + "'", "1,000 is the most"),
]


@pytest.mark.parametrize(("text", "message"), ERRORS, ids=[text[:30] for text, _ in ERRORS])
def test_what_is_not_in_the_language_is_a_clear_error(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    error = caught.value
    assert message in error.message
    assert error.exit_code == 2
    assert len(error.message) < 500
    assert all(char.isprintable() or char == "\n" for char in error.message)


@pytest.mark.parametrize(
    "text",
    [
        "params.x = ''' OR 1=1 --'",
        "params.x = '1; DROP TABLE run'",
        "params.`x') OR 1=1 --` = 1",
        'params."x"" OR 1=1 --" = 1',
        "tags.`'; DROP TABLE run; --` IS NOT NULL",
        "params.x LIKE '1'' OR ''1''=''1'",
        "params.x IN ('1'') OR 1=1 --')",
        "name REGEXP '^(a+)+$'",
        "name REGEXP '(.*)(.*)(.*)(.*)(.*)(.*)x'",
        "name REGEXP '^(a|a|aa|a?)*b$'",
        f"name LIKE '{'%a' * 490}%b'",
        "params.long REGEXP 'a'",
        f"params.long LIKE '{'%a_' * 300}b'",
        "metrics.loss > 1e308 OR metrics.loss < -1e308 OR metrics.loss = 1e400",
        f"params.x = {'9' * 30} OR params.x = 1{'0' * 29}",
        "params.big > 1e308 AND params.big < 1",
        f"params.{'.'.join(['a'] * 4_000)} = 1",
        f"params.deep.{'.'.join(['a'] * 4_000)} = 1",
        f"params.`{'a' * 9_900}` = 1",
        "params.x = '\u202e'",
        "error.a.b.c = 1",
    ],
    ids=lambda text: text[:40],
)
def test_what_is_in_the_language_finds_no_more_than_it_says(text: str) -> None:
    tree = parse(text)
    assert not tree.matches(RUN, now_us=0)
    assert parse(str(tree)) == tree


def test_a_key_is_a_key_whatever_it_looks_like() -> None:
    assert parse("params.`' OR 1=1 --` = 'found'").matches(RUN, now_us=0)


@pytest.mark.parametrize("char", [*string.punctuation, "\x1b", "\x7f", "\u2028", "\u00a0", "\U000e0041"])
def test_no_character_by_itself_does_anything(char: str) -> None:
    for text in (char, char * 100, f"params.x = 1 {char}", f"params.x {char} 1", f"params.x = {char}"):
        try:
            parse(text)
        except UsageError as error:
            assert all(shown.isprintable() or shown == "\n" for shown in error.message)
