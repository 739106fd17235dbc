"""Beginning a run: its identity, its facts, its folder in a spool that can be written."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtrack.capture.command import current_command
from gtrack.capture.environment import capture_environment
from gtrack.capture.launcher import detect_launcher
from gtrack.clock import iso, now_ns
from gtrack.config import Settings
from gtrack.errors import GtrackError, UsageError
from gtrack.ids import derived_ids, is_run_id, new_run_id, new_session_id
from gtrack.ops.code import capture_code
from gtrack.spool.directory import SpoolRun
from gtrack.spool.records import NO_RANK
from gtrack.spool.writing import SpoolWriter, Trouble, create_run, join_run

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository

__all__ = ["Identity", "Request", "begin", "choose_identity", "join", "run_exists"]

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
        code: What to record of the code, instead of looking at the checkout.
        policy: What the team's policy is told of the start: where it stands, and the bypass; None without one.
        lacking: Says, from params and tags, what the policy misses at the first metric; None where nothing looks.
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
    code: Mapping[str, object] | None = None
    policy: Mapping[str, object] | None = None
    lacking: Callable[[Mapping[str, object], Mapping[str, object]], str | None] | None = None


def choose_identity(
    settings: Settings,
    env: Mapping[str, str],
    *,
    ordinal: int,
    repo: Repository | None,
    warn: Warn,
    parent: str | None = None,
) -> Identity:
    """Return the identity of a new run of this process; the ranks of one launch come to the same.

    Args:
        settings: The environment's settings; ``GTRACK_RUN_ID`` joins a run.
        env: The environment, to recognise a launcher.
        ordinal: How many runs of the same parent this process has started before.
        repo: The repository, to see whether the run to join is there.
        warn: Called with a sentence for the user.
        parent: The id of the parent run, or None for a top-level run.

    Raises:
        UsageError: ``GTRACK_RUN_ID`` is not a run id.
    """
    launcher = detect_launcher(env)
    rank = NO_RANK if launcher is None or launcher.rank is None else launcher.rank
    if launcher is not None and launcher.warning and rank in (NO_RANK, 0):
        warn(launcher.warning)
    first = rank in (NO_RANK, 0)
    if settings.run_id is not None and ordinal == 0 and parent is None:
        if not is_run_id(settings.run_id):
            raise UsageError("GTRACK_RUN_ID is not a run id (32 hex digits)", hint="unset GTRACK_RUN_ID")
        if settings.session is not None:
            return Identity(settings.run_id, settings.session, owner=False, rank=rank)
        # A run names its session to those it wants to join it. Without one, a person chose the id, for instance for
        # all ranks of a launch that has no name of its own: the first of them starts the run.
        session = derived_ids("joined", settings.run_id)[1]
        owner = first and not run_exists(settings.run_id, repo, settings)
        return Identity(settings.run_id, session, owner=owner, rank=rank)
    if launcher is not None and launcher.identity is not None:
        within = () if parent is None else ("child of", parent)
        run_id, session = derived_ids(*launcher.identity, *within, ordinal)
        return Identity(run_id, session, owner=first, rank=rank)
    return Identity(new_run_id(), new_session_id(), rank=rank)


def run_exists(run_id: str, repo: Repository | None, settings: Settings) -> bool:
    """Tell whether somebody has started a run of this id, as far as is known here."""
    from gtrack.ops.load import load_run_files

    if any(SpoolRun(os.path.join(spool, run_id)).owners() for spool in _spools(repo, settings)):
        return True
    if repo is None:
        return False
    try:
        trees = [repo.tree_of(commit) for commit in (repo.tip, repo.remote_tip)]
        return any(file.kind == "run" for file in load_run_files(repo, trees, run_id).files)
    except (GtrackError, OSError):
        return False  # a damaged branch: those who write to it tell


def begin(
    identity: Identity,
    request: Request,
    *,
    repo: Repository | None,
    settings: Settings,
    env: Mapping[str, str],
    on_trouble: Trouble,
    warn: Warn,
    why_no_repository: str = "there is no git repository here",
) -> SpoolWriter | None:
    """Open the run's folder in the first spool that can be written.

    What goes wrong on the way is told in one warning: why, and what becomes of the run.

    Args:
        identity: The run, the session and this process's part in it.
        request: What to record.
        repo: The repository, or None.
        settings: The environment's settings.
        env: The environment.
        on_trouble: Called by the journal with values that could not be written.
        warn: Called with a sentence for the user.
        why_no_repository: What to say where ``repo`` is None.

    Returns:
        The open files, or None when no place can be written: the run is then not recorded, and training goes on.
    """
    reason = why_no_repository if repo is None else None
    for number, spool in enumerate(_spools(repo, settings)):
        sentences: list[str] = []
        try:
            writer = _begin_in(spool, identity, request, repo, settings, env, on_trouble, sentences.append)
        except OSError as error:
            reason = reason or _why(error)
        else:
            if identity.owner and (number or repo is None):
                warn(f"{reason}; the run is kept in {spool} until {_what_takes_it_in(spool, repo, settings)}")
            for sentence in sentences:
                warn(sentence)
            return writer
    warn(f"the run is not recorded: {reason or 'no directory can be written'}")
    return None


def join(
    spool: str, identity: Identity, *, on_trouble: Trouble, next_steps: Mapping[str, int] | None = None
) -> SpoolWriter:
    """Open files of this process in a run that another process has created, or is about to create.

    Args:
        spool: The spool.
        identity: The run, the session and this process's rank.
        on_trouble: Called by the journal with values that could not be written.
        next_steps: The step that comes next for each key of a resumed run: without them, values logged without a step
            would begin at 0 again, and take the place of the earlier session's.

    Raises:
        OSError: The spool cannot be written.
    """
    return join_run(
        spool,
        identity.run_id,
        identity.session,
        rank=identity.rank,
        on_trouble=on_trouble,
        next_steps=next_steps,
    )


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
        return join(spool, identity, on_trouble=on_trouble, next_steps=request.next_steps)
    os.makedirs(spool, mode=0o700, exist_ok=True)
    prepared = os.path.join(spool, f".new-{identity.run_id}-{identity.session}")
    os.mkdir(prepared, 0o700)
    try:
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
    except BaseException:
        shutil.rmtree(prepared, ignore_errors=True)
        raise


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
    from gtrack.branch.author import author

    started = iso(now_ns() // 1000)
    if request.code is not None:
        code = dict(request.code)
    else:
        command = list(request.command) if request.command is not None else current_command(env)
        code = capture_code(repo, settings, command, spool_objects=spool_objects, warn=warn)
    captured = {
        "code": code,
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
        **({} if request.policy is None else {"policy": dict(request.policy)}),
        **captured,
    }


def _spools(repo: Repository | None, settings: Settings) -> Iterator[str]:
    """Yield the places to try, best first."""
    best = settings.spool or (repo.paths.spool if repo is not None else settings.state_spool)
    yield os.path.abspath(best)
    if best != settings.state_spool:
        yield os.path.abspath(settings.state_spool)
    with contextlib.suppress(OSError):  # there may be no directory for temporary files that can be written
        import tempfile

        yield os.path.abspath(os.path.join(tempfile.gettempdir(), f"gtrack-{os.getuid()}", "spool"))


def _what_takes_it_in(spool: str, repo: Repository | None, settings: Settings) -> str:
    """Every command looks into the spools of the environment, for runs of its own repository."""
    if repo is not None and spool in map(os.path.abspath, settings.extra_spools):
        return "a gtrack command can record it"
    import shlex

    return f"it is taken in: gtrack ingest {shlex.quote(spool)}"


def _why(error: OSError) -> str:
    return f"{error.filename or 'the spool'} cannot be written ({error.strerror or error})"
