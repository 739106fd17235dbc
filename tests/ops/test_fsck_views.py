"""The check of saved views: each kind of wrong version is named, whichever branch it is on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hostile import LINK, PLAIN, blobs, commit, files_of
from spooling import START, finished_run, git, make_repo

from gtrack.clock import now_ns, stamp
from gtrack.format import names, yaml
from gtrack.ids import sha12
from gtrack.model.saved_view import MOST_BYTES
from gtrack.ops import fsck_views
from gtrack.ops.fsck import check
from gtrack.ops.fsck_range import check_range
from gtrack.ops.saved_views import delete_view, save_view
from gtrack.reader import Repo

BRANCH, TRACKING, ALICE = "refs/heads/gtrack", "refs/remotes/origin/gtrack", "refs/remotes/alice/gtrack"
BEST = "views/best"


@pytest.fixture
def repo(tmp_path):
    """A repository with one recorded run."""
    with make_repo(tmp_path / "repo") as repo:
        finished_run(repo.repository.paths.spool)
        repo.recover()
        yield repo


def put(repo, files, ref=BRANCH, mode=PLAIN):
    """Put files, {path: content}, beside what the branch has, as anybody who can push could."""
    repository = repo.repository
    tip = repository.refs.read(ref) or repository.tip
    entries = {**files_of(repository, tip), **blobs(repository, files, mode)}
    git(repo.root, "update-ref", ref, commit(repository, entries, tip))


def version(seconds=0, folder=BEST, **body):
    """Return a version that is made so many seconds from now."""
    said = {"format": 1, "kind": "save", "page": "runs", "settings": {}, **body}
    data = yaml.dump({key: value for key, value in said.items() if value != "absent"})
    return {f"{folder}/{names.view_file(stamp(now_ns() // 1000 + seconds * 1_000_000), data)}": data}


def named(data, moment=None):
    return {f"{BEST}/{moment or stamp(START)}-{sha12(data)}.yaml": data}


def found(repo):
    with Repo(repo.root, env=dict(os.environ)) as fresh:
        return [(finding.level, finding.path, finding.what) for finding in check(fresh).findings]


def in_range(repo):
    findings = check_range(repo.repository, f"{BRANCH}~1..{BRANCH}").findings
    return [(finding.level, finding.path, finding.what) for finding in findings]


def test_views_that_were_saved_and_deleted_have_no_findings(repo):
    for name in ("best", "Best of churn", "\x1b[2J"):
        save_view(repo.repository, name, "runs", {"where": "metrics.auc > 0.9"}, "for Mondays")
        save_view(repo.repository, name, "charts", {"x": None})
    delete_view(repo.repository, "best")
    assert found(repo) == []
    assert check_range(repo.repository, f"..{BRANCH}").findings == ()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"page": 5}, "page is 5, not a name"),
        ({"page": "absent"}, "page is missing, not a name"),
        ({"settings": "absent"}, "settings is missing, not a map"),
        ({"settings": [1]}, "settings is list, not a map"),
        ({"description": {"a": 1}}, "description is dict, not text"),
        ({"previous": "none"}, 'previous is "none", not a list of names'),
        ({"author": 7}, "author is 7, not text"),
        ({"kind": ""}, 'kind is "", not a name'),
        ({"kind": "absent"}, "kind is missing, not a name"),
        ({"format": 2}, "newer gtrack"),
        ({"settings": {"a": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}}, "its settings are nested deeper than 16 levels"),
        ({"settings": {"a": list(range(10_001))}}, "its settings hold more than 10,000 values"),
    ],
)
def test_fields_of_a_version_have_their_types(repo, body, what):
    files = version(**body)
    put(repo, files)
    ((level, path, text),) = found(repo)
    assert (level, path) == ("error", *files) and what in text
    assert in_range(repo) == [(level, path, text)]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"kind": "\x1b[31mpin", "page": 5}, "no event"),
        ({"page": "\x1b[31msettings"}, "no page"),
    ],
)
def test_what_a_newer_gtrack_may_have_written_is_a_warning(repo, body, what):
    files = version(**body)
    put(repo, files)
    ((level, path, text),) = found(repo)
    assert (level, path) == ("warning", *files)
    assert what in text and "no effect" in text and text.isprintable()
    assert in_range(repo) == [(level, path, text)]


DAMAGED = {
    "nested": (named(b"format: 1\nkind: save\nsettings: " + b"[" * 20_000), "nest"),
    "anchors": (named(b"a: &x [*x, *x]\n"), "anchors"),
    "no map": (named(b"[1, 2]\n"), ""),
    "empty": (named(b""), ""),
    "digest": ({f"{BEST}/{stamp(START)}-0123456789ab.yaml": b"format: 1\nkind: delete\n"}, "the digest"),
    "stamp": (named(b"format: 1\nkind: delete\n", "20269999T999999.999999Z"), "not a time"),
    "large": (named(b'format: 1\nkind: "delete"\na: "' + b"x" * MOST_BYTES + b'"\n'), "at most 65,536"),
}


@pytest.mark.parametrize("which", DAMAGED)
def test_a_damaged_version_is_one_error(repo, which):
    files, what = DAMAGED[which]
    put(repo, files)
    ((level, path, text),) = found(repo)
    assert (level, path) == ("error", *files) and what in text
    assert in_range(repo) == [(level, path, text)]


def test_what_is_no_version_is_named(repo):
    put(repo, {f"{BEST}/readme": b"", f"{BEST}/events/{names.event(stamp(START), b'')}": b""})
    assert {(level, "no such file" in what) for level, _, what in found(repo)} == {("warning", True)}
    put(repo, version(), mode=LINK)
    assert [what for level, _, what in found(repo) if level == "error"] == ["it is a symbolic link, not a plain file"]


def test_a_version_of_a_time_that_has_not_come_is_a_warning(repo):
    soon, later = version(23 * 3600), version(25 * 3600)
    put(repo, {**soon, **later})
    assert found(repo) == [("warning", *later, "its stamp is in the future: it has no effect until then")]


@pytest.mark.parametrize("folder", ["views/%63hurn", "views/%20", "views/%ff"])
def test_a_folder_that_is_no_views_is_a_warning(repo, folder):
    files = version(folder=folder)
    put(repo, files)
    ((level, path, what),) = found(repo)
    assert (level, path) == ("warning", *files) and "no view's folder" in what


def test_more_versions_and_views_than_count_are_a_warning(repo, monkeypatch):
    monkeypatch.setattr(fsck_views, "MOST_VERSIONS", 3)
    monkeypatch.setattr(fsck_views, "MOST_VIEWS", 1)
    put(repo, {path: data for n in range(4) for path, data in version(n - 9).items()} | version(folder="views/b%20c"))
    assert found(repo) == [
        ("warning", "views", "there are 2 views; 1 of them are listed"),
        ("warning", BEST, "the view has 4 versions; the newest 3 count"),
    ]


def test_another_remotes_views_are_neither_heard_nor_checked(repo):
    for name in ("origin", "alice"):
        git(repo.root, "remote", "add", name, repo.root)
    put(repo, version(page=5), ALICE)
    assert [(level, path) for level, path, _ in found(repo)] == [("warning", "views")]


def test_the_tracking_remotes_views_are_checked(repo):
    git(repo.root, "remote", "add", "origin", repo.root)
    files = version(page=5)
    put(repo, files, TRACKING)
    assert [(level, path) for level, path, _ in found(repo)] == [("error", *files)]


def test_a_version_that_was_changed_or_removed_is_named(repo):
    save_view(repo.repository, "best", "runs", {})
    entries = files_of(repo.repository, repo.repository.tip)
    (path,) = (path for path in entries if path.startswith(BEST))
    left = {other: entry for other, entry in entries.items() if other != path}
    git(repo.root, "update-ref", BRANCH, commit(repo.repository, left, repo.repository.tip))
    assert [(level, where) for level, where, _ in found(repo)] == [("error", path)]
    assert ("error", path) in [(level, where) for level, where, _ in in_range(repo)]


def test_a_missing_version_is_named_and_stops_nothing(repo):
    put(repo, {**version(), **version(1, folder="views/other", page="nowhere")})
    entries = files_of(repo.repository, repo.repository.tip)
    (oid,) = (oid for path, (_, oid) in entries.items() if path.startswith(BEST))
    os.unlink(Path(repo.common_dir, "objects", oid[:2], oid[2:]))
    levels = {(level, where.rpartition("/")[0]) for level, where, _ in found(repo)}
    assert levels == {("error", BEST), ("warning", "views/other")}
