"""What a team asks of runs and models: the policy under ``policy:`` of ``gtrack.yaml``, read from its document.

.. code-block:: yaml

    policy:
      runs:
        params: [model_type, dataset_version, feature_set]
        tags: [team, purpose]
        experiment: "[a-z0-9-]+"
        name: "{project}-{model}-{version}"
        param_names: {learning_rate: lr}
        code: snapshot
      models:
        "*":
          require: "metrics.val_auc >= 0.9"
          not_worse_than: champion
          production: {approvals: 1, promoters: ["*@example.org"], from: staging, signed: true}
      signers: .gtrack/allowed_signers

=====================  ===========================================================================================
under ``runs``         what is asked
=====================  ===========================================================================================
``params``, ``tags``   these have a value by the run's first metric
``experiment``         a regular expression that all of the experiment's name has to match
``name``               a template: it makes the names of runs without one, and the others have to follow it; see
                       :mod:`gtrack.model.policy_names`
``param_names``        names that are refused, each with the name to use instead
``allowed_params``     patterns such as ``model.*``: each param's name, with dots, has to match one
``allowed_metrics``    likewise for metrics
``code``               ``clean``: a commit without edits; ``snapshot``: edits as well, as long as they are kept
``data``               ``pinned``: there is an input, and every input has a digest or a version
=====================  ===========================================================================================

``models`` maps patterns of names to rules; of several that match, the later one counts, key by key.

=====================  ===========================================================================================
under a model          what is asked
=====================  ===========================================================================================
``require``            a filter that the version's run meets: at its registration and at each promotion
``not_worse_than``     an alias or ``production``: what a version in production must not be worse than
``metric``             the metric to compare by; by default the experiment's
``tolerance``          how much worse is still right, in units of the metric
``signed``             events of this model are signed
``staging``,           what holds of a promotion to that stage: the keys above, and those below
``production``,
``archived``
``… approvals``        how many others have to approve
``… approvers``        who may: patterns of mail addresses
``… promoters``        who may promote, likewise
``… from``             the stage in which the version has to be before
=====================  ===========================================================================================

``signers`` is the path of the allowed-signers file in the code tree, at the commit of ``gtrack.yaml``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from gtrack.errors import UsageError
from gtrack.model.policy_names import parse_template
from gtrack.model.policy_rules import STAGES, Finding, Judgement, Policy, RunRules, StageRules, is_among
from gtrack.text import clean

__all__ = ["STAGES", "Finding", "Judgement", "Policy", "RunRules", "StageRules", "is_among", "parse_policy"]

Check = Callable[[str, str], str | None]
"""From ``filter`` or ``pattern`` and a text to what is wrong with it, or None."""

_LONGEST = 512
_MOST_NAMES = 200
_MOST_PATTERNS = 1_000
_MOST_APPROVALS = 100
_CODE = ("clean", "snapshot")
_DATA = ("pinned",)


def parse_policy(value: object, where: str = "gtrack.yaml", *, check: Check = lambda _kind, _text: None) -> Policy:
    """Read what stands under ``policy:``.

    Args:
        value: The value of that key in the parsed file; None for an empty one.
        where: The file, for the text of an error.
        check: Tells what is wrong with a filter or a regular expression.

    Raises:
        UsageError: It cannot be followed; the message names the place, the hint says what can stand there.

    Example:
        >>> parse_policy({"runs": {"params": ["model_type"], "code": "clean"}}).runs.code
        'clean'
    """
    place = _Place(where, check)
    top = place.map_of(value, ("runs", "models", "signers"))
    patterns = place.below("models").map_of(top.get("models"), None)
    if len(patterns) > _MOST_PATTERNS:
        place.below("models").fail(f"has {len(patterns):,} patterns", f"{_MOST_PATTERNS:,} is the most")
    return Policy(
        runs=None if top.get("runs") is None else _runs(place.below("runs"), top["runs"]),
        models=tuple(
            (pattern, *_model(place.below("models").below(pattern), said)) for pattern, said in patterns.items()
        ),
        signers=None if top.get("signers") is None else _path(place.below("signers"), top["signers"]),
        where=where,
    )


class _Place:
    """A place of the file, and how what is wrong there is told."""

    def __init__(self, where: str, check: Check, path: tuple[str, ...] = ()) -> None:
        self.where = where
        self.check = check
        self.path = path

    def below(self, key: str) -> _Place:
        return _Place(self.where, self.check, (*self.path, key))

    def map_of(self, value: object, keys: tuple[str, ...] | None) -> Mapping[str, Any]:
        """Return the map that stands here, all of whose keys are among ``keys``; nothing is an empty one."""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            named = ", ".join(keys) if keys else "the patterns of models' names"
            self.fail(f"is {_shown(value)}, not a map", f"its keys are {named}")
        for key in value:
            if keys is not None and key not in keys:
                close = difflib.get_close_matches(key, keys, 1)
                self.below(key).fail(
                    "is not a rule", f"did you mean {close[0]}?" if close else f"there are {', '.join(keys)}"
                )
        return value

    def fail(self, what: str, hint: str) -> NoReturn:
        named = ".".join(("policy", *map(clean, self.path)))[:160]
        raise UsageError(f"{self.where}: {named} {what}", hint=hint)


def _runs(place: _Place, value: object) -> RunRules:
    said = place.map_of(value, tuple(_RUN_READERS))
    return RunRules(
        **{key: _RUN_READERS[key](place.below(key), item) for key, item in said.items() if item is not None}
    )


def _model(place: _Place, value: object) -> tuple[StageRules, dict[str, StageRules]]:
    said = place.map_of(value, (*_EVERY, *STAGES))
    every = _stage(place, {key: item for key, item in said.items() if key in _EVERY})
    stages = {}
    for stage in STAGES:
        if said.get(stage) is not None:
            inside = place.below(stage)
            stages[stage] = _stage(inside, inside.map_of(said[stage], tuple(_STAGE_READERS)))
    return every, stages


def _stage(place: _Place, said: Mapping[str, Any]) -> StageRules:
    values: dict[str, Any] = {}
    for key, item in said.items():
        if item is not None:
            values["came_from" if key == "from" else key] = _STAGE_READERS[key](place.below(key), item)
    return StageRules(**values)


def _text(place: _Place, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST or not value.isprintable():
        place.fail(f"is {_shown(value)}", f"write some text, at most {_LONGEST} characters")
    return value


def _names(place: _Place, value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if len(items) > _MOST_NAMES:
        place.fail(f"has {len(items):,} entries", f"{_MOST_NAMES} is the most")
    return tuple(dict.fromkeys(_text(place, item) for item in items))


def _renamed(place: _Place, value: object) -> dict[str, str]:
    said = {} if value is None else value
    if not isinstance(said, Mapping) or len(said) > _MOST_NAMES:
        place.fail(f"is {_shown(value)}", "write refused names with the names to use: {learning_rate: lr}")
    out = {_text(place, key): _text(place.below(key), item) for key, item in said.items()}
    for key, better in out.items():
        if better in out:
            place.below(key).fail(f"names {_shown(better)}, which is refused itself", f"use {_shown(out[better])}")
    return out


def _word(*allowed: str) -> Callable[[_Place, object], str]:
    def read(place: _Place, value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            place.fail(f"is {_shown(value)}", f"use {' or '.join(allowed)}")
        return value

    return read


def _stage_name(place: _Place, value: object) -> str:
    return _word("none", *STAGES)(place, value.lower() if isinstance(value, str) else value)


def _template(place: _Place, value: object) -> str:
    text = _text(place, value)
    try:
        parse_template(text)
    except ValueError as error:
        place.fail(f"{error}", 'write it like "{project}-{model}-{version}"')
    return text


def _checked(kind: str, example: str) -> Callable[[_Place, object], str]:
    def read(place: _Place, value: object) -> str:
        text = _text(place, value)
        wrong = place.check(kind, text)
        if wrong is not None:
            place.fail(f"is no {kind}: {wrong}", f"write it like {example}")
        return text

    return read


def _count(place: _Place, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_APPROVALS:
        place.fail(f"is {_shown(value)}", f"write a number from 0 to {_MOST_APPROVALS}")
    return value


def _amount(place: _Place, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        place.fail(f"is {_shown(value)}", "write a number from 0 on, such as 0.005")
    return float(value)


def _truth(place: _Place, value: object) -> bool:
    if not isinstance(value, bool):
        place.fail(f"is {_shown(value)}", "use true or false")
    return value


def _path(place: _Place, value: object) -> str:
    text = _text(place, value).removeprefix("./")
    if any(part in ("", ".", "..") for part in text.split("/")) or "\\" in text:
        place.fail(f"is {_shown(value)}", "name a file of the code tree, from its top: .gtrack/allowed_signers")
    return text


def _shown(value: object) -> str:
    return repr(clean(value if isinstance(value, str) else str(value))[:60])


_PATTERN = _checked("pattern", '"[a-z0-9-]+"')
_FILTER = _checked("filter", '"metrics.val_auc >= 0.9 AND metrics.precision >= 0.8"')
_EVERY = ("require", "not_worse_than", "metric", "tolerance", "signed")
_RUN_READERS: Mapping[str, Callable[[_Place, object], Any]] = {
    "params": _names,
    "tags": _names,
    "experiment": _PATTERN,
    "name": _template,
    "param_names": _renamed,
    "allowed_params": _names,
    "allowed_metrics": _names,
    "code": _word(*_CODE),
    "data": _word(*_DATA),
}
_STAGE_READERS: Mapping[str, Callable[[_Place, object], Any]] = {
    "require": _FILTER,
    "not_worse_than": _text,
    "metric": _text,
    "tolerance": _amount,
    "signed": _truth,
    "approvals": _count,
    "approvers": _names,
    "promoters": _names,
    "from": _stage_name,
}
