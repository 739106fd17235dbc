"""A remote where there is no git executable: paths and http(s), through dulwich.

Less than git can do, and it says so: no ssh and no ``git://``, no credential helpers (credentials come from the URL),
no sha256, no hooks at a path.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gtrack.branch.transport_errors import explain, printable, said_by_server
from gtrack.branch.transport_process import Limits
from gtrack.branch.transport_push import Outcome, Status, Update, outcome_of
from gtrack.branch.transport_url import Address, remote_addresses
from gtrack.errors import DamageError, GitError, GtrackError

if TYPE_CHECKING:
    from dulwich.client import GitClient
    from dulwich.object_store import DiskObjectStore

    from gtrack.branch.repository import Repository

__all__ = ["DulwichTransport"]

_ZERO = b"0" * 40
_INSTALL = "install git"
_HOOKS = ("pre-receive", "update", "post-receive", "post-update", "reference-transaction", "proc-receive")


class DulwichTransport:
    """A remote, reached through dulwich.

    Args:
        repo: The repository.
        remote: The name of the remote.
        limits: When to give up; at a path nothing is waited for.
    """

    def __init__(self, repo: Repository, remote: str, *, limits: Limits) -> None:
        self._repo = repo
        self._remote = remote
        self._limits = limits

    def list(self, patterns: Sequence[str]) -> dict[str, str]:  # noqa: ARG002  all are listed anyhow
        """Return the references of the remote, and their object ids."""
        with self._talk("ls-remote") as (client, path, _):
            return _references(client.get_refs(path).refs)

    def fetch(self, refspecs: Mapping[str, str]) -> dict[str, str | None]:
        """Fetch references into copies; see :meth:`gtrack.branch.transport.Transport.fetch`."""
        with self._talk("fetch") as (client, path, store):
            there = self._receive(client, path, store, refspecs)
            missing = [oid for oid in _chosen(there, refspecs) if not _has(store, oid)]
        if missing:
            raise DamageError(f"the remote {self._remote} did not send {missing[0][:7]}, which it names")
        self._repo.objects.refresh()
        found: dict[str, str | None] = {ref: None for ref in refspecs if "*" not in ref}
        copies: dict[str, str | None] = {here: None for spec in refspecs.values() for here in self._copies(spec)}
        for ref, here in _mapped(there, refspecs).items():
            found[ref] = copies[here] = there[ref]
        self.set_copies(copies)
        return found

    def push(self, updates: Mapping[str, Update]) -> dict[str, Outcome]:
        """Send updates; see :meth:`gtrack.branch.transport.Transport.push`."""
        found: dict[str, Outcome] = {}
        said: list[bytes] = []
        with self._talk("push") as (client, path, store):

            def asked(refs: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
                there = _references(refs)
                judged = {ref: _judge(store, update, there.get(ref)) for ref, update in updates.items()}
                found.update({ref: outcome for ref, outcome in judged.items() if outcome is not None})
                asked = {ref: updates[ref] for ref, outcome in judged.items() if outcome is None}
                return {ref.encode(): (update.new or "").encode() or _ZERO for ref, update in asked.items()}

            def pack(have: Any, want: Any, *, ofs_delta: bool = False, progress: Any = None) -> Any:  # noqa: ARG001
                # Without progress: what is printed shall be the server's alone.
                shallow = _shallow(self._repo.paths.common_dir)
                return store.generate_pack_data(have, want, shallow=shallow, ofs_delta=ofs_delta)  # type: ignore

            sent = client.send_pack(path, asked, pack, progress=said.append)  # type: ignore[arg-type]
        lines = b"".join(said).decode("utf-8", "replace").splitlines()
        server = said_by_server("remote: " + printable(line, self._address(push=True)) for line in lines)
        refused = {ref.decode(): why for ref, why in (sent.ref_status or {}).items() if why}
        for ref, update in updates.items():
            if ref not in found and ref in refused:
                reason = printable(str(refused[ref]), self._address(push=True))
                raced = reason.startswith("unable to ")
                found[ref] = outcome_of("stale info" if raced else reason, server, update, remotely=True)
        return {ref: found.get(ref, Outcome(Status.DONE)) for ref in updates}

    def set_copies(self, copies: Mapping[str, str | None]) -> None:
        """Set our copies of references, or delete those that are None."""
        from dulwich.objects import ObjectID
        from dulwich.refs import DiskRefsContainer, Ref

        refs = DiskRefsContainer(self._repo.paths.common_dir, self._repo.paths.git_dir)
        for name, oid in copies.items():
            if oid is not None:
                refs.set_if_equals(Ref(name.encode()), None, ObjectID(oid.encode()))
            elif self._repo.refs.read(name) is not None:
                refs.remove_if_equals(Ref(name.encode()), None)

    def _copies(self, here: str) -> Sequence[str]:
        before, star, after = here.partition("*")
        if not star:
            return [here]
        return [name for name in self._repo.refs.names(before) if name.endswith(after)]

    def _address(self, *, push: bool) -> Address:
        return remote_addresses(self._repo, self._remote, push=push)[0]

    @contextlib.contextmanager
    def _talk(self, command: str) -> Iterator[tuple[GitClient, Any, DiskObjectStore]]:
        """Open a client and an object store, and put what goes wrong into words."""
        from dulwich.object_store import DiskObjectStore

        address = self._address(push=command == "push")
        self._refuse(address, command)
        with contextlib.closing(DiskObjectStore(os.path.join(self._repo.paths.common_dir, "objects"))) as store:
            try:
                with _client(address, self._repo.paths.root, self._limits) as (client, path):
                    yield client, path, store
            except GtrackError:
                raise
            except Exception as error:
                raise _in_words(command, self._remote, address, error) from error

    def _refuse(self, address: Address, command: str) -> None:
        """Raise where git is needed."""
        if address.scheme not in ("file", "http", "https") or self._repo.object_format != "sha1":
            what = f"by {address.scheme}" if self._repo.object_format == "sha1" else "with sha256"
            raise GitError(f"the remote {self._remote} is reached {what}, which needs the git program", hint=_INSTALL)
        if address.scheme == "file" and command == "push":
            place = os.path.join(self._repo.paths.root, re.sub(r"\Afile://", "", address.url))
            for folder in (os.path.join(place, "hooks"), os.path.join(place, ".git", "hooks")):
                if any(os.access(os.path.join(folder, hook), os.X_OK) for hook in _HOOKS):
                    raise GitError(f"{address.shown} has hooks, and only the git program runs them", hint=_INSTALL)

    def _receive(
        self, client: GitClient, path: Any, store: DiskObjectStore, refspecs: Mapping[str, str]
    ) -> dict[str, str]:
        """Fetch the objects that are wanted into the store, as one pack; return all references of the remote."""
        file, commit, abort = store.add_pack()
        there: dict[str, str] = {}
        wanted: list[bytes] = []

        def wants(refs: Mapping[bytes, bytes], depth: int | None = None) -> Sequence[bytes]:  # noqa: ARG001
            there.update(_references(refs))
            wanted.extend(sorted({oid.encode() for oid in _chosen(there, refspecs) if not _has(store, oid)}))
            return wanted

        try:
            client.fetch_pack(path, wants, self._walker(store), file.write)  # type: ignore[arg-type]
        except BaseException:
            abort()
            raise
        (commit if wanted else abort)()
        return there

    def _walker(self, store: DiskObjectStore) -> Any:
        """Return what tells the server which commits are here."""
        from dulwich.object_store import ObjectStoreGraphWalker

        heads = {self._repo.refs.read(name) for name in self._repo.refs.names("refs/")}
        here = [head.encode() for head in heads if head is not None and _has(store, head)]
        shallow = {line for line in _shallow(self._repo.paths.common_dir) if _has(store, line.decode())}
        return ObjectStoreGraphWalker(here, lambda oid: _parents(store, oid), shallow=shallow)  # type: ignore


@contextlib.contextmanager
def _client(address: Address, root: str, limits: Limits) -> Iterator[tuple[GitClient, Any]]:
    from dulwich.client import default_urllib3_manager, get_transport_and_path
    from dulwich.config import ConfigDict

    if address.scheme == "file":
        url = address.url if "://" in address.url else os.path.join(root, address.url)
        yield get_transport_and_path(url, config=ConfigDict(), thin_packs=False)
        return
    pool = default_urllib3_manager(None, timeout=limits.stall)
    try:
        yield get_transport_and_path(address.url, config=ConfigDict(), thin_packs=False, pool_manager=pool)  # type: ignore
    finally:
        pool.clear()


def _in_words(command: str, remote: str, address: Address, error: Exception) -> GtrackError:
    """Return the error that git's own words would have led to."""
    from dulwich.client import HTTPUnauthorized
    from dulwich.errors import HangupException, NotGitRepository

    text = re.sub(r"unexpected http resp (\d+)", r"HTTP \1", str(error))
    special = {
        HTTPUnauthorized: "Authentication failed",
        NotGitRepository: "repository '' not found",
        HangupException: "the remote end hung up unexpectedly",
    }
    told = [words for kind, words in special.items() if isinstance(error, kind)]
    known = explain(command, remote, address, f"error: {(told or [text])[0]}")
    return known or GitError(f"{address.shown}: {printable(text, address)}")


def _references(refs: Mapping[Any, Any]) -> dict[str, str]:
    named = {bytes(ref).decode("utf-8", "surrogateescape"): oid for ref, oid in refs.items() if oid}
    return {
        ref: bytes(oid).decode() for ref, oid in named.items() if ref.startswith("refs/") and not ref.endswith("^{}")
    }


def _mapped(there: Mapping[str, str], refspecs: Mapping[str, str]) -> dict[str, str]:
    """Return our copy of every reference of the remote that a refspec names."""
    found = {}
    for name in there:
        for source, here in refspecs.items():
            before, star, after = source.partition("*")
            if name == source and not star:
                found[name] = here
            elif star and name.startswith(before) and name.endswith(after) and len(name) > len(before + after):
                found[name] = here.replace("*", name[len(before) : len(name) - len(after)])
    return found


def _chosen(there: Mapping[str, str], refspecs: Mapping[str, str]) -> Sequence[str]:
    return [there[name] for name in _mapped(there, refspecs)]


def _judge(store: DiskObjectStore, update: Update, there: str | None) -> Outcome | None:
    """Return the outcome that is clear before anything is sent, or None: the server compares and sets."""
    if update.new == there:
        return Outcome(Status.UNCHANGED)
    if update.expected is not None:
        return None if update.expected == (there or "") else Outcome(Status.RACED, "stale info")
    if there is None or update.new is None:
        return None
    if not _has(store, there):
        return Outcome(Status.RACED, "fetch first")
    return None if _descends(store, update.new.encode(), there.encode()) else Outcome(Status.RACED, "non-fast-forward")


def _has(store: DiskObjectStore, oid: str) -> bool:
    return oid.encode() in store  # type: ignore[operator]


def _descends(store: DiskObjectStore, new: bytes, old: bytes) -> bool:
    """Tell whether a commit has another in its history. Times are not looked at: clocks differ."""
    seen, waiting = {new}, [new]
    while waiting:
        oid = waiting.pop()
        if oid == old:
            return True
        fresh = set(_parents(store, oid)) - seen
        seen |= fresh
        waiting.extend(fresh)
    return False


def _parents(store: DiskObjectStore, oid: bytes) -> Sequence[bytes]:
    from dulwich.objects import Commit

    try:
        found = store[oid]  # type: ignore[index]
    except KeyError:
        return []
    return list(found.parents) if isinstance(found, Commit) else []


def _shallow(common_dir: str) -> set[bytes]:
    try:
        with open(os.path.join(common_dir, "shallow"), "rb") as file:
            return set(file.read().split())
    except FileNotFoundError:
        return set()
