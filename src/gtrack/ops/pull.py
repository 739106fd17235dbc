"""``gtrack pull``: what the team has, fetched and joined with the local branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gtrack.branch.repository import Repository
from gtrack.branch.tracking import tracking
from gtrack.branch.transport import Transport
from gtrack.branch.union import Added, added
from gtrack.ops.adopt import adopt
from gtrack.ops.fetch import fetch

__all__ = ["Pulled", "pull"]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull came to.

    Attributes:
        remote: The remote's name.
        tip: The local branch afterwards; None when the remote has no runs, or when the branch was left alone.
        runs: The runs that are new here.
        models: The models that there is news of, each with the number of new versions and events.
        inboxes: How many inboxes wait at the remote; what is in them is shown.
        overwritten: Somebody rewrote the remote's branch, or removed it.
        checked_out: The branch is checked out in some worktree, and was left alone.
    """

    remote: str
    tip: str | None
    runs: frozenset[str] = frozenset()
    models: Mapping[str, int] = field(default_factory=dict)
    inboxes: int = 0
    overwritten: bool = False
    checked_out: bool = False


def pull(repo: Repository, *, interactive: bool = False) -> Pulled:
    """Fetch from the tracking remote and bring the local branch to the union of both.

    Args:
        repo: The repository; what ended has been recorded.
        interactive: Let git ask for credentials.

    Raises:
        UsageError: There is no tracking remote.
        NetworkError: The remote could not be reached, or did not let us in.
        FormatError: A newer gtrack wrote the remote's branch.
    """
    names = tracking(repo)
    known = [repo.tree_of(tip) for tip in (repo.tip, repo.refs.read(names.tip_ref)) if tip is not None]
    state = fetch(repo, Transport(repo, names.remote, interactive=interactive), names)
    rewritten = state.overwritten is not None
    if state.published is None:
        return Pulled(names.remote, None, inboxes=len(state.inboxes), overwritten=rewritten)
    tree = repo.tree_of(state.published)
    assert tree is not None
    fresh = [added(repo, tree, old) for old in known or [None]]
    also = [state.overwritten] if state.overwritten is not None else []
    tip = adopt(repo, names, state.published, merge=True, also=also)
    runs = frozenset.intersection(*(new.runs for new in fresh))
    news = Added(frozenset.intersection(*(new.paths for new in fresh))).models
    return Pulled(names.remote, tip, runs, news, len(state.inboxes), rewritten, checked_out=tip is None)
