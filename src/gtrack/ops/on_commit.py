"""A run for a commit: the params and metrics files that were committed, with the commit as their code."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import NoReturn

from gtrack.branch.committed import Committed, amended, head_branch, is_replayed, read_commit
from gtrack.branch.objects import COMMIT
from gtrack.branch.repository import Repository
from gtrack.capture.command import strip_credentials
from gtrack.clock import now_ns
from gtrack.config import Settings
from gtrack.errors import ConflictError, GtrackError, LockedError, UsageError
from gtrack.ids import SHORT, derived_ids, run_name
from gtrack.model.state import RunState
from gtrack.ops.begin import Identity, Request, begin, run_exists
from gtrack.ops.committed_values import CommittedValues, committed_values
from gtrack.ops.headline import headline_metrics, number
from gtrack.ops.recover import recover
from gtrack.ops.team import effective, team_settings

__all__ = ["record_commit"]

_LONGEST_NAME = 80
_PATIENCE = 2.0
"""Seconds that a commit waits for a gtrack that is writing at the moment."""


def record_commit(repo: Repository, *, tell: Callable[[str], None]) -> str | None:
    """Record the newest commit as a run, where it changed files that ``gtrack.yaml`` names under ``on_commit``.

    A commit is recorded when it changes a metrics file, or a params file where no metrics file is named. It is
    recorded once, whoever asks again. Commits that repeat older work are not: merges, rebases, cherry-picks and
    reverts. An amended commit is recorded anew, tagged with the commit that it ``amends``.

    Args:
        repo: The repository; its HEAD is at the commit.
        tell: Called with a sentence about what was recorded, or why something was not.

    Returns:
        The run's id, or None when there is nothing to record.

    Raises:
        GtrackError: The run cannot be recorded.
        OSError: The repository cannot be read or written.
    """
    head = repo.refs.read("HEAD")
    if repo.git is None or head is None or head_branch(repo) == repo.branch:
        return None
    team = team_settings(repo)
    for problem in team.problems:
        tell(str(problem))
    if not team.on_commit or is_replayed(repo, head):
        return None
    commit = read_commit(repo, head)
    if len(commit.parents) > 1:
        return None
    found = committed_values(repo, head, team.on_commit, tell=tell)
    if found is None or not (found.points or (found.params and not found.measured)):
        return None
    settings = effective(Settings.from_env(repo.env), repo, warn=lambda _: None)
    run_id, session = derived_ids("on_commit", head)
    if run_exists(run_id, repo, settings):
        return None
    state = _record(repo, Identity(run_id, session), _request(repo, commit, found, settings, tell), found, settings)
    tell(_told(run_id, state))
    return run_id


def _request(
    repo: Repository, commit: Committed, found: CommittedValues, settings: Settings, tell: Callable[[str], None]
) -> Request:
    before = amended(repo, commit.oid)
    return Request(
        name=commit.subject[:_LONGEST_NAME].strip() or run_name(commit.oid),
        experiment=settings.experiment or "default",
        params=found.params,
        tags={"on_commit": True, **({"amends": before} if before else {})},
        code=_code_facts(repo, commit, settings.code or "snapshot", tell),
    )


def _code_facts(repo: Repository, commit: Committed, policy: str, tell: Callable[[str], None]) -> dict[str, object]:
    """Return what run.yaml says of the code: the commit itself, whatever else is in the working tree."""
    if policy == "off":
        return {}
    branch = head_branch(repo)
    url = repo.config.get(f"remote.{repo.remote}.url") if repo.remote else None
    facts = {
        "commit": commit.oid,
        "branch": branch.removeprefix("refs/heads/") if branch else None,
        "dirty": False,
        "snapshot": _keep_snapshot(repo, commit, tell) if policy == "snapshot" else None,
        "tree": commit.tree,
        "cwd": ".",
        "remote": strip_credentials(url) if url else None,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _keep_snapshot(repo: Repository, commit: Committed, tell: Callable[[str], None]) -> str | None:
    """Keep the commit's tree as every run's code is kept, since an amended or rebased commit is collected some day."""
    from gtrack.branch.chain import keep_snapshot
    from gtrack.branch.snapshot import snapshot_object

    assert repo.git is not None
    try:
        snapshot = repo.objects.write(COMMIT, snapshot_object(commit.tree))
        keep_snapshot(
            repo.git,
            repo.paths.git_dir,
            snapshot,
            commit.tree,
            head=commit.oid,
            remote_ref_prefix=f"refs/remotes/{repo.remote}/" if repo.remote else None,
        )
    except (GtrackError, OSError) as error:
        tell(f"the code's snapshot is not kept: {error}")
        return None
    return snapshot


def _record(
    repo: Repository, identity: Identity, request: Request, found: CommittedValues, settings: Settings
) -> RunState | None:
    sentences: list[str] = []
    writer = begin(
        identity,
        request,
        repo=repo,
        settings=settings,
        env=repo.env,
        on_trouble=_refuse,
        warn=sentences.append,
    )
    if writer is None:
        raise ConflictError("; ".join(sentences) or "the run could not be recorded", hint="gtrack doctor")
    with contextlib.closing(writer):
        for key, step, time, value in found.points:
            writer.journal.append_at(key, value, step, None if time is None else time * 1000)
        writer.ledger.append("end", {"status": "finished", "ended": now_ns() // 1000, "error": None})
    try:
        done = recover(repo, [os.path.dirname(writer.folder), *settings.extra_spools], timeout=_PATIENCE)
    except LockedError:
        return None  # git waits for us: the next gtrack command records it
    for path, reason in done.failed:
        if path == writer.folder:
            raise ConflictError(f"run {identity.run_id[:SHORT]} could not be recorded: {reason}")
    return next((state for state in done.runs if state.id == identity.run_id), None)


def _told(run_id: str, state: RunState | None) -> str:
    if state is None:
        return f"run {run_id[:SHORT]} is kept; gtrack is busy, and its next command records it"
    metrics = ", ".join(f"{key}={number(value)}" for key, value in headline_metrics(state))
    return f"recorded run {run_id[:SHORT]} {state.name}" + (f": {metrics}" if metrics else "")


def _refuse(key: str, error: Exception) -> NoReturn:
    raise UsageError(f"{key!r:.80} cannot be logged: {error}") from error
