"""What is recorded of a model, file by file: each with its content, its author, and what its signatures are worth.

A fold says what stands; a proof asks of every file whether it is what its author wrote. Both read the same files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.branch.members import DOCUMENT_BYTES, fault, place
from gtrack.branch.signature_check import Checker
from gtrack.errors import GtrackError, NetworkError
from gtrack.format import names, yaml
from gtrack.ids import sha12
from gtrack.model.registered import version_faults
from gtrack.model.registry_events import person
from gtrack.ops.signatures import FileSignatures, address_in, judge, signatures_beside

__all__ = ["File", "ModelRecords", "Problem", "Record", "judged", "read_records", "sha256_of"]

_MOST_NAMED = 10
"""Events that one event names before it and that are not here: so many are told."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the branch: its mode and object id, which are all that is known before it is read."""

    mode: int
    oid: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that breaks the chain, or a rule.

    Attributes:
        path: The file that it is about.
        rule: What is broken, in a word: ``altered``, ``missing``, ``signed``, ``approvals``, ``promoters``, ...
        what: What is wrong, in a sentence.
        hint: What to type, or None.
        warning: It limits the proof and breaks nothing.
    """

    path: str
    rule: str
    what: str
    hint: str | None = None
    warning: bool = False


@dataclass(slots=True)
class Record:
    """A document about a model.

    Attributes:
        path: Its path on the branch.
        kind: ``version`` or ``model`` (an event).
        name: Its path below the model's folder.
        oid: Its object id.
        data: Its bytes.
        body: What it says.
        stamp: The stamp in the name of an event; of a version that of its registration; empty where there is none.
        uid: The version that it is, or is about; empty where there is none.
        signatures: What its signatures are worth.
    """

    path: str
    kind: str
    name: str
    oid: str
    data: bytes
    body: Mapping[str, object]
    stamp: str = ""
    uid: str = ""
    signatures: FileSignatures = field(default_factory=lambda: FileSignatures(""))

    @property
    def address(self) -> str:
        """The address of its author, or an empty text."""
        return address_in(self.body.get("author"))

    @property
    def person(self) -> str:
        """What tells its author from others."""
        author = self.body.get("author")
        return person(author) if isinstance(author, str) else ""

    @property
    def event(self) -> str:
        """What kind of event it is, or an empty text."""
        return self.text("kind")

    def text(self, key: str) -> str:
        """Return a field that is text, or an empty text."""
        value = self.body.get(key)
        return value if isinstance(value, str) else ""


@dataclass(slots=True)
class ModelRecords:
    """What is recorded of one model.

    Attributes:
        name: The model.
        versions: Its versions, by uid.
        events: Its events, by path, in the order of their stamps.
        numbers: The versions that claim each number.
        problems: What is wrong with single files.
    """

    name: str
    versions: dict[str, Record] = field(default_factory=dict)
    events: dict[str, Record] = field(default_factory=dict)
    numbers: dict[int, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def about(self, uid: str, *kinds: str) -> list[Record]:
        """Return the events of some kinds that are about a version, in order."""
        return [event for event in self.events.values() if event.uid == uid and event.event in kinds]


def read_records(model: str, files: Mapping[str, File], read: Callable[[str], bytes], checker: Checker) -> ModelRecords:
    """Read all that is recorded of a model, and judge its signatures.

    Args:
        model: The model's name.
        files: The files of its folder, by path on the branch.
        read: Returns the content of an object; raises GtrackError, KeyError or OSError where it cannot be had.
        checker: What checks signatures.
    """
    out = ModelRecords(model)
    beside = signatures_beside(files)
    found: list[Record] = []
    for path, file in sorted(files.items()):
        known = place(path)
        if known is None or known.kind == "signature":
            continue
        try:
            record = _read_one(out, path, known.kind, file, read)
        except NetworkError:
            raise  # a partial clone left it at its remote: it is not here, and not altered
        except (GtrackError, KeyError, OSError, ValueError) as error:
            out.problems.append(Problem(path, "altered", _said(error)))
            continue
        if record is not None:
            record.signatures, wrong = judged(checker, record, files, beside.get(path, ()), read)
            out.problems += wrong
            found.append(record)
    for path in (each for over, each in _over_nothing(beside, files)):
        out.problems.append(Problem(path, "altered", "it signs a file that is not there"))
    out.versions = {record.uid: record for record in found if record.kind == "version"}
    events = sorted((record for record in found if record.kind == "model"), key=lambda each: (each.stamp, each.path))
    out.events = {record.path: record for record in events}
    out.problems += _contradictions(out)
    return out


def judged(
    checker: Checker,
    record: Record,
    files: Mapping[str, File],
    beside: Iterable[str],
    read: Callable[[str], bytes],
) -> tuple[FileSignatures, list[Problem]]:
    """Return what the signatures beside a document are worth, and which of them are damaged.

    Args:
        checker: What checks them.
        record: The document.
        files: The files of the branch, by path.
        beside: The paths of its signatures.
        read: Returns the content of an object.
    """
    problems, contents = [], {}
    for path in beside:
        wrong = fault(path, files[path].mode)
        try:
            if wrong is not None:
                problems.append(Problem(path, "altered", wrong))
            else:
                contents[path] = read(files[path].oid)
        except NetworkError:
            raise
        except (GtrackError, KeyError, OSError) as error:
            problems.append(Problem(path, "altered", _said(error)))
    found = judge(checker, record.path, record.data, contents, by=record.address, stamp=record.stamp)
    # What is broken beside a good one proves nothing and disproves nothing.
    problems += [Problem(path, "altered", why, warning=found.good) for path, why in found.faults]
    return found, problems


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 of some bytes in hex."""
    return hashlib.sha256(data).hexdigest()


def _read_one(out: ModelRecords, path: str, kind: str, file: File, read: Callable[[str], bytes]) -> Record | None:
    wrong = fault(path, file.mode)
    if wrong is not None:
        raise ValueError(wrong)
    name = path.split("/", 2)[2]
    data = read(file.oid)
    if len(data) > DOCUMENT_BYTES:
        raise ValueError(f"it has {len(data):,} bytes; at most {DOCUMENT_BYTES:,} are read")
    known = names.parse_model_file(name)
    if known is None:
        raise ValueError("its name is none of this format")
    if known.number is not None and known.uid is not None:
        if data:
            raise ValueError("a claim of a number is an empty file, and this one is not")
        out.numbers.setdefault(known.number, []).append(known.uid)
        return None
    if known.digest is not None and known.digest != sha12(data):
        raise ValueError("its content does not match the digest in its name")
    body = yaml.load(data)
    if kind == "version":
        wrong_facts = version_faults(known.uid or "", out.name, body)
        if wrong_facts:
            raise ValueError("; ".join(wrong_facts))
        return Record(path, kind, name, file.oid, data, body, _stamp_of(body), known.uid or "")
    about = body.get("version")
    return Record(path, kind, name, file.oid, data, body, known.stamp or "", about if isinstance(about, str) else "")


def _contradictions(records: ModelRecords) -> Iterator[Problem]:
    """Yield what the files of a model say against each other."""
    present = {event.name for event in records.events.values()}
    first: dict[str, Record] = {}
    for event in records.events.values():
        again = first.setdefault(event.oid, event)
        if again is not event:
            what = f"it repeats {again.name} byte for byte: what was said, and signed, once holds once"
            yield Problem(event.path, "repeated", what)
        previous = event.body.get("previous")
        lacking = [name for name in previous if str(name) not in present] if isinstance(previous, list) else []
        for name in lacking[:_MOST_NAMED]:
            yield Problem(event.path, "missing", f"it was made after {str(name)[:80]}, which is not here")
    for number, uids in records.numbers.items():
        for uid in uids:
            if uid not in records.versions:
                what = f"it claims number {number} for a version that is not here"
                yield Problem(_number_path(records.name, number, uid), "missing", what)


def _number_path(model: str, number: int, uid: str) -> str:
    return f"{names.model_dir(model)}/{names.number_file(number, uid)}"


def _over_nothing(beside: Mapping[str, Sequence[str]], files: Mapping[str, File]) -> Iterator[tuple[str, str]]:
    for over, paths in beside.items():
        if over not in files:
            yield from ((over, path) for path in paths)


def _stamp_of(body: Mapping[str, object]) -> str:
    from gtrack.clock import iso_to_us, stamp

    try:
        return stamp(iso_to_us(str(body.get("registered"))))
    except (ValueError, OverflowError):
        return ""


def _said(error: BaseException) -> str:
    return error.message if isinstance(error, GtrackError) else str(error) or type(error).__name__
