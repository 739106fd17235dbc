"""Options that several commands have: they have the same names everywhere, and are completed by the same things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from gtrack.cli.completing import complete_experiment, complete_filter, complete_metric

__all__ = ["experiment_option", "experiments_option", "metrics_option", "where_option"]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def where_option(text: str = "Only the runs that match.") -> Decorator:
    """Return the decorator that adds ``--where FILTER`` to a command, which gets its text as ``filter_``.

    Args:
        text: What the help says of it.
    """
    return click.option("--where", "filter_", metavar="FILTER", shell_complete=complete_filter, help=text)


def experiment_option(text: str) -> Decorator:
    """Return the decorator that adds ``--experiment NAME``, as ``experiment``."""
    return click.option("--experiment", metavar="NAME", shell_complete=complete_experiment, help=text)


def experiments_option(text: str = "Only the runs of an experiment (repeatable).") -> Decorator:
    """Return the decorator that adds ``--experiment NAME``, which can be repeated, as ``experiments``."""
    return click.option(
        "--experiment", "experiments", metavar="NAME", multiple=True, shell_complete=complete_experiment, help=text
    )


def metrics_option(text: str) -> Decorator:
    """Return the decorator that adds ``-m KEY`` and ``--metric KEY``, which can be repeated, as ``metrics``."""
    return click.option(
        "-m", "--metric", "metrics", metavar="KEY", multiple=True, shell_complete=complete_metric, help=text
    )
