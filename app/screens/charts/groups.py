"""The group that each run is a member of, by a field or by its configuration."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack._app.safe import cell
from gtrack.display.words import value_text
from gtrack.errors import UsageError
from gtrack.index.configuration import configuration, is_seed
from gtrack.index.fields import read_field
from gtrack.model.nested import flatten
from gtrack.model.state import RunState

__all__ = ["CONFIGURATION", "group_names"]

CONFIGURATION = "configuration"
_LONGEST = 60
_MOST_PARAMS = 4


def group_names(states: Sequence[RunState], by: str) -> list[str]:
    """Return the name of each run's group.

    Args:
        states: The runs.
        by: A field as in a filter, or ``configuration``: all params but seeds, code and program.

    Raises:
        UsageError: There is no such field.

    Example:
        >>> group_names(found, "params.lr")
        ['lr=0.1', 'lr=0.01', 'no lr']
    """
    if by == CONFIGURATION:
        return _configurations(states)
    try:
        field = read_field(by)
    except ValueError as error:
        raise UsageError(f"cannot group: {error}") from None
    of = field.key if field.aggregate == "last" else f"{field.aggregate} {field.key}"
    values = [field.values(state) for state in states]
    return [cell(f"{of}={', '.join(map(value_text, found))}" if found else f"no {of}", _LONGEST) for found in values]


def _configurations(states: Sequence[RunState]) -> list[str]:
    """Return what tells each configuration from the others: the params that differ, and a number where none do."""
    marks = [configuration(state) for state in states]
    params = [{key: value_text(value) for key, value in flatten(state.params) if not is_seed(key)} for state in states]
    first = {mark: number for number, mark in reversed(list(enumerate(marks)))}
    every = sorted({key for number in first.values() for key in params[number]})
    differing = [key for key in every if len({params[number].get(key) for number in first.values()}) > 1]
    names: dict[bytes, str] = {}
    taken: set[str] = set()
    for mark, number in sorted(first.items(), key=lambda item: item[1]):
        own = params[number]
        said = ", ".join(f"{key}={own[key]}" for key in differing[:_MOST_PARAMS] if key in own)
        name = plain = cell(said or states[number].name, _LONGEST)
        repeat = 2
        while name in taken:
            name, repeat = f"{plain} ({repeat})", repeat + 1
        taken.add(name)
        names[mark] = name
    return [names[mark] for mark in marks]
