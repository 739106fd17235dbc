"""Ada's clone with a run whose files wait to be sent, the team's remote, and a colleague who clones it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gtrack.branch.repository import Repository
from gtrack.cli import main
from gtrack.ops.keep_objects import cache_of, outbox_of
from gtrack.store.cache import Cache
from gtrack.store.outbox import Waiting

LARGE = bytes(range(256)) * 8192
"""Two MiB: more than goes along to a git remote."""
_TRAIN = f"""
import gtrack
with gtrack.start_run(name="churn") as run:
    run.log({{"loss": 0.5}}, step=1)
    run.log_text("five!", "notes.txt")
    run.log_bytes({bytes(range(256))!r} * 8192, "model.bin")
"""


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        """What it printed, read as JSON."""
        found: dict[str, object] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class World:
    """The folder of a test."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> World:
        """Make a remote with code, and Ada's clone with a recorded run."""
        world = cls(root)
        git(root, "init", "-q", "--bare", "team.git")
        git(root, "clone", "-q", str(root / "team.git"), "ada")
        (world.ada / "train.py").write_text(_TRAIN)
        git(world.ada, "add", ".")
        git(world.ada, "commit", "-qm", "first")
        git(world.ada, "push", "-q", "origin", "HEAD:main")
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "GTRACK_QUIET": "1"}
        subprocess.run([sys.executable, "train.py"], cwd=world.ada, env=env, check=True)
        return world

    def copy(self, root: Path) -> World:
        """Return the same in another folder."""
        shutil.copytree(self.root, root, symlinks=True)
        world = World(root)
        git(world.ada, "config", "remote.origin.url", str(root / "team.git"))
        return world

    @property
    def ada(self) -> Path:
        """Ada's clone."""
        return self.root / "ada"

    @property
    def remote(self) -> Path:
        """The team's repository."""
        return self.root / "team.git"

    @property
    def store(self) -> Path:
        """A folder for a store."""
        return self.root / "store"

    def colleague(self) -> Path:
        """Return a new clone."""
        git(self.root, "clone", "-q", str(self.remote), "bob")
        return self.root / "bob"

    def share(self, name: str = "gtrack.yaml") -> None:
        """Commit a file of Ada's and push it."""
        git(self.ada, "add", name)
        git(self.ada, "commit", "-qm", f"change {name}")
        git(self.ada, "push", "-q", "origin", "HEAD:main")


def git(where: Path, *args: str) -> str:
    """Run git."""
    done = subprocess.run(["git", *args], cwd=where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def type_in(where: Path, *argv: str, code: int = 0) -> Said:
    """Call the command line in a folder, in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(where):
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(), "utf-8"))
        patch.setenv("PWD", str(where))
        came = main(list(argv))
    said = Said(came, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]
    assert came == code, said
    return said


def marks(where: Path) -> list[Waiting]:
    """Return what a clone has marked as to be sent."""
    with Repository(str(where), os.environ) as repo:
        return list(outbox_of(repo).entries())


def cache(where: Path) -> Cache:
    """Return a clone's cache."""
    with Repository(str(where), os.environ) as repo:
        return cache_of(repo)


def stored(store: Path) -> dict[str, bytes]:
    """Return what a store in a folder shows, by digest."""
    return {p.name: p.read_bytes() for p in store.glob("objects/*/*") if not p.name.startswith(".")}
