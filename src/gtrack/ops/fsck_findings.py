"""What a check finds, gathered so that a hostile branch can neither command a terminal nor fill it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from gtrack.text import clean

__all__ = ["Finding", "Findings", "Level"]

Level = Literal["error", "warning"]
_MOST = 2000
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. Its texts are safe to print.

    Attributes:
        level: ``error`` for damage and broken rules, ``warning`` for what only limits the use of the data.
        path: The file on the branch, or a file or reference of the repository.
        what: What is wrong with it.
        hint: What to type, or None.
        source: The commit or reference that has it, or None for the branch as it is here.
    """

    level: Level
    path: str
    what: str
    hint: str | None = None
    source: str | None = None


class Findings:
    """A list of findings that stops growing at some length and counts on."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._more: Counter[Level] = Counter()
        self._source: str | None = None
        self._harmless = False

    def of(self, source: str, *, harmless: bool = False) -> Findings:
        """Return the same list, for findings in a commit or reference.

        Args:
            source: The commit or reference.
            harmless: Nothing of it counts here: what would be an error is a warning.
        """
        out = Findings()
        out._found, out._more = self._found, self._more
        out._source, out._harmless = clean(source[:_LONGEST]), harmless
        return out

    def error(self, path: str, what: str, hint: str | None = None) -> None:
        """Add damage, or a broken rule."""
        self._add("error", path, what, hint)

    def warning(self, path: str, what: str, hint: str | None = None) -> None:
        """Add what only limits the use of the data."""
        self._add("warning", path, what, hint)

    def _add(self, level: Level, path: str, what: str, hint: str | None) -> None:
        level = "warning" if self._harmless else level
        if len(self._found) >= _MOST:
            self._more[level] += 1
            return
        path, what = clean(path[:_LONGEST]), clean(what[:_LONGEST])
        hint = None if hint is None else clean(hint[:_LONGEST])
        self._found.append(Finding(level, path, what, hint, self._source))

    def all(self) -> tuple[Finding, ...]:
        """Return the findings, errors first."""
        more = [Finding(level, "", f"{count:,} more are not listed") for level, count in self._more.items()]
        return tuple(sorted([*self._found, *more], key=lambda finding: finding.level != "error"))
