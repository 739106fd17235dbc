"""Many runs with shared content, uploads in flight, a stale clone, a second repository, and SIGKILL at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from kept_team import NOW, MadeRun, Team, cached, digest_of, git, version_files

import gtrack
from gtrack.branch.commit import commit_files
from gtrack.errors import ConflictError
from gtrack.model.retention import GRACE
from gtrack.ops.artifacts import artifacts_of, read_artifact
from gtrack.ops.gc import gather
from gtrack.ops.gc_apply import collect
from gtrack.ops.gc_plan import Step
from gtrack.ops.objects import object_cache, outbox_of
from gtrack.ops.push import push
from gtrack.ops.view import View
from gtrack.reader import Repo

COLLECTOR = Path(__file__).with_name("killed_collector.py")
POLICY = "{keep: {newest: 90d, best: 5}, failed: 30d}"
GONE_DAYS = 20
"""Runs that were deleted so long ago."""


@dataclass
class Scene:
    """The team, and what must be left of its store when all is collected."""

    team: Team
    here: Path
    other: Path
    stale: Path
    needed: set[str]
    runs: list[MadeRun]


def content(name: str) -> bytes:
    rng = random.Random(name)
    return rng.randbytes(rng.randrange(100, 3000))


def make_runs(count: int) -> list[MadeRun]:
    rng = random.Random(1)
    out = []
    for number in range(count):
        shared = f"shared {rng.randrange(count // 5)}"
        run = MadeRun(
            number,
            days=rng.choice([1, 20, 40, 80, 100, 300]),
            status="failed" if number % 5 == 0 else "finished",
            auc=rng.random(),
            experiment=rng.choice(["churn", "fraud"]),
            content={"model.bin": content(f"own {number}"), "features.bin": content(shared)},
            uses=(rng.randrange(number),) if number % 7 == 3 else (),
        )
        out.append(replace(run, deleted=GONE_DAYS if number % 11 == 0 and run.days > GONE_DAYS else None))
    return out


def staying(runs: list[MadeRun], registered: set[int]) -> set[int]:
    """Return which runs stay by the policy, said as plainly as can be."""
    present = [run for run in runs if run.deleted is None]
    stay = set(registered)
    for experiment in ("churn", "fraud"):
        done = [run for run in present if run.experiment == experiment and run.status == "finished"]
        stay |= {run.number for run in sorted(done, key=lambda run: -run.auc)[:5]}
        stay |= {run.number for run in done if run.days <= 90}
    stay |= {run.number for run in present if run.status == "failed" and run.days <= 30}
    by_number = {run.number: run for run in runs}
    while more := {above for number in stay for above in by_number[number].uses} - stay:
        stay |= more
    return stay


def make_scene(root: Path, count: int) -> Scene:
    team = Team(root, f"retention: {POLICY}\n")
    here, stale = root / "a", team.clone("stale")
    runs = make_runs(count)
    registered = {run.number for run in runs if run.number % 50 == 3}
    versions: dict[str, bytes] = {}
    for number in registered:
        versions |= version_files("churn", runs[number], "model.bin")
    team.record(here, runs, versions)
    team.join_store(here)
    for run in runs:
        for data in run.content.values():
            team.keep(here, data, max(run.days, 15), cache=run.number % 2 == 0)
    stay = staying(runs, registered)
    needed = set().union(*(runs[number].objects for number in stay))
    going = [run for run in runs if run.number not in stay]
    # An upload whose run is not recorded yet, and one of so long ago that nobody will record it.
    team.keep(here, b"in flight", 3, cache=False)
    team.keep(here, b"forgotten", 60, cache=False)
    needed.add(digest_of(b"in flight"))
    # A run of a clone that nobody has heard of for long names an object that is to be removed.
    wanted = going[0].content["model.bin"]
    late = MadeRun(count, 1, content={"model.bin": wanted})
    team.keep(stale, wanted, 1, store=False, outbox=late.id)
    team.record(stale, [late], push=False)
    needed.add(digest_of(wanted))
    # Another repository in the same store needs one as well.
    (root / "second").mkdir()
    second = Team(root / "second", store=False)
    other = root / "second" / "a"
    git(other, "config", "gtrack.store", str(team.store))
    second.record(other, [MadeRun(count + 1, 500, content={"model.bin": going[1].content["model.bin"]})])
    team.join_store(other)
    needed.add(digest_of(going[1].content["model.bin"]))
    return Scene(team, here, other, stale, needed, runs)


def collect_in_process(scene: Scene, grace: float, last: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(COLLECTOR), str(scene.here), str(grace), str(last), str(scene.other)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, env=dict(os.environ))


def collect_killed(scene: Scene, grace: float, moments: Iterable[int]) -> None:
    """Collect, killed again and again before one of its changes to the disk; at last to the end."""
    for moment in moments:
        done = collect_in_process(scene, grace, moment)
        assert done.returncode == -signal.SIGKILL, (moment, done.stdout, done.stderr)
    done = collect_in_process(scene, grace)
    assert done.returncode == 0, done.stderr


def check_all_readable(scene: Scene) -> None:
    """Read every artifact of every run that is not pruned, in a clone that has nothing yet."""
    fresh = scene.team.clone("fresh")
    with Repo(str(fresh)) as repo:
        known = gather(repo, others=[str(scene.other)]).known
        view = View(repo.repository)
        assert len(known.runs) > 10
        for run_id in known.runs:
            for artifact in artifacts_of(repo.repository, view.trees, run_id).values():
                assert digest_of(read_artifact(repo.repository, artifact)) == artifact.digest


def run_acceptance(root: Path, count: int, deleting: Iterable[int], removing: Iterable[int]) -> None:
    scene = make_scene(root, count)
    team, here = scene.team, scene.here
    with Repo(str(here)) as repo, pytest.raises(ConflictError, match="uses the same store"):
        collect(repo)
    before = team.stored()
    assert scene.needed < before
    # Runs are deleted, others pruned, objects condemned: nothing leaves the store yet.
    collect_killed(scene, GRACE, deleting)
    assert team.stored() == before
    assert (team.store / "condemned").is_dir()
    # The stale clone pushes: what it names is condemned, and it sends it anew.
    with Repo(str(scene.stale)) as repo:
        push(repo.repository, consent=False)
    # As if the grace period were over: what was deleted is pruned, and then its objects go.
    collect_killed(scene, 0.0, [])
    with Repo(str(here)) as repo:
        plan = gather(repo, grace=0, others=[str(scene.other)]).plan
    used, said = team.used(), plan.size(Step.REMOVE)
    assert said["store"] > 0
    collect_killed(scene, 0.0, removing)
    assert used - team.used() == said["store"]
    assert team.stored() == scene.needed
    assert set(cached(here)) <= scene.needed
    check_all_readable(scene)


def test_a_collection_that_is_killed_again_and_again_frees_what_it_said_and_breaks_nothing(tmp_path):
    run_acceptance(tmp_path, 120, deleting=[40], removing=[30])


@pytest.mark.soak
def test_the_same_of_two_thousand_runs(tmp_path):
    run_acceptance(tmp_path, 2000, deleting=[1, 9, 40, 70, 100, 130, 160], removing=[1, 5, 20, 40, 80, 160, 320])


def test_the_cache_gets_back_what_it_said(make_team):
    team = make_team()
    here = team.root / "a"
    team.record(here, [MadeRun(1, 1, content={"model.bin": b"kept"})])
    team.keep(here, b"kept", 100)
    for number in range(5):
        team.keep(here, b"orphan %d" % number, 100, store=False)
    with Repo(str(here)) as repo:
        said = gather(repo).plan.size(Step.REMOVE)["cache"]
        used = sum(cached(here).values())
        done = collect(repo)
        assert done.freed["cache"] == said == used - sum(cached(here).values()) > 0
        assert set(object_cache(repo.repository).digests()) == {digest_of(b"kept")}


def test_a_run_recorded_while_objects_are_removed_keeps_what_it_names(make_team):
    team = make_team()
    here = team.root / "a"
    team.record(here, [MadeRun(1, 1)])
    for data in (b"wanted again", b"nobody's"):
        team.keep(here, data, 100)
    wanted = digest_of(b"wanted again")
    late = MadeRun(2, 0, content={"model.bin": b"wanted again"})
    with Repo(str(here)) as repo:
        collect(repo, grace=0)  # condemned, and gone from the cache
        for data in (b"wanted again", b"nobody's"):
            team.keep(here, data, 100)

        def record_one(text: str) -> None:
            """Record a run that names one of them, sent by another process in the very moment before it goes."""
            if "from the store" in text:
                team.keep(here, b"wanted again", 100, outbox=late.id)
                outbox_of(repo.repository).mark_sent(wanted, NOW, str(team.store))
                with repo.repository.lock():
                    commit_files(repo.repository, late.files(), "late", by="Ada L <ada@example.org>")

        done = collect(repo, grace=0, tell=record_one)
        assert (done.removed["store"], done.removed["cache"]) == (2, 1)
        assert set(object_cache(repo.repository).digests()) == {wanted}
        push(repo.repository, consent=False)
    assert team.stored() == {wanted}


def test_what_a_live_run_has_logged_stays(make_team, monkeypatch):
    team = make_team()
    here = team.root / "a"
    team.record(here, [MadeRun(1, 1)])
    for data in (b"l" * 70_000, b"small", b"orphan"):
        team.keep(here, data, 100)
    monkeypatch.chdir(here)
    monkeypatch.setenv("GTRACK_QUIET", "1")
    with gtrack.start_run() as run, Repo(str(here)) as repo:
        run.log_bytes(b"l" * 70_000, "large.bin")
        run.log_bytes(b"small", "small.bin")
        collect(repo, grace=0)
        collect(repo, grace=0)
        left = {digest_of(b"l" * 70_000), digest_of(b"small")}
        assert (team.stored(), set(object_cache(repo.repository).digests())) == (left, left)
