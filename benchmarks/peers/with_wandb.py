"""W&B, offline: what is logged goes to a ``.wandb`` file until it is synchronised.

The file is a LevelDB log (https://github.com/google/leveldb/blob/main/doc/log_format.md) of protobuf records, after a
header of 7 bytes.
"""

from __future__ import annotations

import glob
import os
import struct
from collections.abc import Iterator
from typing import Any

_BLOCK = 32768
_FULL, _LAST = 1, 4
_place = ""
_run: Any = None


def prepare(place: str) -> None:
    global _place  # noqa: PLW0603
    _place = place
    os.environ.update(
        WANDB_MODE="offline",
        WANDB_SILENT="true",
        WANDB_ERROR_REPORTING="false",
        DO_NOT_TRACK="1",
        WANDB_DIR=place,
        WANDB_CONFIG_DIR=os.path.join(place, "config"),
        WANDB_CACHE_DIR=os.path.join(place, "cache"),
        WANDB_DATA_DIR=os.path.join(place, "data"),
    )
    os.chdir(place)


def start(name: str) -> None:
    global _run  # noqa: PLW0603
    import wandb  # type: ignore[import-not-found, unused-ignore]

    _run = wandb.init(project="bench", name=name)


def log(values: dict[str, float], step: int) -> None:
    _run.log(values, step=step)


def finish() -> None:
    _run.finish()


def count(key: str) -> int:
    from wandb.proto import wandb_internal_pb2  # type: ignore[import-not-found, unused-ignore]

    total = 0
    for path in glob.glob(f"{_place}/wandb/offline-run-*/*.wandb"):
        with open(path, "rb") as file:
            data = file.read()
        for raw in _records(data):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(raw)
            items = record.history.item if record.WhichOneof("record_type") == "history" else ()
            total += any(item.key == key or list(item.nested_key) == [key] for item in items)
    return total


def stored() -> int:
    files = glob.glob(f"{_place}/wandb/offline-run-*/**", recursive=True)
    return sum(os.path.getsize(path) for path in files if os.path.isfile(path))


def _records(data: bytes) -> Iterator[bytes]:
    at, whole = 7, b""
    while at + 7 <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < 7:
            at += left
            continue
        _, size, kind = struct.unpack_from("<IHB", data, at)
        part = data[at + 7 : at + 7 + size]
        if kind == 0 or len(part) < size:
            return
        at += 7 + size
        whole += part
        if kind in (_FULL, _LAST):
            yield whole
            whole = b""
