"""The files of the branch that are about experiments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gtrack.branch.bulk import FileEntry, overlay
from gtrack.branch.objects import TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.format import names
from gtrack.model.experiment import SaidOf
from gtrack.ops.load import documents_of, is_document

__all__ = ["load_said", "names_said"]

_MOST_EVENTS = 10_000
"""Events of one experiment that are read: a branch with more of them is not one that people edit."""


def names_said(repository: Repository, tree: str) -> Iterator[str]:
    """Yield the names of the experiments that a tree of the branch says something of."""
    folder = repository.objects.find(tree, names.EXPERIMENTS)
    if folder is None or folder[0] != TREE_MODE:
        return
    for raw, (mode, _) in repository.objects.tree(folder[1]).items():
        name = names.experiment_of_dir(raw.decode("utf-8", "replace"))
        if mode == TREE_MODE and name is not None:
            yield name


def load_said(repository: Repository, trees: Iterable[str], name: str) -> SaidOf:
    """Read an experiment's events.

    Args:
        repository: The repository.
        trees: Root trees of the branch; at a clash the last one's file stands, as for runs.
        name: The experiment.
    """
    folder = names.experiment_dir(name)
    if folder is None:
        return SaidOf()  # a run may name any experiment, and nothing can be said of this one
    found = [repository.objects.find(tree, f"{folder}/events") for tree in trees]
    listed = [list(_members(repository, entry[1])) for entry in found if entry is not None and entry[0] == TREE_MODE]
    entries = sorted(overlay(listed[-1], *listed[:-1]).values())[-_MOST_EVENTS:] if listed else []
    wanted = [oid for file, mode, oid in entries if is_document(file, mode)]
    repository.bring(wanted)
    blobs = {oid: repository.read_blob(oid) for oid in wanted}
    read = documents_of("", entries, blobs)
    events = tuple(doc for doc in read.documents if doc.kind == "event")
    return SaidOf(events, read.problems)


def _members(repository: Repository, folder: str) -> Iterator[FileEntry]:
    for raw, (mode, oid) in repository.objects.tree(folder).items():
        yield f"events/{raw.decode('utf-8', 'surrogateescape')}", mode, oid
