"""A bare repository and clones of it, in which people register and promote versions."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import gtrack
from gtrack.branch.tracking import tracking
from gtrack.branch.transport import Transport
from gtrack.model.registered import Version
from gtrack.model.registry import ModelState
from gtrack.ops import push as pushing
from gtrack.ops.fetch import fetch
from gtrack.ops.model_files import folders_of_models, load_model_files
from gtrack.ops.publish_code import CodePlan
from gtrack.ops.pull import Pulled, pull
from gtrack.ops.push import Pushed, push
from gtrack.ops.registering import register_version
from gtrack.ops.registry import model
from gtrack.ops.trees import visible_trees

MODEL = "churn"


def git(where: Path, *args: str) -> str:
    """Run git and return what it printed."""
    done = subprocess.run(["git", "-C", str(where), *args], check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Person:
    """One clone, and what its owner does in it."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        who = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": f"{name.lower()}@example.org", "GTRACK_QUIET": "1"}
        self.env = {**os.environ, **who}
        self.repo = gtrack.Repo(str(path), env=self.env)
        self.repository = self.repo.repository

    def close(self) -> None:
        """Close what was opened."""
        self.repo.close()

    def register(self, run_id: str, name: str = MODEL, path: str = "model") -> Version:
        """Register a version."""
        return register_version(self.repository, run_id, path, name)

    def model(self, name: str = MODEL) -> ModelState:
        """Return the model as it is seen here."""
        return model(self.repository, name)

    def events(self, name: str = MODEL) -> set[str]:
        """Return the names of the events that are seen here."""
        folders = folders_of_models(self.repository, visible_trees(self.repository))
        return {doc.name for doc in load_model_files(self.repository, folders.get(name, ())).events}

    def push(self) -> Pushed:
        """Push."""
        return push(self.repository, consent=False)

    def pull(self) -> Pulled:
        """Pull."""
        return pull(self.repository)

    def send_to_inbox(self) -> None:
        """Do what a push does that lost its races."""
        names = tracking(self.repository)
        transport = Transport(self.repository, names.remote)
        work = pushing._Push(self.repository, names, transport, consent=False, patience=0.0)
        work._send_to_inbox(fetch(self.repository, transport, names), CodePlan())


class Registry:
    """The bare repository with one run, whose model everybody registers.

    Args:
        place: Where everything is.
        people: Who has a clone.
    """

    def __init__(self, place: Path, people: tuple[str, ...] = ("Ada", "Ben", "Chi")) -> None:
        self.place = place
        self.bare = place / "team.git"
        git(place, "init", "-q", "--bare", "-b", "main", str(self.bare))
        git(place, "clone", "-q", str(self.bare), "seed")
        seed = place / "seed"
        (seed / "train.py").write_text("print('one')\n")
        git(seed, "add", ".")
        git(seed, "commit", "-q", "-m", "code")
        git(seed, "push", "-q", "origin", "HEAD:main")
        git(seed, "fetch", "-q")
        before = os.getcwd()
        os.chdir(seed)
        try:
            with gtrack.start_run(experiment="churn", name="first") as run:
                run.log({"val_auc": 0.91})
                run.log_artifact(b"weights", "model", name="model.bin")
                run.log_text('{"classes": 2}', "model/config.json")
            self.run_id: str = run.id
        finally:
            os.chdir(before)
        person = Person(seed, "Ada")
        person.push()
        person.close()
        self.people = [self.clone(name) for name in people]

    def clone(self, name: str, *options: str) -> Person:
        """Clone the bare repository."""
        path = self.place / name.lower()
        git(self.place, "clone", "-q", *options, str(self.bare), str(path))
        return Person(path, name)

    def copy(self, place: Path) -> Registry:
        """Return a copy of everything, at another place."""
        shutil.copytree(self.place, place, symlinks=True)
        out = object.__new__(Registry)
        out.place, out.bare, out.run_id = place, place / "team.git", self.run_id
        for person in self.people:
            git(place / person.path.name, "remote", "set-url", "origin", str(out.bare))
        out.people = [Person(place / person.path.name, person.name) for person in self.people]
        return out

    def close(self) -> None:
        """Close all clones."""
        for person in self.people:
            person.close()

    def tags(self) -> dict[str, str]:
        """Return the tags of the bare repository, and the commits that they lead to."""
        listed = git(self.bare, "for-each-ref", "--format=%(refname:lstrip=2) %(*objectname)", "refs/tags").splitlines()
        return dict(line.split(" ") for line in listed)

    def tree(self) -> dict[str, str]:
        """Return the files about models at the remote, with their object ids."""
        listed = git(self.bare, "ls-tree", "-r", "gtrack", "models").splitlines()
        return {line.split("\t")[1]: line.split()[2] for line in listed}
