"""A run around a command: ``gtrack run -- python train.py``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from gtrack.capture.command import redact_command
from gtrack.config import Settings
from gtrack.errors import UsageError
from gtrack.fluent import start_run
from gtrack.notices import Notices
from gtrack.ops.execute import Outcome, execute, fill_template

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
    bypass_policy: str | None = None,
) -> int:
    """Run a command inside a run of its own, and return its exit code.

    Within another wrapped command, the run is a child of that one's.

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
        bypass_policy: The reason why the team's policy does not hold for the run.

    Raises:
        UsageError: There is no command, or it names a param that there is not.
        PolicyError: The team's policy does not allow the run; the command was not run.
    """
    if not argv:
        raise UsageError("there is no command to run", hint="gtrack run -- python train.py")
    os.chdir(path)
    filled = fill_template(list(argv), params)
    run = start_run(
        name,
        experiment=experiment,
        params=params,
        tags=tags,
        notes=message,
        parent=Settings.from_env(env).run_id,
        command=redact_command(filled),
        bypass_policy=bypass_policy,
    )
    # What was chosen here stands; what was not, a script that uses gtrack itself may choose.
    chosen = {"GTRACK_NAME": name, "GTRACK_EXPERIMENT": experiment}
    joined = {**env, **run.environ(), **{key: value for key, value in chosen.items() if value}}
    stem = run.console_stem if console else None
    outcome = execute(filled, env=joined, stem_path=stem)
    _report(outcome, wanted=stem is not None)
    run.end(outcome.status, outcome.error)
    return outcome.exit_code


def _report(outcome: Outcome, *, wanted: bool) -> None:
    """Tell what the command could not tell by itself."""
    notices = Notices(quiet=False, run="")
    # A shell's codes for what did not start; a command that ended with one of them is of the type ExitCode.
    if outcome.exit_code in (126, 127) and outcome.error is not None and outcome.error["type"] != "ExitCode":
        notices.say(outcome.error["message"])
    elif wanted and not outcome.captured:
        notices.warn("the console output could not be kept")
