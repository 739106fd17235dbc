"""Numbers of versions: claimed in the commit that is pushed on top of the tracking remote's tip, and nowhere else.

The remote's compare-and-set says whose claim came first: of two clones that claim one number, the one that loses the
race makes its commit anew, with other numbers. Where two claims of one number meet all the same (a branch that was
rewound and put back, a merge by hand), the one in the earlier commit by first parents stands, and an event gives the
other version the next free number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.branch.author import author
from gtrack.branch.bounded import run_bounded
from gtrack.branch.objects import COMMIT, MissingObjectError
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import is_shallow
from gtrack.clock import later_stamp, now_ns
from gtrack.errors import GtrackError
from gtrack.format import names, yaml
from gtrack.model.registered import Version
from gtrack.model.registry import ModelState, latest_model_events
from gtrack.ops.model_files import Folders, ModelFiles, fold_files, folders_of_models, load_model_files
from gtrack.ops.signatures import signed

__all__ = ["Claims", "claims", "first_claim"]

_MOST_WALKED = 100_000


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims that a push makes.

    Attributes:
        files: What is added to the branch, contents by path.
        numbered: Which versions get which numbers: the model, the number, the uid.
        problems: What could not be settled, and why.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    numbered: tuple[tuple[str, int, str], ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class _Model:
    """One model while its numbers are claimed."""

    name: str
    files: ModelFiles
    state: ModelState
    next: int
    out: dict[str, bytes] = field(default_factory=dict)
    numbered: list[tuple[str, int, str]] = field(default_factory=list)

    def claim(self, uid: str) -> int:
        """Claim the next number for a version."""
        number = self.next
        self.next += 1
        self.out[names.number_file(number, uid)] = b""
        self.numbered.append((self.name, number, uid))
        return number


def claims(repo: Repository, tree: str, published: str | None) -> Claims:
    """Return the claims that are missing in a tree which is about to be pushed.

    A version that has a claim already is left alone.

    Args:
        repo: The repository.
        tree: The union of what is there and what is here.
        published: The tip of the remote's branch that the push is made on, or None.

    Example:
        >>> claims(repo, union, tip).numbered
        (('churn', 4, '9c1d7b6e4a508c2f9e0d1a7b3c553f2a'),)
    """
    files: dict[str, bytes] = {}
    numbered: list[tuple[str, int, str]] = []
    problems: list[str] = []
    for name, folders in sorted(folders_of_models(repo, [tree]).items()):
        if not _lacks_any(repo, folders[0]):
            continue
        try:
            model = _claimed(repo, name, folders, published)
        except GtrackError as error:
            # One model that cannot be numbered must not hold back everybody's runs.
            problems.append(f"model {name}: its versions have no numbers yet: {error.message}")
            continue
        folder = names.model_dir(name)
        files.update((f"{folder}/{path}", data) for path, data in model.out.items())
        numbered += model.numbered
    try:
        return Claims(signed(repo, files, interactive=False) if files else {}, tuple(numbered), tuple(problems))
    except GtrackError as error:
        # An event that settles a number may have to be signed; claims by themselves are not.
        plain = {path: data for path, data in files.items() if not data}
        return Claims(plain, tuple(numbered), (*problems, f"contested numbers stay unsettled: {error.message}"))


def _lacks_any(repo: Repository, folder: str) -> bool:
    """Tell from the names alone whether a model has versions without a claim, or numbers with several."""
    entries = repo.objects.tree(folder)
    listed: dict[str, list[names.ModelFile]] = {"versions": [], "numbers": []}
    for part, found in listed.items():
        entry = entries.get(part.encode())
        for raw in repo.objects.tree(entry[1]) if entry is not None else ():
            file = names.parse_model_file(f"{part}/{raw.decode('utf-8', 'replace')}")
            if file is not None:
                found.append(file)
    counted = [file.number for file in listed["numbers"]]
    claimed = {file.uid for file in listed["numbers"]}
    return len(set(counted)) < len(counted) or any(file.uid not in claimed for file in listed["versions"])


def _claimed(repo: Repository, name: str, folders: Folders, published: str | None) -> _Model:
    files = load_model_files(repo, folders)
    state = fold_files(name, files)
    model = _Model(name, files, state, state.numbers.next)
    if state.numbers.contested:
        _settle(repo, model, published)
    for version in _waiting(state):
        model.claim(version.uid)
    return model


def _waiting(state: ModelState) -> Iterator[Version]:
    """Yield the versions that nobody has claimed a number for, in the order of their registration."""
    for version in state.every:
        if not version.claimed and not version.deleted:
            yield version


def _settle(repo: Repository, model: _Model, published: str | None) -> None:
    """Say which version each contested number stands for, and give the others the next ones."""
    state, last = model.state, max((doc.stamp for doc in model.files.events), default=None)
    future = set(state.future)
    previous = latest_model_events([doc for doc in model.files.events if doc.name not in future])
    by = author(repo.config, repo.env)
    for number, uids in sorted(state.numbers.contested.items()):
        stands = first_claim(repo, model.name, number, uids, published)
        if stands is None:
            continue
        for uid in uids:
            if uid == stands:
                continue
            other = state.numbers.by_uid.get(uid) or model.claim(uid)
            fact = {"kind": "number", "version": uid, "number": other, "instead_of": number}
            body = {"format": 1, "model": model.name, **fact, "stands": stands, "author": by, "previous": previous}
            data = yaml.dump(body)
            last = later_stamp(now_ns() // 1000, last)
            event = names.event(last, data)
            model.out[event] = data
            previous = [event]


def first_claim(repo: Repository, name: str, number: int, uids: Sequence[str], published: str | None) -> str | None:
    """Return whose claim of a number came first into the remote's branch, by first parents.

    Args:
        repo: The repository.
        name: The model.
        number: The number.
        uids: The versions that claim it.
        published: The tip of the remote's branch, or None.

    Returns:
        The uid of the version that keeps the number; None where that cannot be told, as in a shallow clone.
    """
    paths = {f"{names.model_dir(name)}/{names.number_file(number, uid)}": uid for uid in uids}
    tree = repo.tree_of(published)
    there = [path for path in paths if tree is not None and repo.objects.find(tree, path) is not None]
    if not there:
        return min(uids)  # none of them is published: nobody has seen the number yet
    if len(there) == 1:
        return paths[there[0]]
    assert published is not None
    added = _oldest(repo, published, there)
    if len(added) == 1:
        return paths[added[0]]
    return None if is_shallow(repo) else min(paths[path] for path in added or there)


def _oldest(repo: Repository, tip: str, paths: Sequence[str]) -> list[str]:
    """Return those of some files that the oldest commit with any of them has, going by first parents."""
    if repo.git is not None:
        args = ["rev-list", "--first-parent", "--reverse", tip, "--", *paths]
        commits = run_bounded(repo, args).decode("ascii", "replace").split()
        tree = repo.tree_of(commits[0]) if commits else None
        return [path for path in paths if tree is not None and repo.objects.find(tree, path) is not None]
    present = list(paths)
    for _ in range(_MOST_WALKED):
        try:
            commit = repo.objects.read(tip, COMMIT)
            tree = repo.tree_of(tip)
        except MissingObjectError:
            break  # the end of a shallow clone's history
        found = [path for path in paths if repo.objects.find(tree, path) is not None]
        parents = [line[7:] for line in commit.split(b"\n\n", 1)[0].splitlines() if line.startswith(b"parent ")]
        if not found:
            break
        present = found
        if not parents:
            break
        tip = parents[0].decode()
    return present
