"""A training script that keeps artifacts, and writes down in a file of its own every call that has returned.

::

    artifact_training.py REPOSITORY ORACLE
"""

from __future__ import annotations

import os
import sys

from training import Oracle

LARGE = 100_000


def content(path: str, number: int) -> bytes:
    """Return what the script keeps under a path for the n-th time."""
    data = f"{path} {number} ".encode()
    return data * (LARGE // len(data)) if path.endswith(".bin") else data


def main() -> None:
    """Train."""
    repository, where = sys.argv[1:]
    oracle = Oracle(where)
    os.chdir(repository)

    import gtrack

    run = gtrack.start_run()
    oracle.note("started", run.id)
    for number in range(2):
        run.log({"loss": 1.0 / (number + 1)}, step=number)
        for path in (f"small/{number}.txt", f"large/{number}.bin", "latest.bin", "latest.txt"):
            run.log_bytes(content(path, number), path)
            oracle.note("kept", path, number)
    with open(where + ".source", "wb") as file:
        file.write(content("file.bin", 0))
    run.log_artifact(where + ".source", name="file.bin")
    oracle.note("kept", "file.bin", 0)
    run.remove_artifact("large/0.bin")
    oracle.note("removed", "large/0.bin")
    run.end()
    oracle.note("ended")


if __name__ == "__main__":
    main()
