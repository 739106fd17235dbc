"""The difference of two trees, as real git tells it, whatever the user has configured and whatever is in the trees."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gtrack.branch.code_diff import FileChange, changed_files, diff_lines
from gtrack.branch.code_history import Revision
from gtrack.branch.code_range import commits_between, history_of, merge_base
from gtrack.branch.repository import Repository
from gtrack.errors import DamageError, GitError, NotFoundError


class Place:
    """A repository and its trees."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q", "-b", "main")
        self.repo = Repository(str(root), {**os.environ})

    def git(self, *args: str, stdin: bytes = b"") -> str:
        done = subprocess.run(["git", *args], cwd=self.root, input=stdin, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def tree(self, files: dict[str, bytes]) -> str:
        """Return the id of a tree of files, made without the index or the working tree."""
        folders: dict[str, dict[str, bytes]] = {}
        lines = []
        for path, data in files.items():
            name, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(name, {})[rest] = data
            else:
                blob = self.git("hash-object", "-w", "--stdin", stdin=data)
                lines.append(f"100644 blob {blob}\t{name}".encode())
        lines += [f"040000 tree {self.tree(inside)}\t{name}".encode() for name, inside in folders.items()]
        return self.git("mktree", "-z", stdin=b"".join(line + b"\0" for line in lines))

    def commit(self, subject: str, *parents: str, tree: str | None = None) -> str:
        args = [arg for parent in parents for arg in ("-p", parent)]
        return self.git("commit-tree", tree or self.tree({"a": subject.encode()}), *args, "-m", subject)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.repo.close()


def test_the_files_that_differ_are_named_with_their_counts(place: Place) -> None:
    body = b"".join(b"line %d\n" % n for n in range(20))
    a = place.tree({"same": b"x", "changed": b"1\n2\n", "gone": b"lost\n", "old/name.py": body, "bin": b"\0a"})
    b = place.tree({"same": b"x", "changed": b"1\n3\n4\n", "new ä\t.py": b"1\n", "new/name.py": body, "bin": b"\0b"})
    assert sorted(changed_files(place.repo, a, b), key=lambda change: change.path) == [
        FileChange("bin", None, None),
        FileChange("changed", 2, 1),
        FileChange("gone", 0, 1),
        FileChange("new ä\t.py", 1, 0),
        FileChange("new/name.py", 0, 0, "old/name.py"),
    ]
    assert changed_files(place.repo, a, a) == []


def test_the_diff_is_what_git_apply_makes_the_other_tree_of(place: Place, tmp_path: Path) -> None:
    a = place.tree({"crlf.txt": b"1\r\n2\r\n", "bin": b"\0a" * 50, "x/y.py": b"old\n", "no-end": b"1"})
    b = place.tree({"crlf.txt": b"1\r\n3\r\n", "bin": b"\0b" * 70, "x/z ä.py": b"old\nnew\n", "no-end": b"2"})
    (tmp_path / "index").unlink(missing_ok=True)
    patch = b"".join(diff_lines(place.repo, a, b, binary=True))
    env = {**os.environ, "GIT_INDEX_FILE": str(tmp_path / "other-index")}
    for args, stdin in ((["read-tree", a], b""), (["apply", "--cached", "-"], patch)):
        subprocess.run(["git", *args], cwd=place.root, env=env, input=stdin, check=True)
    made = subprocess.run(["git", "write-tree"], cwd=place.root, env=env, check=True, capture_output=True, text=True)
    assert made.stdout.strip() == b


def test_nothing_that_is_configured_is_run_or_changes_the_diff(place: Place, tmp_path: Path) -> None:
    a, b = place.tree({"f.py": b"1\n", "g": b"1\n"}), place.tree({"f.py": b"2\n", "g": b"2\n"})
    before = b"".join(diff_lines(place.repo, a, b))
    ran = tmp_path / "ran"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    script.chmod(0o755)
    for key, value in {
        "diff.external": str(script),
        "diff.evil.command": str(script),
        "diff.evil.textconv": str(script),
        "core.pager": str(script),
        "pager.diff-tree": str(script),
        "core.fsmonitor": str(script),
        "color.ui": "always",
        "color.diff": "always",
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.relative": "true",
        "diff.renames": "copies",
    }.items():
        place.git("config", key, value)
    (place.root / ".gitattributes").write_text("* diff=evil\n")
    with Repository(str(place.root), {**os.environ, "GIT_EXTERNAL_DIFF": str(script), "PAGER": str(script)}) as again:
        assert b"".join(diff_lines(again, a, b)) == before
        assert len(changed_files(again, a, b)) == 2
    assert not ran.exists()
    assert before.startswith(b"diff --git a/f.py b/f.py\n")


@pytest.mark.parametrize("id_", ["--output=owned", "HEAD", "", "-O", "0" * 39, "../" * 13 + "x"])
def test_only_whole_object_ids_reach_git(place: Place, id_: str) -> None:
    tree = place.tree({"a": b"1"})
    for pair in ((tree, id_), (id_, tree)):
        with pytest.raises(DamageError):
            changed_files(place.repo, *pair)
        with pytest.raises(DamageError):
            list(diff_lines(place.repo, *pair))
    assert not (place.root / "owned").exists()


def test_files_with_names_like_options_are_files(place: Place) -> None:
    a, b = place.tree({"--output=owned": b"1\n"}), place.tree({"--output=owned": b"2\n", "-p": b"\n"})
    assert {change.path for change in changed_files(place.repo, a, b)} == {"--output=owned", "-p"}
    assert b"+2\n" in list(diff_lines(place.repo, a, b))
    assert not (place.root / "owned").exists()


def test_a_missing_object_is_an_error_of_git_and_not_an_empty_diff(place: Place) -> None:
    tree = place.tree({"a": b"1"})
    with pytest.raises(GitError):
        changed_files(place.repo, tree, "1" * 40)
    with pytest.raises(GitError):
        list(diff_lines(place.repo, tree, "1" * 40))


def test_replaced_objects_do_not_stand_in_for_what_ran(place: Place) -> None:
    a, b, c = (place.tree({"a": text}) for text in (b"1\n", b"2\n", b"3\n"))
    place.git("replace", b, c)
    assert b"+2\n" in list(diff_lines(place.repo, a, b))


@pytest.mark.parametrize("depth", [3, pytest.param(7, marks=pytest.mark.soak)])
def test_a_bomb_of_trees_is_refused(place: Place, depth: int) -> None:
    """20 names for each of a few trees are 160,000 files already, and soon more than fit anywhere."""
    tree = place.tree({f"{n}": b"x" for n in range(20)})
    for _ in range(depth):
        lines = b"".join(f"040000 tree {tree}\t{n}".encode() + b"\0" for n in range(20))
        tree = place.git("mktree", "-z", stdin=lines)
    with pytest.raises((DamageError, GitError)):
        changed_files(place.repo, place.tree({}), tree)


def test_git_is_stopped_when_nobody_wants_more(place: Place) -> None:
    a, b = place.tree({"a": b""}), place.tree({"a": b"x" * 79 + b"\n" * 1 + b"long line\n" * 2_000_000})
    with contextlib.closing(diff_lines(place.repo, a, b)) as lines:
        assert next(lines).startswith(b"diff --git")
    # A child left behind, or a pipe left open, fails this test: warnings are errors.


def test_a_line_of_any_length_comes_in_pieces(place: Place) -> None:
    a, b = place.tree({"a": b""}), place.tree({"a": b"x" * 300_000 + b"\n"})
    pieces = list(diff_lines(place.repo, a, b))
    assert max(map(len, pieces)) <= 1 << 16
    assert b"".join(pieces).endswith(b"+" + b"x" * 300_000 + b"\n")


def test_the_checkout_is_left_alone(place: Place) -> None:
    a, b = place.tree({"a": b"1\n"}), place.tree({"a": b"2\n"})
    before = sorted(path.name for path in (place.root / ".git").iterdir())
    changed_files(place.repo, a, b)
    list(diff_lines(place.repo, a, b))
    assert sorted(path.name for path in (place.root / ".git").iterdir()) == before


def test_a_range_is_what_the_right_side_has_and_the_left_has_not(place: Place) -> None:
    first = place.commit("first")
    main = place.commit("main", first)
    one = place.commit("one", first)
    two = place.commit("two", one)
    left, right = Revision("main", main), Revision("feature", two)
    assert commits_between(place.repo, left, right) == [two, one]
    assert commits_between(place.repo, left, left) == []
    assert merge_base(place.repo, left, right) == Revision("main", first)
    with pytest.raises(NotFoundError, match="no commit in common"):
        merge_base(place.repo, left, Revision("other", place.commit("other")))


def test_a_branchs_own_commits_come_before_those_that_were_merged_into_it(place: Place) -> None:
    first = place.commit("first")
    side = place.commit("side", first)
    main = place.commit("main", first)
    merge = place.commit("merge", main, side)
    assert history_of(place.repo, Revision("main", merge)) == [merge, main, first, side]
