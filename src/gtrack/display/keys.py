"""The metrics, params and tags that there are, and what a name without its kind in front means."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from gtrack.errors import UsageError
from gtrack.index.fields import ATTRIBUTES, Field, read_field
from gtrack.model.nested import flatten
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.model.state import RunState
    from gtrack.reader import Repo

__all__ = ["SCOPES", "Keys", "near"]

SCOPES = ("metrics", "params", "tags")
"""What has keys that people choose, in the order in which a bare name is looked for."""
_MOST = 5000
_ALIKE = 0.5
_SOME = ("started", "duration", "name")


class Keys:
    """The keys of the runs in a repository, asked for when first needed.

    Args:
        repo: The repository.
        remote: Ask for those on the branch of this remote instead.

    Example:
        >>> Keys(repo).resolve("val_auc", "--sort")
        Field(scope='metrics', key='val_auc', aggregate='last')
    """

    def __init__(self, repo: Repo, remote: str | None = None) -> None:
        self._repo = repo
        self._remote = remote
        self._known: dict[str, dict[str, int]] = {}

    def of(self, scope: str) -> dict[str, int]:
        """Return the keys of ``metrics``, ``params`` or ``tags``, and how many runs have each."""
        if scope not in self._known:
            self._known[scope] = self._repo.keys(scope) if self._remote is None else _count(self._remote_runs, scope)
        return self._known[scope]

    @cached_property
    def _remote_runs(self) -> list[RunState]:
        from gtrack.index.query import Query

        return [run.state for run in self._repo.find(Query(), remote=self._remote)]

    def resolve(self, text: str, option: str) -> Field:
        """Return the field that a name means: one of the filter language, or a bare metric, param or tag.

        Args:
            text: ``metrics.val_auc``, ``max(metrics.val_auc)``, ``started``, ``val_auc``, ``lr``.
            option: What it is the value of, such as ``--sort``, for the message.

        Raises:
            UsageError: No run has such a thing; the message names near misses.
        """
        if text in ATTRIBUTES:
            return Field("attributes", text)
        if text.partition(".")[0] not in SCOPES:
            for scope in SCOPES:
                if text in self.of(scope):
                    return Field(scope, text)
        try:
            found = read_field(text)
        except ValueError as error:
            raise (UsageError(f"{error}") if "(" in text else self._unknown(text, option)) from None
        if found.scope in SCOPES and not self._has(found):
            raise self._unknown(text, option)
        return found

    def _has(self, field: Field) -> bool:
        # A long param or an inner map of one is no leaf, and still a field.
        known = self.of(field.scope)
        return field.key in known or any(key.startswith(f"{field.key}.") for key in known)

    def _unknown(self, text: str, option: str) -> UsageError:
        names = [*ATTRIBUTES, *(key for scope in SCOPES for key in self.of(scope))]
        full = [f"{scope}.{key}" for scope in SCOPES for key in self.of(scope)]
        close = near(text, full if "." in text else names) or near(text, [*full, *names])
        meant = f"; did you mean {' or '.join(map(clean, close))}?" if close else ""
        return UsageError(
            f"no run has a metric, param or tag {text!r:.80}{meant}",
            hint=f"{option} {close[0]}" if close else f"{option} takes {', '.join(_SOME)}, a metric, a param or a tag",
        )


def near(word: str, known: Iterable[str], count: int = 2) -> list[str]:
    """Return the known words that are most alike, those that differ in case first."""
    words = list(known)[:_MOST]
    same = [other for other in words if other.lower() == word.lower() and other != word]
    return (same or difflib.get_close_matches(word[:100], words, count, _ALIKE))[:count]


def _count(runs: Iterable[RunState], scope: str) -> dict[str, int]:
    if scope == "params":
        return dict(Counter(key for run in runs for key, _ in flatten(run.params)))
    return dict(Counter(key for run in runs for key in (run.metrics if scope == "metrics" else run.tags)))
