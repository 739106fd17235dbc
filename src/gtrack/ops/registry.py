"""Reading the registry: models, their versions, and which version a name means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice

from gtrack.branch.repository import Repository
from gtrack.errors import NotFoundError, UsageError
from gtrack.model.artifact import Artifact
from gtrack.model.registered import Version
from gtrack.model.registry import ModelState
from gtrack.model.version_name import VersionName, model_name_fault, parse_name
from gtrack.model.version_pick import pick
from gtrack.ops.load import load_run_files
from gtrack.ops.model_files import current_model, folders_of_models
from gtrack.ops.trees import visible_trees

__all__ = ["Found", "model", "model_names", "models", "resolve", "version_artifacts", "versions_of_run"]

_MOST_COMPARED = 500
_CLOSE = 0.6


@dataclass(frozen=True, slots=True)
class Found:
    """A version, and the model that it is of."""

    model: ModelState
    version: Version


def models(repository: Repository, *, deleted: bool = False) -> list[ModelState]:
    """Return the registered models, by name.

    Args:
        repository: The repository.
        deleted: Those that were deleted, instead of the others.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.

    Example:
        >>> [(model.name, len(model.versions)) for model in models(repository)]
        [('churn', 3)]
    """
    folders = folders_of_models(repository, visible_trees(repository))
    found = (current_model(repository, name, folders[name]) for name in sorted(folders))
    return [state for state in found if state.deleted == deleted and (state.every or state.history)]


def model_names(repository: Repository) -> list[str]:
    """Return the names of all registered models, deleted ones too, without reading them."""
    return sorted(folders_of_models(repository, visible_trees(repository)))


def model(repository: Repository, name: str) -> ModelState:
    """Return a registered model; one that was deleted says so.

    Args:
        repository: The repository.
        name: Its name.

    Raises:
        UsageError: The name cannot be a model's.
        NotFoundError: There is no such model; the message has the likeliest other.
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
    """
    wrong = model_name_fault(name)
    if wrong is not None:
        raise UsageError(f"{name!r:.80} cannot be a model's name: {wrong}")
    folders = folders_of_models(repository, visible_trees(repository))
    if name not in folders:
        raise _not_found(name, folders)
    return current_model(repository, name, folders[name])


def resolve(repository: Repository, text: str | VersionName, *, deleted: bool = False, settled: bool = True) -> Found:
    """Return the version that a name means: ``models:/churn/3``, ``churn@champion``, ``churn/Production``.

    Args:
        repository: The repository.
        text: The name; see :mod:`gtrack.model.version_name`.
        deleted: A deleted version will do.
        settled: Refuse what was changed in two clones at the same time; else what stands meanwhile is returned.

    Raises:
        UsageError: It is not the name of a version.
        NotFoundError: There is no such model or version, or it has no number yet; the message says what to type.
        AmbiguousError: It means several.
        ConflictError: Two versions claim the number, or two clones moved the alias or the stage at once.

    Example:
        >>> resolve(repository, "models:/churn@champion").version.label
        '3'
    """
    name = parse_name(text) if isinstance(text, str) else text
    if not isinstance(name, VersionName):
        raise UsageError(f"{name} is a run's artifact, not a registered version", hint=f"gtrack model register {name}")
    state = model(repository, name.model)
    if state.deleted and not deleted:
        raise NotFoundError(f"the model {state.name!r:.80} was deleted", hint=f"gtrack model restore {state.name}")
    return Found(state, pick(state, name, deleted=deleted, settled=settled))


def versions_of_run(repository: Repository, run_id: str) -> list[Version]:
    """Return the versions that were made of a run, deleted ones left out."""
    return [version for state in models(repository) for version in state.versions if version.run == run_id]


def version_artifacts(repository: Repository, version: Version) -> list[Artifact]:
    """Return the files of a version as artifacts, which their content is read through; paths are below the version's.

    A file is found by its digest: what its run put in its place later does not matter.

    Args:
        repository: The repository.
        version: The version.

    Example:
        >>> [artifact.path for artifact in version_artifacts(repository, version)]
        ['MLmodel', 'model.skops']
    """
    known = {} if version.run is None else _content_of(repository, version.run, {file.sha256 for file in version.files})
    out = []
    for file in version.files:
        found = known.get(file.sha256) or Artifact(file.path, file.size, file.sha256, "application/octet-stream", 0)
        out.append(replace(found, path=file.path))
    return out


def _content_of(repository: Repository, run_id: str, wanted: set[str]) -> dict[str, Artifact]:
    """Return artifacts of a run by their digests, from all its manifests."""
    from gtrack.format.manifest import parse_manifest
    from gtrack.ops.artifacts import list_artifacts
    from gtrack.ops.view import View

    view = View(repository)
    spool = view.spool(run_id)
    files = load_run_files(repository, view.trees, run_id)
    listed = list_artifacts(repository, files, [] if spool is None else [spool]).artifacts.values()
    out = {artifact.digest: artifact for artifact in listed if artifact.digest in wanted}
    if wanted - out.keys():
        for _, oid in files.of_kind("artifacts"):
            manifest, _ = parse_manifest(repository.read_blob(oid))
            for artifact in manifest.files.values():
                if artifact.digest in wanted:
                    out.setdefault(artifact.digest, artifact)
    return out


def _not_found(name: str, known: Mapping[str, object]) -> NotFoundError:
    from difflib import get_close_matches

    close = get_close_matches(name[:200], list(islice(known, _MOST_COMPARED)), 1, _CLOSE)
    meant = f"; did you mean {close[0]!r:.80}?" if close else ""
    return NotFoundError(f"there is no model {name!r:.80}{meant}", hint=f"gtrack model register RUN/PATH {name:.80}")
