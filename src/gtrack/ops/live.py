"""Committing what a live run has logged so far, again and again, each time at the price of what is new."""

from __future__ import annotations

from gtrack.branch import keep
from gtrack.branch.author import author
from gtrack.branch.commit import commit_files
from gtrack.branch.repository import Repository
from gtrack.model.fold import fold_run
from gtrack.ops.headline import commit_message
from gtrack.ops.keep_objects import seal_and_keep
from gtrack.ops.load import RunFiles
from gtrack.ops.seal import Sealed
from gtrack.ops.spooled_objects import take_in_objects
from gtrack.ops.trees import recorded_files
from gtrack.spool.directory import SpoolRun, Writer
from gtrack.spool.following import JournalFollower
from gtrack.spool.reading import JournalData

__all__ = ["LiveRun"]


class LiveRun:
    """A run that still runs, and what its earlier segments have taught of it.

    What is remembered only saves work: documents that were parsed, and names of metrics that were read. The files of
    a segment stay a function of the spool and of the branch.

    Args:
        run: The run's spool.
    """

    def __init__(self, run: SpoolRun) -> None:
        self.run = run
        self._journals: dict[str, JournalFollower] = {}
        self._known: RunFiles | None = None

    def commit(self, repo: Repository) -> str | None:
        """Commit what was logged since the last time. The caller holds the repository's lock.

        Returns:
            The commit, or None when there was nothing new.

        Raises:
            RepositoryError: The branch cannot be written.
            DamageError: The spool or the branch is damaged.
            OSError: The disk is full or read-only.
        """
        take_in_objects(repo, self.run)
        tree = repo.tree_of(keep.readable_tip(repo))
        self._known = recorded = recorded_files(repo, self.run, tree, self._known)
        sealed = seal_and_keep(repo, self.run, recorded, live=True, read=self._read)
        if not sealed.files:
            return None
        subject, body = _message(self.run.id, recorded, sealed)
        files = sealed.files
        if repo.config.flag("gtrack.sign"):
            from gtrack.ops.signatures import signed_run_files

            documents = (*recorded.documents, *sealed.documents)
            by = next((str(doc.body.get("author")) for doc in documents if doc.kind == "run"), "")
            files, _ = signed_run_files(repo, files, {self.run.id: by})  # that there are none is told when the run ends
        return commit_files(repo, files, subject, body, by=author(repo.config, repo.env)).commit

    def _read(self, writer: Writer, first: int) -> JournalData:
        follower = self._journals.get(writer.journal)
        if follower is None:
            follower = self._journals[writer.journal] = JournalFollower(writer.journal)
        return follower.read(first)


def _message(run_id: str, recorded: RunFiles, sealed: Sealed) -> tuple[str, str]:
    """Return the commit's message: the metrics of this segment, as folding all earlier ones would cost ever more."""
    facts = [doc for doc in recorded.documents if doc.kind in ("run", "event")]
    return commit_message([fold_run(run_id, [*facts, *sealed.documents])])
