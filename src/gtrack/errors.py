"""Every error gtrack raises on purpose, drawn as one tree.

::

    GtrackError                      70  a bug of ours, when raised bare
    ├── UsageError (ValueError)       2  the call or the command line is wrong
    │   └── RunActiveError (RuntimeError)   a run is active already
    ├── NotFoundError (LookupError)   3  no such run, file, repository
    │   └── AmbiguousError (ValueError)     a selector names several runs
    ├── ConflictError (RuntimeError)  4  somebody else holds or changed it
    │   └── LockedError (TimeoutError)      the repository stayed locked
    ├── NetworkError (ConnectionError) 5 network or authentication
    │   └── AuthenticationError (PermissionError) the remote did not let us in
    ├── DamageError (ValueError)      6  what was read is damaged or hostile
    │   └── ParseError                      a document is not in the accepted subset
    ├── FormatError (ValueError)      7  written by a newer gtrack
    ├── RepositoryError (OSError)     2  this repository cannot be used, and why
    ├── GitError (OSError)            2  the git executable failed
    ├── SigningError (OSError)        2  a signature is wanted and cannot be made
    ├── GateError (ValueError)        1  a run is not good enough for what was asked
    ├── PolicyError (PermissionError) 8 the team's policy does not allow it
    └── MissingExtraError (ImportError) 2 an optional part is not installed

Each carries the exit code of the command line and a hint: what to type next.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AmbiguousError",
    "AuthenticationError",
    "ConflictError",
    "DamageError",
    "FormatError",
    "GateError",
    "GitError",
    "GtrackError",
    "LockedError",
    "MissingExtraError",
    "NetworkError",
    "NotFoundError",
    "ParseError",
    "PolicyError",
    "RepositoryError",
    "RunActiveError",
    "SigningError",
    "UsageError",
]


class GtrackError(Exception):
    """Base of every error gtrack raises on purpose.

    Args:
        message: One line that names the thing and what is wrong with it.
        hint: What to type or do next; printed after the message.
    """

    exit_code = 70

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(GtrackError, ValueError):
    """The call or the command line is wrong."""

    exit_code = 2


class RunActiveError(UsageError, RuntimeError):
    """A run is active already in this thread."""


class NotFoundError(GtrackError, LookupError):
    """There is no such run, file or repository."""

    exit_code = 3


class AmbiguousError(NotFoundError, ValueError):
    """A selector names more than one run."""


class ConflictError(GtrackError, RuntimeError):
    """Somebody else holds it, or changed it in the meantime."""

    exit_code = 4


class LockedError(ConflictError, TimeoutError):
    """The repository's gtrack lock stayed busy for too long."""


class NetworkError(GtrackError, ConnectionError):
    """The remote could not be reached, or did not let us in."""

    exit_code = 5


class AuthenticationError(NetworkError, PermissionError):
    """The remote wants to know who asks, or does not let him do that."""


class DamageError(GtrackError, ValueError):
    """What was read is damaged, or hostile."""

    exit_code = 6


class ParseError(DamageError):
    """A document is outside the subset that gtrack reads."""


class FormatError(GtrackError, ValueError):
    """The data was written by a newer gtrack than this one."""

    exit_code = 7


class RepositoryError(GtrackError, OSError):
    """This repository cannot be used for tracking; the message says why."""

    exit_code = 2


class GitError(GtrackError, OSError):
    """The git executable failed."""

    exit_code = 2


class SigningError(GtrackError, OSError):
    """A signature is wanted and cannot be made, or no program is here that checks one."""

    exit_code = 2


class GateError(GtrackError, ValueError):
    """A run does not meet the condition that was given; nothing was written."""

    exit_code = 1


class PolicyError(GtrackError, PermissionError):
    """The team's policy does not allow it; nothing was written.

    Args:
        message: A line on what is not allowed, and a line for each violation.
        violations: What the policy found, each with ``rule``, ``message`` and ``hint``.
        hint: What to type or do next.
    """

    exit_code = 8

    def __init__(self, message: str, *, violations: Sequence[object] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.violations = tuple(violations)

    def __str__(self) -> str:
        return f"{self.message}\n  ({self.hint})" if self.hint else self.message


class MissingExtraError(GtrackError, ImportError):
    """An optional part of gtrack is not installed.

    Args:
        module: The module that could not be imported.
        extra: The name of the extra that brings it.
    """

    exit_code = 2

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"{module} is not installed", hint=f"pip install 'gtrack[{extra}]'")
