"""What others do while garbage is collected, or did where it was not seen yet, loses nothing."""

from __future__ import annotations

import os

import pytest
from kept_team import BY, DAY_US, NOW, MadeRun, days_ago, digest_of, git

import gtrack
from gtrack.clock import stamp
from gtrack.format import names, yaml
from gtrack.ids import sha12
from gtrack.ops.gc import gather
from gtrack.ops.gc_apply import collect
from gtrack.ops.gc_cache import trim, trim_plan
from gtrack.ops.gc_references import references
from gtrack.ops.gc_shelves import store_shelf
from gtrack.ops.objects import opened_store
from gtrack.ops.push import push
from gtrack.ops.store_settings import store_choice
from gtrack.reader import Repo


def event(run, kind, days):
    data = yaml.dump({"format": 1, "kind": kind, "author": BY, "previous": []})
    return {f"{names.run_dir(run.id)}/{names.event(stamp(days_ago(days)), data)}": data}


def tombstone(run, days):
    data = yaml.dump({"format": 1, "run": run.id, "reason": "deleted", "author": BY})
    return {f"tombstones/{run.id[:2]}/{run.id}/{stamp(days_ago(days))}-{sha12(data)}.yaml": data}


@pytest.mark.parametrize(
    ("said", "works"),
    [
        ([], True),
        ([("restore", 10)], False),  # made in a clone that had not pushed it, or while the tombstone was being made
        ([("restore", 10), ("delete", 5)], True),
        ([("restore", 1)], False),
        ([("restore", 1), ("delete", 0.5)], False),  # the new deletion has its own time
    ],
)
def test_a_tombstone_works_only_when_nobody_restored_the_run_since_its_deletion(make_team, said, works):
    team = make_team()
    here = team.root / "a"
    run = MadeRun(1, 40, content={"x": b"mine"}, deleted=20)
    files = tombstone(run, 3)
    for kind, days in said:
        files |= event(run, kind, days)
    team.record(here, [run], files)
    team.keep(here, b"mine", 100)
    with Repo(str(here)) as repo:
        assert (run.id in references(repo.repository).pruned) == works
        collect(repo, grace=0 if works else 14 * 86400.0)
        collect(repo, grace=0 if works else 14 * 86400.0)
    assert (digest_of(b"mine") not in team.stored()) == works


def test_what_a_clone_kept_in_the_store_before_it_had_a_remote_is_no_other_repositorys(make_team):
    team = make_team()
    here = team.root / "a"
    team.record(here, [MadeRun(1, 5, content={"x": b"mine"})])
    git(here, "remote", "rename", "origin", "later")
    git(here, "remote", "remove", "later")
    team.join_store(here)
    git(here, "remote", "add", "origin", str(team.hub))
    team.join_store(here)
    with Repo(str(here)) as repo:
        assert gather(repo).plan.blocked == ()
    with Repo(str(team.clone("b"))) as repo:  # another clone cannot know what that one named
        (blocked,) = gather(repo).plan.blocked
        assert "clone:" in blocked[0]


def test_a_list_of_condemned_objects_is_no_older_than_the_stores_clock_says(make_team):
    team = make_team()
    here = team.root / "a"
    team.record(here, [MadeRun(1, 1)])
    orphan = team.keep(here, b"orphan", 40)
    with Repo(str(here)) as repo:
        collect(repo)
        (condemned,) = (team.store / "condemned").iterdir()
        slow = condemned.read_text().splitlines()
        slow[next(at for at, line in enumerate(slow) if line.startswith("at:"))] = 'at: "2001-01-01T00:00:00.000000Z"'
        condemned.write_text("\n".join(slow) + "\n")
        choice = store_choice(repo.repository)
        assert choice is not None
        with opened_store(repo.repository, choice.location) as place:
            assert store_shelf(repo.repository, place).condemned[orphan] > (NOW - DAY_US) / 1e6
        collect(repo)
    assert orphan in team.stored()


def test_the_file_that_a_live_run_uses_stays_in_the_cache(make_team, monkeypatch):
    team = make_team(store=False)
    here = team.root / "a"
    monkeypatch.chdir(here)
    monkeypatch.setenv("GTRACK_QUIET", "1")
    with gtrack.start_run("prepare") as prepare:
        prepare.log_bytes(b"f" * 100_000, "features.bin")
        prepare.log_bytes(b"o" * 100_000, "other.bin")
    with Repo(str(here)) as repo:
        repo.recover()
        push(repo.repository, consent=False)
        with gtrack.start_run("train") as train:
            path = train.use_artifact("prepare/features.bin")
            plan = trim_plan(repo.repository)
            assert (len(plan.going), plan.staying) == (1, 1)
            trim(repo.repository, plan)
            assert os.path.exists(path)
            with open(path, "rb") as file:
                assert file.read() == b"f" * 100_000
