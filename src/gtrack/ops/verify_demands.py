"""What the team's policy demands of registry events: approvals, who may do what, signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property

from gtrack.branch.bounded import run_bounded
from gtrack.branch.repository import Repository
from gtrack.branch.team import FILE, LIMIT, read_team_file
from gtrack.clock import stamp as to_stamp
from gtrack.errors import GtrackError
from gtrack.format import names, yaml
from gtrack.model.policy import STAGES, Policy, StageRules, parse_policy
from gtrack.text import clean

__all__ = ["Demands", "EarlierDemands", "is_among", "model_of", "read_demands"]

_MOST_VERSIONS = 1000


@dataclass(frozen=True, slots=True)
class Demands:
    """The policy, as far as it is about what may stand on the branch.

    Attributes:
        policy: The policy; an empty one where there is none.
        where: The file that it is from; empty where there is none.
        problem: Why it cannot be read, or None: then nothing that is subject to a policy can be let through.
        commit: The commit of the default code branch that the file is from; empty where there is none.
    """

    policy: Policy = field(default_factory=Policy)
    where: str = ""
    problem: str | None = None
    commit: str = ""

    def of(self, model: str, stage: str | None = None) -> StageRules:
        """Return what is demanded of a model's promotion to a stage, or, without one, of its other events."""
        return self.policy.rules_of(model, stage if stage is not None and stage.lower() in STAGES else None)

    def signs(self, path: str) -> bool:
        """Tell whether a file about a model is to be signed: where any rule of the model asks for signatures."""
        model = model_of(path)
        if model is None:
            return False
        return any(self.of(model, stage).signed for stage in (None, *STAGES))


def read_demands(repo: Repository) -> Demands:
    """Return what the policy of the team's default code branch demands.

    Example:
        >>> read_demands(repo).of("churn", "Production").needs
        1
    """
    try:
        file = read_team_file(repo)
    except (GtrackError, OSError) as error:
        return Demands(problem=f"{FILE} cannot be read: {clean(str(error))}")
    if file is None:
        return Demands()
    if file.problem is not None:
        return Demands(where=file.where, problem=clean(file.where + file.problem), commit=file.commit)
    return _demands(file.document, file.where, file.commit)


class EarlierDemands:
    """What the policy demanded at earlier times, by the history of ``gtrack.yaml`` on the default code branch.

    Who approved last year need not be among those who may approve today. Only the first parents count: what was on that
    branch itself.

    Args:
        repo: The repository.
        now: The policy as it is.
    """

    def __init__(self, repo: Repository, now: Demands) -> None:
        self._repo, self._now = repo, now
        self._read: dict[str, Demands] = {}

    def at(self, stamp: str) -> Demands:
        """Return what was demanded at a moment; where that cannot be told, what is demanded now.

        Args:
            stamp: The moment, as in ``20261121T142530.123456Z``.
        """
        versions = self._versions
        if not versions:
            return self._now
        commit = next((commit for moment, commit in versions if moment <= stamp), None)
        if commit is None:
            return Demands()  # there was no such file yet
        if commit not in self._read:
            self._read[commit] = self._of(commit)
        return self._read[commit]

    @cached_property
    def _versions(self) -> list[tuple[str, str]]:
        """When the file was changed, the newest first, and by which commit; nothing where that cannot be told."""
        if not self._now.commit or self._repo.git is None:
            return []
        try:
            args = ["log", "--first-parent", "--format=%ct %H", f"-{_MOST_VERSIONS}", self._now.commit, "--", FILE]
            lines = run_bounded(self._repo, args).decode().splitlines()
            shallow = run_bounded(self._repo, ["rev-parse", "--is-shallow-repository"]).strip() == b"true"
        except GtrackError:
            return []
        pairs = [line.split() for line in lines]
        return [] if shallow else [(to_stamp(int(time) * 1_000_000), commit) for time, commit in pairs]

    def _of(self, commit: str) -> Demands:
        where = f"{FILE} at {commit[:7]}"
        try:
            found = self._repo.objects.find(self._repo.tree_of(commit), FILE)
            data = b"" if found is None else self._repo.read_blob(found[1])[: LIMIT + 1]
            empty = all(line.strip()[:1] in (b"", b"#") for line in data.split(b"\n"))
            return Demands() if empty else _demands(yaml.load(data), where, commit)
        except (GtrackError, KeyError, OSError) as error:
            return Demands(where=where, problem=clean(str(error)), commit=commit)


def _demands(document: Mapping[str, object], where: str, commit: str) -> Demands:
    said = document.get("policy")
    if said is None:
        return Demands(commit=commit)
    try:
        return Demands(parse_policy(said, where), where, commit=commit)
    except GtrackError as error:
        return Demands(where=where, problem=clean(str(error)), commit=commit)


def model_of(path: str) -> str | None:
    """Return the model that a path on the branch is about, or None."""
    parts = path.split("/", 2)
    return names.model_of_dir(parts[1]) if len(parts) == 3 and parts[0] == "models" else None


def is_among(address: str, patterns: tuple[str, ...] | None) -> bool:
    """Tell whether an address is one of those that a rule names; without a rule everybody's is."""
    return patterns is None or any(fnmatchcase(address.lower(), pattern.lower()) for pattern in patterns)
