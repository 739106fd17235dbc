"""The fold of a run: from the set of its files to its current state.

A pure function of the set of documents and the horizon: order does not matter, nothing is read. Documents are
write-once; the later stamp wins per key, notes accumulate, a later session supersedes an earlier one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gtrack.clock import iso_to_us, stamp_to_us
from gtrack.ids import run_name
from gtrack.model.concurrent import concurrent_edits
from gtrack.model.sessions import Session, order_sessions
from gtrack.model.state import Note, RunState, SessionState
from gtrack.model.summary import MetricSummary, merge

__all__ = ["Document", "fold_run", "merge_params", "sessions_of"]


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file of a run.

    Attributes:
        kind: ``run``, ``end``, ``summary`` or ``event``.
        name: The path below the run's folder.
        body: The parsed content.
        stamp: The stamp in the name (ends and events), or "".
        session: The session in the name (summaries), or None.
    """

    kind: str
    name: str
    body: Mapping[str, object]
    stamp: str = ""
    session: str | None = None

    @property
    def order(self) -> tuple[str, str]:
        """Where the document stands among the others: by stamp, then by digest, both in the name."""
        return self.stamp, self.name


@dataclass(slots=True)
class _Draft:
    """What is gathered while folding."""

    name: str
    experiment: str
    params: dict[str, object] = field(default_factory=dict)
    tags: dict[str, object] = field(default_factory=dict)
    goals: dict[str, object] = field(default_factory=dict)
    notes: set[Note] = field(default_factory=set)
    seed: dict[str, object] = field(default_factory=dict)
    data: dict[str, object] = field(default_factory=dict)
    uses: dict[str, object] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    policy: Mapping[str, object] | None = None
    deleted: bool = False


def fold_run(run_id: str, documents: Iterable[Document], *, horizon: str | None = None) -> RunState:
    """Fold a run's documents into its state.

    Args:
        run_id: The run's id.
        documents: The run's documents, in any order; the same file twice counts once.
        horizon: Events with a later stamp are listed as ``future`` and not folded. None folds all.

    Returns:
        The state; its status is ``running`` when no end is among the documents.
    """
    first, events, later = _sorted(documents)
    future = tuple(doc.name for doc in events if horizon is not None and doc.stamp > horizon)
    hidden = frozenset(future)
    events = [doc for doc in events if doc.name not in hidden]

    sessions = order_sessions(first, events, later)
    author = _text(first.get("author"))
    draft = _Draft(name=_text(first.get("name")) or run_name(run_id), experiment=_text(first.get("experiment")))
    draft.policy = _started_under(first)
    _add_logged(draft, first, author)
    for session in sessions:
        if session.facts is not first:
            _add_logged(draft, session.facts, author)
        for doc in session.documents:
            _add_logged(draft, doc.body, author)
            # A process that joined a run whose creator said nothing may have chosen these.
            draft.name = _text(doc.body.get("name")) or draft.name
            draft.experiment = _text(doc.body.get("experiment")) or draft.experiment
        for doc, _ in session.counted():
            _add_rejected(draft, doc.body)
    for doc in _by_stamp(later, events):
        _apply(draft, doc)

    decisive = [s for s in sessions if not s.appended]
    last = decisive[-1] if decisive else None
    closing = last.end.body if last is not None and last.end is not None else {}
    return RunState(
        id=run_id,
        name=draft.name,
        experiment=draft.experiment or "default",
        status=_text(closing.get("status")) or "running",
        started=_time(first.get("started")),
        ended=_time(closing.get("ended")),
        parent=_text(first.get("parent")) or None,
        group=_text(first.get("group")) or None,
        author=author,
        by=_text(closing.get("by")) or None,
        error=_map(closing.get("error")) or None,
        params=draft.params,
        tags={key: draft.tags[key] for key in sorted(draft.tags)},
        notes=tuple(sorted(draft.notes, key=lambda n: (n.time, n.author, n.text))),
        metrics=_metrics(sessions, draft.goals),
        rejected=draft.rejected,
        code=_map(first.get("code")),
        data=tuple(draft.data.values()),
        environment=_map(first.get("environment")),
        seed=draft.seed,
        uses=tuple(draft.uses.values()),
        sessions=tuple(_session_state(s, sessions) for s in sessions),
        deleted=draft.deleted,
        last_heard=_last_heard(first, later, events),
        future=future,
        concurrent=concurrent_edits(events),
        policy=draft.policy,
    )


def sessions_of(documents: Iterable[Document]) -> list[Session]:
    """Return the sessions of a run in their order, with the documents that belong to each."""
    return order_sessions(*_sorted(documents))


def merge_params(base: dict[str, object], more: Mapping[str, object]) -> dict[str, object]:
    """Merge nested params into ``base`` leaf by leaf and return it; the later value stands."""
    for key, value in more.items():
        present = base.get(key)
        if isinstance(present, dict) and isinstance(value, Mapping):
            base[key] = merge_params(dict(present), value)
        else:
            base[key] = value
    return base


def _sorted(documents: Iterable[Document]) -> tuple[Mapping[str, object], list[Document], list[Document]]:
    """Return the body of run.yaml, the events, and the ends and summaries, each file once and in order."""
    unique = {(doc.kind, doc.name): doc for doc in documents}
    ordered = sorted(unique.values(), key=lambda doc: doc.order)
    first = next((doc.body for doc in ordered if doc.kind == "run"), {})
    events = [doc for doc in ordered if doc.kind == "event"]
    return first, events, [doc for doc in ordered if doc.kind in ("end", "summary")]


def _add_logged(draft: _Draft, body: Mapping[str, object], author: str) -> None:
    """Take in what a run itself logged: params, notes, inputs, goals, refused values. Tags go by stamp."""
    draft.name = _text(body.get("name")) or draft.name
    draft.experiment = _text(body.get("experiment")) or draft.experiment
    merge_params(draft.params, _map(body.get("params")))
    if "session" in body and "id" in body:
        draft.tags.update(_map(body.get("tags")))
    draft.goals.update(_map(body.get("goals")))
    draft.seed.update(_map(body.get("seed")))
    for key in ("data", "uses"):
        known: dict[str, object] = getattr(draft, key)
        for item in _list(body.get(key)):
            known.setdefault(json.dumps(item, sort_keys=True), item)
    for item in _list(body.get("notes")):
        if isinstance(item, Mapping):
            draft.notes.add(Note(_time(item.get("time")) or 0, author, _note_text(item)))


def _add_rejected(draft: _Draft, body: Mapping[str, object]) -> None:
    for key, count in _map(body.get("rejected")).items():
        if isinstance(count, int):
            draft.rejected[key] = draft.rejected.get(key, 0) + count


def _note_text(note: Mapping[str, object]) -> str:
    """Return a note's text; a long one, or a list of very many, stands in a file of its own."""
    text = note.get("text", note)
    if isinstance(text, Mapping):
        return f"({text.get('bytes')} bytes in {text.get('$values')})"
    return _text(text)


def _by_stamp(later: list[Document], events: list[Document]) -> list[Document]:
    return sorted([*later, *events], key=lambda doc: doc.order)


def _apply(draft: _Draft, doc: Document) -> None:
    """Apply one later fact; documents come in the order of their stamps."""
    body = doc.body
    if doc.kind != "event":
        draft.tags.update(_map(body.get("tags")))
        return
    match body.get("kind"):
        case "attempt":
            draft.tags.update(_map(body.get("tags")))
        case "tag":
            for key, value in _map(body.get("tags")).items():
                if value is None:
                    draft.tags.pop(key, None)
                else:
                    draft.tags[key] = value
        case "note":
            draft.notes.add(Note(_stamp_time(doc.stamp) or 0, _text(body.get("author")), _text(body.get("text"))))
        case "rename":
            draft.name = _text(body.get("name")) or draft.name
        case "move":
            draft.experiment = _text(body.get("experiment")) or draft.experiment
        case "goal":
            draft.goals.update(_map(body.get("goals")))
        case "policy":
            draft.policy = _judged(body) or draft.policy
        case "delete":
            draft.deleted = True
        case "restore":
            draft.deleted = False


def _judged(body: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return what an event says of the team's policy; None where that is nothing."""
    verdict, bypass = body.get("verdict"), _map(body.get("bypass"))
    if verdict not in ("passed", "violated"):
        return None
    said = {"verdict": verdict, "violations": _list(body.get("violations")), "policy": _text(body.get("policy"))}
    return {**said, "bypass": dict(bypass)} if bypass else said


def _started_under(first: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return what a run's start says of the policy: it says something where that was bypassed."""
    said = _map(first.get("policy"))
    bypass = _map(said.get("bypass"))
    if not bypass.get("violations"):
        return None
    return _judged({**said, "verdict": "violated", "violations": bypass.get("violations")})


def _metrics(sessions: list[Session], goals: Mapping[str, object]) -> dict[str, MetricSummary]:
    """Per key the summary of the last session that logged it: it includes what it keeps of the earlier ones."""
    current: dict[str, MetricSummary] = {}
    for session in sessions:
        for key, parts in session.summaries().items():
            current[key] = merge(parts)
    out = {}
    for key in sorted(current):
        goal = goals.get(key)
        summary = current[key]
        out[key] = _with_goal(summary, goal) if goal in ("min", "max") else summary
    return out


def _with_goal(summary: MetricSummary, goal: object) -> MetricSummary:
    from dataclasses import replace

    return replace(summary, goal=str(goal))


def _session_state(session: Session, sessions: list[Session]) -> SessionState:
    end = session.end.body if session.end is not None else {}
    rivals = [s for s in sessions if s.previous == session.previous and s.previous is not None and not s.appended]
    return SessionState(
        id=session.id,
        previous=session.previous,
        started=_time(session.facts.get("started")),
        ended=_time(end.get("ended")),
        status=_text(end.get("status")) or None,
        fork=len(rivals) > 1 and not session.appended,
        details={} if session.previous is None else dict(session.facts),
    )


def _last_heard(first: Mapping[str, object], later: list[Document], events: list[Document]) -> int | None:
    told = [first.get("started")]
    for doc in later:
        told.append(doc.body.get("ended"))
        told.extend(_map(entry).get("time") for entry in _map(doc.body.get("metrics")).values())
    # Metrics that are logged together have one time.
    times = [_time(text) for text in {text for text in told if isinstance(text, str)}]
    times.extend(_stamp_time(doc.stamp) for doc in events if doc.body.get("kind") == "attempt")
    return max((t for t in times if t is not None), default=None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _map(value: object) -> Mapping[str, object]:
    # A dict is seen to be one in a fifth of the time.
    return value if type(value) is dict or isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _time(value: object) -> int | None:
    try:
        return iso_to_us(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def _stamp_time(text: str) -> int | None:
    try:
        return stamp_to_us(text)
    except (ValueError, OverflowError):
        return None
