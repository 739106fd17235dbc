"""Names of registered models, of their versions, aliases and stages, as people type them.

==========================  ==============================================================
``models:/churn/3``         the version of a number; ``churn/v3`` likewise
``models:/churn@champion``  the version that an alias points at
``models:/churn/Production``  the version in a stage; upper and lower case are one
``models:/churn/latest``    the version with the highest number
``models:/churn/~9c1d7b6``  a version by its uid, or at least four digits of it
``runs:/3f2a9c1/model``     a model among the artifacts of a run, registered or not
==========================  ==============================================================

``models:/`` may be left out. The forms are MLflow's (https://mlflow.org/docs/latest/ml/model-registry/), but for uids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gtrack.errors import UsageError

__all__ = [
    "MODELS",
    "RUNS",
    "STAGES",
    "RunPath",
    "VersionName",
    "alias_fault",
    "is_uid",
    "model_name_fault",
    "parse_name",
    "stage_named",
]

STAGES = ("None", "Staging", "Production", "Archived")
"""The stages that a version can be in."""
MODELS = "models:/"
RUNS = "runs:/"

_NAME_BYTES = 200
_ALIAS_BYTES = 100
_FORBIDDEN = re.compile(r"[/@:\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ALIAS = re.compile(r"[A-Za-z0-9_.-]+\Z")
_UID = re.compile(r"[0-9a-f]{32}\Z")
_UID_PREFIX = re.compile(r"~[0-9a-f]{4,32}\Z")
_NUMBER = re.compile(r"[vV]?([1-9][0-9]{0,8})\Z")
_LATEST = "latest"
_FORMS = "churn/3, churn@champion, churn/Production, churn/latest"


@dataclass(frozen=True, slots=True)
class VersionName:
    """A version of a registered model, as it was named. One of the fields after ``model`` says which.

    Attributes:
        model: The model's name.
        number: The version's number, or None.
        alias: The alias, or None.
        stage: One of :data:`STAGES`, or None.
        uid: The first digits of the uid, or None.
        latest: The one with the highest number.
    """

    model: str
    number: int | None = None
    alias: str | None = None
    stage: str | None = None
    uid: str | None = None
    latest: bool = False

    def __str__(self) -> str:
        if self.alias is not None:
            return f"{self.model}@{self.alias}"
        uid = f"~{self.uid}" if self.uid is not None else None
        return f"{self.model}/{self.number or self.stage or uid or _LATEST}"


@dataclass(frozen=True, slots=True)
class RunPath:
    """A model among the artifacts of a run: ``RUN/PATH``, where RUN is any selector.

    Attributes:
        text: What stands after ``runs:/``.
    """

    text: str

    def __str__(self) -> str:
        return f"{RUNS}{self.text}"


def parse_name(text: str) -> VersionName | RunPath:
    """Read the name of a version, or of a model among a run's artifacts.

    Args:
        text: Any of the forms above.

    Raises:
        UsageError: It is none of them; the message says what is missing.

    Example:
        >>> parse_name("models:/churn@champion")
        VersionName(model='churn', number=None, alias='champion', stage=None, uid=None, latest=False)
    """
    if not isinstance(text, str):
        raise UsageError(f"a {type(text).__name__} does not name a version", hint=_FORMS)
    if text.startswith(RUNS):
        run, _, path = text[len(RUNS) :].strip("/").partition("/")
        if not run or not path:
            raise UsageError(f"{text!r:.120} names no artifact of a run", hint="write it like runs:/3f2a9c1/model")
        return RunPath(text[len(RUNS) :].strip("/"))
    said = text.removeprefix(MODELS).strip("/")
    name, at, alias = said.partition("@")
    if at:
        _check_model(name)
        wrong = alias_fault(alias)
        if wrong is not None:
            raise UsageError(f"{alias!r:.80} cannot be an alias: {wrong}", hint=f"write it like {name:.80}@champion")
        return VersionName(name, alias=alias)
    name, slash, which = said.partition("/")
    _check_model(name)
    if not slash:
        raise UsageError(f"which version of {name!r:.80}?", hint=_FORMS.replace("churn", name[:80]))
    return _version(name, which)


def _version(name: str, which: str) -> VersionName:
    number = _NUMBER.match(which)
    if number is not None:
        return VersionName(name, number=int(number[1]))
    if _UID_PREFIX.match(which):
        return VersionName(name, uid=which[1:])
    if which.lower() == _LATEST:
        return VersionName(name, latest=True)
    stage = stage_named(which)
    if stage is None:
        meant = f"{name[:80]}@{which[:80]}" if alias_fault(which) is None else _FORMS.replace("churn", name[:80])
        raise UsageError(f"{which!r:.80} is no version of {name!r:.80}: neither a number nor a stage", hint=meant)
    return VersionName(name, stage=stage)


def stage_named(text: str) -> str | None:
    """Return the stage of a name, whatever its case; None when there is none.

    Example:
        >>> stage_named("production")
        'Production'
    """
    return next((stage for stage in STAGES if stage.lower() == text.lower()), None)


def model_name_fault(name: object) -> str | None:
    """Tell why a model cannot be called so; None when it can."""
    if not isinstance(name, str) or not name.strip():
        return "it is empty" if isinstance(name, str) else "it is not text"
    wrong = _FORBIDDEN.search(name)
    if wrong is not None:
        return f"it has the character {wrong[0]!r}"
    if len(name.encode()) > _NAME_BYTES:
        return f"it is longer than {_NAME_BYTES} bytes"
    return "it begins or ends with a space" if name != name.strip() else None


def alias_fault(alias: object) -> str | None:
    """Tell why an alias cannot be called so; None when it can."""
    if not isinstance(alias, str) or not alias:
        return "it is empty" if alias == "" else "it is not text"
    if _ALIAS.match(alias) is None:
        return "it may have letters, digits, points, dashes and underscores"
    if len(alias) > _ALIAS_BYTES:
        return f"it is longer than {_ALIAS_BYTES} characters"
    if alias.lower() == _LATEST or stage_named(alias) is not None:
        return f"{alias} means something else already"
    return "it looks like a version's number" if re.match(r"[vV]?[0-9]+\Z", alias) else None


def is_uid(value: object) -> bool:
    """Tell whether a value is the uid of a version: 32 hex digits."""
    return isinstance(value, str) and _UID.match(value) is not None


def _check_model(name: str) -> None:
    wrong = model_name_fault(name)
    if wrong is not None:
        raise UsageError(f"{name!r:.80} cannot be a model's name: {wrong}", hint=_FORMS)
