"""What a live run was made from: artifacts of other runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtrack.clock import iso, now_ns
from gtrack.errors import NotFoundError, UsageError
from gtrack.ids import SHORT

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.model.artifact import Artifact
    from gtrack.reader import RecordedRun
    from gtrack.recording import Recording

__all__ = ["LineageLogging"]


class LineageLogging:
    """The part of :class:`gtrack.Run` that takes in what other runs made."""

    _recording: Recording
    id: str

    def use_artifact(self, artifact: str | Artifact, *, run: str | RecordedRun | None = None) -> str:
        """Take an artifact of another run, and record that this run was made from it.

        It is fetched where it is not here, and works without a network where it is. Unlike a log call this raises: what
        the training needs cannot be had.

        Args:
            artifact: ``RUN/PATH``, where RUN is any selector; with ``run`` the path alone, or what
                :meth:`gtrack.RecordedRun.artifact` returned.
            run: The run it is of.

        Returns:
            The path of a local file with its content and its name, whose SHA-256 was checked. It is read-only.

        Raises:
            NotFoundError: There is no such run or artifact, or its content is nowhere to be had.
            AmbiguousError: The selector names several runs.
            DamageError: Its content is not what was logged.
            UsageError: It is not told which run it is of.

        Example:
            >>> features = pandas.read_parquet(run.use_artifact("prepare-42/features.parquet"))
        """
        from gtrack.ops.used_files import named_file

        repo = self._recording.repository()
        if repo is None:
            raise NotFoundError("there is no repository here, so there are no other runs' artifacts")
        run_id, found = _find(repo, artifact, run)
        path = named_file(repo, found)
        known: set[tuple[str, str, str]] = self.__dict__.setdefault("_used", set())
        edge = (run_id, found.path, found.digest)
        if run_id != self.id and edge not in known:
            known.add(edge)
            fact = {"run": run_id, "path": found.path, "sha256": found.digest, "at": iso(now_ns() // 1000)}
            self._recording.note_down("logged", {"uses": [fact]})
        return path


def _find(repo: Repository, artifact: object, run: object) -> tuple[str, Artifact]:
    """Return the run and its artifact that somebody named."""
    from gtrack.model.artifact import Artifact
    from gtrack.ops.artifacts import find_artifact, list_artifacts
    from gtrack.ops.lineage import find
    from gtrack.ops.view import View

    run_id = getattr(run, "id", None)
    if isinstance(artifact, Artifact) and isinstance(run_id, str):
        return run_id, artifact
    view = View(repo)
    path = artifact.path if isinstance(artifact, Artifact) else artifact
    if not isinstance(path, str):
        raise UsageError(f"a {type(artifact).__name__} is not an artifact", hint='run.use_artifact("RUN/model.pkl")')
    if isinstance(run_id, str):
        named: str | None = path
    elif isinstance(run, str):
        run_id, named = view.select(run), path
    elif isinstance(artifact, Artifact):
        raise UsageError(f"which run is {path!r:.120} of?", hint="run.use_artifact(artifact, run=other_run)")
    else:
        run_id, named = find(view, path)
    if not named:
        raise UsageError(f"{path!r:.120} names a run and none of its artifacts", hint=f"gtrack artifact ls {path:.120}")
    spool = view.spool(run_id)
    listed = list_artifacts(repo, view.files(run_id), [] if spool is None else [spool])
    found = find_artifact(listed.artifacts, named, run_id)
    if isinstance(artifact, Artifact) and artifact.digest != found.digest:
        raise NotFoundError(f"{named!r:.120} of run {run_id[:SHORT]} is another one than the artifact that was given")
    return run_id, found
