"""A training script that writes down in a file of its own every log call that has returned: the oracle.

::

    training.py REPOSITORY ORACLE [--steps N] [--for-ever] [--workers N] [--workers-wait] [--pause SECONDS]

The oracle's file is appended to with one ``os.write`` a line, as a pipe would be, so that it survives the process.
"""

from __future__ import annotations

import argparse
import os
import time

EXPERIMENT = "crash"
PARAMS = {"lr": 0.05, "optimizer": "adam"}


def value(key: str, step: int) -> float:
    """Return what the script logs of a metric at a step."""
    return step * 0.5 + {"loss": 0.25, "val_auc": 0.125, "worker": -1.0}.get(key, 0.0)


class Oracle:
    """The file that holds what was acknowledged."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def note(self, *words: object) -> None:
        """Write one line."""
        os.write(self._fd, (" ".join(map(str, words)) + "\n").encode())


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser()
    parser.add_argument("repository")
    parser.add_argument("oracle")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--for-ever", action="store_true")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--workers-wait", action="store_true")
    parser.add_argument("--pause", type=float, default=0.0)
    options = parser.parse_args()
    oracle = Oracle(options.oracle)
    os.chdir(options.repository)

    import gtrack

    run = gtrack.start_run(experiment=EXPERIMENT, params=PARAMS)
    oracle.note("started", run.id)
    for number in range(options.workers):
        if os.fork() == 0:
            _work(run, f"{options.oracle}.{number}", number, options.pause, wait=options.workers_wait)
    step = 0
    while options.for_ever or step < options.steps:
        run.log_metric("loss", value("loss", step), step)
        oracle.note("value", step, "loss")
        run.log({"val_auc": value("val_auc", step), "other": value("other", step)}, step=step)
        oracle.note("value", step, "val_auc", "other")
        if step == 1:
            run.log_params({"found": "late"})
            oracle.note("param", "found", "late")
        if options.pause:
            time.sleep(options.pause)
        step += 1
    run.note("done")
    run.end()
    oracle.note("ended")


def _work(run: object, oracle_path: str, number: int, pause: float, *, wait: bool) -> None:
    """Log as a forked worker until a file ``stop`` is there, from when a file ``go`` is, if told to wait for it."""
    import gtrack

    assert isinstance(run, gtrack.Run)
    oracle, step = Oracle(oracle_path), 0
    folder = os.path.dirname(oracle_path)
    oracle.note("waiting")
    while wait and not os.path.exists(os.path.join(folder, "go")):
        time.sleep(0.005)
    key = f"worker{number}"
    while not os.path.exists(os.path.join(folder, "stop")):
        run.log_metric(key, value(key, step), step)
        oracle.note("value", step, key)
        time.sleep(pause)
        step += 1
    os._exit(0)


if __name__ == "__main__":
    main()
