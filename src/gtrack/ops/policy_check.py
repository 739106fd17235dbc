"""Whether the policy can be read: the one that counts, and the one in the working tree before it is committed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gtrack.branch.team import FILE, LIMIT
from gtrack.errors import GtrackError, ParseError
from gtrack.format import yaml
from gtrack.model.policy import Finding, Judgement, Policy
from gtrack.ops.policy import policy_of, read_policy

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository

__all__ = ["judge_policy", "policy_in_work_tree"]


def judge_policy(repo: Repository) -> Judgement:
    """Judge the policy itself.

    Args:
        repo: The repository.

    Example:
        >>> judge_policy(repo).passed
        True
    """
    findings = []
    where = ""
    try:
        policy = read_policy(repo)
    except GtrackError as error:
        findings.append(Finding("policy", False, error.message, error.hint or "correct it, commit and push"))
        where = FILE
    else:
        if policy is not None:
            where = policy.where
            findings.append(Finding("policy", True, f"{policy.where} {_summary(policy)}"))
    try:
        draft = policy_in_work_tree(repo)
    except GtrackError as error:
        findings.append(Finding("working tree", False, error.message, error.hint or f"correct {FILE}"))
    else:
        if draft is not None:
            findings.append(Finding("working tree", True, f"{FILE} here {_summary(draft)}"))
    return Judgement(where or (FILE if findings else ""), tuple(findings))


def policy_in_work_tree(repo: Repository) -> Policy | None:
    """Return the policy in ``gtrack.yaml`` of the working tree, or None where there is none.

    Args:
        repo: The repository.

    Raises:
        GtrackError: The file, or the policy in it, cannot be read.
    """
    if repo.paths.work_tree is None:
        return None
    try:
        with open(os.path.join(repo.paths.work_tree, FILE), "rb") as file:
            data = file.read(LIMIT + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ParseError(f"{FILE} cannot be read: {error.strerror}") from error
    if len(data) > LIMIT:
        raise ParseError(f"{FILE} is larger than {LIMIT:,} bytes")
    if all(line.strip()[:1] in (b"", b"#") for line in data.split(b"\n")):
        return None
    return policy_of(yaml.load(data, name=FILE), FILE)


def _summary(policy: Policy) -> str:
    runs = "" if policy.runs is None else f"{len(policy.runs.to_dict())} rules for runs"
    models = f"rules for {', '.join(repr(pattern) for pattern, *_ in policy.models)}" if policy.models else ""
    said = " and ".join(part for part in (runs, models) if part)
    return f"can be read: {said}" if said else "can be read, and asks for nothing"
