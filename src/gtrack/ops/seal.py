"""Sealing: from a run's spool to the files the branch gets. A pure function of the spool and of what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gtrack.clock import iso, iso_to_us, stamp
from gtrack.format import names, yaml
from gtrack.format.names import Segment
from gtrack.model.fold import Document, fold_run
from gtrack.model.summary import MetricSummary, merge
from gtrack.ops import spill
from gtrack.ops.load import RunFiles
from gtrack.spool.directory import SpoolRun, Writer
from gtrack.spool.logged import Logged, difference, gather
from gtrack.spool.reading import JournalData, Points, read_journal, summarise

__all__ = ["Sealed", "seal"]

_SEGMENT_VALUES = 1 << 16
"""Values a segment holds at most, which keeps its file well under 1 MB."""
_MAX_SUMMARIES = 3000
"""Metrics an end or summary file describes at most, which keeps it readable; further ones are in the curves alone."""


@dataclass(slots=True)
class Sealed:
    """What sealing a spool came to.

    Attributes:
        run_id: The run.
        files: New files, by path on the branch.
        documents: The new YAML files, parsed, for a fold without another read.
        complete: Nothing more can come from this spool.
        live: The run's owner still runs.
    """

    run_id: str
    files: dict[str, bytes] = field(default_factory=dict)
    documents: list[Document] = field(default_factory=list)
    complete: bool = True
    live: bool = False

    def add(self, kind: str, name: str, data: bytes, body: Mapping[str, object], stamp_: str = "") -> None:
        """Add a YAML file."""
        session = body.get("session")
        self.files[f"{names.run_dir(self.run_id)}/{name}"] = data
        self.documents.append(Document(kind, name, body, stamp_, session if isinstance(session, str) else None))


@dataclass(slots=True)
class _Part:
    """One writer's share: what it logged, and the records that are not on the branch yet."""

    writer: Writer
    alive: bool
    entries: list[dict[str, object]]
    journal: JournalData | None
    first: int

    @property
    def fresh(self) -> int:
        return 0 if self.journal is None else max(0, self.journal.records - self.first)


def seal(run: SpoolRun, recorded: RunFiles, *, live: bool = False, curves: bool = True) -> Sealed:
    """Make the branch's files of what a spool holds and the branch lacks.

    Sealing the same spool twice gives the same bytes. A process that may still write is left out, unless ``live``.

    Args:
        run: The run's spool.
        recorded: What the branch has of the run.
        live: Take in processes that still write, up to their last whole record.
        curves: Make Parquet files and console output too; without them only the YAML, to show a live run.

    Returns:
        The new files; none when the branch has everything.
    """
    out = Sealed(run.id)
    owners = run.owners()
    parts = _parts(run, recorded)
    start = run.start
    have_run = any(doc.kind == "run" for doc in recorded.documents)
    if start is not None and not have_run:
        _seal_start(out, start, parts, owners)
    for attempt in run.attempts():
        _seal_attempt(out, recorded, attempt)
    for session in sorted({p.writer.session for p in parts} | set(owners)):
        mine = [p for p in parts if p.writer.session == session]
        owner = next((p for p in mine if p.writer.id == owners.get(session)), None)
        ended = owner is not None and not owner.alive
        out.live |= owner is not None and owner.alive
        # Workers wait for their owner, so that a launch of many ranks is one commit.
        busy = owner is not None and owner.alive
        ready = [p for p in mine if live or not (p.alive or busy)]
        _seal_session(out, run, recorded, session, ready, owner if ended else None, curves=curves)
        out.complete &= all(not p.alive for p in mine)
    return out


def _parts(run: SpoolRun, recorded: RunFiles) -> list[_Part]:
    parts = []
    for writer in run.writers():
        # Liveness first: a journal that is read after its writer was found gone cannot grow any more.
        alive = writer.is_alive(writer.entries())
        try:
            journal: JournalData | None = read_journal(writer.journal)
        except (OSError, ValueError):
            journal = None
        first = recorded.sealed(writer.session, writer.id)
        parts.append(_Part(writer, alive, writer.entries(), journal, first))
    return parts


def _seal_start(out: Sealed, start: dict[str, object], parts: list[_Part], owners: Mapping[str, str]) -> None:
    """run.yaml: the facts of the start, and what its creator logged before the first metric."""
    session = str(start.get("session", ""))
    entries = [e for p in parts if (p.writer.session, p.writer.id) == (session, owners.get(session)) for e in p.entries]
    early = Logged()
    early.take(start)
    early.take(gather(entries, until_first_metric=True).to_dict())
    body = {**start, **early.to_dict()}
    body, files = spill.spill_long_values(body)
    out.add("run", "run.yaml", yaml.dump(body), body)
    _add_files(out, files)


def _seal_attempt(out: Sealed, recorded: RunFiles, attempt: dict[str, object]) -> None:
    body = {"format": 1, "kind": "attempt", **attempt}
    data = yaml.dump(body)
    moment = stamp(iso_to_us(str(attempt["started"])))
    name = names.event(moment, data)
    if all(doc.name != name for doc in recorded.documents):
        out.add("event", name, data, body, moment)


def _seal_session(
    out: Sealed,
    run: SpoolRun,
    recorded: RunFiles,
    session: str,
    parts: list[_Part],
    owner: _Part | None,
    *,
    curves: bool,
) -> None:
    ends = [d for d in recorded.documents if d.kind == "end" and d.body.get("session") == session]
    closing = _end_of(owner) if owner is not None else None
    by = "owner" if closing is not None else "recovery"
    if owner is not None and not any(d.body.get("by") in (by, "owner") for d in ends):
        _seal_end(out, run, recorded, session, parts, owner, closing or {}, by, curves=curves)
        return
    for part in parts:
        if part.fresh or (not part.alive and _later(out, recorded, [part]).to_dict()):
            _seal_summary(out, recorded, session, part, curves=curves)


def _seal_end(
    out: Sealed,
    run: SpoolRun,
    recorded: RunFiles,
    session: str,
    parts: list[_Part],
    owner: _Part,
    closing: Mapping[str, object],
    by: str,
    *,
    curves: bool,
) -> None:
    ended = closing.get("ended")
    moment = ended if isinstance(ended, int) else _last_sign(run, session, owner)
    body: dict[str, object] = {
        "format": 1,
        "session": session,
        "status": closing.get("status", "killed"),
        "by": by,
        "ended": iso(moment),
        "error": closing.get("error"),
    }
    body |= _body(out, recorded, session, parts, curves=curves)
    body, files = spill.spill_long_values(body)
    data = yaml.dump(body)
    out.add("end", names.end(stamp(moment), data), data, body, stamp(moment))
    _add_files(out, files)


def _seal_summary(out: Sealed, recorded: RunFiles, session: str, part: _Part, *, curves: bool) -> None:
    segment = Segment(session, part.writer.id, part.first, part.fresh)
    body = {"format": 1, "session": session, **_body(out, recorded, session, [part], curves=curves)}
    body, files = spill.spill_long_values(body)
    out.add("summary", names.segment("summary", segment), yaml.dump(body), body)
    _add_files(out, files)


def _body(out: Sealed, recorded: RunFiles, session: str, parts: list[_Part], *, curves: bool) -> dict[str, object]:
    """The fields that ends and summaries share; adds the Parquet files and the console output to ``out``."""
    from gtrack.ops.segments import metrics_files

    segments: list[Segment] = []
    summaries: dict[str, list[MetricSummary]] = {}
    rejected: dict[str, int] = {}
    for part in parts:
        for segment, points in _segments(part):
            segments.append(segment)
            for key, summary in summarise(points).items():
                summaries.setdefault(key, []).append(summary)
        if part.journal is not None and part.first == 0:
            for key, count in part.journal.rejected.items():
                rejected[key] = rejected.get(key, 0) + count
    merged = {key: merge(summaries[key]) for key in sorted(summaries)}
    shown = dict(list(merged.items())[:_MAX_SUMMARIES])
    if curves:
        for part in parts:
            _add_files(out, metrics_files(_segments(part), inline=_single(shown)))
            _add_console(out, part)
    kept = {key: _with_earlier(key, summary, recorded, session) for key, summary in shown.items()}
    fields: dict[str, object] = {
        "segments": [str(s) for s in segments],
        "metrics": {key: summary.to_dict() for key, summary in kept.items()},
        "rejected": rejected,
        **_later(out, recorded, parts).to_dict(),
    }
    if len(shown) < len(merged):
        fields["omitted"] = len(merged) - len(shown)
    return fields


def _single(summaries: Mapping[str, MetricSummary]) -> frozenset[str]:
    """The keys whose only value the summary itself holds; a rank is kept by the curves alone."""
    return frozenset(key for key, s in summaries.items() if s.count == 1 and s.ranks is None)


def _segments(part: _Part) -> list[tuple[Segment, Points]]:
    """Split a writer's fresh records into segments of bounded size, at least one."""
    journal = part.journal
    if journal is None or not part.fresh:
        return []
    fresh = journal.points.select(journal.position >= part.first)
    position = journal.position[journal.position >= part.first]
    out: list[tuple[Segment, Points]] = []
    first = part.first
    for at in range(0, max(len(fresh), 1), _SEGMENT_VALUES):
        last = at + _SEGMENT_VALUES >= len(fresh)
        end = journal.records if last else int(position[at + _SEGMENT_VALUES])
        mask = (position >= first) & (position < end)
        out.append((Segment(part.writer.session, part.writer.id, first, end - first), fresh.select(mask)))
        first = end
    return out


def _later(out: Sealed, recorded: RunFiles, parts: list[_Part]) -> Logged:
    """What was logged and no file holds yet."""
    known = Logged()
    for doc in [*recorded.documents, *out.documents]:
        if doc.kind != "event":
            known.take(doc.body)
    logged = Logged()
    logged.take(known.to_dict())
    for part in parts:
        logged.take(gather(part.entries).to_dict())
    return difference(logged, known)


def _with_earlier(key: str, summary: MetricSummary, recorded: RunFiles, session: str) -> MetricSummary:
    """Add what a resumed session keeps of the earlier ones: their points before its own first step."""
    if any(d.session == session or d.body.get("session") == session for d in recorded.documents if key in _metrics(d)):
        return summary  # an earlier file of this very session includes it
    others = [d for d in recorded.documents if d.body.get("session") != session or d.kind == "event"]
    earlier = fold_run(recorded.id, others).metrics.get(key)
    if earlier is None or earlier.first_step >= summary.first_step:
        return summary
    if earlier.step < summary.first_step:
        return replace(merge([earlier, summary]), ranks=summary.ranks)
    # Some of the earlier points are superseded: which are the extremes of the others, only the curves tell.
    return replace(summary, first_step=summary.first_step, partial=True)


def _metrics(doc: Document) -> Mapping[str, object]:
    metrics = doc.body.get("metrics")
    return metrics if isinstance(metrics, Mapping) else {}


def _end_of(owner: _Part) -> Mapping[str, object] | None:
    return next((e for e in reversed(owner.entries) if e["kind"] == "end"), None)


def _last_sign(run: SpoolRun, session: str, owner: _Part) -> int:
    """The time of the last thing a killed process wrote; the same whoever looks, and whenever."""
    started = run.owner_document(session).get("started")
    times = [iso_to_us(started)] if isinstance(started, str) else [0]
    if owner.journal is not None and owner.journal.last_time is not None:
        times.append(owner.journal.last_time)
    times += [at for e in owner.entries if isinstance(at := e.get("at"), int)]
    return max(times)


def _add_files(out: Sealed, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        out.files[f"{names.run_dir(out.run_id)}/{name}"] = data


def _add_console(out: Sealed, part: _Part) -> None:
    from gtrack.spool.output import seal_output

    data = None if part.alive else seal_output(part.writer.stem)
    if data is not None:
        _add_files(out, {names.console(part.writer.session, part.writer.id): data})
