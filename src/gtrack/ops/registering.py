"""Registering: a model among the artifacts of a run becomes a version of a registered model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gtrack.clock import iso, now_ns
from gtrack.errors import GateError, GtrackError, NotFoundError, ParseError, UsageError
from gtrack.format import names, yaml
from gtrack.ids import SHORT, new_run_id
from gtrack.model.artifact import Artifact
from gtrack.model.registered import ModelFile, Version, VersionDocument, digest_of
from gtrack.model.version_name import RUNS, RunPath, parse_name
from gtrack.ops.artifacts import find_artifact, list_artifacts, read_artifact
from gtrack.ops.lineage import find
from gtrack.ops.model_files import ModelFiles, fold_files
from gtrack.ops.model_writing import known_of, put
from gtrack.ops.policy import enforce
from gtrack.ops.policy_models import judge_registration
from gtrack.ops.view import View

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.model.state import RunState

__all__ = ["judge_gate", "register", "register_version", "run_path"]

_MLMODEL = "MLmodel"
_MLMODEL_BYTES = 1 << 20
_MOST_SHOWN = 5


def register(
    repository: Repository,
    source: str,
    name: str,
    *,
    description: str | None = None,
    gate: str | None = None,
    bypass: str | None = None,
) -> Version:
    """Register a model that a run kept as a new version.

    Args:
        repository: The repository; what ended has been recorded.
        source: ``runs:/3f2a9c1/model``, or ``RUN/PATH`` with any selector of a run.
        name: The registered model's name; a new one begins with this version.
        description: What is special about the version.
        gate: A filter that the run must match, such as ``metrics.val_auc >= 0.9``.
        bypass: Why the policy is passed over, where it does not allow the registration; it is recorded.

    Returns:
        The version. Its number is claimed by the next push; without a remote it has one in this clone.

    Raises:
        NotFoundError: There is no such run, or it has no artifact of that path.
        UsageError: The name, the source or the gate cannot be read.
        GateError: The run does not match the gate; nothing is written.
        PolicyError: The policy does not allow it; nothing is written.

    Example:
        >>> register(repository, "last/model", "churn", gate="metrics.val_auc >= 0.9").name
        'churn/~9c1d7b6'
    """
    view = View(repository)
    run_id, path = run_path(view, source)
    return _register(repository, view, run_id, path, name, description, gate, bypass)


def register_version(
    repository: Repository,
    run_id: str,
    path: str,
    name: str,
    *,
    description: str | None = None,
    gate: str | None = None,
    bypass: str | None = None,
) -> Version:
    """Register a model of a run that is known by its id, live or recorded; see :func:`register`.

    Args:
        repository: The repository.
        run_id: The run, 32 hex digits.
        path: The folder or file among its artifacts.
        name: The registered model's name.
        description: What is special about the version.
        gate: A filter that the run must match.
        bypass: Why the policy is passed over.
    """
    view = View(repository)
    # A training must not wait for somebody to type a passphrase.
    return _register(repository, view, run_id, path, name, description, gate, bypass, interactive=False)


def run_path(view: View, source: str) -> tuple[str, str]:
    """Return the run and the path among its artifacts that ``runs:/RUN/PATH`` or ``RUN/PATH`` means.

    Args:
        view: Where the runs are.
        source: What somebody typed.

    Raises:
        UsageError: It names no path.
        NotFoundError: There is no such run.
        AmbiguousError: It names several.
    """
    text = source
    if source.startswith(RUNS):
        parsed = parse_name(source)
        assert isinstance(parsed, RunPath)
        text = parsed.text
    run_id, path = find(view, text.strip("/"))
    if not path:
        raise UsageError(
            f"{source!r:.120} names a run and none of its artifacts", hint=f"gtrack artifact ls {text:.80}"
        )
    return run_id, path.strip("/")


def judge_gate(gate: str, state: RunState) -> dict[str, object]:
    """Judge whether a run is good enough to be registered; of one that is still going on, as far as it has come.

    Args:
        gate: The filter.
        state: The run.

    Returns:
        What is recorded of it: ``condition`` and ``verdict``.

    Raises:
        UsageError: The filter is not in the language.
        GateError: The run does not match; the message says what it has instead.
    """
    from gtrack.index.filter import And, parse

    condition = parse(gate)
    now_us = now_ns() // 1000
    parts = condition.parts if isinstance(condition, And) else (condition,)
    failed = [part for part in parts if not part.matches(state, now_us=now_us)]
    if failed:
        found = [f"{part}{_instead(part, state)}" for part in failed[:_MOST_SHOWN]]
        raise GateError(
            f"run {state.id[:SHORT]} {state.name} does not pass the gate: {'; '.join(found)}"[:1000],
            hint="nothing was registered; gtrack best shows which runs are better",
        )
    return {"condition": gate, "verdict": "pass"}


def _register(
    repository: Repository,
    view: View,
    run_id: str,
    path: str,
    name: str,
    description: str | None,
    gate: str | None,
    bypass: str | None,
    *,
    interactive: bool | None = None,
) -> Version:
    state = view.state(run_id)
    found = _files_of(repository, view, run_id, path)
    passed = None if gate is None else judge_gate(gate, state)
    judged = judge_registration(repository, view, state, name)
    passed_over = enforce(judged, f"to register {path} of run {run_id[:SHORT]} as {name}", bypass=bypass)
    with repository.lock():
        if any(artifact.spooled is not None for artifact in found.values()):
            found = _recorded(repository, view, run_id, path)
        flavors, signature = _described(repository, found)
        files = [ModelFile(below, artifact.size, artifact.digest) for below, artifact in found.items()]
        known = known_of(repository, name, new=True)
        if known.state.deleted:
            raise NotFoundError(f"the model {name!r:.80} was deleted", hint=f"gtrack model restore {name}")
        uid = new_run_id()
        body: dict[str, object] = {
            "format": 1,
            "model": name,
            "uid": uid,
            "run": run_id,
            "path": path,
            "digest": digest_of(files),
            "files": [file.to_dict() for file in files],
            "flavors": flavors,
            "signature": signature,
            "gate": passed,
            "registered": iso(_moment([version.registered for version in known.state.every])),
            "author": known.by,
            "description": description,
            "bypass": passed_over,
        }
        data = yaml.dump(body)
        if len(data) > yaml.MAX_BYTES:
            raise UsageError(f"{path!r:.120} has too many files to be registered: {len(files):,}")
        subject = f"registered {uid[:SHORT]} from run {run_id[:SHORT]} {state.name}"
        put(repository, known, {names.version_file(uid): data}, subject, interactive=interactive)
        document = VersionDocument(uid, yaml.load(data), _sha256(data))
        after = ModelFiles((*known.files.versions, document), known.files.numbers, known.files.events)
        version = fold_files(name, after, local=repository.remote is None).version(uid)
    assert version is not None
    return version


def _files_of(repository: Repository, view: View, run_id: str, path: str) -> dict[str, Artifact]:
    """Return the artifacts of a path, by their paths below it; one file has its own name."""
    spool = view.spool(run_id)
    artifacts = list_artifacts(repository, view.files(run_id), [] if spool is None else [spool]).artifacts
    below = {name.removeprefix(f"{path}/"): each for name, each in artifacts.items() if name.startswith(f"{path}/")}
    if below:
        return below
    return {path.rpartition("/")[2]: find_artifact(artifacts, path, run_id)}


def _recorded(repository: Repository, view: View, run_id: str, path: str) -> dict[str, Artifact]:
    """Record what a live run has come to so far, and return the artifacts of a path as they were recorded.

    What a version names has to stay, whatever the run puts in its place later; and a push can send it.
    """
    from gtrack.ops.live import LiveRun

    spool = view.spool(run_id)
    if spool is not None:
        LiveRun(spool).commit(repository)
    return _files_of(repository, View(repository), run_id, path)


def _described(repository: Repository, files: Mapping[str, Artifact]) -> tuple[list[str], Mapping[str, object] | None]:
    """Return the flavors and the signature that a model's MLmodel file names; nothing where it cannot be read.

    https://mlflow.org/docs/latest/ml/model/#model-signatures-and-input-examples
    """
    artifact = files.get(_MLMODEL)
    if artifact is None or artifact.size > _MLMODEL_BYTES:
        return [], None
    try:
        document = yaml.load(read_artifact(repository, artifact), name=_MLMODEL)
    except (ParseError, GtrackError, OSError):
        return [], None  # what the files are stands in their digests; this only helps who looks for one
    flavors, signature = document.get("flavors"), document.get("signature")
    return sorted(map(str, flavors)) if isinstance(flavors, Mapping) else [], (
        signature if isinstance(signature, Mapping) else None
    )


def _moment(registered: Sequence[int | None]) -> int:
    """Return now, or just after the model's last registration where another clock was ahead by less than a day."""
    now_us = now_ns() // 1000
    last = max((time for time in registered if time is not None and time < now_us + 86_400_000_000), default=0)
    return max(now_us, last + 1)


def _instead(part: object, state: RunState) -> str:
    """Return what a run has where a condition about one field does not hold: ``: it is 0.87``."""
    from gtrack.index.fields import Field

    field = getattr(part, "field", None)
    if not isinstance(field, Field):
        return ""
    values = field.values(state)
    if not values:
        return ": the run has none"
    return f": it is {', '.join(f'{value:g}' if isinstance(value, float) else str(value) for value in values[:3])}"


def _sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
