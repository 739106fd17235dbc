"""A run around a command: ``gtrack run -- python train.py``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from gtrack.capture.command import redact_command
from gtrack.fluent import start_run
from gtrack.ops.execute import execute, fill_template

__all__ = ["run_wrapped"]


def run_wrapped(
    argv: Sequence[str],
    *,
    path: str,
    env: Mapping[str, str],
    params: Mapping[str, object],
    tags: Mapping[str, object],
    name: str | None,
    experiment: str | None,
    message: str | None,
    console: bool = True,
) -> int:
    """Run a command inside a run of its own, and return its exit code.

    Args:
        argv: The command; ``{name}`` stands for a param.
        path: The directory to run it in; this process goes there.
        env: The environment; the command's processes join the run.
        params: The run's params.
        tags: The run's tags.
        name: Its name; a readable one is made up without.
        experiment: Its experiment.
        message: A note.
        console: Keep what the command prints.

    Raises:
        UsageError: The command names a param that there is not.
    """
    os.chdir(path)
    filled = fill_template(list(argv), params)
    run = start_run(
        name,
        experiment=experiment,
        params=params,
        tags=tags,
        notes=message,
        command=redact_command(filled),
    )
    # What was chosen here stands; what was not, a script that uses gtrack itself may choose.
    chosen = {"GTRACK_NAME": name, "GTRACK_EXPERIMENT": experiment}
    joined = {**env, **run.environ(), **{key: value for key, value in chosen.items() if value}}
    outcome = execute(filled, env=joined, stem_path=run.console_stem if console else None)
    run.end(outcome.status, outcome.error)
    return outcome.exit_code
