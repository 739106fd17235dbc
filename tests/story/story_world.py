"""Ada and Ben, their clones, and the remote between them: real git, real runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from story_history import MAIN, PULL_REQUEST

__all__ = ["Answer", "Person", "Story", "again", "begin"]

HERE = Path(__file__).parent
_WIDTH = 110


@dataclass(frozen=True)
class Answer:
    """What a command printed, and the exit code it ended with."""

    code: int
    out: str
    err: str


class Person:
    """Somebody with a clone, who types commands in it.

    Args:
        name: The first name.
        root: The clone.
    """

    def __init__(self, name: str, root: Path) -> None:
        self.root = root
        mail = f"{name.lower()}@example.org"
        # Unbuffered, results and remarks come in the order in which a terminal shows them.
        self.env = {**os.environ, "COLUMNS": str(_WIDTH), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
        for role in ("AUTHOR", "COMMITTER"):
            self.env |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": mail}
        self.env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def type(self, *argv: str) -> Answer:
        """Run a command."""
        done = subprocess.run(
            argv, cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def git(self, *argv: str) -> str:
        """Run git, which succeeds."""
        return self._ok("git", *argv)

    def gtrack(self, *argv: str, code: int = 0) -> str:
        """Run gtrack, which ends with that exit code; return what it printed."""
        answer = self.type(sys.executable, "-m", "gtrack", *argv)
        assert answer.code == code, (argv, answer)
        assert "Traceback" not in answer.err
        return answer.out

    def train(self, branch: str, first: int) -> None:
        """Make the commits of a branch of the story and their runs."""
        self._ok(sys.executable, str(HERE / "story_trainer.py"), branch, str(first))

    def _ok(self, *argv: str) -> str:
        answer = self.type(*argv)
        assert answer.code == 0, (argv, answer)
        return answer.out


@dataclass
class Story:
    """How far the story has come."""

    ada: Person
    ben: Person

    def mend(self) -> None:
        """Let Ben mend what his pull request broke, and Ada fetch it."""
        self.ben.train("fix", len(MAIN) + len(PULL_REQUEST))
        self.share_bens()

    def share_bens(self) -> None:
        """Let Ben push code and runs, and Ada fetch both."""
        self.ben.git("push", "-q", "-u", "origin", "robust")
        self.ben.gtrack("push")
        self.ada.git("fetch", "-q")


def begin(place: Path) -> Story:
    """Play the story up to the pull request: twenty commits on main by Ada, three on the branch robust by Ben."""
    ada, ben = Person("Ada", place / "ada"), Person("Ben", place / "ben")
    place.mkdir(parents=True, exist_ok=True)
    _git(place, "init", "-q", "--bare", "-b", "main", "cells.git")
    _clone(place, ada)
    ada.git("switch", "-q", "-c", "main")
    ada.train("main", 0)
    ada.git("push", "-q", "-u", "origin", "main")
    ada.gtrack(
        "experiment", "set", "cells", "--metric", "val_auc", "--goal", "max", "--floor", "metrics.val_precision >= 0.8"
    )
    ada.gtrack("push")
    _clone(place, ben)
    ben.git("switch", "-q", "-c", "robust")
    ben.train("pull-request", len(MAIN))
    story = Story(ada, ben)
    story.share_bens()
    return story


def again(place: Path, beginning: Path) -> Story:
    """Return the story of another place as it stands there, in a place of its own."""
    shutil.copytree(beginning, place, symlinks=True)
    return Story(Person("Ada", place / "ada"), Person("Ben", place / "ben"))


def _clone(place: Path, person: Person) -> None:
    """Clone the remote, by a path that holds when all is copied."""
    _git(place, "clone", "-q", "cells.git", person.root.name)
    _git(person.root, "remote", "set-url", "origin", "../cells.git")


def _git(place: Path, *argv: str) -> None:
    subprocess.run(["git", *argv], cwd=place, check=True, stderr=subprocess.DEVNULL)
