"""Which launcher is seen in which environment, and what its ranks have in common."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from gtrack.capture.launcher import Launcher, detect_launcher
from gtrack.ids import derived_ids

SLURM = {
    "SLURM_CLUSTER_NAME": "hpc",
    "SLURM_JOB_ID": "4711",
    "SLURM_STEP_ID": "0",
    "SLURM_NTASKS": "4",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "0",
}
TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_RESTART_COUNT": "0",
    "RANK": "1",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "2",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29500",
}
OPENMPI = {
    "OMPI_COMM_WORLD_RANK": "3",
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "PMIX_NAMESPACE": "prterun-node1-77@1",
}


def detect(env: dict[str, str], root: str = "/") -> Launcher:
    launcher = detect_launcher(env, root=root)
    assert launcher is not None
    return launcher


def machine(root: Path, boot: str = "b0-07", started: int = 77) -> str:
    """Make a ``/proc`` in which our parent is a launcher."""
    folder = root / f"proc/{os.getppid()}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stat").write_text(f"{os.getppid()} (torchrun) S 1 {' '.join(['0'] * 17)} {started}\n")
    (folder / "environ").write_bytes(b"HOME=/x\0")
    (root / "proc/sys/kernel/random").mkdir(parents=True, exist_ok=True)
    (root / "proc/sys/kernel/random/boot_id").write_text(boot)
    return str(root)


def test_a_plain_command_has_no_launcher() -> None:
    assert detect_launcher({"PATH": "/bin", "HOME": "/home/ada"}) is None


def test_the_tasks_of_a_slurm_step_share_an_identity_and_differ_in_rank() -> None:
    ranks = [detect(SLURM | {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank % 2)}) for rank in range(4)]
    assert [launcher.rank for launcher in ranks] == [0, 1, 2, 3]
    assert {launcher.identity for launcher in ranks} == {("slurm", "hpc", "4711", "0", "0")}
    assert ranks[3].world_size == 4


@pytest.mark.parametrize(
    "change",
    [
        {"SLURM_JOB_ID": "4712"},
        {"SLURM_STEP_ID": "1"},
        {"SLURM_RESTART_COUNT": "1"},
        {"SLURM_CLUSTER_NAME": "other"},
    ],
)
def test_another_job_step_restart_or_cluster_is_another_launch(change: dict[str, str]) -> None:
    ids = [derived_ids(*(detect(env).identity or ())) for env in (SLURM, SLURM | change)]
    assert ids[0] != ids[1]


def test_programs_of_a_batch_script_share_nothing_although_the_job_has_many_tasks() -> None:
    env = {key: value for key, value in SLURM.items() if "STEP" not in key}
    launcher = detect(env)
    assert (launcher.identity, launcher.rank, launcher.world_size) == (None, None, None)
    assert launcher.as_dict() == {"kind": "slurm", "job_id": "4711", "restart": 0}


@pytest.mark.parametrize("step", ["4294967290", "4294967291", "4294967292"])
def test_the_steps_of_slurm_itself_are_no_launch(step: str) -> None:
    assert detect(SLURM | {"SLURM_STEP_ID": step}).identity is None


def test_a_single_task_started_by_srun_is_a_run_of_its_own() -> None:
    launcher = detect(SLURM | {"SLURM_STEP_NUM_TASKS": "1", "PMI_RANK": "0", "PMI_SIZE": "1"})
    assert (launcher.kind, launcher.identity, launcher.rank) == ("slurm", None, None)


def test_an_old_slurm_spells_the_step_differently() -> None:
    env = {key: value for key, value in SLURM.items() if key not in ("SLURM_STEP_ID", "SLURM_STEP_NUM_TASKS")}
    assert detect(env | {"SLURM_STEPID": "0"}).identity == ("slurm", "hpc", "4711", "0", "0")


def test_elements_of_a_job_array_are_shown_by_array_and_told_apart_by_job() -> None:
    launcher = detect(SLURM | {"SLURM_ARRAY_JOB_ID": "4000", "SLURM_ARRAY_TASK_ID": "9"})
    assert launcher.job_id == "4000_9"
    assert launcher.identity == ("slurm", "hpc", "4711", "0", "0")


def test_two_launches_of_torchrun_on_one_machine_differ_though_their_variables_are_equal(tmp_path: Path) -> None:
    first = detect(TORCHRUN, machine(tmp_path, started=77))
    same = detect(TORCHRUN | {"RANK": "0", "LOCAL_RANK": "0"}, machine(tmp_path, started=77))
    later = detect(TORCHRUN, machine(tmp_path, started=78))
    rebooted = detect(TORCHRUN, machine(tmp_path, boot="b0-08", started=77))
    assert first.identity == same.identity is not None
    assert len({first.identity, later.identity, rebooted.identity}) == 3
    assert first.warning is None
    assert first.rank == 1


def test_torchrun_over_several_machines_without_a_name_warns(tmp_path: Path) -> None:
    launcher = detect(TORCHRUN | {"WORLD_SIZE": "4"}, machine(tmp_path))
    assert launcher.identity == ("torchrun", "none", "0", "node1:29500")
    assert "--rdzv-id" in (launcher.warning or "")
    assert "GTRACK_RUN_ID" in (launcher.warning or "")


def test_torchrun_over_several_machines_with_a_name_needs_no_warning(tmp_path: Path) -> None:
    env = TORCHRUN | {"WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "exp-7"}
    launcher = detect(env, machine(tmp_path))
    assert launcher.warning is None
    assert launcher.job_id == "exp-7"
    assert detect(env | {"TORCHELASTIC_RESTART_COUNT": "1"}, machine(tmp_path)).identity != launcher.identity


def test_torchrun_within_a_slurm_step_takes_its_identity_from_both(tmp_path: Path) -> None:
    launcher = detect(SLURM | TORCHRUN | {"WORLD_SIZE": "8"}, machine(tmp_path))
    assert launcher.kind == "torchrun"
    assert launcher.rank == 1  # not Slurm's, which is the agent's
    assert launcher.warning is None
    assert (launcher.identity or ())[-5:] == ("slurm", "hpc", "4711", "0", "0")
    assert launcher.as_dict()["within"]["job_id"] == "4711"


def test_a_single_worker_of_torchrun_is_a_run_of_its_own(tmp_path: Path) -> None:
    launcher = detect(TORCHRUN | {"WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1", "RANK": "0"}, machine(tmp_path))
    assert (launcher.identity, launcher.warning) == (None, None)


def test_torchrun_on_a_machine_that_hides_its_processes_warns(tmp_path: Path) -> None:
    launcher = detect(TORCHRUN, str(tmp_path))
    assert launcher.identity == ("torchrun", "none", "0", "node1:29500")
    assert launcher.warning


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_real_ranks_agree_below_a_real_launcher_even_through_a_shell() -> None:
    rank = "import os; from gtrack.capture.launcher import detect_launcher as d; print(*d(os.environ).identity)"
    launch = (
        "import os, subprocess, sys\n"
        "for n in '01':\n"
        "    env = dict(os.environ, RANK=n, LOCAL_RANK=n, WORLD_SIZE='2', LOCAL_WORLD_SIZE='2',\n"
        "               TORCHELASTIC_RUN_ID='none', MASTER_ADDR='localhost', MASTER_PORT='29500')\n"
        '    line = \'"$0" -c "$1"; true\'\n'
        "    ranked = ['sh', '-c', line, sys.executable, sys.argv[1]]\n"
        "    print(subprocess.check_output(ranked, env=env, text=True), end='')\n"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", launch, rank]
    launches = [subprocess.check_output(command, env=env, text=True, timeout=60).splitlines() for _ in range(2)]
    assert [len(set(ranks)) for ranks in launches] == [1, 1]
    assert launches[0][0] != launches[1][0]


def test_mpi_ranks_over_several_machines_share_the_name_space() -> None:
    launcher = detect(OPENMPI)
    assert (launcher.kind, launcher.rank, launcher.local_rank, launcher.world_size) == ("mpi", 3, 1, 4)
    assert launcher.identity == ("mpi", "prterun-node1-77@1")


def test_mpi_ranks_on_one_machine_also_share_their_launcher(tmp_path: Path) -> None:
    env = OPENMPI | {"OMPI_COMM_WORLD_LOCAL_SIZE": "4"}
    first, later = (detect(env, machine(tmp_path, started=ticks)).identity for ticks in (1, 2))
    assert first != later


def test_mpirun_inside_a_slurm_job_is_not_taken_for_the_step_of_its_daemons() -> None:
    launcher = detect(SLURM | OPENMPI)
    assert (launcher.kind, launcher.rank) == ("mpi", 3)
    assert launcher.within is not None
    assert launcher.within.kind == "slurm"


def test_mpich_over_several_machines_warns_as_it_gives_no_name() -> None:
    env = {"PMI_RANK": "1", "PMI_SIZE": "4", "MPI_LOCALRANKID": "1", "MPI_LOCALNRANKS": "2"}
    launcher = detect(env)
    assert (launcher.rank, launcher.identity) == (1, None)
    assert "GTRACK_RUN_ID" in (launcher.warning or "")


def test_srun_with_pmi_variables_is_still_slurm() -> None:
    assert detect(SLURM | {"PMI_RANK": "2", "PMI_SIZE": "4"}).identity == ("slurm", "hpc", "4711", "0", "0")


def test_ranks_of_an_unknown_launcher_warn_that_they_share_nothing() -> None:
    launcher = detect({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"})
    assert (launcher.kind, launcher.rank, launcher.identity) == ("distributed", 0, None)
    assert launcher.warning


@pytest.mark.parametrize(
    ("env", "facts"),
    [
        ({"RAY_JOB_ID": "02000000"}, {"kind": "ray", "job_id": "02000000"}),
        ({"LSB_JOBID": "5", "LSB_JOBINDEX": "0"}, {"kind": "lsf", "job_id": "5"}),
        ({"LSB_JOBID": "5", "LSB_JOBINDEX": "3"}, {"kind": "lsf", "job_id": "5", "step": "3"}),
        ({"PBS_JOBID": "5.srv"}, {"kind": "pbs", "job_id": "5.srv"}),
        ({"JOB_ID": "5", "SGE_TASK_ID": "undefined"}, {"kind": "sge", "job_id": "5"}),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "t-0"}, {"kind": "kubernetes", "job_id": "t-0"}),
        ({"CI": "true"}, {"kind": "ci"}),
        (
            {"GITLAB_CI": "true", "CI_JOB_ID": "9", "CI_JOB_URL": "https://ada:pw@gitlab.example/x/-/jobs/9"},
            {"kind": "gitlab", "job_id": "9", "url": "https://***@gitlab.example/x/-/jobs/9"},
        ),
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_RUN_ID": "12",
                "GITHUB_RUN_ATTEMPT": "2",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "acme/churn",
            },
            {
                "kind": "github",
                "job_id": "12",
                "restart": 1,
                "url": "https://github.com/acme/churn/actions/runs/12",
            },
        ),
    ],
)
def test_jobs_without_ranks_are_recorded_and_share_no_identity(env: dict[str, str], facts: dict[str, Any]) -> None:
    launcher = detect(env)
    assert launcher.as_dict() == facts
    assert launcher.identity is None


@pytest.mark.parametrize("junk", ["", " ", "-1", "two", "9" * 50, "1.5", "\u0663" * 20])
def test_junk_in_numeric_variables_is_taken_as_absent(junk: str) -> None:
    for base in (SLURM, TORCHRUN, OPENMPI):
        launcher = detect_launcher(dict.fromkeys(base, junk))
        assert launcher is None or launcher.rank is None


def hydra_modules(monkeypatch: pytest.MonkeyPatch, job: dict[str, Any] | None) -> None:
    config = None if job is None else types.SimpleNamespace(hydra=types.SimpleNamespace(job=job))
    holder = types.SimpleNamespace(instance=lambda: types.SimpleNamespace(cfg=config))
    omega = types.SimpleNamespace(to_container=lambda value, resolve: value)
    monkeypatch.setitem(sys.modules, "hydra.core.hydra_config", types.SimpleNamespace(HydraConfig=holder))
    monkeypatch.setitem(sys.modules, "omegaconf", types.SimpleNamespace(OmegaConf=omega))


def test_hydra_tells_its_job_and_its_number_in_a_multirun(monkeypatch: pytest.MonkeyPatch) -> None:
    hydra_modules(monkeypatch, {"name": "train", "num": 3})
    assert detect({}).as_dict() == {"kind": "hydra", "job_id": "train", "step": "3"}
    hydra_modules(monkeypatch, {"name": "train", "num": "???"})
    assert detect({}).as_dict() == {"kind": "hydra", "job_id": "train"}


def test_a_hydra_that_is_only_imported_is_no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    hydra_modules(monkeypatch, None)
    assert detect_launcher({}) is None
