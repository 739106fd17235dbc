"""What happened to a registered model, in order: its audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gtrack.clock import iso
from gtrack.model.fold import Document
from gtrack.model.registered import Version
from gtrack.model.registry_events import MODEL_FIELDS

__all__ = ["AliasChange", "Entry", "entry_of", "registration"]


@dataclass(frozen=True, slots=True)
class AliasChange:
    """An alias that was pointed at a version, or taken away.

    Attributes:
        time: When, in microseconds since the epoch.
        alias: The alias.
        uid: The version, or None where it was taken away.
        author: By whom.
        event: The name of its event.
        rollback: A rollback wrote it.
    """

    time: int
    alias: str
    uid: str | None
    author: str
    event: str
    rollback: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {
            "time": iso(self.time),
            "alias": self.alias,
            "version": self.uid,
            "author": self.author,
            "rollback": self.rollback,
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a model's history.

    Attributes:
        time: When, in microseconds since the epoch; 0 where that cannot be read.
        author: Who, ``Name <email>``.
        kind: ``registered``, or the kind of the event.
        file: The file below the model's folder that says so.
        version: The uid of the version that it is about, or None.
        said: The event's own fields, such as ``alias``, ``stage``, ``needs``, ``text``.
        outcome: What it came to: ``effective``, ``pending``, ``approved``, ``archived``, ``before``, ``ended``.
        reason: Why, or None.
        bypass: Why a policy was passed over, and what it said; or None.
    """

    time: int
    author: str
    kind: str
    file: str
    version: str | None = None
    said: Mapping[str, object] = field(default_factory=dict)
    outcome: Mapping[str, object] = field(default_factory=dict)
    reason: str | None = None
    bypass: Mapping[str, object] | None = None

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {
            "time": iso(self.time),
            "author": self.author,
            "kind": self.kind,
            "file": self.file,
            "version": self.version,
            **{key: value for key, value in self.said.items() if key != "version"},
            "outcome": dict(self.outcome),
            "reason": self.reason,
            "bypass": self.bypass,
        }


def entry_of(doc: Document, time: int, outcome: Mapping[str, object]) -> Entry:
    """Return the line of a sound event.

    Args:
        doc: The event.
        time: Its stamp, in microseconds since the epoch.
        outcome: What it came to.
    """
    kind = str(doc.body["kind"])
    fields = (key for key in MODEL_FIELDS[kind] if key not in ("version", "reason", "bypass", "pins"))
    version, author, reason, bypass = (doc.body.get(key) for key in ("version", "author", "reason", "bypass"))
    return Entry(
        time,
        author if isinstance(author, str) else "",
        kind,
        doc.name,
        version if isinstance(version, str) else None,
        {key: doc.body[key] for key in fields if key in doc.body},
        outcome,
        reason if isinstance(reason, str) and reason else None,
        bypass if isinstance(bypass, Mapping) else None,
    )


def registration(version: Version) -> Entry:
    """Return the line of a version's registration."""
    said = {"run": version.run, "path": version.path, "description": version.description, "gate": version.gate}
    file = f"versions/{version.uid}.yaml"
    time = version.registered or 0
    return Entry(time, version.author, "registered", file, version.uid, said, bypass=version.bypass)
