"""Taking over the files of artifacts from a spool that is not trusted: those that its ledger names, each checked."""

from __future__ import annotations

import hashlib
import os

from gtrack.errors import DamageError
from gtrack.ops.seal_artifacts import lines_of
from gtrack.ops.untrusted_files import names_in, opened
from gtrack.spool.artifacts import FILES
from gtrack.spool.ledger import read_ledger

__all__ = ["copy_artifact_files"]

_CHUNK = 1 << 20


def copy_artifact_files(source: str, target: str, stem: str) -> None:
    """Copy the larger artifacts of one process, each compared with the digest that is its name.

    Args:
        source: The run's folder.
        target: Its copy, which has the process's ledger already.
        stem: The name of the process's files, without their endings.

    Raises:
        DamageError: A file is not what the ledger says, or no file.
        OSError: It cannot be read, or the copy cannot be written.
    """
    folder = os.path.join(source, stem + FILES)
    try:
        present = set(names_in(folder))
        entries = list(read_ledger(os.path.join(target, f"{stem}.jsonl")))
    except FileNotFoundError:
        return
    named = {line.artifact.digest: line.artifact for line in lines_of(entries) if line.artifact and not line.packed}
    copies = os.path.join(target, stem + FILES)
    os.mkdir(copies, 0o700)
    for digest, artifact in named.items():
        if digest in present:  # what is not may have given way to a later one
            with opened(os.path.join(folder, digest), artifact.size) as fd:
                _copy(fd, os.path.join(copies, digest), artifact.path, digest)


def _copy(fd: int, target: str, path: str, digest: str) -> None:
    found = hashlib.sha256()
    with open(target, "xb") as out:
        while data := os.read(fd, _CHUNK):
            found.update(data)
            out.write(data)
        os.fchmod(out.fileno(), 0o444)
    if found.hexdigest() != digest:
        raise DamageError(f"the content of {path} is not what its digest says")
