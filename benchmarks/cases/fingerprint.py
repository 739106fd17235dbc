"""Fingerprints of data: a frame of a million rows beside pandas' own hashes, and a folder that has not changed."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import Bench, Row, interleaved, milliseconds

TITLE = "Fingerprints of data"
NOTE = (
    "A frame of 16 columns: six of floats, four of integers, two of texts, two of categories, two of dates. The "
    "fingerprint is what tells whether content is equal; `log_data` also hashes every row for leakage and differences. "
    "pandas' row hashes do not tell int32 from int64. The folder's files are of 1 KiB."
)


def measure(bench: Bench) -> list[Row]:
    """Return rows of what fingerprints cost."""
    return [*_frame(bench), _folder(bench)]


def _frame(bench: Bench) -> list[Row]:
    import pandas as pd

    from gtrack.fingerprint.describe import describe, fingerprint
    from gtrack.fingerprint.stat_cache import StatCache

    count = bench.size(1_000_000, 20_000)
    frame = _mixed(count)
    cache = StatCache(None)
    times = interleaved(
        bench.size(9, 3),
        fingerprint=lambda: _seconds(lambda: fingerprint(frame)),
        whole=lambda: _seconds(lambda: describe(frame, None, cache)),
        pandas=lambda: _seconds(lambda: hashlib.sha256(pd.util.hash_pandas_object(frame).to_numpy().data).hexdigest()),
    )
    other = median(times["pandas"])
    rows = []
    for name, what in (("fingerprint", "fingerprint"), ("whole", "all that `log_data` computes")):
        mine = median(times[name])
        rows.append(
            Row(
                f"{what}, {count:,} x 16",
                milliseconds(mine),
                f"`hash_pandas_object` + SHA-256: {milliseconds(other)}",
                f"{mine / other:.2f}x",
                "<= 300 ms" if name == "fingerprint" else "",
                mine <= 0.3 if name == "fingerprint" else None,
            )
        )
    return rows


def _folder(bench: Bench) -> Row:
    from gtrack.fingerprint.files import digest_path
    from gtrack.fingerprint.stat_cache import StatCache

    count = bench.size(10_000, 200)
    root, kept = bench.directory("images"), bench.directory("stat")
    for number in range(count):
        path = Path(root) / f"{number % 100:02}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(number.to_bytes(4, "little") * 256)
    time.sleep(2.1)  # files that were written just now are not trusted

    def look() -> float:
        return _seconds(lambda: digest_path(str(root), StatCache(str(kept))))

    first, again = look(), median(look() for _ in range(9))
    return Row(
        f"an unchanged folder of {count:,} files",
        milliseconds(again),
        f"the first time: {milliseconds(first)}",
        f"{again / first:.2f}x",
        "<= 100 ms",
        again <= 0.1,
    )


def _mixed(count: int) -> Any:
    import numpy as np
    import pandas as pd

    chance = np.random.default_rng(0)
    columns: dict[str, Any] = {f"float{n}": chance.random(count) for n in range(6)}
    columns |= {f"integer{n}": chance.integers(0, 1000, count) for n in range(4)}
    columns["id"] = pd.Series(chance.integers(0, 10**6, count)).map("user{:07d}".format)
    columns["color"] = pd.Series(np.array(["red", "green", "blue"])[chance.integers(0, 3, count)])
    columns |= {
        f"kind{n}": pd.Categorical(np.array(["aa", "bb", "cc"])[chance.integers(0, 3, count)]) for n in range(2)
    }
    start = pd.Timestamp("2020-01-01")
    columns |= {f"time{n}": start + pd.to_timedelta(chance.integers(0, 10**8, count), unit="s") for n in range(2)}
    return pd.DataFrame(columns)


def _seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
