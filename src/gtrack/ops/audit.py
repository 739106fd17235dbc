"""The audit trail of a run: who did what to it and when, a sentence for each of its documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gtrack.clock import iso, iso_to_us, stamp_to_us
from gtrack.model.fold import Document
from gtrack.text import clean

__all__ = ["AuditEntry", "audit_trail"]

_LONGEST = 300
_LONGEST_VALUE = 80
_MOST_TAGS = 20
_CLOSING = {"finished": "finish", "failed": "fail"}
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done to a run. Its texts are safe to print, and none is long.

    Attributes:
        time: When, in microseconds since the epoch; None where that is not known.
        author: Who did it; empty where that is not recorded, as of a resume, or nobody in particular did: a killed run
            is recorded by whichever command finds it.
        kind: ``start``, ``end``, ``segment``, or the kind of an event: ``tag``, ``note``, ``rename``, ``attempt``, ...
        sentence: What it changed, such as ``tag stage=prod (was staging)``.
        path: The file that says so.
        stamp: The stamp in the file's name; empty where it has none.
        future: It is of a time that has not come, and counts for nothing yet.
    """

    time: int | None
    author: str
    kind: str
    sentence: str
    path: str
    stamp: str = ""
    future: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return the entry as a map."""
        out: dict[str, object] = {
            "time": None if self.time is None else iso(self.time),
            "author": self.author or None,
            "kind": self.kind,
            "sentence": self.sentence,
            "path": self.path,
        }
        return out | ({"future": True} if self.future else {})


def audit_trail(documents: Iterable[Document], *, horizon: str | None = None) -> list[AuditEntry]:
    """Return what was done to a run, the oldest first.

    Args:
        documents: The run's documents, in any order; the same file twice counts once.
        horizon: Events with a later stamp are marked as ``future``. None marks none.

    Returns:
        An entry for each document, with paths below the run's folder.

    Example:
        >>> said = {"kind": "tag", "author": "Ada L <ada@example.org>", "tags": {"stage": "prod"}}
        >>> audit_trail([Document("event", "events/...", said, "20261121T142530.123456Z")])[0].sentence
        'tag stage=prod'
    """
    unique = {(doc.kind, doc.name): doc for doc in documents}.values()
    dated = sorted(((_time_of(doc), doc) for doc in unique), key=_order)
    telling = _Telling()
    out = []
    for time, doc in dated:
        ahead = horizon is not None and doc.kind == "event" and doc.stamp > horizon
        # A fact of a time that has not come is told, and changes nothing of what later ones replace.
        kind, author, sentence = (_Telling() if ahead else telling).tell(doc)
        out.append(AuditEntry(time, _line(author), _line(kind, _LONGEST_VALUE), _line(sentence), _line(doc.name),
                              doc.stamp, ahead))  # fmt: skip
    return out


class _Telling:
    """Tells what each document changes, given those before it."""

    def __init__(self) -> None:
        self.owner = ""
        self.of_session: dict[str, str] = {}
        self.name = ""
        self.experiment = ""
        self.tags: dict[str, object] = {}

    def tell(self, doc: Document) -> tuple[str, str, str]:
        """Return the kind of a document, its author, and the sentence."""
        body = doc.body
        match doc.kind:
            case "run":
                self.owner = _text(body.get("author"))
                self._take(body)
                return "start", self.owner, f"start {self.name} in {self.experiment or 'default'}"
            case "end":
                self._take(body)
                return "end", self._by(body) if body.get("by") == "owner" else "", _ending(body)
            case "summary":
                self._take(body)
                return "segment", self._by(body), f"record a part of it{_metrics(body)}"
        kind, by = _text(body.get("kind")) or "?", _text(body.get("author"))
        if kind == "attempt":
            self.of_session[_text(body.get("session"))] = by
        return kind, by, self._event(kind, body)

    def _by(self, body: Mapping[str, object]) -> str:
        """Return who runs the session that a document is of."""
        return self.of_session.get(_text(body.get("session")), self.owner)

    def _take(self, body: Mapping[str, object]) -> None:
        self.name = _text(body.get("name")) or self.name
        self.experiment = _text(body.get("experiment")) or self.experiment
        self.tags.update(_map(body.get("tags")))

    def _event(self, kind: str, body: Mapping[str, object]) -> str:
        text = f"{kind}: this gtrack knows no such event"
        match kind:
            case "tag":
                text = " ".join(["tag", *self._tagged(_map(body.get("tags")))])
            case "note":
                text = f"note: {_text(body.get('text'))}"
            case "rename":
                was, self.name = self.name, _text(body.get("name")) or self.name
                text = f"rename to {self.name}{_was(was)}"
            case "move":
                was, self.experiment = self.experiment, _text(body.get("experiment")) or self.experiment
                text = f"move to {self.experiment}{_was(was)}"
            case "goal":
                goals = list(_map(body.get("goals")).items())[:_MOST_TAGS]
                text = " ".join(["goal", *(f"{_value(key)}={_value(goal)}" for key, goal in goals)])
            case "delete" | "restore":
                reason = _text(body.get("reason"))
                text = f"{kind}: {reason}" if reason else kind
            case "attempt":
                self._take(body)
                text = _attempt(body)
        return text

    def _tagged(self, tags: Mapping[str, object]) -> Iterator[str]:
        for number, (key, value) in enumerate(tags.items()):
            was = self.tags.pop(key, _ABSENT) if value is None else self.tags.get(key, _ABSENT)
            if value is not None:
                self.tags[key] = value
            if number < _MOST_TAGS:
                said = f"{_value(key)}-" if value is None else f"{_value(key)}={_value(value)}"
                changed = was is not _ABSENT and was is not None and _value(was) != _value(value)
                yield said + (_was(_value(was)) if changed else "")
        if len(tags) > _MOST_TAGS:
            yield f"and {len(tags) - _MOST_TAGS:,} more"


def _ending(body: Mapping[str, object]) -> str:
    status = _text(body.get("status"))
    if not status:
        return f"add to it after its end{_metrics(body)}"
    error = _map(body.get("error"))
    what = ": ".join(filter(None, (_text(error.get("type")), _text(error.get("message")))))
    found = ", as was found later" if body.get("by") == "recovery" else ""
    done = _CLOSING.get(status) or f"end as {status}"
    return f"{done}{found}{_metrics(body)}" + (f": {what}" if what else "")


def _attempt(body: Mapping[str, object]) -> str:
    if body.get("appended") is True:
        return "begin to add to it after its end"
    step = body.get("from_step")
    return "resume" + (f" from step {step}" if isinstance(step, int) and not isinstance(step, bool) else "")


def _metrics(body: Mapping[str, object]) -> str:
    count = len(_map(body.get("metrics")))
    return f" with {count:,} metric{'s' if count != 1 else ''}" if count else ""


def _was(before: str) -> str:
    return f" (was {before})" if before else ""


def _time_of(doc: Document) -> int | None:
    """Return when a document was made: as its name says, else as it says itself."""
    if doc.stamp:
        return _parsed(stamp_to_us, doc.stamp)
    if doc.kind == "run":
        return _parsed(iso_to_us, doc.body.get("started"))
    times = (_parsed(iso_to_us, _map(each).get("time")) for each in _map(doc.body.get("metrics")).values())
    return max((time for time in times if time is not None), default=None)


def _order(dated: tuple[int | None, Document]) -> tuple[bool, int, str]:
    """Return where a document stands: the start first, then by time, at one time by name."""
    time, doc = dated
    return doc.kind != "run", -1 if time is None else time, doc.name


def _parsed(parse: Callable[[str], int], text: object) -> int | None:
    try:
        return parse(text) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def _value(value: object) -> str:
    text = value if isinstance(value, str) else repr(value) if isinstance(value, int | float) else None
    if text is None:
        text = f"({type(value).__name__})"
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _line(text: str, longest: int = _LONGEST) -> str:
    cut = clean(" ".join(text[: 4 * longest].split()))
    return cut if len(cut) <= longest else cut[: longest - 1] + "…"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
