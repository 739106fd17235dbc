r"""From a filter's text to its tree, in one pass that does not recurse, and errors that show the place.

::

    filter:    both (OR both)*
    both:      opposite (AND opposite)*
    opposite:  NOT opposite | "(" filter ")" | condition
    condition: operand ("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") value
             | operand [NOT] IN "(" value ("," value)* ")"
             | operand [NOT] BETWEEN value AND value
             | operand [NOT] (LIKE | ILIKE | REGEXP | RLIKE | "=~" | "!=~") value
             | operand IS [NOT] NULL
             | descends_from "(" value ")"
    operand:   field | aggregate "(" field ")"
    field:     name ("." key)*, where a name is a word, and a key is letters, digits and ``_ @ : / -``;
               both may be anything in backticks or double quotes
    value:     text in quotes, or letters, digits and ``_ . + : @ % / -``

Words such as AND are read in any case, and only where they can stand: ``params.and = 1`` is a condition. Nothing is
loaded or built beforehand: the first filter of a process takes a millisecond.
"""

from __future__ import annotations

from typing import NoReturn

from gtrack.index.caret import ProblemError, filter_error, usage
from gtrack.index.fields import AGGREGATES, Field, Type, key_offset, parse_field
from gtrack.index.filter import And, Between, Compare, DescendsFrom, Filter, In, IsNull, Like, Not, Or, Regexp
from gtrack.index.literals import Literal, read_literal
from gtrack.index.tokens import FIELD, MARK, SIGN, VALUE, WORD, Token, Tokens, is_quoted, unquoted
from gtrack.text import clean

__all__ = ["MAX_DEPTH", "MAX_ITEMS", "MAX_TEXT", "Place", "parse_filter", "read_filter"]

MAX_TEXT = 10_000
"""Characters of a filter."""
MAX_DEPTH = 50
"""Conditions within conditions."""
MAX_ITEMS = 1_000
"""Literals of an IN list."""
_MAX_PATTERN = 1_000
_MAX_REVISION = 500

Place = tuple[Field, int]
"""A field that a filter asks for, and where its key begins."""
_Deep = tuple[Filter, int]

_FLIPPED = {"==": "=", "<>": "!="}
_NOTHING = ("null", "none")

_A_FIELD = "a field such as metrics.loss, params.lr or status"
_A_VALUE = "a value: a number, or text in quotes"
_AN_OPERATOR = "an operator: = != < <= > >= IN LIKE ILIKE REGEXP BETWEEN or IS NULL"


def parse_filter(text: str) -> Filter:
    """Read a filter; see :func:`gtrack.index.filter.parse`.

    Raises:
        UsageError: It is not one.
    """
    return read_filter(text)[0]


def read_filter(text: str) -> tuple[Filter, list[Place]]:
    """Read a filter, and where it names the fields that a run must have to match.

    Raises:
        UsageError: It is not one.
    """
    if len(text) > MAX_TEXT:
        raise usage(f"the filter has {len(text):,} characters; {MAX_TEXT:,} is the most")
    if not text.strip():
        raise usage("the filter is empty")
    try:
        bad = next((at for at, char in enumerate(text) if char == "\0" or "\ud800" <= char <= "\udfff"), None)
        if bad is not None:
            raise ProblemError(bad, f"{clean(text[bad])} is not text")
        reader = _Reader(text)
        return reader.filter(), reader.places
    except ProblemError as problem:
        raise filter_error(text, problem) from None


class _Group:
    """What was read since a parenthesis opened: alternatives, and the conditions of the one that is being read."""

    __slots__ = ("both", "either", "negations", "start")

    def __init__(self, start: int, negations: int = 0) -> None:
        self.start = start
        self.negations = negations
        self.either: list[_Deep] = []
        self.both: list[_Deep] = []

    def add(self, condition: _Deep, negations: int) -> None:
        node, depth = condition
        for _ in range(negations):
            node = Not(node)
        self.both.append((node, depth + negations))

    def end_alternative(self) -> None:
        self.either.append(_joined(And, self.both))
        self.both = []

    def close(self) -> _Deep:
        self.end_alternative()
        return _joined(Or, self.either)


def _joined(kind: type[And | Or], parts: list[_Deep]) -> _Deep:
    if len(parts) == 1:
        return parts[0]
    return kind(tuple(node for node, _ in parts)), 1 + max(depth for _, depth in parts)


class _Reader(Tokens):
    """A method for each rule of the grammar: it reads on over what the rule describes, and returns what it means."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.places: list[Place] = []

    # Conditions and what combines them.

    def filter(self) -> Filter:
        groups = [_Group(0)]
        while True:
            negations = self.negations()
            opened = self.take(MARK, "(")
            if opened:
                groups.append(_Group(opened.start(), negations))
                continue
            groups[-1].add((self.condition(), 1), negations)
            self.close(groups)
            if self.at == len(self.text):
                break
            if self.take(WORD, "or"):
                groups[-1].end_alternative()
            elif not self.take(WORD, "and"):
                self.fail("AND, OR or )" if len(groups) > 1 else "AND, OR or the end")
        if len(groups) > 1:
            raise ProblemError(groups[-1].start, "the ( that opens here is never closed")
        return self.checked(groups[0].close())[0]

    def negations(self) -> int:
        count = 0
        while self.take(WORD, "not"):
            count += 1
            if count >= MAX_DEPTH:
                self.too_deep()
        return count

    def close(self, groups: list[_Group]) -> None:
        """Read the parentheses that close here."""
        while closed := self.take(MARK, ")"):
            if len(groups) == 1:
                raise ProblemError(closed.start(), "the ) closes nothing; expected AND, OR or the end")
            group = groups.pop()
            groups[-1].add(self.checked(group.close()), group.negations)

    def checked(self, condition: _Deep) -> _Deep:
        if condition[1] > MAX_DEPTH:
            self.too_deep()
        return condition

    def too_deep(self) -> NoReturn:
        raise ProblemError(max(0, self.at - 1), f"conditions nest deeper here than {MAX_DEPTH}, which is the most")

    def condition(self) -> Filter:
        name = self.name(_A_FIELD)
        if not self.take(MARK, "("):
            return self.predicate(self.field(name))
        return self.lineage() if name[0].lower() == "descends_from" else self.predicate(self.aggregate(name))

    def predicate(self, field: Field) -> Filter:
        negated = self.take(WORD, "not") is not None
        sign = self.take(SIGN, "=~", "!=~") or (None if negated else self.take(SIGN))
        if sign and "~" not in sign[0]:
            return self.compared(field, sign)
        if not negated and self.take(WORD, "is"):
            return self.null(field)
        expected = "IN LIKE ILIKE REGEXP or BETWEEN" if negated else _AN_OPERATOR
        operator = sign or self.need(expected, WORD, "in", "between", "like", "ilike", "regexp", "rlike")
        node = self.tested(field, operator)
        return Not(node) if negated or (sign and sign[0] == "!=~") else node

    def tested(self, field: Field, operator: Token) -> Filter:
        match operator[0].lower():
            case "in":
                return In(field, self.items(field))
            case "between":
                return self.between(field, operator)
        return self.pattern(field, operator)

    # Fields and values.

    def name(self, expected: str) -> Token:
        found = self.need(expected, FIELD)
        if self.text.startswith(".", found.end()):
            self.fail("a key")
        return found

    def field(self, name: Token) -> Field:
        try:
            field = parse_field(name[0])
        except ValueError as error:
            raise ProblemError(name.start(), str(error)) from None
        self.places.append((field, name.start() + key_offset(name[0])))
        return field

    def aggregate(self, name: Token) -> Field:
        function = name[0].lower()
        if function not in AGGREGATES:
            known = ", ".join((*AGGREGATES, "descends_from"))
            raise ProblemError(name.start(), f"unknown function {name[0]:.60}; there are {known}")
        inner = self.name("a metric")
        self.need(")", MARK, ")")
        field = self.field(inner)
        if field.scope != "metrics":
            raise ProblemError(inner.start(), f"{function}() is of a metric: {function}(metrics.loss)")
        return Field(field.scope, field.key, function)

    def lineage(self) -> Filter:
        value = self.need("a revision in quotes: descends_from('v1.2')", VALUE)
        self.need(")", MARK, ")")
        if not is_quoted(value):
            raise ProblemError(value.start(), f"expected a revision in quotes: descends_from('{value[0]:.60}')")
        revision = unquoted(value)
        if not revision.strip() or len(revision) > _MAX_REVISION or not revision.isprintable():
            raise ProblemError(value.start(), "expected a revision such as 'v1.2', 'main' or the id of a commit")
        return DescendsFrom(revision)

    def compared(self, field: Field, operator: Token) -> Filter:
        value, sign = self.need(_A_VALUE, VALUE), _FLIPPED.get(operator[0], operator[0])
        if value[0].lower() in _NOTHING:
            if sign not in ("=", "!="):
                raise ProblemError(value.start(), f"nothing is {sign} null: use {field} IS NULL or IS NOT NULL")
            return self.absent(field) if sign == "=" else Not(IsNull(field))
        literal = _literal(field, value)
        if sign not in ("=", "!=") and isinstance(literal, bool):
            raise ProblemError(operator.start(), "true and false have no order: use = or !=")
        return Compare(field, sign, literal)

    def null(self, field: Field) -> Filter:
        negated = self.take(WORD, "not") is not None
        self.need("NULL" if negated else "NULL or NOT NULL", WORD, "null")
        return Not(IsNull(field)) if negated else self.absent(field)

    def absent(self, field: Field) -> Filter:
        self.places.pop()  # a run without the field is what is asked for
        return IsNull(field)

    def items(self, field: Field) -> tuple[Literal, ...]:
        self.need("( and the values: IN ('a', 'b')", MARK, "(")
        found = [_literal(field, self.need(_A_VALUE, VALUE))]
        while self.need("a comma or )", MARK, ",", ")")[0] == ",":
            if len(found) == MAX_ITEMS:
                raise ProblemError(self.at, f"the list has too many items; {MAX_ITEMS:,} is the most")
            found.append(_literal(field, self.need(_A_VALUE, VALUE)))
        return tuple(found)

    def between(self, field: Field, keyword: Token) -> Filter:
        low = _literal(field, self.need(_A_VALUE, VALUE))
        self.need("AND", WORD, "and")
        high = _literal(field, self.need(_A_VALUE, VALUE))
        if isinstance(low, bool) or isinstance(high, bool):
            raise ProblemError(keyword.start(), "true and false have no order: use = or !=")
        return Between(field, low, high)

    def pattern(self, field: Field, keyword: Token) -> Filter:
        value = self.need("a pattern in quotes", VALUE)
        if field.type not in (Type.ANY, Type.TEXT, Type.WORD, Type.HASH):
            message = f"{field} is {field.type.value}, not text: compare it with = < > or BETWEEN"
            raise ProblemError(keyword.start(), message)
        if not is_quoted(value):
            raise ProblemError(value.start(), f"expected a pattern in quotes: '{value[0]:.60}'")
        return _pattern(field, keyword[0].lower(), unquoted(value), value.start())


def _pattern(field: Field, operator: str, pattern: str, position: int) -> Filter:
    if operator in ("like", "ilike"):
        if len(pattern) > _MAX_PATTERN:
            message = f"the pattern has {len(pattern):,} characters; {_MAX_PATTERN:,} is the most"
            raise ProblemError(position, message)
        return Like(field, pattern.lower() if field.type is Type.WORD else pattern, operator == "ilike")
    from gtrack.index.regexp import compile_regexp

    try:
        compile_regexp(pattern)
    except ValueError as error:
        raise ProblemError(position, str(error)) from None
    return Regexp(field, pattern)


def _literal(field: Field, value: Token) -> Literal:
    quoted = is_quoted(value)
    if not quoted and value[0].lower() in _NOTHING:
        raise ProblemError(value.start(), f"null is no value: use {field} IS NULL")
    try:
        return read_literal(field.type, unquoted(value) if quoted else value[0], quoted=quoted)
    except ValueError as error:
        raise ProblemError(value.start(), f"{field}: {error}") from None
