"""``run``: what is known of one run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from gtrack.display.words import duration, instant, plural, size, value_text
from gtrack.ids import SHORT, is_object_id
from gtrack.model.nested import flatten
from gtrack.model.summary import MetricSummary
from gtrack.report.asking import names, said
from gtrack.report.blocks import Block
from gtrack.report.cells import commit_text, status_tone
from gtrack.report.lookup import Lookup
from gtrack.report.problems import blaming
from gtrack.report.results import Cell, Fact, Grid, Heading, RunCard, Section, shortened
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.reader import RecordedRun

__all__ = ["answer"]

_SHOWN = ("params", "metrics", "code")
_MOST_ROWS = 100
_MOST_TEXT = 4_000
_DIGEST = re.compile(r"[0-9a-f]{40,}\Z")
_MACHINE = ("python", "platform", "virtual_env", "cpu", "memory_gib", "gpu", "cuda", "image", "host", "launcher")


def answer(lookup: Lookup, block: Block) -> RunCard:
    """Return the card of the run that a block names.

    Raises:
        BlockError: It names none, or several.
    """
    with blaming("run"):
        run = lookup.repo.run(str(block.settings["run"]))
        sections = [_error(run)]
        for name in names(block, "show") or _SHOWN:
            sections.append(_SECTIONS[name](run, lookup))
    state = run.state
    facts = [
        Fact("experiment", shortened(run.experiment)),
        Fact("started", instant(run.started)),
        Fact("duration", duration(run.duration)),
        Fact("author", shortened(state.author.partition(" <")[0])),
        Fact("group", shortened(state.group or "")),
        Fact("parent", shortened(state.parent or "")[:SHORT]),
    ]
    return RunCard(
        title=said(block, "title") or "",
        id=run.id,
        name=shortened(run.name),
        status=shortened(run.status) + (" (deleted)" if state.deleted else ""),
        tone=status_tone(run.status),
        facts=tuple(fact for fact in facts if fact.text not in ("", "-")),
        sections=tuple(section for section in sections if section.facts or section.grid or section.text),
    )


def _pairs(title: str, items: Iterable[tuple[str, object]]) -> Section:
    pairs = list(items)
    facts = [Fact(shortened(key, 120), shortened(value_text(value))) for key, value in pairs[:_MOST_ROWS]]
    return Section(title, tuple(facts), note=_more(len(pairs)))


def _more(count: int) -> str:
    return f"... and {count - _MOST_ROWS:,} more" if count > _MOST_ROWS else ""


def _error(run: RecordedRun) -> Section:
    error = run.state.error or {}
    facts = [Fact(name, shortened(value_text(error[name]))) for name in ("type", "message", "cause") if error.get(name)]
    traceback = error.get("traceback")
    text = clean(traceback[-_MOST_TEXT:], lines=True).rstrip() if isinstance(traceback, str) else ""
    return Section("Error", tuple(facts), text=text)


def _params(run: RecordedRun, _: Lookup) -> Section:
    return _pairs("Params", flatten(run.state.params))


def _metrics(run: RecordedRun, _: Lookup) -> Section:
    heads = (Heading("metric"), *(Heading(name, True) for name in ("last", "step", "min", "max", "count")))
    rows = [_metric(key, summary) for key, summary in list(run.state.metrics.items())[:_MOST_ROWS]]
    grid = Grid("Metrics", heads, tuple(rows)) if rows else None
    return Section("Metrics", grid=grid, note=_more(len(run.state.metrics)))


def _metric(key: str, summary: MetricSummary) -> tuple[Cell, ...]:
    def at(value: float | None, step: int | None, side: str) -> Cell:
        text = "-" if value is None else f"{value_text(value)} @ {step}"
        return Cell(text, value, "best" if summary.goal == side else "")

    count = f"{'~' if summary.partial else ''}{summary.count:,}" + (f" ({summary.nan:,} NaN)" if summary.nan else "")
    return (
        Cell(shortened(key, 120), key),
        Cell(value_text(summary.last), summary.last),
        Cell(str(summary.step), summary.step),
        at(summary.min, summary.argmin, "min"),
        at(summary.max, summary.argmax, "max"),
        Cell(count, summary.count),
    )


def _code(run: RecordedRun, lookup: Lookup) -> Section:
    code = run.state.code
    facts = []
    if commit_text(run.state):
        dirty = code.get("dirty")
        remark = " (with uncommitted changes)" if dirty is True else " (clean)" if dirty is False else ""
        commit = str(code["commit"])
        facts.append(Fact("commit", commit[:12] + remark, link=lookup.host.commit(commit) if lookup.host else ""))
    facts += [Fact(name, shortened(value_text(code[name]))) for name in ("branch", "remote") if code.get(name)]
    command = code.get("command")
    if isinstance(command, list) and command:
        facts.append(Fact("command", shortened(shlex.join(map(str, command)), 1_000)))
    snapshot = code.get("snapshot")
    if isinstance(snapshot, str) and is_object_id(snapshot):
        facts.append(Fact("snapshot", snapshot[:12]))
    return Section("Code", tuple(facts))


def _notes(run: RecordedRun, _: Lookup) -> Section:
    notes = run.state.notes[-_MOST_ROWS:]
    said_ = [
        f"{instant(n.time)}  {shortened(n.author.partition(' <')[0], 80)}\n{clean(n.text, lines=True)}" for n in notes
    ]
    return Section("Notes", text="\n\n".join(text[:_MOST_TEXT] for text in said_))


def _data(run: RecordedRun, _: Lookup) -> Section:
    facts = []
    for number, entry in enumerate(run.state.data[:_MOST_ROWS], 1):
        name = entry.get("name") if isinstance(entry, Mapping) else None
        plain = dict(flatten(entry)) if isinstance(entry, Mapping) else {"": entry}
        told = {key: value for key, value in plain.items() if key.partition(".")[0] not in ("name", "sketch")}
        text = " ".join(f"{key}={_digest(value)}" for key, value in told.items() if value not in (None, name))
        facts.append(Fact(shortened(str(name or number), 120), shortened(text)))
    return Section("Data", tuple(facts))


def _digest(value: object) -> str:
    """Return a value in text; a digest by its first digits."""
    text = value_text(value)
    return text[:12] if _DIGEST.match(text) else text


def _environment(run: RecordedRun, _: Lookup) -> Section:
    environment = run.state.environment
    packages = environment.get("packages")
    facts = [Fact(name, shortened(_joined(environment[name]))) for name in _MACHINE if environment.get(name)]
    if isinstance(packages, Mapping | list) and packages:
        facts.append(Fact("packages", f"{len(packages):,}"))
    return Section("Environment", tuple(facts))


def _joined(value: object) -> str:
    """Return a value that may have parts as text."""
    if isinstance(value, Mapping):
        return ", ".join(value_text(item) for _, item in flatten(value))
    return ", ".join(map(value_text, value)) if isinstance(value, list) else value_text(value)


def _artifacts(run: RecordedRun, _: Lookup) -> Section:
    found = list(run.artifacts().values())
    if not found:
        return Section("Artifacts")
    heads = (Heading("path"), Heading("size", True), Heading("type"))
    rows = [
        (Cell(shortened(each.path), each.path), Cell(size(each.size), each.size), Cell(shortened(each.type), each.type))
        for each in found[:_MOST_ROWS]
    ]
    total = f"{plural(len(found), 'artifact')}, {size(sum(each.size for each in found))}"
    return Section("Artifacts", grid=Grid("Artifacts", heads, tuple(rows)), note=total)


_SECTIONS: Mapping[str, Callable[[RecordedRun, Lookup], Section]] = {
    "params": _params,
    "metrics": _metrics,
    "code": _code,
    "tags": lambda run, _: _pairs("Tags", run.state.tags.items()),
    "notes": _notes,
    "data": _data,
    "environment": _environment,
    "seed": lambda run, _: _pairs("Seed", run.state.seed.items()),
    "artifacts": _artifacts,
}
