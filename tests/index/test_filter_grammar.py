"""The reading of filters against another reader of the same language, and what it takes."""

from __future__ import annotations

import re

import lark_grammar
import pytest
from filter_strategies import TOKENS, soup, trees
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gtrack.errors import UsageError
from gtrack.index.filter import parse

claim = settings(deadline=None, max_examples=100)
PIECE = re.compile(r"\s+|\w+|.", re.DOTALL)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A filter's text with a few of its pieces removed, doubled, exchanged, or replaced."""
    pieces = PIECE.findall(draw(trees.map(str)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(pieces) - 1)) if pieces else 0
        other = draw(st.integers(0, len(pieces) - 1)) if pieces else 0
        match draw(st.sampled_from(["remove", "double", "exchange", "insert", "case"])):
            case "remove":
                del pieces[at : at + 1]
            case "double":
                pieces[at:at] = pieces[at : at + 1]
            case "exchange" if pieces:
                pieces[at], pieces[other] = pieces[other], pieces[at]
            case "insert":
                pieces.insert(at, draw(st.sampled_from(TOKENS)))
            case "case" if pieces:
                pieces[at] = pieces[at].swapcase()
    return "".join(pieces)


@claim
@given(st.one_of(damaged(), soup, trees.map(str)))
@example("(" * 4_000 + "status = 'a'" + ")" * 4_000)
@example("NOT " * 49 + "status = 'a'")
@example("params.x NOT !=~ 'a'")
@example("params.and = 1 and params.or = 2or params.not = 3")
@example("not (not(params.x in('a',\"b\"))and(status='a'))")
@example("min (metrics.loss)between 1 and 2and`group`is not null")
@example('params.x = \'it\'\'s\' AND params."a""b" = "c""d"')
@example("x.y = 1")
@example("not.x = 1")
@example("in(metrics.loss) = 1")
def test_another_reader_of_the_language_reads_the_same(text: str) -> None:
    try:
        theirs = repr(lark_grammar.parse(text))
    except ValueError:
        theirs = None
    try:
        ours = repr(parse(text))
    except UsageError:
        ours = None
    assert ours == theirs


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("descends_from('v1.2')", "descends_from('v1.2')"),
        ('NOT Descends_From( "v1.2" )', "NOT descends_from('v1.2')"),
        ("status='a' and(descends_from('it''s')or not descends_from('b'))", None),
    ],
)
def test_a_lineage_is_a_condition_like_others(text: str, canonical: str | None) -> None:
    tree = parse(text)
    assert parse(str(tree)) == tree
    assert canonical in (None, str(tree))


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("descends_from(v1.2)", 15, "expected a revision in quotes: descends_from('v1.2')"),
        ("descends_from()", 15, "expected a revision in quotes: descends_from('v1.2'), found ')'"),
        ("descends_from('')", 15, "expected a revision such as 'v1.2'"),
        ("descends_from('a\nb')", 15, "expected a revision such as 'v1.2'"),
        ("descends_from('a', 'b')", 18, "expected ), found ','"),
        ("descends_from('a') = true", 20, "expected AND, OR or the end, found '='"),
        ("descends_from = 'a'", 1, "unknown field descends_from"),
        ("params.x NOT IS NULL", 14, "expected IN LIKE ILIKE REGEXP or BETWEEN, found 'IS'"),
        ("params.x BETWEEN 1", 19, "expected AND, found the end"),
        ("params.x IN 1", 13, "expected ( and the values: IN ('a', 'b'), found '1'"),
        ("params.x LIKE adam", 15, "expected a pattern in quotes: 'adam'"),
        ("params.x IS NOT 1", 17, "expected NULL, found '1'"),
        ("min(params.) > 1", 11, "expected a key after the dot"),
    ],
)
def test_a_wrong_condition_is_told_the_place(text: str, column: int, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert message in caught.value.message
    assert f"column {column}: " in caught.value.message
