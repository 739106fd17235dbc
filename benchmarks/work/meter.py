"""Run a command, wait for every process it leaves behind, and print the processor time of all of them.

Processes that outlive their parents are handed to this one: it makes itself their reaper with
prctl(PR_SET_CHILD_SUBREAPER), see prctl(2). Linux only.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
from time import perf_counter

_PR_SET_CHILD_SUBREAPER = 36

if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
    raise OSError(ctypes.get_errno(), "prctl")
began = perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True)
wall = perf_counter() - began
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
used = resource.getrusage(resource.RUSAGE_CHILDREN)
answer = json.loads(done.stdout.splitlines()[-1])
print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "wall": wall, "answer": answer}))
