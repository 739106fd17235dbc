"""The options that ``log`` and ``run`` share: what a new run is called and what is known about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from gtrack.errors import UsageError

__all__ = ["override", "read_params", "read_tags", "recording_options"]


def recording_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-p -t -m --name --experiment --bypass-policy`` to a command."""
    options = [
        click.option("-p", "params", metavar="KEY=VALUE", multiple=True, help="A param (repeatable)."),
        click.option("-t", "tags", metavar="KEY=VALUE", multiple=True, help="A tag (repeatable)."),
        click.option("-m", "message", metavar="TEXT", help="A note about the run."),
        click.option("--name", metavar="NAME", help="The run's name; a made-up one by default."),
        click.option("--experiment", metavar="NAME", help="The experiment it belongs to."),
        click.option("--bypass-policy", metavar="REASON", help="Record it against the team's policy, with a reason."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def read_params(assignments: Iterable[str]) -> dict[str, Any]:
    """Return params given as ``key=value``; values are typed as in YAML (``0.1``, ``true``, ``[1, 2]``, text).

    Raises:
        UsageError: One of them is no assignment.
    """
    from gtrack.ops.values import parse_assignment

    return dict(parse_assignment(text) for text in assignments)


def read_tags(assignments: Iterable[str]) -> dict[str, str]:
    """Return tags given as ``key=value``; their values are text, as typed.

    Raises:
        UsageError: One of them is no assignment.
    """
    tags = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{text!r} is not a tag", hint="write KEY=VALUE, for example -t stage=baseline")
        tags[key.strip()] = value
    return tags


def override(params: dict[str, Any], assigned: dict[str, Any]) -> dict[str, Any]:
    """Return ``params`` with some replaced; ``model.depth`` replaces a value in a nested map where there is one."""
    merged = dict(params)
    for key, value in assigned.items():
        _put(merged, key.split("."), value)
    return merged


def _put(params: dict[str, Any], path: Sequence[str], value: object) -> None:
    head, rest = path[0], path[1:]
    if rest and isinstance(params.get(head), dict):
        params[head] = dict(params[head])
        _put(params[head], rest, value)
    else:
        params[".".join(path)] = value
