"""The table of results, as Markdown."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version

import gtrack
from benchmarks.harness import Row, Section

_HEAD = ("what", "measured", "beside", "ratio", "budget", "verdict")
_LIBRARIES = ("pyarrow", "numpy", "dulwich")


def page(results: Sequence[Section], *, quick: bool, load: tuple[float, float], note: str) -> str:
    """Return the whole page.

    Args:
        results: The sections.
        quick: The sizes were small.
        load: The one-minute load average before and after.
        note: A remark of whoever ran it.
    """
    lines = [
        "# Results",
        "",
        "Written by `make bench`. What is measured beside something else was measured in the same execution, in turns",
        "where it is short; trust the ratios more than the absolute figures. Budgets are those of `docs/design.md`,",
        "section 10; a verdict is `unclear` where the interval of a measurement holds the budget.",
        "",
        f"- date: {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        f"- machine: {_machine()}",
        f"- software: {_software()}",
        f"- load average: {load[0]:.1f} before, {load[1]:.1f} after",
    ]
    if quick:
        lines.append("- sizes: small (`--quick`): to see that everything works, not to be quoted")
    if note:
        lines.append(f"- note: {note}")
    for section in results:
        lines += ["", f"## {section.title}", ""]
        lines += [section.note, ""] if section.note else []
        lines += table(section.rows)
    return "\n".join(lines) + "\n"


def table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of a table, without columns that would be empty."""
    cells = [(row.what, row.measured, row.baseline, row.ratio, row.budget, row.verdict) for row in rows]
    used = [i for i in range(len(_HEAD)) if i < 2 or any(line[i] for line in cells)]
    lines = ["| " + " | ".join(_HEAD[i] for i in used) + " |", "|" + "---|" * len(used)]
    return lines + ["| " + " | ".join(line[i].replace("|", "\\|") for i in used) + " |" for line in cells]


def _machine() -> str:
    model = platform.processor() or platform.machine()
    memory = ""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), model)
        memory = f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    except OSError:
        pass
    return f"{os.cpu_count()} x {model}{memory}, {platform.system()} {platform.release()}"


def _software() -> str:
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return f"gtrack {gtrack.__version__}{_commit()}, Python {platform.python_version()}, git {git}, {libraries}"


def _commit() -> str:
    """Return the commit that gtrack was imported from, where that is a checkout."""
    argv = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    where = os.path.dirname(gtrack.__file__)
    done = subprocess.run(argv, cwd=where, capture_output=True, text=True, check=False)
    return f" ({done.stdout.strip()})" if done.returncode == 0 else ""
