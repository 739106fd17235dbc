"""A clone with published runs of its own, and people who push by hand what no gtrack would write."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers import plain_path, run
from team import Member, Team

from gtrack.branch.objects import BLOB, COMMIT, TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.cli import main
from gtrack.clock import now_ns, stamp
from gtrack.format import names, yaml

PLAIN, EXECUTABLE, LINK, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o160000
BRANCH = "refs/heads/gtrack"
INBOX = "refs/gtrack/inbox/0123456789abcdef/runs"
FORK, TRACKING, WAITING = "the fork", "the tracking remote", "an inbox"
YEAR_9999 = 253_370_764_800_000_000
DOCUMENTED = {0, 2, 3, 4, 5, 6, 7}
"""The exit codes of a command that did not trip over a bug of ours."""

Entry = tuple[int, str]
Files = Mapping[str, bytes | tuple[int, bytes | str]]
"""Contents by path; or a mode with a content, or with the id of an object that need not be there."""


def event(folder: str, body: Mapping[str, object], at: int | None = None) -> dict[str, bytes]:
    """Return a sound event in a folder: its path and its bytes."""
    data = yaml.dump({"format": 1, "author": "Mallory <mallory@example.org>", **body})
    return {f"{folder}/{names.event(stamp(at or now_ns() // 1000), data).removeprefix('events/')}": data}


def run_yaml(run_id: str, name: str = "theirs", **more: object) -> bytes:
    """Return the facts of a run's start."""
    return yaml.dump({
        "format": 1, "id": run_id, "name": name, "experiment": "default", "parent": None, "group": None,
        "started": "2026-11-21T14:25:30.123456Z", "session": "9c1d7b6e", "author": "Mallory <mallory@example.org>",
        "params": {}, "tags": {}, **more,
    })  # fmt: skip


def forge(repo: Repository, files: Files, *parents: str, base: str | None = None, subject: str = "by hand") -> str:
    """Write a commit whose tree is another's with files added or replaced; git is not asked, and refuses nothing.

    Args:
        repo: Where it is written.
        files: What is added.
        parents: Its parents.
        base: The commit with the other files, or None.
        subject: Its message.
    """
    entries: dict[str, Entry] = {}
    if base is not None:
        entries = {path: (mode, oid) for path, mode, oid in repo.objects.walk(repo.tree_of(base))}
    for path, given in files.items():
        mode, content = given if isinstance(given, tuple) else (PLAIN, given)
        entries[path] = (mode, content if isinstance(content, str) else repo.objects.write(BLOB, content))
    who = "Mallory <mallory@example.org> 1795000000 +0000"
    lines = [f"tree {_tree(repo, entries)}", *(f"parent {oid}" for oid in parents), f"author {who}", f"committer {who}"]
    return repo.objects.write(COMMIT, "\n".join([*lines, "", subject, ""]).encode())


def _tree(repo: Repository, files: Mapping[str, Entry]) -> str:
    below: dict[str, dict[str, Entry]] = {}
    entries: dict[bytes, Entry] = {}
    for path, found in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            below.setdefault(name, {})[rest] = found
        else:
            entries[name.encode("utf-8", "surrogateescape")] = found
    for name, inside in below.items():
        entries[name.encode("utf-8", "surrogateescape")] = (TREE_MODE, _tree(repo, inside))
    return repo.objects.write_tree(entries)


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def call(path: Path, *args: str, env: Mapping[str, str] | None = None) -> Said:
    """Call gtrack's command line in this process, which is ten times as fast as a process of its own.

    Args:
        path: Where it is called.
        args: Its arguments.
        env: The environment; this process's own by default.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setattr(os, "environ", dict(env or os.environ))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = main(list(args))
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]
    assert code in DOCUMENTED, (args, code, texts)
    assert "Traceback" not in texts[1]
    _assert_printable(*texts)
    return Said(code, *texts)


class Quick(Member):
    """A clone whose owner types into this process."""

    def type(self, *args: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Call gtrack's command line, which ends with that exit code."""
        said = call(self.path, *args, env={**self.env, **env})
        assert said.code == code, (args, said)
        return subprocess.CompletedProcess(args, said.code, said.out, said.err)

    @classmethod
    def of(cls, member: Member) -> Quick:
        """Take over a clone."""
        return cls(member.path, member.env)


class Desk:
    """A clone, the team's remote ``origin`` and a second remote ``mallory``, which began as a copy of it.

    Args:
        root: The folder that holds all three.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "ada"
        self.bares = {TRACKING: root / "served/team.git", WAITING: root / "served/team.git", FORK: root / "fork.git"}

    @classmethod
    def make(cls, root: Path) -> Desk:
        """Make all three, with one published run."""
        (root / "served").mkdir()
        with plain_path(root / "served") as server:
            team = Team(server, "team", root)
            team.clone("ada")
        desk = cls(root)
        desk.type("log", "loss=0.5", "-p", "lr=0.1", "--name", "mine")
        desk.type("push")
        shutil.copytree(team.bare, desk.bares[FORK], symlinks=True)
        desk.git("remote", "add", "mallory", str(desk.bares[FORK]))
        return desk

    def copy(self, root: Path) -> Desk:
        """Return a copy of all three at another place."""
        shutil.copytree(self.root, root, symlinks=True)
        desk = Desk(root)
        desk.git("remote", "set-url", "origin", str(desk.bares[TRACKING]))
        desk.git("remote", "set-url", "mallory", str(desk.bares[FORK]))
        return desk

    def git(self, *args: str) -> str:
        """Run git in the clone."""
        return run("git", *args, cwd=self.path)

    def call(self, *args: str) -> Said:
        """Call gtrack's command line in the clone."""
        return call(self.path, *args)

    def type(self, *args: str, code: int = 0) -> str:
        """Call gtrack's command line, which ends with that exit code; return everything it printed."""
        said = self.call(*args)
        assert said.code == code, (args, said)
        return said.out + said.err

    def json(self, *args: str) -> Any:
        """Return what a command prints as JSON."""
        said = self.call(*args, "--json")
        assert said.code == 0, (args, said)
        return json.loads(said.out)

    def runs(self) -> dict[str, dict[str, Any]]:
        """Return all that is known of each run that is shown, by its name."""
        return {found["name"]: found for found in self.json("ls")}

    @property
    def mine(self) -> str:
        """The id of the clone's own run."""
        run_id: str = self.runs()["mine"]["id"]
        return run_id

    def forge(self, where: str, files: Files, *, rewrite: bool = False) -> str:
        """Put files on a branch, or in an inbox, of one of the remotes, and let the clone fetch it as git does.

        Args:
            where: :data:`FORK`, :data:`TRACKING` or :data:`WAITING`.
            files: What is added to that branch.
            rewrite: Without its history.
        """
        bare = self.bares[where]
        ref = INBOX if where == WAITING else BRANCH
        with Repository(str(bare), dict(os.environ)) as repo:
            base = repo.refs.read(ref) or repo.tip
            assert base is not None
            tip = forge(repo, files, *([] if rewrite else [base]), base=base)
        run("git", "update-ref", ref, tip, cwd=bare)
        if where == FORK:
            self.git("fetch", "-q", "mallory")
        return tip

    def fsck(self) -> list[dict[str, Any]]:
        """Return what ``gtrack fsck`` finds."""
        found: list[dict[str, Any]] = json.loads(self.call("fsck", "--json").out)
        return found

    def local(self) -> dict[str, Entry]:
        """Return the files of the local branch."""
        return files_of(self.path)

    def published(self) -> dict[str, Entry]:
        """Return the files of the remote's branch."""
        return files_of(self.bares[TRACKING])

    def user_state(self) -> dict[str, object]:
        """Return all that is the user's."""
        at = self.path / ".git"
        kept = [at / name for name in ("HEAD", "index", "config", "logs/HEAD")]
        refs = self.git(
            "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/main", "refs/tags", "refs/stash"
        )
        tree = {path: path.read_bytes() for path in self.path.iterdir() if path.is_file()}
        return {"files": [path.read_bytes() for path in kept], "refs": refs, "tree": tree}

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Assert that a block changes nothing of the user's, and leaves no file outside the three folders."""
        before, beside = self.user_state(), sorted(self.root.iterdir())
        yield
        assert self.user_state() == before
        assert sorted(self.root.iterdir()) == beside


def files_of(repo: Path, ref: str = BRANCH) -> dict[str, Entry]:
    """Return the files of a branch, {path: (mode, object id)}."""
    with Repository(str(repo), dict(os.environ)) as opened:
        tip = opened.refs.read(ref)
        return {path: (mode, oid) for path, mode, oid in opened.objects.walk(opened.tree_of(tip))} if tip else {}


def reachable(repo: Path, *refs: str) -> set[str]:
    """Return every object that references of a repository lead to; all of them by default."""
    listed = run("git", "rev-list", "--objects", *(refs or ("--all",)), cwd=repo).splitlines()
    return {line.split(" ")[0] for line in listed}


def stored(repo: Path) -> set[str]:
    """Return every object that a repository has, reachable or not."""
    return set(run("git", "cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=repo).split())


def _assert_printable(*texts: str) -> None:
    for text in texts:
        assert all(line.isprintable() for line in text.split("\n")), text


def paths_in(lines: Iterable[dict[str, Any]], word: str) -> set[str]:
    """Return the paths of findings that say something."""
    return {line["path"] for line in lines if word in line["what"]}
