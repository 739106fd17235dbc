"""A repository whose code has a history, and runs of its commits: real git, and run files as gtrack writes them."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spooling import START, facts_of, git

from gtrack.branch.commit import commit_files
from gtrack.clock import iso, stamp
from gtrack.format import names, yaml
from gtrack.model.summary import MetricSummary
from gtrack.reader import Repo

AUC = "val_auc"


@dataclass
class Trained:
    """The repository. Runs are put on the branch by :meth:`save`."""

    root: Path
    commits: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    runs: int = 0

    def history(self, count: int, *, subjects: Mapping[int, str] | None = None, branch: str = "main") -> list[str]:
        """Add commits to a branch, all in one go; return their ids, the oldest first."""
        stream = []
        for number in range(len(self.commits), len(self.commits) + count):
            said = (subjects or {}).get(number, f"change {number}").encode()
            text = b"scale = %d\n" % number
            parent = [b"from %s" % self.commits[-1].encode()] if self.commits and number == len(self.commits) else []
            stream += [
                b"commit refs/heads/%s" % branch.encode(),
                b"mark :%d" % (number + 1),
                b"committer Ada L <ada@example.org> %d +0000" % (START // 1_000_000 + 60 * number),
                b"data %d\n%s" % (len(said), said),
                *parent,
                b"M 100644 inline train.py",
                b"data %d\n%s" % (len(text), text),
            ]
        marks = self.root / ".git" / "marks"
        subprocess.run(
            ["git", "-C", str(self.root), "fast-import", "--quiet", f"--export-marks={marks}"],
            input=b"\n".join(stream) + b"\n",
            check=True,
        )
        made = dict(line.split() for line in marks.read_text().splitlines())
        new = [made[f":{number + 1}"] for number in range(len(self.commits), len(self.commits) + count)]
        self.commits += new
        return new

    def run(
        self,
        commit: str,
        value: float | None,
        *,
        params: Mapping[str, object] | None = None,
        experiment: str = "churn",
        status: str = "finished",
        dirty: bool = False,
        metric: str = AUC,
        goal: str | None = None,
        metrics: Mapping[str, Sequence[float]] | None = None,
    ) -> str:
        """Add a run of a commit with one value of a metric; return its id."""
        self.runs += 1
        at = START + self.runs * 1_000_000
        run_id = hashlib.sha256(b"%d" % self.runs).hexdigest()[:32]
        summaries = dict(metrics or {})
        if value is not None:
            summaries[metric] = [value]
        code = {"commit": commit, "branch": "main", "dirty": dirty, "tree": f"{self.runs:040x}" if dirty else commit}
        facts = facts_of(
            run_id,
            name=f"run-{self.runs}",
            experiment=experiment,
            started=iso(at),
            params={"lr": 0.1, **(params or {}), "seed": self.runs},
            code={**code, "command": ["train.py"]},
        )
        ended = {key: _summary(series, at, goal) for key, series in summaries.items()}
        end = {
            "format": 1,
            "session": facts["session"],
            "status": status,
            "by": "owner",
            "ended": iso(at + 1),
            "metrics": ended,
        }
        data = yaml.dump(end)
        self.files[f"{names.run_dir(run_id)}/run.yaml"] = yaml.dump(facts)
        self.files[f"{names.run_dir(run_id)}/{names.end(stamp(at + 1), data)}"] = data
        return run_id

    def save(self) -> Repo:
        """Put the runs on the branch, and return the repository, open."""
        repo = Repo(str(self.root), env=dict(os.environ))
        with repo.repository.lock():
            commit_files(repo.repository, self.files, "runs", by="Ada L <ada@example.org>")
        self.files = {}
        return repo


def make_trained(path: Path) -> Trained:
    """Return an empty repository."""
    path.mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")
    return Trained(path)


def _summary(series: Sequence[float], at: int, goal: str | None) -> dict[str, object]:
    known = [x for x in series if not math.isnan(x)]
    low, high = (min(known), max(known)) if known else (None, None)
    return MetricSummary(
        last=series[-1],
        step=len(series) - 1,
        time=at,
        first_step=0,
        min=low,
        argmin=None if low is None else list(series).index(low),
        max=high,
        argmax=None if high is None else list(series).index(high),
        count=len(series),
        nan=len(series) - len(known),
        goal=goal,
    ).to_dict()
