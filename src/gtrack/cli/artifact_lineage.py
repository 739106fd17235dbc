"""``gtrack artifact lineage``: what a run was made from, and what was made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from gtrack.cli.command import Command
from gtrack.cli.completing import complete_run
from gtrack.cli.invocation import Invocation
from gtrack.cli.statuses import status_mark, status_style
from gtrack.cli.terminal import Terminal
from gtrack.display.cells import to_json
from gtrack.display.words import plural
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.model.state import RunState
    from gtrack.model.uses import Edge, Step
    from gtrack.ops.lineage import Lineage

__all__ = ["lineage_command"]

_MOST = 1000
_NAMED = 3
_LABEL = 60


@click.command(
    "lineage",
    cls=Command,
    examples=[
        "gtrack artifact lineage last",
        "gtrack artifact lineage 3f2a9c1/model.pkl --down",
        "gtrack artifact lineage last --format mermaid",
    ],
)
@click.argument("selector", metavar="RUN[/PATH]", shell_complete=complete_run)
@click.option("--up", "only", flag_value="up", help="Only what it was made from.")
@click.option("--down", "only", flag_value="down", help="Only what was made from it.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["tree", "dot", "mermaid"]),
    default="tree",
    help="Draw it for other programs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def lineage_command(invocation: Invocation, *, selector: str, only: str | None, form: str, as_json: bool) -> None:
    """Show what a run was made from, and what was made from it.

    A run is made from those whose artifacts it took with gtrack.use_artifact. With RUN/PATH, what was made from that
    one artifact. Beside each run stand the commit of its code and the data that it recorded.
    """
    from gtrack.ops.lineage import find, lineage
    from gtrack.ops.view import View

    with invocation.repository() as repo:
        view = View(repo.repository)
        run_id, path = find(view, selector)
        found = lineage(view, run_id, path, up=only != "down", down=only != "up", most=_MOST)
    if as_json:
        invocation.say(to_json(found.to_dict(), indent=2))
        return
    draw: Mapping[str, Callable[[], Iterable[str]]] = {
        "dot": lambda: _dot(found),
        "mermaid": lambda: _mermaid(found),
        "tree": lambda: _tree(found, invocation.terminal),
    }
    invocation.say("\n".join(draw[form]()))


def _tree(found: Lineage, terminal: Terminal) -> Iterator[str]:
    head = _run(found.run, found.states, terminal)
    yield f"{clean(found.path)} of {head}" if found.path else head
    for title, steps, nothing in (
        ("made from", found.up, "made from nothing that it named"),
        ("used by", found.down, "used by no run"),
    ):
        if steps is None:
            continue
        yield terminal.style(title if len(steps) > 1 else nothing, "dim")
        for step in steps:
            if step.lasts:
                yield _lines(step.lasts, terminal) + _step(step, found.states, terminal, up=steps is found.up)
            if step.more:
                yield f"{'   ' * (len(step.lasts) + 1)}and {plural(step.more, 'run')} more; --json shows as many"


def _step(step: Step, states: Mapping[str, RunState], terminal: Terminal, *, up: bool) -> str:
    paths = list(dict.fromkeys(clean(edge.path or edge.digest[:SHORT] or "something") for edge in step.edges))
    named = ", ".join(paths[:_NAMED]) + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")
    run = _run(step.run, states, terminal, brief=step.again)
    text = f"{named} of {run}" if up else f"{run}  {terminal.style(f'by {named}', 'dim')}"
    return text + (terminal.style("  (shown elsewhere)", "dim") if step.again else "")


def _run(run_id: str, states: Mapping[str, RunState], terminal: Terminal, *, brief: bool = False) -> str:
    state = states.get(run_id)
    if state is None:
        return f"{run_id[:SHORT]}  {terminal.style('not here', 'yellow')}"
    name = f"{clean(state.name)} ({run_id[:SHORT]})"
    if brief:
        return name
    mark = terminal.style(status_mark(state.status, terminal), *status_style(state.status))
    beside = [mark, *(["deleted"] if state.deleted else []), *_code(state), *_data(state)]
    return "  ".join([name, *beside])


def _code(state: RunState) -> list[str]:
    commit, branch = state.code.get("commit"), state.code.get("branch")
    if not isinstance(commit, str):
        return []
    edited = "*" if state.code.get("dirty") is True else ""
    return [f"code {clean(commit)[:SHORT]}{edited}" + (f" {clean(branch)[:_LABEL]}" if isinstance(branch, str) else "")]


def _data(state: RunState) -> list[str]:
    shown = []
    for item in state.data[: _NAMED + 1]:
        if isinstance(item, Mapping):
            name, digest = item.get("name"), item.get("sha256", item.get("digest"))
            fingerprint = f" {clean(digest)[:SHORT]}" if isinstance(digest, str) else ""
            shown.append(f"{clean(str(name))[:_LABEL]}{fingerprint}")
    more = f" and {len(state.data) - _NAMED} more" if len(state.data) > _NAMED else ""
    return [f"data {', '.join(shown[:_NAMED])}{more}"] if shown else []


def _lines(lasts: Sequence[bool], terminal: Terminal) -> str:
    through, gap, corner, tee = ("│  ", "   ", "└─ ", "├─ ") if terminal.unicode else ("|  ", "   ", "`- ", "|- ")
    *above, last = lasts
    return "".join(gap if each else through for each in above) + (corner if last else tee)


def _nodes(found: Lineage) -> list[str]:
    steps = [*(found.up or ()), *(found.down or ())]
    return list(dict.fromkeys([found.run, *(step.run for step in steps)]))


def _label(run_id: str, states: Mapping[str, RunState]) -> list[str]:
    """Return the lines of a node: the run's name, its code, its data."""
    state = states.get(run_id)
    if state is None:
        return [f"{run_id[:SHORT]} (not here)"]
    return [f"{clean(state.name)[:_LABEL]} ({run_id[:SHORT]})", *_code(state), *_data(state)]


def _edge_label(edge: Edge) -> str:
    return clean(edge.path or edge.digest[:SHORT])[:_LABEL]


def _dot(found: Lineage) -> Iterator[str]:
    """Yield the graph in the language of Graphviz, https://graphviz.org/doc/info/lang.html."""
    yield "digraph lineage {"
    yield "  rankdir=LR; node [shape=box];"
    for run_id in _nodes(found):
        lines = "\\n".join(map(_dot_text, _label(run_id, found.states)))
        marked = ", style=bold" if run_id == found.run else ""
        yield f'  "{run_id}" [label="{lines}"{marked}];'
    for edge in found.edges:
        yield f'  "{edge.run}" -> "{edge.user}" [label="{_dot_text(_edge_label(edge))}"];'
    yield "}"


def _dot_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _mermaid(found: Lineage) -> Iterator[str]:
    """Yield the graph as a Mermaid flowchart, https://mermaid.js.org/syntax/flowchart.html."""
    yield "flowchart LR"
    for run_id in _nodes(found):
        yield f'  r{run_id}["{"<br>".join(map(_mermaid_text, _label(run_id, found.states)))}"]'
    for edge in found.edges:
        yield f'  r{edge.run} -- "{_mermaid_text(_edge_label(edge)) or " "}" --> r{edge.user}'
    yield f"  style r{found.run} stroke-width:3px"


def _mermaid_text(text: str) -> str:
    """Return text in which nothing but letters, digits and a few harmless signs stands for itself."""
    return "".join(char if char.isalnum() or char in " ._-/(),:*" else f"#{ord(char)};" for char in text)
