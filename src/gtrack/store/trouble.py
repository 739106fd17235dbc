"""What may go wrong between here and a store: what is worth another attempt, and how it is said."""

from __future__ import annotations

import contextlib
import errno
import random
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from gtrack.branch.transport_url import without_credentials
from gtrack.errors import AuthenticationError, GtrackError, NetworkError
from gtrack.store.place import Progress
from gtrack.text import clean

__all__ = ["StoppedError", "at_once", "is_lasting", "patiently", "said_by", "store_trouble"]

T = TypeVar("T")

_ATTEMPTS, _FEW = 7, 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_LASTING = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG})
_LASTING_NAMES = frozenset(
    # botocore, azure-core, google-auth, asyncssh: none of them is imported to ask
    "NoCredentialsError PartialCredentialsError ProfileNotFound ParamValidationError ClientAuthenticationError "
    "DefaultCredentialsError RefreshError PermissionDenied HostKeyNotVerifiable InvalidRegionError NoRegionError "
    "SFTPPermissionDenied SFTPWriteProtect SFTPNoSpaceOnFilesystem SFTPQuotaExceeded "
    "SSOTokenLoadError UnauthorizedSSOTokenError TokenRetrievalError CredentialRetrievalError".split()
)
_DENIED_NAMES = _LASTING_NAMES - frozenset(
    "ParamValidationError InvalidRegionError NoRegionError SFTPNoSpaceOnFilesystem SFTPQuotaExceeded".split()
)


class StoppedError(Exception):
    """A transfer was asked to stop."""


def at_once(action: Callable[[], T]) -> T:
    """Do something small with patience enough for a hiccup, and not for a store that is down.

    Raises:
        Exception: What the action raised last, of three attempts.
    """
    return patiently(lambda _: action(), threading.Event(), lambda _: None, attempts=_FEW)


def is_lasting(error: BaseException) -> bool:
    """Tell whether an error will be the same the next time."""
    if isinstance(error, GtrackError | StoppedError | ImportError | TypeError):
        return True
    if isinstance(error, PermissionError | FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return True
    if isinstance(error, OSError) and error.errno in _LASTING:
        return True
    return any(cause.__name__ in _LASTING_NAMES for cause in type(error).__mro__)


def patiently(
    action: Callable[[Progress], T], stop: threading.Event, told: Callable[[int], None], *, attempts: int = _ATTEMPTS
) -> T:
    """Do something that may fail for a moment, again and again with growing pauses.

    Args:
        action: What to do, each time from where it stands; it says how many bytes are through.
        stop: Set when it shall end.
        told: Told how many more bytes are through; those that are sent again do not count.
        attempts: How many in a row at the same place.

    Returns:
        What it returned.

    Raises:
        StoppedError: It was asked to stop.
        Exception: What the action raised last: it failed for good, or that often at the same place.
    """
    failures, furthest = 0, 0

    def at(position: int) -> None:
        nonlocal furthest
        if stop.is_set():
            raise StoppedError
        if position > furthest:
            told(position - furthest)
            furthest = position

    while True:
        before = furthest
        try:
            at(0)
            return action(at)
        except Exception as error:
            failures = 1 if furthest > before else failures + 1
            if is_lasting(error) or failures >= attempts:
                raise
        most = min(_FIRST_PAUSE * 2**failures, _LONGEST_PAUSE)
        stop.wait(random.uniform(0.3, 1.0) * most)  # noqa: S311  jitter, not a secret


def said_by(error: BaseException) -> str:
    """Return what an error of a store's client says, as one line without credentials that is safe to print."""
    if isinstance(error, GtrackError):
        return clean(error.message)
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if isinstance(error.filename, str) else error.strerror
    return clean(" ".join(without_credentials(text).split()))[:300] or type(error).__name__


@contextlib.contextmanager
def store_trouble(what: str, *, credentials: str | None = None, secret: str = "") -> Iterator[None]:
    """Turn whatever a store's client raises into one sentence.

    Args:
        what: What cannot be done, as in ``cannot write to s3://bucket``.
        credentials: Where the client looks for them.
        secret: What of the address is never shown.
    """
    try:
        yield
    except (GtrackError, StoppedError, NameError, AssertionError):  # the last two are mistakes of ours
        raise
    except Exception as error:
        said = said_by(error).replace(secret, "***") if secret else said_by(error)
        names = {cause.__name__ for cause in type(error).__mro__}
        if isinstance(error, PermissionError) or names & _DENIED_NAMES:
            hint = f"credentials belong into {credentials}" if credentials else None
            if "HostKeyNotVerifiable" in names:
                hint = "connect to it once with ssh, which puts its key into ~/.ssh/known_hosts"
            raise AuthenticationError(f"{what}: {said}", hint=hint) from error
        raise NetworkError(f"{what}: {said}") from error
