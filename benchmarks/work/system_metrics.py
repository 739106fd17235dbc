"""Measure the machine as a run does, with a tree of processes. Prints the thread's CPU seconds at each sample."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import ClassVar

from gtrack.capture.system.readings import open_readings
from gtrack.spool.system import SystemSampler

options = json.loads(sys.argv[1])


class Metered(SystemSampler):
    """A sampler that notes what its thread has used."""

    used: ClassVar[list[float]] = []

    def _write(self, values: Mapping[str, float], number: int) -> bool:
        went_on = super()._write(values, number)
        self.used.append(time.thread_time())
        return went_on


wait = "import sys; sys.stdin.read()"
children = [
    subprocess.Popen([sys.executable, "-c", wait], stdin=subprocess.PIPE) for _ in range(options["processes"] - 1)
]
every: float = options["every"]
sampler = Metered(
    os.path.join(os.getcwd(), "measured"),
    lambda: open_readings(os.environ, os.getcwd(), print),
    note=print,
    every=every,
)
sampler.start()
until = time.monotonic() + every * (options["samples"] + 0.5)
if options["busy"]:
    while time.monotonic() < until:
        pass
else:
    time.sleep(until - time.monotonic())
sampler.stop()
for child in children:
    child.communicate()
print(json.dumps({"used": Metered.used, "bytes": os.path.getsize(sampler.path)}))
