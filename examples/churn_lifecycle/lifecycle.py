"""A model's life, played by three people with three clones: trained, registered, approved, replaced, rolled back.

    python examples/churn_lifecycle/lifecycle.py [FOLDER]

Everything is real: a bare repository, three clones of it, thirteen training runs, and the commands that the three type.
FOLDER, which must not be there yet, keeps it all to look at (`gtrack ui` in FOLDER/ada); without it a temporary one is
used and removed. It takes scikit-learn and skops: pip install "gtrack[models]" scikit-learn.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
FILES = ("customers.py", "train.py", "serve.py", "gtrack.yaml")
GATE, REFUSED = 1, 8
"""Exit codes: a condition does not hold; the team's policy does not allow it."""


class Person:
    """Somebody with a clone, who types commands in it; what they print is shown."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root
        self.env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "130", "PYTHONUNBUFFERED": "1"}
        for role in ("AUTHOR", "COMMITTER"):
            self.env |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": f"{name.lower()}@example.org"}

    def types(self, command: str, *, code: int = 0, shown: bool = True) -> str:
        """Run a command that ends with an exit code; return what it printed as its result."""
        done = subprocess.run(
            _argv(command),
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if shown:
            self.shows(command, done.stdout + done.stderr)
        if done.returncode != code:
            sys.exit(f"{command!r} ended with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def shows(self, command: str, printed: str) -> None:
        """Show a command and what it printed."""
        print(f"{self.name.lower()}$ {command}")
        print("".join(f"  {line}".rstrip() + "\n" for line in printed.splitlines()), flush=True)

    def clones(self, bare: Path) -> None:
        """Clone the team's repository."""
        argv = ["git", "clone", "-q", str(bare), str(self.root)]
        subprocess.run(argv, env=self.env, stderr=subprocess.DEVNULL, check=True)

    def answers(self, run: str) -> str:
        """Return what a run's model answered where it was trained."""
        return self.types(f"gtrack artifact cat {run}/answers.txt", shown=False).strip()

    def ranked(self) -> list[str]:
        """Return the ids of all runs, the best one first."""
        listed = json.loads(self.types("gtrack ls --json --sort -metrics.val_auc", shown=False))
        return [run["id"][:7] for run in listed]


class Endpoint:
    """A process that goes on running in a clone, and asks for the champion anew at every question."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.process = subprocess.Popen(
            _argv("python serve.py"),
            cwd=person.root,
            env=person.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, expected: str) -> None:
        """Ask it about five customers; it answers what the champion answered where it was trained."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        self.person.shows("echo '?' | python serve.py", answer)
        if answer != expected:
            sys.exit(f"the endpoint answers {answer!r}, and the model where it was trained {expected!r}")


def main(folder: Path) -> None:
    """Play it all in a folder."""
    folder.mkdir(parents=True)
    ada, ben, chi = (Person(name, folder / name.lower()) for name in ("Ada", "Ben", "Chi"))
    bare = folder / "team.git"
    begin(bare, ada)
    first = train_and_register(ada)
    ben.clones(bare)
    bring_to_production(ada, ben)
    chi.clones(bare)
    chi.types("gtrack pull")
    with endpoint_of(chi) as endpoint:
        endpoint.ask(ada.answers(first))
        chi.types("gtrack model get models:/churn@champion out")
        second = replace_champion(ada, ben)
        chi.types("gtrack pull")
        endpoint.ask(ada.answers(second))
        roll_back(ben)
        chi.types("gtrack pull")
        endpoint.ask(ada.answers(first))
    chi.types("gtrack model show churn")
    chi.types("gtrack model show churn --events")
    chi.types("gtrack verify models:/churn@champion")


def begin(bare: Path, ada: Person) -> None:
    """Make the team's repository and Ada's clone, with the code and the policy."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    ada.clones(bare)
    for name in FILES:
        shutil.copy(HERE / name, ada.root / name)
    for command in (
        "git add .",
        "git commit -q -m 'churn: training, policy'",
        "git push -q origin HEAD:main",
        "git fetch -q",
        "git config gtrack.publishCode true",
    ):
        ada.types(command, shown=False)


def train_and_register(ada: Person) -> str:
    """Train twelve models; what policy or gate forbid leaves nothing, the best one becomes a version."""
    ada.types("python train.py", shown=False)
    ada.types("gtrack experiment set churn --metric val_auc --goal max")
    ada.types("gtrack best -n 3")
    ranked = ada.ranked()
    best, worst = ranked[0], ranked[-1]
    print("A run without the tags that the team asks for is refused, and so is a model that is not good enough:\n")
    ada.types("gtrack log val_auc=0.99 --experiment churn -p model_type=guess -p feature_set=none", code=REFUSED)
    ada.types(f"gtrack model register {worst}/model churn", code=REFUSED)
    ada.types(f"gtrack model register {best}/model churn --gate 'metrics.val_auc >= 0.99'", code=GATE)
    print("The best one keeps every rule:\n")
    ada.types(f"gtrack policy check {best}")
    ada.types(f"gtrack model register {best}/model churn --gate 'metrics.val_auc >= 0.8'")
    ada.types("gtrack push")
    return best


def bring_to_production(ada: Person, ben: Person) -> None:
    """Staging, metrics measured in shadow, and production, which somebody else has to approve."""
    ada.types("gtrack model promote churn/1 production", code=REFUSED)
    ada.types("gtrack model promote churn/1 staging -m 'best of twelve'")
    ada.types("gtrack model log churn/1 shadow_auc=0.871 latency_ms=3.2")
    ada.types("gtrack model promote churn/1 production -m 'a week in shadow without alarms'")
    ada.types("gtrack model approve churn/1 production", code=REFUSED)
    ada.types("gtrack push")
    ben.types("gtrack pull")
    ben.types("gtrack status")
    ben.types("gtrack model approve churn/1 production -m 'the shadow numbers hold'")
    ben.types("gtrack model alias churn champion 1")
    ben.types("gtrack push")


def replace_champion(ada: Person, ben: Person) -> str:
    """Train a better model, which takes the champion's place."""
    print("Ada has a better idea:\n")
    ada.types("python train.py --interactions", shown=False)
    best = ada.ranked()[0]
    ada.types(f"gtrack model register {best}/model churn --description 'with interactions'")
    ada.types("gtrack push")
    ada.types("gtrack model promote churn/2 staging")
    ada.types("gtrack model promote churn/2 production")
    ada.types("gtrack push")
    ben.types("gtrack pull", shown=False)
    ben.types("gtrack model approve churn/2 production")
    ben.types("gtrack model alias churn champion 2 -m 'beats v1'")
    ben.types("gtrack push")
    return best


def roll_back(ben: Person) -> None:
    """Put the first version back."""
    print("At night there are false alarms:\n")
    ben.types("gtrack model rollback churn production -m 'false alarms at night'")
    ben.types("gtrack model rollback churn champion -m 'false alarms at night'")
    ben.types("gtrack push")


@contextmanager
def endpoint_of(person: Person) -> Iterator[Endpoint]:
    """Yield an endpoint in somebody's clone, and end it."""
    endpoint = Endpoint(person)
    try:
        yield endpoint
    finally:
        endpoint.process.communicate()


def _argv(command: str) -> list[str]:
    program, *words = shlex.split(command)
    return {"gtrack": [sys.executable, "-m", "gtrack"], "python": [sys.executable]}.get(program, [program]) + words


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]).absolute())
    else:
        with tempfile.TemporaryDirectory(prefix="churn-") as place:
            main(Path(place) / "churn")
