"""Without a store: this clone's part of the git store is collected, and nobody else's."""

from __future__ import annotations

from kept_team import MadeRun, cached, digest_of, git

from gtrack.branch.object_store import held
from gtrack.branch.tracking import clone_id
from gtrack.ops.artifacts import artifacts_of, read_artifact
from gtrack.ops.gc import gather
from gtrack.ops.gc_apply import collect
from gtrack.ops.gc_cache import trim, trim_plan
from gtrack.ops.gc_plan import Step
from gtrack.ops.objects import object_cache
from gtrack.ops.push import push
from gtrack.ops.view import View
from gtrack.reader import Repo


def sent(team, path, runs):
    """Record runs in a clone and push them with their objects."""
    for run in runs:
        for data in run.content.values():
            team.keep(path, data, run.days, outbox=run.id)
    team.record(path, runs, push=False)
    with Repo(str(path)) as repo:
        push(repo.repository, consent=False)


def at_hub(team, path):
    """Return the objects that the hub has of a clone."""
    with Repo(str(path)) as repo:
        ref = f"refs/gtrack/objects/{clone_id(repo.repository)}"
    return {line.rpartition("/")[2] for line in git(team.hub, "ls-tree", "-r", "--name-only", ref).splitlines()}


def test_what_only_pruned_runs_name_goes_from_the_git_store(make_team):
    team = make_team("{failed: 30d}", store=False)
    here, there = team.root / "a", team.clone("b")
    mine = MadeRun(1, 40, "failed", content={"own": b"mine", "both": b"both", "kept": b"kept"})
    stays = MadeRun(2, 40, content={"kept": b"kept"})
    theirs = MadeRun(3, 1, content={"both": b"both"})
    sent(team, here, [mine, stays])
    sent(team, there, [theirs])
    assert at_hub(team, here) == mine.objects
    with Repo(str(here)) as repo:
        assert collect(repo).deleted == {"failed": [mine.id]}
        assert set(held(repo.repository)) == mine.objects
        assert gather(repo, grace=0).plan.runs(Step.PRUNE)[0].runs == [mine.id]
        done = collect(repo, grace=0)
    # The colleague's run names it, so it stays here as well: who knows whether his clone is still there.
    assert done.freed == {"git": 4, "cache": 4}
    assert at_hub(team, here) == {digest_of(b"both"), digest_of(b"kept")}
    assert set(cached(here)) == {digest_of(b"both"), digest_of(b"kept")}
    assert at_hub(team, there) == theirs.objects
    fresh = team.clone("c")
    with Repo(str(fresh)) as repo:
        gather(repo)
        view = View(repo.repository)
        for run in (stays, theirs):
            (artifact,) = artifacts_of(repo.repository, view.trees, run.id).values()
            assert digest_of(read_artifact(repo.repository, artifact)) in run.objects


def test_the_cache_lets_go_of_what_can_be_had_again_the_least_recently_used_first(make_team):
    team = make_team(store=False)
    here = team.root / "a"
    runs = [MadeRun(number, 10 - number, content={"x": b"%d" % number * 100}) for number in range(3)]
    waits = MadeRun(9, 50, content={"x": b"waits" * 20})
    sent(team, here, runs)
    team.keep(here, b"waits" * 20, 50, outbox=waits.id)
    with Repo(str(here)) as repo:
        plan = trim_plan(repo.repository, 250)
        assert list(plan.going) == [digest_of(b"%d" % number * 100) for number in range(2)]
        assert (plan.freed, plan.left, plan.only_here) == (200, 200, 100)
        trim(repo.repository, plan)
        assert set(object_cache(repo.repository).digests()) == runs[2].objects | waits.objects
        whole = trim_plan(repo.repository)
        trim(repo.repository, whole)
        assert set(object_cache(repo.repository).digests()) == waits.objects
        view = View(repo.repository)
        for run in runs:  # each can be had again
            (artifact,) = artifacts_of(repo.repository, view.trees, run.id).values()
            assert digest_of(read_artifact(repo.repository, artifact)) in run.objects
