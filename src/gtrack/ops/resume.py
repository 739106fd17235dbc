"""Resuming a run: what a new session of it starts from."""

from __future__ import annotations

from collections.abc import Mapping

from gtrack.branch.repository import Repository
from gtrack.config import Settings
from gtrack.errors import ConflictError, UsageError
from gtrack.ids import SHORT, new_session_id
from gtrack.model.state import RunState
from gtrack.ops.begin import Identity, Request
from gtrack.ops.recover import recover
from gtrack.ops.view import View

__all__ = ["last_session", "resume_request"]


def resume_request(
    repo: Repository,
    selector: str,
    *,
    force: bool,
    params: Mapping[str, object],
    tags: Mapping[str, object],
) -> tuple[Identity, Request]:
    """Return the identity and the request of a session that continues a run.

    Args:
        repo: The repository.
        selector: The run.
        force: Continue it even if it has finished.
        params: Params given anew.
        tags: Tags given anew.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: It is running.
        UsageError: It has finished, and ``force`` is not set.
    """
    recover(repo, Settings.from_env(repo.env).extra_spools)
    state = View(repo).state(View(repo).select(selector))
    short = state.id[:SHORT]
    if state.live:
        raise ConflictError(f"run {short} {state.name} is running", hint="end it first, or join it: GTRACK_RUN_ID")
    if state.status == "finished" and not force:
        raise UsageError(f"run {short} {state.name} has finished", hint="to continue it all the same: force=True")
    resumes: dict[str, object] = {
        "previous": last_session(state),
        "from_step": max((summary.step for summary in state.metrics.values()), default=None),
    }
    resumes |= {name: dict(value) for name, value in (("params", params), ("tags", tags)) if value}
    request = Request(
        name=state.name,
        experiment=state.experiment,
        params={**state.params, **params},
        tags={**state.tags, **tags},
        parent=state.parent,
        resumes=resumes,
        next_steps={key: summary.step + 1 for key, summary in state.metrics.items()},
    )
    return Identity(state.id, new_session_id()), request


def last_session(state: RunState) -> str | None:
    """Return the session that a new one follows."""
    decisive = [s for s in state.sessions if s.status is not None or s.ended is None] or list(state.sessions)
    return decisive[-1].id if decisive else None
