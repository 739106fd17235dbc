"""The git executable: how gtrack runs it, and what it must not inherit or do."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtrack.errors import GitError

if TYPE_CHECKING:
    from subprocess import CompletedProcess

__all__ = ["ALWAYS", "NO_HOOKS", "TIMEOUT", "Git"]

TIMEOUT = 120.0
"""Seconds after which a git process is killed, unless the call says otherwise."""

ALWAYS = ("--no-pager", "-c", "core.fsmonitor=false", "-c", "core.splitIndex=false")
"""Options of every command: no program of the user's is started."""
NO_HOOKS = ("-c", "core.hooksPath=/dev/null")

# What `git rev-parse --local-env-vars` lists (a hook or an alias sets these for the repository it runs in), less
# the two through which a user passes configuration, plus what changes the meaning of arguments and output.
_DROPPED = frozenset(
    """
    GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_CONFIG GIT_OBJECT_DIRECTORY GIT_DIR GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE
    GIT_GRAFT_FILE GIT_INDEX_FILE GIT_NO_REPLACE_OBJECTS GIT_REPLACE_REF_BASE GIT_PREFIX GIT_SHALLOW_FILE
    GIT_COMMON_DIR GIT_NAMESPACE GIT_QUARANTINE_PATH GIT_INTERNAL_SUPER_PREFIX GIT_EXTERNAL_DIFF GIT_DIFF_OPTS
    GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_ATTR_SOURCE
    LC_ALL LANGUAGE
    """.split()
)
# How git shows a hook what a push brings before it is let in: https://git-scm.com/docs/git-receive-pack, "Quarantine".
_QUARANTINE = frozenset("GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES".split())
_CREDENTIALS = re.compile(r"://[^/@\s]+@")
_COMMAND = re.compile(r"[a-z]+(?:-[a-z]+)*\Z")
_COMPLAINTS = ("fatal:", "error:", " ! ")
_TRIES = 5
_SWEPT = b"unable to create temporary file: " + os.strerror(errno.ENOENT).encode()
"""What git says when ``git gc`` has just removed the folder it was about to write an object to, empty for a moment."""
_NO_ROOM = (
    *(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)),
    "insufficient permission for adding an object",
)


@dataclass(frozen=True, slots=True)
class Git:
    r"""The git executable and the environment it runs in.

    Args:
        executable: The path of git.
        env: The environment of every process, already cleaned; make instances with :meth:`find`.

    Example:
        >>> git = Git.find(os.environ)
        >>> git.run(["rev-parse", "HEAD"], cwd="/home/ada/churn")
        b'15f61e33bf1661ce39993257ecb61b83070001e9\n'
    """

    executable: str
    env: Mapping[str, str] = field(repr=False)

    @classmethod
    def find(cls, env: Mapping[str, str], *, incoming: bool = False) -> Git | None:
        """Return git as found on the ``PATH`` of ``env``, or None.

        Args:
            env: The environment of the caller; what would point git at another repository is dropped.
            incoming: In a server's hook, see also the objects that a push brings and that are in quarantine still.
        """
        executable = shutil.which("git", path=env.get("PATH", os.defpath))
        if executable is None:
            return None
        kept = _QUARANTINE if incoming and "GIT_DIR" in env else frozenset()
        return cls(executable, _clean(env, kept))

    def run(
        self,
        args: Sequence[str],
        *,
        cwd: str | None = None,
        git_dir: str | None = None,
        work_tree: str | None = None,
        env_extra: Mapping[str, str] | None = None,
        input: bytes | None = None,  # noqa: A002  the name subprocess.run gives it
        timeout: float = TIMEOUT,
        check: bool = True,
        hooks: bool = False,
    ) -> bytes:
        """Run git and return what it wrote to stdout.

        Args:
            args: The command and its arguments, without ``git``.
            cwd: The directory to run in.
            git_dir: The repository, where it shall not be discovered from ``cwd``. Git does not check who owns a
                repository that is named this way: whoever opens one does.
            work_tree: The working tree that goes with ``git_dir``.
            env_extra: Variables set for this process alone.
            input: Bytes for stdin, which is empty otherwise.
            timeout: Seconds after which the process is killed.
            check: Raise when git exits with something else than 0.
            hooks: Let the user's hooks run.

        Raises:
            GitError: Git could not be started, took too long, or (with ``check``) failed.
        """
        done = self.call(
            args,
            cwd=cwd,
            git_dir=git_dir,
            work_tree=work_tree,
            env_extra=env_extra,
            input=input,
            timeout=timeout,
            hooks=hooks,
        )
        if check and done.returncode != 0:
            raise self.failure(args, done)
        return done.stdout

    def call(
        self,
        args: Sequence[str],
        *,
        cwd: str | None = None,
        git_dir: str | None = None,
        work_tree: str | None = None,
        env_extra: Mapping[str, str] | None = None,
        input: bytes | None = None,  # noqa: A002  the name subprocess.run gives it
        timeout: float = TIMEOUT,
        hooks: bool = False,
    ) -> CompletedProcess[bytes]:
        """Run git and return its exit status, stdout and stderr; the arguments are those of :meth:`run`.

        Raises:
            GitError: Git could not be started or took too long.
        """
        import subprocess

        env = dict(self.env)
        if git_dir is not None:
            env["GIT_DIR"] = git_dir
        if work_tree is not None:
            env["GIT_WORK_TREE"] = work_tree
        env.update(env_extra or {})
        argv = [self.executable, *ALWAYS, *(() if hooks else NO_HOOKS), *args]
        try:
            # subprocess.run kills and reaps the process on a timeout and on KeyboardInterrupt: no zombie stays.
            for _ in range(_TRIES):
                done = subprocess.run(
                    argv,
                    cwd=cwd,
                    env=env,
                    stdin=subprocess.DEVNULL if input is None else None,
                    input=input,
                    capture_output=True,
                    timeout=timeout,
                    check=False,
                )
                if done.returncode == 0 or _SWEPT not in done.stderr:
                    break
            return done
        except subprocess.TimeoutExpired as error:
            raise GitError(f"git {args[0]} took longer than {timeout:g} s and was stopped") from error
        except (OSError, ValueError) as error:  # an argument with a zero byte in it is a ValueError
            raise GitError(f"git {args[0]} could not be started: {error}") from error

    @staticmethod
    def failure(args: Sequence[str], done: CompletedProcess[bytes]) -> GitError:
        """Return the error for a process that failed: the last thing git complained of, without credentials."""
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        complaints = [line for line in lines if line.startswith(_COMPLAINTS)]
        # What git says last is what it wanted to do; why there was no room for it comes before that.
        room = [line for line in complaints if any(text in line for text in _NO_ROOM)]
        line = (room or complaints or lines or [f"exit status {done.returncode}"])[-1]
        advice = [line.strip() for line in lines if line.strip().startswith("git config --global --add safe.directory")]
        command = next((arg for arg in args if _COMMAND.match(arg)), "")
        reason = _CREDENTIALS.sub("://", line.strip())
        return GitError(f"git {command} failed: {reason}", hint=advice[0] if advice else None)


def _clean(env: Mapping[str, str], allowed: frozenset[str]) -> dict[str, str]:
    kept = {name: value for name, value in env.items() if name in allowed or name not in _DROPPED}
    # English messages, but the user's own character set: filters run below git and must see what they always see.
    characters = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG")
    if characters:
        kept["LC_CTYPE"] = characters
    kept.update(LC_MESSAGES="C", GIT_OPTIONAL_LOCKS="0", GIT_TERMINAL_PROMPT="0")
    return kept
