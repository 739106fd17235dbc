"""The filter language: which runs are meant, as a tree that can be evaluated here or compiled.

It is MLflow's (https://mlflow.org/docs/latest/ml/search/search-runs) and more: OR, NOT and parentheses, IN, BETWEEN,
REGEXP and IS NULL on every field, nested params, aggregates of metrics, dates, ages and durations, and the commits
that descend from a revision.

A comparison with a field that a run does not have is neither true nor false, as in SQL, and neither is its negation:
``params.lr != 1`` and ``NOT params.lr = 1`` find no run without ``params.lr``; ``params.lr IS NULL`` does. So it is
with what has no order: ``params.lr > 1`` where lr is ``"auto"``, and NaN, which only ``= nan`` and ``!=`` can see.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gtrack.errors import GtrackError
from gtrack.index.fields import Field, Value
from gtrack.index.like import like
from gtrack.index.literals import Ago, Literal, Moment, Prefix, literal_text
from gtrack.index.values import equal, order, text_of
from gtrack.model.state import RunState

__all__ = [
    "Ago",
    "And",
    "Between",
    "Compare",
    "DescendsFrom",
    "Field",
    "Filter",
    "In",
    "IsNull",
    "Like",
    "Literal",
    "Moment",
    "Not",
    "Or",
    "Predicate",
    "Prefix",
    "Regexp",
    "bind_lineage",
    "fields",
    "parse",
    "walk",
]


def parse(text: str) -> Filter:
    """Read a filter.

    Args:
        text: The filter, at most 10,000 characters.

    Raises:
        UsageError: It is not one; the message shows where, what was expected, and near misses of a name.

    Example:
        >>> str(parse("metrics.val_auc > 0.88 and param.depth in (6, 8)"))
        'metrics.val_auc > 0.88 AND params.depth IN (6, 8)'
    """
    from gtrack.index.grammar import parse_filter

    return parse_filter(text)


def fields(tree: Filter) -> set[Field]:
    """Return every field that a filter asks for."""
    return {node.field for node in walk(tree) if isinstance(node, Predicate)}


def bind_lineage(tree: Filter, lineage: Callable[[str], frozenset[str]]) -> Filter:
    """Return a filter that knows which commits descend from the revisions it names.

    Args:
        tree: The filter.
        lineage: The commits that are a revision or descend from it; asked once for each revision, if any.

    Returns:
        The same filter where it names no revision, or knows all commits already.
    """
    unknown = {node.revision for node in walk(tree) if isinstance(node, DescendsFrom) and node.commits is None}
    return _bound(tree, {revision: lineage(revision) for revision in sorted(unknown)}) if unknown else tree


def _bound(node: Filter, known: Mapping[str, frozenset[str]]) -> Filter:
    if isinstance(node, And | Or):
        return type(node)(tuple(_bound(part, known) for part in node.parts))
    if isinstance(node, Not):
        return Not(_bound(node.part, known))
    if isinstance(node, DescendsFrom) and node.commits is None:
        return DescendsFrom(node.revision, known[node.revision])
    return node


def walk(tree: Filter) -> Iterator[Filter]:
    """Yield a filter and all that it is made of."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children)


class Filter(ABC):
    """A condition on runs. ``str`` gives its canonical text, which parses to an equal tree."""

    __slots__ = ()

    @property
    def children(self) -> tuple[Filter, ...]:
        """The conditions that this one combines."""
        return ()

    @abstractmethod
    def truth(self, run: RunState, *, now_us: int) -> bool | None:
        """Return whether the condition holds of a run; None where it can be neither said nor denied.

        Args:
            run: The run.
            now_us: The present, in microseconds since the epoch: ages count from it.
        """

    def matches(self, run: RunState, *, now_us: int) -> bool:
        """Tell whether the condition holds of a run.

        Args:
            run: The run.
            now_us: The present, in microseconds since the epoch: ages count from it.
        """
        return self.truth(run, now_us=now_us) is True


@dataclass(frozen=True, slots=True)
class And(Filter):
    """All of several conditions."""

    parts: tuple[Filter, ...]

    @property
    def children(self) -> tuple[Filter, ...]:
        """The conditions."""
        return self.parts

    def truth(self, run: RunState, *, now_us: int) -> bool | None:
        """Return False when one is false, else None when one is unknown."""
        return _all(part.truth(run, now_us=now_us) for part in self.parts)

    def __str__(self) -> str:
        return " AND ".join(f"({part})" if isinstance(part, And | Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or(Filter):
    """Any of several conditions."""

    parts: tuple[Filter, ...]

    @property
    def children(self) -> tuple[Filter, ...]:
        """The conditions."""
        return self.parts

    def truth(self, run: RunState, *, now_us: int) -> bool | None:
        """Return True when one is true, else None when one is unknown."""
        return _any(part.truth(run, now_us=now_us) for part in self.parts)

    def __str__(self) -> str:
        return " OR ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not(Filter):
    """The opposite of a condition; of an unknown one, unknown."""

    part: Filter

    @property
    def children(self) -> tuple[Filter, ...]:
        """The condition."""
        return (self.part,)

    def truth(self, run: RunState, *, now_us: int) -> bool | None:
        """Return the opposite, None for None."""
        found = self.part.truth(run, now_us=now_us)
        return None if found is None else not found

    def __str__(self) -> str:
        if isinstance(self.part, And | Or):
            return f"NOT ({self.part})"
        if isinstance(self.part, Predicate) and not isinstance(self.part, Compare):
            return self.part.text(negated=True)
        return f"NOT {self.part}"


@dataclass(frozen=True, slots=True)
class Predicate(Filter):
    """A condition on one field. It holds when it holds of one of the field's values, and only datasets have several."""

    field: Field

    def truth(self, run: RunState, *, now_us: int) -> bool | None:
        """Return the truth of it for the run's values; None when there are none."""
        values = self.field.values(run)
        return _any(self.test(value, now_us=now_us) for value in values) if values else None

    @abstractmethod
    def test(self, value: Value, *, now_us: int) -> bool | None:
        """Return whether it holds of one value; None when that can be neither said nor denied."""

    @abstractmethod
    def text(self, *, negated: bool = False) -> str:
        """Return the canonical text, or that of the opposite."""

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True, slots=True)
class Compare(Predicate):
    """A field beside a literal: ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``."""

    operator: str
    value: Literal

    def test(self, value: Value, *, now_us: int) -> bool | None:
        """Compare one value."""
        if self.operator in ("=", "!="):
            return equal(value, self.value, now_us=now_us) == (self.operator == "=")
        sign = order(value, self.value, now_us=now_us)
        if sign is None:
            return None
        return {"<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}[self.operator]

    def text(self, *, negated: bool = False) -> str:
        """Return ``field operator literal``."""
        return f"{'NOT ' if negated else ''}{self.field} {self.operator} {literal_text(self.value)}"


@dataclass(frozen=True, slots=True)
class In(Predicate):
    """A field that equals one of several literals."""

    items: tuple[Literal, ...]

    def test(self, value: Value, *, now_us: int) -> bool | None:
        """Compare one value with each."""
        return any(equal(value, item, now_us=now_us) for item in self.items)

    def text(self, *, negated: bool = False) -> str:
        """Return ``field [NOT] IN (literal, ...)``."""
        return f"{self.field}{_not(negated)} IN ({', '.join(map(literal_text, self.items))})"


@dataclass(frozen=True, slots=True)
class Between(Predicate):
    """A field from one literal to another, both included."""

    low: Literal
    high: Literal

    def test(self, value: Value, *, now_us: int) -> bool | None:
        """Compare one value with both."""
        low, high = (order(value, end, now_us=now_us) for end in (self.low, self.high))
        return _all((None if low is None else low >= 0, None if high is None else high <= 0))

    def text(self, *, negated: bool = False) -> str:
        """Return ``field [NOT] BETWEEN literal AND literal``."""
        return f"{self.field}{_not(negated)} BETWEEN {literal_text(self.low)} AND {literal_text(self.high)}"


@dataclass(frozen=True, slots=True)
class Like(Predicate):
    """A field whose text has the form of a pattern, where ``%`` is any text and ``_`` any character."""

    pattern: str
    ignore_case: bool = False

    def test(self, value: Value, *, now_us: int) -> bool | None:  # noqa: ARG002 - nothing here depends on now
        """Match one value's text, all of it."""
        return like(text_of(value), self.pattern, ignore_case=self.ignore_case)

    def text(self, *, negated: bool = False) -> str:
        """Return ``field [NOT] LIKE literal``, or ILIKE."""
        return f"{self.field}{_not(negated)} {'ILIKE' if self.ignore_case else 'LIKE'} {literal_text(self.pattern)}"


@dataclass(frozen=True, slots=True)
class Regexp(Predicate):
    """A field in whose text a regular expression is found; a text of over 4,096 characters is not searched."""

    pattern: str

    def test(self, value: Value, *, now_us: int) -> bool | None:  # noqa: ARG002 - nothing here depends on now
        """Search one value's text."""
        from gtrack.index.regexp import compile_regexp

        return compile_regexp(self.pattern).search(text_of(value))

    def text(self, *, negated: bool = False) -> str:
        """Return ``field [NOT] REGEXP literal``."""
        return f"{self.field}{_not(negated)} REGEXP {literal_text(self.pattern)}"


@dataclass(frozen=True, slots=True)
class IsNull(Predicate):
    """A field that a run does not have, or has as null. Never unknown."""

    def truth(self, run: RunState, *, now_us: int) -> bool:  # noqa: ARG002 - nothing here depends on now
        """Tell whether there is no value."""
        return not self.field.values(run)

    def test(self, value: Value, *, now_us: int) -> bool:  # noqa: ARG002 - nothing here depends on now
        """Return False: what there is is not null."""
        return False

    def text(self, *, negated: bool = False) -> str:
        """Return ``field IS [NOT] NULL``."""
        return f"{self.field} IS{_not(negated)} NULL"


_COMMIT = Field("attributes", "commit")


@dataclass(frozen=True, slots=True)
class DescendsFrom(Filter):
    """A run of a commit that is a revision, or descends from it; unknown of a run without a commit.

    Attributes:
        revision: The revision, as git names it.
        commits: The commits that are meant, once :func:`bind_lineage` has asked git.
    """

    revision: str
    commits: frozenset[str] | None = None

    def truth(self, run: RunState, *, now_us: int) -> bool | None:  # noqa: ARG002 - nothing here depends on now
        """Tell whether the run's commit is one of them.

        Raises:
            GtrackError: The filter does not know the commits: a bug of its caller.
        """
        if self.commits is None:
            raise GtrackError(f"{self} was not bound to a repository")
        found = _COMMIT.values(run)
        return found[0] in self.commits if found and isinstance(found[0], str) else None

    def __str__(self) -> str:
        return f"descends_from({literal_text(self.revision)})"


def _not(negated: bool) -> str:
    return " NOT" if negated else ""


def _all(truths: Iterable[bool | None]) -> bool | None:
    unknown = False
    for truth in truths:
        if truth is False:
            return False
        unknown = unknown or truth is None
    return None if unknown else True


def _any(truths: Iterable[bool | None]) -> bool | None:
    found = _all(None if truth is None else not truth for truth in truths)
    return None if found is None else not found
