"""trackio, kept locally in SQLite. https://huggingface.co/docs/trackio."""

from __future__ import annotations

import glob
import json
import os
import sqlite3
from typing import Any

_place = ""
trackio: Any = None


def prepare(place: str) -> None:
    global _place, trackio  # noqa: PLW0603
    _place = place
    os.environ.update(
        TRACKIO_DIR=place,
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        DO_NOT_TRACK="1",
    )
    os.chdir(place)
    import trackio as module  # type: ignore[import-not-found, unused-ignore]

    trackio = module


def start(name: str) -> None:
    trackio.init(project="bench", name=name, embed=False)


def log(values: dict[str, float], step: int) -> None:
    trackio.log(values, step=step)


def finish() -> None:
    trackio.finish()


def count(key: str) -> int:
    total = 0
    for path in glob.glob(f"{_place}/*.db"):
        with sqlite3.connect(path) as database:
            total += sum(key in json.loads(row[0]) for row in database.execute("select metrics from metrics"))
    return total


def stored() -> int:
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(_place) for name in names)
