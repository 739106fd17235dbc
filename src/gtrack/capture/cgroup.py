"""Limits of the control group this process runs in, versions 1 and 2 (cgroups(7))."""

from __future__ import annotations

from collections.abc import Iterator

from gtrack.capture.files import read_text

__all__ = ["along_group", "cpu_quota", "memory_limit", "number_of", "oom_kill_count"]

_UNLIMITED = 1 << 60
"""A version 1 group without a limit says 2**63 less a page; no machine has an exbibyte."""


def memory_limit(root: str = "/") -> int | None:
    """Return the tightest memory limit in bytes along the group's ancestors, or None where there is none."""
    limits = [number_of(text) for text in along_group("memory", "memory.max", "memory.limit_in_bytes", root)]
    return min((limit for limit in limits if limit is not None and 0 < limit < _UNLIMITED), default=None)


def cpu_quota(root: str = "/") -> float | None:
    """Return how many processors the group's time quota is worth (1.5 is one and a half), or None without one."""
    quotas: list[float] = []
    for text in along_group("cpu", "cpu.max", None, root):  # "150000 100000", or "max 100000"
        amount, _, period = text.partition(" ")
        quotas += _ratio(amount, period)
    amounts = along_group("cpu", None, "cpu.cfs_quota_us", root)
    periods = along_group("cpu", None, "cpu.cfs_period_us", root)
    for amount, period in zip(amounts, periods, strict=False):
        quotas += _ratio(amount, period)
    return min(quotas, default=None)


def oom_kill_count(root: str = "/") -> int | None:
    """Return how many processes of this group the kernel has killed for lack of memory.

    A count at the start of a run and one at its end tell whether a worker was killed meanwhile.

    Returns:
        The count, or None where the kernel does not tell.
    """
    for text in along_group("memory", "memory.events", "memory.oom_control", root):
        for line in text.splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return number_of(value)
    return None


def _ratio(amount: str, period: str) -> list[float]:
    numerator, denominator = number_of(amount), number_of(period)
    return [numerator / denominator] if numerator and denominator else []


def number_of(text: str) -> int | None:
    """Return a number of the kernel's; None for ``max``, or what is no number of 64 bits."""
    text = text.strip()
    return int(text) if text.isdecimal() and len(text) < 20 else None


def along_group(controller: str, v2: str | None, v1: str | None, root: str) -> Iterator[str]:
    """Yield the contents of a group's file from the process's own group up to the root's, innermost first.

    Inside a container the path in ``/proc/self/cgroup`` may be the host's while only the container's part is
    mounted: levels that are not there are passed over, and the mount's top is the container's own group.
    """
    for line in (read_text(root, "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers and v2:
            mounts, name = ["sys/fs/cgroup", "sys/fs/cgroup/unified"], v2
        elif v1 and controller in controllers.split(","):
            mounts, name = [f"sys/fs/cgroup/{controllers}", f"sys/fs/cgroup/{controller}"], v1
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", ".", "..")]
        for mount in dict.fromkeys(mounts):
            for depth in range(len(parts), -1, -1):
                text = read_text(root, "/".join([mount, *parts[:depth], name]))
                if text is not None:
                    yield text
