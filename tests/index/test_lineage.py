"""Which runs' commits descend from a revision, asked of real histories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.branch.lineage import descendants
from gtrack.branch.repository import Repository
from gtrack.errors import GitError, GtrackError, UsageError
from gtrack.index.filter import DescendsFrom, bind_lineage, parse
from gtrack.model.state import RunState

Parents = list[tuple[int, ...]]
MISSING = "0123456789" * 4
HISTORY: Parents = [(), (0,), (1,), (1,), (2, 3), (4,), (), (6,)]
"""A fork at 1 that is merged by 4, and another history that begins with 6."""


def git(root: Path, *args: str, given: str = "") -> str:
    done = subprocess.run(["git", "-C", str(root), *args], input=given, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def history(root: Path, parents: Parents) -> list[str]:
    """Make a repository of commits with these parents, no branch on any of them, and return their ids."""
    git(root.parent, "init", "-q", str(root))
    stream = []
    for mark, of in enumerate(parents, 1):
        stream.append(f"commit refs/made/{mark}\nmark :{mark}\ncommitter A <a@b> {mark} +0000\ndata 1\nx")
        stream += [f"{'merge' if i else 'from'} :{parent + 1}" for i, parent in enumerate(of)]
    given = "\n".join([*stream, *(f"get-mark :{mark}" for mark in range(1, len(parents) + 1)), ""])
    return git(root, "fast-import", "--quiet", "--force", given=given).split()


def reach(parents: Parents, ancestor: int) -> set[int]:
    """The same by hand: who has that ancestor, or is it."""
    found = {ancestor}
    for commit, of in enumerate(parents):
        if found.intersection(of):
            found.add(commit)
    return found


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repository]:
    history(tmp_path / "repo", HISTORY)
    with Repository(str(tmp_path / "repo"), dict(os.environ)) as repository:
        yield repository


def ids(repo: Repository) -> list[str]:
    return [git(Path(repo.paths.root), "rev-parse", f"refs/made/{mark + 1}") for mark in range(len(HISTORY))]


@pytest.mark.parametrize("ancestor", range(len(HISTORY)))
def test_the_descendants_of_a_commit_are_it_and_those_that_have_it_in_their_history(
    repo: Repository, ancestor: int
) -> None:
    commits = ids(repo)
    found = descendants(repo, commits[ancestor], commits)
    assert found == {commits[i] for i in reach(HISTORY, ancestor)}
    some = commits[1::2]
    assert descendants(repo, commits[ancestor], some) == found & set(some)


@settings(deadline=None, max_examples=10)
@given(
    st.integers(1, 14).flatmap(
        lambda n: st.tuples(*(st.sets(st.integers(0, i - 1), max_size=3) if i else st.just(set()) for i in range(n)))
    ),
    st.data(),
)
def test_any_history_is_read_as_by_hand(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[set[int], ...], data: st.DataObject
) -> None:
    parents = [tuple(sorted(of)) for of in drawn]
    root = tmp_path_factory.mktemp("made") / "repo"
    commits = history(root, parents)
    ancestor = data.draw(st.integers(0, len(parents) - 1))
    with Repository(str(root), dict(os.environ)) as repository:
        found = descendants(repository, commits[ancestor], commits)
    assert found == {commits[i] for i in reach(parents, ancestor)}


def test_a_revision_is_whatever_git_takes_for_a_commit(repo: Repository) -> None:
    root, commits = Path(repo.paths.root), ids(repo)
    git(root, "tag", "-a", "-m", "x", "v1.2", commits[4])
    git(root, "branch", "topic", commits[5])
    expected = {commits[4], commits[5]}
    for revision in ("v1.2", "refs/tags/v1.2", "topic~1", commits[4][:12], "v1.2^0"):
        assert descendants(repo, revision, commits) == expected


def test_ids_that_are_no_commits_here_descend_from_nothing(repo: Repository) -> None:
    root, commits = Path(repo.paths.root), ids(repo)
    tree = git(root, "rev-parse", f"{commits[0]}^{{tree}}")
    git(root, "tag", "-a", "-m", "x", "v1", commits[5])
    tag = git(root, "rev-parse", "v1")
    strange = [MISSING, tree, tag, "", "main", "--all", f"^{commits[5]}", f"{commits[5]}\n--all", commits[5].upper()]
    assert descendants(repo, commits[0], [*strange, commits[5]]) == {commits[5]}
    assert descendants(repo, commits[0], strange) == frozenset()
    assert descendants(repo, commits[0], []) == frozenset()


@pytest.mark.parametrize(
    "revision",
    ["v9", "", MISSING, "--all", "-h", "--output=owned", "^refs/made/1", "refs/made/1..refs/made/2", "a\nb", "a\0b"],
)
def test_what_is_no_revision_is_a_usage_error_that_names_it(repo: Repository, revision: str) -> None:
    with pytest.raises(UsageError, match=r"\Adescends_from: no revision '.*' here") as caught:
        descendants(repo, revision, ids(repo))
    assert caught.value.hint == "git fetch --tags"
    assert caught.value.exit_code == 2
    assert not Path("owned").exists()


def test_without_git_it_says_so(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "repo")
    with (
        Repository(str(tmp_path / "repo"), {**os.environ, "PATH": str(tmp_path)}) as repository,
        pytest.raises(GitError, match="is a question to git, which is not on the PATH"),
    ):
        descendants(repository, "main", [MISSING])


def test_a_missing_history_of_a_shallow_clone_is_no_error(repo: Repository, tmp_path: Path) -> None:
    root, commits = Path(repo.paths.root), ids(repo)
    git(root, "branch", "main", commits[5])
    git(tmp_path, "clone", "-q", "--depth=2", "--branch=main", f"file://{root}", "shallow")
    with Repository(str(tmp_path / "shallow"), dict(os.environ)) as shallow:
        assert descendants(shallow, "main~1", commits) == {commits[4], commits[5]}
        with pytest.raises(UsageError, match="no revision"):
            descendants(shallow, commits[0], commits)


def run_of(commit: object) -> RunState:
    return RunState("0" * 32, "n", "e", "finished", code={"commit": commit} if commit is not None else {})


def test_a_filter_asks_once_for_each_revision_and_then_knows() -> None:
    asked = []

    def lineage(revision: str) -> frozenset[str]:
        asked.append(revision)
        return frozenset({"a" * 40} if revision == "v1" else {"b" * 40})

    tree = parse("descends_from('v1') AND NOT (descends_from('v2') OR descends_from('v1') AND status = 'failed')")
    bound = bind_lineage(tree, lineage)
    assert asked == ["v1", "v2"]
    assert str(bound) == str(tree)
    assert bound != tree
    assert bind_lineage(bound, lineage) is bound
    assert bound.truth(run_of("a" * 40), now_us=0) is True
    assert bound.truth(run_of("b" * 40), now_us=0) is False
    plain = parse("status = 'a' OR NOT name = 'b'")
    assert bind_lineage(plain, lineage) is plain
    assert asked == ["v1", "v2"]


@pytest.mark.parametrize("commit", [None, 7])
def test_the_lineage_of_a_run_without_a_commit_is_unknown(commit: object) -> None:
    node = DescendsFrom("v1", frozenset({"a" * 40}))
    assert node.truth(run_of(commit), now_us=0) is None
    assert bind_lineage(parse("NOT descends_from('v1')"), lambda _: frozenset()).truth(run_of(commit), now_us=0) is None


def test_a_filter_that_was_not_bound_fails_loudly() -> None:
    with pytest.raises(GtrackError, match=r"descends_from\('v1'\) was not bound"):
        parse("descends_from('v1')").matches(run_of("a" * 40), now_us=0)


@pytest.mark.soak
def test_five_thousand_commits_of_a_long_history_take_one_walk(tmp_path: Path) -> None:
    parents: Parents = [(), *((i,) if i % 7 else (i, max(0, i - 3)) for i in range(4_999))]
    commits = history(tmp_path / "repo", parents)
    with Repository(str(tmp_path / "repo"), dict(os.environ)) as repository:
        found = descendants(repository, commits[2_500], commits * 20)
    assert found == {commits[i] for i in reach(parents, 2_500)}
