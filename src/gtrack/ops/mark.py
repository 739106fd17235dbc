"""Whether anything has changed since somebody last looked, without reading any of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence

from gtrack.branch.repository import Repository
from gtrack.ops.recover import spools_of
from gtrack.ops.trees import visible_tips

__all__ = ["mark_of"]


def mark_of(repo: Repository, extra_spools: Sequence[str] = ()) -> str:
    """Return a word that stays the same while the repository's runs do.

    It is made of the tips of the references that count, and of the names, sizes and times of live runs' files. What
    changes by time alone, such as a run that is silent for too long, does not change it.

    Args:
        repo: The repository.
        extra_spools: Spools outside the repository to look into.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
    """
    digest = hashlib.sha256()
    for line in _lines(repo, extra_spools):
        digest.update(line.encode("utf-8", "surrogateescape"))
        digest.update(b"\n")
    return digest.hexdigest()[:16]


def _lines(repo: Repository, extra_spools: Sequence[str]) -> Iterator[str]:
    for tip in visible_tips(repo):
        yield f"{tip.ref} {tip.oid}"
    for run in spools_of(repo, extra_spools):
        yield run.path
        with contextlib.suppress(OSError), os.scandir(run.path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                with contextlib.suppress(OSError):  # it has been recorded meanwhile: the tips tell
                    found = entry.stat()
                    yield f"{entry.name} {found.st_size} {found.st_mtime_ns}"
