"""Asking the tracking remote what there is: its branch, its inboxes, its code chain."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field

from gtrack.branch.chain import CODE_REF
from gtrack.branch.commit import FORMAT_FILE, read_format
from gtrack.branch.commit_objects import is_ancestor
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import Tracking, is_shallow
from gtrack.branch.transport import Transport
from gtrack.errors import DamageError, FormatError

__all__ = ["FETCHED", "Fetched", "epoch_of", "fetch"]

FETCHED = "fetched"
"""The file whose time tells when the remote was last asked."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a remote has.

    Attributes:
        names: What its references are called.
        published: The tip of its branch, or None when it has none.
        overwritten: The tip it had before, where the present one does not descend from it: somebody rewrote the
            branch, or removed it. What it held is put back by the next push.
        inboxes: The tips that wait in inboxes, by reference at the remote.
        code: The tip of its chain of snapshots, or None.
        code_inboxes: The chains that wait in inboxes, by reference at the remote.
        unreadable: Inboxes that are passed over, and why.
    """

    names: Tracking
    published: str | None
    overwritten: str | None = None
    inboxes: dict[str, str] = field(default_factory=dict)
    code: str | None = None
    code_inboxes: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def fetch(repo: Repository, transport: Transport, names: Tracking) -> Fetched:
    """Fetch a remote's branch, inboxes and code chain, and nothing else.

    Args:
        repo: The repository.
        transport: The connection.
        names: The remote's references.

    Raises:
        NetworkError: The remote could not be reached, or did not let us in.
        FormatError: A newer gtrack wrote its branch.
    """
    before = repo.refs.read(names.tip_ref)
    there = transport.fetch(names.refspecs(code=not is_shallow(repo)))
    repo.objects.refresh()
    _note_time(repo)
    published = there.get(names.branch)
    if published is not None:
        epoch_of(repo, published)
    overwritten = None
    if before is not None and not (published is not None and is_ancestor(repo, before, published)):
        overwritten = before
    inboxes, unreadable = _readable(repo, names.inboxes(repo, "runs"))
    return Fetched(
        names,
        published,
        overwritten,
        inboxes,
        there.get(CODE_REF),
        names.inboxes(repo, "code"),
        unreadable,
    )


def _note_time(repo: Repository) -> None:
    """Let ``gtrack status`` say how old its picture of the remote is."""
    with contextlib.suppress(OSError):
        os.makedirs(repo.paths.home, mode=0o700, exist_ok=True)
        with open(os.path.join(repo.paths.home, FETCHED), "wb"):
            pass


def epoch_of(repo: Repository, commit: str) -> int:
    """Return the epoch of a tip of the branch; 0 where it has no FORMAT file.

    Raises:
        FormatError: A newer gtrack wrote it.
        DamageError: It is not a commit, or is damaged.
        KeyError: It is not here.
    """
    found = repo.objects.find(repo.tree_of(commit), FORMAT_FILE)
    return 0 if found is None else read_format(repo.read_blob(found[1]))[1]


def _readable(repo: Repository, tips: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Part the inboxes that this gtrack can take in from those it cannot: one of them must hold nobody back."""
    good, bad = {}, {}
    for ref, oid in tips.items():
        try:
            epoch_of(repo, oid)
        except (DamageError, FormatError, KeyError) as error:
            bad[ref] = getattr(error, "message", str(error))
        else:
            good[ref] = oid
    return good, bad
