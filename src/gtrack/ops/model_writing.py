"""Writing to a registered model: one commit of new files under the lock, after all that is known of the model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.branch.author import author
from gtrack.branch.commit import commit_files
from gtrack.branch.repository import Repository
from gtrack.clock import later_stamp, now_ns
from gtrack.errors import UsageError
from gtrack.format import names, yaml
from gtrack.model.fold import Document
from gtrack.model.registered import Version
from gtrack.model.registry import ModelState, latest_model_events
from gtrack.model.registry_events import event_faults
from gtrack.model.version_name import model_name_fault
from gtrack.ops.model_files import ModelFiles, fold_files, folders_of_models, load_model_files
from gtrack.ops.signatures import signed
from gtrack.ops.trees import visible_trees

__all__ = ["Changed", "Known", "Write", "known_of", "label_of", "people", "pins_of", "put", "record", "shown"]

Write = Callable[[Mapping[str, bytes], str, str], None]
"""Commits files: contents by path, the subject and the body of the message."""

_SUBJECT = 120


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change of a registered model came to.

    Attributes:
        model: The model after it.
        version: The version that it was about, or None.
        event: The file that was written, below the model's folder; None where it was so already.
        outcome: What it came to: see :class:`gtrack.model.registry_history.Entry`.
    """

    model: ModelState
    version: Version | None = None
    event: str | None = None
    outcome: Mapping[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {
            "model": self.model.name,
            "version": None if self.version is None else self.version.to_dict(),
            "event": self.event,
            "outcome": dict(self.outcome),
        }


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model while the lock is held: whatever is written comes after it.

    Attributes:
        name: Its name.
        files: Its files.
        state: What they come to.
        by: Who writes, ``Name <email>``.
    """

    name: str
    files: ModelFiles
    state: ModelState
    by: str


def known_of(repository: Repository, name: str, *, new: bool = False) -> Known:
    """Return what is known of a model, looked at anew: somebody may have changed it since the caller did.

    Args:
        repository: The repository; its lock is held.
        name: The model.
        new: It need not be there yet.

    Raises:
        UsageError: The name cannot be a model's.
        NotFoundError: There is no such model, or it was deleted.
    """
    wrong = model_name_fault(name)
    if wrong is not None or names.model_dir(name) is None:
        raise UsageError(f"{name!r:.80} cannot be a model's name: {wrong or 'it is too long'}")
    folders = folders_of_models(repository, visible_trees(repository))
    if name not in folders and not new:
        from gtrack.ops.registry import model

        model(repository, name)
    files = load_model_files(repository, folders.get(name, ()))
    state = fold_files(name, files, local=repository.remote is None)
    return Known(name, files, state, author(repository.config, repository.env))


def record(
    repository: Repository,
    known: Known,
    fact: Mapping[str, object],
    subject: Callable[[Mapping[str, object]], str],
    *,
    write: Write | None = None,
) -> Changed:
    """Commit one event that comes after all that is known of a model; the lock is held.

    Args:
        repository: The repository.
        known: What is known of it.
        fact: The event's kind and fields; those that are None are left out, but for the version.
        subject: Returns what the commit's subject says after the model's name, from what the event came to.
        write: Commits the files, where that is not to be on the branch.

    Raises:
        UsageError: A field cannot be so.
        SigningError: The event is to be signed, and cannot be.
    """
    # An event of a time that has not come counts for nothing yet: one after it would be hidden just as long.
    future = set(known.state.future)
    present = [doc for doc in known.files.events if doc.name not in future]
    keep = ("version", "description", "tags")
    said = {key: value for key, value in fact.items() if value is not None or key in keep}
    body = {"format": 1, "model": known.name, **said, "author": known.by, "previous": latest_model_events(present)}
    data = yaml.dump(body)
    moment = later_stamp(now_ns() // 1000, max((doc.stamp for doc in present), default=None))
    event = Document("event", names.event(moment, data), yaml.load(data), moment)
    wrong = event_faults(event)
    if wrong:
        raise UsageError(wrong[0].removeprefix(f"{event.name}: "))
    files = ModelFiles(known.files.versions, known.files.numbers, (*known.files.events, event), known.files.problems)
    state = fold_files(known.name, files, local=repository.remote is None)
    outcome = next((entry.outcome for entry in state.history if entry.file == event.name), {})
    put(repository, known, {event.name: data}, subject(outcome), str(fact.get("reason") or ""), write=write)
    uid = fact.get("version")
    return Changed(state, state.version(uid) if isinstance(uid, str) else None, event.name, outcome)


def put(
    repository: Repository,
    known: Known,
    files: Mapping[str, bytes],
    subject: str,
    reason: str = "",
    *,
    write: Write | None = None,
    interactive: bool | None = None,
) -> None:
    """Sign files where that is asked for, and commit them; the lock is held.

    Args:
        repository: The repository.
        known: What is known of the model.
        files: Contents by path below the model's folder.
        subject: What the commit's subject says after the model's name.
        reason: Why, for the body of its message.
        write: Commits the files, where that is not to be on the branch.
        interactive: See :func:`gtrack.ops.signatures.signed`.
    """
    folder = names.model_dir(known.name)
    whole = signed(repository, {f"{folder}/{name}": data for name, data in files.items()}, interactive=interactive)
    line = shown(f"model {known.name}: {subject}")[:_SUBJECT]
    body = "\n".join(shown(part) for part in reason.splitlines())
    if write is not None:
        write(whole, line, body)
    else:
        commit_files(repository, whole, line, body, by=known.by)


def pins_of(repository: Repository, version: Version) -> dict[str, object]:
    """Return the digests of what a promotion or an approval is about: the version's file, its run's run.yaml."""
    run = None
    for tree in visible_trees(repository) if version.run is not None else ():
        found = repository.objects.find(tree, f"{names.run_dir(str(version.run))}/run.yaml")
        if found is not None:
            run = hashlib.sha256(repository.read_blob(found[1])).hexdigest()
    return {"version": version.sha256, "run": run}


def shown(text: str) -> str:
    """Return a text as one line that can stand in a commit's message."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def label_of(version: Version) -> str:
    """Return what a version is called in a commit's subject: ``v3`` or ``~9c1d7b6``."""
    return f"v{version.number}" if version.number is not None else version.short


def people(authors: Sequence[object]) -> str:
    """Return the names of people: ``Ada L and Ben``."""
    return " and ".join(str(each).partition(" <")[0] for each in authors)
