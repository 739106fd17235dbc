"""Where artifacts are kept, and how the store stands, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtrack.display.words import plural, size
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.store_settings import StoreChoice
    from gtrack.ops.store_setup import StoreStatus

__all__ = ["store_rows", "terms"]


def terms(choice: StoreChoice) -> str:
    """Return where a store is, with the options that decide that."""
    options = " ".join(f"{key}={value}" for key, value in choice.location.options.items())
    return clean(f"{choice.location.url} {options}".strip())


def store_rows(found: StoreStatus) -> list[tuple[str, str]]:
    """Return how the store stands: names and values."""
    choice = found.choice
    rows = []
    if choice is None:
        text = clean(found.trouble) if found.trouble else "none: files up to 1 MiB go along to the git remote"
        rows.append(("store", text))
    else:
        rows.append(("store", terms(choice)))
        rows.append(("set by", clean(choice.source) + ("" if choice.agreed else ", to which nobody here agreed yet")))
        if choice.team is not None:
            rows.append(("team", f"{choice.team.shown} (to follow it: gtrack store accept)"))
        answers = {True: "yes", False: "no", None: "not asked"}[found.reachable]
        rows.append(("answers", answers + (f": {clean(found.trouble)}" if found.trouble else "")))
        if found.repositories is not None:
            rows.append(("used by", clean(", ".join(found.repositories)) or "nobody yet"))
    waiting = f"{plural(found.waiting, 'file')} ({size(found.waiting_bytes)})" if found.waiting else "nothing"
    rows.append(("to send", waiting))
    rows.append(("cache", f"{plural(found.cached, 'file')} ({size(found.cached_bytes)})"))
    return rows
