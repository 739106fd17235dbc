"""The files of the branch that hold saved views, and what was made of them before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from gtrack.branch.bulk import FileEntry, overlay
from gtrack.branch.objects import BLOB_MODE, TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.clock import now_ns, stamp, stamp_to_us
from gtrack.errors import DamageError, ParseError
from gtrack.format import names, yaml
from gtrack.ids import sha12
from gtrack.model.fold import Document
from gtrack.model.saved_view import MOST_BYTES, SavedView, fold_view, has_effect
from gtrack.ops.present import DAY_US

__all__ = [
    "MOST_VERSIONS",
    "Versions",
    "current_view",
    "folders_of_views",
    "load_versions",
    "members_of",
    "read_version",
]

MOST_VERSIONS = 100
"""Versions of one view that count, the newest: with more of them it was not people who saved it."""
_MOST_TRIED = 1000
_MOST_NAMED = 20
_MOST_REMEMBERED = 48 << 20

Folders = tuple[str, ...]
"""The object ids of a view's folder in the trees that count, the tracking remote's last."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of one view.

    Attributes:
        documents: Those that can be read and whose time has come.
        future: The names of the first of those whose time has not.
        problems: What was passed over, and why; a few of very many.
        size: How many bytes the largest document has.
        whole: No object was missing or damaged.
    """

    documents: tuple[Document, ...] = ()
    future: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    size: int = 0
    whole: bool = True


@dataclass(frozen=True, slots=True)
class _Known:
    """What a view came to, how large its versions are, and the stamp from which on it comes to something else."""

    view: SavedView | None
    size: int
    due: str | None


class _Memory:
    """Views by name and folders: what an object id names never changes, in whichever repository it is."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Folders], _Known] = {}
        self._bytes = 0

    def get(self, key: tuple[str, Folders]) -> _Known | None:
        known = self._known.get(key)
        return None if known is None or (known.due is not None and known.due <= _horizon()) else known

    def put(self, key: tuple[str, Folders], known: _Known) -> None:
        if self._bytes > _MOST_REMEMBERED:
            self._known, self._bytes = {}, 0
        self._known[key] = known
        self._bytes += known.size


_memory = _Memory()


def folders_of_views(repository: Repository, trees: Iterable[str]) -> dict[str, Folders]:
    """Return the folders of all views by name; folders that gtrack does not name so are left out.

    Args:
        repository: The repository.
        trees: Root trees of the branch, the tracking remote's last.
    """
    folders: dict[str, Folders] = {}
    for tree in trees:
        top = repository.objects.find(tree, names.VIEWS)
        if top is None or top[0] != TREE_MODE:
            continue
        for raw, (mode, oid) in repository.objects.tree(top[1]).items():
            name = names.view_of_dir(raw.decode("utf-8", "replace"))
            if mode == TREE_MODE and name is not None:
                folders[name] = (*folders.get(name, ()), oid)
    return folders


def current_view(repository: Repository, name: str, folders: Folders) -> SavedView | None:
    """Return what a view's versions come to now; None where it was never saved.

    What was read before is remembered by the ids of the folders, so that a page can ask at every rerun.

    Args:
        repository: The repository.
        name: The view.
        folders: Its folders.
    """
    known = _memory.get((name, folders))
    if known is None:
        read = load_versions(repository, folders)
        view = fold_view(name, read.documents, future=read.future, problems=read.problems)
        due = min((stamp_in(file) for file in read.future), default=None)
        known = _Known(view, read.size, due)
        if read.whole:  # what is missing may come back, by a repair
            _memory.put((name, folders), known)
    if known.view is None:
        return None
    # The caller may change what it gets.
    return replace(known.view, settings=cast("Mapping[str, object]", _copy(known.view.settings)))


def load_versions(repository: Repository, folders: Sequence[str]) -> Versions:
    """Read the newest versions of a view that count, and what stands in their way.

    Args:
        repository: The repository.
        folders: The object ids of its folder in the trees that count; at a clash the last one's file stands.
    """
    tried, future, problems = _sort_out(members_of(repository, folders))
    repository.bring(oid for _, _, oid in tried)
    documents: list[Document] = []
    counted = size = 0
    whole = True
    for file, _, oid in tried:
        if counted == MOST_VERSIONS:
            break
        try:
            data = repository.read_blob(oid)
            documents.append(read_version(file, data))
        except ParseError as error:
            problems.append(f"{file}: {error.message}")
            continue
        except DamageError as error:
            problems.append(f"{file}: {error.message}")
            whole = False
            continue
        size = max(size, len(data))
        counted += has_effect(documents[-1])
    return Versions(tuple(documents), tuple(future), tuple(problems[:_MOST_NAMED]), size, whole)


def _sort_out(members: Iterable[FileEntry]) -> tuple[list[FileEntry], list[str], list[str]]:
    """Return the versions to read, the newest first, the names of those whose time has not come, and what is wrong."""
    horizon = _horizon()
    candidates, future, problems = [], [], []
    for entry in members:
        wrong = _fault_of_name(entry)
        if wrong is not None:
            problems.append(f"{entry[0]}: {wrong}")
        elif stamp_in(entry[0]) > horizon:
            future.append(entry[0])
        else:
            candidates.append(entry)
    return sorted(candidates, reverse=True)[:_MOST_TRIED], sorted(future)[:_MOST_NAMED], problems


def members_of(repository: Repository, folders: Sequence[str]) -> Iterable[FileEntry]:
    """Return the members of a view's folders as (name, mode, object id): at a clash the last folder's stands."""
    listed = [
        [(raw.decode("utf-8", "surrogateescape"), *entry) for raw, entry in repository.objects.tree(folder).items()]
        for folder in folders
    ]
    return overlay(listed[-1], *listed[:-1]).values() if listed else ()


def read_version(file: str, data: bytes) -> Document:
    """Return a version of a view.

    Args:
        file: Its name below the view's folder.
        data: Its content.

    Raises:
        ParseError: The name is none of a version, or the content is not what the name says, too long, or no document.
    """
    wrong = _fault_of_name((file, BLOB_MODE, ""))
    if wrong is not None:
        raise ParseError(wrong)
    moment, digest = names.parse_view_file(file) or ("", "")
    if digest != sha12(data):
        raise ParseError("content does not match the digest in its name")
    if len(data) > MOST_BYTES:
        raise ParseError(f"it is {len(data):,} bytes long; a view has at most {MOST_BYTES:,}")
    return Document("event", file, yaml.load(data), moment)


def stamp_in(file: str) -> str:
    """Return the stamp in the name of a version, or an empty text."""
    return (names.parse_view_file(file) or ("", ""))[0]


def _fault_of_name(entry: FileEntry) -> str | None:
    file, mode, _ = entry
    if names.parse_view_file(file) is None or mode != BLOB_MODE:
        return "not a file of this format"
    try:
        stamp_to_us(stamp_in(file))
    except (ValueError, OverflowError):
        return "the stamp in its name is not a time"
    return None


def _horizon() -> str:
    return stamp(now_ns() // 1000 + DAY_US)


def _copy(value: object) -> object:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
