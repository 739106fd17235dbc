"""One run as it was recorded, or as it stands while it is live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gtrack.ids import SHORT
from gtrack.model.fold import Document
from gtrack.model.state import Note, RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.view import View

if TYPE_CHECKING:
    import pyarrow

    from gtrack.media.checkpoints import Checkpoint
    from gtrack.model.artifact import Artifact
    from gtrack.ops.artifacts import Listed
    from gtrack.ops.audit import AuditEntry
    from gtrack.ops.system_curves import Use

__all__ = ["RecordedRun"]


class RecordedRun:
    """A run as it is recorded, or as far as it has come.

    Attributes:
        view: Where it was found: what its files are read through.
        state: What its files come to.

    Example:
        >>> run = gtrack.Repo(".").run("last")
        >>> run.metrics["val_auc"], run.summary["val_auc"].max
        (0.91, 0.94)
    """

    def __init__(self, view: View, state: RunState) -> None:
        self.view = view
        self.state = state
        self.id = state.id
        self.name = state.name
        self.experiment = state.experiment
        self.status = state.status
        self.started = state.started
        self.ended = state.ended
        self.duration = state.duration
        self.notes: tuple[Note, ...] = state.notes

    @cached_property
    def params(self) -> dict[str, Any]:
        """The params, nested as they were logged; long values are read from their own files."""
        return self._whole(dict(self.state.params))

    @cached_property
    def tags(self) -> dict[str, Any]:
        """The tags."""
        return self._whole(dict(self.state.tags))

    @property
    def metrics(self) -> dict[str, float]:
        """The current value of each metric."""
        return {key: summary.last for key, summary in self.state.metrics.items()}

    @property
    def summary(self) -> Mapping[str, MetricSummary]:
        """The summary of each metric: last, min, max, their steps, and how many values there are."""
        return self.state.metrics

    def curves(
        self, keys: str | Iterable[str] | None = None, *, full: bool = False, preview: bool = False
    ) -> pyarrow.Table:
        """Return the values of metrics over time.

        Where a store is configured the branch has a preview of long curves, and the whole is fetched when it is first
        read. A table that is a preview all the same, since the store cannot be reached, says so in its metadata
        (``gtrack.preview``), and a warning does.

        Args:
            keys: The metrics, or the name of one; all by default.
            full: Rather fail than return a preview.
            preview: Return the preview where there is one, and ask no store.

        Returns:
            An Arrow table with the columns key (dictionary of string), step (int64), time (timestamp[us, UTC]),
            value (float64), and rank (int32) where several processes logged; sorted by key, step and time.

        Raises:
            DamageError: A file of the run is damaged or missing.
            NotFoundError: The whole is wanted, and is neither here nor in a store that can be reached.
            UsageError: It is to be both full and a preview.

        Example:
            >>> run.curves(["val_auc"]).to_pandas()
        """
        from gtrack.ops.curves import curves, detail_of, warn_of_preview

        wanted = None if keys is None else frozenset([keys] if isinstance(keys, str) else keys)
        table = curves(self.view, self.state, wanted, detail_of(full=full, preview=preview))
        if not preview:
            warn_of_preview(table, f"run {self.id[:SHORT]}", stacklevel=2)
        return table

    def artifacts(self) -> dict[str, Artifact]:
        """Return the artifacts by path; their content is not read.

        Example:
            >>> {path: artifact.size for path, artifact in run.artifacts().items()}
            {'model.pkl': 123456}
        """
        return self.artifact_list.artifacts

    @cached_property
    def artifact_list(self) -> Listed:
        """The artifacts, and what the run's manifests say that cannot be."""
        from gtrack.ops.artifacts import list_artifacts

        spool = self.view.spool(self.id)
        return list_artifacts(self.view.repo, self.view.files(self.id), [] if spool is None else [spool])

    def checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints that are kept, by name and step, each with its rank among them."""
        from gtrack.media.checkpoints import checkpoints_of

        return checkpoints_of(self.artifacts())

    def artifact(self, path: str) -> Artifact:
        """Return one artifact.

        Raises:
            NotFoundError: The run has none of that path; the message names the likeliest.
        """
        from gtrack.ops.artifacts import find_artifact

        return find_artifact(self.artifacts(), path, self.id)

    def read_artifact(self, path: str) -> bytes:
        """Return the content of an artifact, whose SHA-256 is checked; it is fetched where it is not here.

        Raises:
            NotFoundError: The run has none of that path, or its content is nowhere to be had.
            DamageError: It is another content than what was logged.
        """
        from gtrack.ops.artifacts import read_artifact

        return read_artifact(self.view.repo, self.artifact(path))

    def system(self, keys: str | Iterable[str] | None = None) -> pyarrow.Table:
        """Return how the machine did over time: CPU, memory, disk, network, GPUs; see :mod:`gtrack.capture.system`.

        Of a long run the points are means of several samples; ``time`` is that of the first of them.

        Args:
            keys: The metrics, or the name of one, such as ``system/cpu_utilization_percentage``; all by default.

        Returns:
            An Arrow table with the columns key (dictionary of string), step (int64, the number of the sample), time
            (timestamp[us, UTC]), value (float64), and rank (int32) where the run had several processes: the one that
            measured its machine; sorted by key and step.

        Example:
            >>> run.system("system/process_memory_rss_megabytes").to_pandas()
        """
        from gtrack.ops.system_curves import system_curves

        wanted = None if keys is None else frozenset([keys] if isinstance(keys, str) else keys)
        return system_curves(self.view, self.id, wanted)

    @cached_property
    def system_use(self) -> Mapping[str, Use]:
        """Mean, peak and number of samples of what the run used of CPU, memory and GPUs.

        Example:
            >>> run.system_use["process_memory_rss_megabytes"].max
            8123.0
        """
        from gtrack.ops.system_curves import system_use

        return system_use(self.view, self.id)

    def console(self) -> bytes | None:
        """Return the console output that was kept, or None."""
        from gtrack.ops.console import console_output

        return console_output(self.view, self.id)

    @property
    def live_console(self) -> str | None:
        """The path of the console files of a live run, without their endings; None when there are none."""
        from gtrack.ops.console import live_stem

        return live_stem(self.view, self.id)

    @property
    def documents(self) -> tuple[Document, ...]:
        """The YAML files that the state is folded from."""
        return self.view.files(self.id).documents

    def audit(self) -> list[AuditEntry]:
        """Return who did what to the run and when, the oldest first: an entry for each file of it on the branch.

        Example:
            >>> [(entry.author, entry.sentence) for entry in run.audit()][-1]
            ('Ada L <ada@example.org>', 'tag stage=prod (was staging)')
        """
        from gtrack.clock import stamp
        from gtrack.format.names import run_dir
        from gtrack.ops.audit import audit_trail
        from gtrack.ops.view import DAY_US

        trail = audit_trail(self.documents, horizon=stamp(self.view.now_us + DAY_US))
        return [replace(entry, path=f"{run_dir(self.id)}/{entry.path}") for entry in trail]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the curves, with the field names of run.yaml and end.yaml."""
        return {**self.state.to_dict(), "params": self.params, "tags": self.tags}

    def __repr__(self) -> str:
        return f"<gtrack run {self.id[:7]} {self.name} {self.status}>"

    def _repr_html_(self) -> str:
        from html import escape

        rows = [("run", f"{self.name} ({self.id[:7]})"), ("experiment", self.experiment), ("status", self.status)]
        rows += [(key, f"{value:.6g}") for key, value in self.metrics.items()]
        cells = "".join(f"<tr><th style='text-align:left'>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows)
        return f"<table>{cells}</table>"

    def _whole(self, values: dict[str, Any]) -> dict[str, Any]:
        from gtrack.ops.spill import restore_long_values

        def read(name: str) -> bytes | None:
            # Only now: most runs have no long values, and their files need not be looked for.
            names = {file.name: oid for file, oid in self.view.files(self.id).of_kind("values")}
            return self.view.repo.read_blob(names[name]) if name in names else None

        whole = restore_long_values(values, read)
        return whole if isinstance(whole, dict) else values
