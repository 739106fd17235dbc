"""The union of trees: an algebra, on real git objects, that no member of a tree can break."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from union_strategies import SECRET, contents, expected, members, new_repository, plant, trees

from gtrack.branch.members import place
from gtrack.branch.objects import BLOB
from gtrack.branch.repository import Repository
from gtrack.branch.union import adds_nothing, union

# `git hash-object` says the same of SECRET; the strategies need the id before there is a repository.
SECRET_ID = "ddc37a00cb9c04ca058cccc1edb43e82c52dac33"
GOOD, BAD = members(SECRET_ID)
TREES = trees(GOOD, BAD)
quick = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """One repository for all examples: objects of the same content are written once, and no process is started."""
    with Repository(new_repository(tmp_path_factory.mktemp("union") / "repo"), os.environ) as repo:
        assert repo.objects.id_of(BLOB, SECRET) == SECRET_ID
        repo.git = None
        yield repo


@quick
@given(files=st.lists(TREES, min_size=1, max_size=3))
def test_a_union_holds_exactly_the_members_of_its_trees(repo, files):
    made = union(repo, [plant(repo, some) for some in files])
    assert contents(repo, made.tree) == expected(repo, files, BAD, SECRET_ID)


@quick
@given(a=TREES, b=TREES)
def test_a_union_is_commutative(repo, a, b):
    one, two = plant(repo, a), plant(repo, b)
    assert union(repo, [one, two]).tree == union(repo, [two, one]).tree


@quick
@given(a=TREES, b=TREES, c=TREES)
def test_a_union_is_associative(repo, a, b, c):
    one, two, three = (plant(repo, files) for files in (a, b, c))
    at_once = union(repo, [one, two, three]).tree
    assert union(repo, [union(repo, [one, two]).tree, three]).tree == at_once
    assert union(repo, [one, union(repo, [two, three]).tree]).tree == at_once


@quick
@given(a=TREES)
def test_a_union_is_idempotent(repo, a):
    once = union(repo, [plant(repo, a)])
    again = union(repo, [once.tree, once.tree])
    assert (again.tree, again.dropped) == (once.tree, ())


@quick
@given(ours=st.lists(TREES, max_size=2), theirs=TREES)
def test_what_is_published_is_carried_as_it_is_and_only_members_are_added(repo, ours, theirs):
    made = union(repo, [plant(repo, files) for files in ours], published=plant(repo, theirs))
    after = {path: found for path, found in contents_or_links(repo, made.tree).items() if path != "FORMAT"}
    before = {path: found for path, found in contents_or_links(repo, plant(repo, theirs)).items() if path != "FORMAT"}
    assert after.items() >= before.items()
    whole = expected(repo, ours, BAD, SECRET_ID)
    added = {path: found for path, found in after.items() if path not in before and path != "README.md"}
    # Where the remote has a file or a link in the place of a folder, what is in ours has no effect: it is not there.
    blocked = any(path.startswith(("tombstones", "redacted")) and place(path) is None for path in before)
    assert all(whole[path][0] == found[0] for path, found in added.items() if path in whole or not blocked)
    assert adds_nothing(repo, made.tree, made.tree)
    assert all(adds_nothing(repo, plant(repo, files), made.tree) for files in ours)


@quick
@given(ours=TREES, theirs=TREES)
def test_a_tree_adds_nothing_exactly_when_the_union_is_what_is_published(repo, ours, theirs):
    tree, published = plant(repo, ours), plant(repo, theirs)
    assert adds_nothing(repo, tree, published) == (union(repo, [tree], published=published).tree == published)


@quick
@given(a=TREES, b=TREES)
def test_every_file_that_is_not_in_the_union_is_named(repo, a, b):
    made = union(repo, [plant(repo, a), plant(repo, b)])
    kept = {(path, repo.objects.id_of(BLOB, data)) for path, (_, data) in contents(repo, made.tree).items()}
    named = {item.path: item for item in made.dropped}
    for number, files in enumerate((a, b)):
        for path, (_, data) in files.items():
            if path == "FORMAT" or (path, repo.objects.id_of(BLOB, data)) in kept:
                continue
            assert any(path == name or path.startswith(name) for name in named), (number, path)
    assert made.dropped_count == len(made.dropped)


@settings(quick, max_examples=20)
@given(a=TREES, b=TREES, theirs=st.none() | TREES)
def test_the_union_is_the_same_with_the_git_executable(repo, a, b, theirs):
    one, two = plant(repo, a), plant(repo, b)
    published = None if theirs is None else plant(repo, theirs)
    with Repository(repo.paths.root, os.environ) as other:
        assert other.git is not None
        assert union(other, [one, two], published=published) == union(repo, [one, two], published=published)


def contents_or_links(repo: Repository, tree: str) -> dict[str, tuple[int, str]]:
    return {path: (mode, oid) for path, mode, oid in repo.objects.walk(tree)}
