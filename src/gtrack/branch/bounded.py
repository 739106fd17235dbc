"""Git's plumbing on what is not trusted: bounded in output, memory and time.

A few small trees that name each other many times make git list files without end.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterable, Sequence

from gtrack.branch.git import ALWAYS, NO_HOOKS, TIMEOUT, Git
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GitError

__all__ = ["NO_FETCH", "PUSHED_AS_IT_IS", "run_bounded", "run_on_trees"]

_MOST_BYTES = 256 << 20
_MOST_MEMORY = 2 << 30
_LACKING = re.compile(rb"promisor|bad (?:tree )?object|(?:unable to|could not) read", re.IGNORECASE)
"""How git says that an object is missing."""
NO_FETCH = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
"""Environment in which git fetches nothing that a partial clone left at its remote: who needs it asks for it before.

Older versions of git do not know the first variable, and find no protocol to fetch by.
"""
PUSHED_AS_IT_IS = {**NO_FETCH, "GIT_NO_REPLACE_OBJECTS": "1"}
"""Environment in which git shows the history that is pushed: replacements would show another one."""


def run_bounded(repo: Repository, args: Sequence[str], lines: Iterable[str] = (), *, timeout: float = TIMEOUT) -> bytes:
    """Run one of git's plumbing commands and return what it wrote; stop it when that is too much.

    Args:
        repo: The repository; it has the git executable.
        args: The command and its arguments.
        lines: The lines of its stdin.
        timeout: Seconds after which it is stopped.

    Raises:
        GitError: Git failed, or took too long.
        DamageError: It wrote too much, or needed too much memory.
    """
    git = repo.git
    assert git is not None
    env = {**git.env, **PUSHED_AS_IT_IS, "GIT_DIR": repo.paths.git_dir}
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.writelines(line.encode("utf-8", "surrogateescape") + b"\n" for line in lines)
        given.seek(0)
        argv = [git.executable, *ALWAYS, *NO_HOOKS, *args]
        with subprocess.Popen(argv, env=env, stdin=given, stdout=subprocess.PIPE, stderr=complaints) as process:
            try:
                _limit_memory(process)
                out = _read(process, args[0], timeout)
            except BaseException:
                process.kill()
                raise
        complaints.seek(0)
        said = complaints.read(64 << 10)
    if process.returncode != 0:
        if b"ut of memory" in said:
            raise DamageError(f"git {args[0]} finds more files than can be checked")
        raise _failure(repo, args, subprocess.CompletedProcess(argv, process.returncode, b"", said))
    return out


def run_on_trees(repo: Repository, args: Sequence[str], trees: Collection[str]) -> bytes:
    """Run one of git's commands that read trees, once more where a partial clone had not all of them.

    Args:
        repo: The repository; it has the git executable.
        args: The command and its arguments.
        trees: The trees that it reads, with all the folders below them.

    Returns:
        What it wrote.

    Raises:
        GitError: Git failed, such as on an object that is missing.
        UnfetchedObjectError: A remote could not be reached, or did not do as it was asked.
        DamageError: It wrote too much, or needed too much memory.
    """
    try:
        return run_bounded(repo, args)
    except GitError:
        from gtrack.branch.promised import bring_trees

        if not bring_trees(repo, trees):
            raise
    return run_bounded(repo, args)


def _failure(repo: Repository, args: Sequence[str], done: subprocess.CompletedProcess[bytes]) -> GitError:
    error = Git.failure(args, done)
    if repo.promisors and _LACKING.search(done.stderr):
        error.hint = f"this is a partial clone; to have all of it: git fetch --refetch --no-filter {repo.promisors[0]}"
    return error


def _limit_memory(process: subprocess.Popen[bytes]) -> None:
    """Bound what git allocates: it gathers the files of a commit before it prints the first. Only Linux can do it."""
    import resource

    if hasattr(resource, "prlimit"):
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))


def _read(process: subprocess.Popen[bytes], command: str, timeout: float) -> bytes:
    assert process.stdout is not None
    fd, deadline, out = process.stdout.fileno(), time.monotonic() + timeout, bytearray()
    while select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
        chunk = os.read(fd, 1 << 20)
        if not chunk:
            return bytes(out)
        out += chunk
        if len(out) > _MOST_BYTES:
            raise DamageError(f"git {command} lists more than {_MOST_BYTES >> 20} MiB of names: this is not checked")
    raise GitError(f"git {command} took longer than {timeout:g} s and was stopped")
