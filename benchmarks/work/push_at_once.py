"""One of many clones that push to one remote at the same time. Waits for a line on stdin.

Records runs with gtrack and pushes each, or commits as many files of their size and pushes them, with git, to a branch
of its own where nobody races it. Prints what each push came to.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

_RUN_BYTES = 3_000
"""About what a run of three values takes, compressed."""


def with_gtrack(number: int) -> dict[str, object]:
    """Record and push a run."""
    import gtrack
    from gtrack.ops.push import push

    with gtrack.start_run(f"run-{number}", params={"number": number}) as run:
        for step in range(3):
            run.log({"loss": 1 / (step + 1), "accuracy": step / 3}, step)
    with gtrack.Repo(".") as repo:
        repo.recover()
        done = push(repo.repository, consent=True)
    return {"id": run.id, "place": done.place, "attempts": done.attempts}


def with_git(number: int) -> dict[str, object]:
    """Commit and push a file."""
    name = f"file-{number}"
    with open(name, "wb") as file:
        file.write(os.urandom(_RUN_BYTES))
    branch = f"HEAD:refs/heads/{os.path.basename(os.getcwd())}"
    for args in (["add", name], ["commit", "-q", "-m", name], ["push", "-q", "origin", branch]):
        subprocess.run(["git", *args], check=True)
    return {"id": name, "place": branch, "attempts": 1}


options = json.loads(sys.argv[1])
sys.stdin.readline()
push_one = {"gtrack": with_gtrack, "git": with_git}[options["how"]]
print(json.dumps([push_one(number) for number in range(options["runs"])]))
