"""Pushes that run by themselves: beside a push of code, and from the process that outlives a training."""

from __future__ import annotations

from collections.abc import Callable

from gtrack.branch.repository import Repository
from gtrack.errors import GtrackError
from gtrack.ops.publish_code import remembered
from gtrack.ops.push import Pushed, push
from gtrack.ops.sharing_state import note_failure

__all__ = ["push_along", "push_quietly"]

_ALONG = 5.0
"""Seconds that a push of code waits for an inbox to be taken in."""
_LITTLE = 16 << 20
"""Bytes of artifacts that go along with a push of code; more of them would keep people waiting for it."""


def push_quietly(repo: Repository) -> Pushed | None:
    """Push, and remember what it failed of instead of raising it: ``gtrack status`` tells.

    Code that the remote does not have is published only where its owner agreed to that before.

    Args:
        repo: The repository; what ended has been recorded.

    Returns:
        What was sent, or None when it failed.
    """
    try:
        return push(repo, consent=remembered(repo))
    except (GtrackError, OSError) as error:
        note_failure(repo, error)
        return None


def push_along(repo: Repository, *, tell: Callable[[str], None]) -> Pushed | None:
    """Send gtrack along with a push of code. Whatever happens, the push of code goes on.

    Args:
        repo: The repository.
        tell: Called with a sentence about what was sent, or why not.
    """
    from gtrack.config import Settings
    from gtrack.ops.recover import recover

    try:
        recover(repo, Settings.from_env(repo.env).extra_spools)
        return push(repo, consent=remembered(repo), patience=_ALONG, at_most=_LITTLE)
    except (GtrackError, OSError) as error:
        note_failure(repo, error)
        tell(f"the runs were not sent along: {error}")
        return None
