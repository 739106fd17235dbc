"""A script that records several short runs one after the other, and prints the id of each one that has ended.

::

    many.py REPOSITORY NAME RUNS
"""

from __future__ import annotations

import os
import sys


def main(repository: str, name: str, runs: int) -> None:
    """Record the runs."""
    os.chdir(repository)

    import gtrack

    for number in range(runs):
        with gtrack.start_run(f"{name}-{number}", experiment="many", params={"number": number}) as run:
            for step in range(10):
                run.log({"loss": 1.0 / (step + 1), "val_auc": step * 0.01}, step=step)
        print(run.id, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
