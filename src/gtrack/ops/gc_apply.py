"""Doing what the plan of a garbage collection says, in stages of which each can be killed and done again.

1. Experiments that are over are archived, and runs that the policy lets go are deleted; both can be taken back.
2. Runs that were deleted long enough ago get a tombstone.
3. All that is pushed: before bytes go, everybody must be able to see why.
4. What nothing names then is removed: from the store (what was condemned before; the rest is condemned now), from this
   clone's part of the git store, at last from its cache. What somebody began to name meanwhile is sent again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from gtrack.branch.author import author
from gtrack.branch.commit import commit_files
from gtrack.branch.object_store import forget
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import tracking
from gtrack.branch.transport import Transport
from gtrack.clock import later_stamp, now_ns
from gtrack.errors import ConflictError, GtrackError, LockedError
from gtrack.format import yaml
from gtrack.ids import SHORT, sha12
from gtrack.index.query import Query
from gtrack.model.retention import GRACE
from gtrack.ops import edit
from gtrack.ops.experiments import archive
from gtrack.ops.gc import Gathered, gather, refuse_blocked, store_of, tips_of
from gtrack.ops.gc_plan import SHELVES, Plan, Step
from gtrack.ops.gc_references import References, local_references, references
from gtrack.ops.gc_shelves import condemn, forget_condemned, remove_from_store
from gtrack.ops.objects import object_cache, outbox_of
from gtrack.ops.push import push
from gtrack.ops.used_files import forget_file
from gtrack.store.trouble import said_by

if TYPE_CHECKING:
    from gtrack.reader import Repo
    from gtrack.store.place import Place

__all__ = ["Collected", "collect"]

T = TypeVar("T")

_RUNS_A_COMMIT = 500


@dataclass(slots=True)
class Collected:
    """What a collection did.

    Attributes:
        archived: Experiments that were archived.
        deleted: Runs that were deleted, by the rule that let them go.
        pruned: Runs that got a tombstone.
        removed: Objects that were removed, by shelf.
        freed: Their bytes, by shelf.
        condemned: Objects of the store that were condemned.
        condemned_size: Their bytes.
        failed: What could not be removed, and why; another collection tries again.
    """

    archived: list[str] = field(default_factory=list)
    deleted: dict[str, list[str]] = field(default_factory=dict)
    pruned: list[str] = field(default_factory=list)
    removed: Counter[str] = field(default_factory=Counter)
    freed: Counter[str] = field(default_factory=Counter)
    condemned: int = 0
    condemned_size: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {
            "archived": list(self.archived),
            "deleted": {rule: list(runs) for rule, runs in self.deleted.items()},
            "pruned": list(self.pruned),
            "removed": {name: self.removed[name] for name in SHELVES},
            "freed": {**{name: self.freed[name] for name in SHELVES}, "git_history": 0},
            "condemned": self.condemned,
            "condemned_bytes": self.condemned_size,
            "failed": dict(self.failed),
        }


def collect(
    repo: Repo,
    *,
    grace: float = GRACE,
    others: Sequence[str] = (),
    interactive: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Collected:
    """Collect garbage by the team's policy.

    Killed at any moment, the next call does the rest. One process of a clone collects at a time.

    Args:
        repo: The repository.
        grace: Seconds from a deletion until it is final.
        others: Clones of other repositories that use the same store.
        interactive: Let git ask for credentials.
        tell: Told what is being done.

    Returns:
        What was done.

    Raises:
        ConflictError: Something stands in the way, and nothing was changed; or another collection is at work here.
        NetworkError: The remote did not take what has to be seen before bytes go: nothing was removed.

    Example:
        >>> collect(gtrack.Repo(".")).freed["cache"]
        1048576
    """
    with _alone(repo.repository):
        gathered = gather(repo, grace=grace, others=others, interactive=interactive)
        refuse_blocked(gathered.plan)
        done = Collected()
        _archive(repo, gathered.plan, done)
        _delete(repo, gathered.plan, done, tell)
        _prune(repo, gathered, done, tell)
        if _publish(repo.repository, interactive, tell) or done.archived or done.deleted or done.pruned:
            gathered = gather(repo, grace=grace, others=others, interactive=interactive)
            refuse_blocked(gathered.plan)
        _Removal(repo.repository, gathered, done, interactive, tell).run()
    return done


@contextmanager
def _alone(repo: Repository) -> Iterator[None]:
    os.makedirs(repo.paths.home, mode=0o700, exist_ok=True)
    fd = os.open(os.path.join(repo.paths.home, "gc.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError("another gtrack gc is at work in this clone", hint="wait for it") from None
        except OSError:
            pass  # a disk without locks: everything that two of them do is done once
        yield
    finally:
        os.close(fd)


def _archive(repo: Repo, plan: Plan, done: Collected) -> None:
    for name in plan.fates.archive:
        archive(repo.repository, name)
        done.archived.append(name)


def _delete(repo: Repo, plan: Plan, done: Collected, tell: Callable[[str], None]) -> None:
    piles = plan.runs(Step.DELETE)
    if not piles:
        return
    wanted = {run_id for pile in piles for run_id in pile.runs}
    runs = {run.id: run for run in repo.find(Query(deleted=False)) if run.id in wanted}
    for pile in piles:
        present = [runs[run_id] for run_id in pile.runs if run_id in runs]
        tell(f"deleting {len(present):,} runs: {pile.why}")
        for some in _batches(present):
            edit.delete(repo, some, f"retention policy, {pile.rule}: {pile.why}"[:500])
            done.deleted.setdefault(pile.rule, []).extend(run.id for run in some)


def _prune(repo: Repo, gathered: Gathered, done: Collected, tell: Callable[[str], None]) -> None:
    runs = [run_id for pile in gathered.plan.runs(Step.PRUNE) for run_id in pile.runs]
    repository = repo.repository
    by = author(repository.config, repo.env)
    for some in _batches(runs):
        tell(f"pruning {len(some):,} runs")
        with repository.lock():
            files = dict(_tombstone(run_id, gathered, by) for run_id in some)
            commit_files(repository, files, f"gc: {len(some):,} runs pruned", "\n".join(map(_short, some)), by=by)
        done.pruned += some


def _tombstone(run_id: str, gathered: Gathered, by: str) -> tuple[str, bytes]:
    why = "; ".join(gathered.plan.fates.verdicts[run_id].why)
    data = yaml.dump({"format": 1, "run": run_id, "reason": why, "author": by})
    moment = later_stamp(now_ns() // 1000, gathered.known.stamps.get(run_id))
    return f"tombstones/{run_id[:2]}/{run_id}/{moment}-{sha12(data)}.yaml", data


def _publish(repo: Repository, interactive: bool, tell: Callable[[str], None]) -> bool:
    """Send what says why bytes are about to go; whether anything was sent."""
    if repo.remote is None or repo.tip is None or repo.tip == repo.remote_tip:
        return False
    tell(f"pushing to {repo.remote}")
    sent = push(repo, consent=False, interactive=interactive)
    if sent.place == "inbox":
        raise ConflictError(
            f"{sent.remote} is busy and has what was recorded in an inbox: no bytes go before it is on the branch",
            hint="gtrack gc --apply, in a while",
        )
    return True


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[at : at + _RUNS_A_COMMIT] for at in range(0, len(items), _RUNS_A_COMMIT))


def _short(run_id: str) -> str:
    return run_id[:SHORT]


class _Removal:
    """The removal of objects."""

    def __init__(
        self,
        repo: Repository,
        gathered: Gathered,
        done: Collected,
        interactive: bool,
        tell: Callable[[str], None],
    ) -> None:
        self.repo = repo
        self.gathered = gathered
        self.done = done
        self.interactive = interactive
        self.tell = tell
        self._known: References = gathered.known
        self._tips = gathered.tips

    def run(self) -> None:
        with store_of(self.repo) as place:
            if place is not None and "store" in self.gathered.shelves:
                self._from_store(place)
        self._from_git()
        self._from_cache()

    def _from_store(self, place: Place) -> None:
        shelf, plan = self.gathered.shelves["store"], self.gathered.plan
        going = self._still_unnamed(plan.objects(Step.REMOVE, "store"))
        if going:
            self.tell(f"removing {len(going):,} objects from the store")
            gone, failed = remove_from_store(place, {digest: shelf.objects[digest] for digest in going})
            self._gone("store", gone)
            self.done.failed.update(failed)
        news = self._still_unnamed(plan.objects(Step.CONDEMN, "store"))
        if news:
            condemn(self.repo, place, {digest: shelf.objects[digest] for digest in news}, now_us=plan.now_us)
            self.done.condemned = len(news)
            self.done.condemned_size = sum(shelf.objects[digest].size for digest in news)
        waiting = plan.objects(Step.CONDEMNED, "store")
        forget_condemned(self.repo, place, {*news, *waiting, *self.done.failed})

    def _from_git(self) -> None:
        shelf = self.gathered.shelves["git"]
        going = self._still_unnamed(self.gathered.plan.objects(Step.REMOVE, "git"))
        if not going:
            return
        self.tell(f"removing {len(going):,} objects from the git store")
        names = tracking(self.repo)
        try:
            forget(self.repo, Transport(self.repo, names.remote, interactive=self.interactive), names, going)
        except GtrackError as error:
            self.done.failed.update(dict.fromkeys(going, said_by(error)))
        else:
            self._gone("git", {digest: shelf.objects[digest].size for digest in going})

    def _from_cache(self) -> None:
        """Remove the copies here, under the lock under which others begin to name what is here."""
        shelf, cache = self.gathered.shelves["cache"], object_cache(self.repo)
        going = self.gathered.plan.objects(Step.REMOVE, "cache")
        with self.repo.lock():
            for digest in self._still_unnamed(going) if going else ():
                with contextlib.suppress(FileNotFoundError):
                    forget_file(self.repo, digest)
                    if cache.remove(digest):
                        self._gone("cache", {digest: shelf.objects[digest].size})

    def _gone(self, shelf: str, sizes: Mapping[str, int]) -> None:
        self.done.removed[shelf] += len(sizes)
        self.done.freed[shelf] += sum(sizes.values())
        if shelf != "cache":
            self._send_again(sizes)

    def _still_unnamed(self, digests: Iterable[str]) -> list[str]:
        """Return those of some objects that nothing names now either."""
        named = self._named_now()
        return [digest for digest in digests if digest not in named]

    def _named_now(self) -> Mapping[str, object]:
        """Return what names objects now: all of it again where the branch has moved, else what is in this clone."""
        tips = tips_of(self.repo)
        if tips != self._tips:
            self._known, self._tips = references(self.repo), tips
        waiting = {waiting.digest: "" for waiting in outbox_of(self.repo).entries() if not self._is_over(waiting.runs)}
        return {**self._known.users(), **self._known.fixed, **waiting, **local_references(self.repo)}

    def _is_over(self, runs: Sequence[str]) -> bool:
        return bool(runs) and self._known.pruned.issuperset(runs)

    def _send_again(self, sizes: Mapping[str, int]) -> None:
        """Mark what a run began to name while it was being removed: the next push sends it from the cache."""
        outbox = outbox_of(self.repo)
        named = self._named_now()
        users = self._known.users()
        for digest, size in sizes.items():
            mark = outbox.get(digest)
            runs = [*users.get(digest, ()), *(mark.runs if mark is not None else ())]
            if digest in named and runs:  # a run that is not sealed yet marks it when it is
                outbox.add(digest, size, None, runs[0])
            elif mark is not None and self._is_over(mark.runs):
                outbox.remove(digest)
