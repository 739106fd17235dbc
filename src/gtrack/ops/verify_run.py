"""Proving a run: its files are sound and its own, its code is here as it was recorded, its data is named by content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from gtrack.branch.listing import Entry
from gtrack.branch.members import FILE_BYTES, fault, place
from gtrack.branch.repository import Repository
from gtrack.branch.signature_check import Checker, Signature
from gtrack.clock import iso_to_us, stamp
from gtrack.errors import GtrackError, NetworkError
from gtrack.format import names, yaml
from gtrack.ids import SHORT
from gtrack.model.state import RunState
from gtrack.model.uses import edges_of
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.fsck_runs import check_run
from gtrack.ops.signatures import FileSignatures, address_in, judge, signatures_beside
from gtrack.ops.verify_code import check_code
from gtrack.ops.verify_records import File, Problem, sha256_of
from gtrack.ops.verify_result import Chain
from gtrack.ops.verify_tree import read_folder, read_sound
from gtrack.text import clean

__all__ = ["SIGNED_KINDS", "check_recorded_run", "check_run_facts", "signed_start", "unsigned_files"]

SIGNED_KINDS = frozenset({"run", "end", "metrics", "system", "summary", "preview", "console", "values", "artifacts"})
"""The files that a run's own process records; events are anybody's."""

_MOST_DATA = 100
_MOST_SESSIONS = 50


def check_recorded_run(
    repo: Repository, trees: Sequence[str], run_id: str, checker: Checker, chain: Chain
) -> bytes | None:
    """Add to a chain what is found of a run's files on the branch; return the bytes of its run.yaml.

    Args:
        repo: The repository.
        trees: Root trees of the branch, the tracking remote's last.
        run_id: The run.
        checker: What checks signatures.
        chain: Takes what is found.
    """
    try:
        folder = read_folder(repo, trees, names.run_dir(run_id))
    except NetworkError:
        raise
    except GtrackError as error:
        chain.broken("run", run_id, error.message, error.hint)
        return None
    if not folder.files:
        chain.absent("run", run_id, f"nothing of run {run_id[:SHORT]} is on the branch here", "gtrack pull")
        return None
    chain.take(folder.problems)
    contents = _read_all(repo, folder.files, chain)
    entries = [
        Entry(path, folder.files[path].mode, folder.files[path].oid)
        for path in sorted(contents)
        if (known := place(path)) is not None and known.kind != "signature"
    ]
    found = Findings()
    check_run(run_id, entries, {entry.oid: contents[entry.path] for entry in entries}, found)
    chain.findings(found.all())
    data = contents.get(f"{folder.path}/run.yaml")
    if data is None:
        chain.broken("run", run_id, "it has no run.yaml that can be read")
        return None
    chain.ok("run", run_id, f"run.yaml has the SHA-256 {sha256_of(data)}")
    _check_signatures(run_id, folder.files, contents, checker, chain)
    return data


def check_run_facts(repo: Repository, state: RunState, chain: Chain) -> None:
    """Add to a chain a run's code, its data and the runs that it used artifacts of.

    Args:
        repo: The repository; nothing is fetched.
        state: The run.
        chain: Takes what is found.
    """
    check_code(repo, state, chain)
    for number, entry in enumerate(state.data[:_MOST_DATA]):
        name, text = _data(entry, number)
        if isinstance(entry, Mapping) and entry.get("digest"):
            chain.ok("data", name, text)
        else:
            chain.note("data", name, f"{text}: it is recorded without a digest")
    for edge in edges_of(state.id, list(state.uses)):
        chain.note("uses", f"{edge.run[:SHORT]}/{edge.path}", f"SHA-256 {edge.digest or 'not recorded'}")


def signed_start(
    files: Mapping[str, File], read: Callable[[str], bytes], run_id: str, checker: Checker
) -> FileSignatures | None:
    """Return what the signatures over a run's run.yaml are worth; None where it has none or cannot be read.

    Args:
        files: The run's files, by path on the branch.
        read: Returns the content of an object.
        run_id: The run.
        checker: What checks signatures.
    """
    path = f"{names.run_dir(run_id)}/run.yaml"
    beside = signatures_beside(files).get(path, [])
    if path not in files or not beside:
        return None
    data = read(files[path].oid)
    by, moment = _who_and_when(data)
    return judge(checker, path, data, {each: read(files[each].oid) for each in beside}, by=by, stamp=moment)


def unsigned_files(
    files: Mapping[str, File],
    read: Callable[[str], bytes],
    start: Signature,
    checker: Checker,
    *,
    among: Callable[[str], bool] = lambda _: True,
) -> Iterator[Problem]:
    """Yield the files of a run that are not signed by the one who signed its start.

    Args:
        files: The run's files, by path on the branch.
        read: Returns the content of an object.
        start: The signature over its run.yaml.
        checker: What checks signatures.
        among: Tells of a path whether it is looked at.
    """
    beside = signatures_beside(files)
    moments = _moments(files, read)
    for path, file in sorted(files.items()):
        known = place(path)
        if known is None or known.kind not in (*SIGNED_KINDS, "event") or known.kind == "run" or not among(path):
            continue
        data = read(file.oid)
        if known.kind == "event" and not _is_attempt(data):
            continue
        signatures = {each: read(files[each].oid) for each in beside.get(path, ())}
        # A file without a stamp was written in one of the run's sessions: its key was good then.
        for moment in [_stamp_in(path)] if _stamp_in(path) else moments:
            found = judge(checker, path, data, signatures, by=start.signer, stamp=moment)
            if found.good or not signatures:
                break
        if not found.good:
            whose = clean(start.signer or "somebody else")
            wrong = found.best.why if found.best is not None else "it is not signed"
            what = f"{whose} signed the start of this run, and did not sign this file: {wrong}"
            yield Problem(path, "run-signed", what, "gtrack verify RUN --sign, by the one who ran it")


def _check_signatures(
    run_id: str, files: Mapping[str, File], contents: Mapping[str, bytes], checker: Checker, chain: Chain
) -> None:
    by_oid = {files[path].oid: data for path, data in contents.items()}
    readable = {path: file for path, file in files.items() if path in contents}
    start = signed_start(readable, by_oid.__getitem__, run_id, checker)
    path = f"{names.run_dir(run_id)}/run.yaml"
    if start is None:
        chain.note("signature", path, "it is not signed")
        return
    for name, why in start.faults:
        (chain.note if start.good else chain.broken)("altered", name, why)
    best = start.best
    if best is None:
        return
    if start.good:
        chain.ok("signature", path, f"signed by {best.signer} with the key {best.key}")
        chain.take(unsigned_files(readable, by_oid.__getitem__, best, checker))
    elif best.verdict == "other":
        chain.broken("signature", path, f"{best.why}, who is not its author")
    elif best.verdict != "bad":
        chain.note("signature", path, best.why)


def _read_all(repo: Repository, files: Mapping[str, File], chain: Chain) -> dict[str, bytes]:
    out = {}
    for path, file in files.items():
        wrong = fault(path, file.mode)
        if wrong is None:
            try:
                data = read_sound(repo, file.oid)
            except NetworkError:
                raise  # a partial clone left it at its remote: it is not here, and not altered
            except (GtrackError, KeyError, OSError) as error:
                wrong = error.message if isinstance(error, GtrackError) else str(error)
            else:
                if len(data) <= FILE_BYTES:
                    out[path] = data
                    continue
                wrong = f"it has {len(data):,} bytes; at most {FILE_BYTES:,} are read"
        chain.broken("altered", path, wrong)
    return out


def _is_attempt(data: bytes) -> bool:
    """Tell whether an event says that the run was resumed, which its own process records; others are anybody's."""
    try:
        return yaml.load(data).get("kind") == "attempt"
    except GtrackError:
        return False


def _who_and_when(data: bytes) -> tuple[str | None, str]:
    """Return the address of a run's author and the stamp of its start, as run.yaml says them."""
    try:
        body = yaml.load(data)
        return address_in(body.get("author")) or None, stamp(iso_to_us(str(body.get("started"))))
    except (GtrackError, ValueError, OverflowError):
        return None, ""


def _moments(files: Mapping[str, File], read: Callable[[str], bytes]) -> list[str]:
    """Return the stamps of a run's start and of the ends of its sessions, the last one first."""
    starts = (_who_and_when(read(file.oid))[1] for path, file in files.items() if path.endswith("/run.yaml"))
    found = {moment for moment in (*starts, *map(_stamp_in, files)) if moment}
    return sorted(found, reverse=True)[:_MOST_SESSIONS] or [""]


def _stamp_in(path: str) -> str:
    known = names.split_path(path)
    file = names.parse_run_file(known[1]) if known is not None else None
    return (file.stamp or "") if file is not None else ""


def _data(entry: object, number: int) -> tuple[str, str]:
    if not isinstance(entry, Mapping):
        return str(number), clean(str(entry))[:200]
    name = clean(str(entry.get("name", number)))
    parts = [str(entry[key]) for key in ("role", "kind") if entry.get(key) and entry.get(key) != entry.get("name")]
    digest = entry.get("digest")
    parts += [f"SHA-256 {digest}"] if digest else []
    return name, clean(", ".join(parts))
