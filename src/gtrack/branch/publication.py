"""Publishing code snapshots: which ones a remote lacks, what they would show, and the chain that carries them.

The chain here (:data:`gtrack.branch.chain.CODE_REF`) keeps every snapshot and stays here. The one that is pushed is
built anew on top of the remote's, of the snapshots that may be published and of nothing else: the ancestors of its
links are earlier links of the remote, those snapshots, and commits that the remote has.

Naming such a commit as a parent publishes nothing and tells git what the remote holds, so that it sends what differs.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gtrack.branch.objects import COMMIT
from gtrack.branch.repository import Repository
from gtrack.branch.snapshot import snapshot_object
from gtrack.branch.tracking import Tracking
from gtrack.errors import DamageError, GitError, UsageError

__all__ = ["Candidate", "NewFiles", "candidates", "extend_chain", "files_published", "merge_chains"]

_PER_LINK = 32
"""Snapshots of one link: measured, a hundred in one push take 35 KB, 51 KB with a link each, 33 KB with one for all."""
_AT_ONCE = 256
"""Snapshots that one process compares, so that its answer stays small."""
_SEARCHED = 10_000
"""How many of the remote's newest commits are searched for a tree; an older one is asked for once more."""
_TIMEOUT = 3600.0
_OBJECT_ID = {"sha1": re.compile(r"[0-9a-f]{40}\Z"), "sha256": re.compile(r"[0-9a-f]{64}\Z")}
_DIFF = "diff-tree -r -z --root --no-commit-id --name-only --no-renames --no-ext-diff --diff-filter=d".split()
_WHO = "gtrack <gtrack@localhost>"
# Replacements and grafts would show another history than the one that is pushed: a commit of the user's could pass
# for one that the remote has.
_ENV = {"GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": os.devnull}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A snapshot that is here and that the remote does not keep yet.

    Attributes:
        snapshot: The id of the snapshot commit.
        tree: The id of its tree.
        head: The commit that its code started from, or None where that is unknown.
        base: A commit that the remote has and whose tree is near: the newest such ancestor of ``head``, else the tip
            of a branch or of a chain; None where the remote has no code yet.
        needs_consent: No commit that the remote is known to have has this tree, so publishing shows something new.
    """

    snapshot: str
    tree: str
    head: str | None
    base: str | None
    needs_consent: bool


@dataclass(frozen=True, slots=True)
class NewFiles:
    """The files that a publication would show.

    Attributes:
        paths: Some of them, sorted; odd bytes of a name are surrogates (``os.fsdecode``).
        total: How many there are.
    """

    paths: tuple[str, ...]
    total: int


@dataclass(frozen=True, slots=True)
class _Has:
    """What a remote is known to have: tips of code branches, the default one first, and tips of chains."""

    code: tuple[str, ...]
    chains: tuple[str, ...]


def candidates(
    repo: Repository, remote: str, snapshots: Mapping[str, str | None], *, published: Sequence[str] = ()
) -> list[Candidate]:
    """Return the snapshots that could be published, in the order given.

    Left out are those that a chain of the remote has, those that are not here with all their objects, and what is no
    snapshot: a run of somebody else's may name any commit as its code, a private one too.

    Args:
        repo: The repository.
        remote: The name of the tracking remote; what it has is judged by the references of the last fetch.
        snapshots: The commit that the code started from, or None, by the id of the snapshot; oldest run first.
        published: Further commits that the remote has, such as what ``git ls-remote`` lists or a chain that was pushed
            a moment ago; those that are not here do not count.

    Raises:
        GitError: Git failed.

    Example:
        >>> candidates(repo, "origin", {"15f61e33bf16...": "b09c9f2e7d1a..."})
        [Candidate(snapshot='15f61e33bf16...', tree='...', head='b09c9f2e7d1a...', base='...', needs_consent=True)]
    """
    if repo.git is None or not snapshots:
        return []
    has = _remote_has(repo, remote)
    published = [oid for oid in published if _valid(repo, oid)]
    heads = {head for head in snapshots.values() if head}
    trees = _commits_here(repo, snapshots.keys() | heads)
    genuine = [oid for oid in snapshots if oid in trees and _is_snapshot(repo, oid, trees[oid])]
    unpublished = _unreachable(repo, genuine, (*has.chains, *published))
    fresh = _whole(repo, [oid for oid in genuine if oid in unpublished])
    if not fresh:
        return []
    bases = _bases(repo, {head for head in heads if head in trees}, (*has.code, *published))
    there = _trees_there(repo, {trees[oid] for oid in fresh}, (*has.code, *published))
    there |= {trees[head] for head, base in bases.items() if head == base}
    near = next(iter((*has.code, *has.chains)), None)
    return [
        Candidate(oid, trees[oid], head, bases.get(head or "") or near, trees[oid] not in there)
        for oid in fresh
        for head in (_valid(repo, snapshots[oid]),)
    ]


def files_published(repo: Repository, *chosen: Candidate, limit: int = 100) -> NewFiles:
    """Return the files that publishing some snapshots would newly show: what differs from each one's base.

    Args:
        repo: The repository; it has the git executable.
        chosen: The candidates. Without a base it is every file of the tree.
        limit: How many files are named at most.

    Raises:
        GitError: Git failed.
    """
    # Snapshots without a base are compared with one another: all files of the first, then what the next one adds.
    rootless = [c.snapshot for c in chosen if c.base is None]
    before = dict(zip(rootless[1:], rootless, strict=False))
    others = ((c.snapshot, c.base or before.get(c.snapshot)) for c in chosen)
    lines = [f"{oid} {other}" if other else oid for oid, other in dict.fromkeys(others)]
    found: set[str] = set()
    for start in range(0, len(lines), _AT_ONCE):
        batch = lines[start : start + _AT_ONCE]
        found.update(os.fsdecode(path) for path in _ask(repo, [*_DIFF, "--stdin"], batch).split(b"\0") if path)
    return NewFiles(tuple(sorted(found)[:limit]), len(found))


def extend_chain(repo: Repository, tip: str | None, chosen: Sequence[Candidate]) -> str:
    """Write links that add snapshots to a remote's chain; no reference is set.

    When somebody else was faster and the push is refused, do it again on the new tip: nothing is added twice.

    Args:
        repo: The repository; it has the git executable.
        tip: The remote's chain as it was just fetched, or None where it has none. Never the chain of this clone,
            which holds what was not published.
        chosen: What may be published, the newest last.

    Returns:
        The commit to push; ``tip`` itself when it has everything.

    Raises:
        UsageError: There is neither a chain nor a snapshot, or a candidate is no snapshot.
        DamageError: The tip is not here.
        GitError: Git failed.
        OSError: The disk is full or read-only.
    """
    for candidate in chosen:
        if not _is_snapshot(repo, candidate.snapshot, candidate.tree):
            raise UsageError(f"{candidate.snapshot!r:.80} is no code snapshot")
    new = {c.snapshot: c for c in chosen}
    if tip is not None:
        lacking = _unreachable(repo, list(new), (tip,))
        new = {oid: candidate for oid, candidate in new.items() if oid in lacking}
    times = _times(repo, [*([tip] if tip else []), *{c.base for c in new.values() if c.base}])
    _check_here(times, [tip] if tip else [])
    rest = list(new.values())
    for start in range(0, len(rest), _PER_LINK):
        batch = rest[start : start + _PER_LINK]
        bases = [c.base for c in reversed(batch) if c.base and c.base in times]
        parents = list(dict.fromkeys([*([tip] if tip else []), *(c.snapshot for c in batch), *bases]))
        what = "1 snapshot" if len(batch) == 1 else f"{len(batch)} snapshots"
        seconds = max(times.get(parent, 0) for parent in parents)
        tip, times[tip] = _write_link(repo, batch[-1].tree, parents, seconds, f"code: {what}")
    if tip is None:
        raise UsageError("there is no code snapshot to publish")
    return tip


def merge_chains(repo: Repository, tips: Sequence[str]) -> str:
    """Write one link with several chains as parents, so that it has all their snapshots; no reference is set.

    Args:
        repo: The repository; it has the git executable.
        tips: Tips that the remote has: of its chain, if there is one, then of the inboxes.

    Returns:
        The commit to push; the tip itself where one of them has all the others.

    Raises:
        UsageError: There is no tip.
        DamageError: A tip is not here.
        GitError: Git failed.
        OSError: The disk is full or read-only.
    """
    wanted = list(dict.fromkeys(tips))
    times = _times(repo, wanted)
    _check_here(times, wanted)
    if len(wanted) > 1:
        independent = set(_run(repo, ["merge-base", "--independent", *wanted]).decode().split())
        wanted = [oid for oid in wanted if oid in independent]
    if not wanted:
        raise UsageError("there is no chain to merge")
    if len(wanted) == 1:
        return wanted[0]
    newest = max(wanted, key=lambda oid: times[oid])
    tree = repo.tree_of(newest)
    assert tree is not None
    return _write_link(repo, tree, wanted, times[newest], f"code: {len(wanted)} chains")[0]


def _remote_has(repo: Repository, remote: str) -> _Has:
    """Read the references of the remote's last fetch, less the branch of the runs and what belongs to other remotes."""
    names = Tracking(remote, repo.branch)
    prefix = f"refs/remotes/{remote}/"
    nested = tuple(
        f"refs/remotes/{name}/" for name in repo.config.subsections("remote") if name.startswith(f"{remote}/")
    )
    args = ["for-each-ref", "--format=%(objectname) %(refname) %(symref)", prefix, f"refs/gtrack/remotes/{remote}/"]
    code: dict[str, str] = {}
    chains, default = [], ""
    for line in _run(repo, args).decode("utf-8", "surrogateescape").splitlines():
        oid, name, symref = line.split(" ")
        if name == f"{prefix}HEAD":
            default = symref
        if name == names.code_ref or (name.startswith(names.inbox_prefix) and name.endswith("/code")):
            chains.append(oid)
        elif name.startswith(prefix) and not symref and name != names.tip_ref and not name.startswith(nested):
            code[name] = oid
    first = [code[default]] if default in code else []
    return _Has(tuple(dict.fromkeys([*first, *code.values()])), tuple(chains))


def _commits_here(repo: Repository, oids: Iterable[str]) -> dict[str, str]:
    """Return the trees of those ids that are commits and are here."""
    wanted = sorted(oid for oid in set(oids) if _valid(repo, oid))
    lines = [line for oid in wanted for line in (f"{oid}^{{commit}}", f"{oid}^{{tree}}")]
    answers = iter(_ask(repo, ["cat-file", "--batch-check"], lines).decode().splitlines())
    found = {}
    for oid, commit, tree in zip(wanted, answers, answers, strict=True):
        # A tag would be followed, and a tree passes for its own: only a commit answers with its own id as a commit.
        if commit.split()[:2] == [oid, "commit"] and tree.split()[1:2] == ["tree"]:
            found[oid] = tree.split()[0]
    return found


def _valid(repo: Repository, oid: str | None) -> str | None:
    """Return what is given as an id if it is one: git is never handed anything else."""
    return oid if oid is not None and _OBJECT_ID[repo.object_format].match(oid) else None


def _is_snapshot(repo: Repository, oid: str, tree: str) -> bool:
    """Tell whether a commit is the snapshot of a tree, byte for byte: it then has no parents and says nothing else."""
    return repo.objects.id_of(COMMIT, snapshot_object(tree)) == oid


def _unreachable(repo: Repository, commits: Sequence[str], tips: Iterable[str]) -> Collection[str]:
    """Return those of some parentless commits that none of the tips leads to."""
    excluded = [f"^{oid}" for oid in tips]
    if not excluded or not commits:
        return commits
    args = ["rev-list", "--ignore-missing", "--stdin"]
    return set(_ask(repo, args, [*commits, *excluded]).decode().split())


def _whole(repo: Repository, commits: Sequence[str]) -> list[str]:
    """Return the commits of which every object is here, or left at the remote by a partial clone: a push needs them."""
    if not commits:
        return []
    args = ["rev-list", "--objects", "--quiet", "--missing=allow-promisor", "--stdin"]
    assert repo.git is not None
    lines = "".join(f"{oid}\n" for oid in commits).encode()
    done = repo.git.call(args, git_dir=repo.paths.git_dir, env_extra=_ENV, input=lines, timeout=_TIMEOUT)
    if done.returncode == 0:
        return list(commits)
    middle = len(commits) // 2
    return [*_whole(repo, commits[:middle]), *_whole(repo, commits[middle:])] if middle else []


def _bases(repo: Repository, heads: Collection[str], tips: Sequence[str]) -> dict[str, str]:
    """Return the newest ancestor that the tips lead to, by head; a head that they lead to is its own."""
    if not tips or not heads:
        return {}
    args = ["rev-list", "--ignore-missing", "--topo-order", "--boundary", "--format=%m %H %ct %P", "--stdin"]
    try:
        lines = _ask(repo, args, [*heads, *(f"^{oid}" for oid in tips)]).decode().splitlines()
    except GitError:
        return {}  # an old commit lost its parents, which is no reason to hold back what is whole
    commits = [line.split() for line in lines if not line.startswith("commit ")]
    newest = {oid: (int(seconds), oid) for mark, oid, seconds, *_ in commits if mark == "-"}
    ours = {oid for mark, oid, *_ in commits if mark != "-"}
    # Parents come after their children: from the back each is known when it is asked for.
    for mark, oid, _, *parents in reversed(commits):
        known = [newest[parent] for parent in parents if parent in newest]
        if mark != "-" and known:
            newest[oid] = max(known)
    return {head: newest[head][1] if head in ours else head for head in heads if head in newest or head not in ours}


def _trees_there(repo: Repository, trees: Collection[str], tips: Sequence[str]) -> set[str]:
    """Return those of some trees that one of the newest commits of the tips has."""
    if not tips:
        return set()
    args = ["rev-list", "--ignore-missing", f"--max-count={_SEARCHED}", "--format=%T", "--stdin"]
    return set(trees) & set(_ask(repo, args, tips).decode().split())


def _times(repo: Repository, commits: Sequence[str]) -> dict[str, int]:
    """Return when some commits were made, in seconds since 1970, by id; what is not here is left out."""
    args = ["rev-list", "--ignore-missing", "--no-walk=unsorted", "--format=%H %ct", "--stdin"]
    wanted = [oid for oid in commits if _valid(repo, oid)]
    lines = _ask(repo, args, wanted).decode().splitlines() if wanted else []
    return {oid: int(seconds) for oid, seconds in (line.split() for line in lines[1::2])}


def _check_here(times: Mapping[str, int], tips: Iterable[str]) -> None:
    for oid in tips:
        if oid not in times:
            raise DamageError(f"the chain of code snapshots leads to {oid[:7]!r}, which is not here")


def _write_link(repo: Repository, tree: str, parents: Sequence[str], not_before: int, subject: str) -> tuple[str, int]:
    """Write a link; return its id and its time, which is never before its parents': git may misjudge ancestry then."""
    seconds = max(int(time.time()), not_before)
    lines = [f"tree {tree}", *(f"parent {oid}" for oid in parents)]
    lines += [f"{role} {_WHO} {seconds} +0000" for role in ("author", "committer")]
    return repo.objects.write(COMMIT, "\n".join([*lines, "", subject, "", "[skip ci]", ""]).encode()), seconds


def _run(repo: Repository, args: Sequence[str], data: bytes | None = None) -> bytes:
    assert repo.git is not None
    return repo.git.run(args, git_dir=repo.paths.git_dir, env_extra=_ENV, input=data, timeout=_TIMEOUT)


def _ask(repo: Repository, args: Sequence[str], lines: Iterable[str]) -> bytes:
    return _run(repo, args, "".join(f"{line}\n" for line in lines).encode())
