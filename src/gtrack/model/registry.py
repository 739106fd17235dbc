"""The current state of a registered model, as a fold of its files: versions, numbers, aliases, stages, history.

A pure function of the *set* of files and the horizon, as the fold of a run is; what stands in them is not trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gtrack.clock import iso
from gtrack.ids import SHORT
from gtrack.model.fold import Document
from gtrack.model.registered import Promotion, Version, VersionDocument, read_version, version_faults
from gtrack.model.registry_conflicts import Conflict, find_conflicts, latest_model_events
from gtrack.model.registry_draft import Draft
from gtrack.model.registry_events import event_faults, is_known
from gtrack.model.registry_history import AliasChange, Entry
from gtrack.model.registry_numbers import Claim, Numbers, fold_numbers
from gtrack.model.registry_stages import StageChange
from gtrack.model.state import Note

__all__ = ["ModelState", "fold_model", "latest_model_events"]


@dataclass(frozen=True, slots=True)
class ModelState:
    """A registered model, as of the files it was folded from.

    Attributes:
        name: Its name.
        every: All versions: those with a number by their numbers, then the others by when they were registered.
        aliases: The uid that each alias points at.
        description: What it is for, or None.
        tags: Its tags.
        notes: Remarks about the model as a whole.
        numbers: What the claims of numbers come to.
        stage_changes: What came into which stage, in order.
        alias_changes: What aliases pointed at, in order.
        history: Everything that happened, in order.
        conflicts: What was changed at the same time and differently.
        deleted: It is hidden.
        updated: When anything was last said, in microseconds since the epoch; None where nothing was.
        author: Who said it.
        future: Events of a time that has not come; they count for nothing yet.
        problems: What was passed over, and why.
    """

    name: str
    every: tuple[Version, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    tags: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    numbers: Numbers = field(default_factory=Numbers)
    stage_changes: tuple[StageChange, ...] = ()
    alias_changes: tuple[AliasChange, ...] = ()
    history: tuple[Entry, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    deleted: bool = False
    updated: int | None = None
    author: str = ""
    future: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions that are not deleted."""
        return tuple(version for version in self.every if not version.deleted)

    @property
    def pending(self) -> tuple[Promotion, ...]:
        """The promotions that wait for approvals."""
        return tuple(version.pending for version in self.versions if version.pending is not None)

    @property
    def concurrent(self) -> tuple[str, ...]:
        """What the conflicts are about."""
        return tuple(conflict.what for conflict in self.conflicts)

    @property
    def latest(self) -> Version | None:
        """The version with the highest number; None when none has one."""
        numbered = [version for version in self.versions if version.number or version.local]
        return max(numbered, key=lambda version: version.number or version.local or 0, default=None)

    def version(self, uid: str) -> Version | None:
        """Return the version of a uid, deleted or not; None when it is not here."""
        return next((version for version in self.every if version.uid == uid), None)

    def numbered(self, number: int) -> Version | None:
        """Return the version of a number, or of a number in this clone; deleted or not."""
        uid = self.numbers.by_number.get(number)
        return next((each for each in self.every if each.uid == uid or each.local == number), None)

    def conflict(self, what: str) -> Conflict | None:
        """Return the conflict about something, or None."""
        return next((conflict for conflict in self.conflicts if conflict.what == what), None)

    def in_stage(self, stage: str, *, at: int | None = None) -> tuple[Version, ...]:
        """Return the versions in a stage, those that came last first; deleted ones only for a moment in the past.

        Args:
            stage: One of :data:`gtrack.model.version_name.STAGES`.
            at: The moment, in microseconds since the epoch; now by default.

        Example:
            >>> [version.label for version in state.in_stage("Production")]
            ['3']
        """
        came: dict[str, StageChange] = {}
        for change in self.stage_changes:
            if at is None or change.time <= at:
                came.pop(change.uid, None)
                came[change.uid] = change
        there = [uid for uid, change in came.items() if change.stage == stage][::-1]
        found = [version for uid in there if (version := self.version(uid)) is not None]
        if stage == "None":
            known = (each for each in self.every if each.uid not in came)
            found += [each for each in known if at is None or (each.registered or 0) <= at]
        return tuple(version for version in found if at is not None or not version.deleted)

    def alias_at(self, alias: str, at: int) -> str | None:
        """Return the uid that an alias pointed at.

        Args:
            alias: The alias.
            at: The moment, in microseconds since the epoch.
        """
        pointed = [change.uid for change in self.alias_changes if change.alias == alias and change.time <= at]
        return pointed[-1] if pointed else None

    def to_dict(self) -> dict[str, object]:
        """Return the state as a map; the history is left out."""
        out: dict[str, object] = {
            "name": self.name,
            "description": self.description,
            "tags": dict(self.tags),
            "aliases": {alias: self._label(uid) for alias, uid in self.aliases.items()},
            "versions": [version.to_dict() for version in self.versions],
            "notes": [note.to_dict() for note in self.notes],
            "updated": None if self.updated is None else iso(self.updated),
            "author": self.author or None,
            "deleted": self.deleted,
        }
        if self.conflicts:
            out["conflicts"] = [conflict.to_dict() for conflict in self.conflicts]
        if self.numbers.contested:
            out["contested"] = {str(number): list(uids) for number, uids in self.numbers.contested.items()}
        return out | {key: list(value) for key in ("future", "problems") if (value := getattr(self, key))}

    def _label(self, uid: str) -> str:
        version = self.version(uid)
        return f"~{uid[:SHORT]}" if version is None else version.label


def fold_model(
    name: str,
    versions: Iterable[VersionDocument],
    numbers: Iterable[Claim],
    events: Iterable[Document],
    *,
    horizon: str | None = None,
    local: bool = False,
) -> ModelState:
    """Fold a model's files into its state; their order does not matter, and the same file twice counts once.

    Args:
        name: The model's name.
        versions: The facts of its versions.
        numbers: The claims of numbers.
        events: Its events.
        horizon: Events with a later stamp are listed as ``future`` and not folded. None folds all.
        local: There is no remote: versions without a number have one here, after the highest claim.

    Example:
        >>> fold_model("churn", [], [], []).versions
        ()
    """
    ordered = sorted({doc.name: doc for doc in events}.values(), key=lambda doc: doc.order)
    present = [doc for doc in ordered if horizon is None or doc.stamp <= horizon]
    facts, problems = _facts(name, versions)
    draft = Draft(facts)
    for doc in present:
        # A signature covers what an event says, not where it lies: copied to another model it must mean nothing.
        wrong = event_faults(doc) if doc.body.get("model", name) == name else [f"{doc.name}: it is of another model"]
        if wrong:
            problems += wrong
        elif is_known(doc):
            draft.add(doc)
    claims = fold_numbers(numbers, draft.sound)
    problems += [
        f"version {number} is claimed by {' and '.join(f'~{uid[:SHORT]}' for uid in uids)}: it names neither"
        for number, uids in claims.contested.items()
    ]
    every = _in_order(draft.versions(claims), claims, local=local)
    history = draft.history
    last = history[-1] if history else None
    return ModelState(
        name,
        every,
        dict(sorted(draft.aliases.items())),
        draft.descriptions.get(None),
        draft.tags.get(None, {}),
        tuple(draft.notes.get(None, ())),
        claims,
        tuple(draft.stages.changes),
        tuple(draft.alias_changes),
        tuple(history),
        find_conflicts(present, draft.outcomes),
        draft.deleted.get(None, False),
        None if last is None else last.time,
        "" if last is None else last.author,
        tuple(doc.name for doc in ordered[len(present) :]),
        tuple(problems),
    )


def _facts(name: str, documents: Iterable[VersionDocument]) -> tuple[dict[str, Version], list[str]]:
    """Return the versions whose facts are sound, and what is wrong with the others."""
    found: dict[str, Version] = {}
    problems = []
    for document in sorted({each.uid: each for each in documents}.values(), key=lambda each: each.uid):
        wrong = version_faults(document.uid, name, document.body)
        if wrong:
            problems += [f"versions/{document.uid}.yaml: {reason}" for reason in wrong]
        else:
            found[document.uid] = read_version(document, name)
    return found, problems


def _in_order(versions: Iterable[Version], claims: Numbers, *, local: bool) -> tuple[Version, ...]:
    """Return versions with a number first, then the others by when they were registered, numbered here where asked."""
    every = list(versions)
    numbered = sorted((each for each in every if each.number is not None), key=lambda each: each.number or 0)
    others = sorted((each for each in every if each.number is None), key=lambda each: (each.registered or 0, each.uid))
    if local:
        free = [each.uid for each in others if not each.claimed]
        here = {uid: claims.next + at for at, uid in enumerate(free)}
        others = [replace(each, local=here.get(each.uid)) for each in others]
    return (*numbered, *others)
