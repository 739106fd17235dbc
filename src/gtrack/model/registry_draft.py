"""What is gathered while a registered model is folded, event by event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from gtrack.clock import stamp_to_us
from gtrack.model.fold import Document
from gtrack.model.registered import Approval, Deployment, Version
from gtrack.model.registry_history import AliasChange, Entry, entry_of, registration
from gtrack.model.registry_numbers import Numbers
from gtrack.model.registry_stages import Stages
from gtrack.model.state import Note

__all__ = ["Draft"]


class Draft:
    """What is gathered while folding. Facts about the model as a whole stand under None.

    Args:
        facts: The versions by uid, as their own files tell them.
    """

    def __init__(self, facts: Mapping[str, Version]) -> None:
        self.facts = facts
        self.stages = Stages({uid: version.author for uid, version in facts.items()})
        self.sound: list[Document] = []
        self.aliases: dict[str, str] = {}
        self.alias_changes: list[AliasChange] = []
        self.descriptions: dict[str | None, str | None] = {}
        self.tags: dict[str | None, dict[str, object]] = {}
        self.notes: dict[str | None, list[Note]] = {}
        self.metrics: dict[str, dict[str, float]] = {}
        self.deployments: dict[str, dict[str, Deployment]] = {}
        self.deleted: dict[str | None, bool] = {}
        self.outcomes: dict[str, Mapping[str, object]] = {}
        self.entries = [registration(version) for version in facts.values()]

    def add(self, doc: Document) -> None:
        """Take in a sound event; they come in the order of their stamps."""
        body, time, author = doc.body, _stamp_time(doc.stamp), _text(doc.body.get("author"))
        uid = body.get("version")
        version = uid if isinstance(uid, str) else None
        self.sound.append(doc)
        outcome: Mapping[str, object] = {}
        match body["kind"]:
            case "alias":
                outcome = self._point(doc, str(body["alias"]), version, time)
            case "stage":
                outcome = self.stages.promote(doc, time)
            case "approval":
                outcome = self.stages.approve(doc, time)
            case "note":
                self.notes.setdefault(version, []).append(Note(time, author, str(body["text"])))
            case "deployed":
                endpoint = str(body["endpoint"])
                self.deployments.setdefault(str(version), {})[endpoint] = Deployment(endpoint, author, time)
            case "metrics":
                self.metrics.setdefault(str(version), {}).update(cast("Mapping[str, float]", body["metrics"]))
            case "tag":
                known = self.tags.setdefault(version, {})
                for key, value in _map(body["tags"]).items():
                    known.pop(key, None)
                    if value is not None:
                        known[key] = value
            case "describe":
                self.descriptions[version] = _text(body["description"]) or None
            case "delete" | "restore" as kind:
                self.deleted[version] = kind == "delete"
        self.outcomes[doc.name] = outcome
        self.entries.append(entry_of(doc, time, outcome))

    def _point(self, doc: Document, alias: str, uid: str | None, time: int) -> Mapping[str, object]:
        before = self.aliases.pop(alias, None)
        if uid is not None:
            self.aliases[alias] = uid
        author, rollback = _text(doc.body.get("author")), doc.body.get("rollback") is True
        self.alias_changes.append(AliasChange(time, alias, uid, author, doc.name, rollback))
        return {"before": before}

    @property
    def history(self) -> list[Entry]:
        """What happened, in order; at one moment a registration comes first."""
        return sorted(self.entries, key=lambda entry: (entry.time, entry.kind != "registered", entry.file))

    def versions(self, claims: Numbers) -> Iterator[Version]:
        """Yield the versions with what was said of them."""
        pointing: dict[str, list[str]] = {}
        for alias, uid in self.aliases.items():
            pointing.setdefault(uid, []).append(alias)
        said: dict[str, list[Approval]] = {}
        for (uid, _), people in self.stages.approvals.items():
            said.setdefault(uid, []).extend(people.values())
        for uid, version in self.facts.items():
            yield replace(
                version,
                number=claims.by_uid.get(uid),
                claimed=claims.claimed.get(uid, ()),
                stage=self.stages.current.get(uid, "None"),
                pending=self.stages.pending.get(uid),
                aliases=tuple(sorted(pointing.get(uid, ()))),
                approvals=tuple(sorted(said.get(uid, ()), key=lambda each: (each.time, each.event))),
                metrics=self.metrics.get(uid, {}),
                tags=self.tags.get(uid, {}),
                deployments=tuple(self.deployments.get(uid, {}).values()),
                notes=tuple(self.notes.get(uid, ())),
                description=self.descriptions.get(uid, version.description),
                deleted=self.deleted.get(uid, False),
            )


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _stamp_time(text: str) -> int:
    try:
        return stamp_to_us(text)
    except (ValueError, OverflowError):
        return 0
