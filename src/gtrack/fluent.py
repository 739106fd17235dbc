"""The functions on the active run, as scripts written for MLflow use them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from gtrack import lifecycle
from gtrack.capture import seed as seeds
from gtrack.config import Settings, environment
from gtrack.errors import GtrackError, NotFoundError, RunActiveError, UsageError
from gtrack.format.plain import to_plain
from gtrack.ids import SHORT, is_run_id, new_session_id
from gtrack.ids import run_name as run_name_of
from gtrack.notices import Notices
from gtrack.ops.begin import Identity, Request, choose_identity, run_exists
from gtrack.ops.team import effective, has_policy
from gtrack.run import Run

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.model.state import RunState
    from gtrack.reader import RecordedRun

__all__ = [
    "active_run",
    "current_run",
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
_state: dict[str, Any] = {"experiment": None, "seed": {}, "started": {}, "resumed": count(), "repositories": {}}
"""The process's own settings; counters of the runs it has started, by parent, and resumed; its open repositories."""


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
    parent: str | Run | RecordedRun | None = None,
    group: str | None = None,
    console: bool = False,
    command: Sequence[str] | None = None,
    system_metrics: bool | None = None,
    bypass_policy: str | None = None,
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
        parent: The parent run, or any selector that names it.
        group: A name shared by runs that belong together.
        console: Keep what is printed, at the level of file descriptors.
        command: The command line to record, instead of this process's own.
        system_metrics: False does not measure the machine (CPU, memory, disk, network, GPUs), which is done every five
            seconds otherwise, or as the settings say; True does in any case.
        bypass_policy: The reason why the team's policy does not hold for this run; it is recorded.

    Returns:
        The run; a context manager that ends it.

    Raises:
        RunActiveError: A run is active, and ``nested`` is not set.
        UsageError: An argument cannot be used.
        NotFoundError: There is no such run to resume, or no such parent.
        ConflictError: The run to resume is running.
        PolicyError: The team's policy does not allow the run; there is nothing of it.

    Example:
        >>> with gtrack.start_run(experiment="churn", params={"lr": 0.05}) as run:
        ...     run.log({"val_auc": 0.9}, step=0)
    """
    settings = Settings.from_env(environment())
    active = active_run()
    if active is not None and not nested and parent is None and _stack.runs:
        raise RunActiveError(
            f"run {active.id[:SHORT]} {active.name} is active in this thread",
            hint="end it with gtrack.end_run(), or start a child with nested=True",
        )
    for what, text in (("name", name), ("run_name", run_name), ("experiment", experiment), ("group", group)):
        _check_text(what, text)
    warn = Notices(quiet=settings.quiet, run="").warn
    repo, why_not = _repository(environment())
    # The environment's own settings are what the launch asked for; the others fill gaps.
    told = _measuring(effective(settings, repo, warn=warn), system_metrics)
    chosen = experiment or _state["experiment"] or settings.experiment
    given = Request(
        name=name or run_name or "",
        experiment=chosen or told.experiment or "default",
        params=_plain_map("params", params),
        tags=_plain_map("tags", tags),
        notes=(notes,) if notes else (),
        group=group,
        seed=dict(_state["seed"]),
        command=tuple(command) if command is not None else None,
    )
    if resume:
        identity, request = _resumed(run_id, repo, given, force=force)
    else:
        above = _parent(parent, repo) or (active if nested else None)
        identity, ordinal = _identity(run_id, above.id if above else None, repo, settings, warn)
        parent_id = above.id if above else None
        if settings.run_id not in (None, identity.run_id) and parent_id is None:
            parent_id = settings.run_id  # later runs of a process that joined one are its children
        named = given.name or (settings.name if parent_id is None and ordinal == 0 else None)
        request = replace(
            given,
            name=named or run_name_of(identity.run_id),
            experiment=chosen or (above.experiment if above else given.experiment),
            parent=parent_id,
        )
        # The processes of one launch refuse alike; one that joins a run finds it allowed.
        if identity.owner or settings.run_id is None:
            request = _under_policy(
                repo, request, identity, told, warn, (bool(named), chosen is not None), bypass=bypass_policy
            )
    run = Run(identity, request, repo=repo, settings=told, console=console, why_no_repository=why_not)
    if resume or not identity.owner:
        run.describe(
            params=given.params,
            tags=given.tags,
            name=None if settings.name or resume else given.name,
            experiment=None if settings.experiment or resume else experiment or _state["experiment"],
            notes=given.notes,
        )
    _push(run)
    return run


def set_experiment(name: str | None = None, *, experiment_name: str | None = None) -> str:
    """Set the experiment of the runs that this process starts from here on.

    Args:
        name: The experiment's name.
        experiment_name: The same as ``name``, as MLflow has it.

    Returns:
        The name.

    Raises:
        UsageError: It is not a name.
    """
    chosen = name if name is not None else experiment_name
    if chosen is None:
        raise UsageError("set_experiment was given no name", hint='gtrack.set_experiment("churn")')
    _check_text("experiment", chosen)
    _state["experiment"] = chosen
    return chosen


def active_run() -> Run | None:
    """Return this thread's innermost open run, or the main thread's; None when there is none."""
    for runs in (_stack.runs, _shared):
        while runs and not runs[-1].active:
            runs.pop()
        if runs:
            return runs[-1]
    return None


def end_run(status: str = "finished") -> None:
    """End the active run, if there is one; a thread that has started none does not end the main thread's.

    Args:
        status: ``finished``, ``failed``, ``killed`` or ``preempted``; MLflow's upper-case forms are understood.

    Raises:
        UsageError: There is no such status.
    """
    run = active_run()
    if run is not None and _stack.runs:
        run.end(str(status).lower())


def log_metric(key: str, value: float, step: int | None = None) -> None:
    """Log one value of a metric to the active run; see :meth:`gtrack.Run.log_metric`."""
    current_run().log_metric(key, value, step)


def log_metrics(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Log several metrics of one moment to the active run."""
    current_run().log_metrics(metrics, step)


def log(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Log several metrics of one moment to the active run; the same as :func:`log_metrics`."""
    current_run().log_metrics(metrics, step)


def log_param(key: str, value: object) -> object:
    """Log one param to the active run, and return its value."""
    return current_run().log_param(key, value)


def log_params(params: Mapping[str, object]) -> None:
    """Log params to the active run."""
    current_run().log_params(params)


def set_tag(key: str, value: object) -> None:
    """Set one tag of the active run."""
    current_run().set_tag(key, value)


def set_tags(tags: Mapping[str, object]) -> None:
    """Set tags of the active run."""
    current_run().set_tags(tags)


def note(text: str) -> None:
    """Write down a remark about the active run."""
    current_run().note(text)


def define_metric(key: str, goal: str | None = None) -> None:
    """Say of a metric of the active run whether lower or higher is better."""
    current_run().define_metric(key, goal)


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


def current_run() -> Run:
    """Return the active run; one is started when there is none, as MLflow does."""
    return active_run() or start_run()


def _measuring(settings: Settings, system_metrics: bool | None) -> Settings:
    """Return settings with what the caller says of measuring the machine."""
    if system_metrics is None or (system_metrics and settings.system_metrics):
        return settings
    return replace(settings, system_metrics=None if system_metrics else 0.0)


def _under_policy(
    repo: Repository | None,
    request: Request,
    identity: Identity,
    settings: Settings,
    warn: Callable[[str], None],
    chosen: tuple[bool, bool],
    *,
    bypass: str | None,
) -> Request:
    """Return the request as the team's policy has it; ``chosen`` tells whether its name and its experiment were."""
    if bypass is not None and not (isinstance(bypass, str) and bypass.strip()):
        raise UsageError("a bypass of the policy needs a reason", hint='bypass_policy="hotfix for the outage"')
    if repo is None or not has_policy(repo):
        return request
    from gtrack.ops.policy_runs import under_policy

    named, placed = chosen
    return under_policy(
        repo,
        request,
        identity.run_id,
        settings=settings,
        warn=warn,
        bypass=bypass,
        named=named,
        placed=placed,
        follows=not identity.owner,
    )


def _push(run: Run) -> None:
    _stack.runs.append(run)
    if threading.current_thread() is threading.main_thread():
        _shared[:] = [r for r in _shared if r.active] + [run]


def _repository(env: Mapping[str, str]) -> tuple[Repository | None, str]:
    """Return the repository around the working directory, opened once a process, or None and why not."""
    try:
        from gtrack.branch.repository import Repository

        key = (os.getpid(), os.getcwd(), env.get("GIT_DIR"))
        known: dict[Any, Repository] = _state["repositories"]
        if key not in known:
            known[key] = Repository(key[1], env)
            lifecycle.at_exit(known[key].close)
    except (GtrackError, OSError, ImportError) as error:  # a broken library is trouble of the tracker, too
        return None, str(error)
    return known[key], ""


def _identity(
    run_id: str | None, parent: str | None, repo: Repository | None, settings: Settings, warn: Callable[[str], None]
) -> tuple[Identity, int]:
    """The identity of a new run, and how many of its kind this process has started before."""
    if run_id is not None:
        if not is_run_id(run_id):
            raise UsageError(f"run_id {run_id!r:.60} is not 32 hex digits", hint="to continue a run: resume=True")
        if run_exists(run_id, repo, settings):
            raise UsageError(f"run {run_id[:SHORT]} exists", hint="to continue it: resume=True")
        return Identity(run_id, new_session_id()), 0
    # Counters, since taking the next number is atomic: threads start runs at once.
    ordinal = next(_state["started"].setdefault(parent, count()))
    return choose_identity(settings, environment(), ordinal=ordinal, repo=repo, warn=warn, parent=parent), ordinal


def _parent(parent: str | Run | RecordedRun | None, repo: Repository | None) -> Run | RunState | RecordedRun | None:
    """The run that was named as parent; an id that is not known here may be another machine's."""
    if parent is None or not isinstance(parent, str):
        if parent is not None and not is_run_id(getattr(parent, "id", "")):
            raise UsageError(f"parent is a {type(parent).__name__}", hint="pass a run, or its id")
        return parent
    from gtrack.model.fold import fold_run

    if repo is not None:
        from gtrack.ops.view import View

        view = View(repo)
        if not is_run_id(parent) or parent in view.run_ids:
            return view.state(view.select(parent))
    if not is_run_id(parent):
        raise NotFoundError("there is no git repository with runs to be parents", hint="cd into it")
    return fold_run(parent, ())


def _resumed(selector: str | None, repo: Repository | None, given: Request, *, force: bool) -> tuple[Identity, Request]:
    if selector is None:
        raise UsageError("resume needs a run", hint="start_run(run_id=..., resume=True)")
    if repo is None:
        raise NotFoundError("there is no git repository with runs to resume", hint="cd into it")
    from gtrack.ops.resume import resume_request

    return resume_request(repo, selector, given, force=force, ordinal=next(_state["resumed"]))


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
