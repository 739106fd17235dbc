"""Later facts about runs: tags, notes, names, deletion. Each is a small new file on the branch, an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gtrack.branch.author import author
from gtrack.branch.commit import commit_files
from gtrack.clock import later_stamp, now_ns
from gtrack.errors import UsageError
from gtrack.format import names, yaml
from gtrack.format.plain import to_plain
from gtrack.ids import SHORT
from gtrack.model.concurrent import latest_events
from gtrack.ops.view import View

if TYPE_CHECKING:
    from gtrack.reader import RecordedRun, Repo

__all__ = ["delete", "move", "note", "rename", "restore", "tag"]


def tag(repo: Repo, runs: Sequence[RecordedRun], tags: Mapping[str, object | None]) -> None:
    """Set tags of runs; a value of None takes a tag away.

    Raises:
        UsageError: There are no tags.
    """
    if not tags:
        raise UsageError("no tags given", hint="gtrack tag last baseline=yes")
    shown = " ".join(f"{key}={value}" if value is not None else f"{key}-" for key, value in tags.items())
    _record(repo, runs, {"kind": "tag", "tags": to_plain(tags)}, f"tag {shown}")


def note(repo: Repo, runs: Sequence[RecordedRun], text: str) -> None:
    """Add a remark to runs.

    Raises:
        UsageError: The text is empty.
    """
    if not text.strip():
        raise UsageError("the note is empty", hint='gtrack note last "looks leaky"')
    _record(repo, runs, {"kind": "note", "text": text}, f"note {text}")


def rename(repo: Repo, run: RecordedRun, name: str) -> None:
    """Give a run another name.

    Raises:
        UsageError: The name is empty.
    """
    if not name.strip():
        raise UsageError("the name is empty", hint="gtrack rename last churn-baseline")
    _record(repo, [run], {"kind": "rename", "name": name}, f"rename to {name}")


def move(repo: Repo, runs: Sequence[RecordedRun], experiment: str) -> None:
    """Move runs to another experiment.

    Raises:
        UsageError: The experiment's name is empty.
    """
    if not experiment.strip():
        raise UsageError("the experiment's name is empty")
    _record(repo, runs, {"kind": "move", "experiment": experiment}, f"move to {experiment}")


def delete(repo: Repo, runs: Sequence[RecordedRun], reason: str | None = None) -> None:
    """Delete runs: they are hidden, and can be restored."""
    _record(repo, runs, {"kind": "delete", "reason": reason}, "delete")


def restore(repo: Repo, runs: Sequence[RecordedRun]) -> None:
    """Take back the deletion of runs."""
    _record(repo, runs, {"kind": "restore"}, "restore")


def _record(repo: Repo, runs: Sequence[RecordedRun], fact: Mapping[str, object], what: str) -> None:
    by = author(repo.repository.config, repo.env)
    said = {key: value for key, value in fact.items() if value is not None}
    subject = " ".join("".join(c if c.isprintable() else " " for c in what).split())
    shown = f"run {runs[0].id[:SHORT]} {runs[0].name}" if len(runs) == 1 else f"{len(runs)} runs"
    body_text = "" if len(runs) == 1 else "\n".join(f"{run.id[:SHORT]} {run.name}" for run in runs)
    with repo.repository.lock():
        # Looked at anew: somebody may have edited since the caller did, and this edit shall stand.
        view = View(repo.repository)
        files = dict(_event(view, run.id, {"format": 1, **said, "author": by}) for run in runs)
        commit_files(repo.repository, files, f"{shown}: {subject}"[:120], body_text, by=by)


def _event(view: View, run_id: str, body: Mapping[str, object]) -> tuple[str, bytes]:
    """Return the path and the content of an event that comes after all that is known of a run."""
    # A fact of a time that has not come counts for nothing yet: an edit after it would be hidden just as long.
    future = set(view.state(run_id).future)
    known = [doc for doc in view.files(run_id).documents if doc.name not in future]
    data = yaml.dump({**body, "previous": latest_events([doc for doc in known if doc.kind == "event"])})
    stamp = later_stamp(now_ns() // 1000, max((doc.stamp for doc in known if doc.stamp), default=None))
    return f"{names.run_dir(run_id)}/{names.event(stamp, data)}", data
