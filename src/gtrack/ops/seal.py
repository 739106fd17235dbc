"""Sealing: from a run's spool to the files the branch gets. A pure function of the spool and of what is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from gtrack.clock import iso, iso_to_us, stamp
from gtrack.format import names, yaml
from gtrack.format.names import Segment
from gtrack.format.plain import fit_key
from gtrack.model.fold import Document, sessions_of
from gtrack.model.summary import MetricSummary, merge
from gtrack.ops import spill
from gtrack.ops.earlier import with_earlier
from gtrack.ops.load import RunFiles
from gtrack.ops.seal_parts import Part, end_of, is_time, last_sign, parts_of, segments_of
from gtrack.ops.seal_system import system_files, system_totals
from gtrack.spool.artifacts import ADDED, REMOVED
from gtrack.spool.directory import SpoolRun, Writer
from gtrack.spool.logged import Logged, difference, gather
from gtrack.spool.reading import JournalData, summarise

if TYPE_CHECKING:
    from gtrack.ops.seal_artifacts import SpooledObject
    from gtrack.ops.series import Whole

__all__ = ["Sealed", "seal"]

_STATUSES = ("finished", "failed", "killed", "preempted", None)
_LOGGED = tuple(field.name for field in fields(Logged))
_ROOM = 700_000
"""Bytes of an end or summary file that the summaries of metrics may take, which keeps it readable."""
_SUMMARY_BYTES = 230
_MAX_REJECTED = 1000
"""Metrics of which refused values are counted in one file."""


def _nowhere() -> bool:
    return False


@dataclass(slots=True)
class Sealed:
    """What sealing a spool came to.

    Attributes:
        run_id: The run.
        files: New files, by path on the branch.
        documents: The new YAML files, parsed, for a fold without another read.
        complete: Nothing more can come from this spool.
        live: The run's owner still runs.
        in_store: Tells whether whole curves that are larger than a preview go into a store.
        object_format: How the repository names its objects.
        whole: Returns recorded curves that the branch has a preview of, where they are at hand.
        curves: These, by digest; they have to be kept before the files are committed.
        objects: What holds the content of artifacts, by digest; likewise.
        lost: The paths of artifacts whose content is not in the spool any more as it was captured.
    """

    run_id: str
    files: dict[str, bytes] = field(default_factory=dict)
    documents: list[Document] = field(default_factory=list)
    complete: bool = True
    live: bool = False
    in_store: Callable[[], bool] = field(default=_nowhere, repr=False)
    object_format: str = "sha1"
    whole: Whole | None = field(default=None, repr=False)
    curves: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, SpooledObject] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def add(self, kind: str, name: str, data: bytes, body: Mapping[str, object], stamp_: str = "") -> None:
        """Add a YAML file."""
        session = body.get("session")
        self.files[f"{names.run_dir(self.run_id)}/{name}"] = data
        self.documents.append(Document(kind, name, body, stamp_, session if isinstance(session, str) else None))


def seal(
    run: SpoolRun,
    recorded: RunFiles,
    *,
    live: bool = False,
    curves: bool = True,
    in_store: Callable[[], bool] = _nowhere,
    object_format: str = "sha1",
    read: Callable[[Writer, int], JournalData] | None = None,
    whole: Whole | None = None,
) -> Sealed:
    """Make the branch's files of what a spool holds and the branch lacks.

    Sealing the same spool twice gives the same bytes. A process that may still write is left out, unless ``live``.

    Args:
        run: The run's spool.
        recorded: What the branch has of the run.
        live: Take in processes that still write, up to their last whole record.
        curves: Make Parquet files, console output and manifests of artifacts too; without them only the documents, to
            show a live run.
        in_store: Tells whether a store is configured, where curves that are larger than a preview go; asked only when
            there are some.
        object_format: How the repository names its objects, ``sha1`` or ``sha256``.
        read: Returns a writer's journal from a record on; for one who seals the same run again and again.
        whole: Returns recorded curves that the branch has a preview of, where they are at hand: a resumed session's
            summaries include what it keeps of them.

    Returns:
        The new files; none when the branch has everything.
    """
    out = Sealed(run.id, in_store=in_store, object_format=object_format, whole=whole)
    owners = run.owners()
    parts = parts_of(run, recorded, read)
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
        for part in ready if curves else ():
            _add_artifacts(out, recorded, part, object_format)
            _add_files(out, system_files(part.writer, recorded, complete=not part.alive))
        # What cannot be read here is left where it is: a newer gtrack, or a person, may get more out of it.
        out.complete &= all(not (p.alive or p.damaged) for p in mine)
    return out


def _seal_start(out: Sealed, start: dict[str, object], parts: list[Part], owners: Mapping[str, str]) -> None:
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
    parts: list[Part],
    owner: Part | None,
    *,
    curves: bool,
) -> None:
    ends = [d for d in recorded.documents if d.kind == "end" and d.body.get("session") == session]
    closing = end_of(owner) if owner is not None else None
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
    parts: list[Part],
    owner: Part,
    closing: Mapping[str, object],
    by: str,
    *,
    curves: bool,
) -> None:
    ended = closing.get("ended")
    moment = ended if isinstance(ended, int) and is_time(ended) else last_sign(run, session, owner)
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


def _seal_summary(out: Sealed, recorded: RunFiles, session: str, part: Part, *, curves: bool) -> None:
    segment = Segment(session, part.writer.id, part.first, part.fresh)
    body = {"format": 1, "session": session, **_body(out, recorded, session, [part], curves=curves)}
    body, data, files = spill.spill_long_values(body)
    out.add("summary", names.segment("summary", segment), data, body)
    _add_files(out, files)


def _body(out: Sealed, recorded: RunFiles, session: str, parts: list[Part], *, curves: bool) -> dict[str, object]:
    """The fields that ends and summaries share; adds the Parquet files and the console output to ``out``."""
    segments: list[Segment] = []
    summaries: dict[str, list[MetricSummary]] = {}
    rejected: dict[str, int] = {}
    for part in parts:
        for segment, points in segments_of(part):
            segments.append(segment)
            for key, summary in summarise(points).items():
                summaries.setdefault(key, []).append(summary)
        if part.journal is not None:
            for key, count in part.journal.rejected_since(part.first).items():
                rejected[fit_key(key)] = rejected.get(fit_key(key), 0) + count
    merged = {key: merge(summaries[key]) for key in sorted(summaries)}
    shown = _shown(merged)
    stored: list[dict[str, object]] = []
    if curves:
        for part in parts:
            stored += _add_curves(out, part, shown)
            _add_console(out, part)
    kept = with_earlier(shown, recorded, out.documents, session, out.whole)
    body: dict[str, object] = {
        "segments": [str(s) for s in segments],
        "metrics": {key: summary.to_dict() for key, summary in kept.items()},
        "rejected": dict(sorted(rejected.items())[:_MAX_REJECTED]),
        **_later(out, recorded, session, parts).to_dict(),
    }
    if len(shown) < len(merged):
        body["omitted"] = len(merged) - len(shown)
    if stored:
        body["curves"] = stored
    system = system_totals(part.writer for part in parts if curves and not part.alive)
    if system:
        body["system"] = system
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


def _later(out: Sealed, recorded: RunFiles, session: str, parts: list[Part]) -> Logged:
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


def _add_artifacts(out: Sealed, recorded: RunFiles, part: Part, object_format: str) -> None:
    """Add the manifests of what a writer captured, and the objects that they name."""
    if not any(entry["kind"] in (ADDED, REMOVED) for entry in part.entries):
        return
    from gtrack.ops.seal_artifacts import recorded_lines, seal_artifacts

    first = recorded_lines(recorded, part.writer)
    done = seal_artifacts(part.writer, part.entries, first, object_format=object_format)
    _add_files(out, done.files)
    out.objects |= done.objects
    out.lost += done.lost


def _add_files(out: Sealed, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        out.files[f"{names.run_dir(out.run_id)}/{name}"] = data


def _add_curves(out: Sealed, part: Part, shown: Mapping[str, MetricSummary]) -> list[dict[str, object]]:
    """Add a writer's curves; return what the document says of those that go into the store."""
    from gtrack.ops.seal_curves import leading_keys, seal_curves

    done = seal_curves(
        segments_of(part),
        inline=_single(shown),
        in_store=out.in_store,
        object_format=out.object_format,
        leading=lambda: leading_keys(shown, gather(part.entries).goals),
    )
    _add_files(out, done.files)
    out.curves |= done.objects
    return done.entries


def _add_console(out: Sealed, part: Part) -> None:
    from gtrack.spool.output import seal_output

    data = None if part.alive else seal_output(part.writer.stem)
    if data is not None:
        _add_files(out, {names.console(part.writer.session, part.writer.id): data})
