"""``gtrack demo``: real trainings in a repository made for them, each command shown as it is typed."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from importlib.util import find_spec
from typing import TextIO

from gtrack.config import environment
from gtrack.errors import GtrackError, MissingExtraError, RepositoryError, UsageError
from gtrack.ids import SHORT

__all__ = ["run_demo"]

_SCRIPTS = ("train.py", "baseline.py")
_EDIT = ("train_test_split(pixels, ", "train_test_split(pixels / 16, ")
_KILLED_AFTER = "epoch   50"
_ME = {"user.name": "gtrack demo", "user.email": "demo@example.org"}

# What would tie the demo to the repository, the run or the job that it is started from.
_FOREIGN = ("GTRACK_", "GIT_", "SLURM_", "OMPI_", "PMI_", "PMIX_", "TORCHELASTIC_")
_RANKS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_SETTINGS = {"commit.gpgSign": "false", "core.hooksPath": os.devnull, "core.pager": "cat"}


def run_demo(directory: str | None, *, out: TextIO) -> int:
    """Make a repository with ten runs, good and bad, and show what gtrack says of them.

    Args:
        directory: Where to make it: a directory that is empty or not there yet; a temporary one by default.
        out: Where commands and their output are shown.

    Returns:
        The exit code, 0.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        RepositoryError: git is not installed.
        UsageError: The directory is not empty.
        GtrackError: A command did not end as it should.
    """
    if find_spec("sklearn") is None:
        raise MissingExtraError("scikit-learn", "demo")
    env = environment()
    if shutil.which("git", path=env.get("PATH")) is None:
        raise RepositoryError("git is not installed", hint="install git, then: gtrack demo")
    root = _make_directory(directory)
    stage = _Stage(root, env, out)
    _make_repository(stage)
    _search(stage)
    _fail(stage)
    _kill(stage)
    _wrap(stage)
    edited = _train_an_edit(stage)
    _look(stage, edited)
    _say_what_is_next(stage, env)
    return 0


class _Stage:
    """Runs commands in the demo's directory, and shows each with its output.

    Args:
        root: The directory.
        env: The environment to start from.
        out: Where to show them.
    """

    def __init__(self, root: str, env: Mapping[str, str], out: TextIO) -> None:
        self.root = root
        self.out = out
        # A terminal goes to the commands as it is: they then use its colours and its width.
        self._terminal = out.isatty()
        self._bold = self._terminal and not env.get("NO_COLOR") and env.get("TERM") != "dumb"
        self.env = _environment(env)
        self.python = _python(self.env["PATH"])

    def say(self, text: str) -> None:
        """Print a headline."""
        self.out.write(f"\n{self._strong('# ' + text)}\n")

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


def _make_repository(stage: _Stage) -> None:
    stage.say("A git repository with a training script")
    stage.git("init", "--quiet", "--initial-branch=main", ".")
    stage.have_an_author()
    for name in _SCRIPTS:
        _write(stage.root, name, files("gtrack.demo").joinpath(name).read_text(encoding="utf-8"))
    _write(stage.root, ".gitignore", "__pycache__/\nbaseline.json\n")
    stage.git("add", ".")
    stage.git("commit", "--quiet", "-m", "Read handwritten digits")


def _search(stage: _Stage) -> None:
    stage.say("A small search: six trainings, six runs")
    stage.train("--lr", "0.0001", "0.001", "0.01", "--hidden", "16", "32")


def _fail(stage: _Stage) -> None:
    stage.say("A mistake: the run is recorded as failed, with its traceback")
    stage.train("--lr", "0", code=1)


def _kill(stage: _Stage) -> None:
    stage.say("A run that is killed in mid-training: the next command records every value it logged")
    stage.train_until(_KILLED_AFTER, "--lr", "0.0003", "--epochs", "100000")
    stage.gtrack("ls", "-n", "2")


def _wrap(stage: _Stage) -> None:
    stage.say("A script that knows nothing of gtrack")
    options = ["--name", "baseline", "--experiment", "digits", "-t", "stage=baseline", "-p", "depth=8"]
    stage.gtrack("run", *options, "--", stage.python, "baseline.py", "--depth", "{depth}")
    stage.gtrack("log", "--run", "baseline", "--metrics", "baseline.json", "-m", "one decision tree")


def _train_an_edit(stage: _Stage) -> str:
    """Change a line without committing it, train, and return the commit that holds the code that ran."""
    stage.say("An edit that is tried before it is committed")
    with open(os.path.join(stage.root, "train.py"), encoding="utf-8") as file:
        text = file.read()
    _write(stage.root, "train.py", text.replace(*_EDIT))
    stage.git("diff", "--unified=0")
    stage.train("--lr", "0.03", "--hidden", "64")
    run = stage.ask("show", "last")
    snapshot = run["code"]["snapshot"] if isinstance(run, dict) else None
    if not isinstance(snapshot, str):
        raise GtrackError("the demo stopped: the code of its last run was not kept", hint="gtrack doctor")
    return snapshot


def _look(stage: _Stage, edited: str) -> None:
    stage.say("All runs, the best first")
    stage.gtrack("ls", "--sort", "val_accuracy", "--param", "lr", "--param", "hidden", "--metric", "val_accuracy")
    best = stage.ask("ls", "--sort", "val_accuracy", "-n", "1")
    assert isinstance(best, list)
    stage.say("The best one")
    stage.gtrack("show", best[0]["id"][:SHORT])
    stage.say("Its code is kept: the edit that was never committed")
    stage.git("diff", "--stat", "HEAD", edited[:12])
    stage.say("The runs are files on a branch of their own")
    stage.git("log", "--oneline", "gtrack")


def _say_what_is_next(stage: _Stage, env: Mapping[str, str]) -> None:
    stage.say("The repository is yours to try")
    lines = [
        (f"cd {shlex.quote(stage.root)}", ""),
        ("gtrack ls", "the runs"),
        ("gtrack show last", "all that is known about one"),
        ("gtrack logs baseline", "what it printed"),
        ("gtrack ls --csv", "for a spreadsheet; --json for a program"),
        ("python train.py --lr 0.05", "the next run"),
    ]
    if shutil.which("gtrack", path=env.get("PATH")) is None:
        lines.insert(0, (f'export PATH={shlex.quote(os.path.dirname(sys.executable))}:"$PATH"', ""))
    for command, remark in lines:
        stage.out.write(f"  {command:<28}{remark}".rstrip() + "\n")
    stage.out.flush()


def _make_directory(directory: str | None) -> str:
    if directory is None:
        return tempfile.mkdtemp(prefix="gtrack-demo-")
    root = os.path.abspath(directory)
    if os.path.lexists(root) and (not os.path.isdir(root) or os.listdir(root)):
        raise UsageError(f"{directory} is there already, and not empty", hint="gtrack demo NEW_DIRECTORY")
    os.makedirs(root, exist_ok=True)
    return root


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


def _write(root: str, name: str, text: str) -> None:
    with open(os.path.join(root, name), "w", encoding="utf-8") as file:
        file.write(text)
