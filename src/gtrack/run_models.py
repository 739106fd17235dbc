"""Models of a live run: saved in a folder that loads without pickles, and registered where that is wanted."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtrack.errors import GtrackError, NotFoundError
from gtrack.format.artifact_path import canonical
from gtrack.ids import SHORT
from gtrack.run_artifacts import ArtifactLogging
from gtrack.spool.folder import files_below
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.flavors.saving import Requirements, Saved
    from gtrack.model.registered import Version

__all__ = ["LoggedModel", "ModelLogging"]

_SAID = 300


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model that a run keeps. False where it could not be kept.

    Attributes:
        path: Its folder among the run's artifacts; empty when it could not be kept.
        uri: What :func:`gtrack.load_model` and :func:`gtrack.register_model` take: ``runs:/<id>/model``.
        flavors: The flavors under which it can be loaded.
        version: The version that it was registered as, or None.
    """

    path: str
    uri: str = ""
    flavors: tuple[str, ...] = ()
    version: Version | None = None

    def __bool__(self) -> bool:
        return bool(self.path)


class ModelLogging(ArtifactLogging):
    """The part of :class:`gtrack.Run` that keeps models."""

    id: str

    def log_model(
        self,
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
        """Keep a model in its framework's own safe format, so that loading it runs no code of anybody.

        The folder has an ``MLmodel`` file, so ``mlflow.pyfunc.load_model`` takes it as well. What cannot be saved is
        told once, and training goes on; so is a registration that is refused, by the gate or the team's policy: the
        model is kept then, and ``version`` is None (``GTRACK_STRICT=1`` raises).

        Args:
            model: A model of scikit-learn, XGBoost, LightGBM, ONNX, PyTorch, Keras or transformers, or a function.
            name: Its folder among the run's artifacts. A model that was logged there before gives way.
            register: The registered model of which it becomes a new version.
            gate: The condition under which it is registered, such as ``metrics.val_auc >= 0.9``.
            description: What the version is.
            bypass_policy: The reason why the team's policy does not hold for registering it; it is recorded.
            input_example: Some input, such as ``X[:5]``: it is kept, and shows the signature.
            signature: The signature, MLflow's or a map of ``inputs`` and ``outputs``; False for none.
            flavor: The framework, where it is not the one of the model's class.
            format: Of PyTorch ``safetensors`` or ``torchscript``; of a function ``source``.
            pickle: Keep it as a pickle: of scikit-learn and of functions, where nothing else will do.
            requirements: What it needs, or the path of a file with that; by default the versions installed here.

        Returns:
            Where it is; with its version, where it was registered.

        Example:
            >>> run.log_model(model, register="churn", input_example=X[:5], gate="metrics.val_auc >= 0.9")
            LoggedModel(path='model', uri='runs:/3f2a9c1d.../model', flavors=('python_function', 'sklearn'), ...)
        """
        path = canonical(name)
        if self._recording.open((path,)) is None:
            return LoggedModel("")
        with tempfile.TemporaryDirectory(prefix="gtrack-model-") as folder:
            saved = self._save_model(
                model,
                folder,
                path=path,
                flavor=flavor,
                format=format,
                pickle=pickle,
                input_example=input_example,
                signature=signature,
                requirements=requirements,
            )
            if saved is None or not self._keep_model(folder, path):
                return LoggedModel("")
        if gate is not None and register is None:
            self._recording.notices.warn(f"{path}: gate= is the condition for register=, which is not given")
        for note in saved.notes:
            self._recording.notices.say(f"{path}: {note}")
        version = None
        if register is not None:
            version = self._register(path, register, description=description, gate=gate, bypass=bypass_policy)
        return LoggedModel(path, f"runs:/{self.id}/{path}", saved.flavors, version)

    def _save_model(self, model: object, folder: str, *, path: str, **how: object) -> Saved | None:
        """Write a model into a folder; None where that failed, which is told."""
        from gtrack.flavors.saving import save_model

        try:
            return save_model(model, folder, path=path, metadata={"gtrack_run": self.id}, **how)  # type: ignore[arg-type]
        except Exception as error:  # a framework may raise anything
            said = str(error) if isinstance(error, GtrackError) else f"{type(error).__name__}: {error}"
            self._refuse(path, clean(said)[:_SAID])
        return None

    def _keep_model(self, folder: str, path: str) -> bool:
        """Keep a model's folder, and let go of the files of the one that was there before."""
        kept = set(self._log_folder(folder, path))
        before: dict[str, set[str]] = self.__dict__.setdefault("_logged_models", {})
        for stale in sorted(before.get(path, set()) - kept):
            self.remove_artifact(stale)
        before[path] = kept
        return len(kept) == len(files_below(folder).files)

    def _register(self, path: str, name: str, **how: str | None) -> Version | None:
        """Register a model that was kept; None where that is refused, which is told."""
        from gtrack.ops.registering import register_version

        repo = self._recording.repository()
        try:
            if repo is None:
                raise NotFoundError(f"run {self.id[:SHORT]} has no repository")
            return register_version(repo, self.id, path, name, **how)
        except (GtrackError, OSError) as error:
            if self._recording.settings.strict:
                raise
            self._recording.notices.warn(f"{path} is kept and not registered as {name!r:.80}: {error}")
        return None
