"""Checking the files of one run: documents, curves, console output, long values, and that they agree."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence

from gtrack.branch.listing import Entry
from gtrack.clock import iso_to_us, stamp
from gtrack.format.names import Segment, run_dir
from gtrack.format.schema import EVENTS
from gtrack.ids import sha12
from gtrack.model.fold import Document, fold_run
from gtrack.ops.fsck_artifacts import check_manifests
from gtrack.ops.fsck_curves import check_curves
from gtrack.ops.fsck_fields import check_fields
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.load import RunFiles, documents_of

__all__ = ["check_files", "check_run"]

_MAX_CONSOLE = 256 << 10
_MAX_UNPACKED = 4 << 20
_LARGE = 1 << 20


def check_run(run_id: str, entries: Sequence[Entry], contents: Mapping[str, bytes], found: Findings) -> set[str]:
    """Check a run's files.

    Args:
        run_id: The run.
        entries: Its files that could be read; their names are known to the format.
        contents: What is in them, by object id.
        found: Takes what is wrong.

    Returns:
        The snapshots that the run names.
    """
    folder = run_dir(run_id)
    files = check_files(run_id, entries, contents, found)
    if not any(doc.kind == "run" for doc in files.documents) and any(doc.kind == "end" for doc in files.documents):
        found.warning(folder, "it has an end and no run.yaml: the facts of its start are missing")
    _check_fold(folder, files, found)
    _check_named_values(folder, files, contents, found)
    check_curves(folder, files, contents, found)
    return {snapshot for doc in files.documents for snapshot in _snapshots(doc)}


def check_files(run_id: str, entries: Sequence[Entry], contents: Mapping[str, bytes], found: Findings) -> RunFiles:
    """Check files of a run each by itself: digests, documents, sizes. Curves are not looked at.

    Args:
        run_id: The run.
        entries: Some of its files that could be read; their names are known to the format.
        contents: What is in them, by object id.
        found: Takes what is wrong.

    Returns:
        The files that are sound enough to be read.
    """
    folder = run_dir(run_id)
    names = {entry.path.removeprefix(f"{folder}/"): entry for entry in entries}
    files = documents_of(run_id, [(name, entry.mode, entry.oid) for name, entry in names.items()], contents)
    for problem in files.problems:
        name, _, reason = problem.partition(": ")
        found.error(f"{folder}/{name}", reason)
    for name, entry in names.items():
        if len(contents[entry.oid]) > _LARGE:
            found.warning(f"{folder}/{name}", f"it has {len(contents[entry.oid]):,} bytes; git hosts advise 1 MB")
    _check_documents(folder, files, found)
    for file, oid in files.of_kind("values"):
        if file.digest != sha12(contents[oid]):
            found.error(f"{folder}/{file.name}", "the content does not match the digest in its name")
    for file, oid in files.of_kind("console"):
        wrong = _wrong_console(contents[oid])
        if wrong is not None:
            found.error(f"{folder}/{file.name}", wrong)
    check_manifests(folder, files, contents, found)
    return files


def _check_documents(folder: str, files: RunFiles, found: Findings) -> None:
    for doc in files.documents:
        path = f"{folder}/{doc.name}"
        if check_fields(path, doc.kind, doc, EVENTS, found):
            for problem in _against_name(doc):
                found.error(path, problem)


def _against_name(doc: Document) -> Iterator[str]:
    """Say where a sound document contradicts its own name."""
    moment = doc.body.get({"end": "ended", "event": "started"}.get(doc.kind, ""))
    if isinstance(moment, str) and doc.stamp and stamp(iso_to_us(moment)) != doc.stamp:
        yield "its time is not the one in its name"
    if doc.kind != "summary":
        return
    named = Segment.parse(doc.name.removeprefix("summary-").removesuffix(".yaml"))
    if doc.session != doc.body["session"]:
        yield "it is of another session than its name says"
    listed = doc.body["segments"]
    assert isinstance(listed, list)
    segments = [segment for segment in map(Segment.parse, listed) if segment is not None]
    if named is not None and (
        sum(segment.count for segment in segments) != named.count
        or any((s.writer, s.first >= named.first, s.end <= named.end) != (named.writer, True, True) for s in segments)
    ):
        yield "its segments are not the range in its name"


def _check_fold(folder: str, files: RunFiles, found: Findings) -> None:
    try:
        fold_run(files.id, files.documents)
    except Exception as error:  # whatever it is, it would break every reader: this is where it is told
        found.error(folder, f"the run cannot be folded: {type(error).__name__}: {error}")


def _check_named_values(folder: str, files: RunFiles, contents: Mapping[str, bytes], found: Findings) -> None:
    """Check that each long value is there that a document names."""
    present = set()
    named = {name for doc in files.documents for name in _long_values(doc.body)}
    for file, oid in files.of_kind("values"):
        present.add(file.name)
        if file.name in named and contents[oid][:1] in (b"{", b"["):
            # A map of very many values is one file, and may itself name others.
            with contextlib.suppress(ValueError, RecursionError):
                named.update(_long_values(json.loads(contents[oid])))
    for name in sorted(named - present):
        found.error(f"{folder}/{name}", "a document names this long value, and it is missing")
    for name in sorted(present - named):
        found.warning(f"{folder}/{name}", "no document names this long value")


def _long_values(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        name = value.get("$values")
        if isinstance(name, str) and "bytes" in value:
            yield name
        for item in value.values():
            yield from _long_values(item)
    elif isinstance(value, list):
        for item in value:
            yield from _long_values(item)


def _wrong_console(data: bytes) -> str | None:
    if len(data) > _MAX_CONSOLE:
        return f"it has {len(data):,} bytes; at most {_MAX_CONSOLE:,} are kept"
    gzip = zlib.decompressobj(31)
    try:
        gzip.decompress(data, _MAX_UNPACKED)
    except zlib.error as error:
        return f"it is not gzip, or damaged: {error}"
    if gzip.unconsumed_tail:
        return f"it unpacks to more than {_MAX_UNPACKED:,} bytes"
    return "it is cut off" if not gzip.eof else "something follows the gzip data" if gzip.unused_data else None


def _snapshots(doc: Document) -> Iterator[str]:
    code = doc.body.get("code")
    snapshot = code.get("snapshot") if isinstance(code, Mapping) else None
    if isinstance(snapshot, str) and len(snapshot) in (40, 64) and set(snapshot) <= set("0123456789abcdef"):
        yield snapshot
