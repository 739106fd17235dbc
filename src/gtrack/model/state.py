"""The current state of a run, as a fold of its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gtrack.clock import iso
from gtrack.model.summary import MetricSummary

__all__ = ["STATUSES", "Note", "RunState", "SessionState"]

STATUSES = ("running", "lost", "finished", "failed", "killed", "preempted")
"""Every status a run can show; the last four are recorded, the first two are concluded."""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark somebody made about a run: when (us since the epoch), who, and what."""

    time: int
    author: str
    text: str

    def to_dict(self) -> dict[str, object]:
        """Return the note as a map."""
        return {"time": iso(self.time), "author": self.author, "text": self.text}


@dataclass(frozen=True, slots=True)
class SessionState:
    """One start or resume of a run.

    Attributes:
        id: The session's id.
        previous: The session it resumed, or None.
        started: Microseconds since the epoch, or None when not known.
        ended: Microseconds since the epoch, or None while it runs.
        status: The recorded status; None while it runs, and for a session that only added values.
        fork: Another session resumed from the same point.
        details: The attempt's own facts (code, environment, host, command, from_step), where it is a resume.
    """

    id: str
    previous: str | None = None
    started: int | None = None
    ended: int | None = None
    status: str | None = None
    fork: bool = False
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunState:
    """What a run is, as of the files it was folded from. Times are microseconds since the epoch (UTC).

    Attributes that explain themselves are left out here.

    Attributes:
        policy: The team's policy about it, as last judged: ``verdict`` (``passed`` or ``violated``), ``violations``,
            ``policy`` (where it stands), and ``bypass`` where there was one; None where nobody judged.
        last_heard: The last sign of life.
        future: Events of a time that has not come; they count for nothing yet.
        concurrent: What was edited at the same time in clones that did not know of each other, and differently.
        problems: What was passed over, and why.
    """

    id: str
    name: str
    experiment: str
    status: str
    started: int | None = None
    ended: int | None = None
    parent: str | None = None
    group: str | None = None
    author: str = ""
    by: str | None = None
    error: Mapping[str, object] | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    metrics: Mapping[str, MetricSummary] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    code: Mapping[str, object] = field(default_factory=dict)
    data: tuple[object, ...] = ()
    environment: Mapping[str, object] = field(default_factory=dict)
    seed: Mapping[str, object] = field(default_factory=dict)
    uses: tuple[object, ...] = ()
    sessions: tuple[SessionState, ...] = ()
    deleted: bool = False
    live: bool = False
    last_heard: int | None = None
    future: tuple[str, ...] = ()
    concurrent: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    policy: Mapping[str, object] | None = None

    @property
    def duration(self) -> float | None:
        """Seconds from start to end, or to the last sign of life of a run that has not ended."""
        until = self.ended if self.ended is not None else self.last_heard
        if self.started is None or until is None:
            return None
        return max(0.0, (until - self.started) / 1e6)

    def to_dict(self) -> dict[str, object]:
        """Return the state with the field names of run.yaml and end.yaml."""
        out: dict[str, object] = {
            "id": self.id,
            "name": self.name,
            "experiment": self.experiment,
            "status": self.status,
            "started": _iso(self.started),
            "ended": _iso(self.ended),
            "duration": self.duration,
            "parent": self.parent,
            "group": self.group,
            "author": self.author,
            "by": self.by,
            "error": self.error,
            "params": dict(self.params),
            "tags": dict(self.tags),
            "metrics": {key: summary.to_dict() for key, summary in self.metrics.items()},
            "rejected": dict(self.rejected),
            "notes": [note.to_dict() for note in self.notes],
            "code": dict(self.code),
            "data": list(self.data),
            "environment": dict(self.environment),
            "seed": dict(self.seed),
            "uses": list(self.uses),
            "sessions": [_session(session) for session in self.sessions],
        }
        for name, value in (("deleted", self.deleted), ("live", self.live)):
            if value:
                out[name] = True
        if self.policy is not None:
            out["policy"] = dict(self.policy)
        if self.last_heard is not None and self.ended is None:
            out["last_heard"] = _iso(self.last_heard)
        if self.future:
            out["future"] = list(self.future)
        if self.concurrent:
            out["concurrent"] = list(self.concurrent)
        if self.problems:
            out["problems"] = list(self.problems)
        return out


def _iso(us: int | None) -> str | None:
    return None if us is None else iso(us)


def _session(session: SessionState) -> dict[str, object]:
    out: dict[str, object] = {
        "id": session.id,
        "previous": session.previous,
        "started": _iso(session.started),
        "ended": _iso(session.ended),
        "status": session.status,
    }
    if session.fork:
        out["fork"] = True
    if session.details:
        out["details"] = dict(session.details)
    return out
