"""``gtrack status``: how this clone and the tracking remote differ, as of the last fetch, and what to type."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, replace

from gtrack.branch.kept_snapshots import local_snapshots
from gtrack.branch.object_store import LARGEST
from gtrack.branch.publication import candidates
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import clone_id, tracking
from gtrack.branch.transport import Transport
from gtrack.branch.transport_url import without_credentials
from gtrack.branch.union import Added, added
from gtrack.clock import iso, iso_to_us, now_ns
from gtrack.config import Settings
from gtrack.errors import GtrackError, UsageError
from gtrack.ops.experiments import experiments
from gtrack.ops.fetch import FETCHED, fetch
from gtrack.ops.keep_objects import outbox_of
from gtrack.ops.publish_code import remembered
from gtrack.ops.recover import spools_of
from gtrack.ops.store_settings import store_choice
from gtrack.ops.view import View

__all__ = ["SharingState", "last_failure", "look", "note_failure", "sharing_state"]

_FAILURE = "push-failed.json"


@dataclass(frozen=True, slots=True)
class SharingState:
    """Where this clone stands.

    Attributes:
        remote: The tracking remote's name, or None.
        url: Its URL without credentials.
        fetched: When its branch was last fetched, in us since the epoch; None for never.
        to_push: The runs of which the remote has nothing.
        files_to_push: How many files it lacks, those of known runs included.
        to_pull: How many files of the remote's the local branch lacks, where there is one; they are shown all the same.
        code_to_push: How many snapshots of code the remote lacks.
        code_waiting: How many of these nobody has agreed to publish.
        may_publish: The answer remembered about such code; None when nobody was asked.
        inboxes: How many inboxes wait at the remote to be taken in.
        own_inbox: One of them is this clone's.
        live: Runs that are being recorded here.
        unrecorded: Spools that cannot be recorded, and why.
        lost: Runs that ended nowhere and have been silent for long.
        forks: Runs of which two sessions were resumed from the same point.
        concurrent: Runs that two clones edited at the same time, and differently: the id and what was edited.
        future: Runs with facts of a time that has not come.
        concurrent_experiments: Experiments whose protocol two clones edited at the same time, and differently: the name
            and what was edited.
        future_experiments: Experiments of which something is said that is of a time that has not come.
        failure: What the last push that ran by itself failed of, and when (us since the epoch).
        objects: How many files of artifacts wait here to be sent.
        object_bytes: Their bytes.
        objects_need_store: No store is configured, and none of them is small enough for the built-in one.
    """

    remote: str | None
    url: str | None = None
    fetched: int | None = None
    to_push: tuple[str, ...] = ()
    files_to_push: int = 0
    to_pull: int = 0
    code_to_push: int = 0
    code_waiting: int = 0
    may_publish: bool | None = None
    inboxes: int = 0
    own_inbox: bool = False
    live: tuple[str, ...] = ()
    unrecorded: tuple[tuple[str, str], ...] = ()
    lost: tuple[str, ...] = ()
    forks: tuple[str, ...] = ()
    concurrent: tuple[tuple[str, str], ...] = ()
    future: tuple[str, ...] = ()
    concurrent_experiments: tuple[tuple[str, str], ...] = ()
    future_experiments: tuple[str, ...] = ()
    failure: tuple[int, str] | None = None
    objects: int = 0
    object_bytes: int = 0
    objects_need_store: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return the state as a map, as ``--json`` prints it."""
        out: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        out["fetched"] = None if self.fetched is None else iso(self.fetched)
        out["unrecorded"] = [{"path": path, "why": why} for path, why in self.unrecorded]
        out["concurrent"] = [{"run": run_id, "what": what} for run_id, what in self.concurrent]
        edited = [{"experiment": name, "what": what} for name, what in self.concurrent_experiments]
        out["concurrent_experiments"] = edited
        out["failure"] = None if self.failure is None else {"time": iso(self.failure[0]), "error": self.failure[1]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in out.items()}


def sharing_state(repo: Repository, unrecorded: tuple[tuple[str, str], ...] = ()) -> SharingState:
    """Compare this clone with the tracking remote as it was last fetched. Asks nobody.

    Args:
        repo: The repository; what ended has been recorded.
        unrecorded: Spools that could not be recorded, and why.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
    """
    about = _about_runs(repo, unrecorded)
    try:
        names = tracking(repo)
    except UsageError:
        return about
    local, there = repo.tree_of(repo.tip), repo.tree_of(repo.refs.read(names.tip_ref))
    ours = added(repo, local, there) if local is not None else Added()
    inboxes = names.inboxes(repo, "runs")
    url = repo.config.get(f"remote.{names.remote}.url")
    code, waiting = _code(repo, names.remote)
    return replace(
        about,
        remote=names.remote,
        url=without_credentials(url) if url else None,
        fetched=_last_fetch(repo),
        to_push=tuple(sorted(ours.runs)),
        files_to_push=len(ours.paths),
        to_pull=len(added(repo, there, local).paths) if there is not None and local is not None else 0,
        code_to_push=code,
        code_waiting=waiting,
        may_publish=remembered(repo),
        inboxes=len(inboxes),
        own_inbox=any(clone_id(repo) in ref for ref in inboxes),
        failure=last_failure(repo),
    )


def _about_runs(repo: Repository, unrecorded: tuple[tuple[str, str], ...]) -> SharingState:
    """Return what there is to say of the runs and experiments themselves, with a remote or without."""
    states = [state for state in View(repo).unsettled() if not state.deleted]
    live = tuple(state.id for state in states if state.live)
    told = {path for path, _ in unrecorded}
    waiting = [run for run in spools_of(repo, Settings.from_env(repo.env).extra_spools) if run.id not in live]
    why = "its process has gone; the next command records it"
    said = experiments(repo)
    marks = [mark for mark in outbox_of(repo).entries() if mark.sent is None]
    return SharingState(
        None,
        objects=len(marks),
        object_bytes=sum(max(0, mark.size) for mark in marks),
        objects_need_store=bool(marks) and all(mark.size > LARGEST for mark in marks) and _no_store(repo),
        live=live,
        unrecorded=(*unrecorded, *((run.path, why) for run in waiting if run.path not in told)),
        lost=tuple(state.id for state in states if state.status == "lost"),
        forks=tuple(state.id for state in states if any(session.fork for session in state.sessions)),
        concurrent=tuple((state.id, ", ".join(state.concurrent)) for state in states if state.concurrent),
        future=tuple(state.id for state in states if state.future),
        concurrent_experiments=tuple((each.name, ", ".join(each.concurrent)) for each in said if each.concurrent),
        future_experiments=tuple(each.name for each in said if each.future),
    )


def _no_store(repo: Repository) -> bool:
    try:
        return store_choice(repo) is None
    except GtrackError:
        return False  # settings that cannot be: told by those who use the store


def look(repo: Repository, *, interactive: bool = False) -> None:
    """Ask the tracking remote what there is, so that the comparison is with the present.

    Raises:
        UsageError: There is no tracking remote.
        NetworkError: It could not be reached, or did not let us in.
    """
    names = tracking(repo)
    fetch(repo, Transport(repo, names.remote, interactive=interactive), names)


def note_failure(repo: Repository, error: Exception | None) -> None:
    """Remember what a push that ran by itself failed of, for ``gtrack status``; None when it did not fail."""
    path = os.path.join(repo.paths.home, _FAILURE)
    try:
        if error is None:
            if os.path.exists(path):
                os.unlink(path)
            return
        reason = error.message if isinstance(error, GtrackError) else f"{type(error).__name__}: {error}"
        with open(path, "w", encoding="utf-8", errors="replace") as file:
            json.dump({"time": iso(now_ns() // 1000), "error": reason[:500]}, file)
    except OSError:
        pass  # the disk that cannot keep this note has told of itself already


def last_failure(repo: Repository) -> tuple[int, str] | None:
    """Return when the last push that ran by itself failed, and why; None when it did not."""
    try:
        with open(os.path.join(repo.paths.home, _FAILURE), encoding="utf-8") as file:
            noted = json.loads(file.read(4096))
        return iso_to_us(noted["time"]), str(noted["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _code(repo: Repository, remote: str) -> tuple[int, int]:
    if repo.git is None:
        return 0, 0
    found = candidates(repo, remote, local_snapshots(repo))
    return len(found), sum(candidate.needs_consent for candidate in found)


def _last_fetch(repo: Repository) -> int | None:
    """Return when gtrack or git last fetched, whichever was later."""
    times = []
    for path in (os.path.join(repo.paths.home, FETCHED), os.path.join(repo.paths.git_dir, "FETCH_HEAD")):
        with contextlib.suppress(FileNotFoundError):
            times.append(os.stat(path).st_mtime_ns // 1000)
    return max(times, default=None)
