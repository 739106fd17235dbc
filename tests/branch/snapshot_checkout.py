"""A real repository for the snapshot tests, free of the machine's own git configuration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from gtrack.branch.git import Git
from gtrack.branch.snapshot import Snapshot, SnapshotPolicy, take_snapshot

# Assembled here, so that this file holds no secret itself.
AWS_KEY = "AKIA" + "Q7ZR4XPLM2NVB8TK"
GITHUB_TOKEN = "ghp_" + "x4Lq9Zt7Wc2Vb8Nm5Kd1Rf6Hs3Jy0Gp4Qa7E"
PASSWORD = "tR7-vq2!Lz9x" + "Kd04"


class Checkout:
    """A repository below ``root`` and a git that sees nothing but it.

    Args:
        root: The working tree, made when missing.
        init: Arguments of ``git init``; None for a repository that exists.
        env: Further environment variables.
    """

    def __init__(self, root: Path, *, init: tuple[str, ...] | None = (), env: dict[str, str] | None = None) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(root.parent),
            "LANG": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _ADA.items()},
            **(env or {}),
        }
        git = Git.find(self.env)
        assert git is not None
        self.git = git
        if init is not None:
            self("init", "-q", "-b", "main", *init)
        self.git_dir = self("rev-parse", "--absolute-git-dir").strip()
        self.common_dir = os.path.realpath(root / self("rev-parse", "--git-common-dir").strip())

    def __call__(self, *args: str, **env: str) -> str:
        """Run git in the working tree and return its output."""
        done = subprocess.run(["git", *args], cwd=self.root, env={**self.env, **env}, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return os.fsdecode(done.stdout)

    def write(self, path: str, content: str | bytes = "", *, mode: int | None = None) -> Path:
        """Write a file of the working tree."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        if mode is not None:
            file.chmod(mode)
        return file

    def commit(self, *paths: str) -> str:
        """Commit everything, or the paths given, and return the commit's id."""
        self("add", "-A", "-f", "--", *(paths or (".",)))
        self("commit", "-q", "--allow-empty", "-m", "work")
        return self("rev-parse", "HEAD").strip()

    def snapshot(self, spool_objects: str | None = None, **policy: object) -> Snapshot:
        """Take a snapshot of the working tree."""
        bounds = SnapshotPolicy(**policy)  # type: ignore[arg-type]
        return take_snapshot(
            self.git, str(self.root), self.git_dir, self.common_dir, policy=bounds, spool_objects=spool_objects
        )

    def files(self, tree: str | None) -> dict[str, str]:
        """Return every path of a tree with its mode and id."""
        assert tree is not None
        lines = self("ls-tree", "-r", "-z", tree).split("\0")
        return {line.split("\t", 1)[1]: line.split("\t", 1)[0] for line in lines if line}

    def text(self, tree: str | None, path: str) -> str:
        """Return the content of a file of a tree."""
        return self("cat-file", "blob", f"{tree}:{path}")

    def tree_of(self, *paths: str, start: str = "HEAD") -> str:
        """Return the tree that git writes for ``start`` with ``paths`` as they are in the working tree."""
        index = str(self.root.parent / "expected-index")
        self("read-tree", start, GIT_INDEX_FILE=index)
        self("add", "-f", "-A", "--", *paths, GIT_INDEX_FILE=index)
        tree = self("write-tree", GIT_INDEX_FILE=index).strip()
        os.unlink(index)
        return tree

    def all_objects(self) -> bytes:
        """Return the content of every object of the repository, one after the other."""
        command = ["git", "cat-file", "--batch-all-objects", "--batch"]
        return subprocess.run(command, cwd=self.root, env=self.env, capture_output=True, check=True).stdout

    def left(self, snapshot: Snapshot) -> dict[str, str]:
        """Return what a snapshot left out, and why."""
        return {file.path: file.reason for file in snapshot.left_out}


_ADA = {"NAME": "Ada", "EMAIL": "ada@example.org"}


def add_submodule(outer: Checkout, inner: Checkout, path: str) -> Checkout:
    """Add ``inner`` as a submodule at ``path`` and return its checkout there."""
    outer("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), path)
    outer("commit", "-q", "-m", "submodule")
    return Checkout(outer.root / path, init=None)
