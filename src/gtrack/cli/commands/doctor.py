"""``gtrack doctor``: what gtrack needs here, and whether it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Column, Output, emit, output_options
from gtrack.cli.table import Heading
from gtrack.display.words import plural
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.doctor import Check

__all__ = ["command"]

_MARKS = {"ok": ("✓", "ok", "green"), "warn": ("!", "!", "yellow"), "fail": ("✗", "FAIL", "red")}


@declare("doctor", examples=["gtrack doctor", "gtrack doctor --json"])
@output_options
@click.pass_obj
def command(invocation: Invocation, *, output: Output) -> int:
    """Check what gtrack needs here, and say what to type.

    The exit code is 1 when something fails. Nothing is changed.
    """
    from gtrack.ops.doctor import examine

    checks = examine(".", invocation.env)
    if output.form is None:
        terminal = output.terminal(invocation)
        width = max(len(check.name) for check in checks)
        lines = []
        for check in checks:
            pretty, plain, style = _MARKS[check.level]
            mark = terminal.style(pretty if terminal.unicode else plain.ljust(4), style)
            lines.append(f"{mark} {check.name.ljust(width)}  {clean(check.detail)}")
            if check.hint:
                lines.append(
                    f"{'':{width + (4 if terminal.unicode else 7)}}{terminal.style('type:', 'dim')} {clean(check.hint)}"
                )
        output.write("\n".join(lines) + "\n")
    else:
        emit(invocation, output, checks, _columns(), _to_dict)
    failed = sum(check.level == "fail" for check in checks)
    warned = sum(check.level == "warn" for check in checks)
    if failed or warned:
        invocation.notice(f"{plural(failed, 'problem')}, {plural(warned, 'warning')}")
    return 1 if failed else 0


def _columns() -> list[Column[Check]]:
    return [
        Column("name", Heading("CHECK"), lambda check: check.name),
        Column("level", Heading("LEVEL"), lambda check: check.level),
        Column("detail", Heading("DETAIL"), lambda check: check.detail),
        Column("hint", Heading("TYPE"), lambda check: check.hint or ""),
    ]


def _to_dict(check: Check) -> dict[str, object]:
    return {"name": check.name, "level": check.level, "detail": check.detail, "hint": check.hint}
