"""A clone of a server's repository: commits to make in it, and all of it that must not change."""

from __future__ import annotations

import os
from pathlib import Path

from servers import Server, run

from gtrack.branch.repository import Repository
from gtrack.branch.transport import Transport


class Clone:
    """A clone with an environment in which its server is reached."""

    def __init__(self, path: Path, env: dict[str, str]) -> None:
        self.path = path
        self.env = {**os.environ, **env}
        self.repo = Repository(str(path), self.env)

    @classmethod
    def make(cls, path: Path, server: Server, url: str, *options: str) -> Clone:
        """Clone a repository as a user does."""
        run("git", "clone", "-q", *options, url, str(path), env=server.env)
        return cls(path, server.env)

    def close(self) -> None:
        """Close what was opened."""
        self.repo.close()

    def reopen(self) -> Repository:
        """Return the repository with its configuration read again."""
        self.repo.close()
        self.repo = Repository(str(self.path), self.env)
        return self.repo

    def git(self, *args: str, feed: bytes = b"") -> str:
        """Run git in the clone."""
        return run("git", *args, cwd=self.path, env=self.env, feed=feed)

    def set(self, key: str, value: str) -> None:
        """Set a value of its git configuration."""
        self.git("config", key, value)
        self.reopen()

    def transport(self, remote: str = "origin", **settings: float) -> Transport:
        """Return what gtrack talks to the remote with."""
        return Transport(self.repo, remote, **settings)  # type: ignore[arg-type]

    def commit(self, subject: str, *parents: str, size: int = 0) -> str:
        """Make a commit that no reference names, with a file of so many random bytes."""
        blob = self.git("hash-object", "-w", "--stdin", feed=os.urandom(size) if size else subject.encode())
        tree = self.git("mktree", feed=f"100644 blob {blob}\tpayload\n".encode())
        return self.git("commit-tree", "-m", subject, *(f"-p{parent}" for parent in parents), tree)

    def user_state(self) -> dict[str, object]:
        """Return everything of the user's: all files of the git directory but objects and gtrack's references."""
        at = self.path / ".git"
        if not at.is_dir():
            at = self.path
        files = {}
        for path in sorted(at.rglob("*")):
            name = str(path.relative_to(at))
            ours = name.startswith(("objects/", "refs/gtrack/", "gtrack/", "refs/remotes/origin/gtrack"))
            if path.is_file() and not ours:
                files[name] = path.read_bytes()
        return {"files": files, "status": self.git("status", "--porcelain") if at != self.path else ""}
