"""Make the example repository of format 1: ``python tests/data/make_format_1.py tests/data/format-1``.

Run once, when format 1 was frozen. The result is kept as it is: every later version must read it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import gtrack
from gtrack.cli import main as cli

TRAIN = """
import os, signal, sys, time
import gtrack

kind = sys.argv[1]
if kind == "killed":
    run = gtrack.start_run("killed", experiment="endings")
    for step in range(500):
        run.log({"loss": 1 / (step + 1)}, step=step)
    os.kill(os.getpid(), signal.SIGKILL)
if kind == "preempted":
    run = gtrack.start_run("preempted", experiment="endings", console=True)
    print("saving a checkpoint", flush=True)
    run.log({"loss": 0.5}, step=0)
    run.log({"loss": 0.4}, step=1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
if kind == "failed":
    with gtrack.start_run("failed", experiment="endings") as run:
        run.log({"loss": float("nan")}, step=0)
        raise ValueError("a column is missing")
if kind == "rank":
    with gtrack.start_run("ranks", experiment="parallel", params={"world": 2}) as run:
        rank = int(os.environ["RANK"])
        for step in range(20):
            once = {"once": float(rank)} if step == 0 else {}
            run.log({"loss": 1 / (step + 1 + rank), **once}, step=step)
        time.sleep(0.5 if rank == 0 else 0)
"""


def train(repo: Path, kind: str, **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "train.py", kind], cwd=repo, env={**os.environ, **env})


def write_runs(repo: Path) -> None:
    for kind in ("killed", "preempted", "failed"):
        train(repo, kind).wait()
    gtrack.Repo(".").recover()
    torchrun = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "frozen", "MASTER_ADDR": "127.0.0.1"}
    ranks = [train(repo, "rank", RANK=str(n), LOCAL_RANK=str(n), **torchrun) for n in range(2)]
    for process in ranks:
        process.wait()

    hostile = {"name": "\x1b[31mred\x07 \u202eeman 😀", 'quote"d': "it's: #1\nline two", "1e-3": "no", "": None}
    with gtrack.start_run(
        "parent",
        experiment="Ünïcode / slash",
        params={"lr": 1e-3, "nested": {"deep": [1, {"a": None}]}},
        tags=hostile,
        notes="the first note",
    ) as parent:
        parent.define_metric("acc", goal="max")
        for step in range(300):
            parent.log({"acc": step / 300, "loss": 300.0 - step, "odd": float("inf") if step == 7 else step})
        parent.log_param("late", "after the first metric")
        parent.log_params({"long": "x" * 100_000, "typed": {"t": True, "n": None, "f": 1e300, "i": 2**70}})
        parent.log_metric("single", -0.0, 5)
        parent.log_metric("refused", "text")
        gtrack.set_seed(42)
        with gtrack.start_run("child", nested=True) as child:
            child.log_metric("acc", 0.5)

    with gtrack.start_run("resumed", experiment="sessions") as run:
        for step in range(10):
            run.log({"loss": 10.0 - step, "first_only": 1.0 * step}, step=step)
        run.end("failed")
    again = gtrack.start_run(run_id="name:resumed", resume=True)
    for step in range(6, 15):
        again.log({"loss": 100.0 - step}, step=step)
    again.end()

    for line in (
        [
            "log",
            "auc=0.91",
            "f1=nan",
            "-p",
            "lr=0.1",
            "-t",
            "stage=baseline",
            "-m",
            "class weights on",
            "--name",
            "logged",
        ],
        ["log", "--run", "logged", "auc=0.95", "-p", "more=yes"],
        ["tag", "logged", "baseline=yes", "gone=soon"],
        ["tag", "logged", "gone-"],
        ["note", "logged", "looks leaky"],
        ["rename", "child", "renamed child"],
        ["rm", "renamed child"],
        ["rm", "logged"],
        ["restore", "logged"],
        ["run", "--name", "wrapped", "--", "python", "-c", "print('kept output')"],
    ):
        assert cli(line) == 0, line


def expected() -> dict[str, object]:
    with gtrack.Repo(".") as repo:
        runs = [*repo.runs(), *repo.runs(deleted=True)]
        return {run.id: {"state": run.to_dict(), "curves": digest(run), "console": text(run)} for run in runs}


def digest(run: gtrack.RecordedRun) -> list[list[object]]:
    """The curves as text: what Parquet or Arrow version reads them makes no difference."""
    table = run.curves().to_pydict()
    names = sorted(table)
    return [[repr(table[name][at]) for name in names] for at in range(0, len(table["key"]), 7)]


def text(run: gtrack.RecordedRun) -> str | None:
    console = run.console()
    return None if console is None else console.decode()


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        settings = {
            "GTRACK_QUIET": "1",
            "XDG_STATE_HOME": folder + "-state",
            "GIT_AUTHOR_NAME": "Ada L",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada L",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
        }
        os.environ.update(settings)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.chdir(repo)
        git = ["git", "-c", "init.defaultBranch=main"]
        subprocess.run([*git, "init", "-q"], check=True)
        (repo / "train.py").write_text(TRAIN)
        (repo / "data.csv").write_text("a,b\n1,2\n")
        subprocess.run([*git, "add", "train.py"], check=True)
        subprocess.run([*git, "commit", "-qm", "train"], check=True)
        write_runs(repo)
        target.mkdir(parents=True, exist_ok=True)
        refs = ["refs/heads/gtrack", "refs/gtrack/code"]
        subprocess.run([*git, "gc", "-q"], check=True)
        subprocess.run([*git, "bundle", "create", "-q", str(target / "example.bundle"), *refs], check=True)
        document = json.dumps(expected(), indent=1, sort_keys=True, ensure_ascii=True)
        (target / "expected.json").write_text(document + "\n")
        os.chdir("/")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
