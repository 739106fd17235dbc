"""Names of files on the branch: what they mean, built and parsed in one place.

A name follows from the file's content (``sha12``) or its origin (session and writer), so two writers cannot
mean different things by one path, and union needs no merge base.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gtrack.ids import is_run_id, sha12, slug, unslug

__all__ = [
    "EXPERIMENTS",
    "MODELS",
    "VIEWS",
    "ModelFile",
    "RunFile",
    "Segment",
    "console",
    "end",
    "event",
    "experiment_dir",
    "experiment_of_dir",
    "model_dir",
    "model_of_dir",
    "number_file",
    "parse_model_file",
    "parse_run_file",
    "parse_view_file",
    "run_dir",
    "segment",
    "split_path",
    "values",
    "version_file",
    "view_dir",
    "view_file",
    "view_of_dir",
]

EXPERIMENTS = "experiments"
"""The folder of what is said of experiments."""
MODELS = "models"
"""The folder of registered models."""
VIEWS = "views"
"""The folder of saved views."""

_MAX_PART = 255
_STAMP = r"(?P<stamp>[0-9]{8}T[0-9]{6}\.[0-9]{6}Z)"
_SHA = r"(?P<digest>[0-9a-f]{12})"
_ORIGIN = r"(?P<session>[0-9a-f]{8})-(?P<writer>[0-9a-f]{8})"
_RANGE = r"(?P<first>0|[1-9][0-9]{0,15})-(?P<count>0|[1-9][0-9]{0,15})"
# By what stands before the first "-", but for events.
_PATTERNS = {
    "end": re.compile(rf"end-{_STAMP}-{_SHA}\.yaml\Z"),
    "metrics": re.compile(rf"metrics-{_ORIGIN}-{_RANGE}\.parquet\Z"),
    "system": re.compile(rf"system-{_ORIGIN}-{_RANGE}\.parquet\Z"),
    "summary": re.compile(rf"summary-{_ORIGIN}-{_RANGE}\.yaml\Z"),
    "preview": re.compile(rf"preview-{_ORIGIN}-{_RANGE}\.parquet\Z"),
    "console": re.compile(rf"console-{_ORIGIN}\.log\.gz\Z"),
    "values": re.compile(rf"values-{_SHA}\.txt\Z"),
    "artifacts": re.compile(rf"artifacts-{_ORIGIN}-{_RANGE}\.yaml\Z"),
    "event": re.compile(rf"events/{_STAMP}-{_SHA}\.yaml\Z"),
}
_VIEW = re.compile(rf"{_STAMP}-{_SHA}\.yaml\Z")
_UID = r"(?P<uid>[0-9a-f]{32})"
_MODEL = {
    "version": re.compile(rf"versions/{_UID}\.yaml\Z"),
    # More digits than anybody counts to are no number: a claim must not be able to use up all that come after it.
    "number": re.compile(rf"numbers/(?P<number>[1-9][0-9]{{0,8}})-{_UID}\Z"),
    "event": re.compile(rf"events/{_STAMP}-{_SHA}\.yaml\Z"),
}


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A range of one writer's journal records: ``first`` to ``first + count``, the end excluded.

    An empty range stands for what a process logged beside metrics.
    """

    session: str
    writer: str
    first: int
    count: int

    @property
    def end(self) -> int:
        """The number of the first record after the segment."""
        return self.first + self.count

    def __str__(self) -> str:
        return f"{self.session}-{self.writer}-{self.first}-{self.count}"

    @classmethod
    def parse(cls, text: str) -> Segment | None:
        """Read what ``str()`` wrote; None when it is not a segment."""
        match = re.fullmatch(f"{_ORIGIN}-{_RANGE}", text)
        return cls(match["session"], match["writer"], int(match["first"]), int(match["count"])) if match else None


@dataclass(frozen=True, slots=True)
class RunFile:
    """What the name of a file in a run's folder says.

    Attributes:
        kind: ``run``, ``end``, ``metrics``, ``system``, ``summary``, ``preview``, ``console``, ``values``,
            ``artifacts`` or ``event``.
        name: The path below the run's folder.
        stamp: The stamp in the name, or None.
        digest: The ``sha12`` in the name, or None.
        session: The session in the name, or None.
        writer: The writer in the name, or None.
        segment: The range of journal records, or None.
    """

    kind: str
    name: str
    stamp: str | None = None
    digest: str | None = None
    session: str | None = None
    writer: str | None = None
    segment: Segment | None = None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What the name of a file in a registered model's folder says.

    Attributes:
        kind: ``version``, ``number`` (the claim that a number is that of a version) or ``event``.
        name: The path below the model's folder.
        uid: The version in the name, 32 hex digits, or None.
        number: The number in the name, 1 or more, or None.
        stamp: The stamp in the name, or None.
        digest: The ``sha12`` in the name, or None.
    """

    kind: str
    name: str
    uid: str | None = None
    number: int | None = None
    stamp: str | None = None
    digest: str | None = None


def run_dir(run_id: str) -> str:
    """Return the path of a run's folder on the branch."""
    return f"runs/{run_id[:2]}/{run_id}"


def experiment_dir(name: str) -> str | None:
    """Return the path of an experiment's folder on the branch; None for a name that no folder can have.

    Example:
        >>> experiment_dir("Churn 2026")
        'experiments/%43hurn%202026'
    """
    part = _folder_of(name)
    return None if part is None else f"{EXPERIMENTS}/{part}"


def experiment_of_dir(part: str) -> str | None:
    """Return the experiment that a folder below ``experiments/`` is about; None when it is not as gtrack names it."""
    return _name_of(part)


def model_dir(name: str) -> str | None:
    """Return the path of a registered model's folder on the branch; None for a name that no folder can have.

    Example:
        >>> model_dir("churn")
        'models/churn'
    """
    part = _folder_of(name)
    return None if part is None else f"{MODELS}/{part}"


def model_of_dir(part: str) -> str | None:
    """Return the model that a folder below ``models/`` is about; None when it is not as gtrack names it."""
    return _name_of(part)


def version_file(uid: str) -> str:
    """Return the name of the facts of a registered version, below the model's folder.

    Args:
        uid: The version, 32 hex digits.
    """
    return f"versions/{uid}.yaml"


def number_file(number: int, uid: str) -> str:
    """Return the name of the claim that a number is that of a version, below the model's folder.

    Args:
        number: The number, 1 or more.
        uid: The version, 32 hex digits.
    """
    return f"numbers/{number}-{uid}"


def parse_model_file(name: str) -> ModelFile | None:
    """Tell what a path below a registered model's folder means; None when it is not known to this format.

    Example:
        >>> parse_model_file("numbers/3-3f2a9c1d7b6e4a508c2f9e0d1a7b3c55").number
        3
    """
    for kind, pattern in _MODEL.items():
        match = pattern.match(name)
        if match is not None:
            found = match.groupdict()
            number = found.get("number")
            return ModelFile(
                kind, name, found.get("uid"), int(number) if number else None, found.get("stamp"), found.get("digest")
            )
    return None


def view_dir(name: str) -> str | None:
    """Return the path of a saved view's folder on the branch; None for a name that no folder can have.

    Example:
        >>> view_dir("best of churn")
        'views/best%20of%20churn'
    """
    part = _folder_of(name)
    return None if part is None else f"{VIEWS}/{part}"


def view_of_dir(part: str) -> str | None:
    """Return the view that a folder below ``views/`` is about; None when it is not as gtrack names it."""
    return _name_of(part)


def _folder_of(name: str) -> str | None:
    part = slug(name)
    return part if name.strip() and len(part) <= _MAX_PART else None


def _name_of(part: str) -> str | None:
    try:
        name = unslug(part)
    except UnicodeDecodeError:
        return None
    return name if _folder_of(name) == part else None


def view_file(stamp: str, content: bytes) -> str:
    """Return the name of a version of a saved view, below the view's folder."""
    return f"{stamp}-{sha12(content)}.yaml"


def parse_view_file(name: str) -> tuple[str, str] | None:
    """Return the stamp and the ``sha12`` in the name of a version of a saved view; None when it is none."""
    match = _VIEW.match(name)
    return (match["stamp"], match["digest"]) if match else None


def end(stamp: str, content: bytes) -> str:
    """Return the name of an end file."""
    return f"end-{stamp}-{sha12(content)}.yaml"


def event(stamp: str, content: bytes) -> str:
    """Return the name of an event, below the folder of what it is about."""
    return f"events/{stamp}-{sha12(content)}.yaml"


def segment(kind: str, seg: Segment) -> str:
    """Return the name of a file that holds one segment.

    Args:
        kind: ``metrics``, ``preview``, ``system``, ``summary`` or ``artifacts``.
        seg: The range.
    """
    return f"{kind}-{seg}.{'parquet' if kind in ('metrics', 'preview', 'system') else 'yaml'}"


def console(session: str, writer: str) -> str:
    """Return the name of a writer's console output."""
    return f"console-{session}-{writer}.log.gz"


def values(content: bytes) -> str:
    """Return the name of a long param or tag value."""
    return f"values-{sha12(content)}.txt"


def parse_run_file(name: str) -> RunFile | None:
    """Tell what a path below a run's folder means; None when it is not known to this format.

    Example:
        >>> parse_run_file("events/20261121T142530.123456Z-0123456789ab.yaml").kind
        'event'
    """
    if name == "run.yaml":
        return RunFile("run", name)
    kind = "event" if name.startswith("events/") else name.partition("-")[0]
    pattern = _PATTERNS.get(kind)
    match = pattern.match(name) if pattern is not None else None
    if match is None:
        return None
    found = match.groupdict()
    seg = None
    if "first" in found:
        seg = Segment(found["session"], found["writer"], int(found["first"]), int(found["count"]))
    return RunFile(kind, name, found.get("stamp"), found.get("digest"), found.get("session"), found.get("writer"), seg)


def split_path(path: str) -> tuple[str, str] | None:
    """Split ``runs/<id[:2]>/<id>/<name>`` into the run's id and the name; None for any other path."""
    parts = path.split("/", 3)
    if len(parts) != 4 or parts[0] != "runs" or not is_run_id(parts[2]) or parts[1] != parts[2][:2]:
        return None
    return parts[2], parts[3]
