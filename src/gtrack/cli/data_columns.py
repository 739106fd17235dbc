"""The columns of CSV for what has a name for all of its numbers already."""

from __future__ import annotations

from typing import Protocol, TypeVar

from gtrack.cli.output import Column
from gtrack.cli.table import Heading

__all__ = ["Data", "data_column"]


class Data(Protocol):
    """What can be shown as a map."""

    def to_dict(self) -> dict[str, object]:
        """Return the map."""


D = TypeVar("D", bound=Data)


def data_column(name: str, part: str | None = None) -> Column[D]:
    """Return the column of an entry of ``to_dict()``, or of a part of an entry that is a map, as ``left.mean``.

    Args:
        name: The entry; one that is not there is an empty cell.
        part: The part.
    """

    def value(record: D) -> object:
        found = record.to_dict().get(name)
        return found if part is None else found.get(part) if isinstance(found, dict) else None

    title = name if part is None else f"{name}.{part}"
    return Column(title, Heading(title), value)
