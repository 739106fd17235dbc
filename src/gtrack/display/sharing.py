"""What is not shared yet and what needs a decision, in words: a line for each thing, with what to type about it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gtrack.display.words import ago, plural, size
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.sharing_state import SharingState

__all__ = ["sharing_head", "sharing_lines"]

_NAMED = 5
_EDITED, _SETTLE = "edited in two clones at the same time", "set it again to settle it"
_FUTURE = "facts of a time that has not come"


def sharing_head(state: SharingState, now_us: int) -> str:
    """Return where a clone shares its runs, and how old what is known of it is."""
    if state.remote is None:
        return "no remote is shared with anybody (git remote add origin URL, or gtrack init --remote URL)"
    where = f"{clean(state.remote)} ({clean(state.url)})" if state.url else clean(state.remote)
    if state.fetched is None:
        return f"{where}, never asked by gtrack (gtrack status --fetch)"
    return f"{where}, as of the last fetch {ago(state.fetched, now_us)}"


def sharing_lines(state: SharingState, now_us: int) -> list[tuple[str, str]]:
    """Return what there is to say, each with what to type."""
    return [*_not_shared(state, now_us), *_about_runs(state), *_about_experiments(state)]


def _not_shared(state: SharingState, now_us: int) -> Iterator[tuple[str, str]]:
    if state.failure is not None:
        when, why = state.failure
        yield f"the last push by itself failed {ago(when, now_us)}: {clean(why)}", "gtrack push"
    if state.remote is not None and state.to_push:
        yield f"{plural(len(state.to_push), 'run')} to push: {_short(state.to_push)}", "gtrack push"
    elif state.files_to_push:
        yield f"{plural(state.files_to_push, 'file')} about known runs to push", "gtrack push"
    if state.code_waiting and state.may_publish is None:
        yield f"{plural(state.code_waiting, 'version')} of the code that nobody agreed to publish", "gtrack push"
    elif state.code_waiting and not state.may_publish:
        yield f"{plural(state.code_waiting, 'version')} of the code kept here", "git config gtrack.publishCode true"
    if state.remote is not None and state.objects:
        files = plural(state.objects, "file")
        todo = "gtrack store set URL" if state.objects_need_store else "gtrack push"
        yield f"{files} of artifacts to send ({size(state.object_bytes)})", todo
    if state.to_pull:
        files = plural(state.to_pull, "file")
        yield f"{files} of the team's not in the local branch (shown all the same)", "gtrack pull"
    if state.inboxes:
        own = ", this clone's among them" if state.own_inbox else ""
        yield f"{plural(state.inboxes, 'inbox')} to be taken in{own}", "gtrack push"


def _about_runs(state: SharingState) -> Iterator[tuple[str, str]]:
    if state.live:
        yield (
            f"{plural(len(state.live), 'run')} being recorded here: {_short(state.live)}",
            "gtrack ls --status running",
        )
    for path, why in state.unrecorded[:_NAMED]:
        yield f"not recorded: {clean(path)}: {clean(why)}", "gtrack doctor"
    if state.lost:
        yield f"{plural(len(state.lost), 'run')} not heard of for long: {_short(state.lost)}", "gtrack ls --status lost"
    if state.forks:
        yield f"resumed twice from the same point: {_short(state.forks)}", f"gtrack show {state.forks[0][:SHORT]}"
    for run_id, what in state.concurrent[:_NAMED]:
        yield f"{_EDITED}: {run_id[:SHORT]} {clean(what)}", _SETTLE
    if state.future:
        yield f"{_FUTURE}: {_short(state.future)}", f"gtrack show {state.future[0][:SHORT]}"


def _about_experiments(state: SharingState) -> Iterator[tuple[str, str]]:
    for name, what in state.concurrent_experiments[:_NAMED]:
        yield f"{_EDITED}: experiment {clean(name)} {clean(what)}", _SETTLE
    for name in state.future_experiments[:_NAMED]:
        yield f"{_FUTURE}: experiment {clean(name)}", f"gtrack experiment show {clean(shlex.quote(name))}"


def _short(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return " ".join(run_id[:SHORT] for run_id in ids[:_NAMED]) + more
