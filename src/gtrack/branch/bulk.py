"""Reading many runs at once through the git executable: two processes instead of two calls a file."""

from __future__ import annotations

from collections.abc import Sequence

from gtrack.branch.repository import Repository
from gtrack.errors import GitError
from gtrack.format.names import split_path

__all__ = ["read_runs"]

Entries = dict[str, list[tuple[str, int, str]]]


def read_runs(repo: Repository, trees: Sequence[str]) -> tuple[Entries, dict[str, bytes]]:
    """Read the folders of all runs and the content of their YAML files.

    Args:
        repo: The repository; it has the git executable.
        trees: Root trees of the branch; at a clash the last one stands.

    Returns:
        (path in the folder, mode, object id) by run, and content by object id.

    Raises:
        GitError: Git failed.
    """
    assert repo.git is not None
    listed: dict[str, dict[str, tuple[str, int, str]]] = {}
    for tree in trees:
        raw = repo.git.run(["ls-tree", "-r", "-z", "--full-tree", tree, "runs/"], git_dir=repo.paths.git_dir)
        for line in raw.split(b"\0"):
            head, _, path = line.decode("utf-8", "surrogateescape").partition("\t")
            place = split_path(path)
            if place is not None:
                mode, _, oid = head.split(" ")
                listed.setdefault(place[0], {})[place[1]] = (place[1], int(mode, 8), oid)
    wanted = {e[2] for files in listed.values() for e in files.values() if e[0].endswith(".yaml") and e[1] & 0o100000}
    return {run_id: list(files.values()) for run_id, files in listed.items()}, read_blobs(repo, sorted(wanted))


def read_blobs(repo: Repository, oids: Sequence[str]) -> dict[str, bytes]:
    """Return the content of blobs by id, read by one git process; what is missing is left out.

    Raises:
        GitError: Git failed.
    """
    assert repo.git is not None
    raw = repo.git.run(
        ["cat-file", "--batch", "--buffer"], git_dir=repo.paths.git_dir, input="\n".join(oids).encode() + b"\n"
    )
    out: dict[str, bytes] = {}
    at = 0
    while at < len(raw):
        line = raw.index(b"\n", at)
        parts = raw[at:line].split(b" ")
        at = line + 1
        if len(parts) == 3:
            size = int(parts[2])
            out[parts[0].decode()] = raw[at : at + size]
            at += size + 1
        elif parts[-1] != b"missing":
            raise GitError(f"git cat-file answered {raw[line - 80 : line]!r:.100}")
    return out
