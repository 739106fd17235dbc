"""One of many processes that record runs at the same time. Waits for a line on stdin; prints the ids of its runs."""

from __future__ import annotations

import json
import sys

import gtrack

options = json.loads(sys.argv[1])
sys.stdin.readline()
ids = []
for number in range(options["runs"]):
    with gtrack.start_run(f"run-{number}", experiment="at-once", params={"number": number}) as run:
        for step in range(10):
            run.log({"loss": 1 / (step + 1), "accuracy": step / 10}, step)
    ids.append(run.id)
print(json.dumps(ids))
