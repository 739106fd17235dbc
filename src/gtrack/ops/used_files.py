"""Artifacts of other runs as local files under their own names: many programs go by a file's ending.

``<gtrack's folder>/used/<digest>/<name>`` is a link to the cache, so that it takes no space of its own and is as
read-only; where there are no hard links it is a copy.
"""

from __future__ import annotations

import contextlib
import os
import shutil

from gtrack.branch.repository import Repository
from gtrack.errors import DamageError
from gtrack.format.artifact_path import fault
from gtrack.model.artifact import Artifact
from gtrack.ops.artifacts import local_file
from gtrack.ops.model_folders import forget_folders

__all__ = ["forget_file", "named_file"]


def named_file(repo: Repository, artifact: Artifact) -> str:
    """Return the path of a file with an artifact's content and name; its SHA-256 was checked. Not to be changed.

    Args:
        repo: The repository.
        artifact: The artifact; fetched where it is not here.

    Raises:
        NotFoundError: Its content is nowhere to be had.
        DamageError: It is another content than its manifest says, or its path is none.
        OSError: The disk is full or read-only.

    Example:
        >>> os.path.basename(named_file(repo, run.artifact("models/model.pkl")))
        'model.pkl'
    """
    if (wrong := fault(artifact.path)) is not None:
        raise DamageError(f"{artifact.path!r:.200} is not the path of an artifact: {wrong}")
    cached = local_file(repo, artifact)
    folder = os.path.join(_root(repo), artifact.digest)
    path = os.path.join(folder, artifact.path.rpartition("/")[2])
    with contextlib.suppress(OSError):
        if os.path.samefile(cached, path):
            return path
    os.makedirs(folder, mode=0o700, exist_ok=True)
    # The file's own name may be as long as can be.
    draft = os.path.join(folder, f".{os.urandom(8).hex()}.new")
    try:
        try:
            os.link(cached, draft)
        except OSError:  # no hard links here; the copy is made anew each time, since nothing tells that it is sound
            shutil.copyfile(cached, draft)
            os.chmod(draft, 0o444)
        os.replace(draft, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)  # a rename of one link onto another of the same file leaves both
    return path


def forget_file(repo: Repository, digest: str) -> None:
    """Remove the names of an object that goes from the cache, so that its space is free."""
    shutil.rmtree(os.path.join(_root(repo), digest), ignore_errors=True)
    forget_folders(repo)


def _root(repo: Repository) -> str:
    return os.path.join(repo.paths.home, "used")
