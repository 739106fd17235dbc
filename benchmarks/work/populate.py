"""Runs with params and noisy curves, to be listed or weighed. Prints how many there are.

Of ``long_every`` runs one has curves of ten times as many points.
"""

from __future__ import annotations

import json
import math
import random
import sys

import gtrack

options = json.loads(sys.argv[1])
chance = random.Random(options.get("seed", 0))
long_every = options.get("long_every", 0)
for number in range(options["runs"]):
    points = options["points"] * (10 if long_every and number % long_every == long_every - 1 else 1)
    params = {f"param_{n}": chance.choice([chance.random(), chance.randrange(1000), "adam"]) for n in range(20)}
    with gtrack.start_run(f"run-{number}", experiment="populate", params=params) as run:
        for step in range(points):
            fall = math.exp(-step / (0.3 * points))
            run.log({f"metric_{n}": fall + chance.gauss(0, 0.05) for n in range(options["metrics"])}, step)
print(json.dumps({"runs": options["runs"]}))
