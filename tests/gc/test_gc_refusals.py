"""Nothing is removed while it is not certain what others need, and who reads why knows what to type."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest
from kept_team import MadeRun, Team, digest_of, git, run_id_of, version_files

from gtrack.branch.commit import commit_files
from gtrack.errors import ConflictError, LockedError
from gtrack.format import yaml
from gtrack.model.keeping import Fate
from gtrack.ops.gc import gather
from gtrack.ops.gc_apply import _alone, collect
from gtrack.ops.gc_plan import Step
from gtrack.ops.gc_references import references
from gtrack.ops.gc_shelves import store_shelf
from gtrack.ops.objects import opened_store
from gtrack.ops.store_settings import store_choice
from gtrack.reader import Repo


@pytest.fixture
def team(make_team):
    """A team with an orphan in its store and cache: what a collection would remove."""
    made = make_team("{failed: 30d}")
    here = made.root / "a"
    made.record(here, [MadeRun(1, 40, "failed", content={"model.bin": b"failed"})])
    made.keep(here, b"failed", 40)
    made.keep(here, b"orphan", 40)
    return made


@contextmanager
def refused(team, match, hint=""):
    """Expect that nothing is done, and that the reason says so."""
    stored, tip = team.stored(), git(team.root / "a", "rev-parse", "gtrack")
    with pytest.raises(ConflictError, match=match) as failure:
        yield
    assert hint in str(failure.value.hint)
    assert failure.value.exit_code == 4
    assert (team.stored(), git(team.root / "a", "rev-parse", "gtrack")) == (stored, tip)


def test_a_remote_that_cannot_be_asked(team):
    team.hub.rename(team.root / "gone")
    with Repo(str(team.root / "a")) as repo:
        with refused(team, "origin cannot be asked", "git fetch origin"):
            collect(repo)
        plan = gather(repo).plan  # what would be done is shown all the same
        assert plan.runs(Step.DELETE)
        assert plan.to_dict()["refused"][0]["hint"] == "git fetch origin"


def test_a_branch_that_was_rewritten(team):
    git(team.root / "a", "push", "-q", "origin", ":gtrack")
    git(team.root / "a", "fetch", "-q", "origin")
    git(team.root / "a", "update-ref", "refs/remotes/origin/gtrack", "gtrack")
    with Repo(str(team.root / "a")) as repo, refused(team, "was rewritten or removed", "gtrack push"):
        collect(repo)


def test_a_policy_that_does_not_parse(team):
    here = team.root / "a"
    (here / "gtrack.yaml").write_text("retention: {failed: soon}\n")
    git(here, "commit", "-qam", "a policy")
    git(here, "push", "-q", "origin", "main")
    with Repo(str(here)) as repo, refused(team, r"retention\.failed is not a time"):
        collect(repo)
    (here / "gtrack.yaml").write_text("retention: {failed: 30d\n")
    git(here, "commit", "-qam", "broken")
    git(here, "push", "-q", "origin", "main")
    with Repo(str(here)) as repo, refused(team, "what is kept cannot be known"):
        collect(repo)


def test_a_store_that_is_not_there(team):
    here, store = team.root / "a", team.store
    store.rename(team.root / "unmounted")
    with Repo(str(here)) as repo:
        with pytest.raises(ConflictError, match="is the disk mounted"):
            collect(repo)
        assert gather(repo).plan.shelves["cache"] > 0


def test_a_second_repository_that_cannot_be_read(team):
    (team.root / "second").mkdir()
    second = Team(team.root / "second", store=False)
    other, here = second.root / "a", team.root / "a"
    git(other, "config", "gtrack.store", str(team.store))
    second.record(other, [MadeRun(9, 5, content={"x": b"orphan"})])
    second.join_store(other)
    with Repo(str(here)) as repo:
        with refused(team, "uses the same store", "--with PATH"):
            collect(repo)
        second.hub.rename(team.root / "gone")
        with refused(team, "origin cannot be asked"):
            collect(repo, others=[str(other)])
        (team.root / "gone").rename(second.hub)
        done = collect(repo, grace=0, others=[str(other)])
        assert (done.condemned, done.failed) == (0, {})
        collect(repo, grace=0, others=[str(other)])
    assert digest_of(b"orphan") in team.stored()


def test_an_object_of_the_branch_that_is_missing(team):
    here = team.root / "a"
    blob = git(here, "rev-parse", f"gtrack:runs/{run_id_of(1)[:2]}/{run_id_of(1)}/run.yaml")
    (path,) = (here / ".git" / "objects" / blob[:2]).glob(blob[2:])
    path.unlink()
    shutil.rmtree(here / ".git" / "gtrack" / "kept", ignore_errors=True)
    git(here, "config", "remote.origin.fetch", "+refs/heads/main:refs/remotes/origin/main")
    with Repo(str(here)) as repo, refused(team, "cannot be read|cannot be known"):
        collect(repo)


def test_two_at_once(team):
    with Repo(str(team.root / "a")) as repo, _alone(repo.repository), pytest.raises(LockedError):
        collect(repo)


def test_what_other_remotes_inboxes_and_versions_name_stays(team):
    here = team.root / "a"
    for name in (b"fork", b"inbox", b"version"):
        team.keep(here, name, 100)
    runs = {name: MadeRun(10 + at, 5, content={"x": name.encode()}) for at, name in enumerate(("fork", "inbox"))}
    fork = team.clone("fork")
    team.record(fork, [runs["fork"]], push=False)
    git(here, "remote", "add", "fork", str(fork))
    git(here, "fetch", "-q", "fork", "gtrack:refs/remotes/fork/gtrack")
    busy = team.clone("busy")
    team.record(busy, [runs["inbox"]], push=False)
    git(busy, "push", "-q", "origin", f"gtrack:refs/gtrack/inbox/{'1' * 16}/runs")
    version = MadeRun(20, 5, content={"x": b"version"})
    team.record(here, [], version_files("churn", version, "x"))
    with Repo(str(here)) as repo:
        collect(repo, grace=0)
        known = references(repo.repository)
        assert known.fixed[digest_of(b"fork")] == "a run of fork names it"
        assert digest_of(b"inbox") in known.runs[runs["inbox"].id]
        assert known.fixed[digest_of(b"version")] == "model churn names it"
        collect(repo, grace=0)
    assert team.stored() >= {digest_of(name) for name in (b"fork", b"inbox", b"version")}
    assert digest_of(b"orphan") not in team.stored()


def test_a_tombstone_of_a_fork_or_before_a_restore_hides_nothing(team):
    here = team.root / "a"
    run = MadeRun(30, 5, content={"x": b"mine"}, deleted=20)
    team.record(here, [run])
    team.keep(here, b"mine", 100)
    restored = yaml.dump({"format": 1, "kind": "restore", "author": "x", "previous": []})
    tomb = yaml.dump({"format": 1, "run": run.id, "reason": "x", "author": "x"})
    from gtrack.ids import sha12

    path = f"tombstones/{run.id[:2]}/{run.id}/20260101T000000.000000Z-{sha12(tomb)}.yaml"
    back = f"runs/{run.id[:2]}/{run.id}/events/20990101T000000.000000Z-{sha12(restored)}.yaml"
    with Repo(str(here)) as repo:
        with repo.repository.lock():  # not published: it does not count yet
            commit_files(repo.repository, {path: tomb}, "x", by="E <e@example.org>")
        assert run.id not in references(repo.repository).pruned
    team.record(here, [])
    with Repo(str(here)) as repo:
        assert run.id in references(repo.repository).pruned
        assert gather(repo).plan.fates.verdicts[run.id].fate is Fate.GONE
    team.record(here, [], {back: restored})
    with Repo(str(here)) as repo:
        assert run.id not in references(repo.repository).pruned


def test_a_list_of_condemned_objects_counts_only_when_it_is_ones_own_and_sound(team):
    here = team.root / "a"
    folder = team.store / "condemned"
    orphan = digest_of(b"orphan")
    with Repo(str(here)) as repo:
        collect(repo)
        choice = store_choice(repo.repository)
        assert choice is not None
        with opened_store(repo.repository, choice.location) as place:
            assert orphan in store_shelf(repo.repository, place).condemned
            (mine,) = folder.iterdir()
            content = mine.read_bytes()
            for forged in (b"", b"\xff", b"format: 1\nat: 3\n", content.replace(b'"size": 6', b'"size": 7')):
                mine.write_bytes(forged)
                assert not store_shelf(repo.repository, place).condemned
            mine.rename(folder / f"20200101T000000.000000Z-{'2' * 16}.yaml")
            assert not store_shelf(repo.repository, place).condemned
