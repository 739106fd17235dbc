"""What a filter can ask of a run: its metrics, params, tags, attributes, and what was recorded around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary

__all__ = ["AGGREGATES", "ATTRIBUTES", "Field", "Type", "Value", "key_offset", "lookup", "parse_field", "read_field"]

Value = bool | int | float | str
"""A value as it is compared; what is neither number nor truth value is text, lists and maps as JSON."""


class Type(Enum):
    """What a field's values are, which decides how the literals beside it are read."""

    ANY = "anything"
    NUMBER = "a number"
    SECONDS = "a duration"
    TIME = "a time"
    TRUTH = "true or false"
    TEXT = "text"
    WORD = "a word in any case"
    HASH = "an id, or its first digits"


_Attribute = tuple[Type, Callable[[RunState], object]]

ATTRIBUTES: Mapping[str, _Attribute] = {
    "id": (Type.HASH, lambda run: run.id),
    "name": (Type.TEXT, lambda run: run.name),
    "experiment": (Type.TEXT, lambda run: run.experiment),
    "status": (Type.WORD, lambda run: run.status),
    "started": (Type.TIME, lambda run: run.started),
    "ended": (Type.TIME, lambda run: run.ended),
    "duration": (Type.SECONDS, lambda run: run.duration),
    "author": (Type.TEXT, lambda run: run.author or None),
    "group": (Type.TEXT, lambda run: run.group),
    "parent": (Type.HASH, lambda run: run.parent),
    "commit": (Type.HASH, lambda run: run.code.get("commit")),
    "snapshot": (Type.HASH, lambda run: run.code.get("snapshot")),
    "branch": (Type.TEXT, lambda run: run.code.get("branch")),
    "dirty": (Type.TRUTH, lambda run: run.code.get("dirty")),
    "host": (Type.TEXT, lambda run: run.environment.get("host")),
    "policy": (Type.WORD, lambda run: None if run.policy is None else run.policy.get("verdict")),
    "live": (Type.TRUTH, lambda run: run.live),
    "deleted": (Type.TRUTH, lambda run: run.deleted),
}
"""The attributes of a run: their type, and how each is read."""

AGGREGATES: Mapping[str, Callable[[MetricSummary], float | None]] = {
    "last": lambda summary: summary.last,
    "min": lambda summary: summary.min,
    "max": lambda summary: summary.max,
    "best": lambda summary: summary.best,
    "argmin": lambda summary: summary.argmin,
    "argmax": lambda summary: summary.argmax,
    "step": lambda summary: summary.step,
    "first_step": lambda summary: summary.first_step,
    "count": lambda summary: summary.count,
    "nan": lambda summary: summary.nan,
}
"""What is known of a metric's series, as functions: ``max(metrics.val_auc)``. A bare metric is its last value."""

_ATTRIBUTE_ALIASES = {
    "run_id": "id",
    "run_name": "name",
    "experiment_name": "experiment",
    "user_id": "author",
    "user": "author",
    "start_time": "started",
    "created": "started",
    "end_time": "ended",
}
_MAPS: Mapping[str, Callable[[RunState], Mapping[str, object]]] = {
    "params": lambda run: run.params,
    "tags": lambda run: run.tags,
    "code": lambda run: run.code,
    "environment": lambda run: run.environment,
    "seed": lambda run: run.seed,
    "error": lambda run: run.error or {},
}
_DATASET = {"name": "name", "digest": "digest", "role": "role", "context": "role"}
_SCOPE_ALIASES = {
    **dict.fromkeys(("metric", "metrics"), "metrics"),
    **dict.fromkeys(("param", "parameter", "parameters"), "params"),
    **dict.fromkeys(("attr", "attribute", "attributes", "run"), "attributes"),
    **dict.fromkeys(("dataset", "datasets"), "datasets"),
    "tag": "tags",
    "env": "environment",
    **{scope: scope for scope in _MAPS},
}
_MLFLOW_TAGS = {
    "mlflow.runName": "name",
    "mlflow.user": "author",
    "mlflow.parentRunId": "parent",
    "mlflow.source.git.commit": "commit",
    "mlflow.source.git.branch": "branch",
}
"""What MLflow keeps of a run in tags: https://mlflow.org/docs/latest/ml/tracking/tracking-api/#system-tags"""
_CODE_ATTRIBUTES = frozenset({"commit", "branch", "dirty", "snapshot"})
_PART = re.compile(r"`((?:[^`]|``)*)`|\"((?:[^\"]|\"\")*)\"|([^.`\"]+)")
_PLAIN_KEY = re.compile(r"[\w@:/-]+(?:\.[\w@:/-]+)*\Z")


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to ask of a run; its text form is canonical.

    Attributes:
        scope: ``metrics``, ``params``, ``tags``, ``attributes``, ``code``, ``environment``, ``seed``, ``error`` or
            ``datasets``.
        key: The key; those of nested maps are joined by dots.
        aggregate: Of a metric, a name in :data:`AGGREGATES`.
    """

    scope: str
    key: str
    aggregate: str = "last"

    @property
    def type(self) -> Type:
        """What the values are."""
        if self.scope == "metrics":
            return Type.NUMBER
        if self.scope == "attributes":
            return ATTRIBUTES[self.key][0]
        return Type.TEXT if self.scope == "datasets" else Type.ANY

    def values(self, run: RunState) -> tuple[Value, ...]:
        """Return the run's values: none when it has none or null, several of ``datasets`` alone."""
        if self.scope == "metrics":
            summary = run.metrics.get(self.key)
            return () if summary is None else _values(AGGREGATES[self.aggregate](summary))
        if self.scope == "attributes":
            return _values(ATTRIBUTES[self.key][1](run))
        if self.scope == "datasets":
            inputs = (entry for entry in run.data if isinstance(entry, Mapping))
            return tuple(value for entry in inputs for value in _values(entry.get(self.key)))
        return _values(lookup(_MAPS[self.scope](run), self.key))

    def __str__(self) -> str:
        if self.scope == "attributes":
            return self.key
        key = self.key if _PLAIN_KEY.match(self.key) else "`" + self.key.replace("`", "``") + "`"
        text = f"{self.scope}.{key}"
        return text if self.aggregate == "last" else f"{self.aggregate}({text})"


def parse_field(text: str) -> Field:
    """Read a field's name: ``metrics.loss``, ``params."a b"``, ``status``, with the aliases MLflow knows.

    Raises:
        ValueError: There is no such field; the message names near misses.
    """
    first, *rest = [_unquoted(match) for match in _PART.finditer(text)]
    if not rest:
        return _attribute(first, text, bare=True)
    scope, key = _SCOPE_ALIASES.get(first.lower()), ".".join(rest)
    if scope is None:
        close = _close(first.lower(), _SCOPE_ALIASES, 0.7)
        guesses = [f"{_SCOPE_ALIASES[close[0]]}.{key}"] if close else [f"metrics.{text}", f"params.{text}"]
        raise ValueError(f"unknown field {text:.60}{_or(guesses)}")
    if not key:
        raise ValueError(f"{text} has an empty key")
    if scope == "attributes" or (scope == "code" and key.lower() in _CODE_ATTRIBUTES):
        return _attribute(key, text)
    if scope == "tags" and key in _MLFLOW_TAGS:
        return Field("attributes", _MLFLOW_TAGS[key])
    if scope == "datasets":
        if key not in _DATASET:
            raise ValueError(f"unknown field {text:.60}{_or([f'datasets.{name}' for name in _DATASET])}")
        key = _DATASET[key]
    return Field(scope, key)


def read_field(text: str) -> Field:
    """Read a field of the filter language, with the functions on metrics: ``max(metrics.val_auc)``.

    Raises:
        ValueError: There is no such field; the message names near misses.
    """
    name, open_, inner = text.strip().partition("(")
    if not open_ or not inner.endswith(")") or not name.strip().isidentifier():
        return parse_field(text)
    aggregate = name.strip().lower()
    if aggregate not in AGGREGATES:
        raise ValueError(f"unknown function {name:.60}; there are {', '.join(AGGREGATES)}")
    field = parse_field(inner[:-1])
    if field.scope != "metrics":
        raise ValueError(f"{aggregate}() is of metrics, and {field} is none")
    return Field(field.scope, field.key, aggregate)


def key_offset(text: str) -> int:
    """Return where the key begins in a field's name; 0 where it is all there is."""
    parts = [match.start() for match in _PART.finditer(text)]
    return parts[1] if len(parts) > 1 else 0


def _unquoted(match: re.Match[str]) -> str:
    if match[1] is not None:
        return match[1].replace("``", "`")
    return match[2].replace('""', '"') if match[2] is not None else match[3]


def _attribute(name: str, text: str, *, bare: bool = False) -> Field:
    plain = name.lower().replace(" ", "_")
    plain = _ATTRIBUTE_ALIASES.get(plain, plain)
    if plain in ATTRIBUTES:
        return Field("attributes", plain)
    guesses = _close(plain, (*ATTRIBUTES, *_ATTRIBUTE_ALIASES))
    if bare:
        raise ValueError(f"unknown field {text:.60}{_or((*guesses, f'metrics.{text}', f'params.{text}'))}")
    known = _or(guesses) if guesses else f"; there are {', '.join(ATTRIBUTES)}"
    raise ValueError(f"unknown attribute {text:.60}{known}")


def _close(word: str, known: Iterable[str], alike: float = 0.6) -> tuple[str, ...]:
    import difflib

    return tuple(difflib.get_close_matches(word[:100], list(known), 1, alike))


def _or(guesses: Iterable[str]) -> str:
    *most, last = (f"{guess:.60}" for guess in guesses)
    return f"; did you mean {', '.join(most)} or {last}?" if most else f"; did you mean {last}?"


def lookup(values: Mapping[str, object], key: str) -> object:
    """Return what a dotted key leads to, an entry with dots in its own key before a nested one."""
    if key in values:
        return values[key]
    dot = key.rfind(".")
    while dot > 0:
        inner = values.get(key[:dot])
        if isinstance(inner, Mapping):
            found = lookup(inner, key[dot + 1 :])
            if found is not None:
                return found
        dot = key.rfind(".", 0, dot)
    return None


def _values(value: object) -> tuple[Value, ...]:
    if value is None:
        return ()
    if isinstance(value, bool | int | float | str):
        return (value,)
    import json

    return (json.dumps(value, ensure_ascii=False, default=str),)
