"""What belongs to the set, and what becomes of the rest by where it comes from: the table of docs/design.md."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from union_strategies import (
    DEAD,
    EXECUTABLE,
    LINK,
    OTHER,
    RUN,
    SECRET,
    STAMP,
    SUBMODULE,
    contents,
    event,
    new_repository,
    plain,
    plant,
)

from gtrack.branch import members
from gtrack.branch.members import Source, counts, fault, path_fault, place
from gtrack.branch.objects import BLOB, BLOB_MODE
from gtrack.branch.repository import Repository
from gtrack.branch.union import take_runs, union
from gtrack.format import names
from gtrack.ids import sha12

FOLDER = f"runs/{RUN[:2]}/{RUN}"
BOMB = b"a: " + b"[" * 400_000
FAR = "99991231T235959.000000Z"
RUN_YAML = f'format: 1\nid: "{RUN}"\n'.encode()

NO_MEMBERS = {
    "symbolic link": (f"{FOLDER}/{names.console('0' * 8, '1' * 8)}", LINK, b"/etc/passwd"),
    "submodule": (f"{FOLDER}/console", SUBMODULE, b""),
    "executable file": (f"{FOLDER}/run", EXECUTABLE, b"#!/bin/sh\n"),
    "path out of the tree": (f"{FOLDER}/../../../x", BLOB_MODE, b"x"),
    "path of git's own": (f"{FOLDER}/.git/hooks/pre-push", BLOB_MODE, b"x"),
    "path of git's own on a Mac": (f"{FOLDER}/.g\u200dIt/config", BLOB_MODE, b"x"),
    "path of git's own on Windows": (f"{FOLDER}/GIT~1/config", BLOB_MODE, b"x"),
    "path with a backslash": (f"{FOLDER}/a\\b", BLOB_MODE, b"x"),
    "path with a control character": (f"{FOLDER}/a\x1b[2J", BLOB_MODE, b"x"),
    "path that is not UTF-8": (f"{FOLDER}/\udcff", BLOB_MODE, b"x"),
    "path that is too long": (f"{FOLDER}/" + "/".join("x" * 200 for _ in range(6)), BLOB_MODE, b"x"),
    "path that is too deep": (f"{FOLDER}/" + "x/" * 20 + "x", BLOB_MODE, b"x"),
    "name that is too long": (f"{FOLDER}/" + "x" * 300, BLOB_MODE, b"x"),
    "file below a file": (f"{FOLDER}/run.yaml/x", BLOB_MODE, b"x"),
    "file in a folder's place": (f"{FOLDER}/events", BLOB_MODE, b"x"),
    "content of another digest": (f"{FOLDER}/{names.event(STAMP, b'a: 1')}", BLOB_MODE, b"a: 2"),
    "end of another digest": (f"{FOLDER}/{names.end(STAMP, b'a: 1')}", BLOB_MODE, b"a: 2"),
    "long value of another digest": (f"{FOLDER}/{names.values(b'1')}", BLOB_MODE, b"2"),
    "large document": (f"{FOLDER}/summary-{'0' * 8}-{'1' * 8}-0-1.yaml", BLOB_MODE, b"#" * (1 << 20) + b"\n"),
    "large file": (f"{FOLDER}/metrics-{'0' * 8}-{'1' * 8}-0-1.parquet", BLOB_MODE, bytes(members.FILE_BYTES + 1)),
}
"""What is no member, whoever has it: (path, mode, content), in a run of its own."""

WITHOUT_EFFECT = {
    "unknown file": (f"{FOLDER}/new.bin", BLOB_MODE, b"x"),
    "nesting bomb": (f"{FOLDER}/{names.event(STAMP, BOMB)}", BLOB_MODE, BOMB),
    "stamp in the year 9999": (f"{FOLDER}/events/{FAR}-{sha12(b'a: 1')}.yaml", BLOB_MODE, b"a: 1"),
}
"""Members that are not folded: the last one not before its time, the others never."""

NOT_FOR_OTHERS = {
    "tombstone": event(RUN, "gone", "tombstones"),
    "mark of a dropped run": (f"tombstones/{DEAD[:2]}/{DEAD}/dropped-1", b""),
    "moved alias": (f"models/churn/events/{STAMP}-{sha12(b'a: 1')}.yaml", b"a: 1"),
    "version": (f"models/churn/versions/{'ab' * 16}.yaml", b"a: 1"),
    "number": (f"models/churn/numbers/1-{'ab' * 16}", b""),
    "experiment": (f"experiments/churn/events/{STAMP}-{sha12(b'a: 1')}.yaml", b"a: 1"),
    "view": (f"views/mine/{STAMP}-{sha12(b'a: 1')}.yaml", b"a: 1"),
    "sweep": ("sweeps/lr/sweep.yaml", b"a: 1"),
    "redaction": ("redacted/" + "ab" * 20, b""),
    "unknown file": ("notes/today.txt", b"x"),
}


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    with Repository(new_repository(tmp_path_factory.mktemp("members") / "repo"), os.environ) as repo:
        yield repo


def hostile(path: str, mode: int, data: bytes):
    """Return a tree's files: a sound one and the given one."""
    files = plain({f"{FOLDER}/run.yaml": RUN_YAML})
    if path.startswith(f"{FOLDER}/run.yaml/"):
        del files[f"{FOLDER}/run.yaml"]
    return {**files, path: (mode, data)}


@pytest.mark.parametrize(("path", "mode", "data"), NO_MEMBERS.values(), ids=NO_MEMBERS)
def test_what_is_no_member_is_never_published_and_named(repo, path, mode, data):
    made = union(repo, [plant(repo, hostile(path, mode, data))], published=plant(repo, plain({})))
    assert path not in contents(repo, made.tree)
    assert [path.startswith(item.path.rstrip("/")) and bool(item.why) for item in made.dropped] == [True]
    assert made.tainted == {0}


@pytest.mark.parametrize(("path", "mode", "data"), NO_MEMBERS.values(), ids=NO_MEMBERS)
def test_what_the_tracking_remote_has_published_stays_as_it_is(repo, path, mode, data):
    published = plant(repo, hostile(path, mode, data))
    path_of_ours, ours = event(OTHER, "ours")
    made = union(repo, [plant(repo, plain({path_of_ours: ours}))], published=published)
    assert set(walked(repo, made.tree)) == {*walked(repo, published), (path_of_ours, BLOB_MODE, oid(repo, ours))}


@pytest.mark.parametrize(("path", "mode", "data"), NO_MEMBERS.values(), ids=NO_MEMBERS)
def test_nothing_that_is_no_member_is_taken_from_another_remote(repo, path, mode, data):
    made = take_runs(repo, plant(repo, hostile(path, mode, data)), [RUN])
    assert path not in contents(repo, made.tree)
    assert made.dropped


@pytest.mark.parametrize(("path", "mode", "data"), WITHOUT_EFFECT.values(), ids=WITHOUT_EFFECT)
def test_what_has_no_effect_is_carried_by_us_and_not_taken_from_another_remote(repo, path, mode, data):
    tree = plant(repo, hostile(path, mode, data))
    assert contents(repo, union(repo, [tree]).tree)[path] == (mode, data)
    taken = take_runs(repo, tree, [RUN], horizon="20270101T000000.000000Z")
    assert [item.path for item in taken.dropped] == [path]
    assert set(contents(repo, taken.tree)) == {f"{FOLDER}/run.yaml", "FORMAT", "README.md"}


@pytest.mark.parametrize(("path", "data"), NOT_FOR_OTHERS.values(), ids=NOT_FOR_OTHERS)
def test_another_remote_is_heard_on_its_runs_alone(repo, path, data):
    assert counts(path, Source.TRACKING)
    assert counts(path, Source.LOCAL)
    assert not counts(path, Source.OTHER)
    taken = take_runs(repo, plant(repo, plain({path: data, f"{FOLDER}/run.yaml": RUN_YAML}, epoch=7)), [RUN])
    assert contents(repo, taken.tree) == plain({f"{FOLDER}/run.yaml": RUN_YAML})


def test_a_tree_is_tainted_by_what_may_not_be_published_even_where_it_clashes(repo):
    path = NO_MEMBERS["large file"][0]
    theirs = plant(repo, plain({path: b"published", "notes": b"1"}))
    made = union(repo, [plant(repo, plain({path: NO_MEMBERS["large file"][2]}))], published=theirs)
    assert (made.tree, made.tainted) == (theirs, {0})
    made = union(repo, [plant(repo, plain({"notes/below": b"1"}))], published=theirs)
    assert (made.tree, made.tainted) == (theirs, {0})


def test_another_readme_than_the_published_one_is_no_news(repo):
    theirs = plant(repo, {**plain({}), "README.md": (BLOB_MODE, b"of another version\n")})
    made = union(repo, [plant(repo, plain({}))], published=theirs)
    assert (made.tree, made.dropped, made.tainted) == (theirs, (), frozenset())


def test_only_the_chosen_runs_of_another_remote_are_taken(repo):
    one, two = event(RUN, "one"), event(OTHER, "two")
    tree = plant(repo, plain(dict([one, two])))
    assert contents(repo, take_runs(repo, tree, [OTHER, "f" * 32, "../.."]).tree) == plain(dict([two]))


def test_an_object_that_is_missing_is_not_published(repo):
    tree = repo.objects.write_tree({b"notes": (BLOB_MODE, "ab" * 20)})
    made = union(repo, [tree])
    assert set(contents(repo, made.tree)) == {"FORMAT", "README.md"}
    assert "missing" in made.dropped[0].why


def test_a_tree_in_the_place_of_a_file_is_not_published(repo):
    tree = repo.objects.write_tree({b"notes": (BLOB_MODE, plant(repo, {}))})
    made = union(repo, [tree])
    assert set(contents(repo, made.tree)) == {"FORMAT", "README.md"}
    assert "not a file" in made.dropped[0].why


@pytest.mark.parametrize("source", ["ours", "theirs"])
def test_a_redacted_object_is_dropped_wherever_it_is_but_in_what_is_published(repo, source):
    hidden = plain({f"{FOLDER}/run.yaml": SECRET, "notes": b"1"})
    redacting = plain({f"redacted/{oid(repo, SECRET)}": b""})
    if source == "ours":
        made = union(repo, [plant(repo, hidden)], published=plant(repo, redacting))
        assert [item.path for item in made.dropped] == [f"{FOLDER}/run.yaml"]
        assert made.tainted == {0}
        assert contents(repo, made.tree) == {**redacting, "notes": (BLOB_MODE, b"1")}
    else:
        made = union(repo, [plant(repo, redacting)], published=plant(repo, hidden))
        assert [(item.path, item.why) for item in made.standing] == [(f"{FOLDER}/run.yaml", "its object is redacted")]
        assert contents(repo, made.tree) == {**redacting, **hidden}


def test_files_of_a_run_that_an_epoch_dropped_do_not_come_back(repo):
    late = plain(dict([event(RUN, "late"), event(OTHER, "other")]))
    marked = plain({f"tombstones/{RUN[:2]}/{RUN}/dropped-1": b""}, epoch=1)
    made = union(repo, [plant(repo, late)], published=plant(repo, marked))
    assert contents(repo, made.tree) == {**plain(dict([event(OTHER, "other")])), **marked}
    assert [item.path for item in made.dropped] == [event(RUN, "late")[0]]


def test_a_tombstone_alone_drops_nothing_and_a_mark_of_a_later_epoch_has_no_effect_yet(repo):
    late = plain(dict([event(RUN, "late"), event(RUN, "gone", "tombstones")]))
    marked = plain({f"tombstones/{RUN[:2]}/{RUN}/dropped-2": b""}, epoch=1)
    made = union(repo, [plant(repo, late)], published=plant(repo, marked))
    assert contents(repo, made.tree) == {**late, **marked}


def test_a_run_that_a_new_mark_drops_stays_where_it_is_published(repo):
    published = plain(dict([event(RUN, "late")]), epoch=1)
    marked = plain({f"tombstones/{RUN[:2]}/{RUN}/dropped-1": b""}, epoch=1)
    made = union(repo, [plant(repo, marked)], published=plant(repo, published))
    assert contents(repo, made.tree) == {**published, **marked}
    assert [item.path for item in made.standing] == [f"{FOLDER}/"]


def test_what_is_published_stands_at_a_clash(repo):
    ours, theirs = plain({f"{FOLDER}/run.yaml": b"ours", "notes": b"1"}), plain({f"{FOLDER}/run.yaml": b"theirs"})
    made = union(repo, [plant(repo, ours)], published=plant(repo, theirs))
    assert contents(repo, made.tree) == {**ours, **theirs}
    assert [(item.path, item.source) for item in made.dropped] == [(f"{FOLDER}/run.yaml", 0)]
    assert "what is published stands" in made.dropped[0].why
    assert not made.tainted, "a clash is no crime"


@pytest.mark.parametrize(
    "path", ["a/b", "runs/x", "über/\u4e2d.txt", ".gitignore", "x.git/y", "a b", FOLDER + "/new.bin"]
)
def test_an_unknown_path_may_be_any_that_is_safe(path):
    assert fault(path, BLOB_MODE) is None
    assert place(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a//b",
        "a/",
        ".",
        "..",
        "a/./b",
        ".git",
        ".GIT ",
        ".git...",
        "a/.gIt/b",
        "git~1",
        "C:x",
        ".git::$INDEX_ALLOCATION",
        "\u200c.git\u200f",
        "a\x00b",
        "\x85",
    ],
)
def test_an_unsafe_path_is_no_member(path):
    assert path_fault(path) is not None


@given(st.sampled_from([*(path for path, _, _ in NO_MEMBERS.values()), *(path for path, _ in NOT_FOR_OTHERS.values())]))
def test_a_path_that_the_format_knows_is_never_at_fault(path):
    known = place(path)
    assert known is None or known.kind == "signature" or path_fault(path) is None


def test_every_kind_of_run_file_is_placed_with_its_digest():
    assert place(f"{FOLDER}/{names.event(STAMP, b'x')}") == members.Place("event", RUN, sha12(b"x"))
    assert place(f"{FOLDER}/summary-{'0' * 8}-{'1' * 8}-0-123456789012.yaml") == members.Place("summary", RUN)
    assert place(f"{FOLDER}/run.yaml.0123456789ab.sig") == members.Place("signature", RUN)
    assert place(f"runs/00/{RUN}/run.yaml") is None


def walked(repo: Repository, tree: str) -> list[tuple[str, int, str]]:
    return list(repo.objects.walk(tree))


def oid(repo: Repository, data: bytes) -> str:
    return repo.objects.id_of(BLOB, data)
