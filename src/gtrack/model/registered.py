"""A version of a registered model: its write-once facts, and what is said of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.clock import iso, iso_to_us
from gtrack.ids import SHORT, is_run_id
from gtrack.model.state import Note
from gtrack.model.version_name import is_uid, model_name_fault

__all__ = [
    "Approval",
    "Deployment",
    "ModelFile",
    "Promotion",
    "Version",
    "VersionDocument",
    "digest_of",
    "read_version",
    "version_faults",
]

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a version: its path below the version's own, its size in bytes, the SHA-256 of its content."""

    path: str
    size: int
    sha256: str

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {"path": self.path, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class VersionDocument:
    """A file with the facts of a version.

    Attributes:
        uid: The version in its name.
        body: What it holds.
        sha256: The SHA-256 of its bytes: what approvals and promotions pin.
    """

    uid: str
    body: Mapping[str, object]
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody said to a version's promotion into a stage.

    Attributes:
        stage: The stage.
        verdict: ``approve`` or ``reject``.
        author: Who said it, ``Name <email>``.
        time: When, in microseconds since the epoch.
        event: The name of its event.
        reason: Why, or None.
    """

    stage: str
    verdict: str
    author: str
    time: int
    event: str
    reason: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {
            "stage": self.stage,
            "verdict": self.verdict,
            "author": self.author,
            "time": iso(self.time),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion that waits for approvals.

    Attributes:
        uid: The version.
        stage: The stage that it is to come into.
        needs: How many approvals it needs.
        author: Who promoted it.
        time: When, in microseconds since the epoch.
        event: The name of its event.
        keep: Others in that stage stay there.
        rollback: A rollback wrote it.
        reason: Why, or None.
        approved: Who has approved it so far, and counts.
    """

    uid: str
    stage: str
    needs: int
    author: str
    time: int
    event: str
    keep: bool = False
    rollback: bool = False
    reason: str | None = None
    approved: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {
            "version": self.uid,
            "stage": self.stage,
            "needs": self.needs,
            "approved": list(self.approved),
            "author": self.author,
            "time": iso(self.time),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where a version was put into service: the endpoint, by whom, when (us since the epoch)."""

    endpoint: str
    author: str
    time: int

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {"endpoint": self.endpoint, "author": self.author, "time": iso(self.time)}


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version, as of the files it was folded from.

    Attributes:
        model: The model's name.
        uid: What it is known by everywhere and for ever, 32 hex digits.
        run: The id of the run that made it, or None.
        path: The folder or file among the run's artifacts.
        digest: The SHA-256 over the listing of its files; see :func:`digest_of`.
        files: They, by path.
        flavors: What can load it, as its ``MLmodel`` says.
        signature: Its inputs and outputs, as its ``MLmodel`` says, or None.
        gate: The condition that it was registered under, and the verdict; or None.
        registered: When, in microseconds since the epoch; None where that cannot be read.
        author: By whom, ``Name <email>``.
        description: What it is, or None.
        bypass: Why a policy was passed over when it was registered, or None.
        sha256: The SHA-256 of the file that holds these facts.
        number: Its number; None until one was claimed, and while two versions claim it.
        local: The number that it has in this clone alone, where there is no remote; else None.
        claimed: All numbers that were claimed for it.
        stage: One of :data:`gtrack.model.version_name.STAGES`.
        pending: The promotion that waits for approvals, or None.
        aliases: The aliases that point at it.
        approvals: What was said to its promotions, each person's latest word for each stage.
        metrics: What was measured later, such as in service.
        tags: Its tags.
        deployments: Where it was put into service, the latest for each endpoint.
        notes: Remarks.
        deleted: It is hidden.
    """

    model: str
    uid: str
    run: str | None
    path: str
    digest: str = field(repr=False)
    files: tuple[ModelFile, ...] = field(default=(), repr=False)
    flavors: tuple[str, ...] = field(default=(), repr=False)
    signature: Mapping[str, object] | None = field(default=None, repr=False)
    gate: Mapping[str, object] | None = field(default=None, repr=False)
    registered: int | None = field(default=None, repr=False)
    author: str = field(default="", repr=False)
    description: str | None = field(default=None, repr=False)
    bypass: Mapping[str, object] | None = field(default=None, repr=False)
    sha256: str = field(default="", repr=False)
    number: int | None = None
    local: int | None = None
    claimed: tuple[int, ...] = field(default=(), repr=False)
    stage: str = "None"
    pending: Promotion | None = field(default=None, repr=False)
    aliases: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = field(default=(), repr=False)
    metrics: Mapping[str, float] = field(default_factory=dict, repr=False)
    tags: Mapping[str, object] = field(default_factory=dict, repr=False)
    deployments: tuple[Deployment, ...] = field(default=(), repr=False)
    notes: tuple[Note, ...] = field(default=(), repr=False)
    deleted: bool = False

    @property
    def short(self) -> str:
        """What it is called before it has a number: ``~9c1d7b6``."""
        return f"~{self.uid[:SHORT]}"

    @property
    def label(self) -> str:
        """What it is called among the model's versions: ``3``, ``1 (local)`` or ``~9c1d7b6``."""
        if self.number is not None:
            return str(self.number)
        return self.short if self.local is None else f"{self.local} (local)"

    @property
    def name(self) -> str:
        """What to type for it: ``churn/3`` or ``churn/~9c1d7b6``."""
        return f"{self.model}/{self.number or self.local or self.short}"

    @property
    def size(self) -> int:
        """The bytes of its files together."""
        return sum(file.size for file in self.files)

    def to_dict(self) -> dict[str, object]:
        """Return it as a map, with the field names of its file and what is said of it."""
        return {
            "model": self.model,
            "version": self.label,
            "number": self.number,
            "uid": self.uid,
            "run": self.run,
            "path": self.path,
            "digest": self.digest,
            "files": [file.to_dict() for file in self.files],
            "flavors": list(self.flavors),
            "signature": self.signature,
            "gate": self.gate,
            "registered": None if self.registered is None else iso(self.registered),
            "author": self.author or None,
            "description": self.description,
            "bypass": self.bypass,
            "stage": self.stage,
            "pending": None if self.pending is None else self.pending.to_dict(),
            "aliases": list(self.aliases),
            "approvals": [approval.to_dict() for approval in self.approvals],
            "metrics": dict(self.metrics),
            "tags": dict(self.tags),
            "deployments": [deployment.to_dict() for deployment in self.deployments],
            "notes": [note.to_dict() for note in self.notes],
            "deleted": self.deleted,
        }


def digest_of(files: Iterable[ModelFile]) -> str:
    """Return the digest of a version: the SHA-256 over one line ``sha256  size  path`` for each file, by path.

    The order is that of the paths' bytes, so that ``sort`` in the C locale makes the same.

    Args:
        files: Its files.

    Example:
        >>> digest_of([ModelFile("model.skops", 3, "ab" * 32)])[:12]
        'b240556e5bc8'
    """
    ordered = sorted(files, key=lambda file: file.path.encode("utf-8", "surrogatepass"))
    lines = "".join(f"{file.sha256}  {file.size}  {file.path}\n" for file in ordered)
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


def version_faults(uid: str, model: str, body: Mapping[str, object]) -> list[str]:
    """Return why a document does not hold the facts of a version; nothing when it does.

    Args:
        uid: The version in the file's name.
        model: The model in whose folder it is.
        body: What it holds.
    """
    out = []
    version = body.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        out.append("its format is not 1")
    elif version > 1:
        return [f"it is of format {version}, which a newer gtrack wrote"]
    if body.get("uid") != uid or not is_uid(uid):
        out.append("it names another version")
    if body.get("model") != model or model_name_fault(model) is not None:
        out.append("it names another model")
    run = body.get("run")
    if run is not None and not (isinstance(run, str) and is_run_id(run)):
        out.append("its run is not 32 hex digits or null")
    if not isinstance(body.get("path"), str):
        out.append("its path is not text")
    files = _files(body.get("files"))
    if files is None:
        out.append("its files are not a list of path, size and sha256")
    elif body.get("digest") != digest_of(files):
        out.append("its digest is not that of its files")
    return out


def read_version(document: VersionDocument, model: str) -> Version:
    """Return the facts of a version; nothing is known of it yet beside them.

    Args:
        document: Its file, in which :func:`version_faults` found nothing.
        model: The model.
    """
    body = document.body
    run, flavors = body.get("run"), body.get("flavors")
    return Version(
        model=model,
        uid=document.uid,
        run=run if isinstance(run, str) else None,
        path=str(body["path"]),
        digest=str(body["digest"]),
        files=_files(body.get("files")) or (),
        flavors=tuple(item for item in flavors if isinstance(item, str)) if isinstance(flavors, list) else (),
        signature=_map(body.get("signature")),
        gate=_map(body.get("gate")),
        registered=_time(body.get("registered")),
        author=_text(body.get("author")) or "",
        description=_text(body.get("description")),
        bypass=_map(body.get("bypass")),
        sha256=document.sha256,
    )


def _files(value: object) -> tuple[ModelFile, ...] | None:
    """Return the files that a document lists; None when it lists none, or one that cannot be."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    out = []
    for item in value:
        if not isinstance(item, Mapping):
            return None
        path, size, sha256 = item.get("path"), item.get("size"), item.get("sha256")
        sound = isinstance(path, str) and isinstance(sha256, str) and len(sha256) == 64 and _HEX.issuperset(sha256)
        if not sound or not isinstance(size, int) or isinstance(size, bool) or size < 0:
            return None
        out.append(ModelFile(str(path), size, str(sha256)))
    return tuple(out) if len({file.path for file in out}) == len(out) else None


def _map(value: object) -> Mapping[str, object] | None:
    return value if isinstance(value, Mapping) and value else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: object) -> int | None:
    try:
        return iso_to_us(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
