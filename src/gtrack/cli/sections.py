"""What ``gtrack show`` says about a run, as sections of text and tables."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.cli.statuses import status_mark
from gtrack.cli.terminal import Terminal
from gtrack.clock import now_ns
from gtrack.display.data_text import data_label, data_text, is_fingerprint, shared_line
from gtrack.display.model_words import standing
from gtrack.display.words import ago, cut, duration, instant, plural, size, value_text
from gtrack.ids import SHORT, is_object_id
from gtrack.model.artifact import Artifact
from gtrack.model.nested import flatten
from gtrack.model.registered import Version
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.model.uses import edges_of
from gtrack.ops.data_changes import shared_rows
from gtrack.text import clean

__all__ = ["Section", "run_sections"]

_LONGEST = 300
_FIRST = 10
_TRACEBACK_LINES = 12
_MOST_VIOLATIONS = 50
_SHORT_ENVIRONMENT = (
    "python",
    "platform",
    "virtual_env",
    "cpu",
    "memory_gib",
    "gpu",
    "cuda",
    "image",
    "host",
    "launcher",
)


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the description of a run. All text in it is clean.

    Attributes:
        title: What it is about.
        rows: A table: names and values, or cells below ``head``.
        head: The heads of the table, if it has any.
        lines: Text as it is, after the table.
    """

    title: str
    rows: list[list[str]] = field(default_factory=list)
    head: tuple[str, ...] = ()
    lines: list[str] = field(default_factory=list)


def run_sections(
    run: RunState,
    terminal: Terminal,
    *,
    packages: bool = False,
    code_is_here: bool = True,
    artifacts: Sequence[Artifact] = (),
    left_out: Sequence[str] = (),
    versions: Sequence[Version] = (),
) -> list[Section]:
    """Return the sections about a run that have something in them.

    Args:
        run: The run.
        terminal: What it can show.
        packages: List the whole environment, packages included.
        code_is_here: The snapshot of the code is in this clone.
        artifacts: Its artifacts.
        left_out: What its manifests say that cannot be.
        versions: The versions of registered models that were made of it.
    """
    sections = [
        _header(run, terminal),
        _error(run),
        Section("Params", _pairs(flatten(run.params))),
        _metrics(run),
        Section("Tags", _pairs(run.tags.items())),
        _policy(run),
        Section("Notes", [[instant(n.time), _person(n.author), clean(n.text, lines=True)] for n in run.notes]),
        _code(run, code_is_here),
        _data(run),
        Section("Uses", [[str(i), _use(entry)] for i, entry in enumerate(run.uses, 1)]),
        _artifacts(run, artifacts),
        Section("Models", [[clean(each.name), _version(each)] for each in versions]),
        _environment(run, packages),
        Section("Seed", _pairs(run.seed.items())),
        _sessions(run),
        Section(
            "Problems",
            lines=[
                *map(clean, (*run.problems, *left_out)),
                *(f"in the future: {clean(name)}" for name in run.future),
                *(f"edited in two clones at the same time, the later one stands: {clean(w)}" for w in run.concurrent),
            ],
        ),
    ]
    return [section for section in sections if section.rows or section.lines]


def _pairs(items: Iterable[tuple[str, object]]) -> list[list[str]]:
    return [[clean(key), cut(value_text(value), _LONGEST)] for key, value in items]


def _header(run: RunState, terminal: Terminal) -> Section:
    now = now_ns() // 1000
    status = status_mark(run.status, terminal) + (" (deleted)" if run.deleted else "")
    if run.status in ("running", "lost") and run.last_heard is not None:
        status += f", last heard of {ago(run.last_heard, now)}"
    rows = [
        ["run", run.id],
        ["name", clean(run.name)],
        ["experiment", clean(run.experiment)],
        ["status", status],
        ["started", f"{instant(run.started)} ({ago(run.started, now)})" if run.started is not None else "-"],
        ["duration", duration(run.duration)],
        ["author", clean(run.author)],
    ]
    rows += [[name, clean(value)] for name, value in (("parent", run.parent), ("group", run.group)) if value]
    return Section("", [row for row in rows if row[1]])


def _person(author: str) -> str:
    """Return the name without the mail address, which --json has."""
    return clean(author.partition(" <")[0])


def _error(run: RunState) -> Section:
    error = run.error or {}
    rows = [[name, cut(value_text(error[name]), 2000)] for name in ("type", "message", "cause") if error.get(name)]
    traceback = error.get("traceback")
    lines = clean(traceback, lines=True).rstrip().splitlines() if isinstance(traceback, str) else []
    if len(lines) > _TRACEBACK_LINES:
        more = len(lines) - _TRACEBACK_LINES
        lines = [f"... ({plural(more, 'line')} more; --json shows all)", *lines[-_TRACEBACK_LINES:]]
    return Section("Error", rows, lines=lines)


def _metrics(run: RunState) -> Section:
    head = ("metric", "last", "step", "min", "max", "count")
    rows = [_metric(key, summary) for key, summary in run.metrics.items()]
    lines = [f"{clean(key)}: {plural(count, 'value')} refused" for key, count in run.rejected.items()]
    return Section("Metrics", rows, head, lines)


def _metric(key: str, summary: MetricSummary) -> list[str]:
    def at(value: float | None, step: int | None) -> str:
        return "-" if value is None else f"{value_text(value)} @ {step}"

    goal = f" ({summary.goal})" if summary.goal else ""
    count = f"{'~' if summary.partial else ''}{summary.count:,}" + (f" ({summary.nan:,} NaN)" if summary.nan else "")
    return [
        clean(key) + goal,
        value_text(summary.last),
        str(summary.step),
        at(summary.min, summary.argmin),
        at(summary.max, summary.argmax),
        count,
    ]


def _policy(run: RunState) -> Section:
    said = run.policy
    if said is None:
        return Section("Policy")
    bypass = said.get("bypass")
    rows = [["verdict", value_text(said.get("verdict")) + (" (bypassed)" if bypass else "")]]
    rows += [["bypass", cut(value_text(bypass.get("reason")), _LONGEST)]] if isinstance(bypass, Mapping) else []
    rows += [["policy", cut(value_text(said["policy"]), _LONGEST)]] if said.get("policy") else []
    violations = said.get("violations")
    lines = [
        cut(f"{value_text(each.get('rule'))}: {value_text(each.get('message'))}", _LONGEST)
        for each in (violations if isinstance(violations, list) else [])[:_MOST_VIOLATIONS]
        if isinstance(each, Mapping)
    ]
    return Section("Policy", rows, lines=lines)


def _code(run: RunState, is_here: bool) -> Section:
    code = run.code
    rows = []
    if isinstance(code.get("commit"), str):
        dirty = code.get("dirty")  # absent where nobody looked
        remark = " (with uncommitted changes)" if dirty is True else " (clean)" if dirty is False else ""
        rows.append(["commit", clean(str(code["commit"])) + remark])
    rows += [[name, value_text(code[name])] for name in ("branch", "remote", "cwd") if code.get(name)]
    command = code.get("command")
    if isinstance(command, list) and command:
        rows.append(["command", cut(clean(shlex.join(map(str, command))), 2000)])
    snapshot = code.get("snapshot")
    # Only what is certainly an object id is offered to be pasted into a shell.
    if isinstance(snapshot, str) and is_object_id(snapshot):
        rows.append(["snapshot", snapshot])
        todo = f"git worktree add DIR {snapshot[:12]}"
        rows.append(["check out", todo if is_here else f"gtrack pull && {todo}, if its owner has published it"])
    modules = code.get("submodules")
    for module in modules if isinstance(modules, list) else []:
        rows.append(["submodule", _item(module)])
    return Section("Code", rows, lines=_left_out(code.get("left_out"), code.get("left_out_more")))


def _left_out(entries: object, more: object) -> list[str]:
    if not isinstance(entries, list) or not entries:
        return []
    number = len(entries) + (more if isinstance(more, int) else 0)
    lines = [f"not in the snapshot: {plural(number, 'file')}"]
    for entry in entries[:20]:
        if isinstance(entry, Mapping):
            facts = [value_text(entry.get("reason")), size(entry.get("size"))]
            lines.append(f"  {value_text(entry.get('path'))} ({', '.join(fact for fact in facts if fact)})")
    if number > 20:
        lines.append(f"  ... and {number - 20:,} more; --json lists {len(entries):,}")
    return lines


def _use(entry: object) -> str:
    """Return what was used: an artifact and the run that made it; anything else key by key."""
    for edge in edges_of("", [entry]):
        digest = [f"sha256 {edge.digest[:12]}"] if edge.digest else []
        return ", ".join([f"{cut(clean(edge.path), _LONGEST) or 'something'} of {edge.run[:SHORT]}", *digest])
    return _item(entry)


def _item(entry: object) -> str:
    if not isinstance(entry, Mapping):
        return cut(value_text(entry), _LONGEST)
    # A digest is told by its first digits; --json has all of it.
    parts = [f"{clean(str(key))}={_digest(value)}" for key, value in flatten(entry) if value is not None]
    return cut(" ".join(parts), _LONGEST)


def _digest(value: object) -> str:
    text = value_text(value)
    return text[:12] if len(text) >= 40 and all(char in "0123456789abcdef" for char in text) else text


def _data(run: RunState) -> Section:
    rows = [
        [data_label(entry, i), data_text(entry) if is_fingerprint(entry) else _item(entry)]
        for i, entry in enumerate(run.data, 1)
    ]
    return Section("Data", rows, lines=[shared_line(shared) for shared in shared_rows(run.data)])


def _artifacts(run: RunState, artifacts: Sequence[Artifact]) -> Section:
    rows = [[clean(each.path), size(each.size), clean(each.type)] for each in artifacts[:_FIRST]]
    lines = []
    if artifacts:
        more = f"; gtrack artifact ls {run.id[:SHORT]} lists them" if len(artifacts) > _FIRST else ""
        lines.append(f"{plural(len(artifacts), 'artifact')}, {size(sum(each.size for each in artifacts))}{more}")
    return Section("Artifacts", rows, ("path", "size", "type"), lines)


def _version(version: Version) -> str:
    aliases = f", {clean(', '.join(version.aliases))}" if version.aliases else ""
    return f"{standing(version)}{aliases} (from {cut(clean(version.path), _LONGEST)})"


def _environment(run: RunState, packages: bool) -> Section:
    environment = dict(run.environment)
    listed = environment.pop("packages", None)
    count = len(listed) if isinstance(listed, Mapping | list) else 0
    if packages:
        rows = _pairs(flatten(environment))
        rows += _pairs(flatten({"packages": listed})) if isinstance(listed, Mapping) else []
        return Section("Environment", rows)
    short = {name: environment[name] for name in _SHORT_ENVIRONMENT if environment.get(name)}
    rows = [[name, _short(value)] for name, value in short.items()]
    if count:
        rows.append(["packages", f"{count:,} (--environment lists them)"])
    return Section("Environment", rows)


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return cut(", ".join(value_text(item) for _, item in flatten(value)), _LONGEST)
    if isinstance(value, list):
        return cut(", ".join(map(value_text, value)), _LONGEST)
    return cut(value_text(value), _LONGEST)


def _sessions(run: RunState) -> Section:
    if len(run.sessions) < 2:
        return Section("Sessions")
    rows = []
    for session in run.sessions:
        remark = "forked" if session.fork else ""
        if session.previous:
            # `gtrack log --run` adds to an ended run; that resumes nothing.
            what = "added to" if session.details.get("appended") is True else "resumed"
            remark += f"{', ' if remark else ''}{what} {clean(session.previous[: SHORT + 1])}"
        rows.append(
            [clean(session.id), value_text(session.status), instant(session.started), instant(session.ended), remark]
        )
    return Section("Sessions", rows, ("session", "status", "started", "ended", ""))
