"""The team's policy: which version counts, what a person is told who acts against it, how it is bypassed.

It is read from ``gtrack.yaml`` on the default code branch of the tracking remote, never from the working tree. While
code is training, a policy that cannot be read costs a warning; what is registered or promoted under one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from gtrack.errors import GtrackError, ParseError, PolicyError, UsageError
from gtrack.model.policy import Finding, Judgement, Policy, parse_policy
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository

__all__ = [
    "KEY",
    "enforce",
    "policy_for_training",
    "policy_of",
    "read_policy",
    "refusal",
    "said_of",
    "unreadable",
    "whole",
]

KEY = "policy"
_NAMED = 20

_told: WeakKeyDictionary[Repository, set[str]] = WeakKeyDictionary()
"""What was warned of already: a process that starts a hundred runs warns once."""


def read_policy(repo: Repository) -> Policy | None:
    """Return the team's policy, or None where it has none.

    Args:
        repo: The repository.

    Raises:
        GtrackError: The file, or the policy in it, cannot be read: nothing can be said to be allowed.

    Example:
        >>> read_policy(repo).where
        'gtrack.yaml at origin/main (15f61e3)'
    """
    from gtrack.branch.team import FILE, read_team_file

    try:
        file = read_team_file(repo)
    except OSError as error:
        raise UsageError(f"{FILE} cannot be read: {error.strerror or error}") from error
    if file is None:
        return None
    if file.problem is not None:
        raise ParseError(file.where + file.problem, hint="correct it, commit and push")
    return policy_of(file.document, file.where)


def policy_of(document: Mapping[str, object], where: str) -> Policy | None:
    """Return the policy in a parsed ``gtrack.yaml``, or None where it has none.

    Args:
        document: What the file holds.
        where: The file, as in ``gtrack.yaml at origin/main (15f61e3)``.

    Raises:
        UsageError: The policy cannot be followed.
    """
    if document.get(KEY) is None:
        return None
    return parse_policy(document[KEY], where, check=_wrong_with)


def policy_for_training(repo: Repository | None, warn: Callable[[str], None]) -> Policy | None:
    """Return the team's policy for code that trains, which no mistake in it must stop.

    Args:
        repo: The repository, or None where there is none.
        warn: Called once for each repository that was opened, where the policy cannot be read.
    """
    if repo is None:
        return None
    try:
        return read_policy(repo)
    except GtrackError as error:
        told = _told.setdefault(repo, set())
        if str(error) not in told:
            told.add(str(error))
            # What is wrong with the file as a whole is told with the settings in it.
            if isinstance(error, UsageError):
                warn(f"{error}; the policy is not applied to runs, and nothing can be registered or promoted")
        return None


def unreadable(error: GtrackError) -> Judgement:
    """Return what is said of anything where the policy cannot be read: that it is not allowed."""
    hint = error.hint or "correct it, commit and push"
    said = f"it cannot be read, so nothing can be said to be allowed: {error.message}"
    return Judgement("gtrack.yaml", (Finding("policy", False, said, hint),))


def enforce(judgement: Judgement, what: str, *, bypass: str | None = None) -> dict[str, object] | None:
    """Refuse what a policy does not allow, unless somebody gives a reason to do it all the same.

    Args:
        judgement: What the policy says.
        what: What is refused: ``churn/3 to Production``.
        bypass: The reason to do it all the same.

    Returns:
        What has to be recorded of the bypass: ``reason`` and ``violations``. None where the policy allows it.

    Raises:
        PolicyError: It is not allowed, and there is no reason.
        UsageError: The reason is empty.
    """
    if bypass is not None and not bypass.strip():
        raise UsageError("a bypass of the policy needs a reason", hint='--bypass-policy "hotfix for the outage"')
    if judgement.passed:
        return None
    if bypass is None:
        raise refusal(judgement, what)
    return {"reason": clean(bypass)[:500], "violations": said_of(judgement)}


def said_of(judgement: Judgement) -> list[object]:
    """Return the violations as they are recorded."""
    return [
        {"rule": finding.rule, "message": clean(finding.message)[:300]} for finding in judgement.violations[:_NAMED]
    ]


def refusal(judgement: Judgement, what: str) -> PolicyError:
    """Return the error that lists every violation: the rule, what is wrong, what to type."""
    lines = []
    for finding in judgement.violations[:_NAMED]:
        todo = f": {clean(finding.hint)}" if finding.hint else ""
        lines.append(f"  {finding.rule}: {clean(finding.message)}{todo}")
    more = len(judgement.violations) - _NAMED
    lines += [f"  ... and {more:,} more"] if more > 0 else []
    message = "\n".join([f"the policy ({judgement.where}) does not allow {clean(what)[:200]}", *lines])
    hint = 'to do it all the same, and have that recorded: bypass_policy="REASON", or --bypass-policy REASON'
    return PolicyError(message, violations=judgement.violations, hint=hint)


def _wrong_with(kind: str, text: str) -> str | None:
    """Return what is wrong with a filter or a regular expression."""
    try:
        if kind == "filter":
            from gtrack.index.filter import parse

            parse(text)
        else:
            from gtrack.index.regexp import compile_regexp

            compile_regexp(whole(text))
    except UsageError as error:
        return error.message.splitlines()[0]
    except ValueError as error:
        return str(error)
    return None


def whole(pattern: str) -> str:
    """Return a regular expression that all of a text has to match."""
    return f"^(?:{pattern})$"
