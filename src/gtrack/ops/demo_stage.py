"""What the demo plays on: commands in its own repositories, each shown with its output."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from gtrack.errors import GtrackError

__all__ = ["Stage"]

_ME = {"user.name": "gtrack demo", "user.email": "demo@example.org"}

# What would tie the demo to the repository, the run or the job that it is started from.
_FOREIGN = ("GTRACK_", "GIT_", "SLURM_", "OMPI_", "PMI_", "PMIX_", "TORCHELASTIC_")
_RANKS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_SETTINGS = {"commit.gpgSign": "false", "core.hooksPath": os.devnull, "core.pager": "cat"}


class Stage:
    """Runs commands in the demo's directory, and shows each with its output.

    Args:
        root: The directory that the first command runs in.
        env: The environment to start from.
        out: Where to show them.
    """

    def __init__(self, root: str, env: Mapping[str, str], out: TextIO) -> None:
        self.root = root
        self.parent = os.path.dirname(root)
        self.out = out
        # A terminal goes to the commands as it is: they then use its colours and its width.
        self._terminal = out.isatty()
        self._bold = self._terminal and not env.get("NO_COLOR") and env.get("TERM") != "dumb"
        self.env = _environment(env)
        self.python = _python(self.env["PATH"])

    def say(self, text: str) -> None:
        """Print a headline."""
        self.out.write(f"\n{self._strong('# ' + text)}\n")

    def enter(self, directory: str) -> None:
        """Go to a directory beside the present one."""
        self._show(["cd", os.path.relpath(os.path.join(self.parent, directory), self.root)])
        self.root = os.path.join(self.parent, directory)

    def git(self, *args: str) -> None:
        """Run git."""
        self._show(["git", *args])
        self._wait(["git", *args], 0)

    def gtrack(self, *args: str) -> None:
        """Run gtrack's command line."""
        self._show(["gtrack", *args])
        self._wait([sys.executable, "-m", "gtrack", *args], 0)

    def train(self, *args: str, code: int = 0) -> None:
        """Run the training script, which ends with that exit code."""
        self._show(["python", "train.py", *args])
        self._wait([self.python, "train.py", *args], code)

    def train_until(self, text: str, *args: str) -> None:
        """Run the training script, and send it SIGKILL when it has printed ``text``."""
        self._show(["python", "train.py", *args])
        with self._started([self.python, "train.py", *args], watched=True) as process:
            for line in process.stdout or ():
                self.out.write(line)
                if text in line and process.poll() is None:
                    self._show(["kill", "-KILL", str(process.pid)])
                    process.send_signal(signal.SIGKILL)
            self._check("train.py", process.wait(), -signal.SIGKILL)

    def have_an_author(self) -> None:
        """Give the repository an author where the user has not told git who they are."""
        for key, value in _ME.items():
            known = subprocess.run(
                ["git", "config", key], cwd=self.root, env=self.env, capture_output=True, check=False
            )
            if known.returncode != 0:
                subprocess.run(["git", "config", "--local", key, value], cwd=self.root, env=self.env, check=True)

    def at_once(self, places: Sequence[str], *args: str) -> None:
        """Run one gtrack command in several directories at the same time."""
        roots = [os.path.join(self.parent, place) for place in places]
        typed = shlex.join(["gtrack", *args])
        shown = [
            typed if root == self.root else f"(cd {shlex.quote(os.path.relpath(root, self.root))} && {typed})"
            for root in roots
        ]
        self.out.write(f"{self._strong('$ ' + ' & '.join(shown))}\n")
        self.out.flush()
        argv = [sys.executable, "-m", "gtrack", *args]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        started = [subprocess.Popen(argv, cwd=root, env=self.env, text=True, **pipes) for root in roots]  # type: ignore[call-overload]
        answers = [process.communicate()[0] for process in started]
        for place, process, answer in zip(places, started, answers, strict=True):
            self.out.write("".join(f"[{place}] {line}\n" for line in answer.splitlines()))
            self._check(f"gtrack {args[0]}", process.returncode, 0)

    def ask(self, *args: str) -> object:
        """Return what gtrack's command line says as JSON; nothing is shown."""
        argv = [sys.executable, "-m", "gtrack", *args, "--json"]
        done = subprocess.run(argv, cwd=self.root, env=self.env, stdout=subprocess.PIPE, check=False)
        self._check(f"gtrack {args[0]}", done.returncode, 0)
        return json.loads(done.stdout)

    def _wait(self, argv: Sequence[str], code: int) -> None:
        with self._started(argv, watched=not self._terminal) as process:
            for line in process.stdout or ():
                self.out.write(line)
            self._check(argv[0], process.wait(), code)

    @contextmanager
    def _started(self, argv: Sequence[str], *, watched: bool) -> Iterator[subprocess.Popen[str]]:
        self.out.flush()
        with subprocess.Popen(
            argv,
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if watched else self.out,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def _show(self, argv: Sequence[str]) -> None:
        self.out.write(f"{self._strong('$ ' + shlex.join(argv))}\n")
        self.out.flush()

    def _strong(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._bold else text

    def _check(self, what: str, code: int, expected: int) -> None:
        if code != expected:
            raise GtrackError(
                f"the demo stopped: {os.path.basename(what)} ended with {code}, not {expected}",
                hint=f"its repository is {self.root}",
            )


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in env.items() if not key.startswith(_FOREIGN) and key not in _RANKS}
    return {
        **kept,
        # The python that runs this comes first, since it has gtrack and scikit-learn.
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), env.get("PATH", os.defpath)]),
        # On matrices this small several threads get in each other's way.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # Neither hooks nor signatures nor a pager of the user's have a place in a demo.
        "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
        **{f"GIT_CONFIG_KEY_{number}": key for number, key in enumerate(_SETTINGS)},
        **{f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(_SETTINGS.values())},
    }


def _python(path: str) -> str:
    """Return ``python`` where that is the python running this, else the whole path."""
    found = shutil.which("python", path=path)
    same = found is not None and os.path.dirname(found) == os.path.dirname(sys.executable)
    return "python" if same else sys.executable
