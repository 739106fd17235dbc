"""The functions on the active run, as scripts written for MLflow use them."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from gtrack import lifecycle
from gtrack.branch.repository import Repository
from gtrack.capture import seed as seeds
from gtrack.config import Settings, environment
from gtrack.errors import GtrackError, NotFoundError, RunActiveError, UsageError
from gtrack.format.plain import to_plain
from gtrack.ids import SHORT, is_run_id, new_run_id, new_session_id, run_name
from gtrack.notices import Notices
from gtrack.ops.begin import Identity, Request, choose_identity
from gtrack.run import Run

__all__ = [
    "active_run",
    "define_metric",
    "end_run",
    "log",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "note",
    "set_experiment",
    "set_seed",
    "set_tag",
    "set_tags",
    "start_run",
]

_NAME_BYTES = 512


class _Stack(threading.local):
    """The runs this thread has started and not ended, innermost last."""

    def __init__(self) -> None:
        self.runs: list[Run] = []


_stack = _Stack()
_shared: list[Run] = []
"""Runs of the main thread: what other threads log to when they have started none."""
_state: dict[str, Any] = {"experiment": None, "seed": {}, "started": 0, "repositories": {}}


def start_run(
    name: str | None = None,
    *,
    experiment: str | None = None,
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, object] | None = None,
    notes: str | None = None,
    run_name: str | None = None,
    run_id: str | None = None,
    resume: bool = False,
    force: bool = False,
    nested: bool = False,
    parent: str | Run | None = None,
    group: str | None = None,
    console: bool = False,
    command: Sequence[str] | None = None,
) -> Run:
    """Start a run and make it this thread's active run.

    The code that runs is kept as it is, uncommitted edits included; nothing of the checkout is touched.

    Args:
        name: The run's name; a readable one is made up without.
        experiment: The experiment; by default that of :func:`set_experiment`, ``GTRACK_EXPERIMENT`` or ``default``.
        params: What the run is given; nested as it is.
        tags: Words to find the run by.
        notes: A remark.
        run_name: The same as ``name``, as MLflow has it.
        run_id: The id of a new run, or with ``resume`` of the run to continue.
        resume: Continue the run ``run_id`` (any selector that ``gtrack show`` takes).
        force: Continue it even if it has finished.
        nested: Start a child of the active run.
        parent: The parent run, or its id.
        group: A name shared by runs that belong together.
        console: Keep what is printed, at the level of file descriptors.
        command: The command line to record, instead of this process's own.

    Returns:
        The run; a context manager that ends it.

    Raises:
        RunActiveError: A run is active, and ``nested`` is not set.
        UsageError: An argument cannot be used.
        NotFoundError: There is no run to resume.
        ConflictError: The run to resume is running.

    Example:
        >>> with gtrack.start_run(experiment="churn", params={"lr": 0.05}) as run:
        ...     run.log({"val_auc": 0.9}, step=0)
    """
    env = environment()
    settings = Settings.from_env(env)
    active = active_run()
    if active is not None and not nested and parent is None and _stack.runs:
        raise RunActiveError(
            f"run {active.id[:SHORT]} {active.name} is active in this thread",
            hint="end it with gtrack.end_run(), or start a child with nested=True",
        )
    warn = Notices(quiet=settings.quiet, run="").warn
    repo = _repository(env, warn)
    parent_id = parent.id if isinstance(parent, Run) else parent
    if nested and parent_id is None and active is not None:
        parent_id = active.id
    _check_text("name", name or run_name)
    _check_text("experiment", experiment)
    shown_experiment = experiment or _state["experiment"] or settings.experiment
    if resume:
        identity, request = _resumed(run_id, repo, force=force, params=params, tags=tags)
    else:
        if run_id is not None:
            identity = Identity(_new_id(run_id, repo), new_session_id())
        elif parent_id is not None:
            identity = Identity(new_run_id(), new_session_id())
        else:
            identity = choose_identity(settings, env, ordinal=_state["started"], warn=warn)
            _state["started"] += 1
            if settings.run_id is not None and identity.owner:
                parent_id = settings.run_id  # later runs of a process that joined one are its children
        first = settings.name if parent_id is None and _state["started"] <= 1 else None
        request = Request(
            name=name or run_name or first or _default_name(identity.run_id),
            experiment=shown_experiment or (active.experiment if active is not None and parent_id else "default"),
            params=_plain_map("params", params),
            tags=_plain_map("tags", tags),
            notes=(notes,) if notes else (),
            parent=parent_id,
            group=group,
            seed=dict(_state["seed"]),
            command=tuple(command) if command is not None else None,
        )
    run = Run(identity, request, repo=repo, settings=settings, console=console)
    if not identity.owner:
        run.describe(
            params=request.params,
            tags=request.tags,
            name=None if settings.name else name or run_name,
            experiment=None if settings.experiment else experiment or _state["experiment"],
        )
    _push(run)
    return run


def set_experiment(name: str) -> str:
    """Set the experiment of the runs that this process starts from here on.

    Args:
        name: The experiment's name.

    Returns:
        The name.

    Raises:
        UsageError: It is not a name.
    """
    _check_text("experiment", name)
    _state["experiment"] = name
    return name


def active_run() -> Run | None:
    """Return this thread's innermost open run, or the main thread's; None when there is none."""
    for runs in (_stack.runs, _shared):
        while runs and not runs[-1].active:
            runs.pop()
        if runs:
            return runs[-1]
    return None


def end_run(status: str = "finished") -> None:
    """End the active run, if there is one.

    Args:
        status: ``finished``, ``failed``, ``killed`` or ``preempted``; MLflow's upper-case forms are understood.
    """
    run = active_run()
    if run is not None:
        run.end(status.lower())


def log_metric(key: str, value: float, step: int | None = None) -> None:
    """Log one value of a metric to the active run; see :meth:`gtrack.Run.log_metric`."""
    _active().log_metric(key, value, step)


def log_metrics(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Log several metrics of one moment to the active run."""
    _active().log_metrics(metrics, step)


def log(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Log several metrics of one moment to the active run; the same as :func:`log_metrics`."""
    _active().log_metrics(metrics, step)


def log_param(key: str, value: object) -> object:
    """Log one param to the active run, and return its value."""
    return _active().log_param(key, value)


def log_params(params: Mapping[str, object]) -> None:
    """Log params to the active run."""
    _active().log_params(params)


def set_tag(key: str, value: object) -> None:
    """Set one tag of the active run."""
    _active().set_tag(key, value)


def set_tags(tags: Mapping[str, object]) -> None:
    """Set tags of the active run."""
    _active().set_tags(tags)


def note(text: str) -> None:
    """Write down a remark about the active run."""
    _active().note(text)


def define_metric(key: str, goal: str | None = None) -> None:
    """Say of a metric of the active run whether lower or higher is better."""
    _active().define_metric(key, goal)


def set_seed(seed: int, deterministic: bool = False) -> Mapping[str, object]:
    """Seed the random number generators, and record it with the active run or those started later.

    Args:
        seed: 0 to 2**32 - 1.
        deterministic: Also ask PyTorch for deterministic algorithms.

    Returns:
        What was seeded.

    Raises:
        UsageError: The seed is not such a number.
    """
    done = seeds.set_seed(seed, deterministic, env=environment())
    _state["seed"] = done
    run = active_run()
    if run is not None:
        run.record_seed(done)
    return done


def _active() -> Run:
    """The active run; one is started when there is none, as MLflow does."""
    return active_run() or start_run()


def _push(run: Run) -> None:
    _stack.runs.append(run)
    if threading.current_thread() is threading.main_thread():
        _shared[:] = [r for r in _shared if r.active] + [run]


def _repository(env: Mapping[str, str], warn: Any) -> Repository | None:
    """The repository around the working directory, opened once a process."""
    try:
        key = (os.getpid(), os.getcwd(), env.get("GIT_DIR"))
        known: dict[Any, Repository] = _state["repositories"]
        if key not in known:
            known[key] = Repository(key[1], env)
            lifecycle.at_exit(known[key].close)
        return known[key]
    except NotFoundError:
        return None
    except (GtrackError, OSError) as error:
        warn(str(error))
        return None


def _default_name(run_id: str) -> str:
    return run_name(run_id)


def _new_id(run_id: str, repo: Repository | None) -> str:
    if not is_run_id(run_id):
        raise UsageError(f"run_id {run_id!r:.60} is not 32 hex digits", hint="to continue a run: resume=True")
    if repo is not None:
        from gtrack.ops.load import load_run_files

        if load_run_files(repo, [repo.tree_of(repo.tip)], run_id).files:
            raise UsageError(f"run {run_id[:SHORT]} exists", hint="to continue it: resume=True")
    return run_id


def _resumed(
    selector: str | None,
    repo: Repository | None,
    *,
    force: bool,
    params: Mapping[str, object] | None,
    tags: Mapping[str, object] | None,
) -> tuple[Identity, Request]:
    if selector is None:
        raise UsageError("resume needs a run", hint="start_run(run_id=..., resume=True)")
    if repo is None:
        raise NotFoundError("there is no git repository with runs to resume", hint="cd into it")
    from gtrack.ops.resume import resume_request

    return resume_request(
        repo, selector, force=force, params=_plain_map("params", params), tags=_plain_map("tags", tags)
    )


def _plain_map(what: str, values: Mapping[str, object] | None) -> dict[str, object]:
    plain = to_plain(values or {})
    if not isinstance(plain, dict):
        raise UsageError(f"{what} is a {type(values).__name__}", hint=f"pass a dict: {what}={{...}}")
    return plain


def _check_text(what: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{what} is {value!r:.60}, not a name", hint="pass some text")
    if len(value.encode("utf-8", "replace")) > _NAME_BYTES:
        raise UsageError(f"{what} is longer than {_NAME_BYTES} bytes", hint="keep long texts in a note")
