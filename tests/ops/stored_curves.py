"""Repositories that have a store configured, and runs whose curves are too large for the branch."""

from __future__ import annotations

import contextlib
import os
import shutil

import numpy as np
from spooling import RUN, end, git, log, make_repo, open_run

from gtrack.ops.keep_objects import cache_of
from gtrack.ops.view import View
from gtrack.reader import Repo

POINTS = 6000


def noise(count=POINTS, seed=0):
    return np.random.default_rng(seed).normal(size=count).tolist()


def configure(repo, store):
    """Configure a store, as ``gtrack store set`` does for a clone."""
    git(repo.root, "config", "gtrack.store", f"file://{store}")
    vars(repo.repository).pop("config", None)


@contextlib.contextmanager
def stored_repo(tmp_path, *, runs=(RUN,), long=None):
    """Yield a repository with a store, at ``tmp_path / "store"``, and runs that are recorded.

    Args:
        tmp_path: An empty folder.
        runs: Their ids.
        long: Those of them that have a curve too long for the branch; all by default.
    """
    with make_repo(tmp_path / "repo") as repo:
        configure(repo, tmp_path / "store")
        for number, run_id in enumerate(runs):
            writer = open_run(repo.repository.paths.spool, run_id)
            if long is None or run_id in long:
                log(writer, noise(seed=number))
            log(writer, [3.0, float("nan"), 1.0], key="few")
            log(writer, [1.0], key="single")
            end(writer)
        repo.recover()
        yield repo


def branch_files(repo, run_id=RUN):
    """Return the sizes of a run's files on the branch, by name."""
    lines = git(repo.root, "ls-tree", "-r", "-l", "gtrack", f"runs/{run_id[:2]}/{run_id}/").splitlines()
    return {line.partition("\t")[2].rpartition("/")[2]: int(line.split()[3]) for line in lines}


def preview_names(repo, run_id=RUN):
    return [name for name in branch_files(repo, run_id) if name.startswith("preview-")]


def send(repo, store):
    """Put what is in the cache into the store, in the form that the store has."""
    cache = cache_of(repo.repository)
    for digest in list(cache.digests()):
        target = store / "objects" / digest[:2] / digest
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(cache.path(digest), target)


def forget(repo):
    """Empty the cache, as in a colleague's clone."""
    cache = cache_of(repo.repository)
    for digest in list(cache.digests()):
        cache.remove(digest)


def again(repo):
    """Return the repository as a new command sees it."""
    return Repo(repo.root, env=dict(os.environ))


def found_in(repo, run_id=RUN):
    view = View(repo.repository)
    return view, view.state(run_id)
