"""What the tests of odd disks and odd repositories share: a training script, git, and a look at the user's state."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gtrack

STEPS = 40
TRAINING = f"""\
import gtrack

with gtrack.start_run(experiment="odd", params={{"lr": 0.1}}) as run:
    for step in range({STEPS}):
        run.log({{"loss": 1 / (step + 1), "seen": step}}, step=step)
print("trained", run.id)
"""


_ENV = shutil.which("env") or "env"
_READING = """\
import json, gtrack

with gtrack.Repo(".") as repo:
    out = []
    for run in repo.runs():
        values = {}
        for row in run.curves().to_pylist():
            values.setdefault(row["key"], []).append(row["value"])
        out.append({**run.to_dict(), "values": values, "code": dict(run.state.code)})
    print(json.dumps(out, default=str))
"""


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def warnings(self) -> list[str]:
        """The warnings that gtrack printed."""
        return [line for line in self.err.splitlines() if line.startswith("gtrack: warning: ")]

    @property
    def run_id(self) -> str:
        """The id that the training script printed at its end."""
        assert "trained " in self.out, self
        return self.out.split("trained ", 1)[1].split()[0]

    def check_undisturbed(self) -> None:
        """Assert that the script came to its end, and that nothing was printed but what gtrack says on purpose."""
        assert self.code == 0, self
        foreign = [line for line in self.err.splitlines() if not line.startswith("gtrack: ")]
        assert not foreign, self.err


@dataclass(frozen=True)
class World:
    """One test's machine: a directory, and an environment whose home and state lie in it.

    Args:
        root: The directory.
        env: The environment of its processes.
        prefix: What every command is started through, such as ``nsenter``.
        outside: How this process reaches the root directory of that command.
    """

    root: Path
    env: Mapping[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    outside: str = ""

    @classmethod
    def at(cls, root: Path, prefix: Sequence[str] = (), outside: str = "") -> World:
        """Make a world in a directory."""
        home = root / "home"
        home.mkdir(exist_ok=True)
        paths = [str(Path(gtrack.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        env = {
            **os.environ,
            "HOME": str(home),
            "XDG_STATE_HOME": str(root / "state"),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return cls(root, env, tuple(prefix), outside)

    def seen(self, path: Path | str) -> Path:
        """Return where this process sees a path of the world."""
        return Path(f"{self.outside}{path}")

    @property
    def state_spool(self) -> Path:
        """Where runs wait that have no repository to live in."""
        return self.root / "state" / "gtrack" / "spool"

    def command(self, cwd: Path, *argv: str) -> list[str]:
        """Return the command line that runs a command in a directory of this world."""
        # Not the cwd of the new process: what is mounted in this world alone is not there yet when it starts.
        return [*self.prefix, _ENV, "-C", str(cwd), *argv]

    def git(self, cwd: Path, *args: str, **env: str) -> str:
        """Run git as the user would, and return its output."""
        command = self.command(cwd, "git", *args)
        done = subprocess.run(command, cwd=self.root, env={**self.env, **env}, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return os.fsdecode(done.stdout)

    def python(
        self,
        cwd: Path,
        *args: str,
        env: Mapping[str, str] | None = None,
        through: Sequence[str] = (),
        timeout: float = 60.0,
        **options: Any,
    ) -> Ended:
        """Run this Python with some arguments, started through further commands such as ``setpriv``."""
        started = time.monotonic()
        done = subprocess.run(
            self.command(cwd, *through, sys.executable, *args),
            cwd=self.root,
            env={**self.env, **(env or {})},
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
            **options,
        )
        out, err = (os.fsdecode(text or b"") for text in (done.stdout, done.stderr))
        return Ended(done.returncode, out, err, time.monotonic() - started)

    def train(self, cwd: Path, script: str = TRAINING, **options: Any) -> Ended:
        """Run a training script that lies outside of any repository."""
        path = self.root / "home" / "train.py"
        path.write_text(script)
        return self.python(cwd, str(path), **options)

    def runs(self, cwd: Path, **options: Any) -> list[dict[str, Any]]:
        """Return what ``gtrack.Repo`` says of every run, newest first, with its values by metric."""
        ended = self.python(cwd, "-c", _READING, **options)
        assert ended.code == 0, ended
        found: list[dict[str, Any]] = json.loads(ended.out)
        return found

    def gtrack(self, cwd: Path, *args: str, **options: Any) -> Ended:
        """Run a gtrack command."""
        return self.python(cwd, "-m", "gtrack", *args, **options)

    def repository(self, path: Path, *init: str) -> Path:
        """Make a repository with two commits and an uncommitted edit."""
        seen = self.seen(path)
        (seen / "pkg").mkdir(parents=True, exist_ok=True)
        self.git(path, "init", "-q", *init)
        for number in (1, 2):
            (seen / "model.py").write_text(f"DEPTH = {number}\n")
            (seen / "pkg" / "data.py").write_text(f"ROWS = {number}\n")
            self.git(path, "add", "-A")
            self.git(path, "commit", "-q", "-m", f"work {number}")
        (seen / "model.py").write_text("DEPTH = 3\n")
        return path


def user_state(world: World, cwd: Path, env: Mapping[str, str] | None = None) -> dict[str, object]:
    """Return everything of a repository that is the user's: index, HEAD, references, reflogs, config, files."""
    extra = {"GIT_OPTIONAL_LOCKS": "0", **(env or {})}
    git_dir = world.seen(world.git(cwd, "rev-parse", "--absolute-git-dir", **extra).rstrip("\n"))
    common = world.seen(os.path.join(cwd, world.git(cwd, "rev-parse", "--git-common-dir", **extra).rstrip("\n")))
    bare = world.git(cwd, "rev-parse", "--is-bare-repository", **extra).strip() == "true"
    ours = ("refs/heads/gtrack ", "refs/heads/gtrack-runs ", "refs/heads/gtrack/runs ", "refs/gtrack/")
    refs = world.git(cwd, "for-each-ref", "--format=%(refname) %(objectname)", **extra).splitlines()
    state: dict[str, object] = {
        "refs": [line for line in refs if not line.startswith(ours)],
        "files": {} if bare else _files(world.seen(cwd)),
        "status": "" if bare else world.git(cwd, "status", "--porcelain=v2", "--branch", "--ignored", **extra),
    }
    for folder in {git_dir, common}:
        for name in ("HEAD", "index", "config", "config.worktree", "ORIG_HEAD", "shallow", "info/exclude"):
            path = folder / name
            state[str(path)] = path.read_bytes() if path.exists() else None
        logs = folder / "logs"
        state[str(logs)] = {str(path): path.read_bytes() for path in sorted(logs.rglob("*")) if path.is_file()}
    return state


def _files(root: Path) -> dict[str, tuple[bytes, int]]:
    found = {}
    for folder, dirs, names in os.walk(root):
        if ".git" in dirs:
            dirs.remove(".git")
        for name in names:
            path = Path(folder, name)
            found[str(path)] = (path.read_bytes(), path.stat().st_mtime_ns)
    return found


def check_recorded(run: gtrack.RecordedRun, *, steps: int = STEPS) -> None:
    """Assert that a run of the training script is recorded whole."""
    assert (run.status, run.experiment, run.params) == ("finished", "odd", {"lr": 0.1})
    assert run.metrics["seen"] == steps - 1
    assert run.curves(["seen"]).column("step").to_pylist() == list(range(steps))


def have(*programs: str) -> bool:
    """Tell whether programs are installed."""
    return all(shutil.which(program) for program in programs)


def own_mounts() -> tuple[subprocess.Popen[bytes], tuple[str, ...]] | None:
    """Start a process with mounts of its own, which lives until its stdin is closed.

    Returns:
        The process, and the command through which others join it; None where this is not permitted.
    """
    if not have("unshare", "nsenter", "mount"):
        return None
    root = os.geteuid() == 0
    command = [
        "unshare",
        *([] if root else ["-U", "-r"]),
        "-m",
        "--propagation",
        "private",
        "sh",
        "-c",
        "echo; exec cat",
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    if not process.stdout.readline():
        process.communicate()
        return None
    join = ("nsenter", "-t", str(process.pid), *([] if root else ["-U", "--preserve-credentials"]), "-m")
    return process, join


class Disk:
    """A small disk that can be filled."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.path = world.root / "disk"
        self.path.mkdir()
        self.shell(f"mount -t tmpfs -o size=2m none {self.path}")

    def fill(self, room: int) -> None:
        """Leave so many bytes, a multiple of 4,096."""
        self.shell(f"cat /dev/zero > {self.path}/filling 2> /dev/null; truncate -s -{room} {self.path}/filling")

    def empty(self) -> None:
        """Take the filling away."""
        self.shell(f"rm {self.path}/filling")

    def files(self) -> list[str]:
        """Return the paths of all files."""
        found = self.shell(f"find {self.path} -type f")
        return found.split()

    def shell(self, command: str) -> str:
        """Run a shell command where the disk is mounted."""
        return subprocess.run(
            [*self.world.prefix, "sh", "-c", command], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
