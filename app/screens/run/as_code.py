"""The same as what each tab shows, in the command line and in Python."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

__all__ = ["same_as_code"]

_OPEN = 'import gtrack\n\nrun = gtrack.Repo(".").run("{id}")\n'


def same_as_code(tab: str, run: str, settings: Mapping[str, object], reference: str = "") -> tuple[str, str]:
    """Return the commands and the program that show what a tab shows.

    Args:
        tab: The tab.
        run: The run, as a command takes it.
        settings: The page's settings.
        reference: What it is compared with, likewise.
    """
    make = _TABS.get(tab, _overview)
    cli, python = make(run, settings)
    if reference and tab in ("Overview", "Code", "Data", "Environment"):
        part = {"Code": " --code", "Data": " --data", "Environment": " --env"}.get(tab, "")
        cli = f"gtrack diff {reference} {run}{part}\n{cli}"
    return cli, _OPEN.format(id=run) + python


def _overview(run: str, settings: Mapping[str, object]) -> tuple[str, str]:  # noqa: ARG001  # as all of them are called
    return f"gtrack show {run}", "run.params, run.metrics, run.tags, run.summary"


def _charts(run: str, settings: Mapping[str, object]) -> tuple[str, str]:
    options = f" --x {settings['x']}" if settings["x"] != "step" else ""
    options += f" --smooth {settings['smoothing']:g}" if settings["smoothing"] else ""
    options += " --log-y" if settings["logy"] else ""
    return f"gtrack plot {run} -m '*'{options}", "run.curves().to_pandas()"


def _system(run: str, settings: Mapping[str, object]) -> tuple[str, str]:  # noqa: ARG001
    return f"gtrack plot {run} --system\ngtrack show {run} --system", "run.system().to_pandas(), run.system_use"


def _console(run: str, settings: Mapping[str, object]) -> tuple[str, str]:
    lines = f" -n {settings['lines']}" if settings["lines"] else ""
    search = f" | grep -i -F {shlex.quote(str(settings['search']))}" if settings["search"] else ""
    return f"gtrack logs {run}{lines}{search}", '(run.console() or b"").decode(errors="replace")'


def _artifacts(run: str, settings: Mapping[str, object]) -> tuple[str, str]:
    path = str(settings["file"])
    if not path:
        return f"gtrack artifact ls {run}", "run.artifacts()"
    named = shlex.quote(f"{run}/{path}")
    return f"gtrack artifact ls {run}\ngtrack artifact get {named}", f"run.read_artifact({path!r})"


def _code(run: str, settings: Mapping[str, object]) -> tuple[str, str]:  # noqa: ARG001
    return f"gtrack show {run}", "run.state.code"


def _data(run: str, settings: Mapping[str, object]) -> tuple[str, str]:  # noqa: ARG001
    return f"gtrack show {run}", "run.state.data"


def _environment(run: str, settings: Mapping[str, object]) -> tuple[str, str]:  # noqa: ARG001
    return f"gtrack show {run} --environment", 'run.state.environment["packages"]'


def _lineage(run: str, settings: Mapping[str, object]) -> tuple[str, str]:  # noqa: ARG001
    return f"gtrack artifact lineage {run}", "run.state.uses, run.state.parent"


def _history(run: str, settings: Mapping[str, object]) -> tuple[str, str]:  # noqa: ARG001
    return f"git log -p gtrack -- 'runs/*/{run}*'", "[(e.author, e.sentence) for e in run.audit()]"


def _notes(run: str, settings: Mapping[str, object]) -> tuple[str, str]:  # noqa: ARG001
    return f'gtrack note {run} "looks leaky"', "run.notes"


_TABS = {
    "Overview": _overview,
    "Charts": _charts,
    "System": _system,
    "Console": _console,
    "Artifacts": _artifacts,
    "Code": _code,
    "Data": _data,
    "Environment": _environment,
    "Lineage": _lineage,
    "History": _history,
    "Notes": _notes,
}
