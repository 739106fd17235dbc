"""The check of what is said of experiments: each kind of wrong event is named, and so is a protocol nobody can use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hostile import PLAIN, blobs, commit, event, files_of
from spooling import RUN, START, end, finished_run, git, make_repo, open_run

from gtrack.clock import now_ns, stamp
from gtrack.ids import sha12
from gtrack.ops.experiments import archive, set_protocol
from gtrack.ops.fsck import check
from gtrack.reader import Repo

BRANCH, TRACKING, ALICE = "refs/heads/gtrack", "refs/remotes/origin/gtrack", "refs/remotes/alice/gtrack"
CHURN = "experiments/churn"
ABSENT = "3f" + "0" * 30
NESTED = b"format: 1\nkind: set\nmetric: " + b"[" * 200_000 + b"]" * 200_000


@pytest.fixture
def repo(tmp_path):
    """A repository with one recorded run."""
    with make_repo(tmp_path / "repo") as repo:
        finished_run(repo.repository.paths.spool)
        repo.recover()
        yield repo


def put(repo, files, ref=BRANCH):
    """Put files, {path: content}, beside what the branch has, as anybody who can push could."""
    repository = repo.repository
    tip = repository.refs.read(ref) or repository.tip
    entries = {**files_of(repository, tip), **blobs(repository, files, PLAIN)}
    git(repo.root, "update-ref", ref, commit(repository, entries, tip))


def said(seconds=0, folder=CHURN, **body):
    """Return an event that is made so many seconds from now."""
    return event(folder, {"kind": "set", **body}, now_ns() // 1000 + seconds * 1_000_000)


def named(data, moment=None):
    return {f"{CHURN}/events/{moment or stamp(START)}-{sha12(data)}.yaml": data}


def found(repo):
    with Repo(repo.root, env=dict(os.environ)) as fresh:
        return [(finding.level, finding.path, finding.what) for finding in check(fresh).findings]


def test_a_protocol_that_can_be_used_has_no_findings(repo):
    set_protocol(repo.repository, "churn", {"metric": "auc", "floor": "metrics.precision >= 0.8", "baseline": RUN})
    archive(repo.repository, "Churn 2025")
    assert found(repo) == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"metric": 5}, "metric is 5, not the name of a metric or null"),
        ({"metric": " "}, 'metric is " ", not the name'),
        ({"goal": "up"}, 'goal is "up", not "min" or "max"'),
        ({"floor": ["x"]}, "floor is list, not a filter"),
        ({"baseline": "last"}, 'baseline is "last", not 32 hex digits'),
        ({"description": {"a": 1}}, "description is dict, not text"),
        ({"previous": "none"}, 'previous is "none", not a list of names'),
        ({"author": 7}, "author is 7, not text"),
        ({"kind": ""}, 'kind is "", not a name'),
        ({"format": 2}, "newer gtrack"),
        ({"format": "1"}, "format is"),
    ],
)
def test_fields_of_an_event_have_their_types(repo, body, what):
    files = said(**body)
    put(repo, files)
    ((level, path, text),) = found(repo)
    assert (level, path) == ("error", *files) and what in text


def test_every_wrong_field_of_an_event_is_named(repo):
    put(repo, said(metric=5, goal="up", baseline="x"))
    assert [what.split()[0] for _, _, what in found(repo)] == ["metric", "goal", "baseline"]


def test_a_kind_of_event_that_is_not_known_is_a_warning(repo):
    files = said(kind="\x1b[31mteleport", metric=5)
    put(repo, files)
    ((level, path, what),) = found(repo)
    assert (level, path) == ("warning", *files)
    assert "no event" in what and "no effect" in what and what.isprintable()


DAMAGED = {
    "nested": (named(NESTED), "nesting"),
    "anchors": (named(b"a: &x [*x, *x]\n"), "anchors"),
    "no map": (named(b"[1, 2]\n"), ""),
    "empty": (named(b""), ""),
    "digest": ({f"{CHURN}/events/{stamp(START)}-0123456789ab.yaml": b"format: 1\nkind: archive\n"}, "the digest"),
    "stamp": (named(b"format: 1\nkind: archive\n", "20269999T999999.999999Z"), "not a time"),
}


@pytest.mark.parametrize("which", DAMAGED)
def test_a_damaged_event_is_one_error(repo, which):
    files, what = DAMAGED[which]
    put(repo, files)
    ((level, path, text),) = found(repo)
    assert (level, path) == ("error", *files) and what in text


def test_an_event_of_a_time_that_has_not_come_is_a_warning(repo):
    soon, later = said(23 * 3600, metric="auc"), said(25 * 3600, metric="loss")
    put(repo, {**soon, **later})
    assert found(repo) == [("warning", *later, "its stamp is in the future: it has no effect until then")]


@pytest.mark.parametrize("folder", ["experiments/%63hurn", "experiments/%20", "experiments/%ff"])
def test_a_folder_that_is_no_experiments_is_a_warning_once(repo, folder):
    put(repo, {**said(folder=folder, metric="auc"), **said(1, folder=folder, floor="(((")})
    ((level, path, what),) = found(repo)
    assert (level, path) == ("warning", folder) and "no experiment's folder" in what


@pytest.mark.parametrize("floor", ["metrics.auc >=", "(" * 5000, "nonsense", "x'; DROP TABLE run; --", "\0"])
def test_a_floor_that_is_no_filter_is_a_warning(repo, floor):
    put(repo, said(floor=floor))
    ((level, path, what),) = found(repo)
    assert (level, path) == ("warning", CHURN)
    assert what.startswith("the floor is not used: ") and what.isprintable()


def test_a_baseline_that_is_no_run_here_is_a_warning(repo):
    put(repo, said(baseline=ABSENT))
    assert found(repo) == [("warning", CHURN, f"the baseline {ABSENT[:7]} is no run that is here")]


def test_what_was_said_before_and_does_not_stand_is_no_finding(repo):
    put(repo, {**said(-2, floor="(((", baseline=ABSENT), **said(-1, floor=None, baseline=RUN)})
    assert found(repo) == []


def test_a_baseline_may_be_a_live_run_or_one_that_was_fetched(repo):
    writer = open_run(repo.repository.paths.spool, run_id=ABSENT)
    put(repo, said(baseline=ABSENT))
    assert found(repo) == []
    end(writer)
    repo.recover()
    with_both = repo.repository.tip
    git(repo.root, "remote", "add", "origin", repo.root)
    git(repo.root, "update-ref", TRACKING, with_both)
    put(repo, said(1, folder="experiments/other", baseline=ABSENT))
    git(repo.root, "update-ref", BRANCH, f"{with_both}~1")
    assert not any("no run that is here" in what for _, _, what in found(repo))


def test_another_remotes_experiments_are_neither_heard_nor_checked(repo):
    for name in ("origin", "alice"):
        git(repo.root, "remote", "add", name, repo.root)
    put(repo, {**said(metric=5, floor="((("), **said(folder="experiments/%63hurn", metric="x")}, ALICE)
    assert [(level, path) for level, path, _ in found(repo)] == [("warning", "experiments")]


def test_the_tracking_remotes_experiments_are_checked(repo):
    git(repo.root, "remote", "add", "origin", repo.root)
    files = said(metric=5, floor="(((")
    put(repo, files, TRACKING)
    assert {(level, path) for level, path, _ in found(repo)} == {("error", *files), ("warning", CHURN)}


def test_a_missing_event_is_named_and_stops_nothing(repo):
    put(repo, {**said(metric="auc"), **said(1, folder="experiments/other", floor="(((")})
    entries = files_of(repo.repository, repo.repository.tip)
    ((path, (_, oid)),) = ((path, entry) for path, entry in entries.items() if path.startswith(CHURN))
    os.unlink(Path(repo.common_dir, "objects", oid[:2], oid[2:]))
    assert {(level, path) for level, path, _ in found(repo)} == {("error", path), ("warning", "experiments/other")}


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 8000], ids=len)
def test_a_damaged_index_is_nothing_to_the_check(repo, content):
    set_protocol(repo.repository, "churn", {"metric": "auc", "baseline": RUN})
    repo.runs()
    repo.close()
    (index,) = Path(repo.common_dir, "gtrack").glob("index-*.sqlite")
    index.write_bytes(content)
    assert found(repo) == []
    assert index.read_bytes() == content, "it was not even opened"
