"""Objects of the built-in git store, fetched by their git ids when they are first needed, and read.

A server of git's protocol 2 gives out any object by its id, in one process of git's and one connection for all of
them. Another one refuses, and then the references of the clones that sent them are fetched instead. Which clone sent
what is told by the lists (:mod:`gtrack.branch.object_store`); an id that no list has is not asked for, whatever a
manifest says.

A manifest may name any git id, that of a private file of the reader's repository too. What is read is an artifact's
content only when its SHA-256 is the one that the manifest gives: whoever could write that there has the content
already, and what was read goes to nobody but the reader.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from gtrack.branch.bulk_objects import NOT_A_BLOB, blob_sizes
from gtrack.branch.object_store import LARGEST
from gtrack.branch.object_tree import LISTS, OBJECTS, copy_of
from gtrack.branch.objects import BLOB_MODE
from gtrack.branch.promised import FETCH_ALONE
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import Tracking
from gtrack.branch.transport import Transport
from gtrack.branch.transport_git import GitTransport
from gtrack.branch.transport_process import Limits
from gtrack.errors import DamageError, GtrackError
from gtrack.ids import is_object_id

__all__ = ["fetch_blobs", "listed", "read_object", "read_objects"]

_CHUNK = 2000
"""Objects that are asked for at once: their ids are arguments of one process."""
_REFUSALS = 8
"""Objects that a remote lists and has not before the rest is given up: they were let go, and are rare."""
_UNPACKED = 20
"""From this many objects on they stay the pack that came: git would compress a hundred anew, one by one."""
_MOST_LISTED = 64 << 20
_LIMITS = Limits(stall=60.0, total=3600.0)
_CLONE = re.compile(r"[0-9a-f]{16}\Z")
_REFUSED = re.compile(r"not our ref ([0-9a-f]{40,64})")
_NOT_BY_ID = re.compile(r"does not allow request for unadvertised object|no matching remote head")
_FETCH = (*FETCH_ALONE, "--no-filter")


def fetch_blobs(repo: Repository, names: Tracking, blobs: Iterable[str], *, interactive: bool = False) -> list[str]:
    """Fetch objects by their git ids, where they are not here; nothing of the user's changes.

    What came is named by no reference, so git lets it go some weeks later: the caller keeps what it wants.

    Args:
        repo: The repository.
        names: The remote's references.
        blobs: Git ids. What is none of this repository's is passed over.
        interactive: Let git ask for credentials.

    Returns:
        The ids of those that are not here, since no clone has sent them, or they were let go.

    Raises:
        NetworkError: The remote could not be reached, or broke off.
        AuthenticationError: It does not let us in.
    """
    asked = list(dict.fromkeys(blobs))
    absent = repo.objects.absent(asked)
    malformed = [oid for oid in asked if not _is_ours(repo, oid)]
    if not absent:
        return malformed
    transport = Transport(repo, names.remote, interactive=interactive)
    known = _where(repo, names, absent)
    if len(known) < len(absent):
        transport.fetch({f"{LISTS}*": copy_of(f"{LISTS}*", names.remote)})
        repo.objects.refresh()
        known = _where(repo, names, absent)
    if known and not (repo.git and _ById(repo, names.remote, interactive).fetch_objects(list(known))):
        refs = {OBJECTS + clone for clone in known.values()}
        transport.fetch({ref: copy_of(ref, names.remote) for ref in sorted(refs)})
    repo.objects.refresh()
    return [*malformed, *repo.objects.absent(absent)]


def listed(repo: Repository, names: Tracking) -> dict[str, frozenset[str]]:
    """Return what each clone sent to the remote, as of the last fetch of the lists: git ids by clone.

    Args:
        repo: The repository.
        names: The remote's references.
    """
    prefix = copy_of(LISTS, names.remote)
    found = {}
    for ref in repo.refs.names(prefix):
        clone, commit = ref.removeprefix(prefix), repo.refs.read(ref)
        if _CLONE.match(clone) and commit is not None:
            found[clone] = _read_list(repo, commit)
    return found


def read_object(repo: Repository, digest: str, blob: str) -> bytes | None:
    """Return the content of an object, verified; None when it is not here.

    Args:
        repo: The repository.
        digest: The SHA-256 of its content, in hex.
        blob: Its git id, as a manifest names it.

    Raises:
        DamageError: What has that git id is another content, damaged, too large, or no file.
    """
    for _, found in read_objects(repo, {digest: blob}):
        if isinstance(found, DamageError):
            raise found
        return found
    return None


def read_objects(repo: Repository, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes | DamageError]]:
    """Yield (digest, content or what is wrong with it) of the objects that are here; no remote is asked.

    Args:
        repo: The repository.
        wanted: Git ids by digest, as manifests name them.
    """
    ours = {digest: blob for digest, blob in wanted.items() if _is_ours(repo, blob)}
    absent = set(repo.objects.absent(ours.values()))
    here = {digest: blob for digest, blob in ours.items() if blob not in absent}
    sizes = blob_sizes(repo, list(here.values())) if here else {}
    for digest, blob in here.items():
        try:
            found: bytes | DamageError = _verified(repo, digest, blob, sizes[blob])
        except KeyError:
            continue  # it went meanwhile
        except DamageError as error:
            # Another one: what caused that one holds a pack open, which its library then cannot close.
            found = DamageError(error.message, hint=error.hint)
        yield digest, found


def _verified(repo: Repository, digest: str, blob: str, size: int) -> bytes:
    if size == NOT_A_BLOB:
        raise DamageError(f"git object {blob[:12]}, said to hold {digest[:12]}, is no file")
    if size > LARGEST:
        raise DamageError(f"git object {blob[:12]}, said to hold {digest[:12]}, is too large: {size:,} bytes")
    data = repo.read_blob(blob)
    if hashlib.sha256(data).hexdigest() != digest:
        raise DamageError(f"git object {blob[:12]} is not {digest[:12]}: its content has another SHA-256")
    return data


def _is_ours(repo: Repository, oid: str) -> bool:
    return is_object_id(oid) and len(oid) == (40 if repo.object_format == "sha1" else 64)


def _where(repo: Repository, names: Tracking, blobs: Collection[str]) -> dict[str, str]:
    """Return a clone that sent it for each of some blobs that the lists name."""
    found: dict[str, str] = {}
    wanted = set(blobs)
    for clone, sent in listed(repo, names).items():
        found.update(dict.fromkeys(wanted & sent, clone))
    return found


def _read_list(repo: Repository, commit: str) -> frozenset[str]:
    """Return what a list names; nothing where it is not one."""
    try:
        entry = repo.objects.find(repo.tree_of(commit), "blobs")
        if entry is None or entry[0] != BLOB_MODE:
            return frozenset()
        if not 0 <= blob_sizes(repo, [entry[1]])[entry[1]] <= _MOST_LISTED:
            return frozenset()
        lines = repo.read_blob(entry[1]).decode("ascii", "replace").split("\n")
    except (KeyError, GtrackError, ValueError):
        return frozenset()
    return frozenset(line for line in lines if _is_ours(repo, line))


class _ById(GitTransport):
    """A remote that is asked for objects by their ids."""

    def __init__(self, repo: Repository, remote: str, interactive: bool) -> None:
        assert repo.git is not None
        super().__init__(repo, repo.git, remote, interactive=interactive, limits=_LIMITS)

    def fetch_objects(self, oids: Sequence[str]) -> bool:
        """Fetch objects; False when the remote gives out none by its id.

        Raises:
            NetworkError: The remote cannot be reached, or broke off; the message says why.
        """
        return all(self._fetch_some(oids[at : at + _CHUNK]) for at in range(0, len(oids), _CHUNK))

    def _fetch_some(self, oids: Sequence[str]) -> bool:
        wanted = dict.fromkeys(oids)
        # With nothing to negotiate the remote sends what is asked for and nothing else.
        pins = ["fetch.negotiationAlgorithm=noop", f"fetch.unpackLimit={_UNPACKED}"]
        for _ in range(_REFUSALS):
            if not wanted:
                break
            done, address = self._run("fetch", _FETCH, list(wanted), pins=pins)
            stderr = done.stderr.decode("utf-8", "replace")
            if done.returncode == 0:
                break
            if _NOT_BY_ID.search(stderr):
                return False
            refused = _REFUSED.search(stderr)
            if refused is None or refused[1] not in wanted:
                raise self._failure("fetch", done, address)
            del wanted[refused[1]]
        return True
