"""The stages of a model's versions over time: promotions, the approvals that they wait for, and what they replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gtrack.clock import iso
from gtrack.model.fold import Document
from gtrack.model.registered import Approval, Promotion
from gtrack.model.registry_events import person

__all__ = ["EXCLUSIVE", "StageChange", "Stages", "counted"]

EXCLUSIVE = ("Staging", "Production")
"""The stages whose versions make room for one that comes, unless they are to be kept."""


@dataclass(frozen=True, slots=True)
class StageChange:
    """A version that came into a stage.

    Attributes:
        time: When, in microseconds since the epoch.
        uid: The version.
        stage: The stage.
        before: The stage it was in.
        author: Who promoted it.
        event: The name of the event that brought it about: a promotion, or the approval that completed one.
        approved: Whose approvals counted.
        replaced_by: The version that took its place, where it was archived by another's promotion; else None.
        rollback: A rollback wrote it.
        reason: Why, or None.
    """

    time: int
    uid: str
    stage: str
    before: str
    author: str
    event: str
    approved: tuple[str, ...] = ()
    replaced_by: str | None = None
    rollback: bool = False
    reason: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {
            "time": iso(self.time),
            "version": self.uid,
            "stage": self.stage,
            "before": self.before,
            "author": self.author,
            "approved": list(self.approved),
            "replaced_by": self.replaced_by,
            "rollback": self.rollback,
            "reason": self.reason,
        }


@dataclass(slots=True)
class Stages:
    """The stages as events change them, one after the other.

    Attributes:
        authors: Who registered each version: nobody approves a version of his own.
        current: The stage of each version that has one.
        pending: The promotions that wait for approvals, by version.
        approvals: Each person's latest word by version and stage, then by person.
        changes: What took effect, in order.
    """

    authors: Mapping[str, str]
    current: dict[str, str] = field(default_factory=dict)
    pending: dict[str, Promotion] = field(default_factory=dict)
    approvals: dict[tuple[str, str], dict[str, Approval]] = field(default_factory=dict)
    changes: list[StageChange] = field(default_factory=list)

    def promote(self, doc: Document, time: int) -> dict[str, object]:
        """Take in an event of the kind ``stage``; return what it came to."""
        uid, stage, needs = str(doc.body["version"]), str(doc.body["stage"]), doc.body.get("needs")
        asked = Promotion(
            uid,
            stage,
            needs if isinstance(needs, int) else 0,
            _text(doc.body.get("author")),
            time,
            doc.name,
            keep=doc.body.get("keep") is True,
            rollback=doc.body.get("rollback") is True,
            reason=_text(doc.body.get("reason")) or None,
        )
        superseded = self.pending.pop(uid, None)
        out: dict[str, object] = {} if superseded is None else {"superseded": superseded.event}
        return out | self._settle(asked, time, doc.name)

    def approve(self, doc: Document, time: int) -> dict[str, object]:
        """Take in an event of the kind ``approval``; return what it came to."""
        uid, stage = str(doc.body["version"]), str(doc.body["stage"])
        author, verdict = _text(doc.body.get("author")), str(doc.body["verdict"])
        said = Approval(stage, verdict, author, time, doc.name, _text(doc.body.get("reason")) or None)
        self.approvals.setdefault((uid, stage), {})[person(author)] = said
        waiting = self.pending.get(uid)
        if waiting is None or waiting.stage != stage:
            return {}
        if verdict == "reject":
            del self.pending[uid]
            return {"ended": waiting.event}
        return self._settle(waiting, time, doc.name)

    def _settle(self, asked: Promotion, time: int, event: str) -> dict[str, object]:
        """Let a promotion take effect where it has enough approvals, else wait."""
        said = self.approvals.get((asked.uid, asked.stage), {})
        approved = counted(said, asked.author, self.authors.get(asked.uid, ""))
        asked = replace(asked, approved=approved)
        if len(approved) < asked.needs:
            self.pending[asked.uid] = asked
            return {"pending": True, "needs": asked.needs, "approved": list(approved)}
        self.pending.pop(asked.uid, None)
        return self._take_effect(asked, time, event)

    def _take_effect(self, asked: Promotion, time: int, event: str) -> dict[str, object]:
        uid, stage = asked.uid, asked.stage
        before = self.current.get(uid, "None")
        replaced: list[str] = []
        if stage in EXCLUSIVE and not asked.keep:
            replaced = sorted(other for other, its in self.current.items() if its == stage and other != uid)
        for other in replaced:
            self.current[other] = "Archived"
            self.changes.append(StageChange(time, other, "Archived", stage, asked.author, event, replaced_by=uid))
        self.current[uid] = stage
        self.changes.append(
            StageChange(
                time,
                uid,
                stage,
                before,
                asked.author,
                event,
                asked.approved,
                rollback=asked.rollback,
                reason=asked.reason,
            )
        )
        return {
            "effective": True,
            "keep": asked.keep,
            "promotion": asked.event,
            "before": before,
            "archived": replaced,
            "approved": list(asked.approved),
        }


def counted(said: Mapping[str, Approval], promoter: str, author: str) -> tuple[str, ...]:
    """Return whose approvals count: each person's latest word, but not the promoter's nor the version's author's.

    Args:
        said: What was said, by person.
        promoter: Who promoted the version.
        author: Who registered it.
    """
    own = {person(promoter), person(author)}
    return tuple(
        approval.author
        for who, approval in sorted(said.items(), key=lambda item: (item[1].time, item[0]))
        if approval.verdict == "approve" and who not in own
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
