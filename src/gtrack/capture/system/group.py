"""What the control group this process runs in has used of its limits, versions 1 and 2 (cgroups(7))."""

from __future__ import annotations

from gtrack.capture.cgroup import along_group, cpu_quota, memory_limit, number_of

__all__ = ["cpu_seconds", "memory_usage"]


def memory_usage(root: str = "/") -> tuple[int, int] | None:
    """Return how many bytes the tightest group with a limit has in use, and that limit; None where none has one.

    What the kernel would give back at once (files that nobody has read for a while) does not count as in use, as in
    ``docker stats`` and in Kubernetes.

    Args:
        root: The directory that stands for ``/``.
    """
    limit = memory_limit(root)
    if limit is None:
        return None
    limits = along_group("memory", "memory.max", "memory.limit_in_bytes", root)
    used = along_group("memory", "memory.current", "memory.usage_in_bytes", root)
    details = along_group("memory", "memory.stat", "memory.stat", root)
    for text, amount, detail in zip(limits, used, details, strict=False):
        usage = number_of(amount)
        if number_of(text) == limit and usage is not None:
            return max(0, usage - _reclaimable(detail)), limit
    return None


def cpu_seconds(root: str = "/") -> tuple[float, float] | None:
    """Return how many seconds of processors this process's group has used, and how many a second its quota allows.

    Args:
        root: The directory that stands for ``/``.

    Returns:
        None where there is no quota, or the kernel does not tell.
    """
    quota = cpu_quota(root)
    if quota is None:
        return None
    for text in along_group("cpu", "cpu.stat", None, root):
        for line in text.splitlines():
            key, _, value = line.partition(" ")
            if key == "usage_usec" and (used := number_of(value)) is not None:
                return used / 1e6, quota
    for text in along_group("cpuacct", None, "cpuacct.usage", root):
        if (used := number_of(text)) is not None:
            return used / 1e9, quota
    return None


def _reclaimable(stat: str) -> int:
    """Return the bytes of inactive files; version 1 tells them with those of groups within as ``total_...``."""
    found = dict(line.partition(" ")[::2] for line in stat.splitlines())
    return number_of(found.get("total_inactive_file", found.get("inactive_file", ""))) or 0
