"""From a run's state to the rows of the index, and back."""

from __future__ import annotations

import hashlib
import json
import marshal
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from gtrack.index.configuration import configuration
from gtrack.index.fields import ATTRIBUTES, Value
from gtrack.index.nested import everything
from gtrack.index.schema import COLUMNS, SUMMARY
from gtrack.model.state import Note, RunState, SessionState
from gtrack.model.summary import MetricSummary

__all__ = [
    "Rows",
    "Stored",
    "decode",
    "encode",
    "environment_digest",
    "is_unsettled",
    "moment_of",
    "nearest",
    "rows_of",
    "state_of",
]

Stored = int | float | str | bytes | None
"""A value as SQLite holds it."""

_WHOLE = 1 << 63
_WHOLES = range(-_WHOLE, _WHOLE)
_FALSE, _TRUE, _NAN, _LARGE, _TEXT = b"\x00", b"\x01", b"n", b"i", b"s"
_READERS = tuple(ATTRIBUTES[name][1] for name in COLUMNS)
_SUMMARY = attrgetter(*SUMMARY)
_plain = attrgetter("run", "body", "environment", "values", "metrics", "datasets")
# json.dumps makes an encoder for every call.
_shown = json.JSONEncoder(ensure_ascii=False, default=str, check_circular=False).encode
_compact = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
# What a filter asks of `code` as attributes is in columns.
_MAPS = ("params", "tags", "code", "seed", "error")
_MOST = 4 << 20
"""Characters of keys and of inner maps that are kept of one map. A forged document can have 4,000 times its size."""
_IN_COLUMNS = frozenset(("commit", "branch", "dirty", "snapshot"))


@dataclass(frozen=True, slots=True)
class Rows:
    """What the index holds of one run.

    Attributes:
        run: The columns of ``run``: those of :data:`COLUMNS`, what it is sorted by, when it is to be looked at again,
            its configuration, and whether it is unsettled.
        body: The document.
        environment: The environment, which most runs share, as JSON.
        values: (scope, key, value) of params, tags, code, seed and error; inner maps are of scope ``params{}``.
        metrics: (key, summary), the summary's columns as in :data:`SUMMARY`.
        datasets: (name, digest, role) of each input.
    """

    run: tuple[Stored, ...]
    body: str
    environment: str
    values: list[tuple[str, str, Stored]]
    metrics: list[tuple[Any, ...]]
    datasets: list[tuple[Stored, ...]]

    def plain(self) -> tuple[object, ...]:
        """Return the rows as :mod:`marshal` knows them: ``Rows(*plain)`` are equal."""
        return _plain(self)


def encode(value: object) -> Stored:
    """Return a value of the filter language as SQLite keeps it without loss.

    Truth values, NaN, integers beyond 64 bits, and text with a NUL or that is not Unicode, are blobs.
    """
    kind = type(value)
    if kind is str:
        return _text(value)  # type: ignore[arg-type]  # it is text
    if kind is float:
        return _NAN if math.isnan(value) else value  # type: ignore[arg-type, return-value]  # it is a float
    if kind is bool:
        return _TRUE if value else _FALSE
    if kind is int:
        fits = -_WHOLE <= value < _WHOLE  # type: ignore[operator]  # it is an integer
        return value if fits else _LARGE + str(value).encode()  # type: ignore[return-value]  # likewise
    return None if value is None else encode(_shown(value))


def _text(value: str) -> Stored:
    if value.isascii() and "\0" not in value:
        return value
    data = value.encode("utf-8", "surrogatepass")
    # SQLite's functions see a text end at its first NUL.
    plain = "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
    return value if plain else _TEXT + data


def decode(stored: Stored) -> Value | None:
    """Return what :func:`encode` was given."""
    if not isinstance(stored, bytes):
        return stored
    if stored in (_TRUE, _FALSE):
        return stored == _TRUE
    if stored == _NAN:
        return math.nan
    rest = stored[1:]
    return int(rest) if stored[:1] == _LARGE else rest.decode("utf-8", "surrogatepass")


class _Environments:
    """Writes environments. Nearly always it is the last one again, which its bytes tell in a fourth of the time."""

    def __init__(self) -> None:
        self._last: tuple[bytes, str] = (b"", "")

    def text_of(self, environment: Mapping[str, object]) -> str:
        try:
            key = marshal.dumps(environment, 2)  # type: ignore[arg-type]  # or it is refused
        except ValueError:  # no plain map
            return _compact(environment)
        known, text = self._last
        if key != known:
            text = _compact(environment)
            self._last = (key, text)
        return text


_environments = _Environments()


def rows_of(state: RunState, due: int | None = None) -> Rows:
    """Return the rows of a run.

    Args:
        state: The run's state.
        due: When time alone will have changed it, in microseconds since the epoch; None for never.
    """
    columns = [encode(read(state)) for read in _READERS]
    environment = _environments.text_of(state.environment)
    return Rows(
        run=(*columns, moment_of(state), due, configuration(state), is_unsettled(state) or None),
        body=_document(state),
        environment=environment,
        values=list(_values(state)),
        metrics=[(key, *_summary(summary)) for key, summary in state.metrics.items()],
        datasets=[_dataset(entry) for entry in state.data if isinstance(entry, Mapping)],
    )


def moment_of(state: RunState) -> int:
    """Return what a run is sorted by where nothing else is asked for: its start, else its last sign of life."""
    return state.started or state.last_heard or 0


def is_unsettled(state: RunState) -> bool:
    """Tell whether something about a run is left for a person or for time to settle."""
    forked = any(session.fork for session in state.sessions)
    return state.status == "lost" or forked or bool(state.concurrent or state.future)


def environment_digest(text: str) -> bytes:
    """Return what tells one environment from another."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def _values(state: RunState) -> Iterator[tuple[str, str, Stored]]:
    for scope in _MAPS:
        values = getattr(state, scope)
        if not values:
            continue
        left = _MOST
        for key, value in everything(values, _MOST).items():
            if value is None or (scope == "code" and key in _IN_COLUMNS):
                continue
            if not isinstance(value, dict):
                yield scope, key, encode(value)
                continue
            text = encode(value)
            left -= len(text)  # type: ignore[arg-type]  # it is text, or a blob of it
            if left >= 0:
                yield scope + "{}", key, text


def _summary(summary: MetricSummary) -> Iterable[Stored]:
    columns = _SUMMARY(summary)
    _, step, _, first, _, argmin, _, argmax, count, nan, _ = columns
    for number in (step, first, argmin or 0, argmax or 0, count, nan):
        if number not in _WHOLES:
            columns = tuple(nearest(value) if type(value) is int else value for value in columns)
            break
    return columns if columns[0] == columns[0] else (None, *columns[1:])


def nearest(value: float) -> float:
    """Return a number as SQLite compares it: an integer beyond 64 bits, such as a forged step, as the nearest float."""
    if isinstance(value, float) or -_WHOLE <= value < _WHOLE:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _dataset(entry: Mapping[str, object]) -> tuple[Stored, ...]:
    return tuple(encode(entry.get(name)) for name in ("name", "digest", "role"))


def _document(state: RunState) -> str:
    return _compact(
        [
            [state.id, state.name, state.experiment, state.status, state.started, state.ended, state.parent],
            [state.group, state.author, state.by, state.error],
            [state.params, state.tags, [[n.time, n.author, n.text] for n in state.notes]],
            {key: _stored(summary) for key, summary in state.metrics.items()},
            [state.rejected, state.code, state.data, state.seed, state.uses],
            [[s.id, s.previous, s.started, s.ended, s.status, s.fork, s.details] for s in state.sessions],
            [state.deleted, state.live, state.last_heard, state.future, state.concurrent, state.problems],
            state.policy,
        ]
    )


def state_of(body: str, environment: Mapping[str, object]) -> RunState:
    """Return the run's state from its document.

    Args:
        body: The document.
        environment: The environment, which is kept apart.
    """
    head, more, logged, metrics, rest, sessions, signs, policy = json.loads(body)
    run_id, name, experiment, status, started, ended, parent = head
    group, author, by, error = more
    rejected, code, data, seed, uses = rest
    deleted, live, last_heard, future, concurrent, problems = signs
    return RunState(
        run_id,
        name,
        experiment,
        status,
        started,
        ended,
        parent,
        group,
        author,
        by,
        error,
        params=logged[0],
        tags=logged[1],
        notes=tuple(Note(*note) for note in logged[2]),
        metrics={key: _loaded(values) for key, values in metrics.items()},
        rejected=rejected,
        code=code,
        data=tuple(data),
        environment=environment,
        seed=seed,
        uses=tuple(uses),
        sessions=tuple(SessionState(*session) for session in sessions),
        deleted=deleted,
        live=live,
        last_heard=last_heard,
        future=tuple(future),
        concurrent=tuple(concurrent),
        problems=tuple(problems),
        policy=policy,
    )


def _stored(s: MetricSummary) -> list[object]:
    alone = s.count == 1 and s.min == s.last == s.max and s.argmin == s.step == s.argmax == s.first_step
    if alone and not (s.nan or s.goal or s.partial or s.ranks is not None):
        return [s.last, s.step, s.time]
    out: list[object] = [s.last, s.step, s.time, s.first_step, s.min, s.argmin, s.max, s.argmax, s.count]
    if s.nan or s.goal or s.partial or s.ranks is not None:
        out += [s.nan, s.goal, s.partial, None if s.ranks is None else list(s.ranks.items())]
    return out


def _loaded(values: list[Any]) -> MetricSummary:
    if len(values) == 3:
        return MetricSummary.point(*values)
    if len(values) == 13 and values[12] is not None:
        values[12] = dict(values[12])
    return MetricSummary(*values)
