"""What a push brings: its commits, and what each of them adds, alters and removes.

Nothing of it is trusted yet: it is read in bounded amounts. Git sees a push in quarantine too when the repository was
opened with ``incoming=True``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gtrack.branch.bounded import PUSHED_AS_IT_IS, run_bounded
from gtrack.branch.objects import BLOB_MODE, TREE_MODE
from gtrack.branch.repository import Repository

__all__ = [
    "Change",
    "Incoming",
    "altered_between",
    "count_members",
    "find_commit",
    "find_file",
    "names_in",
    "odd_members",
    "read_incoming",
    "sizes_of",
]

_DIFF = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff")
_ALTERED = "--diff-filter=MDT"


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit did to a file, as compared with one parent.

    Attributes:
        commit: The commit.
        path: The file.
        kind: ``A`` for new, ``M`` for another content or mode, ``T`` for another type, ``D`` for removed.
        mode: The file's mode after it; 0 when it was removed.
        oid: The file's object id after it; zeros when it was removed.
        before: The object id before it; zeros when it is new.
        taken: The commit is a merge that has the file as another of its parents has it.
    """

    commit: str
    path: str
    kind: str
    mode: int
    oid: str
    before: str
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """The commits of a range.

    Attributes:
        parents: The parents of each commit, by the commit, the oldest first.
        changes: What the commits did.
        shallow: Some of them lack their parents here: the clone is shallow.
    """

    parents: dict[str, tuple[str, ...]]
    changes: tuple[Change, ...]
    shallow: bool


def find_commit(repo: Repository, name: str) -> str | None:
    """Return the id of the commit that a name or an id stands for, or None.

    Args:
        repo: The repository; it has the git executable.
        name: A revision as git writes them.
    """
    # An id in full is taken at its word; with the suffix, the object is looked at.
    return _verify(repo, f"{name}^{{commit}}")


def find_file(repo: Repository, commit: str, path: str) -> str | None:
    """Return the object id at a path of a commit, or None.

    Args:
        repo: The repository; it has the git executable.
        commit: The commit's id.
        path: The path from the root.
    """
    return _verify(repo, f"{commit}:{path}")


def names_in(repo: Repository, commit: str, folder: str) -> list[str]:
    """Return the names of a folder's members; none when there is no such folder.

    Raises:
        GitError: Git failed.
        DamageError: There are more of them than can be read.
    """
    raw = (
        run_bounded(repo, ["ls-tree", "-z", "--name-only", f"{commit}:{folder}"])
        if find_file(repo, commit, folder)
        else b""
    )
    return raw.decode("utf-8", "surrogateescape").split("\0")[:-1]


def _verify(repo: Repository, revision: str) -> str | None:
    assert repo.git is not None
    args = ["rev-parse", "--verify", "--quiet", "--end-of-options", revision]
    done = repo.git.call(args, git_dir=repo.paths.git_dir, env_extra=PUSHED_AS_IT_IS)
    return done.stdout.decode().strip() if done.returncode == 0 else None


def read_incoming(repo: Repository, new: str, old: str | None) -> Incoming:
    """Read the commits that one commit leads to and another does not.

    A merge is compared with each parent for what it alters or removes; new in it is what no parent has.

    Args:
        repo: The repository; it has the git executable.
        new: The newest commit.
        old: A commit whose history is known, or None.

    Raises:
        GitError: Git failed, such as on a commit that is missing.
        DamageError: There is more of it than can be read.
    """
    range_ = [new, *([f"^{old}"] if old else [])]
    lines = _lines(run_bounded(repo, ["rev-list", "--parents", "--topo-order", "--reverse", *range_, "--"]))
    family = {commit: tuple(parents) for commit, *parents in (line.split() for line in lines)}
    merges = {commit: parents for commit, parents in family.items() if len(parents) > 1}
    single = run_bounded(repo, [*_DIFF, "--root", "--stdin"], (c for c in family if c not in merges))
    changes = list(_parse(single))
    if merges:
        # Git lists here what is as no parent has it.
        own = {(c.commit, c.path): c for c in _parse(run_bounded(repo, [*_DIFF, "-c", "--stdin"], merges))}
        pairs = (f"{commit} {parent}" for commit, parents in merges.items() for parent in parents)
        changes += [c for c in own.values() if c.kind == "A"]
        changes += dict.fromkeys(_parse(run_bounded(repo, [*_DIFF, _ALTERED, "--stdin"], pairs), own))
    roots = [commit for commit, parents in family.items() if not parents]
    return Incoming(family, tuple(changes), _are_cut_off(repo, roots))


def _are_cut_off(repo: Repository, roots: Sequence[str]) -> bool:
    """Tell whether a commit without parents has some after all: where a shallow clone ends, git hides them."""
    raw = run_bounded(repo, ["cat-file", "--batch", "--buffer"], roots)
    return any(head.startswith(b"parent ") for head in _second_lines(raw))


def _second_lines(raw: bytes) -> Iterator[bytes]:
    """Yield the second line of each object that ``cat-file --batch`` shows."""
    at = 0
    while at < len(raw):
        start = raw.index(b"\n", at) + 1
        size = int(raw[at:start].split()[2])
        yield raw[start : start + size].partition(b"\n")[2][:80]
        at = start + size + 1


def altered_between(repo: Repository, old: str, new: str) -> list[Change]:
    """Return what one commit has and another has otherwise or lacks.

    Args:
        repo: The repository; it has the git executable.
        old: The commit whose files stand.
        new: The other one.

    Raises:
        GitError: Git failed.
        DamageError: There is more of it than can be read.
    """
    raw = run_bounded(repo, [*_DIFF, _ALTERED, old, new])
    return list(_parse(new.encode() + b"\0" + raw))


def sizes_of(repo: Repository, oids: Iterable[str]) -> dict[str, int]:
    """Return the sizes of blobs in bytes, by id; what is missing, or is no blob, is left out.

    Raises:
        GitError: Git failed.
    """
    raw = run_bounded(repo, ["cat-file", "--batch-check"], sorted(set(oids)))
    answers = (line.split() for line in _lines(raw))
    return {answer[0]: int(answer[2]) for answer in answers if len(answer) == 3 and answer[1] == "blob"}


def count_members(repo: Repository, tree: str) -> int:
    """Return how many files and folders there are below a tree, at all levels.

    Raises:
        GitError: Git failed, such as on a folder that is missing.
        DamageError: There are more of them than can be listed.
    """
    return run_bounded(repo, ["ls-tree", "-r", "-t", "-z", "--name-only", "--full-tree", tree]).count(b"\0")


def odd_members(repo: Repository, commit: str, folders: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the members of folders that git itself would not have written, and what is odd about each.

    Names that stand twice, and modes that are neither a folder nor a plain file: git's other commands show the former
    as a file and the latter as something else.

    Args:
        repo: The repository; it has the git executable.
        commit: The commit.
        folders: Paths of folders, the root as ``""``; they hold no newline.

    Raises:
        GitError: Git failed.
        DamageError: The folders are larger than can be read.
    """
    raw = run_bounded(repo, ["cat-file", "--batch", "--buffer"], (f"{commit}:{folder}" for folder in folders))
    at = 0
    for folder in folders:
        end = raw.index(b"\n", at)
        head = raw[at:end].rsplit(b" ", 2)
        at = end + 1
        if len(head) != 3 or head[1] != b"tree":
            if head[-1] != b"missing":
                at += int(head[-1]) + 1
            continue
        size = int(head[2])
        seen = set()
        for mode, name in _members(raw[at : at + size], len(head[0]) // 2):
            path = f"{folder}/{name.decode('utf-8', 'surrogateescape')}".lstrip("/")
            if name in seen:
                yield path, "it stands twice in its folder"
            elif mode not in (b"%o" % BLOB_MODE, b"%o" % TREE_MODE):
                yield path, f"it is of the mode {mode.decode('ascii', 'replace'):.10}, not a plain file"
            seen.add(name)
        at += size + 1


def _members(tree: bytes, hash_bytes: int) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        mode, _, name = tree[at:end].partition(b" ")
        yield mode, name
        at = end + 1 + hash_bytes


def _parse(raw: bytes, own: Iterable[tuple[str, str]] | None = None) -> Iterator[Change]:
    """Read git's raw diff: ``:<modes> <ids> <kinds>`` and a path, a colon for each parent; an id begins a commit."""
    commit = ""
    fields = iter(raw.decode("utf-8", "surrogateescape").split("\0"))
    for text in fields:
        if not text.startswith(":"):
            commit = text.strip() or commit
            continue
        parents = len(text) - len(text.lstrip(":"))
        words, path = text[parents:].split(" "), next(fields)
        kinds = set(words[-1])
        kind = kinds.pop() if len(kinds) == 1 else "M"
        taken = own is not None and kind != "D" and (commit, path) not in own
        yield Change(commit, path, kind, int(words[parents], 8), words[-2], words[parents + 1], taken)


def _lines(raw: bytes) -> list[str]:
    return raw.decode("utf-8", "surrogateescape").splitlines()
