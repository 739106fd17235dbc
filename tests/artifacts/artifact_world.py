"""What the tests of artifacts share: looks at a folder and at a run's artifacts, and spools whose times stand still."""

from __future__ import annotations

import os
from pathlib import Path

import gtrack
from gtrack.clock import iso
from gtrack.spool.directory import SpoolRun
from gtrack.spool.writing import SpoolWriter, create_run, join_run

START = 1_795_000_000_000_000
RUN = "3f2a9c1d7b6e4a508c2f9e0d1a7b3c55"
SESSION = "9c1d7b6e"


def files_of(root: Path) -> set[str]:
    """Return the paths of all files below a folder."""
    return {os.path.relpath(os.path.join(at, name), root) for at, _, names in os.walk(root) for name in names}


def contents(root: Path, selector: str = "last") -> dict[str, bytes]:
    """Return the content of every artifact of a run, as the next command reads it."""
    with gtrack.Repo(str(root)) as repo:
        run = repo.run(selector)
        assert run.artifact_list.problems == []
        return {path: run.read_artifact(path) for path in run.artifacts()}


def branch_files(repo: gtrack.Repo) -> dict[str, bytes]:
    """Return the files of the branch's runs."""
    objects = repo.repository.objects
    tree = repo.repository.tree_of(repo.repository.tip)
    return {path: repo.repository.read_blob(oid) for path, _, oid in objects.walk(tree) if path.startswith("runs/")}


def open_run(spool: Path) -> SpoolWriter:
    """Return the open files of a run that has just started."""
    facts = {"format": 1, "id": RUN, "name": "churn", "experiment": "churn", "started": iso(START), "session": SESSION}
    facts |= {"author": "Ada L <ada@example.org>", "parent": None, "group": None, "params": {}, "tags": {}, "notes": []}
    return create_run(str(spool), RUN, SESSION, facts, on_trouble=_trouble)


def open_worker(spool: Path) -> SpoolWriter:
    """Return the open files of a process that joins that run."""
    return join_run(str(spool), RUN, SESSION, rank=1, on_trouble=_trouble)


def add(writer: SpoolWriter, path: str, data: bytes, media: dict[str, object] | None = None) -> str:
    """Capture content, and return its digest."""
    return writer.artifacts.add_bytes(data, path, "text/plain", media).digest


def end(writer: SpoolWriter) -> None:
    """Write the run's end."""
    writer.ledger.append("end", {"status": "finished", "ended": START + 5_000_000, "error": None})
    writer.close()


def spooled(spool: Path) -> SpoolRun:
    """Return the run as whoever seals it sees it."""
    return SpoolRun(str(spool / RUN))


def _trouble(key: str, error: Exception) -> None:
    raise AssertionError(f"{key}: {error}")
