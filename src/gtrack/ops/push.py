"""``gtrack push``: the union of what is here and what is there, sent so that nothing is overwritten.

A commit is pushed that descends from the remote's tip, so the server's own compare-and-set says who was first. Whoever
was second fetches and tries again; who keeps being second sends to an inbox of its own, where nobody races it, and the
next push that wins takes that in. Nothing is forced, and nothing that was sent is lost.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from gtrack.branch.chain import CODE_REF
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import INBOX, Tracking, clone_id, is_shallow, tracking
from gtrack.branch.transport import ABSENT, Outcome, Status, Transport, Update
from gtrack.branch.union import Dropped
from gtrack.errors import NetworkError
from gtrack.ops.adopt import adopt
from gtrack.ops.fetch import Fetched, fetch
from gtrack.ops.join import Joined, join_tips
from gtrack.ops.promotion_tags import PromotionTag, remember_promotions, tag_promotions
from gtrack.ops.publish_code import CodePlan, Consent, plan_code
from gtrack.ops.send_objects import ObjectsSent, send_objects, settle
from gtrack.ops.sharing_state import note_failure
from gtrack.store.meter import Meter

__all__ = ["Pushed", "push"]

_DIRECT = 3
"""Attempts at the branch before the inbox is used."""
_PATIENCE = 30.0
"""Seconds for which a push that lost its races goes on trying."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 4.0
_UNCHANGED = Outcome(Status.UNCHANGED)


@dataclass(slots=True)
class Pushed:
    """What a push came to.

    Attributes:
        remote: The remote's name.
        place: ``branch``, ``inbox``, or ``nothing`` when there was nothing to send.
        runs: How many runs of this clone are new at the remote.
        files: How many files are.
        models: The models that the remote hears more of, each with the number of new versions and events.
        commit: The remote's tip afterwards.
        code: How the code was dealt with.
        refused: Why the remote did not take the code, or None.
        attempts: How many times something was sent to the branch.
        inboxed: What is here went to the inbox first, whatever became of it since.
        folded: How many inboxes were taken in.
        restored: How many files were put back that somebody had removed from the remote's branch.
        dropped: Files of this clone or of inboxes that are not published, and why.
        unreadable: Inboxes that were passed over, and why.
        objects: What came of sending artifacts, which went first.
        numbered: Versions of registered models that got their numbers: the model, the number, the uid.
        unsettled: Why versions got no numbers, where that is so.
        tags: What became of the tags of promotions.
    """

    remote: str
    place: str = "nothing"
    runs: int = 0
    files: int = 0
    models: Mapping[str, int] = field(default_factory=dict)
    commit: str | None = None
    code: CodePlan = field(default_factory=CodePlan)
    refused: str | None = None
    attempts: int = 0
    inboxed: bool = False
    folded: int = 0
    restored: int = 0
    dropped: tuple[Dropped, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)
    objects: ObjectsSent = field(default_factory=ObjectsSent)
    numbered: tuple[tuple[str, int, str], ...] = ()
    unsettled: tuple[str, ...] = ()
    tags: tuple[PromotionTag, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return it as a map, as ``--json`` prints it."""
        return {
            "remote": self.remote,
            "place": self.place,
            "runs": self.runs,
            "files": self.files,
            "commit": self.commit,
            "code": {"published": len(self.code.chosen), "withheld": len(self.code.withheld), "refused": self.refused},
            "dropped": [{"path": item.path, "why": item.why} for item in self.dropped],
            "artifacts": self.objects.to_dict(),
            "versions": [{"model": name, "number": number, "uid": uid} for name, number, uid in self.numbered],
            "tags": [tag.to_dict() for tag in self.tags],
        }


def push(
    repo: Repository,
    *,
    consent: Consent | bool | None = None,
    interactive: bool = False,
    patience: float = _PATIENCE,
    progress: Meter | None = None,
    at_most: int | None = None,
) -> Pushed:
    """Send what the tracking remote lacks: artifacts, runs, later facts about them, the code that may be published.

    Artifacts go first, so that a run that is seen there can be fetched whole; those that cannot be sent hold back
    nothing.

    Args:
        repo: The repository; what ended has been recorded.
        consent: Asks before code is published that the remote does not have; or the answer; None when nobody can be
            asked.
        interactive: Let git ask for credentials.
        patience: Seconds for which a push that loses its races goes on trying, or waits to see its inbox taken in.
        progress: Told how far the artifacts have come.
        at_most: Bytes of artifacts to send.

    Returns:
        What was sent, and where to.

    Raises:
        UsageError: There is no tracking remote.
        NetworkError: The remote could not be reached, or refused. What is here waits for the next push.
        FormatError: A newer gtrack wrote the remote's branch.

    Example:
        >>> push(gtrack.Repo(".").repository).place
        'branch'
    """
    names = tracking(repo)
    transport = Transport(repo, names.remote, interactive=interactive)
    objects = send_objects(repo, transport, names, progress=progress, at_most=at_most)
    done = _Push(repo, names, transport, consent, patience).run()
    done.objects = objects
    settle(repo, objects)
    note_failure(repo, None)
    return done


@dataclass(slots=True)
class _Push:
    """One push, attempt by attempt."""

    repo: Repository
    names: Tracking
    transport: Transport
    consent: Consent | bool | None
    patience: float
    out: Pushed = field(init=False)
    _listed: list[str] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.out = Pushed(self.names.remote)

    def run(self) -> Pushed:
        try:
            for pause in self._pauses():
                time.sleep(pause)
                if self._attempt():
                    return self.out
        except NetworkError:
            if self.out.place == "nothing":
                raise
        if self.out.place == "nothing":
            raise NetworkError(
                f"{self.names.remote} kept changing while gtrack pushed to it; nothing is lost", hint="gtrack push"
            )
        return self.out

    def _pauses(self) -> Iterator[float]:
        """Yield how long to wait before each attempt: ever longer, and never in step with the other clones."""
        yield 0.0
        until, most = time.monotonic() + self.patience, _FIRST_PAUSE
        while time.monotonic() < until or self.out.attempts <= _DIRECT:
            yield random.uniform(0.3, 1.0) * most  # noqa: S311  jitter, not a secret
            most = min(most * 1.7, _LONGEST_PAUSE)

    def _attempt(self) -> bool:
        """Fetch, join, send; whether everything is at the remote's branch now."""
        state = fetch(self.repo, self.transport, self.names)
        joined = join_tips(self.repo, state, claim=True)
        remember_promotions(self.repo, self.repo.tree_of(state.published), self.repo.tree_of(joined.tip))
        code = self._plan_code(state)
        if self.out.attempts == 0:
            self.out.runs, self.out.files = len(joined.runs), joined.files
            self.out.models, self.out.restored, self.out.code = joined.models, joined.restored, code
        self.out.dropped, self.out.unreadable = joined.dropped, state.unreadable
        if self._send(state, joined, code):
            self._settle(state, joined, code)
            return True
        if self.out.attempts >= _DIRECT and self.out.place == "nothing":
            self._send_to_inbox(state, code)
        return False

    def _plan_code(self, state: Fetched) -> CodePlan:
        if self.out.refused is not None:
            return CodePlan()
        plan = plan_code(self.repo, state, self.consent, published=self._known_commits())
        if not isinstance(self.consent, bool):
            asked = plan.withheld or any(candidate.needs_consent for candidate in plan.chosen)
            self.consent = not plan.withheld if asked else self.consent  # once a push, however many attempts
        return plan

    def _known_commits(self) -> list[str]:
        """Return what the remote has where nothing was fetched that tells, as in a checkout of a pull request."""
        prefix = f"refs/remotes/{self.names.remote}/"
        if any(name != self.names.tip_ref for name in self.repo.refs.names(prefix)):
            return []
        if self._listed is None:
            self._listed = list(dict.fromkeys(self.transport.list().values()))
        return self._listed

    def _send(self, state: Fetched, joined: Joined, code: CodePlan) -> bool:
        """Push the code, then the branch; False when somebody else was there first."""
        branch = chain = _UNCHANGED
        sends_branch = joined.tip is not None and joined.tip != state.published
        self.out.attempts += sends_branch or code.tip is not None
        if code.tip is not None:
            # By itself: git negotiates what the remote has for all that is pushed at once, and runs have nothing in
            # common with code.
            update = self._code_update(code.tip)
            chain = self.transport.push([update])[update.ref]
        if chain.status is Status.REFUSED:
            self.out.refused = _reason(chain)
        if joined.tip is not None and sends_branch:
            branch = self.transport.push([Update(self.names.branch, joined.tip)])[self.names.branch]
        if branch.status is Status.REFUSED:
            raise NetworkError(
                f"{self.names.remote} refuses the branch {self.names.branch.removeprefix('refs/heads/')}: "
                f"{_reason(branch)}",
                hint="is the branch protected, or the account read-only? See docs/sharing.md",
            )
        if branch.status is Status.DONE or (chain.status is Status.DONE and not sends_branch):
            self.out.place = "branch"
        return Status.RACED not in (branch.status, chain.status)

    def _code_update(self, tip: str) -> Update:
        """Return the update that publishes code: on the remote's chain or, from a shallow clone, in an inbox.

        The remote's chain is not fetched into a shallow clone, so nothing can be put on top of it.
        """
        if not is_shallow(self.repo):
            return Update(CODE_REF, tip, local=self.names.code_ref, negotiate=True)
        ref = f"{INBOX}{clone_id(self.repo)}/code"
        here = self._copy(ref)
        # Asked, not remembered: a push of another clone may have taken it in.
        return Update(ref, tip, self.transport.list(ref).get(ref, ABSENT), local=here, negotiate=True)

    def _send_to_inbox(self, state: Fetched, code: CodePlan) -> None:
        """Send what is here to this clone's own place at the remote; a server may not have it."""
        own = INBOX + clone_id(self.repo)
        ours = join_tips(self.repo, replace(state, inboxes={}))
        present = self.names.inboxes(self.repo, "runs"), self.names.inboxes(self.repo, "code")
        updates = []
        for what, tip, known in (("runs", ours.tip, present[0]), ("code", code.tip, present[1])):
            ref = f"{own}/{what}"
            if tip is not None and tip != known.get(ref):
                updates.append(Update(ref, tip, known.get(ref, ABSENT), local=self._copy(ref)))
        outcomes = self.transport.push(updates) if updates else {}
        if outcomes.get(f"{own}/runs", _UNCHANGED).status in (Status.DONE, Status.UNCHANGED):
            self.out.place, self.out.inboxed = "inbox", True

    def _copy(self, inbox: str) -> str:
        """Return what an inbox at the remote is called here."""
        return self.names.inbox_prefix + inbox.removeprefix(INBOX)

    def _settle(self, state: Fetched, joined: Joined, code: CodePlan) -> None:
        """Take the remote's new tip over, and clear away the inboxes that went into it."""
        if joined.tip is not None:
            adopt(self.repo, self.names, joined.tip)
        self.out.commit = joined.tip
        self.out.numbered, self.out.unsettled = joined.claims.numbered, joined.claims.problems
        if self.out.place == "inbox":
            self.out.place = "branch"  # some push took it in, this one or another clone's
        done = dict(state.inboxes) if joined.tip is not None else {}
        if self.out.refused is None:
            done.update(code.folded)
        self.out.folded = len(state.inboxes)
        if done:
            # One that has moved since holds more than was taken in: it stays, for the next push.
            self.transport.push([Update(ref, None, oid, local=self._copy(ref)) for ref, oid in sorted(done.items())])
        if joined.tip is not None:
            self.out.tags = tag_promotions(self.repo, self.transport, self.names.remote, joined.tip)


def _reason(outcome: Outcome) -> str:
    """Return the server's reason, with what it printed besides."""
    said = [line for line in outcome.said if "hook declined to update" not in line]
    return "; ".join([outcome.reason, *said[:5]])[:500]
