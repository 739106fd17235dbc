"""Checking the shape of the branch: paths, modes, the size of folders, and the files beside the runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from gtrack.branch.commit import FORMAT_FILE, format_file, read_format
from gtrack.branch.listing import Entry, Listing
from gtrack.branch.members import content_fault, fault, place, signed_file
from gtrack.errors import FormatError, ParseError
from gtrack.format import yaml
from gtrack.format.names import split_path
from gtrack.ids import is_run_id
from gtrack.ops.fsck_experiments import check_event
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.fsck_models import check_model_file
from gtrack.ops.fsck_views import check_version

__all__ = ["check_other", "check_shape", "group_files"]

MOST_ENTRIES = 3000
"""Members from which a folder is slow to use on the large hosts."""


def check_shape(listing: Listing, found: Findings) -> list[Entry]:
    """Check every path and mode, and return the files that are what the format knows.

    Args:
        listing: Everything in the branch's tree.
        found: Takes what is wrong.
    """
    for folder, reason in listing.unreadable:
        found.error(folder or "/", reason, "gtrack fsck --repair")
    for folder, count in listing.folders.items():
        if count > MOST_ENTRIES:
            found.warning(folder or "/", f"the folder has {count:,} members; git hosts advise at most {MOST_ENTRIES:,}")
    paths = {entry.path for entry in listing.files}
    out, seen = [], set()
    for entry in listing.files:
        if entry.path in seen or entry.path in listing.folders:
            found.error(entry.path, "it stands twice in its folder")
        elif (wrong := fault(entry.path, entry.mode)) is not None:
            found.error(entry.path, wrong)
        elif _check_path(entry.path, paths, found):
            out.append(entry)
        seen.add(entry.path)
    if FORMAT_FILE not in seen:
        found.error(FORMAT_FILE, "it is missing: nothing says of which format the branch is")
    return out


def _check_path(path: str, paths: set[str], found: Findings) -> bool:
    """Tell whether a path is known to the format."""
    parts = path.split("/")
    signed = signed_file(path)
    if signed is not None and signed not in paths:
        found.warning(path, "it signs a file that is not there")
    if place(path) is not None:
        return True
    if split_path(path) is None and parts[0] == "runs" and len(parts) > 3 and is_run_id(parts[2]):
        found.error(path, f"the run belongs in runs/{parts[2][:2]}/{parts[2]}")
        return False
    found.warning(path, "the format knows no such file; it is kept and has no effect")
    return False


def group_files(files: Iterable[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    """Yield the files of each run by its id, and under ``""`` those beside the runs.

    Args:
        files: In the order of their paths.
    """

    def owner(entry: Entry) -> str:
        place = split_path(entry.path)
        return place[0] if place is not None else ""

    for run_id, entries in groupby(files, key=owner):
        yield run_id, list(entries)


def check_other(entry: Entry, data: bytes, found: Findings) -> None:
    """Check the content of a file that belongs to no run.

    Args:
        entry: The file.
        data: Its content.
        found: Takes what is wrong.
    """
    if entry.path == FORMAT_FILE:
        try:
            if format_file(read_format(data)[1]) != data:
                found.warning(entry.path, "its bytes are not those that gtrack writes")
        except FormatError as error:
            found.error(entry.path, error.message, error.hint)
    known = place(entry.path)
    wrong = content_fault(known, data)
    if known is not None and known.kind == "experiment":
        check_event(entry, data, found)
    elif known is not None and known.kind in ("version", "number", "model"):
        check_model_file(entry, data, found)
    elif known is not None and known.kind == "view":
        check_version(entry, data, found)
    elif wrong is not None:
        found.error(entry.path, wrong)
    elif entry.path.endswith(".yaml"):
        try:
            yaml.load(data)
        except ParseError as error:
            found.error(entry.path, error.message)
