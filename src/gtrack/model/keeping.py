"""Which runs stay and which go, by a team's policy: a pure function of what is known of the runs.

A run goes in two steps. First it is *deleted*, which hides it and can be taken back; when nobody has restored it for
the grace period it is *pruned*, and the files that it alone names are free to go. What a run that stays was made from
(the runs whose artifacts it uses, its parent) stays with it, to whatever depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from gtrack.ids import SHORT
from gtrack.model.retention import Policy, Rules, shown_age

__all__ = ["Fate", "Known", "Verdict", "decide", "over_age"]

FAILED = ("failed", "killed", "preempted")
"""Statuses of runs that ended otherwise than they should."""


class Fate(Enum):
    """What becomes of a run."""

    KEEP = "keep"
    DELETE = "delete"
    WAIT = "wait"
    PRUNE = "prune"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Known:
    """What has to be known of a run to decide about it.

    Attributes:
        id: Its id.
        experiment: Its experiment.
        status: Its status.
        moment: When it ended, else its last sign of life, in microseconds since the epoch; None where not known.
        place: Its place among the finished runs of its experiment, from 1; None without a value.
        ranked: Somebody said by which metric the experiment's runs are compared.
        tags: The names of its tags.
        from_runs: The ids of the runs it was made from: those whose artifacts it uses, its parent.
        live: It is being recorded in this clone.
        deleted: When it was deleted, in microseconds since the epoch; None where it is not.
        pruned: It has a tombstone that is in effect.
        named: Why it stays whatever the policy says, such as ``registered as churn``; None where nothing names it.
    """

    id: str
    experiment: str = "default"
    status: str = "finished"
    moment: int | None = None
    place: int | None = None
    ranked: bool = True
    tags: frozenset[str] = frozenset()
    from_runs: frozenset[str] = frozenset()
    live: bool = False
    deleted: int | None = None
    pruned: bool = False
    named: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a run, and why.

    Attributes:
        fate: ``KEEP``; ``DELETE``, which can be taken back; ``WAIT``, deleted and within the grace period; ``PRUNE``;
            ``GONE``, pruned before.
        why: The rules that say so, in words; of a run that stays, all of them.
        rule: The rule that lets it go, in a word or two, for a summary: ``failed``, ``newest``, ``deleted``; of a run
            that stays, that which keeps it.
    """

    fate: Fate
    why: tuple[str, ...] = ()
    rule: str = ""


@dataclass(slots=True)
class _Draft:
    keep: list[tuple[str, str]] = field(default_factory=list)
    goes: tuple[str, str] = ("", "")


def decide(runs: Iterable[Known], policy: Policy, *, now_us: int, grace: float) -> dict[str, Verdict]:
    """Decide what becomes of every run.

    Args:
        runs: All runs that there are.
        policy: The team's policy.
        now_us: The present, in microseconds since the epoch.
        grace: Seconds from a deletion until it is final.

    Returns:
        A verdict by run id.

    Example:
        >>> old = Known("3f2a9c1d7b6e4a508c2f9e0d1a7b3c55", status="failed", moment=0)
        >>> decide([old], Policy(Rules(failed=30 * DAY)), now_us=10**15, grace=GRACE)[old.id].fate
        <Fate.DELETE: 'delete'>
    """
    known = {run.id: run for run in runs}
    drafts = {run.id: _by_rules(run, policy.rules_of(run.experiment), now_us) for run in known.values()}
    present = [run for run in known.values() if run.deleted is None and not run.pruned]
    staying = [run.id for run in present if drafts[run.id].keep] + [run.id for run in known.values() if run.named]
    lineage = _above(staying, known)
    # A deleted run that can still be restored must find what it was made from.
    final = {run.id for run in known.values() if _is_final(run, now_us, grace) and run.id not in lineage}
    held = _above([run_id for run_id in known if run_id not in final and not known[run_id].pruned], known)
    return {
        run.id: _verdict(
            run, drafts[run.id], lineage.get(run.id), held.get(run.id), final=run.id in final, now_us=now_us
        )
        for run in known.values()
    }


def over_age(policy: Policy, newest: Mapping[str, int], *, now_us: int) -> dict[str, float]:
    """Return the experiments that are over by the policy, each with its age in seconds.

    Args:
        policy: The team's policy.
        newest: The last sign of life of each experiment's newest run, in microseconds since the epoch.
        now_us: The present.
    """
    ages = {name: (now_us - moment) / 1e6 for name, moment in newest.items()}
    limits = {name: policy.rules_of(name).archive for name in newest}
    return {name: age for name, age in ages.items() if (limit := limits[name]) is not None and age > limit}


def _by_rules(run: Known, rules: Rules, now_us: int) -> _Draft:
    """Return which rules keep a run by itself, and which one lets it go where none does."""
    out = _Draft()
    failed = run.status in FAILED
    limit = rules.failed_age if failed else rules.finished_age
    age = None if run.moment is None else (now_us - run.moment) / 1e6
    name = "failed" if failed and rules.failed is not None else "newest"
    tagged = sorted(run.tags & set(rules.tagged or ()))
    if run.named:
        out.keep.append((run.named.partition(" ")[0], run.named))
    if run.live or run.status not in (*FAILED, "finished"):
        out.keep.append((run.status, f"it is {'being recorded' if run.live else run.status}"))
    if tagged:
        out.keep.append(("tagged", f"tagged {tagged[0]}"))
    if not failed and rules.best is not None:
        out.keep.extend(_by_place(run, rules.best))
    if age is None or age <= limit:
        out.keep.append((name, _young(age, limit, name, stated=(rules.failed if failed else rules.newest) is not None)))
    else:
        out.goes = (name, f"{run.status} {shown_age(age)} ago; {name} keeps {shown_age(limit)}")
    return out


def _by_place(run: Known, best: int) -> list[tuple[str, str]]:
    if not best:
        return []
    if not run.ranked:
        return [
            ("best", f"nobody said by which metric the runs of {run.experiment} are compared, so none is not the best")
        ]
    if run.place is None or run.place > best:
        return []
    return [("best", f"number {run.place} of {run.experiment}; best keeps {best}")]


def _young(age: float | None, limit: float, name: str, *, stated: bool) -> str:
    if age is None:
        return "nothing tells when it ended"
    if not stated:
        return "no rule lets it go"
    return f"{shown_age(max(age, 0.0))} since it ended or was brought back; {name} keeps {shown_age(limit)}"


def _is_final(run: Known, now_us: int, grace: float) -> bool:
    """Tell whether a run was deleted long enough ago, and nothing but another run's lineage can hold it."""
    deleted = run.deleted is not None and (now_us - run.deleted) / 1e6 > grace
    return deleted and not run.pruned and not run.named and not _is_going_on(run)


def _is_going_on(run: Known) -> bool:
    return run.live or run.status == "running"


def _above(roots: Sequence[str], known: Mapping[str, Known]) -> dict[str, str]:
    """Return everything that some runs were made from, each with the run that it is named by. Cycles end."""
    out: dict[str, str] = {}
    waiting = list(roots)
    seen = set(waiting)
    while waiting:
        by = waiting.pop()
        for run_id in sorted(known[by].from_runs & known.keys()) if by in known else ():
            out.setdefault(run_id, by)
            if run_id not in seen:
                seen.add(run_id)
                waiting.append(run_id)
    return out


def _verdict(
    run: Known, draft: _Draft, used_by: str | None, held_by: str | None, *, final: bool, now_us: int
) -> Verdict:
    if run.pruned:
        return Verdict(Fate.GONE, ("it was pruned",), "pruned")
    lineage = [] if used_by is None else [("lineage", f"run {used_by[:SHORT]}, which stays, was made from it")]
    if run.deleted is not None:
        return _of_deleted(run, lineage, held_by, final=final, now_us=now_us)
    reasons = [*draft.keep, *lineage]
    if reasons:
        return Verdict(Fate.KEEP, tuple(text for _, text in reasons), reasons[0][0])
    return Verdict(Fate.DELETE, (draft.goes[1],), draft.goes[0])


def _of_deleted(
    run: Known, lineage: Sequence[tuple[str, str]], held_by: str | None, *, final: bool, now_us: int
) -> Verdict:
    assert run.deleted is not None
    said = f"deleted {shown_age(max(0.0, (now_us - run.deleted) / 1e6))} ago"
    if final and held_by is None:
        return Verdict(Fate.PRUNE, (said,), "deleted")
    holding = [text for _, text in lineage]
    if not holding and held_by is not None:
        holding = [f"run {held_by[:SHORT]}, which can still be restored, was made from it"]
    if _is_going_on(run):
        holding.insert(0, "it is still being recorded")
    if run.named:
        holding.insert(0, run.named)
    return Verdict(Fate.WAIT, (said, *holding), "needed" if holding else "deleted")
