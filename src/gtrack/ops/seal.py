"""Sealing: from a run's spool to the files the branch gets. A pure function of the spool and of what is there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

from gtrack.clock import iso, iso_to_us, stamp
from gtrack.format import names, yaml
from gtrack.format.names import Segment
from gtrack.format.plain import fit_key
from gtrack.model.fold import Document, sessions_of
from gtrack.model.summary import MetricSummary, merge
from gtrack.ops import spill
from gtrack.ops.earlier import with_earlier
from gtrack.ops.load import RunFiles
from gtrack.spool.directory import SpoolRun, Writer
from gtrack.spool.logged import Logged, difference, gather
from gtrack.spool.reading import JournalData, Points, read_journal, summarise

__all__ = ["Sealed", "seal"]

_SEGMENT_VALUES = 1 << 16
"""Values a segment holds at most, which keeps its file well under 1 MB."""
_STATUSES = ("finished", "failed", "killed", "preempted", None)
_LATEST = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""
_LOGGED = tuple(field.name for field in fields(Logged))
_ROOM = 700_000
"""Bytes of an end or summary file that the summaries of metrics may take, which keeps it readable."""
_SUMMARY_BYTES = 230
_MAX_REJECTED = 1000
"""Metrics of which refused values are counted in one file."""


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
    damaged: bool = False

    @property
    def fresh(self) -> int:
        return 0 if self.journal is None else max(0, self.journal.records - self.first)


def seal(
    run: SpoolRun,
    recorded: RunFiles,
    *,
    live: bool = False,
    curves: bool = True,
    read: Callable[[Writer, int], JournalData] | None = None,
) -> Sealed:
    """Make the branch's files of what a spool holds and the branch lacks.

    Sealing the same spool twice gives the same bytes. A process that may still write is left out, unless ``live``.

    Args:
        run: The run's spool.
        recorded: What the branch has of the run.
        live: Take in processes that still write, up to their last whole record.
        curves: Make Parquet files and console output too; without them only the YAML, to show a live run.
        read: Returns a writer's journal from a record on; for one who seals the same run again and again.

    Returns:
        The new files; none when the branch has everything.
    """
    out = Sealed(run.id)
    owners = run.owners()
    parts = _parts(run, recorded, read or _read_whole)
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
        # What cannot be read here is left where it is: a newer gtrack, or a person, may get more out of it.
        out.complete &= all(not (p.alive or p.damaged) for p in mine)
    return out


def _parts(run: SpoolRun, recorded: RunFiles, read: Callable[[Writer, int], JournalData]) -> list[_Part]:
    parts = []
    for writer in run.writers():
        # Liveness first: a journal that is read after its writer was found gone cannot grow any more.
        alive = writer.is_alive()
        first = recorded.sealed(writer.session, writer.id)
        journal: JournalData | None
        try:
            journal = read(writer, first)
        except (OSError, ValueError):
            journal = None
        else:
            # A document takes shorter keys than a journal: control characters grow when written.
            journal.points.keys[:] = map(fit_key, journal.points.keys)
        parts.append(_Part(writer, alive, writer.entries(), journal, first, journal is None))
    return parts


def _read_whole(writer: Writer, _first: int) -> JournalData:
    return read_journal(writer.journal)


def _seal_start(out: Sealed, start: dict[str, object], parts: list[_Part], owners: Mapping[str, str]) -> None:
    """run.yaml: the facts of the start, and what its creator logged before the first metric."""
    session = str(start.get("session", ""))
    entries = [e for p in parts if (p.writer.session, p.writer.id) == (session, owners.get(session)) for e in p.entries]
    early = Logged()
    early.take(start)
    early.take(gather(entries, until_first_metric=True).to_dict())
    body = {**start, **early.to_dict()}
    body, data, files = spill.spill_long_values(body)
    out.add("run", "run.yaml", data, body)
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
    # Asked of all at once: what two processes logged differently is no news of either.
    news = bool(_later(out, recorded, session, parts).to_dict())
    present = {doc.name for doc in recorded.documents}
    for part in parts:
        told = names.segment("summary", Segment(session, part.writer.id, part.first, 0)) in present
        later = news and not told and not (part.alive and curves)
        if part.fresh or (later and _later(out, recorded, session, [part]).to_dict()):
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
    moment = ended if isinstance(ended, int) and _is_time(ended) else _last_sign(run, session, owner)
    body: dict[str, object] = {
        "format": 1,
        "session": session,
        "status": status if (status := closing.get("status", "killed")) in _STATUSES else "killed",
        "by": by,
        "ended": iso(moment),
        "error": error if isinstance(error := closing.get("error"), Mapping) else None,
    }
    body |= _body(out, recorded, session, parts, curves=curves)
    body, data, files = spill.spill_long_values(body)
    out.add("end", names.end(stamp(moment), data), data, body, stamp(moment))
    _add_files(out, files)


def _seal_summary(out: Sealed, recorded: RunFiles, session: str, part: _Part, *, curves: bool) -> None:
    segment = Segment(session, part.writer.id, part.first, part.fresh)
    body = {"format": 1, "session": session, **_body(out, recorded, session, [part], curves=curves)}
    body, data, files = spill.spill_long_values(body)
    out.add("summary", names.segment("summary", segment), data, body)
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
        if part.journal is not None:
            for key, count in part.journal.rejected_since(part.first).items():
                rejected[fit_key(key)] = rejected.get(fit_key(key), 0) + count
    merged = {key: merge(summaries[key]) for key in sorted(summaries)}
    shown = _shown(merged)
    if curves:
        for part in parts:
            _add_files(out, metrics_files(_segments(part), inline=_single(shown)))
            _add_console(out, part)
    kept = with_earlier(shown, recorded, out.documents, session)
    body: dict[str, object] = {
        "segments": [str(s) for s in segments],
        "metrics": {key: summary.to_dict() for key, summary in kept.items()},
        "rejected": dict(sorted(rejected.items())[:_MAX_REJECTED]),
        **_later(out, recorded, session, parts).to_dict(),
    }
    if len(shown) < len(merged):
        body["omitted"] = len(merged) - len(shown)
    return body


def _shown(summaries: Mapping[str, MetricSummary]) -> dict[str, MetricSummary]:
    """Return as many summaries as a document has room for; further ones are in the curves alone."""
    out: dict[str, MetricSummary] = {}
    room = _ROOM
    for key, summary in summaries.items():
        room -= len(key.encode()) + len(repr(key)) + _SUMMARY_BYTES + 24 * len(summary.ranks or ())
        if room < 0:
            break
        out[key] = summary
    return out


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


def _later(out: Sealed, recorded: RunFiles, session: str, parts: list[_Part]) -> Logged:
    """What was logged and no file holds yet, of this session or an earlier one."""
    known = Logged()
    stored = {file.name: oid for file, oid in recorded.of_kind("values")}

    def read(name: str) -> bytes | None:
        if name in stored and recorded.read is not None:
            return recorded.read(stored[name])
        return out.files.get(f"{names.run_dir(out.run_id)}/{name}")

    for told in sessions_of([*recorded.documents, *out.documents]):
        for body in (told.facts, *(doc.body for doc in told.documents)):
            known.take({name: spill.restore_long_values(body.get(name), read) for name in _LOGGED if name in body})
        if told.id == session:
            break
    logged = Logged()
    logged.take(known.to_dict())
    for part in parts:
        logged.take(gather(part.entries).to_dict())
    return difference(logged, known)


def _end_of(owner: _Part) -> Mapping[str, object] | None:
    return next((e for e in reversed(owner.entries) if e["kind"] == "end"), None)


def _last_sign(run: SpoolRun, session: str, owner: _Part) -> int:
    """The time of the last thing a killed process wrote; the same whoever looks, and whenever."""
    times = [0]
    started = run.owner_document(session).get("started")
    if isinstance(started, str):
        with contextlib.suppress(ValueError, OverflowError):
            times.append(iso_to_us(started))
    if owner.journal is not None and owner.journal.last_time is not None:
        times.append(owner.journal.last_time)
    times += [at for e in owner.entries if isinstance(at := e.get("at"), int)]
    return max(time for time in times if _is_time(time))


def _is_time(us: int) -> bool:
    """Tell whether a time can be written: what a spool says may be anything."""
    return 0 <= us <= _LATEST


def _add_files(out: Sealed, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        out.files[f"{names.run_dir(out.run_id)}/{name}"] = data


def _add_console(out: Sealed, part: _Part) -> None:
    from gtrack.spool.output import seal_output

    data = None if part.alive else seal_output(part.writer.stem)
    if data is not None:
        _add_files(out, {names.console(part.writer.session, part.writer.id): data})
