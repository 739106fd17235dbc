"""The files of the branch that are about registered models, and what was made of them before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gtrack.branch.bulk import FileEntry, overlay
from gtrack.branch.objects import BLOB_MODE, TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.clock import now_ns, stamp, stamp_to_us
from gtrack.errors import DamageError, ParseError
from gtrack.format import names, yaml
from gtrack.ids import sha12
from gtrack.model.fold import Document
from gtrack.model.registered import VersionDocument
from gtrack.model.registry import ModelState, fold_model
from gtrack.model.registry_numbers import Claim
from gtrack.ops.present import DAY_US

__all__ = ["Folders", "ModelFiles", "current_model", "fold_files", "folders_of_models", "load_model_files"]

Folders = tuple[str, ...]
"""The object ids of a model's folder in the trees that count, the tracking remote's last."""

_MOST = 20_000
"""Files of one kind of one model that are read, the newest: with more of them it was not people who wrote them."""
_MOST_NAMED = 50
_MOST_REMEMBERED = 200
_KINDS = {"versions": "version", "numbers": "number", "events": "event"}


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What the branch has of one model.

    Attributes:
        versions: The facts of its versions.
        numbers: The claims of numbers.
        events: Its events.
        problems: What was passed over, and why; a few of very many.
        whole: No object was missing or damaged.
    """

    versions: tuple[VersionDocument, ...] = ()
    numbers: tuple[Claim, ...] = ()
    events: tuple[Document, ...] = ()
    problems: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class _Known:
    """What a model came to, and the stamp from which on it comes to something else."""

    state: ModelState
    due: str | None


class _Memory:
    """Models by name and folders: what an object id names never changes, in whichever repository it is."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Folders, bool], _Known] = {}

    def get(self, key: tuple[str, Folders, bool]) -> ModelState | None:
        known = self._known.get(key)
        return None if known is None or (known.due is not None and known.due <= _horizon()) else known.state

    def put(self, key: tuple[str, Folders, bool], state: ModelState) -> None:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.pop(next(iter(self._known)), None)
        due = min((_stamp_in(event) for event in state.future), default=None)
        self._known[key] = _Known(state, due)


_memory = _Memory()


def folders_of_models(repository: Repository, trees: Iterable[str]) -> dict[str, Folders]:
    """Return the folders of all models by name; folders that gtrack does not name so are left out.

    Args:
        repository: The repository.
        trees: Root trees of the branch, the tracking remote's last.
    """
    folders: dict[str, Folders] = {}
    for tree in trees:
        top = repository.objects.find(tree, names.MODELS)
        if top is None or top[0] != TREE_MODE:
            continue
        for raw, (mode, oid) in repository.objects.tree(top[1]).items():
            name = names.model_of_dir(raw.decode("utf-8", "replace"))
            if mode == TREE_MODE and name is not None:
                folders[name] = (*folders.get(name, ()), oid)
    return folders


def current_model(repository: Repository, name: str, folders: Folders) -> ModelState:
    """Return what a model's files come to now.

    What was read before is remembered by the ids of the folders, so that a page can ask at every rerun.

    Args:
        repository: The repository.
        name: The model.
        folders: Its folders.
    """
    key = (name, folders, repository.remote is None)
    known = _memory.get(key)
    if known is None:
        files = load_model_files(repository, folders)
        known = fold_files(name, files, local=key[2])
        if files.whole:  # what is missing may come back, by a repair
            _memory.put(key, known)
    return known


def fold_files(name: str, files: ModelFiles, *, local: bool = False) -> ModelState:
    """Fold a model's files as far as their time has come.

    Args:
        name: The model.
        files: Its files.
        local: There is no remote: versions without a number have one in this clone.
    """
    state = fold_model(name, files.versions, files.numbers, files.events, horizon=_horizon(), local=local)
    return replace(state, problems=(*state.problems, *files.problems)) if files.problems else state


def load_model_files(repository: Repository, folders: Sequence[str]) -> ModelFiles:
    """Read the files of a model.

    Args:
        repository: The repository.
        folders: The object ids of its folder in the trees that count; at a clash the last one's file stands.

    Raises:
        DamageError: A folder is missing or damaged.
    """
    entries = _members(repository, folders)
    problems: list[str] = []
    known: dict[str, list[tuple[names.ModelFile, str]]] = {"version": [], "number": [], "event": []}
    for name, mode, oid in entries:
        file = names.parse_model_file(name)
        if file is None or mode != BLOB_MODE:
            if not name.endswith(".sig"):
                problems.append(f"{name}: not a file of this format")
        elif file.stamp is not None and not _is_moment(file.stamp):
            problems.append(f"{name}: the stamp in its name is not a time")
        else:
            known[file.kind].append((file, oid))
    for kind, found in known.items():
        if len(found) > _MOST:
            problems.append(f"it has {len(found):,} files of the kind {kind}; the last {_MOST:,} by name count")
            known[kind] = sorted(found, key=lambda item: item[0].name)[-_MOST:]
    read = [*known["version"], *known["event"]]
    repository.bring(oid for _, oid in read)
    out = _Read(repository, problems)
    versions = tuple(out.versions(known["version"]))
    events = tuple(out.events(known["event"]))
    claims = tuple(sorted((file.number or 0, file.uid or "") for file, _ in known["number"]))
    more = (f"{len(problems) - _MOST_NAMED} more are not listed",) if len(problems) > _MOST_NAMED else ()
    return ModelFiles(versions, claims, events, (*problems[:_MOST_NAMED], *more), out.whole)


class _Read:
    """Reads documents, and notes which cannot be."""

    def __init__(self, repository: Repository, problems: list[str]) -> None:
        self._repository = repository
        self._problems = problems
        self.whole = True

    def versions(self, files: Iterable[tuple[names.ModelFile, str]]) -> Iterator[VersionDocument]:
        for file, data, body in self._documents(files):
            yield VersionDocument(file.uid or "", body, hashlib.sha256(data).hexdigest())

    def events(self, files: Iterable[tuple[names.ModelFile, str]]) -> Iterator[Document]:
        for file, _, body in self._documents(files):
            yield Document("event", file.name, body, file.stamp or "")

    def _documents(
        self, files: Iterable[tuple[names.ModelFile, str]]
    ) -> Iterator[tuple[names.ModelFile, bytes, dict[str, object]]]:
        for file, oid in files:
            try:
                data = self._repository.read_blob(oid)
            except (KeyError, DamageError):
                self._problems.append(f"{file.name}: it is missing or damaged")
                self.whole = False
                continue
            if file.digest is not None and file.digest != sha12(data):
                self._problems.append(f"{file.name}: content does not match the digest in its name")
                continue
            try:
                yield file, data, yaml.load(data)
            except ParseError as error:
                self._problems.append(f"{file.name}: {error.message}")


def _members(repository: Repository, folders: Sequence[str]) -> list[FileEntry]:
    """Return the files in a model's folders, as (path below them, mode, object id)."""
    listed: list[list[FileEntry]] = []
    for folder in folders:
        files: list[FileEntry] = []
        for raw, (mode, oid) in repository.objects.tree(folder).items():
            name = raw.decode("utf-8", "surrogateescape")
            if mode != TREE_MODE or name not in _KINDS:
                files.append((name, mode, oid))
                continue
            for inner, (kind, inside) in repository.objects.tree(oid).items():
                files.append((f"{name}/{inner.decode('utf-8', 'surrogateescape')}", kind, inside))
        listed.append(files)
    return list(overlay(listed[-1], *listed[:-1]).values()) if listed else []


def _stamp_in(event: str) -> str:
    file = names.parse_model_file(event)
    return (file.stamp if file is not None else None) or ""


def _is_moment(text: str) -> bool:
    try:
        stamp_to_us(text)
    except (ValueError, OverflowError):
        return False
    return True


def _horizon() -> str:
    return stamp(now_ns() // 1000 + DAY_US)
