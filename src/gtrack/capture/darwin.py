"""The few facts that macOS keeps behind C calls: no ``/proc`` there, and no subprocess here.

The calls are sysctlbyname(3) and ``proc_pidinfo`` of ``<libproc.h>``; the structure is ``proc_bsdinfo`` of
``<sys/proc_info.h>``.
"""

from __future__ import annotations

import struct

__all__ = ["process_started", "sysctl"]

_PROC_PIDTBSDINFO = 3
_BSDINFO_SIZE = 136
_BSDINFO_START = 120  # pbi_start_tvsec and pbi_start_tvusec, two uint64


def sysctl(name: str) -> str | None:
    """Return a textual system fact such as ``machdep.cpu.brand_string``, or None where there is none."""
    import ctypes

    try:
        call = ctypes.CDLL(None).sysctlbyname
    except (OSError, AttributeError):
        return None
    buffer = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(len(buffer))
    if call(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return None
    return buffer.value.decode("utf-8", "replace").strip() or None


def process_started(pid: int) -> int | None:
    """Return when a process started, in microseconds since the epoch, or None where it cannot be seen."""
    import ctypes

    try:
        call = ctypes.CDLL(None).proc_pidinfo
    except (OSError, AttributeError):
        return None
    buffer = ctypes.create_string_buffer(_BSDINFO_SIZE)
    number = ctypes.c_uint64(0)
    if call(ctypes.c_int(pid), ctypes.c_int(_PROC_PIDTBSDINFO), number, buffer, _BSDINFO_SIZE) != _BSDINFO_SIZE:
        return None
    seconds, micros = struct.unpack_from("=QQ", buffer.raw, _BSDINFO_START)
    return int(seconds) * 1_000_000 + int(micros)
