"""The plan of a garbage collection: which runs go, and what becomes of the objects that nothing names without them.

A pure function of what is known; :mod:`gtrack.ops.gc` gathers that, :mod:`gtrack.ops.gc_apply` does what it says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from gtrack.clock import iso
from gtrack.model.keeping import Fate, Verdict
from gtrack.model.retention import DAY, GRACE, shown_age
from gtrack.ops.gc_runs import Fates

__all__ = ["SHELVES", "Found", "Pile", "Plan", "Shelf", "Step", "make_plan", "store_age"]

SHELVES = ("store", "git", "cache")
"""Where objects are: the configured store, the built-in git store of this clone, this clone's cache."""


class Step(Enum):
    """What becomes of runs or objects, in the order in which it does."""

    DELETE = "delete"
    WAIT = "wait"
    PRUNE = "prune"
    REMOVE = "remove"
    CONDEMN = "condemn"
    CONDEMNED = "condemned"
    YOUNG = "young"


@dataclass(frozen=True, slots=True)
class Found:
    """An object on a shelf.

    Attributes:
        size: Bytes.
        modified: When it was put there, seconds since the epoch; None where that is not told.
    """

    size: int
    modified: float | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """One of the places of objects.

    Attributes:
        name: One of :data:`SHELVES`.
        objects: What is there, by digest.
        condemned: Of a store: when this clone condemned objects that have not changed since, seconds since the epoch.
        shared: Others put objects there as well, so that what is to be removed is condemned first.
    """

    name: str
    objects: Mapping[str, Found] = field(default_factory=dict)
    condemned: Mapping[str, float] = field(default_factory=dict)
    shared: bool = False


@dataclass(slots=True)
class Pile:
    """What goes for one reason.

    Attributes:
        step: What becomes of it.
        rule: The rule, in a word.
        why: The same in words.
        runs: The runs' ids.
        objects: The objects that nothing else names, by shelf.
        size: Their bytes, by shelf.
    """

    step: Step
    rule: str
    why: str
    runs: list[str] = field(default_factory=list)
    objects: dict[str, list[str]] = field(default_factory=dict)
    size: Counter[str] = field(default_factory=Counter)

    def add(self, shelf: str, digest: str, size: int) -> None:
        """Add an object."""
        self.objects.setdefault(shelf, []).append(digest)
        self.size[shelf] += size

    @property
    def count(self) -> int:
        """How many different objects there are."""
        return len({digest for digests in self.objects.values() for digest in digests})

    def to_dict(self) -> dict[str, object]:
        """Return the pile as a map."""
        return {
            "step": self.step.value,
            "rule": self.rule,
            "why": self.why,
            "runs": list(self.runs),
            "objects": self.count,
            "bytes": {name: self.size[name] for name in SHELVES},
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What a collection would do.

    Attributes:
        fates: What becomes of each run.
        piles: What goes, by what becomes of it and why.
        kept: How many runs stay by each rule; each counts once, by the first rule that keeps it.
        shelves: The sizes of all that is on each shelf, in bytes.
        blocked: Why nothing may be removed, each with what to type.
        grace: Seconds from a deletion until it is final.
        now_us: The moment of the plan, microseconds since the epoch.
    """

    fates: Fates
    piles: tuple[Pile, ...]
    kept: Mapping[str, int]
    shelves: Mapping[str, int]
    blocked: tuple[tuple[str, str], ...]
    grace: float
    now_us: int

    def runs(self, step: Step) -> list[Pile]:
        """Return the piles of a step that have runs."""
        return [pile for pile in self.piles if pile.step is step and pile.runs]

    def objects(self, step: Step, shelf: str) -> dict[str, str]:
        """Return the objects of a step on a shelf, each with the rule that lets it go."""
        return {digest: pile.rule for pile in self.piles if pile.step is step for digest in pile.objects.get(shelf, ())}

    def size(self, *steps: Step) -> Counter[str]:
        """Return the bytes of some steps, by shelf."""
        return sum((pile.size for pile in self.piles if pile.step in steps), Counter[str]())

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do now."""
        doing = (Step.DELETE, Step.PRUNE, Step.REMOVE, Step.CONDEMN)
        return not self.fates.archive and not any(pile.step in doing for pile in self.piles)

    def to_dict(self) -> dict[str, object]:
        """Return the plan as a map."""
        return {
            "at": iso(self.now_us),
            "policy": self.fates.policy.where or None,
            "grace_days": self.grace / DAY,
            "archive": {name: round(age / DAY, 1) for name, age in self.fates.archive.items()},
            "piles": [pile.to_dict() for pile in self.piles],
            "frees_now": {**{name: self.size(Step.REMOVE)[name] for name in SHELVES}, "git_history": 0},
            "frees_later": {
                name: self.size(Step.DELETE, Step.WAIT, Step.CONDEMN, Step.CONDEMNED)[name] for name in SHELVES
            },
            "kept": dict(self.kept),
            "shelves": dict(self.shelves),
            "remarks": list(self.fates.remarks),
            "refused": [{"why": why, "hint": hint} for why, hint in self.blocked],
        }


def make_plan(
    fates: Fates,
    users: Mapping[str, Sequence[str]],
    fixed: Mapping[str, str],
    shelves: Iterable[Shelf],
    *,
    blocked: Sequence[tuple[str, str]] = (),
    grace: float = GRACE,
    now_us: int,
) -> Plan:
    """Return what a collection would do.

    Args:
        fates: What becomes of each run.
        users: The runs that name each object, by digest; runs that are pruned name none.
        fixed: Objects that stay whatever becomes of the runs.
        shelves: Where objects are.
        blocked: Why nothing may be removed.
        grace: Seconds from a deletion until it is final, and for which an object stays that nothing names.
        now_us: The present, microseconds since the epoch.
    """
    piles = _Piles(fates, grace)
    shelves = list(shelves)
    for shelf in shelves:
        for digest, found in shelf.objects.items():
            if digest in fixed:
                continue
            verdict = _last(fates.verdicts.get(run) for run in users.get(digest, ()))
            if verdict is None or verdict.fate in (Fate.DELETE, Fate.WAIT, Fate.PRUNE, Fate.GONE):
                piles.add_object(shelf, digest, found, verdict, now_us / 1e6)
    kept = Counter(verdict.rule for verdict in fates.verdicts.values() if verdict.fate is Fate.KEEP)
    sizes = {shelf.name: sum(found.size for found in shelf.objects.values()) for shelf in shelves}
    return Plan(fates, piles.in_order(), dict(kept.most_common()), sizes, tuple(blocked), grace, now_us)


def store_age(grace: float) -> float:
    """Return the seconds for which an object stays in a shared store that nothing names.

    Never less than half the usual grace period: clones do not send again what is younger, on their word that it stays.
    """
    return max(grace, GRACE / 2)


_RANK = {Fate.GONE: 0, Fate.PRUNE: 1, Fate.WAIT: 2, Fate.DELETE: 3, Fate.KEEP: 4}
_KEPT = Verdict(Fate.KEEP)


def _last(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    """Return the verdict of the run that lets go of an object last; None where none names it.

    A run that is not known is one that the view does not show, and keeps what it names.
    """
    return max((verdict or _KEPT for verdict in verdicts), key=lambda verdict: _RANK[verdict.fate], default=None)


class _Piles:
    """Sorts runs and objects onto piles."""

    def __init__(self, fates: Fates, grace: float) -> None:
        self._piles: dict[tuple[Step, str], Pile] = {}
        self._grace = grace
        self._settle = min(DAY, grace)
        steps = {Fate.DELETE: Step.DELETE, Fate.WAIT: Step.WAIT, Fate.PRUNE: Step.PRUNE}
        for run_id, verdict in fates.verdicts.items():
            if verdict.fate in steps:
                self._pile(steps[verdict.fate], verdict.rule).runs.append(run_id)

    def add_object(self, shelf: Shelf, digest: str, found: Found, verdict: Verdict | None, now: float) -> None:
        if verdict is not None and verdict.fate in (Fate.DELETE, Fate.WAIT):
            step = Step.DELETE if verdict.fate is Fate.DELETE else Step.WAIT
            pile = self._pile(step, verdict.rule)
        else:
            rule = "unnamed" if verdict is None else "deleted"
            pile = self._pile(self._step(shelf, digest, found, now), rule)
        pile.add(shelf.name, digest, found.size)

    def _step(self, shelf: Shelf, digest: str, found: Found, now: float) -> Step:
        """Return what becomes of an object that nothing names."""
        age = None if found.modified is None else now - found.modified
        if age is not None and age < (store_age(self._grace) if shelf.shared else self._grace):
            return Step.YOUNG
        if not shelf.shared:
            return Step.REMOVE
        since = shelf.condemned.get(digest)
        if since is None:
            return Step.CONDEMN
        return Step.REMOVE if now - since >= self._settle else Step.CONDEMNED

    def in_order(self) -> tuple[Pile, ...]:
        order = list(Step)
        return tuple(sorted(self._piles.values(), key=lambda pile: (order.index(pile.step), pile.rule)))

    def _pile(self, step: Step, rule: str) -> Pile:
        found = self._piles.get((step, rule))
        if found is None:
            found = self._piles[step, rule] = Pile(step, rule, self._words(step, rule))
        return found

    def _words(self, step: Step, rule: str) -> str:
        grace = shown_age(self._grace)
        if step is Step.DELETE:
            return (
                "older than 'failed' keeps them"
                if rule == "failed"
                else "older than 'newest' keeps them, and no other rule does"
            )
        if step is Step.WAIT and rule == "needed":
            return "deleted, but needed by a version or by a run that is still here"
        if step is Step.WAIT:
            return f"deleted; gtrack restore brings them back for {grace}"
        if step is Step.PRUNE:
            return f"deleted over {grace} ago"
        what = "of runs that are gone" if rule == "deleted" else "named by no run"
        settle, young = shown_age(self._settle), shown_age(store_age(self._grace))
        more = {
            Step.CONDEMN: f", marked now and removed {settle} from now or later",
            Step.CONDEMNED: f", marked less than {settle} ago",
            Step.YOUNG: f", but younger than {young}",
        }
        return what + more.get(step, "")
