"""Recording what ended: every sealable spool, in one commit, by whoever holds the lock."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from gtrack.branch.lock import repository_lock
from gtrack.branch.repository import Repository
from gtrack.model.state import RunState
from gtrack.spool.directory import SpoolRun, list_spool

__all__ = ["Recovered", "is_of_another", "recover", "spools_of"]


@dataclass(slots=True)
class Recovered:
    """What was recorded.

    Attributes:
        commit: The branch's tip afterwards, or None when there was nothing to record.
        runs: The state of each run that got new files.
        failed: What could not be recorded: the spool's path and why. It stays where it is.
        lost: What was recorded without all of its content: the spool's path, and a sentence about it.
    """

    commit: str | None = None
    runs: list[RunState] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)


def spools_of(repo: Repository, extra: Sequence[str]) -> list[SpoolRun]:
    """Return the runs waiting in the repository's spool, and those of this repository in other spools.

    Args:
        repo: The repository.
        extra: Spools that may hold runs of several repositories.
    """
    runs = list(list_spool(repo.paths.spool))
    for spool in extra:
        if os.path.realpath(spool) != os.path.realpath(repo.paths.spool):
            runs += [run for run in list_spool(spool) if _belongs(run, repo)]
    return runs


def recover(
    repo: Repository,
    extra_spools: Sequence[str] = (),
    *,
    timeout: float = 60.0,
    certain: bool = False,
) -> Recovered:
    """Record every run whose process ended without doing so itself, killed ones included.

    Args:
        repo: The repository.
        extra_spools: Spools outside the repository to look into.
        timeout: Seconds to wait for the repository's lock.
        certain: There is something to record: look for what may have ended, and see under the lock what has.

    Raises:
        LockedError: Another process held the lock for all that time.
        RepositoryError: The branch cannot be written.
        OSError: The disk is full or read-only.
    """
    # A look without the lock: most commands find nothing to do.
    runs = spools_of(repo, extra_spools)
    due = [run for run in runs if (run.may_have_ended() if certain else _is_due(run))]
    if not due:
        return Recovered()
    waiting = [run.path for run in due]

    def recorded() -> bool:
        while waiting and not os.path.lexists(waiting[-1]):
            waiting.pop()
        return not waiting

    # Most commands find nothing to do, and need none of this.
    from gtrack.ops.keep_objects import keep_ahead
    from gtrack.ops.sealing import is_time_to_sweep, load_libraries, seal_spools, sweep_sealed

    load_libraries(due)
    keep_ahead(repo, due)
    # Of many processes that end at once one records all: when it has, the others need no lock.
    with repository_lock(repo.paths.home, timeout=timeout, unless=recorded) as held:
        if not held:
            return Recovered()
        out = seal_spools(repo, [run for run in spools_of(repo, extra_spools) if _is_due(run)])
        if is_time_to_sweep(repo):
            sweep_sealed(repo, [repo.paths.spool, *extra_spools])
    return out


def _is_due(run: SpoolRun) -> bool:
    """A cheap guess whether sealing would find something.

    Workers of a session wait for its owner: a launch of 64 ranks is one commit, not 64.
    """
    alive = {w: w.is_alive() for w in run.writers()}
    if not alive:
        return True
    if all(alive.values()):
        return False  # before its owners' files are read: most spools are those of live runs
    owners = run.owners()
    busy = {w.session for w, is_alive in alive.items() if is_alive and owners.get(w.session) == w.id}
    return any(not is_alive and w.session not in busy for w, is_alive in alive.items())


def _belongs(run: SpoolRun, repo: Repository) -> bool:
    return os.path.realpath(repo.paths.common_dir) in _repositories(run)


def is_of_another(run: SpoolRun, repo: Repository) -> bool:
    """Tell whether a run in a spool that several repositories may share names another one than this."""
    if os.path.realpath(run.path).startswith(os.path.realpath(repo.paths.spool) + os.sep):
        return False  # whatever it names: a repository may be moved
    named = _repositories(run)
    return bool(named) and os.path.realpath(repo.paths.common_dir) not in named


def _repositories(run: SpoolRun) -> set[str]:
    named = (run.owner_document(session).get("repository") for session in run.owners())
    return {os.path.realpath(where) for where in named if isinstance(where, str)}
