"""Artifacts, and damage found in them, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtrack.cli.artifact_selection import Chosen
from gtrack.cli.output import Column
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.clock import iso
from gtrack.display.words import instant, size
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.artifact_check import Damage
    from gtrack.ops.artifact_places import Places

__all__ = ["artifact_columns", "damage_columns", "damage_line", "damage_to_dict", "to_dict"]

_STYLES = {"pending": ("yellow",), "git": ("dim",), "store": ("dim",)}


def artifact_columns(places: Places, *, several: bool) -> list[Column[Chosen]]:
    """Return the columns of a listing of artifacts.

    Args:
        places: Where their content is.
        several: They are of several runs.
    """
    run = Column[Chosen]("run", Heading("RUN"), lambda each: each.run.id, lambda each: each.run.id[:SHORT])
    return [
        *([run] if several else []),
        Column("path", Heading("PATH", shrinks_to=20), lambda each: each.artifact.path),
        Column(
            "size", Heading("SIZE", right=True), lambda each: each.artifact.size, lambda each: size(each.artifact.size)
        ),
        Column("type", Heading("TYPE", shrinks_to=10, drop=2), lambda each: each.artifact.type),
        Column("key", Heading("KEY", shrinks_to=8, drop=3), lambda each: each.artifact.key),
        Column("step", Heading("STEP", right=True, drop=4), lambda each: each.artifact.step),
        Column(
            "time", Heading("LOGGED", drop=1), lambda each: iso(each.artifact.time),
            lambda each: instant(each.artifact.time)[:16],
        ),
        Column(
            "where", Heading("WHERE"), lambda each: places.of(each.artifact), lambda each: where_text(each, places),
            lambda each: _STYLES.get(places.of(each.artifact), ()),
        ),
    ]  # fmt: skip


def where_text(each: Chosen, places: Places) -> str:
    """Return where the content of an artifact is, with the machine that it waits on."""
    from gtrack.ops.artifact_places import PENDING, host_of

    place = places.of(each.artifact)
    host = host_of(each.run.state) if place == PENDING else None
    return f"{place} on {host}" if host else place


def to_dict(each: Chosen, places: Places) -> dict[str, object]:
    """Return what JSON shows of an artifact."""
    from gtrack.ops.artifact_places import host_of

    artifact = each.artifact
    return {
        "run": each.run.id,
        "path": artifact.path,
        "size": artifact.size,
        "sha256": artifact.digest,
        "type": artifact.type,
        "time": iso(artifact.time),
        "media": dict(artifact.media) or None,
        "where": places.of(artifact),
        "host": host_of(each.run.state),
    }


def damage_columns() -> list[Column[Damage]]:
    """Return the columns of a list of damage."""
    return [
        Column("run", Heading("RUN"), lambda each: each.run or None),
        Column("path", Heading("PATH"), lambda each: each.path or None),
        Column("sha256", Heading("SHA256"), lambda each: each.digest),
        Column("place", Heading("PLACE"), lambda each: each.place),
        Column("what", Heading("WHAT"), lambda each: each.what),
    ]


def damage_line(each: Damage, terminal: Terminal) -> str:
    """Return one line about damage."""
    what = f"{each.run[:SHORT]}/{clean(each.path)}" if each.run else f"{each.digest[:12]} (of no run here)"
    return f"{terminal.style('damaged', 'red')}: {what}: in the {each.place}: {clean(each.what)}\n"


def damage_to_dict(each: Damage) -> dict[str, object]:
    """Return what JSON shows of damage."""
    return {
        "run": each.run or None,
        "path": each.path or None,
        "sha256": each.digest,
        "place": each.place,
        "what": each.what,
    }
