"""Checking what is offered to a union: is each file here, of its size, and of the content that its name says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gtrack.branch.bulk_objects import ABSENT, NOT_A_BLOB, blob_sizes
from gtrack.branch.listing import Entry, read_in_batches
from gtrack.branch.members import FILE_BYTES, Source, content_fault, document_fault, size_fault, stamp_fault
from gtrack.branch.objects import BLOB_MODE
from gtrack.branch.offers import Offer
from gtrack.branch.repository import Repository

__all__ = ["find_faults"]


def find_faults(repo: Repository, offers: Sequence[Offer], source: Source, horizon: str | None) -> dict[Offer, str]:
    """Return the files that are no members, and why; the sizes of all are filled in.

    Content is read only where a name demands a digest, and in bounded amounts.

    Args:
        repo: The repository.
        offers: The files; their paths and modes are sound.
        source: Where they come from: of another remote only known files count, and documents must be readable.
        horizon: The latest stamp that is taken from another remote, or None for any.
    """
    sizes = blob_sizes(repo, {offer.oid for offer in offers})
    faults: dict[Offer, str] = {}
    strict = source is Source.OTHER
    to_read = []
    for offer in offers:
        offer.size = sizes[offer.oid]
        why = _stored_fault(offer) or (_foreign_fault(offer, horizon) if strict else None)
        if why is not None:
            faults[offer] = why
        elif strict or (offer.place is not None and offer.place.digest is not None):
            to_read.append(offer)
    faults.update(_content_faults(repo, to_read, strict=strict))
    return faults


def _stored_fault(offer: Offer) -> str | None:
    if offer.size == ABSENT:
        return f"its object {offer.oid[:12]} is missing"
    if offer.size == NOT_A_BLOB:
        return f"its object {offer.oid[:12]} is not a file's"
    return size_fault(offer.path, offer.place, offer.size)


def _foreign_fault(offer: Offer, horizon: str | None) -> str | None:
    if offer.place is None:
        return "the format knows no such file"
    return stamp_fault(offer.path, horizon)


def _content_faults(repo: Repository, offers: Sequence[Offer], *, strict: bool) -> Iterator[tuple[Offer, str]]:
    groups = ((str(at), [Entry(offer.path, BLOB_MODE, offer.oid, offer.size)]) for at, offer in enumerate(offers))
    for at, _, contents, bad in read_in_batches(repo, groups, FILE_BYTES):
        offer = offers[int(at)]
        why = bad.get(offer.oid) or content_fault(offer.place, contents[offer.oid])
        if why is None and strict:
            why = document_fault(offer.path, contents[offer.oid])
        if why is not None:
            yield offer, why
