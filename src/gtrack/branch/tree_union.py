"""Working out a union of trees: level by level, without opening what is equal, and without writing anything.

The set of a tree is that of its members (:mod:`gtrack.branch.members`). The union's is:

1. the members of every tree, checked by path, mode, size and digest;
2. without the objects that a ``redacted/<oid>`` among them names, and without the files of runs that a
   ``tombstones/<id[:2]>/<id>/dropped-<epoch>`` among them names, once the highest epoch is that far;
3. at one path the smaller object id; no file where another member lies below its path;
4. FORMAT and README.md, whose bytes follow from the highest epoch.

What the steps go by is in the result too: redactions and markers are never removed, and no other file can stand in the
place of one. So it is the same whether they are taken once or after each of several unions: the union is commutative,
associative and idempotent. One thing has no answer that every order agrees on: which of *two* contents of one path
remains when one of them is redacted; published files are not concerned, since none is ever replaced.

(A plain tombstone removes nothing. If those of the highest epoch did, as that of a run deleted after the epoch began
is one, a run's files would stay or go by whether a union had lifted their tree to that epoch before.)

A published tree is carried as it is: its files are neither checked nor removed; what clashes with one of them is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gtrack.branch.bulk_objects import blob_sizes, read_trees, tree_data, write_trees
from gtrack.branch.commit import FORMAT_FILE, README, format_file, read_format
from gtrack.branch.members import Source, file_fault, folder_fault, mode_fault, place
from gtrack.branch.objects import BLOB, BLOB_MODE, TREE, TREE_MODE, Tree
from gtrack.branch.offer_checks import find_faults
from gtrack.branch.offers import Dropped, Drops, Folder, Offer
from gtrack.branch.removals import find_removals
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, FormatError

__all__ = ["TreeUnion", "epoch_of_tree"]

_MOST_REPEATED = 10_000
"""Times that a folder may be met again in another place: a few small trees can name each other without end."""
_FORMAT_BYTES = 4096
_FORMAT, _README = FORMAT_FILE.encode(), b"README.md"
_STANDS = "another content is published at its path, and what is published stands"
_SMALLER = "another content is at its path too: the smaller object id stays"
_BELOW = "other files lie below its path"


class TreeUnion:
    """The union of some trees: :meth:`walk`, then :meth:`tree`, then :meth:`write`.

    Args:
        repo: The repository.
        trees: Root trees of the branch.
        published: The root tree that is carried as it is, or None.
        source: Where the trees come from.
        horizon: The latest stamp that is taken from another remote, or None for any.

    Attributes:
        root: The root folder: what is below it differs between the trees, after :meth:`walk`.
        epoch: The highest epoch.
        offers: The files that the published tree does not have, after :meth:`walk`.
        drops: What is left out.
        standing: Published files that should not be there, and stay.

    Raises:
        FormatError: A newer gtrack wrote one of the trees.
    """

    def __init__(
        self,
        repo: Repository,
        trees: Sequence[str],
        published: str | None = None,
        *,
        source: Source = Source.LOCAL,
        horizon: str | None = None,
    ) -> None:
        self._repo = repo
        self._source, self._horizon = source, horizon
        self.root = Folder("", published)
        for number, tree in enumerate(trees):
            self.root.sources[tree] = (*self.root.sources.get(tree, ()), number)
        self._published_epoch = None if published is None else epoch_of_tree(repo, published)
        self.epoch = max([self._published_epoch or 0, *(epoch_of_tree(repo, tree) for tree in self.root.sources)])
        self.offers: list[Offer] = []
        self.drops = Drops()
        self.standing: tuple[Dropped, ...] = ()
        self._clashes: list[Offer] = []
        self._opened: set[str] = set()
        self._repeated = 0
        self._new_trees: dict[str, bytes] = {}
        self._new_files: list[bytes] = []

    def walk(self) -> TreeUnion:
        """Find what the trees offer. Its content is not checked yet.

        Raises:
            DamageError: A folder is missing, damaged, or a bomb.
        """
        level = [self.root]
        while level:
            wanted = {oid for folder in level for oid in (*folder.sources, folder.published) if oid is not None}
            trees = read_trees(self._repo, wanted)
            for folder in level:
                self._open(folder, trees)
            level = [child for folder in level for child in folder.children.values()]
        return self

    def tree(self) -> str:
        """Check what was found, and return the id of the union's tree.

        Raises:
            DamageError: A folder is missing or damaged.
        """
        # What clashes is checked as well: in the history of a commit it would be published all the same.
        self._remove(find_faults(self._repo, [*self.offers, *self._clashes], self._source, self._horizon))
        removals = find_removals(self._repo, self.offers, self.root.published, self.root.base, self.epoch)
        self.standing = removals.standing
        if removals.redacted or removals.dead:
            both = (*self.offers, *self._clashes)
            self._remove({offer: why for offer in both if (why := removals.fault(offer)) is not None})
        for offer in self.offers:
            self._put(offer)
        for offer in self._clashes:
            if offer.path != "README.md":  # versions of gtrack may differ in its words
                self.drops.add_offer(offer, _STANDS, taints=False)
        self._put_first_files()
        built = self._build(self.root)
        assert built is not None, "FORMAT is in every union"
        return built

    def write(self) -> None:
        """Write what the repository does not have of the union's tree.

        Raises:
            OSError: The disk is full or read-only.
            GitError: Git failed.
        """
        for data in self._new_files:
            self._repo.objects.write(BLOB, data)
        write_trees(self._repo, self._new_trees)

    def _open(self, folder: Folder, trees: Mapping[str, Tree]) -> None:
        """Sort what the trees have in a folder that the published one has not."""
        if folder.published is not None:
            folder.base = trees[folder.published]
        found: dict[tuple[bytes, tuple[int, str]], tuple[int, ...]] = {}
        for oid, numbers in folder.sources.items():
            self._repeated += oid in self._opened
            self._opened.add(oid)
            for item in trees[oid].items() - folder.base.items():
                found[item] = found.get(item, ()) + numbers
        if self._repeated > _MOST_REPEATED:
            raise DamageError("the same folders stand in thousands of places: no gtrack wrote that", hint="gtrack fsck")
        for (name, (mode, oid)), numbers in sorted(found.items()):
            take = self._take_folder if mode == TREE_MODE else self._take_file
            take(folder, name, mode, oid, numbers)

    def _take_folder(self, parent: Folder, name: bytes, _: int, oid: str, numbers: tuple[int, ...]) -> None:
        text = name.decode("utf-8", "surrogateescape")
        path = parent.path + text
        why = folder_fault(path, text)
        present = parent.base.get(name)
        if why is not None:
            self.drops.add(path + "/", oid, numbers, why)
        elif present is not None and present[0] != TREE_MODE:
            self.drops.add(path + "/", oid, numbers, _STANDS)  # not opened: it may hold anything
        else:
            sources = parent.child(name, path + "/").sources
            sources[oid] = sources.get(oid, ()) + numbers

    def _take_file(self, parent: Folder, name: bytes, mode: int, oid: str, numbers: tuple[int, ...]) -> None:
        if parent is self.root and name == _FORMAT:
            return  # it follows from the epoch
        text = name.decode("utf-8", "surrogateescape")
        path = parent.path + text
        known = place(path)
        why = mode_fault(mode) or file_fault(path, text, known)
        if why is not None:
            self.drops.add(path, oid, numbers, why)
        else:
            offers = self._clashes if name in parent.base else self.offers
            offers.append(Offer(path, oid, numbers, name, parent, known))

    def _remove(self, faults: Mapping[Offer, str]) -> None:
        for offer, why in faults.items():
            self.drops.add_offer(offer, why)
        if faults:
            self.offers = [offer for offer in self.offers if offer not in faults]
            self._clashes = [offer for offer in self._clashes if offer not in faults]

    def _put(self, offer: Offer) -> None:
        """Put a file in its place; of two contents the smaller object id stays."""
        files = offer.folder.files
        first, *rest = sorted(filter(None, (offer, files.get(offer.name))), key=lambda item: item.oid)
        files[offer.name] = first
        for other in rest:
            if other.oid != first.oid:
                self.drops.add_offer(other, _SMALLER, taints=False)

    def _put_first_files(self) -> None:
        """Put FORMAT and README.md in; published ones stay as they are, but for an epoch that is lower."""
        if self._published_epoch == self.epoch and not self.offers:
            return  # nothing is added: that alone is no reason for a commit
        if self._published_epoch != self.epoch or _FORMAT not in self.root.base:
            self.root.base = {name: entry for name, entry in self.root.base.items() if name != _FORMAT}
            self._put_new(_FORMAT, format_file(self.epoch))
        if _README not in self.root.base:
            self._put_new(_README, README.encode())

    def _put_new(self, name: bytes, data: bytes) -> None:
        oid = self._repo.objects.id_of(BLOB, data)
        self._new_files.append(data)
        self._put(Offer(name.decode(), oid, (), name, self.root, None))

    def _build(self, folder: Folder) -> str | None:
        """Return the id of a folder of the union, or None when it is empty."""
        entries = dict(folder.base)
        for name, child in folder.children.items():
            oid = self._build(child)
            if oid is not None:
                entries[name] = (TREE_MODE, oid)
        for name, offer in folder.files.items():
            if name in entries:
                self.drops.add_offer(offer, _BELOW, taints=False)
            else:
                entries[name] = (BLOB_MODE, offer.oid)
        if entries == folder.base and folder.published is not None:
            return folder.published  # as it is: not even its form is put in order
        if not entries:
            return None
        data = tree_data(entries)
        built = self._repo.objects.id_of(TREE, data)
        if built not in folder.sources:
            self._new_trees[built] = data
        return built


def epoch_of_tree(repo: Repository, tree: str) -> int:
    """Return the epoch of a root tree; 0 when it has no FORMAT file.

    Raises:
        FormatError: A newer gtrack wrote it, or its FORMAT file cannot be read.
        DamageError: The tree or the file is missing or damaged.
    """
    entry = repo.objects.tree(tree).get(_FORMAT)
    if entry is None:
        return 0
    size = blob_sizes(repo, {entry[1]})[entry[1]]
    if mode_fault(entry[0]) is not None or not 0 <= size <= _FORMAT_BYTES:
        raise FormatError("the FORMAT file of the branch is not readable", hint="gtrack fsck")
    return max(0, read_format(repo.read_blob(entry[1]))[1])
