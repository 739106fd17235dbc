"""The files of some folders of the branch as they count in this clone, read so that a damaged object is noticed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gtrack.branch.bounded import run_bounded
from gtrack.branch.bulk import overlay
from gtrack.branch.objects import BLOB, TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GtrackError
from gtrack.format import names
from gtrack.ops.verify_records import File, Problem
from gtrack.ops.verify_result import Chain

__all__ = ["Folder", "altered_in_history", "models_in", "read_folder", "read_sound"]

_MOST_FILES = 200_000
_LOG = ("log", "--full-history", "-m", "--raw", "-z", "--no-renames", "--no-abbrev", "--diff-filter=MDT", "--format=%H")


@dataclass(slots=True)
class Folder:
    """The files below a folder of the branch.

    Attributes:
        path: The folder.
        files: The files that count, by path from the root.
        problems: Paths that have several contents in this clone.
    """

    path: str
    files: dict[str, File] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_folder(repo: Repository, trees: Sequence[str], path: str) -> Folder:
    """Return the files of a folder and of the folders in it.

    Args:
        repo: The repository.
        trees: Root trees of the branch, the tracking remote's last: what is published stands.
        path: The folder.

    Raises:
        DamageError: A folder is missing or damaged.
    """
    out = Folder(path)
    found = [repo.objects.find(tree, path) for tree in trees]
    folders = list(dict.fromkeys(entry[1] for entry in found if entry is not None and entry[0] == TREE_MODE))
    listed = [list(_members(repo, oid, path)) for oid in folders]
    published = {file: oid for file, _, oid in listed[-1]} if listed else {}
    for file, _, oid in (entry for entries in listed[:-1] for entry in entries):
        if published.get(file, oid) != oid:
            what = "this clone or an inbox has another content at its path; what is published stands"
            out.problems.append(Problem(file, "altered", what, "gtrack fsck"))
    entries = overlay(listed[-1], *listed[:-1]) if listed else {}
    out.files = {file: File(mode, oid) for file, mode, oid in entries.values()}
    return out


def models_in(repo: Repository, trees: Iterable[str]) -> list[str]:
    """Return the names of the models that some trees of the branch have something of."""
    found = set()
    for tree in trees:
        top = repo.objects.find(tree, names.MODELS)
        if top is not None and top[0] == TREE_MODE:
            parts = (raw.decode("utf-8", "replace") for raw in repo.objects.tree(top[1]))
            found |= {name for part in parts if (name := names.model_of_dir(part)) is not None}
    return sorted(found)


def read_sound(repo: Repository, oid: str) -> bytes:
    """Return the content of a file, which is what its id says.

    Raises:
        DamageError: It is missing, damaged, or another content.
    """
    data = repo.read_blob(oid)
    if repo.objects.id_of(BLOB, data) != oid:
        raise DamageError(f"its object {oid[:12]} has another content than its id says", hint="gtrack fsck --repair")
    return data


def altered_in_history(repo: Repository, tips: Sequence[str], folders: Sequence[str], chain: Chain) -> None:
    """Say which commits changed or removed files of some folders; nothing may be changed on the branch.

    Args:
        repo: The repository.
        tips: The newest commits of the branch here and at the tracking remote.
        folders: Paths on the branch.
        chain: Takes what is wrong.
    """
    if repo.git is None:
        chain.note("history", repo.branch, "git is not installed: whether files were changed later is not checked")
        return
    try:
        raw = run_bounded(repo, [*_LOG, *tips, "--", *folders])
        changed = list(dict.fromkeys(_parse(raw)))
        shallow = run_bounded(repo, ["rev-parse", "--is-shallow-repository"]).strip() == b"true"
        commits = len(run_bounded(repo, ["rev-list", *tips, "--", *folders]).split())
    except GtrackError as error:
        chain.broken("history", repo.branch, f"its history cannot be read: {error.message}", error.hint)
        return
    wrong = [(commit, path, kind) for commit, path, kind in changed if kind == "D" or not _taken(repo, commit, path)]
    for commit, path, kind in wrong:
        what = "removed" if kind == "D" else "changed"
        chain.broken(
            "altered", path, f"commit {commit[:12]} {what} it: files are written once", f"git show {commit[:12]}"
        )
    if shallow:
        chain.note("history", repo.branch, "the clone is shallow: earlier commits cannot be looked at")
    elif not wrong:
        chain.ok("history", repo.branch, f"no file was changed or removed in {commits:,} commits")


def _parse(raw: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield (commit, path, kind of change) from git's log: an id begins a commit, ``:<modes> <ids> M`` an entry."""
    commit = ""
    fields = iter(raw.decode("utf-8", "surrogateescape").split("\0"))
    for each in fields:
        text = each.strip()
        if text.startswith(":"):
            yield commit, next(fields), text.rpartition(" ")[2][:1]
        elif text:
            commit = text.split()[0]


def _taken(repo: Repository, commit: str, path: str) -> bool:
    """Tell whether a merge has a file as one of its parents has it."""
    from gtrack.branch.committed import read_commit

    try:
        found = read_commit(repo, commit)
        present = repo.objects.find(found.tree, path)
        before = [repo.objects.find(repo.tree_of(parent), path) for parent in found.parents]
    except (GtrackError, KeyError, UnicodeEncodeError):
        return False
    return len(before) > 1 and present is not None and present in before


def _members(repo: Repository, folder: str, path: str) -> Iterator[tuple[str, int, str]]:
    """Yield the files of a folder and of those in it: nothing of the format lies deeper."""
    count = 0
    for raw, (mode, oid) in repo.objects.tree(folder).items():
        name = f"{path}/{raw.decode('utf-8', 'surrogateescape')}"
        inside = repo.objects.tree(oid).items() if mode == TREE_MODE else ()
        if mode != TREE_MODE:
            yield name, mode, oid
        for inner, (kind, below) in inside:
            count += 1
            if count > _MOST_FILES:
                raise DamageError(f"{path} has more than {_MOST_FILES:,} files")
            yield f"{name}/{inner.decode('utf-8', 'surrogateescape')}", kind, below
