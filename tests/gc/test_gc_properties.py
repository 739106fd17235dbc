"""Whatever the runs, the policy and what was done before: nothing that is needed is in a plan."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from gtrack.model.keeping import Fate, Known, decide
from gtrack.model.retention import DAY, GRACE, Policy, Rules
from gtrack.ops.gc_plan import SHELVES, Found, Shelf, Step, make_plan, store_age
from gtrack.ops.gc_runs import Fates

NOW = 1_800_000_000_000_000
IDS = [f"{number:032x}" for number in range(8)]
OBJECTS = [f"{number:064x}" for number in range(10)]

ages = st.sampled_from([0.0, 0.5, 3.0, 13.9, 14.1, 29.0, 31.0, 89.0, 91.0, 400.0]).map(lambda days: days * DAY)
moments = ages.map(lambda age: NOW - int(age * 1e6))
limits = st.none() | st.sampled_from([1 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, math.inf])
rules = st.builds(
    Rules,
    newest=limits,
    best=st.none() | st.integers(0, 3),
    tagged=st.none() | st.just(("keep",)),
    failed=limits,
    archive=limits,
)
policies = st.builds(Policy, rules, st.lists(st.tuples(st.sampled_from(["a", "b", "*"]), rules), max_size=2).map(tuple))


@st.composite
def histories(draw):
    runs = []
    for run_id in IDS[: draw(st.integers(1, len(IDS)))]:
        deleted = draw(st.none() | moments)
        runs.append(
            Known(
                run_id,
                draw(st.sampled_from(["a", "b"])),
                draw(st.sampled_from(["finished", "failed", "killed", "running", "lost"])),
                draw(st.none() | moments),
                draw(st.none() | st.integers(1, 4)),
                draw(st.booleans()),
                draw(st.sampled_from([frozenset(), frozenset({"keep"})])),
                frozenset(draw(st.lists(st.sampled_from(IDS), max_size=2))),
                draw(st.booleans()) and deleted is None,
                deleted,
                deleted is not None and draw(st.booleans()),
                draw(st.none() | st.just("registered as m")),
            )
        )
    return runs


def needed(runs, roots):
    """Everything that some runs were made from, themselves included: the plain definition."""
    by_id = {run.id: run for run in runs}
    out, more = set(), {root for root in roots if root in by_id}
    while more:
        out |= more
        more = {above for run in more for above in by_id[run].from_runs if above in by_id} - out
    return out


@given(histories(), policies)
def test_no_run_goes_that_a_kept_one_a_version_or_its_lineage_needs(runs, policy):
    verdicts = decide(runs, policy, now_us=NOW, grace=GRACE)
    assert set(verdicts) == {run.id for run in runs}
    kept = {run_id for run_id, verdict in verdicts.items() if verdict.fate is Fate.KEEP}
    named = {run.id for run in runs if run.named}
    going = {run_id for run_id, verdict in verdicts.items() if verdict.fate in (Fate.DELETE, Fate.PRUNE)}
    assert not going & needed(runs, kept | named)
    # What can still be brought back finds what it was made from.
    restorable = {run_id for run_id, verdict in verdicts.items() if verdict.fate in (Fate.WAIT, Fate.KEEP, Fate.DELETE)}
    pruned = {run_id for run_id, verdict in verdicts.items() if verdict.fate is Fate.PRUNE}
    assert not pruned & needed(runs, restorable)


@given(histories(), policies)
def test_nothing_is_final_before_its_time_and_no_live_run_goes(runs, policy):
    verdicts = decide(runs, policy, now_us=NOW, grace=GRACE)
    for run in runs:
        fate = verdicts[run.id].fate
        assert verdicts[run.id].why
        if fate is Fate.PRUNE:
            assert run.deleted is not None
            assert NOW - run.deleted > GRACE * 1e6
        if fate is Fate.DELETE:
            assert run.deleted is None
            assert not run.live
            assert run.status in ("finished", "failed", "killed")
        assert (fate is Fate.GONE) == run.pruned


@given(histories(), policies)
def test_deleting_what_goes_changes_nothing_for_the_others(runs, policy):
    first = decide(runs, policy, now_us=NOW, grace=GRACE)
    after = [
        Known(**{**{name: getattr(run, name) for name in Known.__slots__}, "deleted": NOW})
        if first[run.id].fate is Fate.DELETE
        else run
        for run in runs
    ]
    second = decide(after, policy, now_us=NOW, grace=GRACE)
    assert not any(verdict.fate is Fate.DELETE for verdict in second.values())
    kept = {run_id for run_id, verdict in first.items() if verdict.fate is Fate.KEEP}
    assert kept == {run_id for run_id, verdict in second.items() if verdict.fate is Fate.KEEP}


@st.composite
def stores(draw):
    names = st.sampled_from(OBJECTS)
    users = {d: draw(st.lists(st.sampled_from([*IDS, "f" * 32]), max_size=3)) for d in OBJECTS}
    fixed = dict.fromkeys(draw(st.sets(names, max_size=3)), "a version names it")
    shelves = []
    for name in SHELVES:
        found = {
            digest: Found(draw(st.integers(0, 9)), draw(st.none() | ages.map(lambda age: NOW / 1e6 - age)))
            for digest in sorted(draw(st.sets(names)))
        }
        condemned = {digest: NOW / 1e6 - draw(ages) for digest in sorted(draw(st.sets(names)))}
        shelves.append(Shelf(name, found, condemned if name == "store" else {}, shared=name == "store"))
    return users, fixed, shelves


@given(histories(), policies, stores(), st.sampled_from([0.0, DAY, GRACE]))
def test_no_object_goes_that_something_names_or_that_may_be_on_its_way(runs, policy, store, grace):
    users, fixed, shelves = store
    verdicts = decide(runs, policy, now_us=NOW, grace=grace)
    plan = make_plan(Fates(policy, verdicts, {}), users, fixed, shelves, grace=grace, now_us=NOW)
    final = {run_id for run_id, verdict in verdicts.items() if verdict.fate in (Fate.PRUNE, Fate.GONE)}
    for shelf in shelves:
        going = {step: plan.objects(step, shelf.name) for step in Step}
        acted = {*going[Step.REMOVE], *going[Step.CONDEMN]}
        for digest in acted:
            assert digest not in fixed
            assert set(users[digest]) <= final
        every = [digest for step in Step for digest in going[step]]
        assert len(every) == len(set(every))
        assert set(every) <= set(shelf.objects)
        for digest in going[Step.REMOVE] if shelf.shared else ():
            assert digest in shelf.condemned
            age = shelf.objects[digest].modified
            assert age is None or NOW / 1e6 - age >= max(store_age(grace), GRACE / 2)
        kept = set(shelf.objects) - set(every)
        assert all(digest in fixed or not set(users[digest]) <= final for digest in kept)
