"""A team around one remote: clones that record and push as people do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from servers import Server, make_bare, run

import gtrack

PUSHER = Path(__file__).with_name("pusher.py")


class Team:
    """A remote with some code on its branch main, and clones of it.

    Args:
        server: Where the remote is.
        name: Its name there.
        place: Where clones are made.
    """

    def __init__(self, server: Server, name: str, place: Path, *, files: dict[str, str] | None = None) -> None:
        self.server = server
        self.name = name
        self.place = place
        self.url = make_bare(server, name)
        self.bare = server.bare(name)
        seed = place / "seed"
        run("git", "init", "-q", "-b", "main", str(seed))
        for path, text in {"train.py": "print('one')\n", **(files or {})}.items():
            (seed / path).parent.mkdir(parents=True, exist_ok=True)
            (seed / path).write_text(text)
        run("git", "add", ".", cwd=seed)
        run("git", "commit", "-q", "-m", "code", cwd=seed)
        run("git", "push", "-q", str(self.bare), "main", cwd=seed)
        run("git", "symbolic-ref", "HEAD", "refs/heads/main", cwd=self.bare)

    def clone(self, name: str, *options: str, url: str | None = None) -> Member:
        """Clone the remote."""
        path = self.place / name
        run("git", "clone", "-q", *options, url or self.url, str(path), env=self.server.env)
        return Member(path, self.server.env)

    def refs(self) -> dict[str, str]:
        """Return the references of the remote."""
        lines = run("git", "for-each-ref", "--format=%(refname) %(objectname)", cwd=self.bare).splitlines()
        return dict(line.split(" ") for line in lines)

    def run_ids(self) -> set[str]:
        """Return the runs on the remote's branch, as plain git sees them."""
        listed = run("git", "ls-tree", "-r", "--name-only", "gtrack", cwd=self.bare).splitlines()
        return {path.split("/")[2] for path in listed if path.startswith("runs/")}

    def run_yaml(self) -> str:
        """Return the first run.yaml on the branch."""
        listed = run("git", "ls-tree", "-r", "--name-only", "gtrack", cwd=self.bare).splitlines()
        return run(
            "git", "show", "gtrack:" + next(path for path in listed if path.endswith("/run.yaml")), cwd=self.bare
        )

    def objects(self) -> bytes:
        """Return the content of every object that the remote has, reachable or not."""
        shown = subprocess.run(
            ["git", "cat-file", "--batch-all-objects", "--batch", "--unordered"],
            cwd=self.bare, check=True, capture_output=True,
        )  # fmt: skip
        return shown.stdout


class Member:
    """One clone and what its owner types in it."""

    def __init__(self, path: Path, env: dict[str, str]) -> None:
        self.path = path
        self.env = {**os.environ, **env, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def git(self, *args: str, feed: bytes = b"") -> str:
        """Run git."""
        return run("git", *args, cwd=self.path, env=self.env, feed=feed)

    def type(self, *args: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run gtrack's command line, which ends with that exit code."""
        command = [sys.executable, "-m", "gtrack", *args]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        done = subprocess.run(command, cwd=self.path, env={**self.env, **env}, text=True, check=False, **pipes)
        assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def record(self, name: str = "run", **metrics: float) -> str:
        """Record a run and return its id."""
        values = [f"{key}={value}" for key, value in (metrics or {"loss": 0.5}).items()]
        self.type("log", *values, "--name", name)
        shown: dict[str, Any] = json.loads(self.type("show", "last", "--json").stdout)
        run_id: str = shown["id"]
        return run_id

    def push(self, *args: str, code: int = 0) -> str:
        """Push, and return everything it printed."""
        done = self.type("push", *args, code=code)
        return done.stdout + done.stderr

    def listed(self, *args: str) -> list[dict[str, Any]]:
        """Return the runs that ``gtrack ls`` lists."""
        runs: list[dict[str, Any]] = json.loads(self.type("ls", "--json", *args).stdout)
        return runs

    def run_ids(self) -> set[str]:
        """Return their ids."""
        return {run["id"] for run in self.listed()}

    def repo(self) -> gtrack.Repo:
        """Open the repository."""
        return gtrack.Repo(str(self.path), env=self.env)


def push_at_once(members: Sequence[Member], runs: int) -> list[dict[str, Any]]:
    """Let every member record and push that often, all at the same time; return what each push came to."""
    started = [
        subprocess.Popen(
            [sys.executable, str(PUSHER), str(runs)],
            cwd=member.path, env={**member.env, "GTRACK_QUIET": "1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for member in members
    ]  # fmt: skip
    for process in started:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    out = []
    for process in started:
        answer, complaint = process.communicate()
        assert process.returncode == 0, complaint
        assert complaint == ""
        out += json.loads(answer.splitlines()[-1])
    return out
