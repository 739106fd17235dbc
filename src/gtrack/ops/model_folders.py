"""Models of runs and of the registry as local folders, from which a framework loads them: whole, checked, offline.

``<gtrack's folder>/used/models/<digest>/`` holds links to the cache, so that it takes no space of its own and is as
read-only; where there are no hard links they are copies. All of them go when an object goes from the cache: each is
made anew when it is next asked for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, NotFoundError
from gtrack.format.artifact_path import fault
from gtrack.ids import SHORT
from gtrack.model.artifact import Artifact
from gtrack.model.registered import ModelFile, Version, digest_of
from gtrack.model.version_name import RunPath, parse_name
from gtrack.ops.artifacts import local_file

__all__ = ["ModelFolder", "files_of_run", "forget_folders", "model_folder"]

_FOLDER = "models"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model as a local folder.

    Attributes:
        path: The folder. Not to be changed.
        run: The run that made the model, or None.
        artifact_path: The model's folder among that run's artifacts.
        digest: The digest over the listing of its files; see :func:`gtrack.model.registered.digest_of`.
        version: The registered version, where it was named as one.
    """

    path: str
    run: str | None
    artifact_path: str
    digest: str
    version: Version | None = None


def model_folder(repo: Repository, text: str) -> ModelFolder:
    """Return the folder of a model that was named; fetched where it is not here, each file's SHA-256 checked.

    Args:
        repo: The repository.
        text: ``models:/churn@champion``, ``models:/churn/3``, ``runs:/3f2a9c1/model`` and the like; see
            :mod:`gtrack.model.version_name`.

    Raises:
        UsageError: It is no such name.
        NotFoundError: There is no such model, version, run or artifact, or its content is nowhere to be had.
        AmbiguousError: It means several.
        ConflictError: Two clones changed at the same time what it goes by.
        DamageError: A file is not what was logged.
        OSError: The disk is full or read-only.
    """
    name = parse_name(text)
    if isinstance(name, RunPath):
        run_id, path, artifacts = files_of_run(repo, name.text)
        folder, digest = _local(repo, artifacts)
        return ModelFolder(folder, run_id, path, digest)
    from gtrack.ops.registry import resolve, version_artifacts

    version = resolve(repo, name).version
    folder, digest = _local(repo, version_artifacts(repo, version))
    if digest != version.digest:
        raise DamageError(f"the files of {version.name} are not those that its digest was made of")
    return ModelFolder(folder, version.run, version.path, digest, version)


def files_of_run(repo: Repository, text: str) -> tuple[str, str, list[Artifact]]:
    """Return a run, a path among its artifacts, and what lies below that, each with its path below it.

    Args:
        repo: The repository.
        text: ``RUN/PATH``, where RUN is any selector.

    Raises:
        NotFoundError: There is no such run, or nothing at that path.
        AmbiguousError: The selector names several runs.
    """
    from gtrack.ops.artifacts import find_artifact, list_artifacts
    from gtrack.ops.lineage import find
    from gtrack.ops.view import View

    view = View(repo)
    run_id, path = find(view, text)
    spool = view.spool(run_id)
    artifacts = list_artifacts(repo, view.files(run_id), [] if spool is None else [spool]).artifacts
    head = f"{(path or '').rstrip('/')}/"
    below = [replace(each, path=inner[len(head) :]) for inner, each in artifacts.items() if inner.startswith(head)]
    if path and not below:
        find_artifact(artifacts, path, run_id)  # its error names the likeliest other
        raise NotFoundError(
            f"{path!r:.120} of run {run_id[:SHORT]} is a file, not a model's folder",
            hint=f"gtrack artifact get {run_id[:SHORT]} {path:.120}",
        )
    return run_id, head[:-1], below


def forget_folders(repo: Repository) -> None:
    """Remove the folders, so that what goes from the cache takes no space here."""
    shutil.rmtree(_root(repo), ignore_errors=True)


def _local(repo: Repository, artifacts: Sequence[Artifact]) -> tuple[str, str]:
    """Return a folder with some files, and the digest over their listing."""
    for artifact in artifacts:
        if (wrong := fault(artifact.path)) is not None:
            raise DamageError(f"{artifact.path!r:.200} is not the path of an artifact: {wrong}")
    digest = digest_of(ModelFile(each.path, each.size, each.digest) for each in artifacts)
    _bring(repo, artifacts)
    sources = {each.path: local_file(repo, each) for each in artifacts}
    folder = os.path.join(_root(repo), digest)
    if not _is_made_of(folder, sources):
        _make(folder, sources)
    return folder, digest


def _bring(repo: Repository, artifacts: Sequence[Artifact]) -> None:
    """Fetch what is not here in one go; what cannot be had is told by whoever then asks for it."""
    from gtrack.ops.keep_objects import cache_of
    from gtrack.ops.objects import Wanted, bring

    cache = cache_of(repo)
    wanted = {
        each.object: Wanted(each.object, each.object_size, each.blob)
        for each in artifacts
        if each.spooled is None and not cache.has(each.digest, each.size) and not cache.has(each.object)
    }
    if wanted:
        bring(repo, list(wanted.values()))


def _make(folder: str, sources: Mapping[str, str]) -> None:
    """Fill a folder beside the place it is to have, and put it there."""
    draft = f"{folder}.{os.urandom(8).hex()}.new"
    try:
        for path, source in sources.items():
            target = os.path.join(draft, *path.split("/"))
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            try:
                os.link(source, target)
            except OSError:  # no hard links here
                shutil.copyfile(source, target)
                os.chmod(target, 0o444)
        aside = f"{draft}.old"
        with contextlib.suppress(FileNotFoundError):
            os.rename(folder, aside)
            shutil.rmtree(aside, ignore_errors=True)
        try:
            os.rename(draft, folder)
        except OSError:
            if not _is_made_of(folder, sources):  # another process may have been quicker
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _is_made_of(folder: str, sources: Mapping[str, str]) -> bool:
    """Tell whether a folder holds links to some files, and nothing else."""
    there = {os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names}
    if there != {os.path.join(*path.split("/")) for path in sources}:
        return False
    try:
        return all(os.path.samefile(source, os.path.join(folder, path)) for path, source in sources.items())
    except OSError:
        return False


def _root(repo: Repository) -> str:
    return os.path.join(repo.paths.home, "used", _FOLDER)
