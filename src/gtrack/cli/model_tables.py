"""Registered models, their versions and their history as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gtrack.cli.output import Column
from gtrack.cli.table import Heading, display_width
from gtrack.cli.terminal import Terminal
from gtrack.clock import iso
from gtrack.display.main_metrics import main_metrics
from gtrack.display.model_history import remarks, sentence
from gtrack.display.model_words import called, named, standing, who
from gtrack.display.words import ago, instant, value_text
from gtrack.ids import SHORT
from gtrack.model.registered import Version
from gtrack.model.registry import ModelState
from gtrack.model.registry_history import Entry
from gtrack.model.state import RunState
from gtrack.text import clean

__all__ = ["history_columns", "model_columns", "named_values", "version_columns", "version_metrics"]

_STYLES = {"Production": ("green",), "Staging": ("yellow",), "Archived": ("dim",)}


def model_columns(now_us: int) -> list[Column[ModelState]]:
    """Return the columns of a listing of models.

    Args:
        now_us: The present, in microseconds since the epoch.
    """

    def stage(name: str) -> Column[ModelState]:
        def there(state: ModelState) -> str:
            return ", ".join(called(version) for version in state.in_stage(name))

        return Column(name.lower(), Heading(name.upper(), drop=1), there, lambda state: there(state) or "-")

    def latest(state: ModelState) -> str | None:
        newest = state.latest or (state.versions[-1] if state.versions else None)
        return None if newest is None else called(newest)

    def aliases(state: ModelState) -> str:
        return ", ".join(f"{alias} {named(state, uid)}" for alias, uid in state.aliases.items())

    def waits(state: ModelState) -> int:
        return len(state.pending) + len(state.conflicts)

    return [
        Column("name", Heading("MODEL", shrinks_to=12), lambda state: state.name),
        Column("versions", Heading("VERSIONS", right=True, drop=3), lambda state: len(state.versions)),
        Column("latest", Heading("LATEST", drop=2), latest),
        stage("Production"),
        stage("Staging"),
        Column("aliases", Heading("ALIASES", shrinks_to=12), aliases, lambda state: aliases(state) or "-"),
        Column("waiting", Heading("WAITING", right=True, drop=4), waits, lambda state: str(waits(state) or "-")),
        Column(
            "updated",
            Heading("CHANGED", drop=3),
            lambda state: None if state.updated is None else iso(state.updated),
            lambda state: ago(state.updated, now_us),
        ),
        Column("by", Heading("BY", shrinks_to=8, drop=5), lambda state: state.author, lambda state: who(state.author)),
        Column(
            "description",
            Heading("DESCRIPTION", shrinks_to=16, drop=6),
            lambda state: state.description,
            lambda state: state.description or "",
        ),
    ]


def version_metrics(versions: Sequence[Version], runs: Mapping[str, RunState]) -> list[str]:
    """Return the metrics to show of versions: the main ones of the runs that made them.

    Args:
        versions: The versions.
        runs: Those runs that are here, by id.
    """
    made = [run for version in versions if (run := runs.get(version.run or "")) is not None]
    return main_metrics(made, 2)


def version_columns(runs: Mapping[str, RunState], metrics: Sequence[str], now_us: int) -> list[Column[Version]]:
    """Return the columns of a listing of a model's versions.

    Args:
        runs: The runs that made them, as far as they are here, by id.
        metrics: The runs' metrics to show.
        now_us: The present, in microseconds since the epoch.
    """

    def metric(key: str) -> Column[Version]:
        def value(version: Version) -> object:
            run = runs.get(version.run or "")
            return None if run is None or key not in run.metrics else run.metrics[key].last

        return Column(f"metrics.{key}", Heading(clean(key), right=True, drop=2), value)

    def later(version: Version) -> str:
        return ", ".join(f"{key} {value_text(value)}" for key, value in version.metrics.items())

    return [
        Column("version", Heading("VERSION"), lambda version: version.label, called),
        Column(
            "stage",
            Heading("STAGE", shrinks_to=10),
            lambda version: version.stage,
            standing,
            lambda version: _STYLES.get(version.stage, ()),
        ),
        Column(
            "aliases",
            Heading("ALIASES", shrinks_to=9),
            lambda version: ", ".join(version.aliases),
            lambda version: ", ".join(version.aliases) or "-",
        ),
        *map(metric, metrics),
        Column("measured", Heading("LATER", shrinks_to=10, drop=4), later, lambda version: later(version) or "-"),
        Column(
            "run",
            Heading("RUN", drop=1),
            lambda version: version.run,
            lambda version: (version.run or "-")[:SHORT],
            lambda _: ("yellow",),
        ),
        Column(
            "registered",
            Heading("REGISTERED", drop=3),
            lambda version: None if version.registered is None else iso(version.registered),
            lambda version: ago(version.registered, now_us),
        ),
        Column("by", Heading("BY", shrinks_to=8, drop=5), lambda each: each.author, lambda each: who(each.author)),
        Column(
            "description",
            Heading("DESCRIPTION", shrinks_to=16, drop=6),
            lambda version: version.description,
            lambda version: version.description or "",
        ),
    ]


def history_columns(state: ModelState) -> list[Column[Entry]]:
    """Return the columns of a model's audit trail; nothing of it is left out, however narrow the terminal.

    Args:
        state: The model.
    """

    def why(entry: Entry) -> str:
        return "; ".join(part.strip() for part in remarks(entry))

    return [
        Column("time", Heading("WHEN"), lambda entry: iso(entry.time), lambda entry: instant(entry.time)),
        Column("author", Heading("WHO"), lambda entry: entry.author, lambda entry: who(entry.author)),
        Column("what", Heading("WHAT"), lambda entry: sentence(state, entry)),
        Column("why", Heading("WHY"), why, why),
        Column("file", Heading("FILE"), lambda entry: entry.file),
    ]


def named_values(rows: Sequence[tuple[str, str]], terminal: Terminal) -> str:
    """Return names and values as lines.

    Args:
        rows: The names and values, clean.
        terminal: What it can show.
    """
    width = max((display_width(name) for name, _ in rows), default=0)
    return "".join(f"{terminal.style(name.ljust(width), 'dim')}  {text}\n" for name, text in rows)
