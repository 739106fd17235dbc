"""Runs with params and noisy curves, to be listed or weighed. Prints how many there are."""

from __future__ import annotations

import json
import math
import random
import sys

import gtrack

options = json.loads(sys.argv[1])
chance = random.Random(options.get("seed", 0))
for number in range(options["runs"]):
    params = {f"param_{n}": chance.choice([chance.random(), chance.randrange(1000), "adam"]) for n in range(20)}
    with gtrack.start_run(f"run-{number}", experiment="populate", params=params) as run:
        for step in range(options["points"]):
            fall = math.exp(-step / 30)
            run.log({f"metric_{n}": fall + chance.gauss(0, 0.05) for n in range(options["metrics"])}, step)
print(json.dumps({"runs": options["runs"]}))
