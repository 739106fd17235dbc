"""What gtrack does during a training, added up where it is done, instead of as a difference of two trainings.

Prints the processor time of the training's own thread, what the log calls in it took of that (reading the clock
included), and that of everything else that gtrack keeps beside it: threads, the console's helper, the recorder.
"""

from __future__ import annotations

import ctypes
import json
import sys
import threading
from pathlib import Path
from time import thread_time

from meter import run_time, used
from step import train_step

import gtrack

_PR_SET_CHILD_SUBREAPER = 36


def beside() -> float:
    """Return the processor time of the other threads and of all descendants so far, in seconds."""
    own = threading.get_native_id()
    threads = [path for path in Path("/proc/self/task").glob("*/schedstat") if int(path.parent.name) != own]
    return used(None) + sum(map(run_time, threads))


options = json.loads(sys.argv[1])
# What outlives its parent becomes ours, so that it is counted: see meter.py.
ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
calls = 0.0
with gtrack.start_run("accounted", params={"work": options["work"]}, console=True) as run:
    for step in range(-options["warm_up"], options["steps"]):
        if step == 0:
            before, began, calls = beside(), thread_time(), 0.0
        loss = train_step(options["work"])
        start = thread_time()
        run.log({"loss": loss, "lr": 0.1, "accuracy": 1 - loss, "grad_norm": loss * 2}, step)
        calls += thread_time() - start
        if step % 100 == 0:
            print(f"step {step} loss {loss:.4f}", flush=True)
    training, others = thread_time() - began, beside() - before
print(json.dumps({"training": training, "calls": calls, "beside": others}))
