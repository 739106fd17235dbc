"""``gtrack status``: what is not shared yet, and what to type."""

from __future__ import annotations

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.clock import now_ns
from gtrack.display.cells import to_json
from gtrack.display.model_waiting import waiting
from gtrack.display.sharing import sharing_head, sharing_lines

__all__ = ["command"]


@declare("status", examples=["gtrack status", "gtrack status --fetch", "gtrack status --json"])
@click.option("--fetch", "ask", is_flag=True, help="Ask the remote first; otherwise as of the last fetch.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(invocation: Invocation, *, ask: bool, as_json: bool) -> None:
    """Show what is not shared yet and what needs a decision.

    Each line names the command for it. Runs and later facts not pushed, code that nobody has agreed to publish,
    files of artifacts not sent, inboxes, runs resumed twice from the same point, facts of a time that has not come,
    runs that cannot be recorded, versions of models that wait for approval, a number or a decision.
    """
    from gtrack.ops.sharing_state import look, sharing_state

    with invocation.repository() as repo:
        if ask:
            look(repo.repository, interactive=invocation.interactive)
        state = sharing_state(repo.repository, tuple(repo.recovered.failed))
        models = waiting(repo.models(), shared=repo.repository.remote is not None)
    if as_json:
        invocation.say(to_json({**state.to_dict(), "models": [each.to_dict() for each in models]}, indent=2))
        return
    now_us = now_ns() // 1000
    lines = [*sharing_lines(state, now_us), *((each.text, each.todo) for each in models)]
    width = max((len(text) for text, _ in lines), default=0)
    invocation.say(sharing_head(state, now_us))
    for text, todo in lines:
        invocation.say(f"  {text:<{width}}  {todo}".rstrip())
    if not lines:
        invocation.say("  nothing to push, nothing to decide")
