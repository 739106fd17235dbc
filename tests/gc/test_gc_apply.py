"""A collection removes what nothing needs, in steps that can be taken back, and nothing else."""

from __future__ import annotations

from kept_team import MadeRun, cached, digest_of, version_files

from gtrack.ops import edit
from gtrack.ops.gc import gather
from gtrack.ops.gc_apply import collect
from gtrack.ops.gc_plan import Step
from gtrack.reader import Repo

POLICY = "{keep: {newest: 90d, best: 2}, failed: 30d}"


def blob(text: str, size: int = 1000) -> bytes:
    return text.encode().ljust(size, b".")


def lifetime(path, *, grace=0.0, **more):
    with Repo(str(path)) as repo:
        return collect(repo, grace=grace, **more)


def test_a_run_goes_in_steps_and_its_bytes_last(make_team):
    team = make_team(POLICY)
    here = team.root / "a"
    good = MadeRun(1, 200, auc=0.9, content={"model.bin": blob("good"), "shared": blob("shared")})
    better = MadeRun(2, 200, auc=0.95, content={"model.bin": blob("better")})
    worse = MadeRun(3, 200, auc=0.1, content={"model.bin": blob("worse"), "shared": blob("shared")})
    failed = MadeRun(4, 40, "failed", content={"model.bin": blob("failed")})
    fresh = MadeRun(5, 10, auc=0.2, content={"model.bin": blob("fresh")})
    runs = [good, better, worse, failed, fresh]
    team.record(here, runs)
    for run in runs:
        for data in run.content.values():
            team.keep(here, data, run.days)
    doomed = {digest_of(blob("worse")), digest_of(blob("failed"))}
    every = set().union(*(run.objects for run in runs))

    with Repo(str(here)) as repo:
        plan = gather(repo).plan
        assert {pile.rule: sorted(pile.runs) for pile in plan.runs(Step.DELETE)} == {
            "failed": [failed.id],
            "newest": [worse.id],
        }
        assert plan.size(Step.REMOVE) == {}
        assert plan.size(Step.DELETE) == {"store": 2000, "cache": 2000}
    first = lifetime(here, grace=14 * 86400.0)
    assert first.deleted == {"failed": [failed.id], "newest": [worse.id]}
    assert (team.stored(), set(cached(here))) == (every, every)
    with Repo(str(here)) as repo:
        assert {run.id for run in repo.runs(deleted=True)} == {worse.id, failed.id}

    second = lifetime(here)  # as if the grace period were over
    assert (sorted(second.pruned), second.condemned) == (sorted([worse.id, failed.id]), 2)
    assert second.freed == {"cache": 2000}
    assert (team.stored(), set(cached(here))) == (every, every - doomed)
    third = lifetime(here)
    assert third.freed == {"store": 2000}
    assert team.stored() == every - doomed
    assert not list((team.store / "condemned").iterdir())
    assert lifetime(here).to_dict() == {
        **lifetime(here).to_dict(), "deleted": {}, "pruned": [], "condemned": 0, "failed": {}
    }  # fmt: skip
    # What was done is at the hub: a colleague's clone knows the runs as deleted.
    colleague = team.clone("b")
    with Repo(str(colleague)) as repo:
        assert {run.id for run in repo.runs()} == {good.id, better.id, fresh.id}


def test_what_a_version_a_kept_run_or_a_baseline_needs_stays(make_team):
    team = make_team(POLICY)
    here = team.root / "a"
    data = MadeRun(1, 300, auc=0.0, content={"model.bin": blob("data")})
    base = MadeRun(2, 250, auc=0.1, uses=(1,), content={"model.bin": blob("base")})
    registered = MadeRun(3, 200, "failed", uses=(2,), content={"model.bin": blob("registered")})
    winners = [MadeRun(4, 200, auc=0.8), MadeRun(5, 200, auc=0.9, parent=6)]
    parent = MadeRun(6, 200, auc=0.0)
    lost = MadeRun(7, 200, auc=0.0, uses=(1,), content={"model.bin": blob("lost")})
    team.record(here, [data, base, registered, *winners, parent, lost], version_files("churn", registered, "model.bin"))
    for run in (data, base, registered, lost):
        team.keep(here, run.content["model.bin"], run.days)
    first = lifetime(here)
    assert first.deleted == {"newest": [lost.id]}
    lifetime(here)
    lifetime(here)
    assert team.stored() == data.objects | base.objects | registered.objects
    with Repo(str(here)) as repo:
        verdicts = gather(repo).plan.fates.verdicts
    assert verdicts[registered.id].why[0] == "registered as churn"
    assert f"run {registered.id[:7]}, which stays, was made from it" in verdicts[base.id].why
    assert verdicts[parent.id].rule == "lineage"


def test_a_run_that_was_brought_back_is_not_deleted_again_at_once(make_team):
    team = make_team("{failed: 30d}")
    here = team.root / "a"
    run = MadeRun(1, 40, "failed", content={"model.bin": blob("x")})
    team.record(here, [run])
    team.keep(here, blob("x"), 40)
    assert lifetime(here, grace=14 * 86400.0).deleted == {"failed": [run.id]}
    with Repo(str(here)) as repo:
        edit.restore(repo, [repo.run(run.id)])
    for _ in range(3):
        done = lifetime(here)
        assert not done.deleted
        assert not done.pruned
    assert team.stored() == run.objects


def test_without_a_policy_only_what_nobody_named_goes(make_team):
    team = make_team()
    here = team.root / "a"
    run = MadeRun(1, 4000, "failed", content={"model.bin": blob("x")})
    team.record(here, [run])
    team.keep(here, blob("x"), 4000)
    team.keep(here, blob("orphan"), 100)
    team.keep(here, blob("upload in flight"), 6.9)
    lifetime(here)
    lifetime(here)
    assert team.stored() == run.objects | {digest_of(blob("upload in flight"))}
