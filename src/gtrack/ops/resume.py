"""Resuming a run: what a new session of it starts from."""

from __future__ import annotations

from dataclasses import replace

from gtrack.branch.repository import Repository
from gtrack.capture.launcher import detect_launcher
from gtrack.config import Settings
from gtrack.errors import ConflictError, UsageError
from gtrack.ids import SHORT, derived_ids, new_session_id
from gtrack.model.fold import fold_run
from gtrack.model.state import RunState
from gtrack.ops.begin import Identity, Request
from gtrack.ops.recover import recover
from gtrack.ops.view import View
from gtrack.spool.records import NO_RANK

__all__ = ["last_session", "resume_request"]


def resume_request(
    repo: Repository, selector: str, given: Request, *, force: bool, ordinal: int = 0
) -> tuple[Identity, Request]:
    """Return the identity and the request of a session that continues a run.

    Under a launcher the first rank resumes the run, and the others join its session.

    Args:
        repo: The repository.
        selector: The run.
        given: What the caller passed: seed and command are those of the new session, the rest is the run's.
        force: Continue it even if it has finished.
        ordinal: How many runs this process has resumed before.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: It is running.
        UsageError: It has finished, and ``force`` is not set.
    """
    recover(repo, Settings.from_env(repo.env).extra_spools)
    view = View(repo)
    state = view.state(view.select(selector))
    launcher = detect_launcher(repo.env)
    rank = NO_RANK if launcher is None or launcher.rank is None else launcher.rank
    shared = launcher.identity if launcher is not None else None
    owner = rank in (NO_RANK, 0) or shared is None
    live = state.live
    if shared is not None:
        # What other ranks have logged by now is of the session that begins here, and nothing to go on from.
        state = fold_run(state.id, view.files(state.id).documents)
    if owner:
        _check_ended(state, live=live, force=force)
    resumes: dict[str, object] = {
        "previous": last_session(state),
        "from_step": max((summary.step for summary in state.metrics.values()), default=None),
    }
    session = derived_ids(*shared, "resume", state.id, ordinal)[1] if shared is not None else new_session_id()
    request = replace(
        given,
        name=state.name,
        experiment=state.experiment,
        params=state.params,
        tags=state.tags,
        notes=(),
        parent=state.parent,
        group=state.group,
        resumes=resumes,
        next_steps={key: summary.step + 1 for key, summary in state.metrics.items()},
    )
    return Identity(state.id, session, owner=owner, rank=rank), request


def last_session(state: RunState) -> str | None:
    """Return the session that a new one follows: the last that is more than values added to an ended run."""
    decisive = [s for s in state.sessions if s.details.get("appended") is not True] or list(state.sessions)
    return decisive[-1].id if decisive else None


def _check_ended(state: RunState, *, live: bool, force: bool) -> None:
    shown = f"run {state.id[:SHORT]} {state.name}"
    if live:
        raise ConflictError(f"{shown} is running", hint="end it first, or join it: GTRACK_RUN_ID")
    if state.status == "finished" and not force:
        raise UsageError(f"{shown} has finished", hint="to continue it all the same: force=True")
