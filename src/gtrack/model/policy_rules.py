"""The rules of a policy once they are read, and what is found when something is judged by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase

__all__ = ["STAGES", "Finding", "Judgement", "Policy", "RunRules", "StageRules", "is_among"]

STAGES = ("staging", "production", "archived")
"""The stages that a policy can speak of, in lower case."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one rule.

    Attributes:
        rule: The rule, as in ``runs.params``.
        passed: It is kept.
        message: What was found, in a sentence.
        hint: What to type where it is not kept.
    """

    rule: str
    passed: bool
    message: str
    hint: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the finding as a map."""
        return {"rule": self.rule, "passed": self.passed, "message": self.message, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a policy says of one thing that somebody wants to do.

    Attributes:
        where: The policy, as in ``gtrack.yaml at origin/main (15f61e3)``; empty where there is none.
        findings: What came of each rule, kept or not.
        needs: How many approvals a promotion needs before it takes effect.
        signed: The event has to be signed.
    """

    where: str = ""
    findings: tuple[Finding, ...] = ()
    needs: int = 0
    signed: bool = False

    @property
    def violations(self) -> tuple[Finding, ...]:
        """The rules that are not kept."""
        return tuple(finding for finding in self.findings if not finding.passed)

    @property
    def passed(self) -> bool:
        """Every rule is kept."""
        return not self.violations

    def to_dict(self) -> dict[str, object]:
        """Return everything as maps."""
        return {
            "passed": self.passed,
            "policy": self.where or None,
            "needs": self.needs,
            "signed": self.signed,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class RunRules:
    """What is asked of runs; None and nothing where the policy does not speak of it. See the module for each."""

    params: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    experiment: str | None = None
    name: str | None = None
    param_names: Mapping[str, str] = field(default_factory=dict)
    allowed_params: tuple[str, ...] | None = None
    allowed_metrics: tuple[str, ...] | None = None
    code: str | None = None
    data: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return what is asked, with the keys of the file."""
        return _said(self)


@dataclass(frozen=True, slots=True)
class StageRules:
    """What is asked of a version, None where the policy does not speak of it. See the module for each.

    Attributes:
        came_from: The stage in which the version has to be before: ``from`` in the file.
    """

    require: str | None = None
    not_worse_than: str | None = None
    metric: str | None = None
    tolerance: float | None = None
    signed: bool | None = None
    approvals: int | None = None
    approvers: tuple[str, ...] | None = None
    promoters: tuple[str, ...] | None = None
    came_from: str | None = None

    @property
    def needs(self) -> int:
        """How many approvals a promotion needs: who names approvers wants one at least."""
        return self.approvals if self.approvals is not None else int(self.approvers is not None)

    def over(self, base: StageRules) -> StageRules:
        """Return these rules, and those of ``base`` where these say nothing."""
        said = {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}
        return replace(base, **said)

    def to_dict(self) -> dict[str, object]:
        """Return what is asked, with the keys of the file."""
        return {"from" if key == "came_from" else key: value for key, value in _said(self).items()}


@dataclass(frozen=True, slots=True)
class Policy:
    """A team's policy.

    Attributes:
        runs: What is asked of runs; None where the policy does not speak of runs.
        models: Patterns of models' names, each with what holds of every version and what of each stage.
        signers: The path of the allowed-signers file in the code tree, or None.
        where: The file it is from, as in ``gtrack.yaml at origin/main (15f61e3)``.
    """

    runs: RunRules | None = None
    models: tuple[tuple[str, StageRules, Mapping[str, StageRules]], ...] = ()
    signers: str | None = None
    where: str = ""

    def rules_of(self, model: str, stage: str | None = None) -> StageRules:
        """Return what is asked of a model's version.

        Args:
            model: The model's name.
            stage: The stage that it is to come to, in any case; None for its registration.

        Example:
            >>> parse_policy({"models": {"*": {"production": {"approvals": 2}}}}).rules_of("churn", "Production").needs
            2
        """
        key = None if stage is None else stage.lower()
        rules = StageRules()
        for pattern, every, stages in self.models:
            if fnmatchcase(model, pattern):
                rules = stages.get(key or "", StageRules()).over(_at(every, key).over(rules))
        return rules

    def to_dict(self) -> dict[str, object]:
        """Return the policy with the keys of the file."""
        models = {
            pattern: every.to_dict() | {stage: rules.to_dict() for stage, rules in stages.items()}
            for pattern, every, stages in self.models
        }
        return {
            "where": self.where,
            "runs": None if self.runs is None else self.runs.to_dict(),
            "models": models,
            "signers": self.signers,
        }


def is_among(address: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a mail address matches one of some patterns; upper and lower case are one.

    Example:
        >>> is_among("Ada@example.org", ("*@example.org",))
        True
    """
    return any(fnmatchcase(address.lower(), pattern.lower()) for pattern in patterns)


def _at(every: StageRules, stage: str | None) -> StageRules:
    """Return what of a model's general rules holds at a stage: versions that leave are not judged by their numbers."""
    if stage == "production":
        return every
    if stage in (None, "staging"):
        return replace(every, not_worse_than=None)
    return StageRules(signed=every.signed)


def _said(rules: RunRules | StageRules) -> dict[str, object]:
    found = {each.name: getattr(rules, each.name) for each in fields(rules)}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}
    return {
        key: dict(value) if isinstance(value, Mapping) else value
        for key, value in plain.items()
        if value or value in (False, 0)
    }
