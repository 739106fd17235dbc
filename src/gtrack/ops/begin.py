"""Beginning a run: its identity, its facts, its folder in a spool that can be written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gtrack.branch.author import author
from gtrack.branch.repository import Repository
from gtrack.capture.command import current_command
from gtrack.capture.environment import capture_environment
from gtrack.capture.launcher import detect_launcher
from gtrack.clock import iso, now_ns
from gtrack.config import Settings
from gtrack.errors import UsageError
from gtrack.ids import derived_ids, is_run_id, new_run_id, new_session_id
from gtrack.ops.code import capture_code
from gtrack.spool.records import NO_RANK
from gtrack.spool.writing import SpoolWriter, Trouble, create_run, join_run

__all__ = ["Identity", "Request", "begin", "choose_identity"]

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Identity:
    """Which run and session this process writes to, and as what.

    Attributes:
        run_id: The run.
        session: The session.
        owner: This process's end is the session's end.
        rank: Its rank under a launcher, or -1.
    """

    run_id: str
    session: str
    owner: bool = True
    rank: int = NO_RANK


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller of ``start_run`` asked for, checked.

    Attributes:
        name: The run's name.
        experiment: Its experiment.
        params: Plain values.
        tags: Plain values.
        notes: Remarks.
        parent: The id of the parent run, or None.
        group: A name shared by runs that belong together, or None.
        seed: What ``set_seed`` did before, or empty.
        resumes: The attempt's own fields when an earlier run is resumed: previous session, from_step.
        next_steps: The step that comes next for each key of a resumed run.
        command: The command line to record instead of this process's own.
    """

    name: str
    experiment: str
    params: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    parent: str | None = None
    group: str | None = None
    seed: Mapping[str, object] = field(default_factory=dict)
    resumes: Mapping[str, object] | None = None
    next_steps: Mapping[str, int] = field(default_factory=dict)
    command: tuple[str, ...] | None = None


def choose_identity(settings: Settings, env: Mapping[str, str], *, ordinal: int, warn: Warn) -> Identity:
    """Return the identity of a new top-level run of this process.

    Args:
        settings: The environment's settings; ``GTRACK_RUN_ID`` joins a run.
        env: The environment, to recognise a launcher.
        ordinal: How many top-level runs this process has started before.
        warn: Called with a sentence for the user.

    Raises:
        UsageError: ``GTRACK_RUN_ID`` is not a run id.
    """
    launcher = detect_launcher(env)
    rank = NO_RANK if launcher is None or launcher.rank is None else launcher.rank
    if launcher is not None and launcher.warning and rank in (NO_RANK, 0):
        warn(launcher.warning)
    if settings.run_id is not None and ordinal == 0:
        if not is_run_id(settings.run_id):
            raise UsageError("GTRACK_RUN_ID is not a run id (32 hex digits)", hint="unset GTRACK_RUN_ID")
        session = settings.session or derived_ids("joined", settings.run_id)[1]
        return Identity(settings.run_id, session, owner=False, rank=rank)
    if launcher is not None and launcher.identity is not None:
        run_id, session = derived_ids(*launcher.identity, ordinal)
        return Identity(run_id, session, owner=rank in (NO_RANK, 0), rank=rank)
    return Identity(new_run_id(), new_session_id(), rank=rank)


def begin(
    identity: Identity,
    request: Request,
    *,
    repo: Repository | None,
    settings: Settings,
    env: Mapping[str, str],
    on_trouble: Trouble,
    warn: Warn,
) -> SpoolWriter | None:
    """Open the run's folder in the first spool that can be written.

    Args:
        identity: The run, the session and this process's part in it.
        request: What to record.
        repo: The repository, or None.
        settings: The environment's settings.
        env: The environment.
        on_trouble: Called by the journal with values that could not be written.
        warn: Called with a sentence for the user.

    Returns:
        The open files, or None when no place can be written: the run is then not recorded, and training goes on.
    """
    reason: OSError | None = None
    for number, spool in enumerate(_spools(repo, settings)):
        try:
            writer = _begin_in(spool, identity, request, repo, settings, env, on_trouble, warn)
        except OSError as error:
            reason = reason or error
        else:
            if number:
                warn(f"{_why(reason)}; the run is kept in {spool} until: gtrack ingest {spool}")
            return writer
    warn(f"the run is not recorded: {_why(reason)}")
    return None


def _begin_in(
    spool: str,
    identity: Identity,
    request: Request,
    repo: Repository | None,
    settings: Settings,
    env: Mapping[str, str],
    on_trouble: Trouble,
    warn: Warn,
) -> SpoolWriter:
    if not identity.owner:
        return join_run(spool, identity.run_id, identity.session, rank=identity.rank, on_trouble=on_trouble)
    os.makedirs(spool, mode=0o700, exist_ok=True)
    prepared = os.path.join(spool, f".new-{identity.run_id}-{identity.session}")
    os.mkdir(prepared, 0o700)
    facts = _facts(identity, request, repo, settings, env, os.path.join(prepared, "objects"), warn)
    return create_run(
        spool,
        identity.run_id,
        identity.session,
        facts,
        resume=request.resumes is not None,
        repository=repo.paths.common_dir if repo is not None else None,
        rank=identity.rank,
        on_trouble=on_trouble,
        next_steps=request.next_steps,
        prepared=prepared,
    )


def _facts(
    identity: Identity,
    request: Request,
    repo: Repository | None,
    settings: Settings,
    env: Mapping[str, str],
    spool_objects: str,
    warn: Warn,
) -> dict[str, object]:
    """Return the document that becomes run.yaml, or the attempt of a resume."""
    started = iso(now_ns() // 1000)
    command = list(request.command) if request.command is not None else current_command(env)
    captured = {
        "code": capture_code(repo, settings, command, spool_objects=spool_objects, warn=warn),
        "environment": capture_environment(env),
        "seed": dict(request.seed),
    }
    if request.resumes is not None:
        return {"session": identity.session, "started": started, **request.resumes, **captured}
    return {
        "format": 1,
        "id": identity.run_id,
        "name": request.name,
        "experiment": request.experiment,
        "parent": request.parent,
        "group": request.group,
        "started": started,
        "session": identity.session,
        "author": author(repo.config if repo is not None else None, env),
        "params": dict(request.params),
        "tags": dict(request.tags),
        "notes": [{"time": started, "text": text} for text in request.notes],
        **captured,
    }


def _spools(repo: Repository | None, settings: Settings) -> list[str]:
    """The places to try, best first."""
    places = [settings.spool] if settings.spool else [repo.paths.spool] if repo is not None else []
    places.append(settings.state_spool)
    places.append(os.path.join(tempfile.gettempdir(), f"gtrack-{os.getuid()}", "spool"))
    return [os.path.abspath(place) for place in dict.fromkeys(places)]


def _why(error: OSError | None) -> str:
    if error is None:
        return "there is no git repository"
    return f"{error.filename or 'the spool'} cannot be written ({error.strerror or error})"
