"""From a question about runs to one SQL statement over the index. Every value and every key is a parameter.

The filter language has three truths, and so has SQL; but a whole filter only wants the runs of which it is *true*.
So negations go down to the conditions, and each condition becomes a set of runs: those of which it is true, or those
of which it is false. ``r.run IN (SELECT run FROM metric WHERE key = ? AND last > ?)`` reads the values of one key side
by side, and nothing of the other runs.

Where SQL and Python would disagree about a value (text that writes a number, truth values, integers beyond 64 bits),
and for patterns, SQL calls the condition itself: ``test(7, value)``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gtrack.errors import GtrackError
from gtrack.index.columns import Column
from gtrack.index.fields import Field
from gtrack.index.filter import (
    And,
    Between,
    Compare,
    DescendsFrom,
    Filter,
    In,
    IsNull,
    Like,
    Literal,
    Not,
    Or,
    Predicate,
)
from gtrack.index.joins import Joins, Keys, attribute, numbers_of, summary
from gtrack.index.literals import Ago, Moment, Prefix, number_of
from gtrack.index.query import Order, Query
from gtrack.index.rows import Stored, encode

__all__ = ["Statement", "compile_about", "compile_columns", "compile_query"]

_WHOLE = 1 << 63
_MOST_STARS = 3  # GLOB tries every way to divide a text among its stars
_NEVER, _ALWAYS = "FALSE", "TRUE"


@dataclass(slots=True)
class Statement:
    """A statement, what it is given, and the conditions that it calls.

    Attributes:
        sql: The text.
        given: Its parameters, in order.
        tests: The conditions that it calls by number.
    """

    sql: str = ""
    given: list[Stored] = field(default_factory=list)
    tests: list[Predicate] = field(default_factory=list)


def compile_query(query: Query, keys: Keys, *, now_us: int, without: Sequence[str] = ()) -> Statement:
    """Compile a question.

    The statement yields the numbers of the runs in order, each with the number of all that match.

    Args:
        query: The question.
        keys: Looks up keys.
        now_us: The present, in microseconds since the epoch.
        without: Ids of runs to leave out.
    """
    out = _Compiler(keys, now_us)
    where = out.matches(query, without)
    joins, order = out.order(query.order)
    limit = "" if query.limit is None else f" LIMIT {min(query.limit, _WHOLE - 1):d} OFFSET {query.offset:d}"
    if query.is_of_all and not query.order:
        # What is counted and what is walked is one index: nothing need be gathered.
        total = f"SELECT count(*) FROM run r WHERE {where}"  # noqa: S608  # all values are parameters
        sql = f"SELECT r.run, ({total}) FROM run r WHERE {where} ORDER BY r.sorted DESC, r.id DESC{limit}"  # noqa: S608
        return Statement(sql, out.given, out.tests)
    hit = f"hit AS MATERIALIZED (SELECT r.run AS run, r.sorted AS sorted, r.id AS id FROM run r WHERE {where})"  # noqa: S608
    rows = f"SELECT h.run, (SELECT count(*) FROM hit) FROM hit h{joins.sql}"  # noqa: S608
    sql = f"WITH {hit}{joins.tables} {rows} ORDER BY {order}h.sorted DESC, h.id DESC{limit}"
    return Statement(sql, out.given, out.tests)


def compile_about(query: Query, about: str, keys: Keys, *, now_us: int, without: Sequence[str] = ()) -> Statement:
    """Compile what is to be known of all runs that match, taken together.

    Args:
        query: Which runs; order and limit do not matter.
        about: A statement of ours, with ``{where}`` for what holds of these runs in ``run r``.
        keys: Looks up keys.
        now_us: The present, in microseconds since the epoch.
        without: Ids of runs to leave out.
    """
    out = _Compiler(keys, now_us)
    return Statement(about.format(where=f"({out.matches(query, without)})"), out.given, out.tests)


def compile_columns(
    query: Query, columns: Sequence[Column], keys: Keys, *, now_us: int, without: Sequence[str] = ()
) -> Statement:
    """Compile what is asked of all runs that match.

    The statement yields what a run is sorted by, its id, and its cells, for every run, in any order.

    Args:
        query: Which runs; order and limit do not matter.
        columns: What is asked of them.
        keys: Looks up keys.
        now_us: The present, in microseconds since the epoch.
        without: Ids of runs to leave out.
    """
    out = _Compiler(keys, now_us)
    where = out.matches(query, without)
    joins = Joins(keys, out.give)
    cells = "".join(f", {joins.cell(column)}" for column in columns)
    tables = f"WITH {joins.tables[2:]} " if joins.tables else ""
    # In the order in which rows lie in the file, whichever index would do: those of the joined tables do so likewise.
    sql = f"{tables}SELECT r.sorted, r.id{cells} FROM run r{joins.sql} WHERE {where} ORDER BY r.run"  # noqa: S608  # all values are parameters
    return Statement(sql, out.given, out.tests)


class _Compiler:
    """Gathers the parameters of one statement, in the order in which its text names them.

    Args:
        keys: Looks up keys.
        now_us: The present.
    """

    def __init__(self, keys: Keys, now_us: int) -> None:
        self.keys = keys
        self.now_us = now_us
        self.given: list[Stored] = []
        self.tests: list[Predicate] = []

    def give(self, value: Stored) -> str:
        """Add a parameter, and return its place in the text."""
        self.given.append(value)
        return f"?{len(self.given)}"

    def condition(self, node: Filter, *, wanted: bool) -> str:
        """Return the SQL that holds of the runs of which a filter is true, or false."""
        match node:
            case Not():
                return self.condition(node.part, wanted=not wanted)
            case And() | Or():
                parts = [self.condition(part, wanted=wanted) for part in node.parts]
                return "(" + (" AND " if isinstance(node, And) == wanted else " OR ").join(parts) + ")"
            case DescendsFrom():
                return self._descends(node, wanted=wanted)
            case IsNull():
                return self._has(node.field, wanted=not wanted)
            case Predicate():
                return self._predicate(node, wanted=wanted)
        raise TypeError(f"{type(node).__name__} cannot be compiled")

    def _descends(self, node: DescendsFrom, *, wanted: bool) -> str:
        if node.commits is None:
            raise GtrackError(f"{node} was not bound to a repository")
        among = f"(SELECT value FROM json_each({self.give(json.dumps(sorted(node.commits)))}))"  # noqa: S608
        known = """(typeof(r."commit") = 'text' OR substr(r."commit", 1, 1) = x'73')"""  # or text that is a blob
        return f'({known} AND r."commit" {"" if wanted else "NOT "}IN {among})'

    def matches(self, query: Query, without: Sequence[str]) -> str:
        """Return the SQL that holds of the runs that a question asks for."""
        conditions = []
        if query.deleted is not None:
            conditions.append(f"r.deleted = {self.give(encode(query.deleted))}")
        for column, wanted in (("experiment", query.experiments), ("status", query.statuses)):
            if wanted:
                conditions.append(f"r.{column} IN ({', '.join(self.give(encode(text)) for text in wanted)})")
        if without:
            conditions.append(f"r.id NOT IN ({', '.join(map(self.give, without))})")
        if query.where is not None:
            conditions.append(self.condition(query.where, wanted=True))
        return " AND ".join(conditions) or _ALWAYS

    def order(self, orders: Sequence[Order]) -> tuple[Joins, str]:
        """Return the joins and the terms that sort what was matched: numbers, then text, then what has no value."""
        joins, terms = Joins(self.keys, self.give, "h.run"), ""
        if any(by.field.scope in ("attributes", "environment") for by in orders):
            joins.sql = " JOIN run r ON r.run = h.run"
        for by in orders:
            value = joins.value(by.field)
            way = "DESC" if by.descending else "ASC"
            if by.field.scope == "metrics":
                terms += f"{value} IS NULL, {value} {way}, "
            else:
                kind = _case(value, integer="0", real="0", other=f"place({value})")
                figure = _case(value, integer=value, real=value, other=f"number({value})")
                letters = _case(value, integer="NULL", real="NULL", other=f"letters({value})")
                terms += f"{kind} IS NULL, {kind}, {figure} {way}, {letters} {way}, "
        return joins, terms

    def _has(self, asked: Field, *, wanted: bool) -> str:
        """Return the SQL that holds of the runs that have a field, or of those that have not."""
        if asked.scope == "attributes":
            return f"{attribute(asked, 'r')} IS {'NOT ' if wanted else ''}NULL"
        found = self._runs(asked)
        if found is None:
            return _NEVER if wanted else _ALWAYS
        runs, value = found
        known = _ALWAYS if _is_bare_metric(asked) else f"{value} IS NOT NULL"
        return f"r.run {'' if wanted else 'NOT '}IN ({runs(known)})"

    def _predicate(self, node: Predicate, *, wanted: bool) -> str:
        """Return the SQL that holds of the runs of which a condition on one field is true, or false."""
        asked = node.field
        if asked.scope == "attributes":
            return self._truth(node, attribute(asked, "r"), wanted=wanted)
        found = self._runs(asked)
        if found is None:
            return _NEVER
        runs, value = found
        truth = self._truth(node, value, wanted=wanted)
        if asked.scope == "datasets" and not wanted:
            # It is false of several when it is false of each: then nothing is true or unknown.
            known = f"{value} IS NOT NULL"
            other = runs(f"{known} AND NOT coalesce({truth}, FALSE)")
            return f"(r.run IN ({runs(known)}) AND r.run NOT IN ({other}))"
        return f"r.run IN ({runs(truth)})"

    def _runs(self, asked: Field) -> tuple[Callable[[str], str], str] | None:
        """Return what makes a condition on a field's value the SELECT of its runs, and the SQL of that value.

        None when no run has the field.
        """
        if asked.scope == "datasets":
            return lambda condition: f"SELECT run FROM dataset WHERE {condition}", f'"{asked.key}"'  # noqa: S608
        if asked.scope == "environment":
            inner = "SELECT environment FROM environment WHERE "
            value = f"lookup(body, {self.give(asked.key)})"
            return lambda condition: f"SELECT run FROM run WHERE environment IN ({inner}{condition})", value  # noqa: S608
        keys = numbers_of(asked, self.keys)
        if not keys:
            return None
        metric = asked.scope == "metrics"
        rows = f"SELECT run FROM {'metric' if metric else 'value'} WHERE key IN ({', '.join(map(str, keys))}) AND "  # noqa: S608
        return lambda condition: rows + condition, summary(asked, "metric") if metric else "value.value"

    def _truth(self, node: Predicate, value: str, *, wanted: bool) -> str:
        """Return the SQL of a condition on one value, or of its opposite; null where it is unknown."""
        truth = self._metric(node, value) if node.field.scope == "metrics" else self._value(node, value)
        return truth if wanted else f"NOT ({truth})"

    def _metric(self, node: Predicate, value: str) -> str:
        """The same of a metric: a number, or null. A bare metric's null is NaN, that of any other is nothing."""
        bare = _is_bare_metric(node.field)
        match node:
            case Compare(operator="=" | "!=") if _plain(node.value):
                same = self._maybe_nan(f"{value} = {self._number(node.value)}", bare)
                return same if node.operator == "=" else f"NOT ({same})"
            case Compare() if _plain(node.value):
                return f"{value} {node.operator} {self._number(node.value)}"
            case Between() if _plain(node.low) and _plain(node.high):
                return f"({value} BETWEEN {self._number(node.low)} AND {self._number(node.high)})"
            case In() if all(map(_plain, node.items)):
                return self._maybe_nan(f"{value} IN ({', '.join(map(self._number, node.items))})", bare)
        return self._test(node, f"coalesce({value}, {self.give(encode(math.nan))})" if bare else value)

    @staticmethod
    def _maybe_nan(same: str, bare: bool) -> str:
        return f"coalesce({same}, FALSE)" if bare else same

    def _value(self, node: Predicate, value: str) -> str:  # noqa: PLR0911  # one for each kind
        """The same of a value of any type."""
        match node:
            case Compare(operator="="):
                return self._equal(node.field, node.value, value)
            case Compare(operator="!="):
                return f"NOT ({self._equal(node.field, node.value, value)})"
            case Compare():
                return self._ordered(node.field, node.operator, node.value, value)
            case Between():
                low = self._ordered(node.field, ">=", node.low, value)
                return f"({low} AND {self._ordered(node.field, '<=', node.high, value)})"
            case In():
                return self._among(node, value)
            case Like(ignore_case=False) if node.pattern.count("%") <= _MOST_STARS:
                return _case(
                    value, text=f"{value} GLOB {self.give(_glob(node.pattern))}", other=self._test(node, value)
                )
        return self._test(node, value)

    def _equal(self, asked: Field, literal: Literal, value: str) -> str:
        test = self._test(Compare(asked, "=", literal), value)
        match literal:
            case Ago() | Moment():
                start, length = self._span(literal)
                inside = f"({value} >= {self.give(start)} AND {value} < {self.give(start + length)})"
                return _case(value, integer=inside, null="NULL", other=_NEVER)
            case Prefix():
                begins = f"substr({value}, 1, {len(literal.hex)}) = {self.give(literal.hex)}"
                return _case(value, text=begins, null="NULL", blob=test, other=_NEVER)
            case bool():
                return _case(value, integer=_NEVER, real=_NEVER, other=test)
            case str():
                number = number_of(literal)
                same = f"{value} = {self._number(number)}" if _plain(number) else _NEVER if number is None else test
                return _case(value, text=f"{value} = {self.give(literal)}", blob=test, null="NULL", other=same)
        if not _plain(literal):
            return test
        same = f"{value} = {self._number(literal)}"
        return _case(value, integer=same, real=same, other=test)

    def _ordered(self, asked: Field, operator: str, literal: Literal, value: str) -> str:
        test = self._test(Compare(asked, operator, literal), value)
        match literal:
            case Ago() | Moment():
                start, length = self._span(literal)
                # As long as it is written: a day lies neither before nor after itself.
                bound = start + length if operator in ("<=", ">") else start
                sign = "<" if operator in ("<", "<=") else ">="
                return _case(value, integer=f"{value} {sign} {self.give(bound)}", other="NULL")
            case str() | Prefix():
                text = literal.hex if isinstance(literal, Prefix) else literal
                number = number_of(text)
                order = "NULL" if number is None else test
                if _plain(number):
                    order = f"{value} {operator} {self._number(number)}"
                return _case(value, text=f"{value} {operator} {self.give(text)}", blob=test, other=order)
        if isinstance(literal, bool) or not _plain(literal):
            return test
        order = f"{value} {operator} {self._number(literal)}"
        return _case(value, integer=order, real=order, other=test)

    def _among(self, node: In, value: str) -> str:
        test = self._test(node, value)
        texts = [item for item in node.items if isinstance(item, str)]
        numbers = [number_of(item) for item in node.items]
        if not all(isinstance(item, str) or _plain(item) for item in node.items):
            return test
        if not all(number is None or _plain(number) for number in numbers):
            return test
        figures = [number for number in numbers if number is not None]
        text = f"{value} IN ({', '.join(map(self.give, texts))})" if len(texts) == len(node.items) else test
        same = f"{value} IN ({', '.join(map(self._number, figures))})" if figures else _NEVER
        return _case(value, text=text, blob=test, null="NULL", other=same)

    def _test(self, node: Predicate, value: str) -> str:
        """Return the call of a condition on a value."""
        self.tests.append(node)
        return f"test({len(self.tests) - 1}, {value})"

    def _span(self, literal: Ago | Moment) -> tuple[int, int]:
        """Return the first microsecond of a time, and how many it has."""
        return (self.now_us - literal.us, 1) if isinstance(literal, Ago) else (literal.start, literal.length)

    def _number(self, literal: object) -> str:
        assert isinstance(literal, int | float)
        return self.give(literal)


def _plain(literal: object) -> bool:
    """Tell whether SQLite compares a number as Python does."""
    if isinstance(literal, bool) or not isinstance(literal, int | float):
        return False
    return not math.isnan(literal) if isinstance(literal, float) else -_WHOLE <= literal < _WHOLE


def _case(value: str, *, other: str, **kinds: str) -> str:
    """Return what holds for a value by its type in SQLite."""
    whens = " ".join(f"WHEN '{kind}' THEN {sql}" for kind, sql in kinds.items())
    return f"CASE typeof({value}) {whens} ELSE {other} END"


def _is_bare_metric(asked: Field) -> bool:
    return asked.scope == "metrics" and asked.aggregate == "last"


def _glob(pattern: str) -> str:
    """Return the pattern of GLOB that means the same as one of LIKE."""
    return "".join({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}.get(char, char) for char in pattern)
