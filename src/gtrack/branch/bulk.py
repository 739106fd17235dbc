"""Reading many runs at once through the git executable: a few processes instead of two calls a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain

from gtrack.branch.bounded import run_on_trees
from gtrack.branch.cat_file import contents
from gtrack.branch.repository import Repository
from gtrack.format.names import run_dir, split_path

__all__ = ["RUNS", "FileEntry", "overlay", "read_blobs", "read_runs"]

RUNS = "runs/"
"""The folder of all runs."""

FileEntry = tuple[str, int, str]
"""The path of a file, its mode and its object id."""

_FEW = 1000
"""How many runs are asked for by name; git looks through the names for every file."""
_MAX_BYTES = 8 << 20
"""The most that a file of the branch may have; docs/design.md, section 13."""


def read_runs(
    repo: Repository,
    trees: Sequence[str],
    wanted: Collection[str] | None,
    *,
    folders: Sequence[str] = (RUNS,),
    also: Callable[[str], bool] = lambda _: False,
) -> Generator[tuple[str, list[FileEntry], Mapping[str, bytes]], None, None]:
    """Read the folders of runs and the content of their YAML files; git reads on while the caller looks at a run.

    Args:
        repo: The repository; it has the git executable.
        trees: Root trees of the branch, the tracking remote's last: what is published stands.
        wanted: The ids of the runs to read; None for all.
        folders: Where to look, such as ``runs/3f/``: everywhere by default.
        also: Tells of a file's path below the run's folder whether its content is wanted too.

    Yields:
        A run's id, its files as (path in the folder, mode, object id), and the content of the YAML files, and of those
        wanted too, by object id, to be looked at at once. Runs without files are left out.

    Raises:
        GitError: Git failed.
        UnfetchedObjectError: A partial clone's remote could not be reached.
        DamageError: The trees name each other without end. Also when content is looked up that is missing.
    """
    listed = _files_of_runs(repo, trees, wanted, folders)
    documents = {run_id: [e[2] for e in files if _is_read(e, also)] for run_id, files in listed.items()}
    # Each object is asked for once, in the order of first use, and kept until its last.
    uses = Counter(chain.from_iterable(documents.values()))
    asked: set[str] = set()
    blobs = _Blobs(repo)
    with closing(contents(repo, list(uses), limit=_MAX_BYTES)) as answers:
        for run_id, files in listed.items():
            for oid in documents[run_id]:
                if oid not in asked:
                    asked.add(oid)
                    content = next(answers)
                    if content is not None:
                        blobs[oid] = content
            yield run_id, files, blobs
            for oid in documents[run_id]:
                uses[oid] -= 1
                if not uses[oid]:
                    blobs.pop(oid, None)


class _Blobs(dict[str, bytes]):
    """Contents by object id. One that git had none of is looked for by the object store, which says what is wrong."""

    def __init__(self, repo: Repository) -> None:
        super().__init__()
        self._repo = repo

    def __missing__(self, oid: str) -> bytes:
        return self._repo.read_blob(oid)


def _is_read(entry: FileEntry, also: Callable[[str], bool]) -> bool:
    path, mode, _ = entry
    return bool(mode & 0o100000) and (path.endswith(".yaml") or also(path))


def _files_of_runs(
    repo: Repository, trees: Sequence[str], wanted: Collection[str] | None, folders: Sequence[str]
) -> dict[str, list[FileEntry]]:
    if not trees or (wanted is not None and not wanted):
        return {}
    *others, published = trees
    below = folders
    if wanted is not None and len(wanted) <= _FEW:
        below = [run_dir(run_id) for run_id in sorted(wanted)]
    changed = [_changed(repo, published, tree, below) for tree in others]
    listed: dict[str, list[FileEntry]] = {}
    for path, mode, oid in overlay(_listed(repo, published, below), *changed).values():
        place = split_path(path)
        if place is not None and (wanted is None or place[0] in wanted):
            listed.setdefault(place[0], []).append((place[1], mode, oid))
    return listed


def overlay(published: Iterable[FileEntry], *others: Iterable[FileEntry]) -> dict[str, FileEntry]:
    """Return the files of several trees by path: what is published stands; of the others the smaller object id.

    Args:
        published: The files of the tracking remote's tree.
        others: Those of the local branch and of inboxes, or what these have more or otherwise.
    """
    out = {entry[0]: entry for entry in published}
    stands = frozenset(out) if others else frozenset()
    for entries in others:
        for entry in entries:
            path, _, oid = entry
            if path not in stands and (path not in out or oid < out[path][2]):
                out[path] = entry
    return out


def _listed(repo: Repository, tree: str, below: Sequence[str]) -> Iterator[FileEntry]:
    """Yield (path, mode, object id) of every file below some folders."""
    raw = run_on_trees(repo, ["ls-tree", "-r", "-z", "--full-tree", tree, *below], [tree])
    for line in raw.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        head, _, path = line.partition("\t")
        mode, _, oid = head.split(" ")
        yield path, int(mode, 8), oid


def _changed(repo: Repository, first: str, tree: str, below: Sequence[str]) -> Iterator[FileEntry]:
    """Yield the same of what a tree has more than the first one, or otherwise: most trees are nearly equal."""
    args = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--diff-filter=AMT", first, tree, "--"]
    raw = run_on_trees(repo, [*args, *below], [first, tree])
    fields = iter(raw.decode("utf-8", "surrogateescape").split("\0")[:-1])
    for head in fields:
        _, mode, _, oid, _ = head.split(" ")
        yield next(fields), int(mode, 8), oid


def read_blobs(repo: Repository, oids: Sequence[str]) -> dict[str, bytes]:
    """Return the content of blobs by id, read by one git process; what is missing is left out.

    Raises:
        GitError: Git failed.
        UnfetchedObjectError: A partial clone's remote could not be reached.
    """
    answers = zip(oids, contents(repo, oids), strict=True)
    return {oid: content for oid, content in answers if content is not None}
