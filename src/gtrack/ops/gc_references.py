"""What keeps objects: everything on the branch, wherever it is seen, and in this clone that names one.

Whoever names an object is believed: too much is kept rather than too little. Any SHA-256 that stands in a document of a
run that is not pruned keeps the object of that name, whatever the document means by it; only of manifests it is known
which artifacts they took away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gtrack.branch.bulk import overlay
from gtrack.branch.listing import Entry, list_tree, read_in_batches
from gtrack.branch.members import DOCUMENT_BYTES, place
from gtrack.branch.objects import BLOB_MODE
from gtrack.branch.repository import Repository
from gtrack.clock import now_ns, stamp, stamp_to_us
from gtrack.config import Settings
from gtrack.errors import ParseError
from gtrack.format import yaml
from gtrack.format.manifest import parse_manifest
from gtrack.format.names import RunFile, parse_run_file, split_path
from gtrack.ids import SHORT, sha12, unslug
from gtrack.model.artifact import Manifest, fold_artifacts
from gtrack.ops.keep_objects import outbox_of
from gtrack.ops.present import DAY_US
from gtrack.ops.recover import spools_of
from gtrack.ops.trees import trees_of, visible_tips
from gtrack.spool.directory import SpoolRun

__all__ = ["References", "local_references", "references"]

_DIGESTS = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_RUN_IDS = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_FOLDERS = ("runs/", "models/", "tombstones/")
_MOST_FAULTS = 20


@dataclass(slots=True)
class References:
    """What names objects.

    Attributes:
        runs: The objects that each run names that is not pruned, by the run's id.
        fixed: Objects that stay whatever becomes of the runs of this branch, each with why.
        registered: The runs that registered versions name, each with the model's name.
        deleted: When each deleted run was deleted, microseconds since the epoch.
        restored: When runs were last brought back, likewise.
        pruned: Runs with a tombstone that is in effect; see :meth:`_Reader._works`.
        live: Runs that are being recorded in this clone.
        now_us: When this was read, microseconds since the epoch.
        stamps: The latest stamp among the events of each run with a deletion or a tombstone.
        faults: What of the branch could not be read: while there is any, nothing may be removed.
    """

    runs: dict[str, frozenset[str]] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)
    registered: dict[str, str] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    restored: dict[str, int] = field(default_factory=dict)
    pruned: frozenset[str] = frozenset()
    live: frozenset[str] = frozenset()
    now_us: int = 0
    stamps: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def users(self) -> dict[str, list[str]]:
        """Return the runs that name each object."""
        out: dict[str, list[str]] = {}
        for run_id, digests in self.runs.items():
            for digest in digests:
                out.setdefault(digest, []).append(run_id)
        return out

    def names(self, digest: str) -> bool:
        """Tell whether anything names an object."""
        return digest in self.fixed or any(digest in digests for digests in self.runs.values())


def references(repo: Repository) -> References:
    """Read all that names objects, as of the last fetch.

    Args:
        repo: The repository.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
        UnfetchedObjectError: A partial clone's remote could not be reached.
    """
    tips = visible_tips(repo)
    trees = trees_of(tips)
    # What is not published yet hides nothing from others: a tombstone works when everybody can see it.
    published = repo.remote_tip if repo.remote is not None else repo.tip
    return _Reader(repo, trees, repo.tree_of(published)).read(_others(repo))


def local_references(repo: Repository) -> dict[str, str]:
    """Return the objects that live runs and the outbox name, each with why: what changes from moment to moment."""
    out: dict[str, str] = {}
    for run in _spools(repo):
        why = f"run {run.id[:SHORT]} is being recorded"
        out.update((digest, why) for digest in _digests_of_spool(run))
    return out


class _Reader:
    """Reads trees of the branch once."""

    def __init__(self, repo: Repository, trees: Sequence[str], published: str | None) -> None:
        self._repo = repo
        self._trees = trees
        self._published = published
        now_us = now_ns() // 1000
        self._horizon = stamp(now_us + DAY_US)
        self._out = References(now_us=now_us)
        self._restored: dict[str, str] = {}
        self._deletions: dict[str, list[str]] = {}
        self._tombstones: dict[str, str] = {}
        self._gave_way: dict[str, set[str]] = {}
        """By digest: the objects that hold content which another file took the place of."""

    def read(self, others: Mapping[str, str]) -> References:
        """Read the team's trees, and beside them those of other remotes, by the remotes' names."""
        out = self._out
        listed = {tree: self._list(tree) for tree in dict.fromkeys([*self._trees, *others.values()])}
        *more, stands = [listed[tree] for tree in self._trees] or [[]]
        standing = overlay(map(_plain, stands), *(map(_plain, entries) for entries in more))
        sizes = {entry.oid: entry for entries in listed.values() for entry in entries}
        self._read_runs([Entry(path, mode, oid, sizes[oid].size) for path, mode, oid in standing.values()])
        seen = {oid for _, _, oid in standing.values()}
        for tree in self._trees:
            self._read_fixed(
                [e for e in listed[tree] if e.oid not in seen], "a version of a file that gave way names it"
            )
        for remote, tree in others.items():
            self._read_fixed([e for e in listed[tree] if e.oid not in seen], f"a run of {remote} names it")
        self._settle()
        out.fixed.update(local_references(self._repo))
        out.live = frozenset(run.id for run in _spools(self._repo))
        self._read_outbox()
        return out

    def _list(self, tree: str) -> list[Entry]:
        self._repo.bring([tree])
        listing = list_tree(self._repo, tree)
        self._out.faults += [f"{folder or 'the branch'}: {why}" for folder, why in listing.unreadable]
        return [
            e for e in listing.files if e.path.startswith(_FOLDERS) and e.path.endswith(".yaml") and e.mode == BLOB_MODE
        ]

    def _read_runs(self, entries: Iterable[Entry]) -> None:
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            run = split_path(entry.path)
            key = run[0] if run is not None else entry.path.partition("/")[0]
            groups.setdefault(key, []).append(entry)
        for name, members, contents in self._contents(groups):
            if name == "models":
                self._read_models(members, contents)
            elif name == "tombstones":
                self._read_tombstones(members, contents)
            else:
                self._read_run(name, members, contents)

    def _contents(
        self, groups: Mapping[str, list[Entry]]
    ) -> Iterator[tuple[str, Sequence[Entry], Mapping[str, bytes]]]:
        self._repo.bring([entry.oid for members in groups.values() for entry in members])
        for name, members, contents, bad in read_in_batches(self._repo, iter(groups.items()), DOCUMENT_BYTES):
            for entry in members:
                # A document that is too large is no member, and nobody reads it.
                if entry.oid in bad and (entry.size is None or entry.size <= DOCUMENT_BYTES):
                    self._fault(f"{entry.path}: {bad[entry.oid]}")
            yield name, members, contents

    def _read_run(self, run_id: str, members: Sequence[Entry], contents: Mapping[str, bytes]) -> None:
        manifests: list[Manifest] = []
        digests: set[str] = set()
        for entry in members:
            data, path = contents.get(entry.oid), split_path(entry.path)
            file = parse_run_file(path[1]) if path is not None else None
            if data is None:
                continue
            if file is not None and file.kind == "artifacts":
                manifest, problems = parse_manifest(data)
                manifests.append(manifest)
                if not problems:
                    continue
            elif file is not None and file.kind == "event":
                self._note_event(run_id, file, data)
            digests.update(_digests(data))
        digests.update(artifact.object for artifact in fold_artifacts(manifests).values())
        for artifact in (each for manifest in manifests for each in manifest.files.values()):
            if artifact.object not in digests:
                self._gave_way.setdefault(artifact.digest, set()).add(artifact.object)
        self._out.runs[run_id] = frozenset(digests)

    def _note_event(self, run_id: str, file: RunFile, data: bytes) -> None:
        """Take note of a deletion or its taking back; events come in the order of their names, so of their stamps."""
        if (b"delete" not in data and b"restore" not in data) or file.stamp is None or file.digest != sha12(data):
            return
        try:
            kind, moment = yaml.load(data).get("kind"), stamp_to_us(file.stamp)
        except (ParseError, ValueError, OverflowError):
            return
        if kind == "restore":
            self._restored[run_id] = max(file.stamp, self._restored.get(run_id, ""))
            self._out.restored[run_id] = max(moment, self._out.restored.get(run_id, 0))
        elif kind == "delete":
            self._deletions.setdefault(run_id, []).append(file.stamp)
        if (
            kind in ("delete", "restore")
            and file.stamp <= self._horizon
            and file.stamp >= self._out.stamps.get(run_id, "")
        ):
            self._out.stamps[run_id] = file.stamp
            if kind == "delete":
                self._out.deleted[run_id] = moment
            else:
                self._out.deleted.pop(run_id, None)

    def _read_models(self, members: Iterable[Entry], contents: Mapping[str, bytes]) -> None:
        for entry in members:
            parts, data = entry.path.split("/"), contents.get(entry.oid)
            if data is None or len(parts) < 3:
                continue
            name = _unslug(parts[1])
            self._out.fixed.update((digest, f"model {name} names it") for digest in _digests(data))
            if parts[2] == "versions":
                runs = (match[0].decode() for match in _RUN_IDS.finditer(data))
                self._out.registered.update((run, name) for run in runs)

    def _read_tombstones(self, members: Iterable[Entry], contents: Mapping[str, bytes]) -> None:
        published = self._published
        for entry in members:
            known, data = place(entry.path), contents.get(entry.oid)
            if known is None or known.kind != "tombstone" or data is None or known.digest != sha12(data):
                continue
            found = None if published is None else self._repo.objects.find(published, entry.path)
            moment = entry.path.rpartition("/")[2].rpartition("-")[0]
            if found is not None and found[1] == entry.oid and moment <= self._horizon:
                run_id = str(known.run_id)
                self._tombstones[run_id] = max(moment, self._tombstones.get(run_id, ""))

    def _read_fixed(self, entries: Sequence[Entry], why: str) -> None:
        groups = {"": [entry for entry in entries if not entry.path.startswith("tombstones/")]}
        for _, _, contents in self._contents(groups):
            for data in contents.values():
                for digest in _digests(data):
                    self._out.fixed.setdefault(digest, why)

    def _settle(self) -> None:
        """Say which runs are pruned: those of which a tombstone works."""
        out = self._out
        # A registered version may name what its run put another file in the place of, and knows no packs.
        for digest in self._gave_way.keys() & out.fixed.keys():
            out.fixed.update(dict.fromkeys(self._gave_way[digest], out.fixed[digest]))
        out.pruned = frozenset(run for run, moment in self._tombstones.items() if self._works(run, moment))
        for run, moment in self._tombstones.items():
            out.stamps[run] = max(moment, out.stamps.get(run, ""))
        for run in out.pruned:
            out.runs.pop(run, None)

    def _works(self, run: str, moment: str) -> bool:
        """Tell whether a tombstone works: no version names its run, and nobody has restored it since its deletion.

        Who restored it before the tombstone was made, but not where that could be seen, wants it all the same.
        """
        restored = self._restored.get(run, "")
        if run in self._out.registered or restored > moment:
            return False
        before = max((each for each in self._deletions.get(run, ()) if each <= moment), default="")
        return not restored or restored < before

    def _read_outbox(self) -> None:
        for waiting in outbox_of(self._repo).entries():
            if not waiting.runs or not self._out.pruned.issuperset(waiting.runs):
                self._out.fixed.setdefault(waiting.digest, "it waits to be sent from this clone")

    def _fault(self, text: str) -> None:
        if len(self._out.faults) < _MOST_FAULTS:
            self._out.faults.append(text)


def _spools(repo: Repository) -> list[SpoolRun]:
    return spools_of(repo, Settings.from_env(repo.env).extra_spools)


def _others(repo: Repository) -> dict[str, str]:
    """Return the trees of other remotes' branches as of their last fetches, by the remotes' names."""
    out: dict[str, str] = {}
    name = repo.branch.removeprefix("refs/heads/")
    for remote in repo.config.subsections("remote"):
        tip = repo.refs.read(f"refs/remotes/{remote}/{name}") if remote != repo.remote else None
        tree = repo.tree_of(tip)
        if tree is not None:
            out[remote] = tree
    return out


def _digests_of_spool(run: SpoolRun) -> Iterator[str]:
    for writer in run.writers():
        try:
            with open(writer.ledger, "rb") as file:
                for line in file:
                    yield from _digests(line)
        except OSError:
            continue


def _digests(data: bytes) -> Iterator[str]:
    return (match[0].decode() for match in _DIGESTS.finditer(data))


def _plain(entry: Entry) -> tuple[str, int, str]:
    return entry.path, entry.mode, entry.oid


def _unslug(text: str) -> str:
    try:
        return unslug(text)
    except UnicodeDecodeError:
        return text
