"""A training that keeps one processor busy, with or without gtrack, and goes on when told to.

Told by lines on the descriptor ``control``, of which each is a number of steps; answers each with a line on the
descriptor ``answer``: the seconds that the median step took. Ends with the control's end.
"""

from __future__ import annotations

import json
import os
import sys
from statistics import median
from time import perf_counter

from step import train_step

options = json.loads(sys.argv[1])
run = None
if options["tracked"]:
    import gtrack

    run = gtrack.start_run("training", params={"work": options["work"]}, console=True)
done = 0
with os.fdopen(options["control"]) as control, os.fdopen(options["answer"], "w") as answer:
    for line in control:
        times = []
        for step in range(done, done + int(line)):
            began = perf_counter()
            loss = train_step(options["work"])
            if run is not None:
                run.log({"loss": loss, "lr": 0.1, "accuracy": 1 - loss, "grad_norm": loss * 2}, step)
            if step % 100 == 0:
                print(f"step {step} loss {loss:.4f}", flush=True)
            times.append(perf_counter() - began)
        done += int(line)
        answer.write(f"{median(times)}\n")
        answer.flush()
if run is not None:
    run.end()
