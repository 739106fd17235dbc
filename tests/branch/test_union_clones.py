"""Unions in real repositories: many runs, shallow clones, SHA-256, packs, and trees that were built to hurt."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from union_strategies import OTHER, RUN, STAMP, contents, event, new_repository, plain, plant

from gtrack.branch import keep
from gtrack.branch.commit import commit_files, format_file
from gtrack.branch.objects import BLOB, BLOB_MODE, COMMIT, TREE, TREE_MODE, MissingObjectError
from gtrack.branch.repository import Repository
from gtrack.branch.union import added, adds_nothing, union
from gtrack.errors import DamageError, FormatError
from gtrack.format import names, yaml
from gtrack.ids import derived_ids
from gtrack.model.fold import fold_run
from gtrack.ops.load import load_run_files

BY = "Ada L <ada@example.org>"
BRANCH = "refs/heads/gtrack"
Open = Callable[[str], Repository]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Return a function that opens repositories; they are closed at the end."""
    repositories: list[Repository] = []

    def open_one(path: str) -> Repository:
        repositories.append(Repository(path, os.environ))
        return repositories[-1]

    yield open_one
    for repo in repositories:
        repo.close()


@pytest.fixture
def repo(tmp_path: Path, opened: Open) -> Repository:
    return opened(new_repository(tmp_path / "repo"))


def git(path: str, *args: str) -> str:
    return subprocess.run(["git", "-C", path, *args], check=True, capture_output=True, text=True).stdout


def runs(which: str, count: int) -> dict[str, bytes]:
    """Return the files of some runs, the same at every call."""
    out: dict[str, bytes] = {}
    for number in range(count):
        run_id, session = derived_ids(which, number)
        folder = names.run_dir(run_id)
        start = {"format": 1, "id": run_id, "name": f"{which}-{number}", "experiment": "default", "session": session,
                 "started": "2026-11-21T14:25:30.123456Z", "params": {"number": number}, "tags": {}}  # fmt: skip
        end = {"format": 1, "session": session, "status": "finished", "by": "owner",
               "ended": "2026-11-21T14:25:30.123456Z", "error": None, "segments": [], "metrics": {}}  # fmt: skip
        data = yaml.dump(end)
        out[f"{folder}/run.yaml"] = yaml.dump(start)
        out[f"{folder}/{names.end(STAMP, data)}"] = data
    return out


def tags(which: str, count: int, who: str) -> dict[str, bytes]:
    """Return an edit of each of some runs."""
    out: dict[str, bytes] = {}
    for number in range(count):
        run_id, _ = derived_ids(which, number)
        data = yaml.dump({"format": 1, "kind": "tag", "tags": {"who": who, who: str(number)}, "by": who})
        out[f"{names.run_dir(run_id)}/{names.event(STAMP, data)}"] = data
    return out


def record(repo: Repository, files: Mapping[str, bytes]) -> str:
    """Commit files to the branch and return its tree."""
    with repo.lock():
        tree = repo.tree_of(commit_files(repo, files, "by hand", by=BY).commit)
    assert tree is not None
    return tree


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.soak)])
def test_two_clones_that_record_and_edit_the_same_runs_come_to_one_tree_and_state(tmp_path, opened, repo, count):
    record(repo, runs("common", count))
    trees = []
    for who in ("one", "two"):
        path = str(tmp_path / who)
        git(str(tmp_path), "clone", "-q", "-b", "gtrack", "--no-checkout", repo.paths.root, path)
        git(path, "symbolic-ref", "HEAD", "refs/heads/main")
        trees.append(record(opened(path), {**runs(who, count), **tags("common", count, who)}))
        git(repo.paths.root, "fetch", "-q", path, f"{BRANCH}:refs/heads/{who}")
        git(str(tmp_path), "-C", repo.paths.root, "repack", "-q", "-a", "-d")
    base = repo.tree_of(repo.tip)
    made = union(repo, trees)
    assert made.tree == union(repo, trees[::-1]).tree
    assert (
        made.tree == union(repo, trees[:1], published=trees[1]).tree == union(repo, trees[1:], published=trees[0]).tree
    )
    assert not made.dropped
    assert added(repo, made.tree, base).runs == {derived_ids(w, n)[0] for w in ("one", "two") for n in range(count)}
    assert len(added(repo, made.tree, base).paths) == 6 * count
    assert adds_nothing(repo, trees[0], made.tree)
    edited, _ = derived_ids("common", 7)
    states = [
        fold_run(edited, load_run_files(repo, order, edited).documents) for order in ([made.tree], trees, trees[::-1])
    ]
    assert states[0] == states[1] == states[2]
    assert {"one", "two"} <= set(states[0].tags)


def test_a_union_works_in_a_sha256_repository(tmp_path, opened):
    repo = opened(new_repository(tmp_path / "repo", "--object-format=sha256"))
    one, two = runs("one", 20), runs("two", 20)
    made = union(repo, [plant(repo, plain(one)), plant(repo, plain(two))])
    assert contents(repo, made.tree) == plain({**one, **two})
    git(repo.paths.root, "fsck", "--strict", made.tree)


def test_a_union_works_in_a_clone_of_depth_1(tmp_path, opened, repo):
    for number in range(3):
        record(repo, runs(f"base-{number}", 2))
    git(
        str(tmp_path),
        "clone",
        "-q",
        "--depth=1",
        "-b",
        "gtrack",
        "--no-checkout",
        f"file://{repo.paths.root}",
        "shallow",
    )
    shallow = opened(str(tmp_path / "shallow"))
    git(shallow.paths.root, "symbolic-ref", "HEAD", "refs/heads/main")
    ours = record(shallow, runs("ours", 2))
    theirs = record(repo, runs("theirs", 2))
    git(shallow.paths.root, "fetch", "-q", "--depth=1", "origin", "gtrack")
    made = union(shallow, [ours], published=theirs)
    assert added(shallow, made.tree, theirs).runs == {derived_ids("ours", n)[0] for n in range(2)}
    assert (shallow.paths.common_dir, git(shallow.paths.root, "rev-list", "--count", "FETCH_HEAD").strip())[1] == "1"


def test_many_new_trees_are_one_pack_that_git_finds_sound_and_copies_are_kept(repo):
    sides = ({f"runs/{n:02x}/{n:02x}{digit * 30}/notes.txt": b"x" for n in range(110)} for digit in "01")
    published, ours = (plant(repo, plain(files)) for files in sides)
    loose = int(git(repo.paths.root, "count-objects").split()[0])
    repo.objects.written.clear()
    made = union(repo, [ours], published=published)
    counted = git(repo.paths.root, "count-objects", "-v").split()
    assert int(counted[counted.index("count:") + 1]) == loose
    assert counted[counted.index("packs:") + 1] == "1"
    new = [oid for oid, (kind, _) in repo.objects.written.items() if kind == TREE]
    assert len(new) > 100
    assert made.tree in new
    git(repo.paths.root, "fsck", "--strict", made.tree)
    commit = repo.objects.write(
        COMMIT, f"tree {made.tree}\nauthor {BY} 0 +0000\ncommitter {BY} 0 +0000\n\nx\n".encode()
    )
    keep.keep_objects(repo, commit)
    for name in os.listdir(os.path.join(repo.paths.common_dir, "objects", "pack")):
        os.unlink(os.path.join(repo.paths.common_dir, "objects", "pack", name))
    repo.objects.refresh()
    with pytest.raises(MissingObjectError):
        repo.objects.tree(made.tree)
    assert keep.restore_objects(repo) == len(new)
    git(repo.paths.root, "fsck", "--strict", made.tree)


def test_equal_subtrees_are_never_opened(repo):
    base = plain({**runs("base", 3), **dict([event(RUN, "1")])})
    tree = plant(repo, base)
    shard = repo.objects.find(tree, f"runs/{RUN[:2]}")
    assert shard is not None
    path, data = event("00" + "0" * 30, "2")
    ours = plant(repo, {**base, path: (BLOB_MODE, data)})
    git(repo.paths.root, "fsck", "--strict", ours)
    os.unlink(os.path.join(repo.paths.common_dir, "objects", shard[1][:2], shard[1][2:]))
    assert added(repo, union(repo, [ours], published=tree).tree, tree).paths == {path}


def test_runs_and_paths_that_a_push_adds_are_counted(repo):
    first, edit, other = event(RUN, "1"), event(RUN, "2"), event(OTHER, "3")
    base = plant(repo, plain(dict([first])))
    ours = plant(repo, {**plain(dict([first, edit, other])), "../x": (BLOB_MODE, b"")})
    assert added(repo, ours, base).runs == {OTHER}
    assert added(repo, ours, None).runs == {RUN, OTHER}
    assert added(repo, base, ours).runs == set()
    assert added(repo, ours, base).paths == {edit[0], other[0]}
    assert added(repo, base, None).paths == {"README.md", first[0]}


@pytest.mark.parametrize(
    "data", [b"format: 2\nepoch: 0\n", b"nothing of the kind\n", b"format: 1\nepoch: 0\n" + b"#" * 5000]
)
@pytest.mark.parametrize("as_published", [True, False])
def test_a_newer_or_unreadable_format_is_refused(repo, data, as_published):
    theirs, ours = plant(repo, {**plain({}), "FORMAT": (BLOB_MODE, data)}), plant(repo, plain({}))
    with pytest.raises(FormatError):
        union(repo, [ours], published=theirs) if as_published else union(repo, [ours, theirs])


def test_a_higher_epoch_wins_and_a_published_format_of_the_same_epoch_keeps_its_bytes(repo):
    old, new = plant(repo, plain({"notes": b"1"}, epoch=1)), plant(repo, plain({}, epoch=2))
    made = union(repo, [new], published=old)
    assert contents(repo, made.tree) == plain({"notes": b"1"}, epoch=2)
    assert made.epoch == 2
    odd = {**plain({}), "FORMAT": (BLOB_MODE, format_file(2) + b"# by hand: 1\n")}
    assert contents(repo, union(repo, [old], published=plant(repo, odd)).tree) == {**odd, "notes": (BLOB_MODE, b"1")}


def test_the_list_of_what_was_dropped_is_bounded_and_counted(repo):
    ours = plant(repo, plain({f"notes/{number}": b"ours" for number in range(150)}))
    theirs = plant(repo, plain({f"notes/{number}": b"theirs" for number in range(150)}))
    made = union(repo, [ours], published=theirs)
    assert (made.tree, len(made.dropped), made.dropped_count) == (theirs, 100, 150)


def test_a_bomb_of_folders_that_name_each_other_is_refused(repo):
    oid = plant(repo, {"x": (BLOB_MODE, b"1")})
    for _ in range(12):
        oid = repo.objects.write_tree({b"%d" % number: (TREE_MODE, oid) for number in range(10)})
    with pytest.raises(DamageError, match="thousands of places"):
        union(repo, [oid])


def test_the_members_of_a_folder_are_in_the_order_of_git(repo):
    one, two = {"notes/x": b"", "notes0": b""}, {"notes.txt": b"", "notes-x": b"", "notes/y": b""}
    made = union(repo, [plant(repo, plain(one)), plant(repo, plain(two))])
    assert contents(repo, made.tree) == plain({**one, **two})
    git(repo.paths.root, "fsck", "--strict", made.tree)


def test_a_tree_that_names_a_file_twice_is_put_in_order(repo):
    blobs = [repo.objects.write(BLOB, data) for data in (b"1", b"2")]
    twice = b"".join(b"100644 notes\0" + bytes.fromhex(oid) for oid in blobs)
    tree = repo.objects.write(TREE, twice)
    made = union(repo, [repo.objects.write_tree({b"below": (TREE_MODE, tree)})])
    assert len(git(repo.paths.root, "ls-tree", f"{made.tree}:below").splitlines()) == 1


@pytest.mark.parametrize("damage", ["missing", "not a tree", "garbage"])
def test_a_damaged_folder_is_said_to_be_one(repo, damage):
    oid = "ab" * 20 if damage == "missing" else repo.objects.write(TREE if damage == "garbage" else BLOB, b"no tree")
    many = {b"%02d" % number: (TREE_MODE, plant(repo, {str(number): (BLOB_MODE, b"")})) for number in range(20)}
    with pytest.raises(DamageError):
        union(repo, [repo.objects.write_tree({b"notes": (TREE_MODE, oid)})])
    with pytest.raises(DamageError):
        union(repo, [repo.objects.write_tree({b"notes": (TREE_MODE, oid), **many})])


def test_replaced_objects_are_seen_as_they_are(repo):
    path, data = event(RUN, "1")
    ours = plant(repo, plain({path: data, **runs("one", 20)}))
    git(repo.paths.root, "replace", repo.objects.id_of(BLOB, data), repo.objects.write(BLOB, b"another"))
    folder = repo.objects.find(ours, names.run_dir(derived_ids("one", 3)[0]))
    assert folder is not None
    git(repo.paths.root, "replace", folder[1], plant(repo, {}))
    assert added(repo, union(repo, [ours]).tree, None).paths == {path, *runs("one", 20), "README.md"}
