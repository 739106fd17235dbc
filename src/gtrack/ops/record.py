"""Recording a run that is over already: ``gtrack log``, beside ``git commit``."""

from __future__ import annotations

import contextlib
import operator
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gtrack.clock import iso, now_ns
from gtrack.config import Settings
from gtrack.errors import ConflictError, UsageError
from gtrack.ids import SHORT, new_run_id, new_session_id, run_name
from gtrack.notices import Notices
from gtrack.ops.begin import Identity, Request, begin
from gtrack.ops.policy_runs import under_policy
from gtrack.ops.recover import recover
from gtrack.ops.resume import last_session
from gtrack.ops.team import effective
from gtrack.ops.view import View
from gtrack.spool.writing import SpoolWriter, create_run, join_run

if TYPE_CHECKING:
    from gtrack.model.state import RunState
    from gtrack.reader import RecordedRun, Repo

__all__ = ["Point", "append_to_run", "record_run"]

Point = tuple[str, int | None, int | None, float]
"""A metric's name, step, time (us since the epoch) and value; without a step the next integer, without a time now."""


def record_run(
    repo: Repo,
    *,
    params: Mapping[str, object],
    points: Sequence[Point],
    tags: Mapping[str, object],
    message: str | None = None,
    name: str | None = None,
    experiment: str | None = None,
    bypass_policy: str | None = None,
) -> str:
    """Record a finished run, with the code as it is now.

    Args:
        repo: The repository.
        params: Its params.
        points: Its metric values.
        tags: Its tags.
        message: A note.
        name: Its name; a readable one is made up without.
        experiment: Its experiment.
        bypass_policy: The reason why the team's policy does not hold for it; it is recorded.

    Returns:
        The run's id.

    Raises:
        PolicyError: The team's policy does not allow it.
    """
    _check(points)
    run_id = new_run_id()
    warn = Notices(quiet=False, run=run_id).warn
    settings = effective(Settings.from_env(repo.env), repo.repository, warn=warn, strict=True)
    request = Request(
        name=name or run_name(run_id),
        experiment=experiment or settings.experiment or "default",
        params=params,
        tags=tags,
        notes=(message,) if message else (),
    )
    request = under_policy(
        repo.repository,
        request,
        run_id,
        named=bool(name),
        settings=settings,
        warn=warn,
        bypass=bypass_policy,
        metrics=dict.fromkeys(key for key, *_ in points),
    )
    writer = begin(
        Identity(run_id, new_session_id()),
        request,
        repo=repo.repository,
        settings=settings,
        env=repo.env,
        on_trouble=_raise,
        warn=warn,
    )
    if writer is None:
        raise ConflictError("the run could not be recorded", hint="gtrack doctor")
    with contextlib.closing(writer):
        _write(writer, points)
        writer.ledger.append("end", {"status": "finished", "ended": now_ns() // 1000, "error": None})
    _record(repo, writer.folder)
    return run_id


def append_to_run(
    repo: Repo,
    run: RecordedRun,
    *,
    params: Mapping[str, object],
    points: Sequence[Point],
    tags: Mapping[str, object],
    message: str | None = None,
) -> None:
    """Add to a run; whether and how it has ended stays as it is.

    Values join the series of the run's last session, as those of a late worker do: a session of their own would
    supersede all values from its first step on. What else is added to an ended run is a session of its own, so that
    it stands later than what was said before.

    Args:
        repo: The repository.
        run: The run.
        params: Params to add.
        points: Metric values to add; without a step they follow the metric's last one.
        tags: Tags to set.
        message: A note.
    """
    _check(points)
    state = run.state
    present = View(repo.repository).spool(run.id)
    # Not GTRACK_SPOOL: files of a worker there, without their run's owner, would say nothing of the repository.
    spool = os.path.dirname(present.path) if present is not None else repo.repository.paths.spool
    session = last_session(state)
    following = {key: summary.step + 1 for key, summary in state.metrics.items()}
    if session is not None and (points or state.live):
        with contextlib.closing(join_run(spool, run.id, session, on_trouble=_raise)) as late:
            _write(late, points, following)
            if state.live:
                _write_facts(late, params, tags, message)
    if not state.live:
        with contextlib.closing(_open_appended(repo, state, spool)) as appended:
            _write_facts(appended, params, tags, message)
            _write(appended, points if session is None else ())
            appended.ledger.append("end", {"status": None, "ended": now_ns() // 1000, "error": None})
    _record(repo, os.path.join(spool, run.id))


def _write_facts(
    writer: SpoolWriter, params: Mapping[str, object], tags: Mapping[str, object], message: str | None
) -> None:
    writer.ledger.append("logged", {"params": dict(params), "tags": dict(tags)})
    if message:
        writer.ledger.append("note", {"text": message})


def _open_appended(repo: Repo, state: RunState, spool: str) -> SpoolWriter:
    session = new_session_id()
    facts = {
        "session": session,
        "started": iso(now_ns() // 1000),
        "previous": last_session(state),
        "appended": True,
    }
    where = repo.repository.paths.common_dir
    return create_run(spool, state.id, session, facts, resume=True, repository=where, on_trouble=_raise)


def _write(writer: SpoolWriter, points: Sequence[Point], following: Mapping[str, int] | None = None) -> None:
    following = dict(following or {})
    for key, step, time, value in points:
        if step is None and key in following:
            step = following.pop(key)  # noqa: PLW2901
        writer.journal.append_at(key, value, step, None if time is None else time * 1000)


def _check(points: Sequence[Point]) -> None:
    """Refuse what cannot be logged before anything of it is written."""
    for key, step, _, value in points:
        try:
            float(value)
            if step is not None:
                operator.index(step)
        except (TypeError, ValueError, OverflowError) as error:
            raise UsageError(f"{key!r:.80} cannot be logged: {error!s:.200}") from None


def _record(repo: Repo, folder: str) -> None:
    done = recover(repo.repository, [os.path.dirname(folder), *Settings.from_env(repo.env).extra_spools])
    for path, reason in done.failed:
        if path == folder:
            raise ConflictError(f"run {os.path.basename(path)[:SHORT]} could not be recorded: {reason}")


def _raise(key: str, error: Exception) -> None:
    """Somebody is at the command line: tell instead of going on."""
    raise UsageError(f"{key!r:.80} cannot be logged: {error}") from error
