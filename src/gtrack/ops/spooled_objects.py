"""Git objects that a run kept in its spool because the repository was read-only."""

from __future__ import annotations

import os
import shutil

from gtrack.branch.repository import Repository
from gtrack.spool.directory import SpoolRun

__all__ = ["take_in_objects"]


def take_in_objects(repo: Repository, run: SpoolRun) -> int:
    """Copy a spool's loose objects into the repository, and return how many were new.

    A loose object's name is the digest of its content, and git checks it on reading.
    """
    source = os.path.join(run.path, "objects")
    if not os.path.isdir(source):
        return 0
    copied = 0
    target = os.path.join(repo.paths.common_dir, "objects")
    for fan in sorted(os.listdir(source)):
        if len(fan) != 2:
            continue
        os.makedirs(os.path.join(target, fan), exist_ok=True)
        for name in sorted(os.listdir(os.path.join(source, fan))):
            to = os.path.join(target, fan, name)
            if not os.path.exists(to):
                shutil.copyfile(os.path.join(source, fan, name), to + ".new")
                os.replace(to + ".new", to)
                copied += 1
    return copied
