"""What a check has found, as ``gtrack fsck`` and ``gtrack verify --range`` print it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gtrack.cli.output import Column
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.fsck_findings import Finding

__all__ = ["finding_columns", "finding_text", "finding_to_dict"]

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


def finding_text(finding: Finding, terminal: Terminal) -> str:
    """Return a finding as a line, and one more with what to type."""
    level = terminal.style(finding.level, "red" if finding.level == "error" else "yellow")
    source = finding.source or ""
    parts = [source[:SHORT] if _COMMIT.match(source) else source, finding.path, finding.what]
    hint = f"  hint: {clean(finding.hint)}\n" if finding.hint else ""
    return f"{level}: {': '.join(clean(part) for part in parts if part)}\n{hint}"


def finding_columns(source: str = "source") -> list[Column[Finding]]:
    """Return the columns of a table of findings.

    Args:
        source: What it is that a finding is from: ``source`` or ``commit``.
    """
    return [
        Column("level", Heading("LEVEL"), lambda finding: finding.level),
        Column(source, Heading(source.upper()), lambda finding: finding.source or ""),
        Column("path", Heading("PATH"), lambda finding: finding.path),
        Column("what", Heading("WHAT"), lambda finding: finding.what),
        Column("hint", Heading("HINT"), lambda finding: finding.hint or ""),
    ]


def finding_to_dict(finding: Finding, source: str = "source") -> dict[str, object]:
    """Return a finding as a map; ``source`` as in :func:`finding_columns`."""
    return {
        "level": finding.level,
        source: finding.source,
        "path": finding.path,
        "what": finding.what,
        "hint": finding.hint,
    }
