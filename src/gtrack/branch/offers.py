"""What trees offer to a union: the files that the published tree does not have, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gtrack.branch.members import Place
from gtrack.branch.objects import Tree

__all__ = ["MOST_NAMED", "Dropped", "Drops", "Folder", "Offer"]

MOST_NAMED = 100
"""How many dropped files are named; the others are counted."""


@dataclass(frozen=True, slots=True, order=True)
class Dropped:
    """A file that a tree offered and the union does not hold.

    Attributes:
        path: Its path, as it is in the tree: not safe to print. That of a folder of which nothing was taken ends in a
            slash.
        oid: Its object id.
        source: The number of the first tree that offered it.
        why: The reason.
    """

    path: str
    oid: str
    source: int
    why: str


@dataclass(slots=True, eq=False)
class Folder:
    """A folder that differs between the trees.

    Attributes:
        path: Its path with a slash at the end; the root's is empty.
        published: The tree's id in the published tree, or None.
        sources: The numbers of the trees that have it, by its id there.
        base: What the published one holds.
        children: The folders below it that differ.
        files: The files that the union adds.
    """

    path: str
    published: str | None = None
    sources: dict[str, tuple[int, ...]] = field(default_factory=dict)
    base: Tree = field(default_factory=dict)
    children: dict[bytes, Folder] = field(default_factory=dict)
    files: dict[bytes, Offer] = field(default_factory=dict)

    def child(self, name: bytes, path: str) -> Folder:
        """Return a folder below this one."""
        if name not in self.children:
            present = self.base.get(name)
            self.children[name] = Folder(path, present[1] if present is not None else None)
        return self.children[name]


@dataclass(slots=True, eq=False)
class Offer:
    """A file that some trees have and the published one has not.

    Attributes:
        path: Its path.
        oid: Its object id.
        sources: The numbers of the trees that have it.
        name: The last part of the path, as in the tree.
        folder: Where it is.
        place: What the path means to the format.
        size: In bytes, once that has been looked up.
    """

    path: str
    oid: str
    sources: tuple[int, ...]
    name: bytes
    folder: Folder
    place: Place | None
    size: int = 0


@dataclass(slots=True)
class Drops:
    """What was dropped: a list that stops growing at some length, and counts on.

    Attributes:
        items: The first ones.
        count: How many there are.
        tainted: The numbers of the trees that hold what nobody may publish, in their history too.
    """

    items: list[Dropped] = field(default_factory=list)
    count: int = 0
    tainted: set[int] = field(default_factory=set)

    def add(self, path: str, oid: str, sources: Iterable[int], why: str, *, taints: bool = True) -> None:
        """Add a file.

        Args:
            path: Its path.
            oid: Its object id.
            sources: The numbers of the trees that offered it.
            why: The reason.
            taints: It is no member, rather than one that another stands in the way of.
        """
        numbers = tuple(sources)
        if not numbers:
            return  # our own FORMAT or README.md
        self.count += 1
        if taints:
            self.tainted.update(numbers)
        if len(self.items) < MOST_NAMED:
            self.items.append(Dropped(path, oid, min(numbers), why))

    def add_offer(self, offer: Offer, why: str, *, taints: bool = True) -> None:
        """Add a file that was offered; see :meth:`add`."""
        self.add(offer.path, offer.oid, offer.sources, why, taints=taints)
