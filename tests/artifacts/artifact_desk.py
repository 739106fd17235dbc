"""Ada, who logs artifacts and pushes, and Bob, who has a clone: with nothing set up but git."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "remotes"))
import pytest
from forged import Said, call, forge
from servers import run

from gtrack.branch.repository import Repository
from gtrack.format import yaml

__all__ = ["BIG", "MIDDLE", "PLOT", "SAID", "Desk", "Said", "desk", "entry", "files_below", "flip", "shared_desk"]


PLOT = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
BIG = os.urandom(1 << 10) * 3000
"""Three megabytes, which the built-in store does not take."""
MIDDLE = random.Random(7).randbytes(200_000)
"""What no compression can spare: every flipped bit of it is another content."""
SAID = "grüße\n\x1b[31mred\n"
_TRAIN = """
import os, sys
import gtrack
sys.path.insert(0, {here!r})
from artifact_desk import MIDDLE, PLOT, SAID
with gtrack.start_run(name="plots", experiment="churn") as run:
    run.log({{"loss": 0.5}}, step=1)
    run.log_bytes(PLOT, "plots/roc.png", media={{"kind": "figure", "key": "roc", "step": 1}})
    run.log_bytes(PLOT[::-1], "plots/pr.png", media={{"kind": "figure", "key": "pr", "step": 1}})
    run.log_text(SAID, "report.txt")
    run.log_bytes(MIDDLE, "middle.bin")
    run.log_text("<script>alert(1)</script>", "page.html")
with gtrack.start_run(name="large", experiment="churn") as run:
    run.log({{"loss": 0.4}}, step=1)
    run.log_bytes({big} * 3000, "model.pkl")
"""


@dataclass(frozen=True)
class Desk:
    """A remote, Ada's clone with two pushed runs, and Bob's clone, which has just pulled.

    Attributes:
        root: The folder that holds all three.
    """

    root: Path

    @property
    def ada(self) -> Path:
        """Ada's clone."""
        return self.root / "ada"

    @property
    def bob(self) -> Path:
        """Bob's clone."""
        return self.root / "bob"

    @property
    def bare(self) -> Path:
        """The remote."""
        return self.root / "team.git"

    @classmethod
    def make(cls, root: Path) -> Desk:
        """Play it all once, with one process that trains."""
        desk = cls(root)
        run("git", "init", "-q", "--bare", "-b", "main", str(desk.bare))
        run("git", "clone", "-q", str(desk.bare), str(desk.ada))
        (desk.ada / ".gitignore").write_text("train.py\n")
        run("git", "add", ".", cwd=desk.ada)
        run("git", "commit", "-q", "-m", "code", cwd=desk.ada)
        run("git", "push", "-q", "origin", "HEAD:main", cwd=desk.ada)
        (desk.ada / "train.py").write_text(_TRAIN.format(here=str(Path(__file__).parent), big=repr(BIG[:1024])))
        done = subprocess.run([sys.executable, "train.py"], cwd=desk.ada, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return desk

    def share(self) -> Said:
        """Push from Ada's clone, and clone and pull as Bob; return what the push said."""
        said = self.type(self.ada, "push")
        run("git", "clone", "-q", f"file://{self.bare}", str(self.bob))
        self.type(self.bob, "pull")
        return said

    def copy(self, root: Path) -> Desk:
        """Return a copy at another place."""
        shutil.copytree(self.root, root, symlinks=True)
        desk = Desk(root)
        for clone in (desk.ada, desk.bob):
            if clone.exists():
                run("git", "remote", "set-url", "origin", f"file://{desk.bare}", cwd=clone)
        return desk

    def type(self, clone: Path, *args: str, code: int = 0, **env: str) -> Said:
        """Call gtrack's command line, which ends with that exit code."""
        said = call(clone, *args, env={**os.environ, **env})
        assert said.code == code, (args, said)
        return said

    def listed(self, clone: Path, *args: str) -> dict[str, dict[str, Any]]:
        """Return what ``artifact ls --json`` says, by path."""
        return {each["path"]: each for each in json.loads(self.type(clone, "artifact", "ls", "--json", *args).out)}

    def run_id(self, name: str) -> str:
        """Return the id of a run."""
        found: str = next(
            each["id"] for each in json.loads(self.type(self.bob, "ls", "--json").out) if each["name"] == name
        )
        return found

    def manifest(self, name: str) -> dict[str, Any]:
        """Return a run's manifest, as it is on the remote's branch."""
        run_id = self.run_id(name)
        folder = f"runs/{run_id[:2]}/{run_id}/"
        files = run("git", "ls-tree", "--name-only", "gtrack", folder, cwd=self.bare).splitlines()
        path = next(file for file in files if "/artifacts-" in file)
        shown = subprocess.run(["git", "show", f"gtrack:{path}"], cwd=self.bare, capture_output=True, check=True)
        return yaml.load(shown.stdout)

    def publish_manifest(self, name: str, files: dict[str, object], packs: dict[str, object] | None = None) -> None:
        """Put another manifest of a run onto the remote's branch, as nobody but git would, and let Bob pull it."""
        run_id = self.run_id(name)
        body: dict[str, object] = {"format": 1, "session": "0badbeef", "files": files}
        data = yaml.dump({**body, "packs": packs} if packs else body)
        path = f"runs/{run_id[:2]}/{run_id}/artifacts-0badbeef-0badbeef-0-{max(1, len(files))}.yaml"
        with Repository(str(self.bare), dict(os.environ)) as repo:
            tip = repo.tip
            assert tip is not None
            forged = forge(repo, {path: data}, tip, base=tip)
        run("git", "update-ref", "refs/heads/gtrack", forged, cwd=self.bare)
        self.type(self.bob, "pull")


@pytest.fixture(scope="session")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Said]:
    """What is played once for all tests, and what the push said."""
    made = Desk.make(tmp_path_factory.mktemp("desk"))
    return made, made.share()


@pytest.fixture
def desk(shared_desk: tuple[Desk, Said], tmp_path: Path) -> Desk:
    """A copy for one test."""
    return shared_desk[0].copy(tmp_path / "desk")


def entry(data: bytes, **more: object) -> dict[str, object]:
    """Return what a manifest says of a content."""
    return {
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "type": "text/plain",
        "time": "2026-11-21T14:25:30.123456Z",
        **more,
    }


def files_below(root: Path) -> dict[str, bytes]:
    """Return the files below a folder; no link is followed."""
    found = {}
    for at, _, names in os.walk(root):
        for name in names:
            path = Path(at, name)
            found[str(path.relative_to(root))] = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
    return found


def flip(path: Path, at: int = -1) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)
