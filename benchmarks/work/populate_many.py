"""Many runs in little time: one is recorded, the others are written after it, each with facts of its own.

Files are made by gtrack's own codecs and go to the branch by git fast-import, as if spools of the past months had been
taken in. What the runs say is ``search_facts``'s to tell; where and how they ran is what was recorded. Prints how many
runs were added, and the seconds.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from time import perf_counter, time

import numpy as np
from search_facts import GOAL, METRICS, Facts, facts

import gtrack
from gtrack.branch.author import author
from gtrack.clock import iso, stamp
from gtrack.format import names, yaml
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.headline import commit_message
from gtrack.ops.load import load_run_files
from gtrack.ops.segments import metrics_files
from gtrack.spool.reading import Points, summarise

_MANY = 2000
"""From how many runs on it pays to write them in several processes."""
_BLOCK = 500
_EXPERIMENT = "churn"
_ERROR = {"type": "MemoryError", "message": "no memory for the next batch", "traceback": "", "cause": "oom"}

Files = dict[str, bytes]


class Pattern:
    """A document of which all but some entries are the same in every run, and written once.

    Args:
        body: The recorded document.
    """

    def __init__(self, body: Mapping[str, object]) -> None:
        self._parts = {key: yaml.dump({key: value}) for key, value in body.items()}
        assert b"".join(self._parts.values()) == yaml.dump(body)

    def filled(self, varied: Mapping[str, object]) -> bytes:
        """Return the document's bytes with other values of these entries, in the recorded order."""
        return b"".join({**self._parts, **{key: yaml.dump({key: value}) for key, value in varied.items()}}.values())


@dataclass(frozen=True)
class Template:
    """A recorded run.

    Attributes:
        first: Its run.yaml.
        end: Its end.
        segment: The range of records in its one segment.
        keys: The metrics.
        points: The points of a series.
        seed: Which sequence of facts the others take.
    """

    first: Pattern
    end: Pattern
    segment: names.Segment
    keys: tuple[str, ...]
    points: int
    seed: int


def record(said: Facts, keys: tuple[str, ...], points: int) -> str:
    """Record a run as a training does, and return its id."""
    with gtrack.start_run(said.name, experiment=_EXPERIMENT, params=said.params, tags=said.tags) as run:
        for key, goal in GOAL.items():
            run.define_metric(key, goal)
        values = curves(said, keys, points)
        for step in range(points):
            run.log(dict(zip(keys, map(float, values[step]), strict=True)), step)
    return run.id


def template_of(repo: gtrack.Repo, run_id: str, keys: tuple[str, ...], points: int, seed: int) -> Template:
    """Read a run back from the branch."""
    repo.recover()
    repository = repo.repository
    files = load_run_files(repository, [repository.tree_of(repository.tip)], run_id)
    bodies = {document.kind: dict(document.body) for document in files.documents}
    segments = bodies["end"]["segments"]
    assert isinstance(segments, list) and len(segments) == 1
    segment = names.Segment.parse(segments[0])
    assert segment is not None
    return Template(Pattern(bodies["run"]), Pattern(bodies["end"]), segment, keys, points, seed)


def curves(said: Facts, keys: tuple[str, ...], points: int) -> np.ndarray:
    """Return noisy curves, a row a step, that end at the run's metrics: losses fall to them, scores rise."""
    last = np.array([said.metrics[key] for key in keys])
    left = np.exp(-np.arange(points) / 30) - math.exp(-(points - 1) / 30)
    noise = np.random.default_rng(int(said.id[:16], 16)).normal(0, 0.01, (points, len(keys)))
    noise[-1] = 0
    way = np.where(["loss" in key for key in keys], 0.5, -0.5)
    return last * (1 + way * left[:, None] + noise)


def another(template: Template, number: int) -> tuple[Files, RunState]:
    """Return the files of a run like the template, and as much of its state as a headline names."""
    said = facts(number, template.seed)
    segment = replace(template.segment, session=said.id[:8], writer=said.id[8:16])
    metrics, parquet = logged(template, said, segment)
    ended = said.started + round(said.seconds * 1e6)
    first = template.first.filled(
        {
            "id": said.id,
            "name": said.name,
            "parent": said.parent,
            "group": said.group,
            "started": iso(said.started),
            "session": segment.session,
            "params": said.params,
            "tags": said.tags,
            "seed": said.seed,
        }
    )
    end = template.end.filled(
        {
            "session": segment.session,
            "status": said.status,
            "by": "recovery" if said.status == "killed" else "owner",
            "ended": iso(ended),
            "error": _ERROR if said.status == "failed" else None,
            "segments": [str(segment)],
            "metrics": {key: summary.to_dict() for key, summary in metrics.items()},
        }
    )
    files = {"run.yaml": first, names.end(stamp(ended), end): end, **parquet}
    state = RunState(said.id, said.name, _EXPERIMENT, said.status, metrics=metrics)
    return {f"{names.run_dir(said.id)}/{name}": data for name, data in files.items()}, state


def logged(template: Template, said: Facts, segment: names.Segment) -> tuple[dict[str, MetricSummary], Files]:
    """Return the summaries of a run's metrics, and its Parquet files: none where a metric has a single value."""
    first, length = said.started + 200, round(said.seconds * 1e6) - 400
    if template.points == 1:
        summaries = {key: MetricSummary.point(said.metrics[key], 0, first) for key in template.keys}
        parquet: Files = {}
    else:
        series = points_of(template, curves(said, template.keys, template.points), first, length)
        summaries = summarise(series)
        parquet = metrics_files([(segment, series)], inline=frozenset())
    return {key: replace(summary, goal=GOAL.get(key)) for key, summary in summaries.items()}, parquet


def points_of(template: Template, values: np.ndarray, first: int, length: int) -> Points:
    """Return curves as they stand in a journal; all metrics of a step are logged at one moment."""
    steps, count = np.arange(template.points), len(template.keys)
    moments = first + steps * (length // template.points)
    key, none = np.tile(np.arange(count), template.points), np.full(values.size, -1, np.int32)
    return Points(list(template.keys), key, np.repeat(steps, count), np.repeat(moments, count), values.ravel(), none)


def commits(template: Template, head: bytes, batch: int, numbers: range) -> bytes:
    """Return the commands for git fast-import that commit some runs; https://git-scm.com/docs/git-fast-import.

    Args:
        template: The recorded run.
        head: The commands that begin a commit.
        batch: Runs a commit.
        numbers: Which runs.
    """
    out = []
    for begin in range(0, len(numbers), batch):
        made = [another(template, number) for number in numbers[begin : begin + batch]]
        subject, body = commit_message([state for _, state in made])
        message = f"{subject}\n\n{body}".strip().encode() + b"\n"
        out.append(head + b"data %d\n%b" % (len(message), message))
        for files, _ in made:
            out += [b"M 100644 inline %b\ndata %d\n%b\n" % (p.encode(), len(d), d) for p, d in files.items()]
    return b"".join(out)


def stream(repo: gtrack.Repo, template: Template, numbers: range, batch: int) -> Iterator[bytes]:
    """Yield the commands for git fast-import that add some runs to the branch."""
    repository = repo.repository
    by = author(repository.config, repository.env)
    head = f"commit {repository.branch}\ncommitter {by} {int(time())} +0000\n".encode()
    make = partial(commits, template, head, batch)
    step = max(1, _BLOCK // batch) * batch
    blocks = [numbers[at : at + step] for at in range(0, len(numbers), step)]
    yield b"feature done\n"
    yield b"reset %b\nfrom %b\n\n" % (repository.branch.encode(), str(repository.tip).encode())
    if len(numbers) < _MANY:
        yield from map(make, blocks)
    else:
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            yield from pool.map(make, blocks)
    yield b"done\n"


def main(runs: int, points: int = 1, metrics: int = 10, seed: int = 0, first: int = 0, batch: int = 1) -> None:
    """Add runs to the branch, the recorded one included.

    Args:
        runs: How many.
        points: The points of a series.
        metrics: The metrics of a run, at most 10.
        seed: Which sequence of facts.
        first: The number of the first run in the sequence.
        batch: Runs a commit.
    """
    began = perf_counter()
    keys = METRICS[:metrics]
    with gtrack.Repo(".") as repo:
        template = template_of(repo, record(facts(first, seed), keys, points), keys, points, seed)
        # Without differences: packing is then git's own to do, as it is for objects of runs recorded one by one.
        argv = ["git", "fast-import", "--quiet", "--depth=0"]
        with subprocess.Popen(argv, stdin=subprocess.PIPE) as importing:
            assert importing.stdin is not None
            for part in stream(repo, template, range(first + 1, first + runs), batch):
                importing.stdin.write(part)
        if importing.returncode:
            raise subprocess.CalledProcessError(importing.returncode, argv)
    print(json.dumps({"runs": runs, "seconds": round(perf_counter() - began, 2)}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
