"""Saved views: kept on the branch as versions, read from all that counts, trusted in nothing."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hostile import LINK, PLAIN, blobs, commit, files_of
from spooling import git, make_repo

from gtrack.branch.repository import Repository
from gtrack.clock import now_ns, stamp
from gtrack.errors import ConflictError, NotFoundError, UsageError
from gtrack.format import names, yaml
from gtrack.model.saved_view import MOST_BYTES, PAGES
from gtrack.ops import saved_view_files
from gtrack.ops import saved_views as ops
from gtrack.ops.saved_views import delete_view, save_view, saved_view, saved_views
from gtrack.reader import Repo

BRANCH, TRACKING, FORK = "refs/heads/gtrack", "refs/remotes/origin/gtrack", "refs/remotes/alice/gtrack"
BEST = "views/best"
SETTINGS = {"where": "metrics.auc > 0.9", "columns": ["name", "params.lr"], "smoothing": 0.6, "log": False, "x": None}


@pytest.fixture
def repo(tmp_path):
    with make_repo(tmp_path / "repo") as opened:
        yield opened.repository


def put(repo, files, ref=BRANCH, mode=PLAIN):
    """Put further files, {path: content}, at the tip of a reference, as anybody who can push could."""
    tip = repo.refs.read(ref) or repo.tip
    made = commit(repo, {**(files_of(repo, tip) if tip else {}), **blobs(repo, files, mode)}, *([tip] if tip else []))
    git(repo.paths.root, "update-ref", ref, made)


def version(folder=BEST, seconds=0, **body):
    """Return the file of a version that is made so many seconds from now."""
    data = yaml.dump({"format": 1, "kind": "save", "page": "runs", "settings": {}, **body})
    return {f"{folder}/{names.view_file(stamp(now_ns() // 1000 + seconds * 1_000_000), data)}": data}


def with_remote(repo):
    """Return the repository opened anew, with a tracking remote."""
    git(repo.paths.root, "remote", "add", "origin", "file:///nowhere")
    return Repository(repo.paths.root, dict(os.environ))


def view_paths(repo):
    return [path for path in files_of(repo, repo.tip) if path.startswith("views/")]


def test_a_view_is_one_file_with_a_subject_to_be_read(repo):
    view = save_view(repo, "best of churn", "runs", SETTINGS, "what we look at on Mondays")
    assert view == saved_view(repo, "best of churn")
    assert (view.page, view.settings, view.description) == ("runs", SETTINGS, "what we look at on Mondays")
    assert view.author == git(repo.paths.root, "log", "-1", "--format=%an <%ae>", "gtrack").strip()
    assert git(repo.paths.root, "log", "-1", "--format=%s", "gtrack").strip() == 'view "best of churn" saved'
    (path,) = view_paths(repo)
    assert path.startswith(f"views/best%20of%20churn/{view.stamp}-")


def test_the_bytes_of_a_view_are_as_the_design_shows_them(repo, monkeypatch):
    monkeypatch.setitem(repo.env, "GIT_AUTHOR_NAME", "Ada L")
    monkeypatch.setitem(repo.env, "GIT_AUTHOR_EMAIL", "ada@example.org")
    save_view(repo, "best of churn", "runs", {"where": "metrics.val_auc > 0.9", "columns": ["name"]}, "for Mondays")
    first = Path(view_paths(repo)[0]).name
    delete_view(repo, "best of churn")
    saved, deleted = (repo.read_blob(files_of(repo, repo.tip)[path][1]) for path in sorted(view_paths(repo)))
    assert saved == (
        b'format: 1\nkind: "save"\npage: "runs"\ndescription: "for Mondays"\nsettings:\n'
        b'  "where": "metrics.val_auc > 0.9"\n  "columns": ["name"]\n'
        b'author: "Ada L <ada@example.org>"\nprevious: []\n'
    )
    assert deleted == f'format: 1\nkind: "delete"\nauthor: "Ada L <ada@example.org>"\nprevious: ["{first}"]\n'.encode()


def test_the_last_version_stands_and_earlier_ones_are_its_history(repo):
    made = [save_view(repo, "best", "charts", {"n": n}) for n in range(3)]
    view = saved_view(repo, "best")
    assert (view.settings, view.stamp) == ({"n": 2}, made[2].stamp)
    assert [(each.stamp, each.author) for each in view.history] == [(v.stamp, v.author) for v in made[1::-1]]
    assert not view.concurrent and not view.problems


def test_saving_the_same_again_writes_nothing(repo):
    first = save_view(repo, "best", "runs", {**SETTINGS, "nan": math.nan, "pair": (1, 2)})
    before = repo.tip
    assert save_view(repo, "best", "runs", {**SETTINGS, "nan": math.nan, "pair": [1, 2]}).stamp == first.stamp
    assert repo.tip == before
    assert save_view(repo, "best", "runs", {**SETTINGS, "nan": math.nan, "pair": [1, 2.0]}).stamp > first.stamp


def test_a_deleted_view_is_not_listed_and_comes_back_when_it_is_saved(repo):
    save_view(repo, "best", "runs", SETTINGS)
    gone = delete_view(repo, "best")
    assert git(repo.paths.root, "log", "-1", "--format=%s", "gtrack").strip() == 'view "best" deleted'
    assert (gone.deleted, gone.settings) == (True, SETTINGS), "what it showed can still be seen, and saved again"
    assert saved_views(repo) == [] and saved_views(repo, deleted=True) == [gone] and saved_view(repo, "best") == gone
    back = save_view(repo, "best", "runs", SETTINGS)
    assert saved_views(repo) == [back]
    assert [each.deleted for each in back.history] == [True, False]


@pytest.mark.parametrize("name", ["never", "best", " "])
def test_what_is_not_there_cannot_be_deleted(repo, name):
    save_view(repo, "best", "runs", {})
    delete_view(repo, "best")
    before = repo.tip
    with pytest.raises(UsageError if name == " " else NotFoundError):
        delete_view(repo, name)
    assert repo.tip == before


def test_a_view_that_is_not_there_is_told_with_the_likeliest(repo):
    save_view(repo, "best of churn", "runs", {})
    with pytest.raises(NotFoundError, match="did you mean 'best of churn'"):
        saved_view(repo, "best of chrun")


def nested(depth):
    value: object = 1
    for _ in range(depth):
        value = [value]
    return {"deep": value}


def endless():
    value: dict[str, object] = {}
    value["again"] = [value, value]
    return value


def unfolding():
    """Return five small lists that hold each other many times over."""
    value: object = 1
    for _ in range(5):
        value = [value] * 20
    return {"wide": value}


@pytest.mark.parametrize(
    ("name", "page", "given", "description", "words"),
    [
        (" ", "runs", {}, "", "empty"),
        ("é" * 100, "runs", {}, "", "too long"),
        (None, "runs", {}, "", "empty"),
        ("best", "settings", {}, "", "no page 'settings'"),
        ("best", ["runs"], {}, "", "no page"),
        ("best", "runs", [1], "", "not a map"),
        ("best", "runs", {"a": {"b": {1, 2}}}, "", "hold a set"),
        ("best", "runs", {"a": b"x"}, "", "hold a bytes"),
        ("best", "runs", {"a": object()}, "", "hold an object"),
        ("best", "runs", {"a": {1: 2}}, "", "int as a key"),
        ("best", "runs", {"k" * 513: 1}, "", "longer than 512"),
        ("best", "runs", {"a": 10**700}, "", "digits"),
        ("best", "runs", nested(16), "", "deeper than 16"),
        ("best", "runs", endless(), "", "deeper than 16"),
        ("best", "runs", unfolding(), "", "more than 10,000"),
        ("best", "runs", {"a": list(range(10_001))}, "", "more than 10,000"),
        ("best", "runs", {"a": "x" * MOST_BYTES}, "", "65,536"),
        ("best", "runs", {}, "x" * MOST_BYTES, "65,536"),
        ("best", "runs", {}, 7, "not text"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(repo, name, page, given, description, words):
    with pytest.raises(UsageError, match=words):
        save_view(repo, name, page, given, description)
    assert repo.tip is None


def test_what_is_just_within_the_limits_is_kept(repo):
    for wanted in (nested(14), {"a": list(range(9_990))}, {"a": "x" * (MOST_BYTES - 300)}):
        save_view(repo, "best", "runs", wanted)
        assert saved_view(repo, "best").settings == wanted


def test_any_name_comes_back_from_its_folder(repo):
    every = [
        "best",
        "Best",
        "..",
        ".git",
        "a/b",
        "a b",
        "ключ",
        "%41",
        "con",
        "é\u0301",
        "x" * 255,
        "\x1b[2J\n",
        "\udc80",
    ]
    for name in every:
        save_view(repo, name, "runs", {"of": "it"})
    assert [view.name for view in saved_views(repo)] == sorted(every)
    assert all(saved_view(repo, name).name == name for name in every)
    assert git(repo.paths.root, "fsck", "--full", "--strict") == ""
    assert git(repo.paths.root, "log", "--format=%s", "gtrack").replace("\n", "").isprintable()


def test_every_page_has_views(repo):
    for page in PAGES:
        save_view(repo, f"my {page}", page, {})
    assert sorted(view.page for view in saved_views(repo)) == sorted(PAGES)


def test_a_clock_that_was_set_back_does_not_hide_an_edit(repo):
    put(repo, version(seconds=3600, description="from an hour ahead"))
    assert save_view(repo, "best", "runs", {}, "now").description == "now"
    assert saved_view(repo, "best").description == "now"


def test_a_version_of_a_time_that_has_not_come_is_listed_and_hides_nothing(repo, monkeypatch):
    put(repo, version(seconds=25 * 3600, description="tomorrow"))
    assert saved_views(repo) == []
    view = save_view(repo, "best", "runs", {}, "now")
    assert (saved_view(repo, "best").description, len(view.future)) == ("now", 1)
    monkeypatch.setattr(saved_view_files, "now_ns", lambda: now_ns() + 2 * 3600 * 10**9)
    assert saved_view(repo, "best").description == "tomorrow", "what was remembered has become another view"


def test_a_view_that_only_the_tracking_remote_has_is_listed_edited_and_deleted(repo):
    with with_remote(repo) as cloned:
        put(cloned, version(seconds=60, description="theirs"), TRACKING)
        put(cloned, version("views/gone", 60), TRACKING)
        assert cloned.tip is None
        assert [(view.name, view.description) for view in saved_views(cloned)] == [("best", "theirs"), ("gone", "")]
        mine = save_view(cloned, "best", "runs", {}, "mine")
        assert saved_view(cloned, "best") == mine and len(mine.history) == 1
        assert mine.stamp > mine.history[0].stamp
        delete_view(cloned, "gone")
        assert [view.name for view in saved_views(cloned)] == ["best"]


def test_another_remotes_views_do_not_count(repo):
    save_view(repo, "best", "runs", {}, "ours")
    put(repo, {**version(seconds=60, description="theirs"), **version("views/other")}, FORK)
    assert [(view.name, view.description) for view in saved_views(repo)] == [("best", "ours")]


def test_who_changes_what_somebody_else_has_changed_meanwhile_is_told(repo):
    mine = save_view(repo, "best", "runs", {"n": 1}, seen="")
    theirs = save_view(repo, "best", "runs", {"n": 2}, seen=mine.stamp)
    before = repo.tip
    for seen in (mine.stamp, ""):
        with pytest.raises(ConflictError, match="'best' was saved by"):
            save_view(repo, "best", "runs", {"n": 3}, seen=seen)
    with pytest.raises(ConflictError, match="was saved by"):
        delete_view(repo, "best", seen=mine.stamp)
    delete_view(repo, "best", seen=theirs.stamp)
    with pytest.raises(ConflictError, match="was deleted by"):
        save_view(repo, "best", "runs", {"n": 3}, seen=theirs.stamp)
    with pytest.raises(ConflictError, match="not here"):
        save_view(repo, "another", "runs", {"n": 3}, seen=theirs.stamp)
    assert git(repo.paths.root, "rev-list", "--count", f"{before}..gtrack").strip() == "1"


def test_versions_of_clones_that_did_not_know_of_each_other_are_concurrent_until_somebody_decides(repo):
    put(
        repo, {**version(seconds=-9, previous=[], description="a"), **version(seconds=-8, previous=[], description="b")}
    )
    view = saved_view(repo, "best")
    assert (view.description, view.concurrent) == ("b", True)
    settled = save_view(repo, "best", "runs", {}, "b")
    assert not settled.concurrent and settled.stamp > view.stamp


def test_files_that_cannot_be_trusted_are_passed_over_and_named(repo):
    save_view(repo, "best", "runs", SETTINGS)
    bomb = b"format: 1\nkind: save\npage: runs\nsettings: " + b"[" * 5000
    large = yaml.dump({"format": 1, "kind": "save", "page": "runs", "settings": {"a": "x" * MOST_BYTES}})
    put(
        repo,
        {
            f"{BEST}/20261126T120000.000000Z-0123456789ab.yaml": b'format: 1\nkind: "delete"\n',
            **{f"{BEST}/{names.view_file(stamp(now_ns() // 1000), data)}": data for data in (bomb, large)},
            f"{BEST}/{names.view_file('20269926T120000.000001Z', b'')}": b"",
            f"{BEST}/readme": b"",
            f"{BEST}/events/x": b"",
            **version(seconds=60, page="../../etc/passwd"),
            **version(seconds=61, page={"a": 1}),
            **version(seconds=62, settings=[1]),
            **version(seconds=63, description=5),
            **version(seconds=64, settings=nested(20)),
            **version(seconds=65, kind="pin"),
        },
    )
    put(repo, version(seconds=70, description="linked"), mode=LINK)
    put(repo, {"views/%61/x": b"", "views/%ff/x": b"", "views/file": b""})
    (view,) = saved_views(repo)
    assert (view.name, view.settings, view.history) == ("best", SETTINGS, ())
    assert len(view.problems) == 12 - 1 + 1, "all but the kind that is not known, which a newer gtrack may have written"
    assert save_view(repo, "best", "charts", {}).page == "charts"
    assert saved_view(repo, "best").page == "charts"


def test_a_folder_where_views_should_be_that_is_a_file_hurts_nobody(repo):
    put(repo, {"views": b"no folder"})
    assert saved_views(repo) == []


def test_very_many_versions_are_not_all_read_and_cannot_hide_the_view(repo, monkeypatch):
    monkeypatch.setattr(saved_view_files, "MOST_VERSIONS", 5)
    many = {path: data for n in range(9) for path, data in version(seconds=n - 100, description=f"{n}").items()}
    broken = {f"{BEST}/{stamp(now_ns() // 1000 + n)}-0123456789ab.yaml": b"" for n in range(30)}
    unknown = {path: data for n in range(30) for path, data in version(seconds=n, kind="pin").items()}
    later = {path: data for n in range(30) for path, data in version(seconds=25 * 3600 + n).items()}
    put(repo, {**many, **broken, **unknown, **later})
    view = saved_view(repo, "best")
    assert (view.description, len(view.history)) == ("8", 4)
    assert len(view.problems) == len(view.future) == 20


def test_more_views_than_are_listed_can_be_asked_for_by_name(repo, monkeypatch):
    monkeypatch.setattr(ops, "MOST_VIEWS", 2)
    put(repo, {path: data for name in "abc" for path, data in version(f"views/{name}").items()})
    assert [view.name for view in saved_views(repo)] == ["a", "b"]
    assert saved_view(repo, "c").page == "runs"


def test_what_a_caller_does_to_settings_changes_nothing_for_others(repo):
    save_view(repo, "best", "runs", SETTINGS)
    saved_view(repo, "best").settings["columns"].append("tags.x")
    assert saved_view(repo, "best").settings == SETTINGS == saved_views(repo)[0].settings


def test_a_missing_object_is_told_and_no_more_once_it_is_back(repo):
    save_view(repo, "best", "runs", {"n": 1})
    second = save_view(repo, "best", "runs", {"n": 2})
    (path,) = (path for path in view_paths(repo) if second.stamp in path)
    oid = files_of(repo, repo.tip)[path][1]
    lost = Path(repo.paths.common_dir, "objects", oid[:2], oid[2:])
    data = lost.read_bytes()
    lost.unlink()
    view = saved_view(repo, "best")
    assert view.settings == {"n": 1} and "missing" in view.problems[0]
    lost.write_bytes(data)
    assert saved_view(repo, "best") == second


def test_reading_again_reads_no_version(repo, monkeypatch):
    for name in "abc":
        save_view(repo, name, "runs", {})
    listed = saved_views(repo)
    with Repository(repo.paths.root, dict(os.environ)) as another:
        read = []
        monkeypatch.setattr(saved_view_files, "read_version", lambda file, data: read.append(file))
        assert saved_views(another) == listed
        assert read == []


def test_views_are_read_through_the_repository(repo):
    with Repo(repo.paths.root, env=dict(os.environ)) as opened:
        assert opened.saved_views() == []
        view = save_view(opened.repository, "best", "runs", SETTINGS)
        assert opened.saved_view("best") == view and opened.saved_views() == [view]
        delete_view(opened.repository, "best")
        assert [each.name for each in opened.saved_views(deleted=True)] == ["best"]
        with pytest.raises(UsageError):
            opened.saved_view(7)
        assert opened.saved_view("best").to_dict().keys() == {
            *("name", "page", "description", "settings", "author", "stamp", "updated", "history", "deleted"),
        }


def test_the_users_checkout_is_left_alone(repo):
    def state():
        root = repo.paths.root
        return [git(root, *args) for args in (["status", "--porcelain"], ["rev-parse", "HEAD"], ["reflog"])]

    before = state()
    save_view(repo, "best", "runs", SETTINGS)
    delete_view(repo, "best")
    assert state() == before
