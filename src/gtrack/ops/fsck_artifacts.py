"""Checking the manifests of a run: what they say, and that it is what their names stand for."""

from __future__ import annotations

from collections.abc import Mapping

from gtrack.format.manifest import parse_manifest
from gtrack.ops.artifacts import MOST
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.load import RunFiles

__all__ = ["check_manifests"]


def check_manifests(folder: str, files: RunFiles, contents: Mapping[str, bytes], found: Findings) -> None:
    """Check the manifests of a run. Whether their objects can be had is another question (``gtrack artifact verify``).

    Args:
        folder: The run's folder.
        files: Its files.
        contents: What is in them, by object id.
        found: Takes what is wrong.
    """
    total = 0
    for file, oid in files.of_kind("artifacts"):
        path = f"{folder}/{file.name}"
        manifest, problems = parse_manifest(contents[oid])
        for problem in problems:
            found.error(path, problem)
        total += len(manifest.files) + len(manifest.removed)
        if not problems and manifest.session != file.session:
            found.error(path, "it is of another session than its name says")
        if file.segment is not None and len(manifest.files) + len(manifest.removed) > file.segment.count:
            found.error(path, "it names more artifacts than the range in its name")
    if total > MOST:
        found.error(folder, f"its manifests name {total:,} artifacts; {MOST:,} are read")
