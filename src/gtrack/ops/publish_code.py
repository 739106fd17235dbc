"""Which code goes along with the runs: what the remote can reach already, and what its owner agreed to publish."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gtrack.branch.kept_snapshots import local_snapshots
from gtrack.branch.publication import Candidate, candidates, extend_chain, files_published, merge_chains
from gtrack.branch.repository import Repository
from gtrack.errors import GtrackError
from gtrack.ops.fetch import Fetched

__all__ = ["ASK_KEY", "CodePlan", "Consent", "Question", "plan_code", "remember", "remembered"]

ASK_KEY = "gtrack.publishCode"
"""The git configuration that remembers the answer."""

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody is asked before code is published that the remote does not have.

    Attributes:
        snapshots: How many versions of the code there are.
        files: The files that would be shown, at most 200 of them.
        more: How many files there are beyond these.
    """

    snapshots: int
    files: tuple[str, ...]
    more: int


Consent = Callable[[Question], bool]
"""Asks whether code may be published. Called once a push at most."""


@dataclass(frozen=True, slots=True)
class CodePlan:
    """The code of one push.

    Attributes:
        tip: The chain to push, or None when the remote has it all.
        chosen: The snapshots that are published by it.
        withheld: Those that are not, since nobody agreed to it.
        folded: The chains of inboxes that it takes in, by reference at the remote.
    """

    tip: str | None = None
    chosen: tuple[Candidate, ...] = ()
    withheld: tuple[Candidate, ...] = ()
    folded: dict[str, str] = field(default_factory=dict)


def plan_code(
    repo: Repository, state: Fetched, consent: Consent | bool | None, *, published: Sequence[str] = ()
) -> CodePlan:
    """Choose the snapshots to publish and make the chain to push.

    Args:
        repo: The repository.
        state: What the remote has.
        published: Further commits that it has.
        consent: What asks for consent, or the answer; None means nobody can be asked, so that only code is published
            that the remote can reach already.

    Raises:
        GitError: Git failed.
    """
    if repo.git is None:
        return CodePlan()
    chains = [tip for tip in (state.code, *state.code_inboxes.values()) if tip is not None]
    found = candidates(repo, state.names.remote, local_snapshots(repo), published=[*chains, *published])
    delicate = [candidate for candidate in found if candidate.needs_consent]
    agreed = bool(delicate) and _agreed(repo, delicate, consent)
    chosen = [candidate for candidate in found if agreed or not candidate.needs_consent]
    tip, folded = _fold(repo, state)
    if chosen:
        tip = extend_chain(repo, tip, chosen)
    withheld = () if agreed else tuple(delicate)
    return CodePlan(tip if tip != state.code else None, tuple(chosen), withheld, folded)


def remembered(repo: Repository) -> bool | None:
    """Return the answer given before; None when nobody was asked."""
    value = repo.config.get(ASK_KEY)
    return None if value is None or value.lower() == "ask" else repo.config.flag(ASK_KEY)


def remember(repo: Repository, answer: bool) -> None:
    """Keep the answer in this clone's git configuration.

    Raises:
        GitError: It cannot be written.
    """
    assert repo.git is not None
    value = "true" if answer else "false"
    repo.git.run(["config", "--local", ASK_KEY, value], git_dir=repo.paths.git_dir)
    repo.__dict__.pop("config", None)


def _agreed(repo: Repository, delicate: Sequence[Candidate], consent: Consent | bool | None) -> bool:
    answer = remembered(repo)
    if isinstance(consent, bool):
        return consent
    if answer is not None or consent is None:
        return bool(answer)
    return consent(_question(repo, delicate))


def _question(repo: Repository, delicate: Sequence[Candidate]) -> Question:
    files = files_published(repo, *delicate, limit=_SHOWN)
    return Question(len(delicate), files.paths, files.total - len(files.paths))


def _fold(repo: Repository, state: Fetched) -> tuple[str | None, dict[str, str]]:
    """Take the chains of inboxes into the remote's; one that cannot be read is left where it is."""
    tip = state.code
    folded: dict[str, str] = {}
    for ref, oid in sorted(state.code_inboxes.items()):
        with contextlib.suppress(GtrackError):
            tip = merge_chains(repo, [tip, oid] if tip is not None else [oid])
            folded[ref] = oid
    return tip, folded
