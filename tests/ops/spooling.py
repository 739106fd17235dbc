"""Repositories and spools for tests: made by the recording core itself, with times that stand still."""

from __future__ import annotations

import os
import subprocess

from gtrack.clock import iso
from gtrack.reader import Repo
from gtrack.spool.writing import create_run, join_run

START = 1_795_000_000_000_000  # us since the epoch: November 2026
RUN = "3f2a9c1d7b6e4a508c2f9e0d1a7b3c55"
SESSION = "9c1d7b6e"


def git(where, *args):
    return subprocess.run(["git", "-C", str(where), *args], check=True, capture_output=True, text=True).stdout


def make_repo(path):
    """Return an open repository with one commit of code."""
    path.mkdir(parents=True, exist_ok=True)
    git(path, "init", "-q")
    (path / "train.py").write_text("print('hello')\n")
    git(path, "add", ".")
    git(path, "commit", "-qm", "code")
    return Repo(str(path), env=dict(os.environ))


def trouble(key, error):
    raise AssertionError(f"{key}: {error}")


def facts_of(run_id=RUN, session=SESSION, **more):
    return {
        "format": 1,
        "id": run_id,
        "name": "churn",
        "experiment": "churn-2026",
        "parent": None,
        "group": None,
        "started": iso(START),
        "session": session,
        "author": "Ada L <ada@example.org>",
        "params": {"lr": 0.1},
        "tags": {},
        "notes": [],
        "code": {},
        "environment": {},
        "seed": {},
        **more,
    }


def open_run(spool, run_id=RUN, session=SESSION, *, repository="", rank=-1, on_trouble=trouble, **facts):
    """Return the open files of a run that has just started."""
    return create_run(
        str(spool), run_id, session, facts_of(run_id, session, **facts), repository=repository, rank=rank,
        on_trouble=on_trouble,
    )  # fmt: skip


def open_resume(spool, previous, run_id=RUN, session="aaaaaaaa", started=START + 60_000_000, **facts):
    facts = {"session": session, "started": iso(started), "previous": previous, **facts}
    return create_run(str(spool), run_id, session, facts, resume=True, on_trouble=trouble)


def open_worker(spool, run_id=RUN, session=SESSION, rank=1):
    return join_run(str(spool), run_id, session, rank=rank, on_trouble=trouble)


def log(writer, values, key="loss", first=0):
    for step, value in enumerate(values, first):
        writer.journal.append_at(key, value, step, (START + 1000 * step) * 1000)


def end(writer, status="finished", **fields):
    entry = {"status": status, "ended": START + 5_000_000, "error": None, **fields}
    writer.ledger.append("end", entry)
    writer.close()


def finished_run(spool, values=(3.0, 2.0, 1.0), run_id=RUN, session=SESSION, **facts):
    """Make the spool of a run that has ended and is not recorded."""
    writer = open_run(spool, run_id, session, **facts)
    log(writer, values)
    end(writer)
    return os.path.join(str(spool), run_id)
