"""A saved view: what a page of the dashboard shows, under a name, as a fold of its versions.

A view is for everybody who shares the branch. Each time that it is saved is one version; the latest stands, also where
it is a deletion. A pure function of the set of versions; what stands in one is not trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.clock import iso, stamp_to_us
from gtrack.model.concurrent import concurrent_edits, latest_events
from gtrack.model.fold import Document

__all__ = [
    "MOST_BYTES",
    "PAGES",
    "SavedView",
    "ViewVersion",
    "fold_view",
    "has_effect",
    "latest_versions",
    "settings_fault",
]

PAGES = ("runs", "charts", "compare", "run", "history", "leaderboard", "models", "reports", "health")
"""The pages that a view can be of."""

MOST_BYTES = 64 << 10
"""The largest version of a view, in bytes of YAML."""
_DEEPEST = 16
_MOST_VALUES = 10_000


@dataclass(frozen=True, slots=True)
class ViewVersion:
    """One time that a view was saved or deleted: its stamp, who did it, and which of the two."""

    stamp: str
    author: str
    deleted: bool = False

    @property
    def time(self) -> int | None:
        """When that was, in microseconds since the epoch."""
        return _time(self.stamp)

    def to_dict(self) -> dict[str, object]:
        """Return the version as a map."""
        out: dict[str, object] = {"stamp": self.stamp, "time": _iso(self.stamp), "author": self.author}
        return out | ({"deleted": True} if self.deleted else {})


@dataclass(frozen=True, slots=True)
class SavedView:
    """What a page of the dashboard shows, as somebody saved it for the team.

    Attributes:
        name: What it is called.
        page: The page, one of :data:`PAGES`.
        settings: What the page shows: filter, columns, charts. Plain values, to be checked by the page.
        description: What it is for.
        author: Who saved it last, or deleted it.
        stamp: When that was; it tells the version.
        deleted: It was deleted. Page, settings and description are still those of the last time it was saved.
        history: The versions before this one, the newest first.
        concurrent: It was saved at the same time in clones that did not know of each other, and differently.
        future: Versions of a time that has not come; they count for nothing yet.
        problems: What was passed over, and why.
    """

    name: str
    page: str
    settings: Mapping[str, object] = field(default_factory=dict)
    description: str = ""
    author: str = ""
    stamp: str = ""
    deleted: bool = False
    history: tuple[ViewVersion, ...] = ()
    concurrent: bool = False
    future: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def updated(self) -> int | None:
        """When it was last saved or deleted, in microseconds since the epoch."""
        return _time(self.stamp)

    def to_dict(self) -> dict[str, object]:
        """Return the view with the field names of its file."""
        out: dict[str, object] = {
            "name": self.name,
            "page": self.page,
            "description": self.description,
            "settings": dict(self.settings),
            "author": self.author,
            "stamp": self.stamp,
            "updated": _iso(self.stamp),
            "history": [version.to_dict() for version in self.history],
        }
        for name in ("deleted", "concurrent"):
            if getattr(self, name):
                out[name] = True
        for name in ("future", "problems"):
            if getattr(self, name):
                out[name] = list(getattr(self, name))
        return out


def fold_view(
    name: str, versions: Iterable[Document], *, future: Iterable[str] = (), problems: Iterable[str] = ()
) -> SavedView | None:
    """Fold the versions of a view into what stands; None where it was never saved.

    Args:
        name: The view's name.
        versions: Its versions, in any order; the same file twice counts once.
        future: The names of versions of a time that has not come.
        problems: What was passed over before, and why.

    Example:
        >>> said = {"kind": "save", "page": "runs", "settings": {"where": "metrics.auc > 0.9"}}
        >>> fold_view("best", [Document("event", "...", said, "20261121T142530.123456Z")]).page
        'runs'
    """
    ordered = sorted({doc.name: doc for doc in versions}.values(), key=lambda doc: doc.order)
    wrong = [(doc.name, fault) for doc in ordered for fault in [_fault(doc.body)] if fault is not None]
    sound = [doc for doc in ordered if has_effect(doc)]
    saved = next((doc.body for doc in reversed(sound) if doc.body["kind"] == "save"), None)
    if saved is None:
        return None
    told = [ViewVersion(doc.stamp, _text(doc.body.get("author")), doc.body["kind"] == "delete") for doc in sound]
    *earlier, last = told
    return SavedView(
        name=name,
        page=str(saved["page"]),
        settings=_map(saved.get("settings")),
        description=_text(saved.get("description")),
        author=last.author,
        stamp=last.stamp,
        deleted=last.deleted,
        history=tuple(reversed(earlier)),
        concurrent=bool(concurrent_edits(list(_edits(sound)))),
        future=tuple(future),
        problems=(*problems, *(f"{file}: {fault}" for file, fault in wrong)),
    )


def has_effect(version: Document) -> bool:
    """Tell whether a version counts: its kind is known, and it says what a view can show."""
    return version.body.get("kind") in ("save", "delete") and _fault(version.body) is None


def latest_versions(versions: Sequence[Document]) -> list[str]:
    """Return the names of the versions that no other one was made after; one made now comes after these."""
    return latest_events(list(_edits(doc for doc in versions if has_effect(doc))))


def settings_fault(settings: object) -> str | None:
    """Tell why a view cannot have some settings; None when it can.

    Example:
        >>> settings_fault({"columns": {"lr"}})
        'hold a set, which is not a plain value'
    """
    if not isinstance(settings, Mapping):
        return "are not a map"
    left = _MOST_VALUES
    level: list[object] = [settings]
    for _ in range(_DEEPEST):
        inside: list[object] = []
        for value in level:
            if isinstance(value, Mapping):
                odd = next((key for key in value if not isinstance(key, str)), None)
                if odd is not None:
                    return f"have {type(odd).__name__} as a key, not text"
                inside.extend(value.values())
            elif isinstance(value, list | tuple):
                inside.extend(value)
            elif value is not None and not isinstance(value, str | bool | int | float):
                kind = type(value).__name__
                return f"hold {'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}, which is not a plain value"
            if len(inside) > left:
                return f"hold more than {_MOST_VALUES:,} values"
        left -= len(inside)
        level = inside
        if not level:
            return None
    return f"are nested deeper than {_DEEPEST} levels"


def _fault(body: Mapping[str, object]) -> str | None:
    """Tell why a version has no effect, where its kind is known; None when it has, or is of another kind."""
    if body.get("kind") != "save":
        return None
    page = body.get("page")
    if not isinstance(page, str) or page not in PAGES:
        return f"there is no page {page!r:.40}"
    if not isinstance(body.get("description", ""), str):
        return "its description is not text"
    wrong = settings_fault(body.get("settings"))
    return None if wrong is None else f"its settings {wrong}"


def _edits(versions: Iterable[Document]) -> Iterator[Document]:
    """Yield versions as what knows of concurrent edits reads them: a view is set here as a tag is set of a run."""
    for doc in versions:
        said = {key: doc.body.get(key) for key in ("kind", "page", "settings", "description")}
        body = {"kind": "tag", "tags": {"view": said}}
        yield Document(doc.kind, doc.name, body | {k: doc.body[k] for k in ("previous",) if k in doc.body}, doc.stamp)


def _time(text: str) -> int | None:
    try:
        return stamp_to_us(text)
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> str | None:
    moment = _time(text)
    return None if moment is None else iso(moment)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
