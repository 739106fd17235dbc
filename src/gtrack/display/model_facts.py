"""All of a registered version, or of a model, as names and values: for the terminal and the dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gtrack.display.model_words import conflict_words, named, people, standing, who
from gtrack.display.words import ago, cut, instant, plural, size, value_text
from gtrack.ids import SHORT
from gtrack.model.registered import Version
from gtrack.model.registry import ModelState
from gtrack.model.state import RunState
from gtrack.text import clean

__all__ = ["model_rows", "signature_text", "version_rows"]

Row = tuple[str, str]

_LONGEST = 300
_COLUMNS = 12
_FILES = 5
_METRICS = 5


def model_rows(state: ModelState) -> list[Row]:
    """Return what is said of a model as a whole; its versions and history are left out.

    Args:
        state: The model.
    """
    rows = [("model", clean(state.name) + (" (deleted)" if state.deleted else ""))]
    rows += [("description", _cut(state.description))] if state.description else []
    rows += [("tags", _pairs(state.tags))] if state.tags else []
    aliases = ", ".join(f"{clean(alias)} is {named(state, uid)}" for alias, uid in state.aliases.items())
    rows += [("aliases", aliases)] if aliases else []
    for stage in ("Production", "Staging"):
        there = ", ".join(named(state, version.uid) for version in state.in_stage(stage))
        rows += [(stage.lower(), there)] if there else []
    rows += [("note", f"{_cut(note.text)} ({who(note.author)}, {instant(note.time)})") for note in state.notes]
    rows += [("edited twice", conflict_words(state, conflict)) for conflict in state.conflicts]
    rows += [("problem", clean(text)) for text in state.problems]
    return rows + [("in the future", clean(event)) for event in state.future]


def version_rows(version: Version, run: RunState | None, now_us: int) -> list[Row]:
    """Return all that is known of a version.

    Args:
        version: The version.
        run: The run that made it, or None where it is not here.
        now_us: The present, in microseconds since the epoch.
    """
    rows = [("version", clean(version.name) + (" (deleted)" if version.deleted else "")), ("uid", version.uid)]
    rows += [("description", _cut(version.description))] if version.description else []
    rows.append(("stage", standing(version)))
    rows += [("aliases", clean(", ".join(version.aliases)))] if version.aliases else []
    rows += list(_origin(version, run, now_us))
    rows += list(_content(version))
    rows += list(_later(version))
    return rows


def signature_text(part: object) -> str:
    """Return the inputs or outputs of a signature in a line: ``age: long, plan: string``.

    The form is MLflow's: a list of columns, as JSON or parsed
    (https://mlflow.org/docs/latest/ml/model/signatures/).

    Args:
        part: The value of ``inputs`` or ``outputs``.
    """
    import json

    columns = part
    if isinstance(part, str):
        try:
            columns = json.loads(part)
        except ValueError:
            return _cut(part)
    if not isinstance(columns, list):
        return _cut(value_text(columns))
    shown = [_column(column) for column in columns[:_COLUMNS]]
    more = [f"and {len(columns) - _COLUMNS:,} more"] if len(columns) > _COLUMNS else []
    return _cut(", ".join([*shown, *more]))


def _origin(version: Version, run: RunState | None, now_us: int) -> Iterator[Row]:
    by = f"{instant(version.registered)} ({ago(version.registered, now_us)}) by {who(version.author)}"
    yield "registered", by
    if version.run is not None:
        about = " (not here)" if run is None else f" {clean(run.name)}, {clean(run.experiment)}"
        yield "run", f"{version.run[:SHORT]}/{clean(version.path)}{about}"
    if run is not None:
        metrics = [f"{clean(key)} {value_text(summary.last)}" for key, summary in list(run.metrics.items())[:_METRICS]]
        if metrics:
            more = f" and {len(run.metrics) - _METRICS:,} more" if len(run.metrics) > _METRICS else ""
            yield "metrics", _cut(", ".join(metrics) + more)
        commit = run.code.get("commit")
        if isinstance(commit, str):
            dirty = " (with uncommitted changes)" if run.code.get("dirty") is True else ""
            yield "commit", clean(commit)[:12] + dirty
    if version.gate is not None:
        yield "gate", f"{value_text(version.gate.get('condition'))}: {value_text(version.gate.get('verdict'))}"
    if version.bypass is not None:
        yield "bypass", f"the policy was passed over: {_cut(value_text(version.bypass.get('reason')))}"


def _content(version: Version) -> Iterator[Row]:
    yield "digest", f"sha256 {clean(version.digest)[:12]}"
    paths = ", ".join(clean(file.path) for file in version.files[:_FILES])
    more = f" and {len(version.files) - _FILES:,} more" if len(version.files) > _FILES else ""
    yield "files", _cut(f"{plural(len(version.files), 'file')}, {size(version.size)}: {paths}{more}")
    if version.flavors:
        yield "flavors", _cut(clean(", ".join(version.flavors)))
    for name in ("inputs", "outputs"):
        part = (version.signature or {}).get(name)
        if part is not None:
            yield name, signature_text(part)


def _later(version: Version) -> Iterator[Row]:
    if version.metrics:
        yield "measured later", _pairs(version.metrics)
    if version.tags:
        yield "tags", _pairs(version.tags)
    for approval in version.approvals:
        word = "approved" if approval.verdict == "approve" else "rejected"
        why = f": {_cut(approval.reason)}" if approval.reason else ""
        yield word, f"for {clean(approval.stage)} by {who(approval.author)}, {instant(approval.time)}{why}"
    if version.pending is not None and version.pending.approved:
        yield "counting", people(version.pending.approved)
    for place in version.deployments:
        yield "deployed", f"{_cut(place.endpoint)} by {who(place.author)}, {instant(place.time)}"
    for note in version.notes:
        yield "note", f"{_cut(note.text)} ({who(note.author)}, {instant(note.time)})"


def _column(column: object) -> str:
    if not isinstance(column, Mapping):
        return value_text(column)
    kind = column.get("type")
    if kind == "tensor" and isinstance(spec := column.get("tensor-spec"), Mapping):
        kind = f"{value_text(spec.get('dtype'))}{value_text(spec.get('shape'))}"
    name, optional = column.get("name"), "" if column.get("required", True) else "?"
    return f"{value_text(name)}{optional}: {value_text(kind)}" if name else value_text(kind)


def _pairs(values: Mapping[str, object]) -> str:
    return _cut(", ".join(f"{clean(key)}={value_text(value)}" for key, value in values.items()))


def _cut(text: str) -> str:
    return cut(clean(text), _LONGEST)
