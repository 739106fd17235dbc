"""A team whose members sign with real ssh keys, around a bare repository with a policy."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import gtrack
from gtrack.branch.objects import BLOB, COMMIT, TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.cli import main
from gtrack.ops import model_events, model_stages
from gtrack.ops.registering import register

KEYGEN = shutil.which("ssh-keygen")
needs_ssh = pytest.mark.skipif(KEYGEN is None, reason="ssh-keygen is not installed (openssh-client)")
PEOPLE = ("ada", "ben", "cleo", "mallory")
POLICY = """\
policy:
  models:
    "*":
      signed: true
      production: {approvals: 1, approvers: ["ben@*", "cleo@*", "ada@*"], promoters: ["ada@*", "cleo@*", "ben@*"]}
  signers: .gtrack/allowed_signers
"""
PLAIN = 0o100644


def git(*args: str, cwd: Path | str, feed: bytes = b"", check: bool = True) -> str:
    """Run git and return what it printed."""
    done = subprocess.run(["git", *args], cwd=cwd, input=feed, capture_output=True, check=False)
    assert not check or done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def make_keys(folder: Path) -> Path:
    """Make a key for everybody."""
    folder.mkdir()
    for name in PEOPLE:
        command = [str(KEYGEN), "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@example.org", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    return folder


def allowed_signers(keys: Path, *names: str) -> str:
    """Return the lines of an allowed-signers file."""
    parts = [(keys / f"{name}.pub").read_text().split()[:2] for name in names]
    return "".join(f"{name}@example.org {' '.join(part)}\n" for name, part in zip(names, parts, strict=True))


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def call(path: Path, *args: str) -> Said:
    """Call gtrack's command line in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = main(list(args))
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]
    assert "Traceback" not in texts[1], texts[1]
    return Said(code, *texts)


class Member:
    """One clone, its owner's key, and what its owner does in it."""

    def __init__(self, path: Path, name: str, keys: Path) -> None:
        self.path, self.name = path, name
        for key, value in {
            "user.name": name.capitalize(),
            "user.email": f"{name}@example.org",
            "gpg.format": "ssh",
            "user.signingKey": str(keys / f"{name}.pub"),
            "gtrack.publishCode": "true",
        }.items():
            self.set(key, value)

    def set(self, key: str, value: str) -> None:
        """Set a value of the clone's configuration."""
        git("config", key, value, cwd=self.path)

    def git(self, *args: str, **kwargs: object) -> str:
        """Run git in the clone."""
        return git(*args, cwd=self.path, **kwargs)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def repo(self) -> Iterator[Repository]:
        """Open the repository."""
        with Repository(str(self.path), os.environ) as repository:
            yield repository

    def type(self, *args: str, code: int = 0) -> Said:
        """Call gtrack's command line, which ends with that exit code."""
        said = call(self.path, *args)
        assert said.code == code, (args, said)
        return said

    def train(self, *, edit: str = "print('edited')\n", content: bytes = b"model\n" * 50) -> str:
        """Train a model: a run with uncommitted edits, data, and two artifacts; return the run's id."""
        (self.path / "train.py").write_text(edit)
        model = self.path / ".git" / "made"
        model.mkdir(exist_ok=True)
        (model / "model.bin").write_bytes(content)
        (model / "MLmodel").write_text("flavors:\n  python_function: {loader_module: x}\n")
        data = self.path / ".git" / "data.csv"
        data.write_text("a,b\n1,2\n3,4\n")
        with contextlib.chdir(self.path), gtrack.start_run(experiment="churn") as run:
            run.log_params({"lr": 0.1})
            run.log_data("train", str(data))
            run.log_metric("val_auc", 0.94)
            run.log_artifact(str(model), "model")
            run_id: str = run.id
        return run_id

    def register(self, run_id: str) -> str:
        """Register the run's model as churn, and return the name of the version."""
        with self.repo() as repository:
            return register(repository, f"{run_id}/model", "churn").name

    def promote(self, version: str = "churn/latest", stage: str = "production", **more: object) -> None:
        """Promote a version."""
        with self.repo() as repository:
            model_stages.promote(repository, version, stage, **more)  # type: ignore[arg-type]

    def approve(self, version: str = "churn/latest", stage: str = "production") -> None:
        """Approve a version."""
        with self.repo() as repository:
            model_stages.approve(repository, version, stage)

    def alias(self, version: str | int, alias: str = "champion") -> None:
        """Point an alias at a version."""
        with self.repo() as repository:
            model_events.set_alias(repository, "churn", alias, version)

    def push(self, code: int = 0) -> Said:
        """Push."""
        return self.type("push", code=code)

    def pull(self) -> None:
        """Pull."""
        self.type("pull")


class Team:
    """A bare repository with code and a policy, and clones of it.

    Args:
        place: Where everything is made.
        policy: The content of gtrack.yaml.
        keys: The keys of everybody.
        known: Who is in the allowed-signers file.
    """

    def __init__(self, place: Path, keys: Path, policy: str = POLICY, known: tuple[str, ...] = PEOPLE) -> None:
        self.place, self.keys = place, keys
        self.bare = place / "team.git"
        git("init", "-q", "--bare", str(self.bare), cwd=place)
        seed = place / "seed"
        git("init", "-q", "-b", "main", str(seed), cwd=place)
        (seed / "train.py").write_text("print('one')\n")
        (seed / "gtrack.yaml").write_text(policy)
        (seed / ".gtrack").mkdir()
        (seed / ".gtrack" / "allowed_signers").write_text(allowed_signers(keys, *known))
        git("add", "-f", ".", cwd=seed)
        git("commit", "-q", "-m", "code", cwd=seed)
        git("push", "-q", str(self.bare), "main", cwd=seed)
        git("symbolic-ref", "HEAD", "refs/heads/main", cwd=self.bare)

    def clone(self, name: str, *options: str) -> Member:
        """Clone the repository for somebody."""
        path = self.place / f"{name}{len(list(self.place.glob(name + '*'))) or ''}"
        git("clone", "-q", *options, str(self.bare), str(path), cwd=self.place)
        return Member(path, name, self.keys)

    def tip(self) -> str:
        """Return the commit of the branch at the remote."""
        return git("rev-parse", "gtrack", cwd=self.bare)

    def lock(self) -> None:
        """Set up the server's hook that asks gtrack verify."""
        hooks = Path(__file__).parents[2] / "docs" / "hooks"
        shutil.copy(hooks / "pre-receive", self.bare / "hooks" / "pre-receive")
        (self.bare / "hooks" / "pre-receive").chmod(0o755)
        program = self.place / "gtrack-program"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gtrack "$@"\n')
        program.chmod(0o755)
        git("config", "gtrack.program", str(program), cwd=self.bare)
        git("config", "gtrack.verify", "true", cwd=self.bare)


def forge(
    repo: Repository,
    changes: dict[str, bytes | None],
    base: str,
    *,
    parents: tuple[str, ...] | None = None,
    who: str = "Mallory <mallory@example.org>",
) -> str:
    """Write a commit of sound git objects whose tree is another's with files replaced, added or removed.

    Args:
        repo: Where it is written.
        changes: Contents by path; None removes the file.
        base: The commit that is changed.
        parents: The commit's parents; the base by default, none for a history of its own.
        who: Its author.
    """
    entries = {path: (mode, oid) for path, mode, oid in repo.objects.walk(repo.tree_of(base))}
    for path, content in changes.items():
        if content is None:
            del entries[path]
        else:
            entries[path] = (PLAIN, repo.objects.write(BLOB, content))
    tree = _tree(repo, entries)
    lines = [f"tree {tree}", *(f"parent {oid}" for oid in ((base,) if parents is None else parents))]
    stamp = "1795000000 +0000"
    lines += [f"author {who} {stamp}", f"committer {who} {stamp}", "", "by hand", ""]
    return repo.objects.write(COMMIT, "\n".join(lines).encode())


def _tree(repo: Repository, files: dict[str, tuple[int, str]]) -> str:
    below: dict[str, dict[str, tuple[int, str]]] = {}
    entries: dict[bytes, tuple[int, str]] = {}
    for path, found in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            below.setdefault(name, {})[rest] = found
        else:
            entries[name.encode()] = found
    for name, inside in below.items():
        entries[name.encode()] = (TREE_MODE, _tree(repo, inside))
    return repo.objects.write_tree(entries)
