"""The functions that keep a model with the active run, and load one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gtrack.clock import iso, now_ns
from gtrack.config import environment
from gtrack.errors import NotFoundError, UsageError
from gtrack.fluent import active_run, current_run

if TYPE_CHECKING:
    from gtrack.flavors.saving import Requirements
    from gtrack.ops.model_folders import ModelFolder
    from gtrack.run_models import LoggedModel

__all__ = ["load_model", "log_model"]

_NAMED = ("models:", "runs:")


def log_model(
    model: object,
    name: str = "model",
    *,
    register: str | None = None,
    gate: str | None = None,
    description: str | None = None,
    bypass_policy: str | None = None,
    input_example: object = None,
    signature: object = None,
    flavor: str | None = None,
    format: str | None = None,  # noqa: A002  (what it is)
    pickle: bool = False,
    requirements: Requirements | None = None,
) -> LoggedModel:
    """Keep a model with the active run; see :meth:`gtrack.Run.log_model`."""
    return current_run().log_model(
        model,
        name,
        register=register,
        gate=gate,
        description=description,
        bypass_policy=bypass_policy,
        input_example=input_example,
        signature=signature,
        flavor=flavor,
        format=format,
        pickle=pickle,
        requirements=requirements,
    )


def load_model(
    model: str | os.PathLike[str],
    *,
    trust_code: bool = False,
    trusted: Iterable[str] = (),
    into: object = None,
    pyfunc: bool = False,
) -> Any:
    """Load a model: the framework's own object, as it was logged. No code of whoever made it runs, unless you say so.

    Its files are fetched where they are not here, and each one's SHA-256 is checked. Where a run is active, that it
    uses the model is recorded.

    Args:
        model: ``models:/churn@champion``, ``models:/churn/3``, ``models:/churn/Production``, ``models:/churn/latest``,
            ``runs:/3f2a9c1/model`` where the run is any selector, or a model's folder.
        trust_code: Its author is trusted: a pickle is unpickled, source is run.
        trusted: Types that a model of scikit-learn may be made of beside the known ones.
        into: Of weights of PyTorch, the module that takes them.
        pyfunc: Return something with ``predict(data)`` whatever the framework, as ``mlflow.pyfunc`` has it.

    Returns:
        The model. Of ONNX, a session of ONNX Runtime; of PyTorch, a module in evaluation mode.

    Raises:
        UsageError: Loading it would run code, or takes types that are not known; the message says what to type. Or
            the name is none, or a library is missing.
        NotFoundError: There is no such model, version or run, or its content is nowhere to be had.
        ConflictError: Two clones moved the alias or the stage at the same time.
        DamageError: A file is not what was logged, or cannot be read.

    Example:
        >>> model = gtrack.load_model("models:/churn@champion")
        >>> model.predict(X)
    """
    from gtrack.flavors.flavor import Trust
    from gtrack.flavors.loading import load_folder

    if not isinstance(model, str | os.PathLike):
        raise UsageError(f"a {type(model).__name__} does not name a model", hint='load_model("models:/churn@champion")')
    types = (trusted,) if isinstance(trusted, str) else tuple(trusted)
    trust = Trust(code=trust_code is True, types=types, into=into)
    named = os.fspath(model)
    local = named if not named.startswith(_NAMED) and os.path.isdir(named) else None
    if local is None and isinstance(model, os.PathLike):
        raise NotFoundError(f"there is no folder {named}")
    found = None if local is not None else _fetched(named)
    loaded = load_folder(local if found is None else found.path, trust)  # type: ignore[arg-type]
    if found is not None:
        _note_use(found)
    return loaded if pyfunc else loaded.model


def _fetched(text: str) -> ModelFolder:
    """Return the folder of a model that is named."""
    from gtrack.branch.repository import Repository
    from gtrack.ops.model_folders import model_folder

    run = active_run()
    repo = None if run is None else run._recording.repository()
    if repo is not None:
        return model_folder(repo, text)
    opened = Repository(".", environment())
    try:
        return model_folder(opened, text)
    finally:
        opened.close()


def _note_use(found: ModelFolder) -> None:
    """Record with the active run that it uses a model."""
    run = active_run()
    if run is None or found.run is None or found.run == run.id:
        return
    known: set[tuple[str, str, str]] = run.__dict__.setdefault("_used", set())
    edge = (found.run, found.artifact_path, found.digest)
    if edge in known:
        return
    known.add(edge)
    fact = {"run": found.run, "path": found.artifact_path, "at": iso(now_ns() // 1000), "digest": found.digest}
    version = found.version
    named = {} if version is None else {"model": version.model, "version": version.uid}
    run._recording.note_down("logged", {"uses": [fact | named]})
