"""Tracked files in a snapshot: which edits would give a secret away, and which ones git does not see."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gtrack.branch.secrets import find_secrets, is_secret_name
from gtrack.branch.status import ABSENT, GITLINK, Change, Entry, Where
from gtrack.branch.untracked import MEBIBYTE, LeftOut, file_digest, file_size, read_regular, shown

__all__ = ["Edits", "hidden_edits", "judge_edits"]

SCANNED = 4 * MEBIBYTE
"""The largest tracked file that is searched for secrets, in bytes."""
HIDDEN = 1000
"""With more files than this hidden from git it is a sparse checkout, whose files are not there to be edited."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What to do with the tracked changes.

    Args:
        stage: Paths to take from the working tree.
        remove: Changes whose path is gone from it.
        restore: Changes that look like secrets: HEAD's version is kept, if there is one.
        left_out: The latter, to list.
        warnings: What the owner of the run should hear of.
    """

    stage: tuple[str, ...] = ()
    remove: tuple[Change, ...] = ()
    restore: tuple[Change, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()


def judge_edits(where: Where, changes: Iterable[Change]) -> Edits:
    """Return what a snapshot takes of the tracked changes: everything but new secrets.

    Raises:
        GitError: HEAD's version of a suspicious file could not be read.
    """
    stage: list[str] = []
    remove: list[Change] = []
    restore: list[Change] = []
    left_out: list[LeftOut] = []
    warnings: list[str] = []
    for change in changes:
        if change.work_mode.startswith("100") and _gives_away(where, change, warnings):
            restore.append(change)
            size = file_size(os.path.join(where.work_tree, change.path))
            left_out.append(LeftOut(change.path, size, "secret" if change.head_mode == ABSENT else "secret-edit"))
        elif not change.unstaged or (change.work_mode == GITLINK and "C" not in change.submodule):
            continue  # the index has it already; of a submodule only its commit can be recorded
        elif change.work_mode == ABSENT:
            remove.append(change)
        else:
            stage.append(change.path)
    return Edits(tuple(stage), tuple(remove), tuple(restore), tuple(left_out), tuple(warnings))


def _gives_away(where: Where, change: Change, warnings: list[str]) -> bool:
    """Tell whether an edit brings in a secret that HEAD does not have."""
    path = os.path.join(where.work_tree, change.path)
    name = shown(change.path)
    kept = "the code snapshot " + ("is without it" if change.head_mode == ABSENT else "has it as in HEAD")
    if is_secret_name(change.path):
        warnings.append(f"{name} changed and has the name of a secret: {kept}")
        return True
    data = read_regular(path, SCANNED)
    if data is None:
        if (file_size(path) or 0) > SCANNED:
            warnings.append(f"{name} is too large to be searched for secrets; it is in the code snapshot")
        return False
    found = find_secrets(data)
    if not found:
        return False
    before = where.run("cat-file", "blob", change.head_id) if change.head_mode.startswith("100") else b""
    new = sorted({kind for secret, kind in found.items() if secret not in before})
    if new:
        warnings.append(f"{name} changed and seems to hold a secret ({', '.join(new)}): {kept}")
        return True
    kinds = ", ".join(sorted(set(found.values())))
    warnings.append(f"{name} seems to hold a secret ({kinds}) in HEAD already; it is in the code snapshot")
    return False


def hidden_edits(where: Where, entries: Sequence[Entry]) -> tuple[LeftOut, ...]:
    """Return the edited files that git was told not to look at, by assume-unchanged or skip-worktree.

    Raises:
        GitError: Git could not hash them.
    """
    hidden = [entry for entry in entries if entry.tag != "H" and entry.mode.startswith("100")]
    if len(hidden) > HIDDEN:
        return ()
    # git hash-object reads its paths by line
    present = [entry for entry in hidden if "\n" not in entry.path and _is_file(where, entry)]
    if not present:
        return ()
    paths = "".join(f"{entry.path}\n" for entry in present)
    ids = where.run("hash-object", "--stdin-paths", input=os.fsencode(paths)).decode().split()
    edited = [entry for entry, now in zip(present, ids, strict=True) if now != entry.id]
    return tuple(_hidden(where, entry) for entry in edited)


def _is_file(where: Where, entry: Entry) -> bool:
    try:
        return stat.S_ISREG(os.lstat(os.path.join(where.work_tree, entry.path)).st_mode)
    except OSError:
        return False


def _hidden(where: Where, entry: Entry) -> LeftOut:
    path = os.path.join(where.work_tree, entry.path)
    reason = "assume-unchanged" if entry.tag == "h" else "skip-worktree"
    secret = is_secret_name(entry.path) or find_secrets(read_regular(path, MEBIBYTE) or b"")
    return LeftOut(entry.path, file_size(path), reason, None if secret else file_digest(path))
