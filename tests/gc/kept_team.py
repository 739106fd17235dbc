"""A team with runs of every age, a store they share, clones: what a collection of garbage is tried on."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gtrack.branch.commit import commit_files
from gtrack.branch.objects import BLOB
from gtrack.clock import iso, stamp
from gtrack.format import names, yaml
from gtrack.format.manifest import Line, build_manifests
from gtrack.format.names import Segment
from gtrack.ids import sha12
from gtrack.model.artifact import Artifact
from gtrack.model.summary import MetricSummary
from gtrack.ops.objects import object_cache, opened_store, outbox_of
from gtrack.ops.store_settings import repository_id, repository_remote, store_choice
from gtrack.reader import Repo
from gtrack.store.members import Member, register
from gtrack.store.place import key_of

DAY_US = 86_400_000_000
BY = "Ada L <ada@example.org>"
NOW = time.time_ns() // 1000


def git(where: Path, *args: str) -> str:
    return subprocess.run(["git", "-C", str(where), *args], check=True, capture_output=True, text=True).stdout.strip()


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def days_ago(days: float) -> int:
    return NOW - int(days * DAY_US)


def run_id_of(number: int) -> str:
    return hashlib.sha256(b"run %d" % number).hexdigest()[:32]


@dataclass
class MadeRun:
    """A run as it is put on the branch."""

    number: int
    days: float
    status: str = "finished"
    auc: float = 0.5
    experiment: str = "churn"
    content: Mapping[str, bytes] = field(default_factory=dict)
    uses: tuple[int, ...] = ()
    parent: int | None = None
    tags: Mapping[str, object] = field(default_factory=dict)
    deleted: float | None = None

    @property
    def id(self) -> str:
        return run_id_of(self.number)

    @property
    def objects(self) -> set[str]:
        return {digest_of(data) for data in self.content.values()}

    def files(self) -> dict[str, bytes]:
        """Return its files on the branch."""
        session, writer = f"{self.number:08x}", "aaaaaaaa"
        ended, folder = days_ago(self.days), names.run_dir(self.id)
        uses = [{"run": run_id_of(number), "path": "model.bin"} for number in self.uses]
        head = {
            "format": 1,
            "id": self.id,
            "name": f"run-{self.number}",
            "experiment": self.experiment,
            "parent": None if self.parent is None else run_id_of(self.parent),
            "started": iso(ended - 60_000_000),
            "session": session,
            "author": BY,
            "params": {},
            "tags": dict(self.tags),
            "uses": uses,
        }
        point = {**MetricSummary.point(self.auc, 0, ended).to_dict(), "goal": "max"}
        last = {"format": 1, "session": session, "status": self.status, "by": "owner", "ended": iso(ended)}
        tail = yaml.dump({**last, "metrics": {"auc": point}, "goals": {"auc": "max"}})
        out = {f"{folder}/run.yaml": yaml.dump(head), f"{folder}/{names.end(stamp(ended), tail)}": tail}
        lines = [
            Line(at, path, ended, _artifact(path, self.content[path], ended)) for at, path in enumerate(self.content)
        ]
        if lines:
            segment = Segment(session, writer, 0, len(lines))
            for part, body in build_manifests(segment, lines).items():
                out[f"{folder}/{names.segment('artifacts', part)}"] = body
        if self.deleted is not None:
            event = yaml.dump({"format": 1, "kind": "delete", "author": BY, "previous": []})
            out[f"{folder}/{names.event(stamp(days_ago(self.deleted)), event)}"] = event
        return out


def _artifact(path: str, data: bytes, ended: int) -> Artifact:
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return Artifact(path, len(data), digest_of(data), "application/octet-stream", ended, blob=blob)


def version_files(model: str, run: MadeRun, path: str) -> dict[str, bytes]:
    """Return a registered version of a run's artifact."""
    data = yaml.dump(
        {"format": 1, "run": run.id, "artifact": {"path": path, "sha256": digest_of(run.content[path])}, "author": BY}
    )
    return {f"models/{model}/versions/{sha12(data) * 2}{run.id[:8]}.yaml": data}


class Team:
    """A hub, a store, and clones of the hub.

    Args:
        root: An empty folder.
        policy: What stands under ``retention:``, as YAML.
        store: Whether there is a store.
    """

    def __init__(self, root: Path, policy: str = "", *, store: bool = True) -> None:
        self.root = root
        self.hub = root / "hub.git"
        self.store = root / "store" if store else None
        if self.store is not None:
            self.store.mkdir(exist_ok=True)
        git(root, "init", "-q", "--bare", "-b", "main", str(self.hub))
        first = self.clone("a")
        (first / "train.py").write_text("print('training')\n")
        (first / "gtrack.yaml").write_text(policy or "push: off\n")
        git(first, "add", ".")
        git(first, "commit", "-qm", "first")
        git(first, "push", "-q", "origin", "main")

    def clone(self, name: str) -> Path:
        """Return a new clone."""
        path = self.root / name
        git(self.root, "clone", "-q", str(self.hub), str(path))
        if self.store is not None:
            git(path, "config", "gtrack.store", str(self.store))
        return path

    def record(
        self, path: Path, runs: Iterable[MadeRun], more: Mapping[str, bytes] | None = None, *, push: bool = True
    ) -> None:
        """Put runs on the branch of a clone, and on the hub's."""
        files = dict(more or {})
        for run in runs:
            files |= run.files()
        with Repo(str(path)) as repo, repo.repository.lock():
            commit_files(repo.repository, files, "runs", by=BY)
        if push:
            git(path, "push", "-q", "origin", "gtrack")
            git(path, "fetch", "-q", "origin")

    def keep(
        self, path: Path, data: bytes, days: float, *, cache: bool = True, store: bool = True, outbox: str = ""
    ) -> str:
        """Put an object into a clone's cache and the store, as old as it is said to be."""
        digest, when = digest_of(data), days_ago(days) / 1e6
        with Repo(str(path)) as repo:
            held = object_cache(repo.repository)
            if cache:
                held.add_bytes(data)
                os.utime(held.path(digest), (when, when))
            if store and self.store is not None:
                there = self.store / key_of(digest)
                if not there.exists():
                    there.parent.mkdir(parents=True, exist_ok=True)
                    there.write_bytes(data)
                    there.chmod(0o444)
                    os.utime(there, (when, when))
            if outbox:
                blob = repo.repository.objects.id_of(BLOB, data)
                outbox_of(repo.repository).add(digest, len(data), blob, outbox)
        return digest

    def join_store(self, path: Path) -> None:
        """Note in the store that a clone's repository uses it."""
        with Repo(str(path)) as repo:
            choice = store_choice(repo.repository)
            assert choice is not None
            with opened_store(repo.repository, choice.location) as place:
                member = Member(repository_id(repo.repository), repository_remote(repo.repository), iso(NOW))
                register(place, member)

    def stored(self) -> set[str]:
        """Return the objects in the store."""
        assert self.store is not None
        return {path.name for path in (self.store / "objects").rglob("*") if path.is_file()}

    def used(self) -> int:
        """Return the bytes of the store's objects, as ``du --apparent-size`` counts them."""
        assert self.store is not None
        return sum(path.stat().st_size for path in (self.store / "objects").rglob("*") if path.is_file())


def cached(path: Path) -> dict[str, int]:
    """Return the objects in a clone's cache with their sizes."""
    with Repo(str(path)) as repo:
        cache = object_cache(repo.repository)
        return {digest: os.path.getsize(cache.path(digest)) for digest in cache.digests()}
