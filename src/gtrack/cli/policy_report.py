"""What a policy says, and what came of it, as lines, Markdown, or data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from gtrack.cli.invocation import Invocation
from gtrack.cli.output import Column, Output, emit, markdown_table
from gtrack.cli.table import Heading
from gtrack.cli.terminal import Terminal
from gtrack.display.cells import to_json
from gtrack.display.words import plural
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.model.policy import Finding, Judgement, Policy

__all__ = ["print_judgement", "print_policy"]

_MOST_SHOWN = 2000
_OF_ITSELF = {"policy", "working tree"}
"""What is found of the policy rather than of a run or a model."""


def print_judgement(invocation: Invocation, output: Output, judgement: Judgement, what: str) -> None:
    """Print each rule with what came of it, and the verdict, in the format asked for.

    Args:
        invocation: The call.
        output: The format and the place.
        judgement: What the policy says.
        what: What was judged: ``run 3f2a9c1 churn-xgb-v3``.
    """
    terminal = output.terminal(invocation)
    if output.form == "json":
        output.write(to_json({"what": what, **judgement.to_dict()}, indent=2) + "\n")
    elif output.form == "md":
        output.write(_markdown(judgement, what))
    elif output.form is None:
        output.write("".join(f"{line}\n" for line in _lines(judgement, what, terminal)))
    else:
        emit(invocation, output, judgement.findings, _columns(), lambda finding: finding.to_dict())


def print_policy(invocation: Invocation, output: Output, policy: Policy) -> None:
    """Print every rule of a policy in the format asked for."""
    rows = list(_rules(policy))
    if output.form == "json":
        output.write(to_json(policy.to_dict(), indent=2) + "\n")
        return
    if output.form == "md":
        output.write(f"**Policy** ({clean(policy.where)})\n\n" + markdown_table(["rule", "asked"], rows))
        return
    columns: list[Column[list[str]]] = [
        Column("rule", Heading("rule"), lambda row: row[0]),
        Column("asked", Heading("asked"), lambda row: row[1]),
    ]
    emit(invocation, output, rows, columns, lambda row: {"rule": row[0], "asked": row[1]})
    if output.form is None and output.file is None:
        invocation.notice(f"gtrack: {clean(policy.where)}")


def _lines(judgement: Judgement, what: str, terminal: Terminal) -> list[str]:
    width = max((len(finding.rule) for finding in judgement.findings), default=0)
    lines = []
    for finding in judgement.findings:
        word = terminal.style("PASS", "green") if finding.passed else terminal.style("FAIL", "red")
        lines.append(f"{word}  {clean(finding.rule):<{width}}  {clean(_sentence(finding))}")
    return [*lines, terminal.style(clean(_verdict(judgement, what)), "bold")]


def _sentence(finding: Finding) -> str:
    return finding.message if finding.passed or not finding.hint else f"{finding.message}: {finding.hint}"


def _verdict(judgement: Judgement, what: str) -> str:
    count = len(judgement.findings)
    if not judgement.where:
        return f"{what}: there is no policy"
    bad = len(judgement.violations)
    if {finding.rule for finding in judgement.findings} <= _OF_ITSELF:
        return f"{what} {'cannot' if bad else 'can'} be followed ({judgement.where})"
    said = f"keeps {plural(count, 'rule')}" if not bad else f"does not keep {bad} of {plural(count, 'rule')}"
    needs = f"; {plural(judgement.needs, 'approval')} needed" if judgement.needs else ""
    return f"{what} {said}{needs} ({judgement.where})"


def _markdown(judgement: Judgement, what: str) -> str:
    rows = [
        ["✅ pass" if finding.passed else "❌ fail", finding.rule, finding.message, finding.hint or ""]
        for finding in judgement.findings
    ]
    # As the one cell of a table's head, the sentence is escaped like any other cell.
    sentence = markdown_table([_verdict(judgement, what)], []).splitlines()[0].strip("| ")
    mark = "✅" if judgement.passed else "❌"
    return f"{mark} **gtrack policy:** {sentence}\n\n{markdown_table(['', 'rule', 'found', 'to do'], rows)}"


def _columns() -> list[Column[Finding]]:
    return [
        Column("rule", Heading("rule"), lambda finding: finding.rule),
        Column("passed", Heading("passed"), lambda finding: finding.passed),
        Column("message", Heading("message"), lambda finding: finding.message),
        Column("hint", Heading("hint"), lambda finding: finding.hint),
    ]


def _rules(policy: Policy) -> Iterator[list[str]]:
    """Yield the rules with their places in the file."""
    said = policy.to_dict()
    for section in ("runs", "models"):
        yield from _flat(section, said[section] or {})
    if policy.signers is not None:
        yield ["signers", policy.signers]


def _flat(place: str, value: object) -> Iterator[list[str]]:
    if isinstance(value, Mapping) and not place.endswith(".param_names"):
        for key, item in value.items():
            yield from _flat(f"{place}.{key}", item)
    else:
        yield [place, _shown(value)[:_MOST_SHOWN]]


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} -> {item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
