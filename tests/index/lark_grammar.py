"""The filter language as a grammar for lark's LALR parser: another reading of it, to hold ours against."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from gtrack.index.fields import AGGREGATES, Field, Type, parse_field
from gtrack.index.filter import And, Between, Compare, Filter, In, IsNull, Like, Not, Or, Regexp
from gtrack.index.literals import Literal, read_literal
from gtrack.index.regexp import compile_regexp

MAX_TEXT = 10_000
MAX_DEPTH = 50
MAX_ITEMS = 1_000
MAX_PATTERN = 1_000

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

_FLIPPED = {"==": "=", "<>": "!="}


def parse(text: str) -> Filter:
    """Read a filter.

    Raises:
        ValueError: It is not one.
    """
    if len(text) > MAX_TEXT or "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("no filter")
    try:
        tree = parser().parse(text)
    except UnexpectedInput as error:
        raise ValueError("no filter") from error
    if depth(tree) > MAX_DEPTH:
        raise ValueError("too deep")
    return tree


@lru_cache(maxsize=1)
def parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="contextual", transformer=Builder())


def depth(tree: Filter) -> int:
    deepest, level = 0, [tree]
    while level:
        deepest, level = deepest + 1, [child for node in level for child in node.children]
    return deepest


class Builder(Transformer[Token, Filter]):
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
        return parse_field(str(children[0]))

    def aggregate(self, children: list[Token]) -> Field:
        name, inner = children
        if name.lower() not in AGGREGATES:
            raise ValueError(f"unknown function {name:.60}; there are {', '.join(AGGREGATES)}")
        field = parse_field(str(inner))
        if field.scope != "metrics":
            raise ValueError(f"{name.lower()}() is of a metric: {name.lower()}(metrics.loss)")
        return Field(field.scope, field.key, name.lower())

    def compare(self, children: list[Any]) -> Filter:
        field, operator, token = children
        sign = _FLIPPED.get(operator, str(operator))
        if token.type == "BARE" and token.lower() in ("null", "none"):
            if sign not in ("=", "!="):
                raise ValueError(f"nothing is {sign} null: use {field} IS NULL or IS NOT NULL")
            return IsNull(field) if sign == "=" else Not(IsNull(field))
        value = _literal(field, token)
        if sign not in ("=", "!=") and isinstance(value, bool):
            raise ValueError("true and false have no order: use = or !=")
        return Compare(field, sign, value)

    def within(self, children: list[Any]) -> Filter:
        field, negation, _, *tokens = children
        if len(tokens) > MAX_ITEMS:
            raise ValueError(f"the list has {len(tokens):,} items; {MAX_ITEMS:,} is the most")
        return _maybe(negation, In(field, tuple(_literal(field, token) for token in tokens)))

    def between(self, children: list[Any]) -> Filter:
        field, negation, _, *tokens = children
        low, high = (_literal(field, token) for token in tokens)
        if isinstance(low, bool) or isinstance(high, bool):
            raise ValueError("true and false have no order: use = or !=")
        return _maybe(negation, Between(field, low, high))

    def pattern(self, children: list[Any]) -> Filter:
        field, negation, keyword, token = children
        if field.type not in (Type.ANY, Type.TEXT, Type.WORD, Type.HASH):
            raise ValueError(f"{field} is {field.type.value}, not text: compare it with = < > or BETWEEN")
        if token.type != "STRING":
            raise ValueError("expected a pattern in quotes")
        text = _unquoted(token)
        if keyword.lower() in ("like", "ilike"):
            return _maybe(negation, _like(field, keyword, token, text))
        compile_regexp(text)
        return _maybe(negation or (keyword if keyword == "!=~" else None), Regexp(field, text))

    def null(self, children: list[Any]) -> Filter:
        field, _, negation, _ = children
        return _maybe(negation, IsNull(field))


def _like(field: Field, keyword: Token, token: Token, pattern: str) -> Like:
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"the pattern has {len(pattern):,} characters; {MAX_PATTERN:,} is the most")
    return Like(field, pattern.lower() if field.type is Type.WORD else pattern, keyword.lower() == "ilike")


def _maybe(negation: Token | None, node: Filter) -> Filter:
    return node if negation is None else Not(node)


def _literal(field: Field, token: Token) -> Literal:
    quoted = token.type == "STRING"
    if not quoted and token.lower() in ("null", "none"):
        raise ValueError(f"null is no value: use {field} IS NULL")
    return read_literal(field.type, _unquoted(token) if quoted else str(token), quoted=quoted)


def _unquoted(token: Token) -> str:
    return token[1:-1].replace(token[0] * 2, token[0])
