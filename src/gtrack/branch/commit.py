"""Commits to gtrack's branch: new files only, under the lock, with a compare-and-set at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gtrack.branch import keep
from gtrack.branch.commit_objects import SKIP_CI, write_commit
from gtrack.branch.repository import Repository
from gtrack.errors import ConflictError, DamageError, FormatError, RepositoryError

__all__ = ["FORMAT_FILE", "README", "Committed", "commit_files", "format_file", "read_format"]

FORMAT_FILE = "FORMAT"
FORMAT = 1
_ATTEMPTS = 20

README = """\
# Experiment runs

This branch holds the runs of this repository's experiments, recorded by [gtrack](https://pypi.org/project/gtrack/).
It shares no history with the code, and files on it are only ever added. Do not merge it into a code branch.

    gtrack ls                                   # the runs
    git log gtrack                              # the same, in git's words
    git show gtrack:runs/3f/3f2a9c1.../run.yaml # one run: params, code, data, environment

A run is a folder `runs/<first two digits of its id>/<id>/`: `run.yaml` says what it was, `end-*.yaml` how it ended
with a summary of every metric, `metrics-*.parquet` holds the curves as a long table (key, step, time, value),
`preview-*.parquet` some points of those that are kept in a store, `system-*.parquet` how the machine did,
`artifacts-*.yaml` the files with their SHA-256, `events/` what was said of it later. Everything can be read without
gtrack:

    git archive gtrack | tar -x -C /tmp/runs
    python -c "import pandas; print(pandas.read_parquet('/tmp/runs/runs/3f/3f2a9c1.../metrics-....parquet'))"
    duckdb -c "select * from '/tmp/runs/runs/*/*/metrics-*.parquet' limit 10"
"""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit came to.

    Attributes:
        commit: The branch's tip that holds the files.
        taken: Paths that held other content already, and kept it.
    """

    commit: str
    taken: tuple[str, ...] = ()


def format_file(epoch: int = 0) -> bytes:
    """Return the content of the branch's FORMAT file."""
    return f"format: {FORMAT}\nepoch: {epoch}\n".encode()


def read_format(data: bytes) -> tuple[int, int]:
    """Return the format and epoch that a FORMAT file names.

    Raises:
        FormatError: A newer gtrack wrote it, or it is not a FORMAT file.
    """
    fields = dict(line.split(": ", 1) for line in data.decode("utf-8", "replace").splitlines() if ": " in line)
    try:
        version, epoch = int(fields["format"]), int(fields["epoch"])
    except (KeyError, ValueError):
        raise FormatError("the FORMAT file of the branch is not readable", hint="gtrack fsck") from None
    if version > FORMAT:
        raise FormatError(
            f"the branch is of format {version}; this gtrack reads up to {FORMAT}", hint="pip install -U gtrack"
        )
    return version, epoch


def commit_files(repo: Repository, files: Mapping[str, bytes], subject: str, body: str = "", *, by: str) -> Committed:
    """Add files to the branch in one commit. The caller holds the repository's lock.

    Args:
        repo: The repository.
        files: Content by path; a path that is taken keeps what it has.
        subject: The first line of the message.
        body: The rest of it.
        by: Author and committer, ``Name <email>``.

    Returns:
        The tip that holds the files; the present one when there was nothing new.

    Raises:
        RepositoryError: The branch is checked out somewhere, or cannot exist here.
        FormatError: A newer gtrack wrote the branch.
        ConflictError: The branch kept moving.
        OSError: The disk is full or read-only.
    """
    where = repo.checked_out_in()
    if where is not None:
        raise RepositoryError(
            f"the branch {repo.branch.removeprefix('refs/heads/')!r} is checked out in {where}: committing to it "
            "would make that checkout look changed",
            hint="git switch to another branch there",
        )
    for _ in range(_ATTEMPTS):
        tip = keep.readable_tip(repo)
        base = repo.tree_of(tip)
        try:
            tree, taken = _add(repo, base, files)
        except KeyError:
            # A ``git gc --prune=now`` at the worst moment took objects of an earlier commit.
            if not keep.restore_objects(repo):
                raise DamageError(f"{repo.branch} misses objects", hint="gtrack fsck --repair") from None
            tree, taken = _add(repo, base, files)
        if tip is not None and tree == base:
            return Committed(tip, tuple(taken))
        parents = [] if tip is None else [tip]
        commit = write_commit(repo, tree, parents, by=by, subject=subject, body=f"{body}\n\n{SKIP_CI}".lstrip())
        keep.keep_objects(repo, commit)
        if repo.refs.compare_and_set(repo.branch, tip, commit):
            return Committed(commit, tuple(taken))
    raise ConflictError("the branch kept moving while gtrack wrote to it", hint="try again")


def _add(repo: Repository, base: str | None, files: Mapping[str, bytes]) -> tuple[str, list[str]]:
    repo.objects.written.clear()
    return repo.objects.add_files(base, {**_first_files(repo, base), **files})


def _first_files(repo: Repository, base: str | None) -> dict[str, bytes]:
    found = repo.objects.find(base, FORMAT_FILE)
    if found is not None:
        read_format(repo.read_blob(found[1]))
        return {}
    return {FORMAT_FILE: format_file(), "README.md": README.encode()}
