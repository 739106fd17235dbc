"""``gtrack show``: all that is known about a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import click

from gtrack.cli.columns import all_columns, run_columns
from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Output, emit, markdown_table, output_options
from gtrack.cli.sections import Section, run_sections
from gtrack.cli.selectors import resolve, selector_argument, whole_state
from gtrack.cli.system import system_metrics, system_section
from gtrack.cli.table import Heading, display_width, render_table
from gtrack.cli.terminal import Terminal
from gtrack.clock import now_ns
from gtrack.display.cells import to_json
from gtrack.model.registered import Version
from gtrack.model.state import RunState
from gtrack.reader import Repo

__all__ = ["command"]

_NUMBERS = frozenset({"last", "step", "min", "mean", "max", "count", "points", "size"})
_PAGES = (None, "md")
_ABOVE = ("", "Error", "Params", "Metrics")
"""The sections that stand before what the machine did."""


@declare(
    "show",
    examples=[
        "gtrack show last",
        "gtrack show 3f2a9c1 --environment",
        "gtrack show last --system",
        "gtrack show last --json",
    ],
)
@selector_argument(several=True)
@click.option("--environment", is_flag=True, help="List the whole environment, every package included.")
@click.option("--system", is_flag=True, help="List every system metric: CPU, memory, disk, network, GPUs.")
@output_options
@click.pass_obj
def command(
    invocation: Invocation, *, selectors: Sequence[str], environment: bool, system: bool, output: Output
) -> None:
    """Show all that is known about runs.

    With --json one run is one object, and several are a list.
    """
    with invocation.repository() as repo:
        found = resolve(repo, selectors)
        runs = [whole_state(run) for run in found]
        here = {run.id for run in runs if repo.has_code(run)}
        registered = _registered(repo)
        listed = {run.id: run.artifact_list for run in found if output.form in _PAGES}
        machines = {run.id: system_metrics(run) if system else None for run in found}
        machine = {run.id: system_section(run.system_use, machines[run.id]) for run in found if output.form in _PAGES}
    terminal = output.terminal(invocation)

    def to_dict(run: RunState) -> Mapping[str, object]:
        system_of = machines[run.id]
        more: dict[str, object] = {} if system_of is None else {"system": [asdict(metric) for metric in system_of]}
        if registered.get(run.id):
            more["versions"] = [each.to_dict() for each in registered[run.id]]
        return {**run.to_dict(), **more}

    if output.form == "json" and len(runs) == 1:
        output.write(to_json(to_dict(runs[0]), indent=2) + "\n")
    elif output.form in ("json", "jsonl", "csv"):
        columns = all_columns(runs, run_columns(now_ns() // 1000, terminal))
        emit(invocation, output, runs, columns, to_dict)
    else:
        draw = _markdown if output.form == "md" else _plain
        pages = []
        for run in runs:
            sections = run_sections(
                run,
                terminal,
                packages=environment,
                code_is_here=run.id in here,
                artifacts=list(listed[run.id].artifacts.values()),
                left_out=listed[run.id].problems,
                versions=registered.get(run.id, ()),
            )
            number = sum(section.title in _ABOVE for section in sections)
            sections[number:number] = [machine[run.id]] if machine[run.id].rows else []
            lines = [line for section in sections for line in draw(section, terminal)]
            pages.append("\n".join(lines).strip("\n") + "\n")
        output.write("\n".join(pages))


def _registered(repo: Repo) -> dict[str, list[Version]]:
    """Return the versions of registered models by the runs that made them."""
    out: dict[str, list[Version]] = {}
    for model in repo.models():
        for version in model.versions:
            out.setdefault(version.run or "", []).append(version)
    return out


def _plain(section: Section, terminal: Terminal) -> list[str]:
    lines = ["", terminal.style(section.title, "bold")] if section.title else []
    if section.head:
        heads = [Heading(text, right=text in _NUMBERS) for text in section.head]
        # What does not fit is wrapped by the terminal: show leaves nothing out.
        table, _ = render_table(heads, section.rows, replace(terminal, width=None))
    else:
        table = _named_values(section.rows, terminal)
    return lines + [f"  {line}" for line in [*table, *section.lines]]


def _named_values(rows: Sequence[Sequence[str]], terminal: Terminal) -> list[str]:
    """Return rows without heads as lines; the last cell may have several, which are indented alike."""
    widths = [max(map(display_width, cells)) for cells in zip(*rows, strict=True)][:-1]
    lines = []
    for *names, value in rows:
        lead = "".join(
            terminal.style(name, "dim") + " " * (width - display_width(name) + 2)
            for name, width in zip(names, widths, strict=True)
        )
        first, *more = value.splitlines() or [""]
        lines += [lead + first, *(" " * (sum(widths) + 2 * len(widths)) + line for line in more)]
    return lines


def _markdown(section: Section, terminal: Terminal) -> list[str]:  # noqa: ARG001  # as _plain is called
    lines = ["", f"## {section.title or 'Run'}", ""]
    if section.rows:
        heads = section.head or ("",) * len(section.rows[0])
        lines += markdown_table(heads, section.rows).splitlines()
    if section.lines:
        longest = max((len(ticks) for line in section.lines for ticks in re.findall("`+", line)), default=0)
        fence = "`" * max(3, longest + 1)
        lines += ["", fence, *section.lines, fence]
    return lines
