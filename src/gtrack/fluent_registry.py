"""The functions that register models, name their versions, and bring them into stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtrack.reader import Repo

if TYPE_CHECKING:
    from gtrack.model.registered import Version

__all__ = ["approve", "delete_alias", "promote", "register_model", "set_alias"]


def register_model(
    model_uri: str,
    name: str,
    *,
    description: str | None = None,
    gate: str | None = None,
    bypass_policy: str | None = None,
    path: str = ".",
) -> Version:
    """Register a model that a run kept, live or recorded, as a new version of a registered model.

    The version has no number before it is pushed, so that no two clones can mean different versions by one; without a
    remote it has one in this clone.

    Args:
        model_uri: ``runs:/3f2a9c1/model``, or ``RUN/PATH`` with any selector of a run: a folder or a file among its
            artifacts.
        name: The registered model's name; a new one begins with this version.
        description: What is special about the version.
        gate: A filter that the run must match, such as ``"metrics.val_auc >= 0.9"``.
        bypass_policy: Why the team's policy is passed over, where it does not allow it; it is recorded.
        path: Any directory in the repository.

    Returns:
        The version.

    Raises:
        NotFoundError: There is no such run, or it has no artifact of that path.
        UsageError: The name, the URI or the gate cannot be read.
        GateError: The run does not match the gate; nothing is written.
        PolicyError: The policy does not allow it; nothing is written.

    Example:
        >>> gtrack.register_model("runs:/3f2a9c1/model", "churn", gate="metrics.val_auc >= 0.9").name
        'churn/~9c1d7b6'
    """
    from gtrack.ops.registering import register

    with Repo(path) as repo:
        repo.recover()
        return register(repo.repository, model_uri, name, description=description, gate=gate, bypass=bypass_policy)


def set_alias(name: str, alias: str, version: str | int, *, reason: str | None = None, path: str = ".") -> Version:
    """Point an alias of a registered model at one of its versions.

    Args:
        name: The model.
        alias: The alias, such as ``champion``.
        version: The version: its number, or any name of it, such as ``"~9c1d7b6"``.
        reason: Why.
        path: Any directory in the repository.

    Returns:
        The version that it points at.

    Raises:
        NotFoundError: There is no such model or version.
        UsageError: The alias cannot be called so.

    Example:
        >>> gtrack.set_alias("churn", "champion", 3, reason="beats v2 by 0.4 AUC").aliases
        ('champion',)
    """
    from gtrack.ops.model_events import set_alias as set_alias_of

    with Repo(path) as repo:
        done = set_alias_of(repo.repository, name, alias, version, reason=reason)
    assert done.version is not None
    return done.version


def delete_alias(name: str, alias: str, *, reason: str | None = None, path: str = ".") -> None:
    """Take an alias of a registered model away.

    Args:
        name: The model.
        alias: The alias.
        reason: Why.
        path: Any directory in the repository.

    Raises:
        NotFoundError: There is no such model or alias.
    """
    from gtrack.ops.model_events import remove_alias

    with Repo(path) as repo:
        remove_alias(repo.repository, name, alias, reason=reason)


def promote(
    version: str,
    stage: str,
    *,
    reason: str | None = None,
    keep: bool = False,
    bypass_policy: str | None = None,
    path: str = ".",
) -> Version:
    """Bring a version into a stage; where the policy asks for approvals it comes there when they are given.

    Args:
        version: The version, such as ``"churn/3"``.
        stage: ``"Staging"``, ``"Production"``, ``"Archived"`` or ``"None"``, in any case.
        reason: Why.
        keep: What is in that stage stays there, instead of being archived.
        bypass_policy: Why the team's policy is passed over, where it does not allow it; it is recorded.
        path: Any directory in the repository.

    Returns:
        The version; its ``pending`` says whether it waits for approvals.

    Raises:
        NotFoundError: There is no such model or version.
        UsageError: There is no such stage.
        PolicyError: The policy does not allow it; nothing is written.

    Example:
        >>> gtrack.promote("churn/3", "Production", reason="a week in shadow without alarms").stage
        'Production'
    """
    from gtrack.ops.model_stages import promote as promote_to

    with Repo(path) as repo:
        done = promote_to(repo.repository, version, stage, reason=reason, keep=keep, bypass=bypass_policy)
    assert done.version is not None
    return done.version


def approve(version: str, stage: str, *, reason: str | None = None, path: str = ".") -> Version:
    """Approve that a version comes into a stage; the last approval that is needed brings it there.

    Args:
        version: The version, such as ``"churn/3"``.
        stage: The stage, in any case.
        reason: Why.
        path: Any directory in the repository.

    Returns:
        The version.

    Raises:
        NotFoundError: There is no such model or version.
        UsageError: There is no such stage.
        PolicyError: The policy does not let this person approve it; nothing is written.

    Example:
        >>> gtrack.approve("churn/3", "Production").stage
        'Production'
    """
    from gtrack.ops.model_stages import approve as approve_for

    with Repo(path) as repo:
        done = approve_for(repo.repository, version, stage, reason=reason)
    assert done.version is not None
    return done.version
