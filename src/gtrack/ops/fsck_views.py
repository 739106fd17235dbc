"""Checking saved views: each version by itself, and the folders that they are in."""

from __future__ import annotations

from itertools import islice

from gtrack.branch.listing import Entry
from gtrack.branch.repository import Repository
from gtrack.errors import GtrackError, ParseError
from gtrack.format import names
from gtrack.format.schema import VIEW_EVENTS
from gtrack.model.saved_view import PAGES, settings_fault
from gtrack.ops.fsck_fields import check_fields
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.saved_view_files import MOST_VERSIONS, folders_of_views, members_of, read_version
from gtrack.ops.saved_views import MOST_VIEWS
from gtrack.ops.trees import visible_trees

__all__ = ["check_version", "check_view_folders"]

_MOST = 3000
"""Views whose versions are counted: a branch with more of them is not one that people made."""


def check_version(entry: Entry, data: bytes, found: Findings) -> None:
    """Check a version of a view by itself: name, digest, stamp, size, fields, and that a page can show it.

    Args:
        entry: The file.
        data: Its content.
        found: Takes what is wrong.
    """
    path = entry.path
    folder, file = path.split("/")[1:]
    if names.view_of_dir(folder) is None:
        found.warning(path, "gtrack names no view's folder so: what is saved in it has no effect")
    try:
        version = read_version(file, data)
    except ParseError as error:
        found.error(path, error.message)
        return
    if not check_fields(path, "view", version, VIEW_EVENTS, found) or version.body["kind"] != "save":
        return
    wrong = settings_fault(version.body["settings"])
    if wrong is not None:
        found.error(path, f"its settings {wrong}")
    if version.body["page"] not in PAGES:
        found.warning(path, f"this gtrack knows no page {str(version.body['page'])!r:.60}; it has no effect")


def check_view_folders(repo: Repository, found: Findings) -> None:
    """Name the views that have more versions than are read, and tell when there are more views than are listed.

    Args:
        repo: The repository.
        found: Takes what is wrong.
    """
    try:
        folders = folders_of_views(repo, visible_trees(repo))
    except (GtrackError, KeyError, OSError):
        return  # the check of the files has named it
    if len(folders) > MOST_VIEWS:
        found.warning(names.VIEWS, f"there are {len(folders):,} views; {MOST_VIEWS} of them are listed")
    for name, ids in islice(folders.items(), _MOST):
        try:
            count = sum(names.parse_view_file(file) is not None for file, _, _ in members_of(repo, ids))
        except (GtrackError, KeyError, OSError):
            continue
        if count > MOST_VERSIONS:
            what = f"the view has {count:,} versions; the newest {MOST_VERSIONS} count"
            found.warning(names.view_dir(name) or names.VIEWS, what)
