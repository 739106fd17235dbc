"""What measuring the machine costs: the sampling thread's processor time, and the bytes that stay on the branch."""

from __future__ import annotations

import os
import time

from benchmarks.harness import Bench, Row

TITLE = "System metrics"
NOTE = """\
The thread that samples every 5 s, in a run of 20 processes; its own processor time, imports apart. Beside a main thread
that sleeps, and one that never lets go of the interpreter by itself."""
_EVERY = 5.0
_HOUR = 3600 / _EVERY


def measure(bench: Bench) -> list[Row]:
    """Return rows for the thread, and for the file of an hour and of a month."""
    rows = []
    for what, busy in (("idle main thread", False), ("main thread busy with Python", True)):
        answer = bench.work(
            "system_metrics",
            bench.directory(f"system-{busy}"),
            env=bench.env(),
            processes=20,
            every=_EVERY if not bench.quick else 0.5,
            samples=bench.size(12, 4),
            busy=busy,
        )
        used = answer["used"]
        each = (used[-1] - used[0]) / (len(used) - 1)
        share = each / _EVERY
        rows.append(
            Row(
                f"a sample, {what}",
                f"{1000 * each:.1f} ms; {each * _HOUR:.1f} s an hour",
                "one core",
                f"{100 * share:.2f} %",
                "< 0.5 %",
                share < 0.005,
            )
        )
    rows += [_size(bench, "an hour", 720), _size(bench, "30 days", 518_400)]
    return rows


def _size(bench: Bench, what: str, samples: int) -> Row:
    """Return how large the files of a run are that measured 14 metrics, as noisy as a machine's."""
    import numpy as np

    from gtrack.ops.load import RunFiles
    from gtrack.ops.seal_system import system_files
    from gtrack.spool import records
    from gtrack.spool.directory import Writer

    folder = bench.directory(f"system-size-{samples}")
    writer = Writer(str(folder), "a" * 8, "b" * 8)
    keys = 14
    table = np.zeros(samples * keys, [("word", "<u4"), ("rank", "<i4"), ("step", "<i8"), ("ns", "<i8"), ("x", "<f8")])
    step = np.repeat(np.arange(samples), keys)
    table["word"] = np.tile(np.arange(keys), samples) << 8 | records.VALUE
    table["rank"], table["step"] = -1, step
    table["ns"] = 1_790_000_000_000_000_000 + step * 5_000_000_000
    table["x"] = np.abs(np.random.default_rng(1).normal(40, 10, len(table)))
    with open(writer.stem + ".system", "wb") as file:
        file.write(records.header(-1))
        file.write(b"".join(records.key_definition(n, f"system/metric_{n}".encode()) for n in range(keys)))
        file.write(table.tobytes())
    spool = os.path.getsize(writer.stem + ".system")
    began = time.process_time()
    files = system_files(writer, RunFiles("0" * 32), complete=True)
    took = time.process_time() - began
    size = sum(map(len, files.values()))
    largest = max(map(len, files.values()))
    return Row(
        f"the file of {what}, 14 metrics of pure noise",
        f"{size / 1024:.1f} KB, sealed in {took:.2f} s",
        f"{spool / 1e6:.1f} MB in the spool",
        f"{size / spool:.4f}x",
        "a file <= 256 KB",
        largest <= 256 << 10,
    )
