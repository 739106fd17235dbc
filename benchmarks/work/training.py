"""A training that keeps one processor busy, with or without gtrack. Prints the seconds of each step, sorted."""

from __future__ import annotations

import json
import sys
from time import perf_counter

import numpy as np

options = json.loads(sys.argv[1])
chance = np.random.default_rng(0)
weights = chance.normal(size=(128, 128))


def train_step(work: int) -> float:
    """Do some arithmetic, half of it in Python, and return a loss."""
    global weights  # noqa: PLW0603
    total = 0
    for number in range(work * 400):
        total += number & 3
    for _ in range(work):
        weights = np.tanh(weights @ weights.T / 64)
    return float(abs(weights).mean()) + total % 2


run = None
if options["tracked"]:
    import gtrack

    run = gtrack.start_run("training", params={"work": options["work"]}, console=True)
times = []
for step in range(options["steps"]):
    began = perf_counter()
    loss = train_step(options["work"])
    if run is not None:
        run.log({"loss": loss, "lr": 0.1, "accuracy": 1 - loss, "grad_norm": loss * 2}, step)
    if step % 100 == 0:
        print(f"step {step} loss {loss:.4f}", flush=True)
    times.append(perf_counter() - began)
if run is not None:
    run.end()
print(json.dumps(sorted(times)))
