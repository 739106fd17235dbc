"""Checking registered models: each file by itself, then what they come to: numbers, and what versions are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from gtrack.branch.listing import Entry
from gtrack.branch.repository import Repository
from gtrack.config import Settings
from gtrack.errors import GtrackError, ParseError
from gtrack.format import names, yaml
from gtrack.format.artifact_path import fault
from gtrack.format.schema import MODEL_EVENTS, check_document
from gtrack.ids import SHORT
from gtrack.model.registered import Version, version_faults
from gtrack.model.registry import ModelState
from gtrack.ops.fsck_fields import check_fields
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.load import documents_of, load_run_files
from gtrack.ops.model_files import fold_files, folders_of_models, load_model_files
from gtrack.ops.recover import spools_of
from gtrack.ops.trees import visible_trees

__all__ = ["check_model_file", "check_models"]

_MOST = 3000
"""Models that are looked at: a branch with more of them is not one that people made."""
_MOST_VERSIONS = 20_000
_MOST_FILES = 20
"""Files of one version that are named."""


def check_model_file(entry: Entry, data: bytes, found: Findings) -> None:
    """Check a file of a registered model by itself: digest, stamp, fields.

    Args:
        entry: The file.
        data: Its content.
        found: Takes what is wrong.
    """
    _, part, name = entry.path.split("/", 2)
    file = names.parse_model_file(name)
    if file is None:
        found.error(entry.path, "no version has such a number: it has no effect")
    elif file.kind == "number":
        if data:
            found.warning(entry.path, "it holds something; that a number is claimed is said by its name alone")
    elif file.kind == "event":
        read = documents_of("", [(name, entry.mode, entry.oid)], {entry.oid: data})
        for problem in read.problems:
            found.error(entry.path, problem.removeprefix(f"{name}: "))
        for doc in read.documents:
            check_fields(entry.path, "model", doc, MODEL_EVENTS, found)
    else:
        _check_version(entry.path, file.uid or "", names.model_of_dir(part), data, found)


def check_models(repo: Repository, found: Findings) -> None:
    """Check what the files of models come to: contested numbers, versions whose run or artifact is not known.

    What cannot be read has been named by the check of the files, and is passed over here.

    Args:
        repo: The repository.
        found: Takes what is wrong.
    """
    try:
        trees = visible_trees(repo)
        folders = folders_of_models(repo, trees)
        live = {run.id for run in spools_of(repo, Settings.from_env(repo.env).extra_spools)}
    except (GtrackError, KeyError, OSError):
        return
    left = _MOST_VERSIONS
    for name, oids in islice(sorted(folders.items()), _MOST):
        try:
            state = fold_files(name, load_model_files(repo, oids))
        except (GtrackError, KeyError, OSError):
            continue
        folder = names.model_dir(name) or names.MODELS
        _check_numbers(folder, state, found)
        _check_mentions(folder, state, found)
        for version in islice(state.versions, left):
            if version.run not in live:
                _check_content(repo, trees, folder, version, found)
        left = max(0, left - len(state.versions))


def _check_version(path: str, uid: str, model: str | None, data: bytes, found: Findings) -> None:
    try:
        body = yaml.load(data)
    except ParseError as error:
        found.error(path, error.message)
        return
    wrong = [] if model is None else version_faults(uid, model, body)
    for problem in [*wrong, *(check_document("version", body) if not wrong else ())]:
        found.error(path, problem)
    if not wrong and isinstance(body.get("path"), str) and (bad := fault(str(body["path"]))) is not None:
        found.error(path, f"its path is not that of an artifact: {bad}")


def _check_numbers(folder: str, state: ModelState, found: Findings) -> None:
    for number, uids in state.numbers.contested.items():
        named = " and ".join(f"~{uid[:SHORT]}" for uid in uids)
        found.error(folder, f"version {number} is claimed by {named}: it names none of them", "gtrack push settles it")
    known = {version.uid for version in state.every}
    for number, uid in state.numbers.by_number.items():
        if uid not in known:
            found.warning(folder, f"version {number} is ~{uid[:SHORT]}, of which there are no facts", "gtrack pull")


def _check_mentions(folder: str, state: ModelState, found: Findings) -> None:
    known = {version.uid for version in state.every}
    for entry in state.history:
        if entry.version is not None and entry.version not in known:
            what = f"it is about version ~{entry.version[:SHORT]}, which is not there: it has no effect"
            found.warning(f"{folder}/{entry.file}", what, "gtrack pull")


def _check_content(repo: Repository, trees: Sequence[str], folder: str, version: Version, found: Findings) -> None:
    """Check that a version's run is here, and that it kept what the version says."""
    path = f"{folder}/{names.version_file(version.uid)}"
    if version.run is None:
        return
    try:
        files = load_run_files(repo, trees, version.run)
        if not files.files:
            found.warning(path, f"its run {version.run[:SHORT]} is not here", "gtrack pull")
            return
        kept = _digests(repo, files.of_kind("artifacts"))
    except (GtrackError, KeyError, OSError):
        return  # the check of the run has named it
    missing = [file.path for file in version.files if (file.sha256, file.size) not in kept]
    # Of a run that goes on, what it kept lately may not be recorded yet.
    tell = found.error if files.of_kind("end") else found.warning
    for name in missing[:_MOST_FILES]:
        tell(path, f"its run {version.run[:SHORT]} kept no file of that digest: {name}")
    if len(missing) > _MOST_FILES:
        tell(path, f"and {len(missing) - _MOST_FILES:,} more files")


def _digests(repo: Repository, manifests: Iterable[tuple[names.RunFile, str]]) -> set[tuple[str, int]]:
    from gtrack.format.manifest import parse_manifest

    found: set[tuple[str, int]] = set()
    for _, oid in manifests:
        manifest, _ = parse_manifest(repo.read_blob(oid))
        found.update((artifact.digest, artifact.size) for artifact in manifest.files.values())
    return found
