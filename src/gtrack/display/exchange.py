"""What a push or a pull came to, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from gtrack.display.words import plural, size
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.pull import Pulled
    from gtrack.ops.push import Pushed
    from gtrack.ops.send_objects import ObjectsSent

__all__ = ["describe_sent", "pull_remarks", "pulled", "push_remarks", "pushed", "remarks_on_sent"]

_DROPPED = 5
_NUMBERED = 10
_REASONS = 3
_RUNS = 3


def pushed(done: Pushed) -> str:
    """Return what was sent, in a line or two."""
    sent = describe_sent(done.objects)
    return "\n".join([_records(done), *([sent] if sent else [])])


def _records(done: Pushed) -> str:
    remote = clean(done.remote)
    if done.place == "nothing":
        return f"{remote} has everything" if not done.objects.waiting else f"{remote} has every run"
    what = _what(done)
    if done.place == "inbox":
        return f"{what} sent to this clone's inbox at {remote}, since the branch is busy; the team sees it already"
    return f"{what} pushed to {remote}" + (f" ({done.commit[:SHORT]})" if done.commit else "")


def _what(done: Pushed) -> str:
    """Return what was sent: ``3 runs, 1 change of the model churn and 2 versions of the code``."""
    what = [*([plural(done.runs, "run")] if done.runs else []), *_changes(done.models)]
    if not what and done.files:
        what = [f"{plural(done.files, 'file')} about known runs"]
    elif not what and done.numbered and not done.folded:
        what = [f"the {plural(len(done.numbered), 'number')} of versions"]
    elif not what:
        return "what waited in inboxes" if done.folded else "the runs' code"
    what += [plural(len(done.code.chosen), "version") + " of the code"] if done.code.chosen else []
    return " and ".join([*([", ".join(what[:-1])] if what[1:] else []), what[-1]])


def push_remarks(done: Pushed, *, decided: bool) -> list[str]:
    """Return what else there is to say about a push, and what to type.

    Args:
        done: The push.
        decided: Whether the code is published was said beforehand.
    """
    lines = []
    if done.code.withheld and not decided:
        count = plural(len(done.code.withheld), "version")
        lines.append(
            f"not published: {count} of the code with changes that {done.remote} lacks "
            "(agree for good: git config gtrack.publishCode true; this once: gtrack push --code)"
        )
    if done.refused:
        lines.append(f"{done.remote} did not take the code (refs/gtrack/code): {done.refused}")
    if done.restored:
        lines.append(f"{plural(done.restored, 'file')} that somebody had removed from {done.remote} went back there")
    lines += [f"not published: {item.path}: {item.why}" for item in done.dropped[:_DROPPED]]
    if len(done.dropped) > _DROPPED:
        lines.append(f"and {plural(len(done.dropped) - _DROPPED, 'file')} more: gtrack fsck names them")
    lines += [f"{name}/~{uid[:SHORT]} is {name}/{number}" for name, number, uid in done.numbered[:_NUMBERED]]
    if len(done.numbered) > _NUMBERED:
        lines.append(f"and {plural(len(done.numbered) - _NUMBERED, 'version')} more got their numbers: gtrack model ls")
    lines += list(done.unsettled)
    for tag in done.tags:
        again = f" was not created; the next push tries again: {tag.why}"
        lines.append(f"tag {tag.name}" + {"created": " created", "exists": " is there already"}.get(tag.status, again))
    lines += remarks_on_sent(done.objects)
    lines += [f"{ref} is left where it is: {why}" for ref, why in list(done.unreadable.items())[:_DROPPED]]
    return lines


def describe_sent(sent: ObjectsSent) -> str | None:
    """Return what was sent, ``12 files (3.4 MiB) sent to s3://team-store``; None where nothing was."""
    if not sent.sent and not sent.present:
        return None
    there = f", {sent.present:,} there already" if sent.present else ""
    what = f"{plural(sent.sent, 'file')} ({size(sent.size)}) sent to {clean(str(sent.place))}"
    return what + there


def remarks_on_sent(sent: ObjectsSent) -> Iterator[str]:
    """Yield what there is to say about files that were not sent, and what to type."""
    if sent.waiting:
        total = sum(each.size for each in sent.waiting)
        runs = list(dict.fromkeys(run for each in sent.waiting for run in each.runs))
        of = f" of {' '.join(run[:SHORT] for run in runs[:_RUNS])}" if runs else ""
        more = f" and {plural(len(runs) - _RUNS, 'more run')}" if len(runs) > _RUNS else ""
        what = f"{plural(len(sent.waiting), 'file')} ({size(total)}){of}{more}"
        yield f"not sent: {what}: kept here until a later push"
        for why in list(dict.fromkeys(each.why for each in sent.waiting))[:_REASONS]:
            yield f"  {clean(why)}"
        if sent.todo:
            yield f"  next: {clean(sent.todo)}"
    elif sent.trouble:
        yield f"artifacts: {clean(sent.trouble)}" + (f" ({clean(sent.todo)})" if sent.todo else "")
    if sent.much:
        yield "this clone keeps over 500 MB of files in the git remote: a store serves better (gtrack store set URL)"


def pulled(done: Pulled) -> str:
    """Return what was fetched."""
    remote = clean(done.remote)
    if done.tip is None and not done.checked_out:
        return f"{remote} has no runs yet; to send yours: gtrack push"
    news = " and ".join([plural(len(done.runs), "new run"), *_changes(done.models)])
    return f"{news} from {remote}" + (f" ({done.tip[:SHORT]})" if done.tip else "")


def _changes(models: Mapping[str, int]) -> list[str]:
    """Return what is new of models: ``2 changes of the model churn``."""
    if not models:
        return []
    of = f"the model {clean(next(iter(models)))}" if len(models) == 1 else plural(len(models), "model")
    return [f"{plural(sum(models.values()), 'change')} of {of}"]


def pull_remarks(done: Pulled) -> Iterator[str]:
    """Yield what else there is to say about a pull, and what to type."""
    remote = clean(done.remote)
    if done.checked_out:
        yield "the branch is checked out in a worktree and stays where it is; the runs are shown all the same"
    if done.overwritten:
        yield f"somebody rewrote or removed the branch at {remote}: what it held is kept here; gtrack push puts it back"
    if done.inboxes:
        yield f"{plural(done.inboxes, 'inbox')} at {remote} waiting to be taken in: gtrack push"
