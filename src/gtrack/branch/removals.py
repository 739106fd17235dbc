"""What a union must not bring back: redacted objects, and the files of runs that an epoch dropped."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gtrack.branch.bulk_objects import read_trees
from gtrack.branch.listing import list_tree
from gtrack.branch.members import place
from gtrack.branch.objects import BLOB_MODE, TREE_MODE, Tree
from gtrack.branch.offers import MOST_NAMED, Dropped, Offer
from gtrack.branch.repository import Repository
from gtrack.format.names import run_dir, split_path

__all__ = ["Removals", "find_removals"]

_LASTING = ("redacted", "tombstone", "dropped")
_REDACTED = "its object is redacted"


@dataclass(frozen=True, slots=True)
class Removals:
    """What may not be in a union.

    Attributes:
        redacted: Object ids.
        dead: The runs that were dropped, and at which epoch.
        standing: Published files that the offers' redactions and markers newly name: they stay, and are told.
    """

    redacted: frozenset[str]
    dead: Mapping[str, int]
    standing: tuple[Dropped, ...]

    def fault(self, offer: Offer) -> str | None:
        """Tell why an offer must not be taken; None when it may be.

        What removes is itself never removed: otherwise a union's result would depend on the order.
        """
        if offer.place is not None and offer.place.kind in _LASTING:
            return None
        if offer.oid in self.redacted:
            return _REDACTED
        run = split_path(offer.path) if self.dead else None
        return _died(self.dead[run[0]]) if run is not None and run[0] in self.dead else None


def find_removals(repo: Repository, offers: Sequence[Offer], published: str | None, base: Tree, epoch: int) -> Removals:
    """Return what the offers and the published tree say must not come back.

    Args:
        repo: The repository.
        offers: The members that are offered.
        published: The published tree, or None.
        base: Its entries.
        epoch: The union's epoch; a marker of a later one has no effect yet.
    """
    redacting = {o.place.oid: o for o in offers if o.place is not None and o.place.oid is not None}
    marking = [o for o in offers if o.place is not None and o.place.epoch is not None and o.place.epoch <= epoch]
    standing = [
        *(_published_objects(repo, published, redacting) if published is not None and redacting else ()),
        *(_published_runs(repo, published, marking) if published is not None else ()),
    ]
    dead: dict[str, int] = {}
    for run_id, since in [*_marked(marking), *_published_markers(repo, base, offers, epoch)]:
        dead[run_id] = min(since, dead.get(run_id, since))
    return Removals(
        frozenset(redacting) | frozenset(_published_redactions(repo, base)), dead, tuple(standing[:MOST_NAMED])
    )


def _marked(offers: Sequence[Offer]) -> Iterator[tuple[str, int]]:
    for offer in offers:
        assert offer.place is not None and offer.place.run_id is not None and offer.place.epoch is not None
        yield offer.place.run_id, offer.place.epoch


def _published_objects(repo: Repository, published: str, redacting: Mapping[str, Offer]) -> Iterator[Dropped]:
    for entry in list_tree(repo, published).files:
        if entry.oid in redacting:
            yield Dropped(entry.path, entry.oid, redacting[entry.oid].sources[0], _REDACTED)


def _published_runs(repo: Repository, published: str, marking: Sequence[Offer]) -> Iterator[Dropped]:
    for offer, (run_id, epoch) in zip(marking, _marked(marking), strict=True):
        found = repo.objects.find(published, run_dir(run_id))
        if found is not None:
            yield Dropped(run_dir(run_id) + "/", found[1], offer.sources[0], _died(epoch))


def _died(epoch: int) -> str:
    return f"its run was dropped when epoch {epoch} began"


def _published_redactions(repo: Repository, base: Tree) -> Iterator[str]:
    folder = _folders(base).get("redacted")
    for name, (mode, _) in repo.objects.tree(folder).items():
        found = place("redacted/" + name.decode("ascii", "replace"))
        if mode == BLOB_MODE and found is not None and found.oid is not None:
            yield found.oid


def _published_markers(repo: Repository, base: Tree, offers: Sequence[Offer], epoch: int) -> Iterator[tuple[str, int]]:
    """Yield which of the offers' runs the published tree says were dropped, and at which epoch."""
    top = _folders(base).get("tombstones")
    if top is None:
        return
    runs = {run[0] for run in (split_path(offer.path) for offer in offers) if run is not None}
    shards = _folders(repo.objects.tree(top))
    members = _folders_of(repo, {shards[run_id[:2]] for run_id in runs if run_id[:2] in shards})
    wanted = {run_id: oid for found in members for run_id, oid in found.items() if run_id in runs}
    trees = read_trees(repo, set(wanted.values()))
    for run_id, oid in wanted.items():
        for name, (mode, _) in trees[oid].items():
            found = place(f"tombstones/{run_id[:2]}/{run_id}/{name.decode('ascii', 'replace')}")
            if mode == BLOB_MODE and found is not None and found.epoch is not None and found.epoch <= epoch:
                yield run_id, found.epoch


def _folders_of(repo: Repository, oids: Collection[str]) -> list[dict[str, str]]:
    return [_folders(tree) for tree in read_trees(repo, oids).values()]


def _folders(tree: Tree) -> dict[str, str]:
    """Return the ids of the folders in a tree by their names."""
    return {name.decode("ascii", "replace"): oid for name, (mode, oid) in tree.items() if mode == TREE_MODE}
