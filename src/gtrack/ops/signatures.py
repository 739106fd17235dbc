"""Signatures over records: made where the user's settings or the team's policy ask for them, and looked at.

Whether a registry event is signed is said by git config ``gtrack.sign``; where that is not set, by the policy
(``signed: true``), else by git's ``commit.gpgSign``. Runs are signed where ``gtrack.sign`` is true alone: a training
never asks anybody anything, and goes on where a signature cannot be made.

A signature is over the bytes of a file and lies beside it, as ``<file>.<sha12 of the signature>.sig``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gtrack.branch.author import author
from gtrack.branch.members import place, signed_file
from gtrack.branch.objects import TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.branch.signature_check import Checker, Signature
from gtrack.branch.signing import sign, signing_key
from gtrack.branch.signing_tools import in_home
from gtrack.branch.team import FILE, read_team_file
from gtrack.errors import GtrackError, SigningError
from gtrack.format.names import split_path
from gtrack.ids import sha12
from gtrack.model.registry_events import person
from gtrack.text import clean

__all__ = [
    "FileSignatures",
    "Signers",
    "address_in",
    "checker_of",
    "judge",
    "sign_files",
    "signatures_beside",
    "signed",
    "signed_run_files",
    "signers_of",
]

_SECONDS = 10.0
"""How long signing may take where nobody is there who could be asked."""
_SIGNERS_BYTES = 1 << 20
_SIGNATURE_NAME = re.compile(r".+\.([0-9a-f]{12})\.sig\Z", re.DOTALL)
_RANK = ("good", "other", "stranger", "unchecked", "bad")
_REGISTRY = ("version", "model")


@dataclass(frozen=True, slots=True)
class Signers:
    """Whose signatures count.

    Attributes:
        data: The content of the allowed-signers file, or None where there is none.
        where: What it is called in messages.
        problem: Why the file that is named cannot be used, or None.
        by_policy: The team's policy names it.
    """

    data: bytes | None = None
    where: str = "no allowed-signers file"
    problem: str | None = None
    by_policy: bool = False


@dataclass(frozen=True, slots=True)
class FileSignatures:
    """What the signatures over one file are worth.

    Attributes:
        path: The file.
        best: The best of them; None where there is none.
        faults: Signature files that are not what they should be, and why.
    """

    path: str
    best: Signature | None = None
    faults: tuple[tuple[str, str], ...] = field(default=())

    @property
    def good(self) -> bool:
        """It is signed by the one who is said to have written it."""
        return self.best is not None and self.best.verdict == "good"


def signed(repo: Repository, files: Mapping[str, bytes], *, interactive: bool | None = None) -> dict[str, bytes]:
    """Return files together with signatures over those that are about models, where that is wanted.

    Args:
        repo: The repository.
        files: Contents by path on the branch, about to be committed.
        interactive: Somebody is there to type a passphrase; by default, whether this process has a terminal. A
            training is to say False.

    Returns:
        The files, and the signatures; the files alone where nothing asks for signatures.

    Raises:
        SigningError: A signature is wanted and cannot be made: nothing should be committed then.

    Example:
        >>> sorted(signed(repo, {"models/churn/events/20261121T142530.123456Z-0f3a...yaml": data}))
        ['models/churn/events/2026...yaml', 'models/churn/events/2026...yaml.9c1d7b6e4a50.sig']
    """
    mine = {path: data for path, data in files.items() if _is_of_registry(path)}
    why = _why_sign(repo, mine)
    if why is None:
        return dict(files)
    if interactive is None:
        interactive = _has_terminal()
    try:
        return {**files, **sign_files(repo, mine, interactive=interactive)}
    except SigningError as error:
        off = "" if why == "the policy" else "; or git config gtrack.sign false"
        hint = f"{error.hint or 'gtrack doctor'}{off}"
        raise SigningError(f"{error.message}; {why} asks for a signature", hint=hint) from error


def signed_run_files(
    repo: Repository, files: Mapping[str, bytes], authors: Mapping[str, str]
) -> tuple[dict[str, bytes], str | None]:
    """Return the files of runs together with signatures over them, where ``gtrack.sign`` is true.

    Every file is signed, by one call of the program: a manifest or a curve belongs to whoever began the run as much as
    its run.yaml does. Nobody signs another's run, such as one that is taken in from a cluster.

    Args:
        repo: The repository.
        files: Contents by path on the branch, about to be committed.
        authors: Whose each run is, ``Name <email>``, by its id.

    Returns:
        The files, with signatures or without, and why there are none where there should be some. Raises nothing: a
        training is recorded all the same.
    """
    if not repo.config.flag("gtrack.sign"):
        return dict(files), None
    me = person(author(repo.config, repo.env))
    mine = {run_id for run_id, by in authors.items() if person(by) == me}
    own = {path: data for path, data in files.items() if (known := split_path(path)) is not None and known[0] in mine}
    try:
        return {**files, **sign_files(repo, own, interactive=False)}, None
    except (GtrackError, OSError, ValueError) as error:
        return dict(files), str(error)


def sign_files(repo: Repository, files: Mapping[str, bytes], *, interactive: bool = False) -> dict[str, bytes]:
    """Return the signatures of this user over files, by their own paths.

    Args:
        repo: The repository.
        files: Contents by path on the branch.
        interactive: Somebody is there to type a passphrase.

    Raises:
        SigningError: They cannot be made; the hint says what to type.
    """
    if not files:
        return {}
    key = signing_key(repo.config, repo.env, author(repo.config, repo.env))
    made = sign(key, files, repo.env, seconds=_SECONDS, interactive=interactive)
    return {f"{path}.{sha12(signature)}.sig": signature for path, signature in made.items()}


def signers_of(repo: Repository) -> Signers:
    """Return whose signatures count: the policy's ``signers`` file, else git's ``gpg.ssh.allowedSignersFile``.

    The policy's is read from the commit that ``gtrack.yaml`` is read from, never from the working tree.
    """
    try:
        file = read_team_file(repo)
    except (GtrackError, OSError) as error:
        return Signers(where=FILE, problem=f"{FILE} cannot be read: {clean(str(error))}", by_policy=True)
    policy = file.document.get("policy") if file is not None else None
    named = policy.get("signers") if isinstance(policy, Mapping) else None
    if file is not None and named is not None:
        return _of_commit(repo, file.commit, named, file.where)
    path = repo.config.get("gpg.ssh.allowedSignersFile")
    return Signers() if not path else _of_disk(in_home(path, repo.env))


def checker_of(repo: Repository, signers: Signers) -> Checker:
    """Return what checks signatures in a repository; to be closed."""
    return Checker(repo.config, repo.env, signers.data, signers.where)


def signatures_beside(paths: Iterable[str]) -> dict[str, list[str]]:
    """Return the paths of signature files by the file that they are over."""
    found: dict[str, list[str]] = {}
    for path in paths:
        over = signed_file(path)
        if over is not None:
            found.setdefault(over, []).append(path)
    return found


def judge(
    checker: Checker, path: str, data: bytes, signatures: Mapping[str, bytes], *, by: str | None, stamp: str = ""
) -> FileSignatures:
    """Return what the signatures over a file are worth.

    Args:
        checker: What checks them.
        path: The file.
        data: Its content.
        signatures: Contents of the signature files over it, by path.
        by: The address of the one who is said to have written it; None when anybody known will do.
        stamp: When; empty for now.
    """
    faults: list[tuple[str, str]] = []
    worth: list[Signature] = []
    for name, signature in sorted(signatures.items()):
        match = _SIGNATURE_NAME.match(name)
        if match is None or match[1] != sha12(signature):
            faults.append((name, "its content does not match the digest in its name"))
            continue
        found = checker.check(data, signature, by=by, stamp=stamp)
        worth.append(found)
        if found.verdict == "bad":
            faults.append((name, found.why))
    best = min(worth, key=lambda each: _RANK.index(each.verdict), default=None)
    return FileSignatures(path, best, tuple(faults))


def address_in(author_: object) -> str:
    """Return the address in ``Name <email>``, or an empty text."""
    if not isinstance(author_, str) or not author_.endswith(">"):
        return ""
    return author_.rpartition("<")[2][:-1]


def _is_of_registry(path: str) -> bool:
    known = place(path)
    return known is not None and known.kind in _REGISTRY


def _why_sign(repo: Repository, files: Mapping[str, bytes]) -> str | None:
    """Return what asks for signatures over files about models; None when nothing does."""
    if not files:
        return None
    if repo.config.get("gtrack.sign") is not None:
        return "git config gtrack.sign" if repo.config.flag("gtrack.sign") else None
    if _policy_asks(repo, files):
        return "the policy"
    return "git config commit.gpgSign" if repo.config.flag("commit.gpgSign") else None


def _policy_asks(repo: Repository, files: Mapping[str, bytes]) -> bool:
    from gtrack.ops.verify_demands import read_demands

    demands = read_demands(repo)
    return any(demands.signs(path) for path in files)


def _of_commit(repo: Repository, commit: str, named: object, where: str) -> Signers:
    if not isinstance(named, str) or not named:
        return Signers(where=where, problem=f"{where}: signers names no file", by_policy=True)
    shown = f"{clean(named)[:200]} beside {where}"
    try:
        found = repo.objects.find(repo.tree_of(commit), named)
        if found is None or found[0] == TREE_MODE:
            return Signers(where=shown, problem=f"{shown} is not there", by_policy=True)
        data = repo.read_blob(found[1])
    except (GtrackError, KeyError, OSError) as error:
        return Signers(where=shown, problem=f"{shown} cannot be read: {clean(str(error))}", by_policy=True)
    if len(data) > _SIGNERS_BYTES:
        return Signers(where=shown, problem=f"{shown} is too large", by_policy=True)
    return Signers(data, shown, by_policy=True)


def _of_disk(path: str) -> Signers:
    shown = clean(path)
    try:
        with open(path, "rb") as file:
            data = file.read(_SIGNERS_BYTES + 1)
    except OSError as error:
        return Signers(where=shown, problem=f"{shown} cannot be read: {error.strerror}")
    return (
        Signers(data, shown) if len(data) <= _SIGNERS_BYTES else Signers(where=shown, problem=f"{shown} is too large")
    )


def _has_terminal() -> bool:
    try:
        return os.isatty(0) and os.isatty(2)
    except OSError:
        return False
