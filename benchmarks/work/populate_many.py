"""Many runs in little time, like those of populate.py: one is recorded, the others are written after it.

Files are made by gtrack's own codecs and go to the branch by git fast-import, one commit a run, as if spools of the
past months had been taken in. Prints how many runs were added, and the seconds.
"""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter, time

import numpy as np

import gtrack
from gtrack.branch.author import author
from gtrack.clock import iso, iso_to_us, stamp
from gtrack.format import names, yaml
from gtrack.ids import run_name
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.headline import commit_message
from gtrack.ops.load import load_run_files
from gtrack.ops.segments import metrics_files
from gtrack.spool.reading import Points, summarise

_APART = 400 * 1_000_000
"""Microseconds from the start of one run to that of the next."""


@dataclass(frozen=True)
class Template:
    """A recorded run.

    Attributes:
        id: Its id.
        first: Its run.yaml.
        end: Its end.
        segment: The range of records in its one segment.
        points: The points of a series.
        keys: The metrics.
    """

    id: str
    first: dict[str, object]
    end: dict[str, object]
    segment: names.Segment
    points: int
    keys: list[str]


def record(points: int, metrics: int, chance: random.Random) -> str:
    """Record a run as a training does, and return its id."""
    with gtrack.start_run(experiment="populate", params=params_of(chance)) as run:
        for step in range(points):
            fall = math.exp(-step / 30)
            run.log({f"metric_{n}": fall + chance.gauss(0, 0.05) for n in range(metrics)}, step)
    return run.id


def params_of(chance: random.Random) -> dict[str, object]:
    """Return 20 params of several types."""
    return {f"param_{n}": chance.choice([chance.random(), chance.randrange(1000), "adam"]) for n in range(20)}


def template_of(repo: gtrack.Repo, run_id: str, points: int) -> Template:
    """Read a run back from the branch."""
    repo.recover()
    repository = repo.repository
    files = load_run_files(repository, [repository.tree_of(repository.tip)], run_id)
    bodies = {document.kind: dict(document.body) for document in files.documents}
    end = bodies["end"]
    segments, metrics = end["segments"], end["metrics"]
    assert isinstance(segments, list) and len(segments) == 1 and isinstance(metrics, dict)
    segment = names.Segment.parse(segments[0])
    assert segment is not None
    return Template(run_id, bodies["run"], end, segment, points, list(metrics))


def another(template: Template, started: int, chance: random.Random) -> tuple[dict[str, bytes], RunState]:
    """Return the files of a run like the template, and as much of its state as a headline names."""
    run_id, session, writer = chance.randbytes(16).hex(), chance.randbytes(4).hex(), chance.randbytes(4).hex()
    series = curves(template, started, np.random.default_rng(chance.getrandbits(64)))
    segment = names.Segment(session, writer, template.segment.first, template.segment.count)
    metrics = summarise(series)
    ended = int(series.time[-1]) + 20
    varied = {"id": run_id, "name": run_name(run_id), "started": iso(started), "session": session}
    end = yaml.dump(end_of(template, segment, metrics, ended))
    files = {
        "run.yaml": yaml.dump({**template.first, **varied, "params": params_of(chance)}),
        names.end(stamp(ended), end): end,
        **metrics_files([(segment, series)], inline=frozenset()),
    }
    state = RunState(run_id, str(varied["name"]), "populate", "finished", metrics=metrics)
    return {f"{names.run_dir(run_id)}/{name}": data for name, data in files.items()}, state


def end_of(
    template: Template, segment: names.Segment, metrics: dict[str, MetricSummary], ended: int
) -> dict[str, object]:
    """Return the end of a run like the template."""
    return {
        **template.end,
        "session": segment.session,
        "ended": iso(ended),
        "segments": [str(segment)],
        "metrics": {key: summary.to_dict() for key, summary in metrics.items()},
    }


def curves(template: Template, started: int, noise: np.random.Generator) -> Points:
    """Return noisy curves that fall; all metrics of a step are logged at one moment."""
    keys, steps = len(template.keys), np.arange(template.points)
    moments = started + 200 + np.cumsum(noise.integers(20, 80, template.points))
    value = np.exp(-steps / 30)[:, None] + noise.normal(0, 0.05, (template.points, keys))
    key = np.tile(np.arange(keys), template.points)
    none = np.full(key.shape, -1, np.int32)
    return Points(template.keys, key, np.repeat(steps, keys), np.repeat(moments, keys), value.reshape(-1), none)


def stream(repo: gtrack.Repo, template: Template, runs: int, chance: random.Random) -> Iterator[bytes]:
    """Yield the commands for git fast-import; https://git-scm.com/docs/git-fast-import."""
    repository = repo.repository
    by = author(repository.config, repository.env)
    begin = iso_to_us(str(template.first["started"])) - runs * _APART
    base = f"from {repository.tip}\n"
    yield b"feature done\n"
    for number in range(runs):
        started = begin + number * _APART + chance.randrange(_APART // 2)
        files, state = another(template, started, chance)
        subject, body = commit_message([state])
        message = f"{subject}\n\n{body}".strip().encode() + b"\n"
        head = f"commit {repository.branch}\ncommitter {by} {int(time())} +0000\ndata {len(message)}\n".encode()
        yield head + message + base.encode()
        base = ""
        for path, data in files.items():
            yield b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(data), data)
    yield b"done\n"


def main(runs: int, points: int, metrics: int, seed: int = 0) -> None:
    """Add runs to the branch, the recorded one included."""
    began = perf_counter()
    chance = random.Random(seed)
    with gtrack.Repo(".") as repo:
        template = template_of(repo, record(points, metrics, chance), points)
        # Without differences: packing is then git's own to do, as it is for objects of runs recorded one by one.
        argv = ["git", "fast-import", "--quiet", "--depth=0"]
        with subprocess.Popen(argv, stdin=subprocess.PIPE) as importing:
            assert importing.stdin is not None
            for part in stream(repo, template, runs - 1, chance):
                importing.stdin.write(part)
        if importing.returncode:
            raise subprocess.CalledProcessError(importing.returncode, argv)
    print(json.dumps({"runs": runs, "seconds": round(perf_counter() - began, 2)}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
