"""Log calls beside bare writes of 32 bytes, in turns. Prints microseconds per call, one number a round."""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter_ns

import gtrack

options = json.loads(sys.argv[1])
calls: int = options["calls"]
fd = os.open("bare.bin", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
record = b"\0" * 32
run = gtrack.start_run("log-calls")
ten = {f"metric_{number}": number / 7 for number in range(10)}
run.log(ten, step=0)
out: dict[str, list[float]] = {"bare": [], "one": [], "implicit": [], "ten": [], "latency": []}

for number in range(options["rounds"]):
    start = 1 + number * calls
    began = perf_counter_ns()
    for step in range(start, start + calls):  # noqa: B007  # the same loop as below
        os.write(fd, record)
    bare = perf_counter_ns()
    for step in range(start, start + calls):
        run.log_metric("metric_0", 0.5, step)
    one = perf_counter_ns()
    for _ in range(calls):
        run.log_metric("metric_1", 0.5)
    implicit = perf_counter_ns()
    for step in range(start, start + calls // 5):
        run.log(ten, step)
    end = perf_counter_ns()
    out["bare"].append((bare - began) / calls / 1000)
    out["one"].append((one - bare) / calls / 1000)
    out["implicit"].append((implicit - one) / calls / 1000)
    out["ten"].append((end - implicit) / (calls // 5) / 1000)

for _ in range(calls):
    began = perf_counter_ns()
    run.log_metric("metric_2", 0.5)
    out["latency"].append((perf_counter_ns() - began) / 1000)
out["latency"] = sorted(out["latency"])[int(0.99 * calls) :: calls]
run.end()
print(json.dumps(out))
