"""The container and the virtual environment a process runs in, as far as they show themselves."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

from gtrack.capture.files import read_text
from gtrack.capture.redact import redact_text

__all__ = ["container_image", "container_kind", "virtual_environment"]

_IMAGE_VARIABLES = (
    "GTRACK_IMAGE",  # for images that say nothing of themselves: name@sha256:...
    "CI_JOB_IMAGE",  # GitLab
    "APPTAINER_CONTAINER",
    "SINGULARITY_CONTAINER",
    "SLURM_CONTAINER",
)
_CGROUP_KINDS = (("kubepods", "kubernetes"), ("libpod", "podman"), ("docker", "docker"), ("lxc", "lxc"))


def container_image(env: Mapping[str, str], root: str = "/") -> str | None:
    """Return the image this process runs in, as its surroundings name it, or None.

    A container cannot ask for its own image without a network call; ``GTRACK_IMAGE`` tells gtrack.

    Args:
        env: The process's environment.
        root: The directory that stands for ``/``.
    """
    for variable in _IMAGE_VARIABLES:
        value = env.get(variable, "").strip()
        if value:
            # A path to an image file may name people: its last part says which image it is.
            return redact_text(os.path.basename(value.rstrip("/")) if value.startswith("/") else value)[:512]
    # Podman fills this file in for privileged containers only.
    found = re.search(r'^image="([^"]+)"', read_text(root, "run/.containerenv", 4_096) or "", re.MULTILINE)
    return redact_text(found.group(1))[:512] if found else None


def container_kind(env: Mapping[str, str], root: str = "/") -> str | None:
    """Return ``docker``, ``podman``, ``apptainer``, ``kubernetes``, ... or None outside any container."""
    if "APPTAINER_CONTAINER" in env or "SINGULARITY_CONTAINER" in env:
        return "apptainer"
    if "KUBERNETES_SERVICE_HOST" in env:
        return "kubernetes"
    for path, kind in (("run/.containerenv", "podman"), (".dockerenv", "docker"), (".singularity.d", "apptainer")):
        if os.path.exists(os.path.join(root, path)):
            return kind
    groups = read_text(root, "proc/self/cgroup") or ""
    for mark, kind in _CGROUP_KINDS:
        if f"/{mark}" in groups:
            return kind
    return env.get("container", "")[:32] or None  # set by systemd-nspawn and by podman


def virtual_environment(env: Mapping[str, str]) -> dict[str, str] | None:
    """Return kind (``venv``, ``virtualenv``, ``uv``, ``conda``) and name of the virtual environment, or None.

    The name is the folder's alone: its path would tell where somebody's home is.
    """
    name = os.path.basename(sys.prefix)
    if os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        shown = env.get("CONDA_DEFAULT_ENV") or env.get("PIXI_ENVIRONMENT_NAME") or name
        return {"kind": "conda", "name": os.path.basename(shown)}
    if sys.prefix == sys.base_prefix:
        return None
    settings = read_text(sys.prefix, "pyvenv.cfg", 4_096) or ""
    made_by = re.search(r"^(uv|virtualenv)\s*=", settings, re.MULTILINE)
    return {"kind": made_by.group(1) if made_by else "venv", "name": name}
