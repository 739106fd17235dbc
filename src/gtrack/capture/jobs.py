"""Jobs that surround a process without giving it a rank: Ray, Hydra, batch systems, Kubernetes, CI services."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from gtrack.capture.redact import redact_text

__all__ = ["integer", "surrounding_jobs", "text"]

_LONGEST = 256

_BATCH = (
    ("lsf", "LSB_JOBID", "LSB_JOBID", "LSB_JOBINDEX"),
    ("pbs", "PBS_JOBID", "PBS_JOBID", "PBS_ARRAY_INDEX"),
    ("sge", "SGE_TASK_ID", "JOB_ID", "SGE_TASK_ID"),
    ("sagemaker", "TRAINING_JOB_NAME", "TRAINING_JOB_NAME", ""),
    ("vertex", "CLOUD_ML_JOB_ID", "CLOUD_ML_JOB_ID", "CLOUD_ML_TRIAL_ID"),
    ("azureml", "AZUREML_RUN_ID", "AZUREML_RUN_ID", ""),
)
"""(kind, the variable that marks it, job id, array element), as each system documents its variables."""

_CI = (
    ("github", "GITHUB_ACTIONS", "GITHUB_RUN_ID", ""),
    ("gitlab", "GITLAB_CI", "CI_JOB_ID", "CI_JOB_URL"),
    ("jenkins", "JENKINS_URL", "BUILD_ID", "BUILD_URL"),
    ("buildkite", "BUILDKITE", "BUILDKITE_JOB_ID", "BUILDKITE_BUILD_URL"),
    ("circleci", "CIRCLECI", "CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_BUILD_URL"),
    ("azure-pipelines", "TF_BUILD", "BUILD_BUILDID", ""),
    ("bitbucket", "BITBUCKET_BUILD_NUMBER", "BITBUCKET_BUILD_NUMBER", ""),
    ("travis", "TRAVIS", "TRAVIS_JOB_ID", "TRAVIS_JOB_WEB_URL"),
    ("teamcity", "TEAMCITY_VERSION", "BUILD_NUMBER", "BUILD_URL"),
)
"""(kind, the variable that marks it, job id, URL), as each service documents its variables."""


def text(env: Mapping[str, str], *names: str) -> str | None:
    """Return the first variable of ``names`` that is set, redacted and cut to 256 characters, or None."""
    for name in names:
        value = env.get(name, "").strip()
        if value:
            return redact_text(value)[:_LONGEST]
    return None


def integer(env: Mapping[str, str], *names: str) -> int | None:
    """Return the first variable of ``names`` that is a whole number from 0 on, or None."""
    for name in names:
        value = env.get(name, "").strip()
        if value.isdecimal() and len(value) < 16:
            return int(value)
    return None


def surrounding_jobs(env: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the jobs around this process, the innermost first.

    Args:
        env: The process's environment.

    Returns:
        Dictionaries of ``kind`` and any of ``job_id``, ``step``, ``restart``, ``url``.
    """
    return [job for job in (_ray(env), _hydra(), _batch(env), _kubernetes(env), _ci(env)) if job is not None]


def _ray(env: Mapping[str, str]) -> dict[str, Any] | None:
    job = text(env, "RAY_JOB_ID", "RAY_JOB_SUBMISSION_ID")
    return {"kind": "ray", "job_id": job} if job else None


def _hydra() -> dict[str, Any] | None:
    """Read the job's name and its number in a multirun from Hydra, if the program runs under it."""
    module, omegaconf = sys.modules.get("hydra.core.hydra_config"), sys.modules.get("omegaconf")
    try:
        config = module.HydraConfig.instance().cfg  # type: ignore[union-attr]
        # Unresolved, as values that are not set yet ("???") raise when they are read.
        job = omegaconf.OmegaConf.to_container(config.hydra.job, resolve=False)  # type: ignore[union-attr]
        name, number = job.get("name"), job.get("num")
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # no Hydra, or one that has not been set up in this process
    step = str(number) if isinstance(number, int) else None
    return {"kind": "hydra", "job_id": str(name)[:_LONGEST] if name else None, "step": step}


def _batch(env: Mapping[str, str]) -> dict[str, Any] | None:
    for kind, mark, job, element in _BATCH:
        job_id = text(env, job) if env.get(mark) else None
        if job_id:
            step = text(env, element)
            # A job that is no array has element 0 in LSF and "undefined" in Grid Engine.
            return {"kind": kind, "job_id": job_id, "step": None if step in ("0", "undefined") else step}
    return None


def _kubernetes(env: Mapping[str, str]) -> dict[str, Any] | None:
    if not env.get("KUBERNETES_SERVICE_HOST"):
        return None
    pod = text(env, "POD_NAME", "HOSTNAME")
    return {"kind": "kubernetes", "job_id": pod, "step": text(env, "JOB_COMPLETION_INDEX")}


def _ci(env: Mapping[str, str]) -> dict[str, Any] | None:
    for kind, mark, job, url in _CI:
        if env.get(mark):
            facts = {"kind": kind, "job_id": text(env, job), "url": text(env, url)}
            return {**facts, **_github(env)} if kind == "github" else facts
    return {"kind": "ci"} if env.get("CI", "").lower() in ("1", "true") else None


def _github(env: Mapping[str, str]) -> dict[str, Any]:
    attempt = integer(env, "GITHUB_RUN_ATTEMPT")
    parts = [env.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    link = redact_text(f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}")[:_LONGEST] if all(parts) else None
    return {"restart": attempt - 1 if attempt else None, "url": link}
