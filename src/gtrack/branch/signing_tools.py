"""The programs that sign and check, ssh-keygen and gpg: how gtrack runs them, and what they must not do."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from gtrack.branch.gitconfig import GitConfig
from gtrack.errors import SigningError

if TYPE_CHECKING:
    import subprocess

__all__ = ["NAMESPACE", "Answer", "ask", "default_key", "in_home", "program_of"]

NAMESPACE = "gtrack"
"""What ssh signatures are for: one over a git commit or a file cannot be passed off as one over a record."""

_MOST_SAID = 64 << 10
_SETTINGS = {"ssh": ("gpg.ssh.program",), "openpgp": ("gpg.openpgp.program", "gpg.program")}
_PROGRAMS = {"ssh": "ssh-keygen", "openpgp": "gpg"}
_PACKAGES = {"ssh-keygen": "install openssh-client", "gpg": "install gnupg"}
_POLL = 0.002


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said: its exit code, its output, and the last line it complained of."""

    code: int
    out: str
    complaint: str


def program_of(form: str, config: GitConfig, env: Mapping[str, str]) -> str:
    """Return the path of the program for a kind of signature, as git's settings name it.

    Args:
        form: ``ssh`` or ``openpgp``, as in git's ``gpg.format``.
        config: The git configuration.
        env: The environment.

    Raises:
        SigningError: It is not installed.
    """
    named = next(filter(None, (config.get(key) for key in _SETTINGS[form])), _PROGRAMS[form])
    found = shutil.which(in_home(named, env), path=env.get("PATH", os.defpath))
    if found is None:
        name = os.path.basename(named)
        raise SigningError(
            f"{named!r:.200} is not installed: no signature can be made or checked with it",
            hint=_PACKAGES.get(name, f"git config {_SETTINGS[form][-1]} names the program"),
        )
    return found


def in_home(path: str, env: Mapping[str, str]) -> str:
    """Return a path of git's configuration, in which ``~/`` is the user's home."""
    return os.path.join(env.get("HOME") or os.path.expanduser("~"), path[2:]) if path.startswith("~/") else path


def default_key(config: GitConfig, env: Mapping[str, str], seconds: float) -> str | None:
    """Return the key that the command of ``gpg.ssh.defaultKeyCommand`` names, or None.

    See https://git-scm.com/docs/git-config, ``gpg.ssh.defaultKeyCommand``.
    """
    command = config.get("gpg.ssh.defaultKeyCommand")
    if not command:
        return None
    lines = ask(shlex.split(command), env, seconds=seconds).out.splitlines()
    return lines[0].strip() if lines and lines[0].startswith(("key::", "ssh-")) else None


def ask(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    given: bytes = b"",
    seconds: float,
    interactive: bool = False,
    folder: str | None = None,
) -> Answer:
    """Run a program to its end and return what it said.

    Without a terminal it can ask nobody: it is told so, and is taken away from the terminal of this process.

    Args:
        argv: The program and its arguments.
        env: The environment of the user.
        given: Bytes for its stdin.
        seconds: After so long it is stopped, and whatever it started.
        interactive: Somebody is there, who may be asked for a passphrase or to touch a key.
        folder: Where it runs.

    Raises:
        SigningError: It could not be started, or took too long.
    """
    import subprocess

    # Files, not pipes: a program's own child that outlives it would hold a pipe open.
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        stdin.write(given)
        stdin.seek(0)
        prompt = interactive and not given
        try:
            process = subprocess.Popen(
                argv,
                env=_environment(env, interactive),
                cwd=folder,
                stdin=None if prompt else stdin,
                stdout=out,
                stderr=err,
                start_new_session=not interactive,
            )
        except (OSError, ValueError) as error:
            raise SigningError(f"{argv[0]} could not be started: {error}") from error
        code = _wait(process, seconds, alone=not interactive)
        if code is None:
            raise SigningError(
                f"{os.path.basename(argv[0])} took longer than {seconds:g} s and was stopped",
                hint="does a key wait to be touched, or an agent for an answer?",
            )
        texts = [_text(file) for file in (out, err)]
    lines = [line.strip() for line in texts[1].splitlines() if line.strip()]
    return Answer(code, texts[0], lines[-1] if lines else "")


def _environment(env: Mapping[str, str], interactive: bool) -> dict[str, str]:
    # In UTC, dates of an allowed-signers file mean the same on every machine.
    settings = {**env, "LC_ALL": "C", "TZ": "UTC0"}
    if not interactive:
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "GPG_TTY"):
            settings.pop(name, None)
        settings["SSH_ASKPASS_REQUIRE"] = "never"
    return settings


def _wait(process: subprocess.Popen[bytes], seconds: float, *, alone: bool) -> int | None:
    """Return how a program ended; None when it had to be stopped, with its children where it is alone."""
    deadline = time.monotonic() + seconds
    try:
        while (code := process.poll()) is None and time.monotonic() < deadline:
            time.sleep(_POLL)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if alone:
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()
            process.wait()
    return code


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MOST_SAID).decode("utf-8", "replace")
