"""The values that runs have in a field, to be offered while a filter is typed."""

from __future__ import annotations

from collections import Counter

from gtrack._app.reading import Reading, reading
from gtrack.errors import GtrackError
from gtrack.index.fields import Field, Type, Value, read_field
from gtrack.index.literals import literal_text
from gtrack.index.query import Query
from gtrack.index.sql import TABLES
from gtrack.reader import Repo

__all__ = ["MOST", "known_values", "values_of"]

MOST = 20
"""So many values are offered of a field."""
_LONGEST = 200


def known_values(name: str) -> list[str]:
    """Return the values of a field that the most runs have, as they are written in a filter.

    Args:
        name: The field; one that there is not, and one of times or measures, has none.

    Example:
        >>> known_values("params.optimizer")
        ["'adam'", "'sgd'"]
    """
    try:
        with reading() as now:
            return values_of(now, name)
    except GtrackError:
        return []  # what is wrong with the repository is said by the page


def values_of(now: Reading, name: str) -> list[str]:
    """Return the same of a repository that is open."""
    try:
        field = read_field(name)
        return now.kept("values", str(field), lambda: _values(now.repo, field))
    except (GtrackError, ValueError):
        return []  # a name that nobody can have


def _values(repo: Repo, field: Field) -> list[str]:
    if field.type is Type.TRUTH:
        return ["true", "false"]
    statement = _statement(field)
    if statement is None:
        return []
    found = [value for value, _ in repo.sql(statement).rows if isinstance(value, int | float | str)]
    if any(value in (0, 1) for value in found):  # SQL knows no truth values
        return _typed(repo, field)
    return [literal_text(value) for value in found if _is_offered(value)]


def _statement(field: Field) -> str | None:
    """Return the SQL that counts a field's values; None where they are not to be offered."""
    if field.scope in ("params", "tags"):
        key = field.key.replace("'", "''")
        alive = "run_id IN (SELECT id FROM runs WHERE NOT deleted)"
        source, column, where = field.scope, "value", f"key = '{key}' AND {alive}"
    elif field.type in (Type.TEXT, Type.WORD) and field.scope == "attributes" and field.key in TABLES["runs"]:
        source, column, where = "runs", f'"{field.key}"', "NOT deleted"
    else:
        return None
    return (
        f"SELECT {column} AS one, count(*) AS runs FROM {source} WHERE {where} AND length({column}) <= {_LONGEST} "  # noqa: S608
        f"GROUP BY one ORDER BY runs DESC, one LIMIT {MOST}"
    )


def _typed(repo: Repo, field: Field) -> list[str]:
    """Return the same by going through the runs, in which truth values are no numbers."""
    count: Counter[str] = Counter()
    for *_, value in repo.facts(Query()).lines(field):
        if isinstance(value, bool | int | float | str) and _is_offered(value):
            count[literal_text(value)] += 1
    return [text for text, _ in sorted(count.items(), key=lambda item: (-item[1], item[0]))[:MOST]]


def _is_offered(value: Value) -> bool:
    """Tell whether a value can be typed into one line."""
    text = str(value)
    return text.isprintable() and 0 < len(text) <= _LONGEST
