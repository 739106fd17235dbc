"""Saying something of a registered model: aliases, notes, tags, what was measured or deployed. One commit each.

Stages have a module of their own, :mod:`gtrack.ops.model_stages`, since a promotion may wait for approvals.
"""

from __future__ import annotations

from collections.abc import Mapping

from gtrack.branch.repository import Repository
from gtrack.errors import ConflictError, NotFoundError, UsageError
from gtrack.format.plain import to_plain
from gtrack.model.registered import Version
from gtrack.model.registry_rollback import before_alias
from gtrack.model.version_name import VersionName, alias_fault, is_uid, parse_name
from gtrack.model.version_pick import pick
from gtrack.ops.model_writing import Changed, Known, Write, known_of, label_of, record

__all__ = [
    "delete",
    "deployed",
    "describe",
    "log_metrics",
    "note",
    "remove_alias",
    "restore",
    "rollback_alias",
    "set_alias",
    "tag",
    "version_name",
]


def set_alias(
    repository: Repository,
    name: str,
    alias: str,
    version: str | int,
    *,
    reason: str | None = None,
    write: Write | None = None,
) -> Changed:
    """Point an alias of a model at one of its versions, for everybody who shares the branch.

    Args:
        repository: The repository.
        name: The model.
        alias: The alias: letters, digits, points, dashes, underscores.
        version: The version: its number, or any name of it, such as ``churn/3`` or ``~9c1d7b6``.
        reason: Why.
        write: Commits the event, where that is not to be on the branch.

    Returns:
        What came of it; where the alias points there already, nothing is written.

    Raises:
        UsageError: The alias cannot be called so.
        NotFoundError: There is no such model or version.
        ConflictError: The version's number is claimed by another one, too.

    Example:
        >>> set_alias(repository, "churn", "champion", 3).model.aliases
        {'champion': '9c1d7b6e4a508c2f9e0d1a7b3c553f2a'}
    """
    _check_alias(name, alias)
    with repository.lock():
        known = _known(repository, name)
        found = pick(known.state, version_name(name, version))
        if known.state.aliases.get(alias) == found.uid and known.state.conflict(f"alias {alias}") is None:
            return Changed(known.state, found)
        fact = {"kind": "alias", "alias": alias, "version": found.uid, "reason": reason}
        return record(repository, known, fact, lambda _: f"{alias} is {label_of(found)}", write=write)


def remove_alias(repository: Repository, name: str, alias: str, *, reason: str | None = None) -> Changed:
    """Take an alias away.

    Args:
        repository: The repository.
        name: The model.
        alias: The alias.
        reason: Why.

    Raises:
        UsageError: The alias cannot be called so.
        NotFoundError: There is no such model, or it has no such alias.
    """
    _check_alias(name, alias)
    with repository.lock():
        known = _known(repository, name)
        if alias not in known.state.aliases and known.state.conflict(f"alias {alias}") is None:
            there = ", ".join(known.state.aliases)
            raise NotFoundError(f"{name} has no alias {alias!r:.80}" + (f"; it has {there}" if there else ""))
        fact = {"kind": "alias", "alias": alias, "version": None, "reason": reason}
        return record(repository, known, fact, lambda _: f"no {alias} any more")


def rollback_alias(
    repository: Repository, name: str, alias: str, *, reason: str | None = None, write: Write | None = None
) -> Changed:
    """Point an alias back at the version that it pointed at before.

    Args:
        repository: The repository.
        name: The model.
        alias: The alias.
        reason: Why.
        write: Commits the event, where that is not to be on the branch.

    Raises:
        UsageError: The alias cannot be called so.
        NotFoundError: There is no such model, or the alias pointed at nothing else before.
    """
    _check_alias(name, alias)
    with repository.lock():
        known = _known(repository, name)
        uid = before_alias(known.state, alias)
        found = None if uid is None else known.state.version(uid)
        if found is None:
            raise NotFoundError(
                f"{name}@{alias} pointed at no other version before that is still there",
                hint=f"gtrack model alias {name} {alias} VERSION",
            )
        fact = {"kind": "alias", "alias": alias, "version": found.uid, "rollback": True, "reason": reason}
        return record(repository, known, fact, lambda _: f"rollback, {alias} is {label_of(found)} again", write=write)


def note(repository: Repository, name: str, text: str) -> Changed:
    """Add a remark to a version, or to a model as a whole.

    Args:
        repository: The repository.
        name: The version, such as ``churn/3``, or the model.
        text: The remark.

    Raises:
        UsageError: It is empty.
        NotFoundError: There is no such model or version.
    """
    if not text.strip():
        raise UsageError("the note is empty", hint=f'gtrack model note {name} "drifts on new customers"')
    return _say(repository, name, {"kind": "note", "text": text}, f"note {text}")


def tag(repository: Repository, name: str, tags: Mapping[str, object | None]) -> Changed:
    """Set tags of a version, or of a model as a whole; a value of None takes a tag away.

    Args:
        repository: The repository.
        name: The version, such as ``churn/3``, or the model.
        tags: The tags.

    Raises:
        UsageError: There are none.
        NotFoundError: There is no such model or version.
    """
    if not tags:
        raise UsageError("no tags given", hint=f"gtrack model tag {name} region=eu")
    said = " ".join(f"{key}={value}" if value is not None else f"{key}-" for key, value in tags.items())
    return _say(repository, name, {"kind": "tag", "tags": to_plain(tags)}, f"tag {said}")


def describe(repository: Repository, name: str, description: str | None) -> Changed:
    """Say what a version, or a model as a whole, is for.

    Args:
        repository: The repository.
        name: The version, such as ``churn/3``, or the model.
        description: The text; None takes it away.

    Raises:
        NotFoundError: There is no such model or version.
    """
    said = description or None
    what = "description taken away" if said is None else f"described: {said}"
    return _say(repository, name, {"kind": "describe", "description": said}, what)


def log_metrics(repository: Repository, version: str, metrics: Mapping[str, float]) -> Changed:
    """Record what was measured of a version later, such as in service; of one metric the last value stands.

    Args:
        repository: The repository.
        version: The version, such as ``churn/3``.
        metrics: Values by key.

    Raises:
        UsageError: There are none, or one is not a number.
        NotFoundError: There is no such model or version.

    Example:
        >>> log_metrics(repository, "churn/3", {"shadow_auc": 0.93}).version.metrics
        {'shadow_auc': 0.93}
    """
    if not metrics:
        raise UsageError("no metrics given", hint=f"gtrack model log {version} shadow_auc=0.93")
    values = {}
    for key, value in metrics.items():
        try:
            values[str(key)] = float(value)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"the value of {key!r:.80} is not a number") from None
    said = " ".join(f"{key}={value:g}" for key, value in values.items())
    return _say(repository, version, {"kind": "metrics", "metrics": values}, said)


def deployed(repository: Repository, version: str, endpoint: str, *, reason: str | None = None) -> Changed:
    """Record that a version was put into service.

    Args:
        repository: The repository.
        version: The version, such as ``churn/3``.
        endpoint: Where: a URL, or any name of the place.
        reason: Why.

    Raises:
        UsageError: The endpoint is empty, or no version is named.
        NotFoundError: There is no such model or version.
    """
    if not endpoint.strip():
        raise UsageError("the endpoint is empty", hint=f"gtrack model deployed {version} --endpoint URL")
    fact = {"kind": "deployed", "endpoint": endpoint, "reason": reason}
    return _say(repository, version, fact, f"deployed at {endpoint}")


def delete(repository: Repository, name: str, *, reason: str | None = None) -> Changed:
    """Delete a version, or a model as a whole: it is hidden, and can be restored.

    Args:
        repository: The repository.
        name: The version, such as ``churn/3``, or the model.
        reason: Why.

    Raises:
        NotFoundError: There is no such model or version, or it is deleted already.
        ConflictError: Something leads to it: an alias, or that it is in Staging or Production.
    """
    with repository.lock():
        known, version = _named(repository, name)
        among = known.state.versions if version is None else (version,)
        for each in among:
            if each.aliases:
                raise ConflictError(
                    f"{each.name} is {known.name}@{each.aliases[0]}",
                    hint=f"gtrack model unalias {known.name} {each.aliases[0]}",
                )
            if each.stage in ("Staging", "Production"):
                raise ConflictError(
                    f"{each.name} is in {each.stage}", hint=f"gtrack model promote {each.name} archived"
                )
        return _hide(repository, known, version, "delete", reason)


def restore(repository: Repository, name: str, *, reason: str | None = None) -> Changed:
    """Take back the deletion of a version, or of a model as a whole; what is not deleted stays as it is.

    Args:
        repository: The repository.
        name: The version, such as ``churn/3``, or the model.
        reason: Why.

    Raises:
        NotFoundError: There is no such model or version.
    """
    with repository.lock():
        known, version = _named(repository, name, deleted=True)
        if not (known.state.deleted if version is None else version.deleted):
            return Changed(known.state, version)
        return _hide(repository, known, version, "restore", reason)


def version_name(name: str, version: object) -> VersionName:
    """Return the name of a version of a model, whichever way it was given.

    Args:
        name: The model.
        version: A number, a uid, or any name of a version of this model.

    Raises:
        UsageError: It names none, or one of another model.

    Example:
        >>> str(version_name("churn", 3))
        'churn/3'
    """
    if isinstance(version, int) and not isinstance(version, bool):
        version = str(version)
    if not isinstance(version, str):
        raise UsageError(f"a {type(version).__name__} does not name a version", hint=f"{name}/3")
    if is_uid(version):
        return VersionName(name, uid=version)
    whole = "/" in version or "@" in version
    found = parse_name(version if whole else f"{name}/{version}")
    if not isinstance(found, VersionName) or found.model != name:
        raise UsageError(f"{version!r:.80} is no version of {name!r:.80}", hint=f"{name}/3")
    return found


def _known(repository: Repository, name: str) -> Known:
    known = known_of(repository, name)
    if known.state.deleted:
        raise NotFoundError(f"the model {name!r:.80} was deleted", hint=f"gtrack model restore {name}")
    return known


def _named(repository: Repository, name: str, *, deleted: bool = False) -> tuple[Known, Version | None]:
    """Return what is known of the model that is named, and the version where one is named."""
    text = name.removeprefix("models:/").strip("/") if isinstance(name, str) else name
    if isinstance(text, str) and "/" not in text and "@" not in text:
        known = known_of(repository, text) if deleted else _known(repository, text)
        return known, None
    parsed = parse_name(text)
    if not isinstance(parsed, VersionName):
        raise UsageError(f"{parsed} is a run's artifact, not a registered version")
    known = known_of(repository, parsed.model) if deleted else _known(repository, parsed.model)
    return known, pick(known.state, parsed, deleted=deleted)


def _say(repository: Repository, name: str, fact: Mapping[str, object], what: str) -> Changed:
    with repository.lock():
        known, version = _named(repository, name)
        label = "" if version is None else f"{label_of(version)} "
        uid = None if version is None else version.uid
        if version is None and fact["kind"] in ("metrics", "deployed"):
            raise UsageError(f"which version of {known.name!r:.80}?", hint=f"{known.name}/3")
        return record(repository, known, {**fact, "version": uid}, lambda _: f"{label}{what}")


def _hide(repository: Repository, known: Known, version: Version | None, kind: str, reason: str | None) -> Changed:
    uid, label = (None, "") if version is None else (version.uid, f" {label_of(version)}")
    fact = {"kind": kind, "version": uid, "reason": reason}
    return record(repository, known, fact, lambda _: f"{kind}{label}")


def _check_alias(name: str, alias: str) -> None:
    wrong = alias_fault(alias)
    if wrong is not None:
        raise UsageError(
            f"{alias!r:.80} cannot be an alias: {wrong}", hint=f"gtrack model alias {name} champion VERSION"
        )
