"""``gtrack gc``: let go of runs and objects by the team's policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_file, complete_run
from gtrack.cli.invocation import Invocation
from gtrack.cli.table import Heading, render_table
from gtrack.display.cells import to_json
from gtrack.display.words import plural, size
from gtrack.errors import UsageError
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.cli.terminal import Terminal
    from gtrack.ops.gc_apply import Collected
    from gtrack.ops.gc_plan import Plan
    from gtrack.reader import Repo

__all__ = ["command"]

_POLICY = "retention: {keep: {newest: 90d, best: 10}, failed: 30d}"
_MOST_NAMED = 5


@declare(
    "gc",
    examples=[
        "gtrack gc",
        "gtrack gc --explain 3f2a9c1",
        "gtrack gc --apply",
        "gtrack gc --with ../fraud",
        "gtrack gc --cache --max-size 10GB --apply",
    ],
)
@click.option("--apply", "act", is_flag=True, help="Do it, rather than show what would be done.")
@click.option("--explain", metavar="RUN", shell_complete=complete_run, help="Say why a run stays or goes.")
@click.option(
    "--grace", metavar="TIME", default="14d", show_default=True, help="How long what was deleted can be had back."
)
@click.option(
    "--with", "others", metavar="PATH", multiple=True, help="A clone of another repository that uses the same store."
)
@click.option(
    "--policy", metavar="FILE", shell_complete=complete_file, help="Plan by this gtrack.yaml, not the team's."
)
@click.option("--cache", "only_cache", is_flag=True, help="Only this clone's cache: what can be fetched again.")
@click.option("--max-size", metavar="SIZE", help="With --cache: how much of it to leave, such as 10GB.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    act: bool,
    explain: str | None,
    grace: str,
    others: Sequence[str],
    policy: str | None,
    only_cache: bool,
    max_size: str | None,
    as_json: bool,
) -> int:
    """Let go of runs and objects by the team's policy.

    Shows a plan; --apply does it. The policy stands under retention: in gtrack.yaml. A run that it lets go is deleted,
    which gtrack restore takes back for 14 days; then it is pruned, and what it alone names is removed from the store,
    from this clone's part of the git store and from its cache. Without a policy no run goes: what was deleted by hand
    and what nothing names is collected all the same. Nothing is removed while it is not certain what others need.
    """
    seconds = _age(grace)
    if max_size is not None and not only_cache:
        raise UsageError("--max-size is about the cache", hint="gtrack gc --cache --max-size 10GB")
    if policy is not None and act:
        raise UsageError("--apply goes by the team's policy alone", hint="commit and push gtrack.yaml")
    with invocation.repository() as repo:
        if only_cache:
            _cache(invocation, repo, _bytes(max_size), act=act, as_json=as_json)
        elif act:
            return _apply(invocation, repo, seconds, others, as_json=as_json)
        else:
            _plan(invocation, repo, seconds, others, policy, explain, as_json=as_json)
    return 0


def _plan(
    invocation: Invocation,
    repo: Repo,
    grace: float,
    others: Sequence[str],
    policy: str | None,
    explain: str | None,
    *,
    as_json: bool,
) -> None:
    from gtrack.ops.gc import gather
    from gtrack.ops.gc_runs import policy_in_file

    chosen = policy_in_file(policy) if policy is not None else None
    wanted = repo.run(explain).id if explain is not None else None
    found = gather(repo, policy=chosen, grace=grace, others=others, interactive=invocation.interactive)
    if wanted is not None:
        _explain(invocation, found.plan, wanted, as_json=as_json)
    elif as_json:
        invocation.say(to_json(found.plan.to_dict(), indent=2))
    else:
        for line in _lines(invocation, found.plan):
            invocation.say(line)


def _explain(invocation: Invocation, plan: Plan, run_id: str, *, as_json: bool) -> None:
    verdict = plan.fates.verdicts[run_id]
    name = plan.fates.names.get(run_id, "")
    if as_json:
        said = {"id": run_id, "name": name, "fate": verdict.fate.value, "rule": verdict.rule, "why": list(verdict.why)}
        invocation.say(to_json(said, indent=2))
        return
    words = {
        "keep": "stays",
        "delete": "would be deleted",
        "wait": "is deleted, and can be restored",
        "prune": "is deleted, and would be pruned",
        "gone": "is pruned",
    }
    invocation.say(f"run {run_id[:SHORT]} {clean(name)} {words[verdict.fate.value]}")
    for why in verdict.why:
        invocation.say(f"  {clean(why)}")


def _lines(invocation: Invocation, plan: Plan) -> Iterator[str]:
    from gtrack.ops.gc_plan import Step

    terminal = invocation.terminal
    where = clean(plan.fates.policy.where)
    yield (
        f"the policy of {where}" if plan.fates.policy.lets_go else f"no policy lets a run go ({_POLICY} in gtrack.yaml)"
    )
    for name, age in plan.fates.archive.items():
        yield f"archive  experiment {clean(name)}: nothing new for {age / 86_400:,.0f} days"
    if plan.piles:
        yield from _table(plan, terminal)
    freed, later = plan.size(Step.REMOVE), plan.size(Step.DELETE, Step.WAIT, Step.CONDEMN, Step.CONDEMNED)
    yield f"frees now: {_amounts(freed)}; later: {_amounts(later)}; git history: 0 B"
    yield from _stays(plan)
    for remark in plan.fates.remarks:
        yield f"note: {clean(remark)}"
    for why, hint in plan.blocked:
        yield terminal.style(f"cannot be applied: {clean(why)}", "yellow")
        yield f"  {clean(hint)}"
    if not plan.blocked:
        yield (
            "nothing to do"
            if plan.empty
            else "gtrack gc --apply does it; gtrack gc --explain RUN tells why a run stays or goes"
        )


def _table(plan: Plan, terminal: Terminal) -> list[str]:
    """Return the piles as a table, with the places that have something to do with them."""
    places = [name for name in _PLACES if any(pile.objects.get(name) for pile in plan.piles)]
    headings = [Heading(""), Heading("why", shrinks_to=20), Heading("runs", right=True), Heading("objects", right=True)]
    headings += [Heading(name, right=True) for name in places]
    rows = []
    for pile in plan.piles:
        counts = [f"{count:,}" if count else "" for count in (len(pile.runs), pile.count)]
        amounts = [size(pile.size[name]) if pile.objects.get(name) else "" for name in places]
        rows.append([pile.step.value, clean(pile.why), *counts, *amounts])
    return render_table(headings, rows, terminal)[0]


def _stays(plan: Plan) -> Iterator[str]:
    if plan.kept:
        by = ", ".join(f"{clean(rule)} {count:,}" for rule, count in plan.kept.items())
        count = sum(plan.kept.values())
        yield f"{plural(count, 'run')} {'stays' if count == 1 else 'stay'}: {by}"
    yield "there are " + ", ".join(f"{size(count)} in the {_PLACES[name]}" for name, count in plan.shelves.items())


_PLACES = {"store": "store", "git": "git store", "cache": "cache"}


def _amounts(sizes: Mapping[str, int]) -> str:
    shown = [f"{size(sizes[name])} in the {_PLACES[name]}" for name in _PLACES if sizes[name]]
    return ", ".join(shown) or "0 B"


def _apply(invocation: Invocation, repo: Repo, grace: float, others: Sequence[str], *, as_json: bool) -> int:
    from gtrack.ops.gc_apply import collect

    def tell(text: str) -> None:
        invocation.notice(f"gtrack: {clean(text)}")

    done = collect(repo, grace=grace, others=others, interactive=invocation.interactive, tell=tell)
    if as_json:
        invocation.say(to_json(done.to_dict(), indent=2))
    else:
        for line in _done(done):
            invocation.say(line)
    return 5 if done.failed else 0


def _done(done: Collected) -> Iterator[str]:
    if done.archived:
        yield f"archived: {', '.join(map(clean, done.archived))}"
    for rule, runs in done.deleted.items():
        yield f"deleted {plural(len(runs), 'run')} by {clean(rule)} (gtrack ls --deleted; gtrack restore RUN)"
    if done.pruned:
        yield f"pruned {plural(len(done.pruned), 'run')} for good"
    count = sum(done.removed.values())
    if count or done.archived or done.deleted or done.pruned or done.condemned or done.failed:
        yield f"removed {plural(count, 'object')}: {_amounts(done.freed)}; git history: 0 B"
    else:
        yield "nothing to do"
    if done.condemned:
        shown = f"{plural(done.condemned, 'object')} of the store ({size(done.condemned_size)})"
        yield f"marked {shown}: gtrack gc --apply removes them from tomorrow on, unless they are sent again"
    for digest, why in list(done.failed.items())[:_MOST_NAMED]:
        yield f"not removed: {digest[:12]}: {clean(why)}"
    if len(done.failed) > _MOST_NAMED:
        yield f"and {len(done.failed) - _MOST_NAMED:,} more; gtrack gc --apply tries again"


def _cache(invocation: Invocation, repo: Repo, most: int, *, act: bool, as_json: bool) -> None:
    from gtrack.ops.gc_cache import trim, trim_plan

    plan = trim_plan(repo.repository, most)
    if act:
        trim(repo.repository, plan)
    if as_json:
        invocation.say(to_json({**plan.to_dict(), "applied": act}, indent=2))
        return
    word = "removed" if act else "would be removed"
    invocation.say(
        f"{plural(len(plan.going), 'object')} ({size(plan.freed)}) {word} from the cache: each can be had again"
    )
    stay = "stays" if plan.staying == 1 else "stay"
    staying = f"{plural(plan.staying, 'object')} ({size(plan.left)}) {stay}"
    invocation.say(f"{staying}, {size(plan.only_here)} of which are nowhere else")
    if plan.going and not act:
        invocation.say("gtrack gc --cache --apply does it")


def _age(text: str) -> float:
    from gtrack.model.retention import parse_age

    seconds = parse_age(text)
    if seconds is None or seconds == float("inf"):
        raise UsageError(f"--grace is {text!r:.40}", hint="write it like 14d or 36h")
    return seconds


def _bytes(text: str | None) -> int:
    """Return a number of bytes: ``10GB``, ``500 MiB``, ``0``."""
    import re

    if text is None:
        return 0
    match = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,3})?)\s*(?:([kmgt])(i?)b?|b)?\s*", text.lower())
    if match is None:
        raise UsageError(f"--max-size is {text!r:.40}", hint="write it like 10GB or 500MiB")
    base = 1024 if match[3] else 1000
    return int(float(match[1]) * base ** (" kmgt".index(match[2]) if match[2] else 0))
