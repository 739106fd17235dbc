"""What a garbage collection would do. It is never done from here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
import streamlit as st

from gtrack._app.parts import remark
from gtrack._app.reading import reading
from gtrack._app.safe import markdown
from gtrack._app.screens.health.parts import command, notes, typed_table
from gtrack._app.steps import part
from gtrack.clock import now_ns
from gtrack.display.words import ago, plural, size
from gtrack.ops.gc import gather
from gtrack.ops.gc_plan import Plan, Step

__all__ = ["collection", "plan_table"]

_PLANNED = "health.gc"
_PLACES = {"store": "store", "git": "git store", "cache": "cache"}


@part()
def collection() -> None:
    """Offer the plan of a collection, and show it."""
    st.subheader("What could be let go", anchor=False)
    with reading() as now:
        st.caption(
            "The remote and the store are asked what they hold, which may take a minute. Nothing is removed: that is "
            f"done with {command('gtrack gc --apply')}."
        )
        if now.read_only:  # asking fetches what is new
            st.markdown(f"To see the plan: {command('gtrack gc')}")
            return
        remembered = notes()
        if st.button("Plan", icon=":material/auto_delete:", help="gtrack gc", key=f"{_PLANNED}.button"):
            with st.spinner("Looking at what is named and what is kept."):
                plan = gather(now.repo).plan
            remembered[_PLANNED] = (now.repo.common_dir, now_ns() // 1000, plan)
        where, when, known = remembered.get(_PLANNED, (None, 0, None))
        if known is not None and where == now.repo.common_dir:
            _plan(known, ago(when, now.now_us))


def _plan(plan: Plan, when: str) -> None:
    policy = plan.fates.policy
    by = f"By the policy of {markdown(policy.where)}" if policy.lets_go else "No policy lets a run go"
    st.markdown(f"{by} :gray[· {markdown(when)}]")
    for name, age in plan.fates.archive.items():
        remark(f"archive experiment {name}: nothing new for {age / 86_400:,.0f} days")
    if plan.piles:
        st.table(plan_table(plan), border="horizontal", hide_index=True, alt="What goes, and why")
    later = plan.size(Step.DELETE, Step.WAIT, Step.CONDEMN, Step.CONDEMNED)
    freed = f"Frees now: {_amounts(plan.size(Step.REMOVE))}; later: {_amounts(later)}; git history: 0 B."
    st.markdown(markdown(freed))
    if plan.kept:
        by_rule = ", ".join(f"{rule} {count:,}" for rule, count in plan.kept.items())
        st.caption(f"Kept: {plural(sum(plan.kept.values()), 'run')}: {markdown(by_rule)}")
    for line in plan.fates.remarks:
        remark(line)
    if plan.blocked:
        table = typed_table(list(plan.blocked), "why it cannot be applied", "what to do")
        st.table(table, border="horizontal", hide_index=True, alt="What stands in the way")
    elif plan.empty:
        st.caption(":material/check: Nothing to do.")
    else:
        explain = command("gtrack gc --explain RUN")
        st.markdown(f"{command('gtrack gc --apply')} does it; {explain} tells why a run stays or goes.")


def plan_table(plan: Plan) -> pa.Table:
    """Return what goes and why, with the places that have something to do with it."""
    places = [name for name in _PLACES if any(pile.objects.get(name) for pile in plan.piles)]
    columns: dict[str, list[str]] = {
        "step": [pile.step.value for pile in plan.piles],
        "why": [markdown(pile.why) for pile in plan.piles],
        "runs": [f"{len(pile.runs):,}" if pile.runs else "" for pile in plan.piles],
        "objects": [f"{pile.count:,}" if pile.count else "" for pile in plan.piles],
    }
    for name in places:
        columns[_PLACES[name]] = [size(pile.size[name]) if pile.objects.get(name) else "" for pile in plan.piles]
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _amounts(sizes: Counter[str] | Mapping[str, int]) -> str:
    shown = [f"{size(sizes[name])} in the {_PLACES[name]}" for name in _PLACES if sizes[name]]
    return ", ".join(shown) or "0 B"
