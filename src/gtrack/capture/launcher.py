"""Who started this process, which rank it is, and what all ranks of one launch have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gtrack.capture.jobs import integer, surrounding_jobs, text
from gtrack.capture.process import launching_process, process_identity

__all__ = ["Launcher", "detect_launcher"]

_SLURM_RESERVED = 0xFFFFFFF0
"""Step ids from here on are Slurm's own: the batch script, an interactive shell; no launch of ranks (slurm.h)."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """What started this process.

    Attributes:
        kind: ``torchrun``, ``mpi``, ``slurm``, ``distributed``, ``ray``, ``hydra``, a batch system, ``kubernetes`` or
            the name of a CI service.
        job_id: The launcher's own name for the job.
        step: The step or array element within the job.
        restart: How often the launcher has restarted the job before, from 0.
        rank: This process's rank among ``world_size`` processes; None for a process that stands alone.
        local_rank: Its rank on this machine.
        world_size: How many processes the launch has.
        url: Where the job can be seen, without credentials.
        identity: What all ranks of this launch share and no other launch does, or None where nothing is known to be
            both: then each process is a run of its own, unless ``GTRACK_RUN_ID`` says otherwise.
        warning: What to tell the user about that, in one line.
        within: The launcher around this one, such as the Slurm job of a torchrun.
    """

    kind: str
    job_id: str | None = None
    step: str | None = None
    restart: int | None = None
    rank: int | None = None
    local_rank: int | None = None
    world_size: int | None = None
    url: str | None = None
    identity: tuple[str, ...] | None = None
    warning: str | None = None
    within: Launcher | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the facts for ``run.yaml``: neither what is unknown nor what serves this process alone."""
        names = ("kind", "job_id", "step", "restart", "rank", "local_rank", "world_size", "url")
        facts = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return {**facts, "within": self.within.as_dict()} if self.within else facts


def detect_launcher(env: Mapping[str, str], *, root: str = "/") -> Launcher | None:
    """Return what started this process, the innermost launcher first, or None for a plain command.

    Args:
        env: The process's environment.
        root: The directory that stands for ``/``.

    Example:
        >>> detect_launcher({"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "4", "SLURM_PROCID": "2"}).rank
        2
    """
    slurm = _slurm(env)
    # mpirun starts its daemons as a Slurm step, whose variables the ranks inherit: the ranks' own come first.
    ranked = _torchrun(env, slurm, root) or _mpi(env, root)
    if ranked is None and not (slurm and slurm.rank is not None):
        ranked = _pmi(env, root) or _distributed(env)
    chain = [ranked, slurm, *(Launcher(**facts) for facts in surrounding_jobs(env))]
    outer: Launcher | None = None
    for launcher in reversed(chain):
        if launcher is not None:
            outer = replace(launcher, within=outer)
    return outer


def _agent(variable: str, root: str) -> tuple[str, ...] | None:
    """Return the identity of the process that launched all ranks of this machine."""
    return process_identity(launching_process(variable, root), root)


def _torchrun(env: Mapping[str, str], slurm: Launcher | None, root: str) -> Launcher | None:
    """Read what torch.distributed.run sets for its workers (docs.pytorch.org/docs/stable/elastic/run.html)."""
    name = env.get("TORCHELASTIC_RUN_ID")
    if name is None:
        return None
    world, restart = integer(env, "WORLD_SIZE"), integer(env, "TORCHELASTIC_RESTART_COUNT") or 0
    identity: tuple[str, ...] | None = None
    warning = None
    if world is not None and world > 1:
        identity = ("torchrun", name, str(restart), f"{env.get('MASTER_ADDR', '')}:{env.get('MASTER_PORT', '')}")
        agent = _agent("TORCHELASTIC_RUN_ID", root) if world == integer(env, "LOCAL_WORLD_SIZE") else None
        if agent:
            identity += agent
        elif slurm and slurm.identity:
            identity += slurm.identity
        elif name == "none":
            warning = (
                "torchrun was given no name that only this launch has: pass --rdzv-id, or set GTRACK_RUN_ID, "
                "or a later launch at the same address joins this run"
            )
    return Launcher(
        "torchrun",
        job_id=None if name == "none" else text(env, "TORCHELASTIC_RUN_ID"),
        restart=restart,
        rank=integer(env, "RANK"),
        local_rank=integer(env, "LOCAL_RANK"),
        world_size=world,
        identity=identity,
        warning=warning,
    )


def _mpi(env: Mapping[str, str], root: str) -> Launcher | None:
    """Read what Open MPI, or the Hydra process manager of MPICH and Intel MPI, sets for its ranks."""
    if integer(env, "OMPI_COMM_WORLD_RANK") is not None:
        names = ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK")
        local_size = integer(env, "OMPI_COMM_WORLD_LOCAL_SIZE")
        # mpirun's own address holds a port of this launch; the name space of version 5 holds its host and pid.
        shared = env.get("OMPI_MCA_orte_hnp_uri") or env.get("PMIX_NAMESPACE")
    elif integer(env, "MPI_LOCALNRANKS") is not None:
        names, local_size, shared = ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"), integer(env, "MPI_LOCALNRANKS"), None
    else:
        return None
    return _mpi_launcher(env, names, local_size, shared, root)


def _pmi(env: Mapping[str, str], root: str) -> Launcher | None:
    # srun sets these for a task that stands alone, too.
    if integer(env, "PMI_RANK") is None or (integer(env, "PMI_SIZE") or 0) < 2:
        return None
    return _mpi_launcher(env, ("PMI_RANK", "PMI_SIZE", "PMI_LOCAL_RANK"), integer(env, "PMI_LOCAL_SIZE"), None, root)


def _mpi_launcher(
    env: Mapping[str, str], names: tuple[str, str, str], local_size: int | None, shared: str | None, root: str
) -> Launcher:
    world = integer(env, names[1])
    identity: tuple[str, ...] | None = None
    warning = None
    if world is not None and world > 1:
        agent = _agent(names[0], root) if world == local_size else None
        if agent or shared:
            identity = ("mpi", shared or "", *(agent or ()))
        else:
            warning = _no_identity("mpi")
    return Launcher(
        "mpi",
        rank=integer(env, names[0]),
        local_rank=integer(env, names[2]),
        world_size=world,
        identity=identity,
        warning=warning,
    )


def _no_identity(kind: str) -> str:
    return f"the ranks of this {kind} launch share no name: set GTRACK_RUN_ID for all of them, or each is its own run"


def _slurm(env: Mapping[str, str]) -> Launcher | None:
    """Read what Slurm sets for a job and, within a step that ``srun`` started, for each task (srun(1))."""
    job = text(env, "SLURM_JOB_ID", "SLURM_JOBID")
    if job is None:
        return None
    array, element = text(env, "SLURM_ARRAY_JOB_ID"), text(env, "SLURM_ARRAY_TASK_ID")
    shown = f"{array}_{element}" if array and element else job
    restart = integer(env, "SLURM_RESTART_COUNT") or 0
    step = integer(env, "SLURM_STEP_ID", "SLURM_STEPID")
    if step is None or step >= _SLURM_RESERVED:
        # A program of the batch script itself: SLURM_NTASKS is then what the job may start, not what runs here.
        return Launcher("slurm", job_id=shown, restart=restart)
    world = integer(env, "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_NPROCS")
    alone = world is None or world < 2
    return Launcher(
        "slurm",
        job_id=shown,
        step=str(step),
        restart=restart,
        rank=None if alone else integer(env, "SLURM_PROCID"),
        local_rank=None if alone else integer(env, "SLURM_LOCALID"),
        world_size=world,
        identity=None if alone else ("slurm", env.get("SLURM_CLUSTER_NAME", ""), job, str(step), str(restart)),
    )


def _distributed(env: Mapping[str, str]) -> Launcher | None:
    """Read the variables of ``torch.distributed``'s env:// rendezvous, which many launchers set."""
    rank, world = integer(env, "RANK"), integer(env, "WORLD_SIZE")
    if rank is None or world is None or world < 2:
        return None
    return Launcher(
        "distributed",
        rank=rank,
        local_rank=integer(env, "LOCAL_RANK"),
        world_size=world,
        warning=_no_identity("distributed"),
    )
