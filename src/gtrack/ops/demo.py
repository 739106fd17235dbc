"""``gtrack demo``: real trainings in repositories made for them, each command shown as it is typed."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from typing import TextIO

from gtrack.config import environment
from gtrack.errors import GtrackError, MissingExtraError, RepositoryError, UsageError
from gtrack.ids import SHORT
from gtrack.ops.demo_stage import Stage

__all__ = ["run_demo"]

_SCRIPTS = ("train.py", "baseline.py")
_EDIT = ("train_test_split(pixels, ", "train_test_split(pixels / 16, ")
_KILLED_AFTER = "epoch   50"
_ADA, _BEN, _CLEO = "ada", "ben", "cleo"
"""The clones of a team of three."""
_REMOTE = "digits.git"


def run_demo(directory: str | None, *, out: TextIO) -> int:
    """Make a repository with ten runs, good and bad, share it with two more clones, and show what gtrack says.

    Args:
        directory: Where to make it: a directory that is empty or not there yet; a temporary one by default.
        out: Where commands and their output are shown.

    Returns:
        The exit code, 0.

    Raises:
        MissingExtraError: scikit-learn or skops is not installed.
        RepositoryError: git is not installed.
        UsageError: The directory is not empty.
        GtrackError: A command did not end as it should.
    """
    for module, package in (("sklearn", "scikit-learn"), ("skops", "skops")):
        if find_spec(module) is None:
            raise MissingExtraError(package, "demo")
    env = environment()
    if shutil.which("git", path=env.get("PATH")) is None:
        raise RepositoryError("git is not installed", hint="install git, then: gtrack demo")
    root = _make_directory(directory)
    os.mkdir(os.path.join(root, _ADA))
    stage = Stage(os.path.join(root, _ADA), env, out)
    _make_repository(stage)
    _search(stage)
    _fail(stage)
    _kill(stage)
    _wrap(stage)
    edited = _train_an_edit(stage)
    _look(stage, edited)
    _compare(stage)
    _share(stage)
    _register(stage)
    _say_what_is_next(stage, env)
    return 0


def _make_repository(stage: Stage) -> None:
    stage.say("A git repository with a training script")
    stage.git("init", "--quiet", "--initial-branch=main", ".")
    stage.have_an_author()
    for name in _SCRIPTS:
        _write(stage.root, name, files("gtrack.demo").joinpath(name).read_text(encoding="utf-8"))
    _write(stage.root, ".gitignore", "__pycache__/\nbaseline.json\n")
    stage.git("add", ".")
    stage.git("commit", "--quiet", "-m", "Read handwritten digits")


def _search(stage: Stage) -> None:
    stage.say("A small search: six trainings, six runs")
    stage.train("--lr", "0.0001", "0.001", "0.01", "--hidden", "16", "32")


def _fail(stage: Stage) -> None:
    stage.say("A mistake: the run is recorded as failed, with its traceback")
    stage.train("--lr", "0", code=1)


def _kill(stage: Stage) -> None:
    stage.say("A run that is killed in mid-training: the next command records every value it logged")
    stage.train_until(_KILLED_AFTER, "--lr", "0.0003", "--epochs", "100000")
    stage.gtrack("ls", "-n", "2")


def _wrap(stage: Stage) -> None:
    stage.say("A script that knows nothing of gtrack")
    options = ["--name", "baseline", "--experiment", "digits", "-t", "stage=baseline", "-p", "depth=8"]
    stage.gtrack("run", *options, "--", stage.python, "baseline.py", "--depth", "{depth}")
    stage.gtrack("log", "--run", "baseline", "--metrics", "baseline.json", "-m", "one decision tree")


def _train_an_edit(stage: Stage) -> str:
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


def _look(stage: Stage, edited: str) -> None:
    stage.say("All runs, the best first")
    stage.gtrack("ls", "--sort", "val_accuracy", "--param", "lr", "--param", "hidden", "--metric", "val_accuracy")
    best = stage.ask("ls", "--sort", "val_accuracy", "-n", "1")
    assert isinstance(best, list)
    stage.say("The best one")
    stage.gtrack("show", best[0]["id"][:SHORT])
    stage.say("What it left: a picture, a table, the model")
    stage.gtrack("artifact", "ls", best[0]["id"][:SHORT])
    stage.say("Its code is kept: the edit that was never committed")
    stage.git("diff", "--stat", "HEAD", edited[:12])
    stage.say("The runs are files on a branch of their own")
    stage.git("log", "--oneline", "gtrack")


def _compare(stage: Stage) -> None:
    stage.say("Which one was best, and what made it differ? How runs are compared is said once, for the team")
    stage.gtrack("experiment", "set", "digits", "--metric", "val_accuracy", "--goal", "max", "--baseline", "baseline")
    stage.gtrack("best", "-n", "3")
    stage.say("Any question: MLflow's filters mean the same here")
    stage.gtrack(
        "ls", "--where", "params.lr >= 0.001 AND metrics.val_accuracy > 0.9", "--sort", "-metrics.val_accuracy"
    )
    stage.gtrack("ls", "--group-by", "params.lr", "-m", "val_accuracy")
    stage.say("What made the difference: params, metrics, and the code that ran, an edit never committed included")
    stage.gtrack("diff", "last~4", "last")
    stage.gtrack("plot", "last~4", "last", "-m", "val_loss")


def _share(stage: Stage) -> None:
    stage.say("A team: the remote is any git repository; nothing is hosted")
    stage.git("init", "--quiet", "--bare", "--initial-branch=main", f"../{_REMOTE}")
    stage.git("remote", "add", "origin", f"../{_REMOTE}")
    stage.git("push", "--quiet", "--set-upstream", "origin", "main")
    stage.gtrack("push", "--code")
    for name in (_BEN, _CLEO):
        stage.git("clone", "--quiet", f"../{_REMOTE}", f"../{name}")
    stage.say("Two of the three train, and push at the same moment")
    stage.train("--lr", "0.02", "--hidden", "32")
    stage.enter(_BEN)
    stage.have_an_author()
    stage.train("--lr", "0.005", "--hidden", "64")
    stage.at_once([_ADA, _BEN], "push", "--code")
    stage.say("The third sees all of it after a plain git fetch")
    stage.enter(_CLEO)
    stage.have_an_author()
    stage.git("fetch", "--quiet")
    stage.gtrack("ls", "-n", "3")
    stage.gtrack("status")
    stage.say("Small files come along without a store; they are fetched when they are asked for")
    stage.gtrack("artifact", "get", "last/*.png", "-o", "figures")


def _register(stage: Stage) -> None:
    stage.say(
        "The best one becomes a version of a registered model; the push gives it its number, and a tag to deploy on"
    )
    best = stage.ask("ls", "--sort", "val_accuracy", "-n", "1")
    assert isinstance(best, list)
    stage.gtrack(
        "model", "register", f"{best[0]['id'][:SHORT]}/model", "digits", "--gate", "metrics.val_accuracy > 0.9"
    )
    stage.gtrack("push")
    stage.gtrack("model", "alias", "digits", "champion", "1")
    stage.gtrack("model", "promote", "digits/1", "production", "-m", "the best of twelve")
    stage.gtrack("push")
    stage.gtrack("model", "show", "digits", "--events")


def _say_what_is_next(stage: Stage, env: Mapping[str, str]) -> None:
    stage.say("The repositories are yours to try")
    lines = [
        (f"cd {shlex.quote(stage.root)}", ""),
        ("gtrack ls", "the runs"),
        ("gtrack show last", "all that is known about one"),
        ("gtrack logs baseline", "what it printed"),
        ("gtrack artifact ls last", "its files"),
        ("gtrack best", "the leaderboard"),
        ("gtrack verify digits@champion", "from its bytes to run, code and data"),
        ("gtrack diff last baseline", "what differs, code included"),
        ("gtrack plot -o curves.html", "curves, as a page that works offline"),
        ("gtrack ls --csv", "for a spreadsheet; --json for a program"),
        ("python train.py --lr 0.05", "the next run"),
        ("gtrack push", "for the other clones beside this one"),
        ("gtrack ui", "all of it in the dashboard: pip install 'gtrack[ui]'"),
    ]
    if shutil.which("gtrack", path=env.get("PATH")) is None:
        lines.insert(0, (f'export PATH={shlex.quote(os.path.dirname(sys.executable))}:"$PATH"', ""))
    for command, remark in lines:
        stage.out.write(f"  {command:<31}{remark}".rstrip() + "\n")
    stage.out.flush()


def _make_directory(directory: str | None) -> str:
    if directory is None:
        return tempfile.mkdtemp(prefix="gtrack-demo-")
    root = os.path.abspath(directory)
    if os.path.lexists(root) and (not os.path.isdir(root) or os.listdir(root)):
        raise UsageError(f"{directory} is there already, and not empty", hint="gtrack demo NEW_DIRECTORY")
    os.makedirs(root, exist_ok=True)
    return root


def _write(root: str, name: str, text: str) -> None:
    with open(os.path.join(root, name), "w", encoding="utf-8") as file:
        file.write(text)
