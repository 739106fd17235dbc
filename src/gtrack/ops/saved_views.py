"""Saved views: what a page of the dashboard shows, kept under a name for everybody who shares the branch."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from gtrack.branch.author import author
from gtrack.branch.commit import commit_files
from gtrack.branch.repository import Repository
from gtrack.clock import iso, later_stamp, now_ns
from gtrack.errors import ConflictError, NotFoundError, UsageError
from gtrack.format import names, yaml
from gtrack.model.fold import Document
from gtrack.model.saved_view import MOST_BYTES, PAGES, SavedView, fold_view, latest_versions, settings_fault
from gtrack.ops.saved_view_files import Versions, current_view, folders_of_views, load_versions
from gtrack.ops.trees import visible_trees

__all__ = ["MOST_VIEWS", "delete_view", "save_view", "saved_view", "saved_views"]

MOST_VIEWS = 500
"""Views that are listed; any other can still be asked for by name."""
_MOST_FOLDERS = 4 * MOST_VIEWS
_CLOSE = 0.6


def saved_views(repository: Repository, *, deleted: bool = False) -> list[SavedView]:
    """Return the saved views, by name.

    Args:
        repository: The repository.
        deleted: Those that were deleted, instead of the others.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.

    Example:
        >>> [(view.name, view.page) for view in saved_views(repository)]
        [('best of churn', 'runs')]
    """
    folders = folders_of_views(repository, visible_trees(repository))
    found = (current_view(repository, name, folders[name]) for name in sorted(folders)[:_MOST_FOLDERS])
    return list(islice((view for view in found if view is not None and view.deleted == deleted), MOST_VIEWS))


def saved_view(repository: Repository, name: str) -> SavedView:
    """Return a saved view; one that was deleted says so, and still has what it showed.

    Raises:
        NotFoundError: No view was ever saved under the name; the message has the likeliest other.
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
    """
    folders = folders_of_views(repository, visible_trees(repository))
    view = current_view(repository, name, folders[name]) if name in folders else None
    if view is None:
        raise _not_found(name, folders)
    return view


def save_view(
    repository: Repository,
    name: str,
    page: str,
    settings: Mapping[str, object],
    description: str = "",
    *,
    seen: str | None = None,
) -> SavedView:
    """Save what a page shows under a name, for everybody who shares the branch.

    Args:
        repository: The repository.
        name: The view's name. What is saved under it already becomes its history.
        page: The page, one of ``gtrack.model.saved_view.PAGES``.
        settings: What the page shows: plain values, at most 64 KiB of them as YAML.
        description: What the view is for.
        seen: The stamp of the version that the change was made to, or "" where there was none; None for whatever
            stands.

    Returns:
        The view. Where it is as asked already, nothing is written.

    Raises:
        UsageError: The name, the page or a setting cannot be.
        ConflictError: Somebody has saved or deleted the view since it was seen.

    Example:
        >>> save_view(repository, "best of churn", "runs", {"where": "metrics.val_auc > 0.9"}).stamp
        '20261121T142530.123456Z'
    """
    content = _checked(name, page, settings, description)
    with repository.lock():
        known = _load(repository, name)
        view = _fold(name, known)
        _check_seen(name, view, seen)
        if view is not None and not (view.deleted or view.concurrent) and _content(view) == yaml.dump(content):
            return view
        return _record(repository, name, known, {"kind": "save", **content}, "saved")


def delete_view(repository: Repository, name: str, *, seen: str | None = None) -> SavedView:
    """Delete a saved view: it is hidden, and comes back when it is saved again.

    Args:
        repository: The repository.
        name: The view's name.
        seen: The stamp of the version that is meant; None for whatever stands.

    Raises:
        UsageError: The name cannot be a view's.
        NotFoundError: There is no such view, or it was deleted before.
        ConflictError: Somebody has saved the view since it was seen.
    """
    _check_name(name)
    with repository.lock():
        known = _load(repository, name)
        view = _fold(name, known)
        if view is None:
            raise _not_found(name, folders_of_views(repository, visible_trees(repository)))
        if view.deleted and not view.concurrent:
            raise NotFoundError(f"the view {name!r:.80} is deleted already")
        _check_seen(name, view, seen)
        return _record(repository, name, known, {"kind": "delete"}, "deleted")


def _checked(name: str, page: str, settings: Mapping[str, object], description: str) -> dict[str, object]:
    """Return what a version says of a view, once it is known that a view can be so."""
    _check_name(name)
    if page not in PAGES:
        raise UsageError(f"there is no page {page!r:.40}", hint=f"there are {', '.join(PAGES)}")
    if not isinstance(description, str):
        raise UsageError("the view's description is not text")
    wrong = settings_fault(settings)
    if wrong is not None:
        raise UsageError(f"the view's settings {wrong}")
    return {"page": page, "description": description, "settings": settings}


def _check_name(name: str) -> None:
    if not isinstance(name, str) or names.view_dir(name) is None:
        what = "too long" if isinstance(name, str) and name.strip() else "empty"
        raise UsageError(f"the view's name is {what}")


def _check_seen(name: str, view: SavedView | None, seen: str | None) -> None:
    stands = "" if view is None else view.stamp
    if seen is None or seen == stands:
        return
    if view is None:
        raise ConflictError(f"the view {name!r:.80} is not here any more")
    what = "deleted" if view.deleted else "saved"
    when = "" if view.updated is None else f" at {iso(view.updated)[:16].replace('T', ' ')} UTC"
    raise ConflictError(f"the view {name!r:.80} was {what} by {view.author or 'somebody':.80}{when}")


def _load(repository: Repository, name: str) -> Versions:
    folders = folders_of_views(repository, visible_trees(repository))
    return load_versions(repository, folders.get(name, ()))


def _fold(name: str, known: Versions) -> SavedView | None:
    return fold_view(name, known.documents, future=known.future, problems=known.problems)


def _content(view: SavedView) -> bytes:
    """Return what a view shows as bytes: 1, 1.0 and true are equal to Python, and NaN is not to itself."""
    return yaml.dump({"page": view.page, "description": view.description, "settings": view.settings})


def _record(repository: Repository, name: str, known: Versions, fact: Mapping[str, object], what: str) -> SavedView:
    """Commit one version that comes after all that is known of the view; the lock is held."""
    by = author(repository.config, repository.env)
    data = yaml.dump({"format": 1, **fact, "author": by, "previous": latest_versions(known.documents)})
    if len(data) > MOST_BYTES:
        raise UsageError(f"the view is {len(data):,} bytes long; it may have {MOST_BYTES:,}")
    # A version of a time that has not come is not among the documents, or this one would be hidden just as long.
    moment = later_stamp(now_ns() // 1000, max((doc.stamp for doc in known.documents), default=None))
    file = names.view_file(moment, data)
    shown = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    commit_files(repository, {f"{names.view_dir(name)}/{file}": data}, f'view "{shown:.90}" {what}', by=by)
    new = Document("event", file, yaml.load(data), moment)
    view = fold_view(name, (*known.documents, new), future=known.future, problems=known.problems)
    assert view is not None
    return view


def _not_found(name: str, known: Mapping[str, object]) -> NotFoundError:
    from difflib import get_close_matches

    close = get_close_matches(name[:200], list(islice(known, MOST_VIEWS)), 1, _CLOSE)
    meant = f"; did you mean {close[0]!r:.80}?" if close else ""
    return NotFoundError(f"there is no view {name!r:.80}{meant}")
