"""The console output of a run, recorded or live."""

from __future__ import annotations

import os
import zlib

from gtrack.errors import DamageError
from gtrack.ops.view import View
from gtrack.spool.output import read_output

__all__ = ["console_output", "live_stem"]

_LIMIT = 4 << 20


def console_output(view: View, run_id: str) -> bytes | None:
    """Return what the run's processes printed, owner first; None when nothing was kept."""
    run = view.spool(run_id)
    parts = [] if run is None else [read_output(writer.stem) for writer in run.writers() if _has_output(writer.stem)]
    for file, oid in view.files(run_id).of_kind("console"):
        parts.append(_unpacked(file.name, view.repo.read_blob(oid)))
    return b"\n".join(parts) if parts else None


def _unpacked(name: str, data: bytes) -> bytes:
    try:
        # A bomb is cut, not unpacked.
        return zlib.decompressobj(31).decompress(data, _LIMIT)
    except zlib.error:
        raise DamageError(f"{name} is damaged", hint="gtrack fsck") from None


def live_stem(view: View, run_id: str) -> str | None:
    """Return the path of a live run's console files, without their endings."""
    run = view.spool(run_id)
    stems = [] if run is None else [writer.stem for writer in run.writers() if _has_output(writer.stem)]
    return stems[0] if stems else None


def _has_output(stem: str) -> bool:
    return os.path.exists(stem + ".console")
