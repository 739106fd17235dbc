"""From a filter's text to its tree: the grammar, read by lark's LALR parser, and errors that show the place.

Nothing here recurses with the text: LALR keeps its own stack, and each rule builds its node as it is recognised.
Only :func:`gtrack.index.filter.parse` imports this module, so that lark (40 ms) is loaded when a filter is read.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, NoReturn

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from gtrack.errors import UsageError
from gtrack.index.fields import AGGREGATES, Field, Type, parse_field
from gtrack.index.filter import And, Between, Compare, Filter, In, IsNull, Like, Not, Or, Regexp
from gtrack.index.literals import Literal, read_literal
from gtrack.index.regexp import compile_regexp
from gtrack.text import clean

__all__ = ["MAX_DEPTH", "MAX_ITEMS", "MAX_TEXT", "parse_filter"]

MAX_TEXT = 10_000
"""Characters of a filter."""
MAX_DEPTH = 50
"""Conditions within conditions."""
MAX_ITEMS = 1_000
"""Literals of an IN list."""
_MAX_PATTERN = 1_000
_WINDOW = 72

GRAMMAR = r"""
start: either
either: both (_OR both)*
both: opposite (_AND opposite)*
?opposite: NOT opposite                       -> negated
         | "(" either ")"                     -> group
         | operand OPERATOR value             -> compare
         | operand [NOT] IN "(" value ("," value)* ")"   -> within
         | operand [NOT] BETWEEN value _AND value        -> between
         | operand [NOT] (LIKE | REGEXP) value           -> pattern
         | operand IS [NOT] NULL              -> null
operand: FIELD                                -> field
       | FIELD "(" FIELD ")"                  -> aggregate
?value: STRING | BARE

_OR.2: /or\b/i
_AND.2: /and\b/i
NOT.2: /not\b/i
IN.2: /in\b/i
BETWEEN.2: /between\b/i
LIKE.2: /i?like\b/i
REGEXP.2: /(?:regexp|rlike)\b|!?=~/i
IS.2: /is\b/i
NULL.2: /null\b/i
OPERATOR.1: /<=|>=|==|!=|<>|<|>|=/
FIELD: /(?:[^\W\d]\w*|`(?:[^`]|``)*`|"(?:[^"]|"")*")(?:\.(?:[\w@:\/-]+|`(?:[^`]|``)*`|"(?:[^"]|"")*"))*/
STRING: /'(?:[^']|'')*'|"(?:[^"]|"")*"/
BARE: /[\w.+:@%\/-]+/
%ignore /\s+/
"""

_EXPECTED = (
    ("FIELD", "a field such as metrics.loss, params.lr or status"),
    ("BARE", "a value: a number, or text in quotes"),
    ("OPERATOR", "an operator: = != < <= > >= IN LIKE ILIKE REGEXP BETWEEN or IS NULL"),
    ("BETWEEN", "IN LIKE ILIKE REGEXP or BETWEEN"),
    ("_AND", "AND"),
    ("_OR", "OR"),
    ("NULL", "NULL"),
    ("COMMA", "a comma"),
    ("RPAR", ")"),
    ("$END", "the end"),
)
_FLIPPED = {"==": "=", "<>": "!="}


class _ProblemError(Exception):
    """Something wrong at a place of the filter."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position


def parse_filter(text: str) -> Filter:
    """Read a filter; see :func:`gtrack.index.filter.parse`.

    Raises:
        UsageError: It is not one.
    """
    if len(text) > MAX_TEXT:
        raise _usage(f"the filter has {len(text):,} characters; {MAX_TEXT:,} is the most")
    if not text.strip():
        raise _usage("the filter is empty")
    bad = next((at for at, char in enumerate(text) if char == "\0" or "\ud800" <= char <= "\udfff"), None)
    if bad is not None:
        _fail(text, bad, f"{clean(text[bad])} is not text")
    try:
        tree = _parser().parse(text)
    except _ProblemError as problem:
        _fail(text, problem.position, str(problem))
    except UnexpectedInput as error:
        _fail(text, *_unexpected(text, error))
    assert isinstance(tree, Filter)
    depth = _depth(tree)
    if depth > MAX_DEPTH:
        raise _usage(f"the filter nests {depth:,} conditions; {MAX_DEPTH} is the most")
    return tree


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="contextual", transformer=_Builder())


def _depth(tree: Filter) -> int:
    deepest, level = 0, [tree]
    while level:
        deepest, level = deepest + 1, [child for node in level for child in node.children]
    return deepest


class _Builder(Transformer[Token, Filter]):
    """A method for each rule: from the children to a node. Lark calls them as it reads."""

    def start(self, children: list[Filter]) -> Filter:
        return children[0]

    group = start

    def either(self, children: list[Filter]) -> Filter:
        return children[0] if len(children) == 1 else Or(tuple(children))

    def both(self, children: list[Filter]) -> Filter:
        return children[0] if len(children) == 1 else And(tuple(children))

    def negated(self, children: list[Any]) -> Filter:
        return Not(children[1])

    def field(self, children: list[Token]) -> Field:
        return _field(children[0])

    def aggregate(self, children: list[Token]) -> Field:
        name, inner = children
        if name.lower() not in AGGREGATES:
            raise _problem(name, f"unknown function {name:.60}; there are {', '.join(AGGREGATES)}")
        field = _field(inner)
        if field.scope != "metrics":
            raise _problem(inner, f"{name.lower()}() is of a metric: {name.lower()}(metrics.loss)")
        return Field(field.scope, field.key, name.lower())

    def compare(self, children: list[Any]) -> Filter:
        field, operator, token = children
        sign = _FLIPPED.get(operator, str(operator))
        if token.type == "BARE" and token.lower() in ("null", "none"):
            if sign not in ("=", "!="):
                raise _problem(token, f"nothing is {sign} null: use {field} IS NULL or IS NOT NULL")
            return IsNull(field) if sign == "=" else Not(IsNull(field))
        value = _literal(field, token)
        if sign not in ("=", "!=") and isinstance(value, bool):
            raise _problem(operator, "true and false have no order: use = or !=")
        return Compare(field, sign, value)

    def within(self, children: list[Any]) -> Filter:
        field, negation, _, *tokens = children
        if len(tokens) > MAX_ITEMS:
            raise _problem(tokens[MAX_ITEMS], f"the list has {len(tokens):,} items; {MAX_ITEMS:,} is the most")
        return _maybe(negation, In(field, tuple(_literal(field, token) for token in tokens)))

    def between(self, children: list[Any]) -> Filter:
        field, negation, keyword, *tokens = children
        low, high = (_literal(field, token) for token in tokens)
        if isinstance(low, bool) or isinstance(high, bool):
            raise _problem(keyword, "true and false have no order: use = or !=")
        return _maybe(negation, Between(field, low, high))

    def pattern(self, children: list[Any]) -> Filter:
        field, negation, keyword, token = children
        if field.type not in (Type.ANY, Type.TEXT, Type.WORD, Type.HASH):
            raise _problem(keyword, f"{field} is {field.type.value}, not text: compare it with = < > or BETWEEN")
        if token.type != "STRING":
            raise _problem(token, "expected a pattern in quotes")
        text = _unquoted(token)
        if keyword.lower() in ("like", "ilike"):
            return _maybe(negation, _like(field, keyword, token, text))
        try:
            compile_regexp(text)
        except ValueError as error:
            raise _problem(token, str(error)) from None
        return _maybe(negation or (keyword if keyword == "!=~" else None), Regexp(field, text))

    def null(self, children: list[Any]) -> Filter:
        field, _, negation, _ = children
        return _maybe(negation, IsNull(field))


def _like(field: Field, keyword: Token, token: Token, pattern: str) -> Like:
    if len(pattern) > _MAX_PATTERN:
        raise _problem(token, f"the pattern has {len(pattern):,} characters; {_MAX_PATTERN:,} is the most")
    return Like(field, pattern.lower() if field.type is Type.WORD else pattern, keyword.lower() == "ilike")


def _maybe(negation: Token | None, node: Filter) -> Filter:
    return node if negation is None else Not(node)


def _field(token: Token) -> Field:
    try:
        return parse_field(str(token))
    except ValueError as error:
        raise _problem(token, str(error)) from None


def _literal(field: Field, token: Token) -> Literal:
    quoted = token.type == "STRING"
    if not quoted and token.lower() in ("null", "none"):
        raise _problem(token, f"null is no value: use {field} IS NULL")
    try:
        return read_literal(field.type, _unquoted(token) if quoted else str(token), quoted=quoted)
    except ValueError as error:
        raise _problem(token, f"{field}: {error}") from None


def _unquoted(token: Token) -> str:
    return token[1:-1].replace(token[0] * 2, token[0])


def _problem(token: Token, message: str) -> _ProblemError:
    return _ProblemError(token.start_pos or 0, message)


def _unexpected(text: str, error: UnexpectedInput) -> tuple[int, str]:
    """Return where lark stopped, and what it would have read on with."""
    token = error.token if isinstance(error, UnexpectedToken) else None
    if token is not None and token.type == "$END":
        return len(text.rstrip()), f"expected {_expected(error)}, found the end"
    position = error.pos_in_stream or 0
    char = text[position]
    if char == ".":
        return position, "expected a key after the dot: letters and digits, or anything in backticks"
    if token is None and char in "'\"`" and text.count(char, position) % 2:
        return position, f"the {char} that opens here is never closed"
    return position, f"expected {_expected(error)}, found {str(token or char)!r:.60}"


def _expected(error: UnexpectedInput) -> str:
    names: Collection[str] = ()
    if isinstance(error, UnexpectedToken):
        names = error.accepts or error.expected
    elif isinstance(error, UnexpectedCharacters):
        names = error.allowed or ()
    words = {name: words for name, words in _EXPECTED if name in names}
    if "OPERATOR" in words:
        words.pop("BETWEEN", None)
    *most, last = words.values() or ["("]
    return f"{', '.join(most)} or {last}" if most else last


def _fail(text: str, position: int, message: str) -> NoReturn:
    """Raise the error with the place shown, a line of the filter and a caret below it."""
    begin = text.rfind("\n", 0, position) + 1
    line, column = text[begin:].split("\n", 1)[0], position - begin
    before = f"line {text.count(chr(10), 0, begin) + 1}, " if "\n" in text.strip() else ""
    left = max(0, min(column - _WINDOW // 2, len(line) - _WINDOW))
    shown = "".join(char if char.isprintable() else "?" for char in line[left : left + _WINDOW])
    raise _usage(f"the filter, {before}column {column + 1}: {clean(message)}\n  {shown}\n  {' ' * (column - left)}^")


def _usage(message: str) -> UsageError:
    return UsageError(message, hint="gtrack ls --help")
