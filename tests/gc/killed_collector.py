"""A collection that is killed right before its nth change to a disk: ``killed_collector.py CLONE GRACE N OTHER...``.

With N = 0 it is not killed, and prints how many changes there were.
"""

from __future__ import annotations

import os
import signal
import sys

from gtrack.ops.gc_apply import collect
from gtrack.reader import Repo

_CHANGES = ("os.remove", "os.rename", "os.link", "os.utime", "os.chmod", "os.mkdir", "subprocess.Popen")


def main(path: str, grace: str, last: str, *others: str) -> None:
    seen = 0
    armed = False

    def watch(event: str, args: tuple[object, ...]) -> None:
        nonlocal seen
        writes = event == "open" and isinstance(args[2], int) and bool(args[2] & (os.O_WRONLY | os.O_RDWR))
        if armed and (event in _CHANGES or writes):
            seen += 1
            if seen == int(last):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    with Repo(path) as repo:
        repo.recover()
        armed = True
        collect(repo, grace=float(grace), others=others)
        armed = False
    print(seen)


if __name__ == "__main__":
    main(*sys.argv[1:])
