"""Saved views by their properties: any settings, any set of versions, any order of edits and unions in three clones."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spooling import git, make_repo

from gtrack.branch.commit_objects import write_commit
from gtrack.branch.repository import Repository
from gtrack.branch.union import union
from gtrack.clock import now_ns, stamp
from gtrack.format import names
from gtrack.model.fold import Document
from gtrack.model.saved_view import PAGES, fold_view
from gtrack.ops import saved_views as ops
from gtrack.ops.saved_views import delete_view, save_view, saved_view, saved_views

BRANCH = "refs/heads/gtrack"

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=9), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def anywhere(tmp_path_factory):
    with make_repo(tmp_path_factory.mktemp("views") / "repo") as opened:
        yield opened.repository


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=9), VALUES, max_size=4), st.text(max_size=20))
def test_any_plain_settings_come_back_as_they_were(anywhere, wanted, name):
    if names.view_dir(name) is None:
        name = "x"
    save_view(anywhere, name, "compare", wanted)
    assert saved_view(anywhere, name).settings == wanted
    assert saved_view(anywhere, name).name == name


BODIES = st.fixed_dictionaries(
    {"kind": st.sampled_from(["save", "save", "delete", "pin", 7]), "page": st.sampled_from([*PAGES, "x", 3])},
    optional={
        "settings": st.sampled_from([{}, {"a": 1}, [], "x"]),
        "description": st.sampled_from(["", "d", 5]),
        "author": st.sampled_from(["Ada", None, {}]),
        "previous": st.lists(st.integers(0, 7).map(str), max_size=2) | st.just("0"),
    },
)


@given(st.lists(BODIES, max_size=8), st.randoms(use_true_random=False))
def test_a_fold_depends_on_the_set_of_versions_alone(bodies, random):
    versions = [Document("event", str(n), body, stamp(10**15 + n)) for n, body in enumerate(bodies)]
    shuffled = [*versions, *random.sample(versions, len(versions) // 2)]
    random.shuffle(shuffled)
    view = fold_view("x", versions)
    assert view == fold_view("x", shuffled)
    if view is not None:
        counted = [doc for doc in versions if doc.body["kind"] == "delete" or not _wrong(doc.body)]
        assert view.stamp == counted[-1].stamp
        assert view.deleted == (counted[-1].body["kind"] == "delete")
        assert len(view.history) == len(counted) - 1


def _wrong(body):
    sound = body["page"] in PAGES and isinstance(body.get("settings"), dict)
    return body["kind"] != "save" or not sound or not isinstance(body.get("description", ""), str)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["save", "save", "delete", "union"]),
        st.sampled_from("ab"),
        st.sampled_from([-3600, 0, 3600]),
    ),
    min_size=4,
    max_size=12,
)
"""Which clone does what with which view, and by how many seconds its clock is wrong then."""


class Clones:
    """Three clones of one repository; they share their objects, as if all were fetched at once."""

    def __init__(self, path):
        self.repos = [Repository(str(self._make(path / f"{n}", path / "0")), dict(os.environ)) for n in range(3)]
        self.now = now_ns()

    @staticmethod
    def _make(path, first):
        git(path.parent, "init", "-q", str(path))
        if path != first:
            shutil.rmtree(path / ".git" / "objects")
            (path / ".git" / "objects").symlink_to(first / ".git" / "objects")
        return path

    def clock(self, wrong_by):
        self.now += 10**9
        return self.now + wrong_by * 10**9

    def unite(self, into, other):
        repo, tips = self.repos[into], [self.repos[into].tip, self.repos[other].tip]
        trees = [repo.tree_of(tip) for tip in tips if tip is not None]
        if trees:
            made = write_commit(
                repo, union(repo, trees).tree, [tip for tip in tips if tip], by="U <u@x>", subject="union", body=""
            )
            git(repo.paths.root, "update-ref", BRANCH, made)


@settings(max_examples=15, deadline=None)
@given(STEPS)
def test_clones_that_save_delete_and_unite_in_any_order_come_to_one_state(steps):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        clones = Clones(Path(folder))
        for number, (clone, what, name, wrong_by) in enumerate(steps):
            repo = clones.repos[clone]
            patch.setattr(ops, "now_ns", lambda wrong_by=wrong_by: clones.clock(wrong_by))
            if what == "union":
                clones.unite(clone, (clone + 1) % 3)
            elif what == "save":
                save_view(repo, name, "runs", {"step": number})
                assert saved_view(repo, name).settings == {"step": number}, "an edit stands over what it edits"
            elif any(view.name == name for view in saved_views(repo)):
                assert delete_view(repo, name).deleted
                assert name not in [view.name for view in saved_views(repo)]
        for into, other in ((0, 1), (0, 2), (1, 0), (2, 1)):
            clones.unite(into, other)
        states = [[*saved_views(repo), *saved_views(repo, deleted=True)] for repo in clones.repos]
        assert states[0] == states[1] == states[2]
        assert len({view.name for view in states[0]}) == len(states[0])
        trees = {repo.tree_of(repo.tip) for repo in clones.repos}
        assert len(trees) == 1
        for repo in clones.repos:
            repo.close()
