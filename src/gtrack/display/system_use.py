"""What a run used of its machine, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gtrack.display.words import value_text

if TYPE_CHECKING:
    from gtrack.ops.system_curves import Use

__all__ = ["short_number", "use_in_words"]

_WORDS = {
    "cpu_utilization_percentage": ("CPU of the machine", "%"),
    "process_cpu_percentage": ("CPU of the run", "% of a processor"),
    "system_memory_usage_percentage": ("memory of the machine", "%"),
    "process_memory_rss_megabytes": ("memory of the run", "MB"),
    "gpu_utilization_percentage": ("GPU", "%"),
    "gpu_memory_usage_megabytes": ("memory of a GPU", "MB"),
}


def use_in_words(use: Mapping[str, Use]) -> list[tuple[str, str]]:
    """Return what was used, each with its mean and peak.

    Args:
        use: Means and peaks, as :attr:`gtrack.RecordedRun.system_use` has them.
    """
    told = ((_WORDS[name], use[name]) for name in _WORDS if name in use)
    return [
        (words, f"mean {short_number(one.mean)}, peak {short_number(one.max)} {unit}") for (words, unit), one in told
    ]


def short_number(value: float) -> str:
    """Return a value with as many digits as are worth reading."""
    return f"{value:,.0f}" if abs(value) >= 1000 else value_text(float(f"{value:.3g}"))
