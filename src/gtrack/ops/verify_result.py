"""What a proof comes to: the links of a chain from a file to who approved it, each with what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from gtrack.ops.fsck_findings import Finding
from gtrack.ops.verify_records import Problem
from gtrack.text import clean

__all__ = ["Chain", "Link", "State", "Verification"]

State = Literal["ok", "broken", "absent", "note"]
_LONGEST = 500
_MOST = 5000


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain. Its texts are safe to print.

    Attributes:
        kind: What it is about: ``file``, ``version``, ``number``, ``run``, ``code``, ``diff``, ``data``, ``stage``,
            ``approval``, ``signature``, ``policy``, ``history``, ``rule``.
        name: What it is called: a path, a version, a person.
        state: ``ok``: it was checked; ``broken``: it is not what it should be; ``absent``: it is not here, so it
            could not be checked; ``note``: it is told.
        text: What was found, in words.
        hint: What to type, or None.
    """

    kind: str
    name: str
    state: State
    text: str
    hint: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the link as a map."""
        return {"kind": self.kind, "name": self.name, "state": self.state, "text": self.text, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class Verification:
    """What was proved.

    Attributes:
        subject: Of what: ``churn/3``, a run, everything.
        links: The chain, in order.
    """

    subject: str
    links: tuple[Link, ...]

    @property
    def ok(self) -> bool:
        """No link is broken. What is not here was not checked, and breaks nothing."""
        return not self.broken

    @property
    def broken(self) -> tuple[Link, ...]:
        """The links that are broken."""
        return tuple(link for link in self.links if link.state == "broken")

    @property
    def absent(self) -> tuple[Link, ...]:
        """What is not here."""
        return tuple(link for link in self.links if link.state == "absent")

    def to_dict(self) -> dict[str, object]:
        """Return everything as a map."""
        return {
            "subject": self.subject,
            "verdict": "broken" if not self.ok else "incomplete" if self.absent else "sound",
            "links": [link.to_dict() for link in self.links],
        }


@dataclass(slots=True)
class Chain:
    """A chain that is being put together; it stops growing at some length and counts on."""

    links: list[Link] = field(default_factory=list)
    _seen: set[Link] = field(default_factory=set)
    _more: Counter[State] = field(default_factory=Counter)

    def ok(self, kind: str, name: str, text: str) -> None:
        """Add what was checked and is right."""
        self._add(kind, name, "ok", text, None)

    def broken(self, kind: str, name: str, text: str, hint: str | None = None) -> None:
        """Add what is not as it should be."""
        self._add(kind, name, "broken", text, hint)

    def absent(self, kind: str, name: str, text: str, hint: str | None = None) -> None:
        """Add what is not here."""
        self._add(kind, name, "absent", text, hint)

    def note(self, kind: str, name: str, text: str) -> None:
        """Add what is told."""
        self._add(kind, name, "note", text, None)

    def take(self, problems: Iterable[Problem]) -> None:
        """Add what broke rules; each once."""
        for problem in problems:
            state: State = "note" if problem.warning else "broken"
            self._add(problem.rule, problem.path, state, problem.what, problem.hint)

    def findings(self, findings: Iterable[Finding]) -> None:
        """Add what a check of the branch's files found; its warnings are left to ``gtrack fsck``."""
        for finding in findings:
            if finding.level == "error":
                self.broken("altered", finding.path, finding.what, finding.hint)

    def result(self, subject: str) -> Verification:
        """Return what it has come to."""
        more = [Link("more", "", state, f"{count:,} more are not listed") for state, count in self._more.items()]
        return Verification(clean(subject), (*self.links, *more))

    def _add(self, kind: str, name: str, state: State, text: str, hint: str | None) -> None:
        link = Link(
            kind, clean(name[:_LONGEST]), state, clean(text[:_LONGEST]), clean(hint[:_LONGEST]) if hint else None
        )
        if link in self._seen:
            return
        if len(self.links) >= _MOST:
            self._more[state] += 1
            return
        self._seen.add(link)
        self.links.append(link)
