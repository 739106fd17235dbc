"""Reading many runs at once through the git executable: a few processes instead of two calls a file."""

from __future__ import annotations

import io
import os
import select
import tempfile
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from gtrack.branch.bounded import run_bounded
from gtrack.branch.git import TIMEOUT, Git
from gtrack.branch.repository import Repository
from gtrack.errors import GitError
from gtrack.format.names import split_path

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["FileEntry", "overlay", "read_blobs", "read_runs"]

FileEntry = tuple[str, int, str]
"""The path of a file, its mode and its object id."""

# Hooks could run when git fetches what a partial clone lacks.
_CAT_FILE = ("--no-pager", "-c", "core.hooksPath=/dev/null", "cat-file", "--batch", "--buffer")


def read_runs(
    repo: Repository, trees: Sequence[str], wanted: Collection[str]
) -> Generator[tuple[str, list[FileEntry], Mapping[str, bytes]], None, None]:
    """Read the folders of runs and the content of their YAML files; git reads on while the caller looks at a run.

    Args:
        repo: The repository; it has the git executable.
        trees: Root trees of the branch, the tracking remote's last: what is published stands.
        wanted: The ids of the runs to read.

    Yields:
        A run's id, its files as (path in the folder, mode, object id), and the content of the YAML files by object id,
        to be looked at at once. Runs without files are left out.

    Raises:
        GitError: Git failed.
        DamageError: The trees name each other without end. Also when content is looked up that is missing.
    """
    listed = {run_id: files for run_id, files in _files_of_runs(repo, trees).items() if run_id in wanted}
    documents = {run_id: [e[2] for e in files if _is_yaml(e)] for run_id, files in listed.items()}
    # Each object is asked for once, in the order of first use, and kept until its last.
    uses = Counter(chain.from_iterable(documents.values()))
    asked: set[str] = set()
    blobs = _Blobs(repo)
    with closing(_contents(repo, list(uses))) as contents:
        for run_id, files in listed.items():
            for oid in documents[run_id]:
                if oid not in asked:
                    asked.add(oid)
                    content = next(contents)
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


def _is_yaml(entry: FileEntry) -> bool:
    return entry[0].endswith(".yaml") and bool(entry[1] & 0o100000)


def _files_of_runs(repo: Repository, trees: Sequence[str]) -> dict[str, list[FileEntry]]:
    if not trees:
        return {}
    *others, published = trees
    changed = [_changed(repo, published, tree) for tree in others]
    listed: dict[str, list[FileEntry]] = {}
    for path, mode, oid in overlay(_listed(repo, published), *changed).values():
        place = split_path(path)
        if place is not None:
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


def _listed(repo: Repository, tree: str) -> Iterator[FileEntry]:
    """Yield (path, mode, object id) of every file below ``runs/``."""
    raw = run_bounded(repo, ["ls-tree", "-r", "-z", "--full-tree", tree, "runs/"])
    for line in raw.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        head, _, path = line.partition("\t")
        mode, _, oid = head.split(" ")
        yield path, int(mode, 8), oid


def _changed(repo: Repository, first: str, tree: str) -> Iterator[FileEntry]:
    """Yield the same of what a tree has more than the first one, or otherwise: most trees are nearly equal."""
    args = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--diff-filter=AMT", first, tree, "--"]
    raw = run_bounded(repo, [*args, "runs/"])
    fields = iter(raw.decode("utf-8", "surrogateescape").split("\0")[:-1])
    for head in fields:
        _, mode, _, oid, _ = head.split(" ")
        yield next(fields), int(mode, 8), oid


def read_blobs(repo: Repository, oids: Sequence[str]) -> dict[str, bytes]:
    """Return the content of blobs by id, read by one git process; what is missing is left out.

    Raises:
        GitError: Git failed.
    """
    contents = zip(oids, _contents(repo, oids), strict=True)
    return {oid: content for oid, content in contents if content is not None}


def _contents(repo: Repository, oids: Sequence[str]) -> Generator[bytes | None, None, None]:
    """Yield the content of each object, or None when it is missing."""
    if not oids:
        return
    with _cat_file(repo, oids) as out:
        for _ in oids:
            yield _answer(out)
        return
    raise GitError("git cat-file stopped before it had read everything")


def _answer(out: BinaryIO) -> bytes | None:
    """Read what git says of one object; https://git-scm.com/docs/git-cat-file, "Batch output".

    Raises:
        EOFError: It has ended.
    """
    line = out.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    if line.endswith(b" missing\n"):
        return None
    head = line.split(b" ")
    if len(head) != 3:
        raise GitError(f"git cat-file answered {line!r:.100}")
    size = int(head[2])
    content = out.read(size + 1)
    if len(content) <= size:
        raise EOFError
    return content[:-1]


@contextmanager
def _cat_file(repo: Repository, oids: Sequence[str]) -> Iterator[BinaryIO]:
    """Run git on a list of objects and give what it writes; git stops where no more is wanted.

    A body that raises EOFError is left quietly, unless git says why there is no more.
    """
    import subprocess

    git = repo.git
    assert git is not None
    argv = [git.executable, *_CAT_FILE]
    env = {**git.env, "GIT_DIR": repo.paths.git_dir}
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.write("".join(f"{oid}\n" for oid in oids).encode())
        given.seek(0)
        with subprocess.Popen(argv, env=env, stdin=given, stdout=subprocess.PIPE, stderr=complaints) as process:
            assert process.stdout is not None
            try:
                yield io.BufferedReader(_Pipe(process.stdout.fileno()), 1 << 16)
            except EOFError:
                pass
            except BaseException:
                process.kill()
                raise
        complaints.seek(0)
        said = complaints.read(64 << 10)
    if process.returncode != 0:
        raise Git.failure(_CAT_FILE, subprocess.CompletedProcess(argv, process.returncode, b"", said))


class _Pipe(io.RawIOBase):
    """The reading end of a pipe whose writer may take its time, but not for ever."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._poll = select.poll()  # select() takes no descriptor above 1023
        self._poll.register(fd, select.POLLIN)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._poll.poll(TIMEOUT * 1000):
            raise GitError(f"git cat-file took longer than {TIMEOUT:g} s and was stopped")
        return os.readv(self._fd, [buffer])
