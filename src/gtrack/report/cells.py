"""Values of runs as cells: fields of the filter language, numbers, commits."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.display.words import duration, instant, value_text
from gtrack.ids import SHORT, is_object_id
from gtrack.index.fields import Field, Type
from gtrack.model.state import RunState
from gtrack.report.hosts import Host
from gtrack.report.results import Cell, Heading, Tone, shortened

__all__ = ["commit_cell", "commit_text", "field_cell", "field_heading", "moment", "status_tone", "value_cell"]

_STATUS: dict[str, Tone] = {
    "running": "busy",
    "lost": "warn",
    "finished": "good",
    "failed": "bad",
    "killed": "bad",
    "preempted": "warn",
}


def status_tone(status: str) -> Tone:
    """Return what a status means."""
    return _STATUS.get(status, "warn")


def moment(us: int | None) -> str:
    """Return a time in UTC to the minute, ``2026-11-21 14:25``: a page says the same a week later."""
    return instant(us)[:16]


def value_cell(value: object, tone: Tone = "") -> Cell:
    """Return a param's, tag's or metric's value as a cell."""
    return Cell(shortened(value_text(value)), value, tone)


def commit_text(run: RunState) -> str:
    """Return a run's commit in short, with ``*`` where it had uncommitted changes; empty without one."""
    commit = run.code.get("commit")
    if not isinstance(commit, str) or not is_object_id(commit):
        return ""
    return commit[:SHORT] + ("*" if run.code.get("dirty") is True else "")


def commit_cell(run: RunState, host: Host | None) -> Cell:
    """Return a run's commit as a cell that leads to it."""
    commit = run.code.get("commit")
    return Cell(commit_text(run) or "-", commit, link=host.commit(commit) if host else "")


def field_heading(field: Field, runs: Sequence[RunState]) -> Heading:
    """Return the head of a field's column: a key without its kind, and a number's to the right."""
    text = str(field)
    if field.scope in ("metrics", "params", "tags"):
        text = field.key if field.aggregate == "last" else f"{field.key} {field.aggregate}"
    number = field.type in (Type.NUMBER, Type.SECONDS)
    if field.type is Type.ANY:
        values = [value for run in runs for value in field.values(run)]
        number = bool(values) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return Heading(shortened(text, 80), number)


def field_cell(field: Field, run: RunState, host: Host | None) -> Cell:
    """Return a field of a run as a cell."""
    found = field.values(run)
    value = list(found) if field.scope == "datasets" and found else next(iter(found), None)
    if value is None:
        return Cell("-")
    if field == Field("attributes", "commit"):
        return commit_cell(run, host)
    tone = status_tone(str(value)) if field == Field("attributes", "status") else ""
    return Cell(shortened(_text(field, value)), value, tone)


def _text(field: Field, value: object) -> str:
    if field.type is Type.TIME and isinstance(value, int):
        return moment(value)
    if field.type is Type.SECONDS and isinstance(value, int | float):
        return duration(value)
    return str(value)[:SHORT] if field.type is Type.HASH else value_text(value)
