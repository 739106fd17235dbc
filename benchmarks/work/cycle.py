"""Runs one after the other in one process. Prints the seconds of each start and finish, and of git status between."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from time import perf_counter

import gtrack

options = json.loads(sys.argv[1])
chance = random.Random(0)
out: dict[str, list[float]] = {"start": [], "finish": [], "git_status": []}
for number in range(options["runs"]):
    params = {f"param_{n}": chance.random() for n in range(20)}
    began = perf_counter()
    run = gtrack.start_run(f"run-{number}", experiment="cycle", params=params)
    started = perf_counter()
    for step in range(10):
        run.log({f"metric_{n}": chance.random() for n in range(10)}, step)
    logged = perf_counter()
    run.end()
    out["finish"].append(perf_counter() - logged)
    out["start"].append(started - began)
    if options["git_status"]:
        began = perf_counter()
        subprocess.run(["git", "status", "--porcelain"], check=True, stdout=subprocess.DEVNULL)
        out["git_status"].append(perf_counter() - began)
print(json.dumps(out))
