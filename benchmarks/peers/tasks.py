"""The same work for every tracker, in the tracker's own Python: ``python tasks.py ADAPTER TASK DIRECTORY OPTIONS``.

Prints one line of JSON. An adapter is a module ``with_<name>`` beside this file with the functions of :class:`Adapter`;
only its own tracker needs to be installed.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from statistics import median
from typing import Any, Protocol


class Adapter(Protocol):
    """What a tracker is asked to do."""

    def prepare(self, place: str) -> None:
        """Keep everything in a directory, send nothing anywhere, import the tracker."""

    def start(self, name: str) -> None:
        """Start a run."""

    def log(self, values: dict[str, float], step: int) -> None:
        """Log values of one moment, in the way the tracker's documentation shows."""

    def finish(self) -> None:
        """End the run."""

    def count(self, key: str) -> int:
        """Return how many values of a metric can be read back from the directory, of all runs."""

    def stored(self) -> int:
        """Return the bytes that the directory's runs take."""


def log_calls(adapter: Adapter, options: dict[str, Any]) -> dict[str, Any]:
    """Return the median microseconds of logging one value, and of logging ten."""
    out = {}
    adapter.start("calls")
    ten = {f"m{number}": number / 7 for number in range(10)}
    adapter.log({"loss": 0.5, **ten}, 0)
    for name, values in (("one", {"loss": 0.5}), ("ten", ten)):
        times: list[int] = []
        until = time.perf_counter() + options["seconds"]
        while time.perf_counter() < until and len(times) < 20_000:
            began = time.perf_counter_ns()
            adapter.log(values, len(times) + 1)
            times.append(time.perf_counter_ns() - began)
        out[name] = median(times) / 1000
    adapter.finish()
    return out


def cycle(adapter: Adapter, options: dict[str, Any]) -> dict[str, Any]:
    """Return the seconds of starting and finishing a run of one value, from the second run of the process on."""
    times = []
    for number in range(options["runs"]):
        began = time.perf_counter()
        adapter.start(f"run-{number}")
        started = time.perf_counter()
        adapter.log({"loss": 0.5}, 0)
        logged = time.perf_counter()
        adapter.finish()
        times.append(started - began + time.perf_counter() - logged)
    return {"first": times[0], "later": median(times[1:])}


def acknowledge(adapter: Adapter, options: dict[str, Any]) -> dict[str, Any]:
    """Log until killed, and write one byte to the standard output after each call that has returned."""
    adapter.start("killed")
    adapter.log({"loss": 0.5}, 0)
    os.write(1, b".")
    step = 1
    began = time.perf_counter()
    while True:
        adapter.log({"loss": 0.5}, step)
        os.write(1, b".")
        step += 1
        if options["rate"]:
            time.sleep(max(0.0, began + step / options["rate"] - time.perf_counter()))


def points(adapter: Adapter, options: dict[str, Any]) -> dict[str, Any]:
    """Return the bytes that a run of ten metrics takes, by point."""
    import random

    adapter.start("warm-up")
    adapter.log({"loss": 0.5}, 0)
    adapter.finish()
    before = adapter.stored()
    chance = random.Random(0)
    adapter.start("points")
    for step in range(options["steps"]):
        adapter.log({f"m{number}": chance.random() for number in range(10)}, step)
    adapter.finish()
    read = adapter.count("m0")
    return {"bytes": (adapter.stored() - before) / options["steps"] / 10, "read": read}


def count(adapter: Adapter, options: dict[str, Any]) -> dict[str, Any]:
    """Return how many values can be read back."""
    return {"read": adapter.count(options["key"])}


TASKS = {"log_calls": log_calls, "cycle": cycle, "acknowledge": acknowledge, "points": points, "count": count}


def main(name: str, task: str, place: str, options: str) -> None:
    """Do one task."""
    # What trackers print goes to stderr: the standard output belongs to the task.
    answers = os.dup(1)
    os.dup2(2, 1)
    adapter: Any = importlib.import_module(f"with_{name}")
    adapter.prepare(place)
    if task == "acknowledge":
        os.dup2(answers, 1)
    answer = TASKS[task](adapter, json.loads(options))
    os.write(answers, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
