"""Published code: what was agreed to and nothing else, sent thinly, lost by no race."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from snapshot_checkout import AWS_KEY, GITHUB_TOKEN, PASSWORD, Checkout

from gtrack.branch import publication
from gtrack.branch.publication import Candidate, candidates, extend_chain, files_published, merge_chains
from gtrack.branch.repository import Repository
from gtrack.branch.snapshot import Snapshot
from gtrack.errors import DamageError, UsageError

CODE = "refs/gtrack/code"
THERE = "refs/gtrack/remotes/origin/"


class Clone(Checkout):
    """A checkout whose remote is ``origin``, and what a push of snapshots does with it."""

    @property
    def tip(self) -> str | None:
        """The remote's chain as of the last fetch."""
        return self("for-each-ref", "--format=%(objectname)", f"{THERE}code").strip() or None

    def edit(self, number: int, path: str = "train.py") -> Snapshot:
        self.write(path, f"lr = {number}\n")
        return self.snapshot()

    def candidates(self, *snapshots: Snapshot | str, published: Sequence[str] = ()) -> list[Candidate]:
        asked = {
            s if isinstance(s, str) else s.snapshot or "": None if isinstance(s, str) else s.commit for s in snapshots
        }
        with Repository(str(self.root), self.env) as repo:
            return candidates(repo, "origin", asked, published=published)

    def extend(self, tip: str | None, chosen: Sequence[Candidate]) -> str:
        with Repository(str(self.root), self.env) as repo:
            return extend_chain(repo, tip, chosen)

    def merge(self, *tips: str) -> str:
        with Repository(str(self.root), self.env) as repo:
            return merge_chains(repo, tips)

    def named(self, *chosen: Candidate, limit: int = 100) -> tuple[list[str], int]:
        """Return the files that a user is asked about."""
        with Repository(str(self.root), self.env) as repo:
            new = files_published(repo, *chosen, limit=limit)
        return list(new.paths), new.total

    def fetch(self) -> None:
        """Fetch as gtrack does: exactly its own references."""
        specs = [f"+{CODE}:{THERE}code"] if CODE in self("ls-remote", "origin") else []
        specs.append(f"+refs/gtrack/inbox/*:{THERE}inbox/*")
        self("fetch", "-q", "--no-tags", "--no-write-fetch-head", "origin", *specs)

    def push(self, link: str, ref: str = CODE, *config: str) -> int:
        """Push a link for real and return how many bytes the remote was sent."""
        sent = self.root.parent / f"{self.root.name}.sent"
        self(*config, "push", "-q", f"--receive-pack=tee '{sent}' | git receive-pack", "origin", f"{link}:{ref}")
        here = ref.replace("refs/gtrack/", THERE)
        self("fetch", "-q", "--no-tags", "--no-write-fetch-head", "origin", f"+{ref}:{here}")
        return sent.stat().st_size

    def publish(self, *snapshots: Snapshot) -> int:
        return self.push(self.extend(self.tip, self.candidates(*snapshots)))


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "remote.git")], check=True)
    return tmp_path / "remote.git"


@pytest.fixture
def repo(tmp_path: Path, remote: Path) -> Clone:
    """A clone whose only commit is on the remote's main branch."""
    return first_clone(tmp_path / "ada", remote)


def first_clone(root: Path, remote: Path, *init: str, files: int = 3) -> Clone:
    repo = Clone(root, init=init)
    for number in range(files):
        repo.write(f"pack{number % 40}/module{number}.py", "".join(f"v{n} = {number * n}\n" for n in range(20)))
    repo.write("train.py", "lr = 0\n")
    repo.commit()
    repo("remote", "add", "origin", f"file://{remote}")
    repo("push", "-q", "origin", "main")
    return repo


def clone(remote: Path, root: Path, *args: str) -> Clone:
    subprocess.run(["git", "clone", "-q", *args, f"file://{remote}", str(root)], check=True)
    return Clone(root, init=None)


def everything_in(remote: Path) -> bytes:
    """Return the content of every object that a repository holds, reachable or not."""
    args = ["git", "cat-file", "--batch-all-objects", "--batch"]
    return subprocess.run(args, cwd=remote, check=True, capture_output=True).stdout


def kept(remote: Path, ref: str = CODE) -> set[str]:
    args = ["git", "rev-list", "--max-parents=0", ref, "--not", "main"]
    return set(subprocess.run(args, cwd=remote, check=True, capture_output=True, text=True).stdout.split())


def ids(*snapshots: Snapshot) -> set[str | None]:
    return {snapshot.snapshot for snapshot in snapshots}


# What is a candidate


def test_a_snapshot_that_the_remote_keeps_is_no_candidate(repo: Clone) -> None:
    in_chain, in_inbox, told, fresh = (repo.edit(number) for number in range(1, 5))
    repo.publish(in_chain)
    repo.push(repo.extend(None, repo.candidates(in_inbox)), "refs/gtrack/inbox/0123456789abcdef/code")
    pushed_just_now = repo.extend(None, repo.candidates(told))

    found = repo.candidates(in_chain, in_inbox, told, fresh, published=[pushed_just_now])
    assert [c.snapshot for c in found] == [fresh.snapshot]
    assert not repo.candidates()


def test_candidates_come_in_the_order_of_the_runs(repo: Clone) -> None:
    snapshots = [repo.edit(number) for number in range(9)]
    assert [c.snapshot for c in repo.candidates(*snapshots)] == [s.snapshot for s in snapshots]


@pytest.mark.parametrize("lost", ["the snapshot", "a blob"])
def test_a_snapshot_that_is_not_whole_is_left_out_alone(repo: Clone, lost: str) -> None:
    snapshots = [repo.edit(number) for number in range(1, 8)]
    broken = snapshots[3]
    oid = broken.snapshot if lost == "the snapshot" else repo("rev-parse", f"{broken.tree}:train.py").strip()
    assert oid
    Path(repo.git_dir, "objects", oid[:2], oid[2:]).unlink()
    found = repo.candidates(*snapshots)
    assert [c.snapshot for c in found] == [s.snapshot for s in snapshots if s is not broken]
    repo.push(repo.extend(None, found))


def test_what_is_no_snapshot_is_never_published(repo: Clone) -> None:
    repo.write("plan.py", "plan = 1\n")
    private = repo.commit()
    repo("tag", "-a", "-m", "v1", "v1")
    tree = repo("rev-parse", "HEAD^{tree}").strip()
    rootless = repo("commit-tree", "-m", "gtrack snapshot", tree).strip()
    tag = repo("rev-parse", "v1").strip()
    hostile = [private, tag, tree, rootless, rootless[:12], rootless.upper(), "HEAD", "--all", "", "\n", f"{private}\n"]

    assert repo.candidates(*hostile) == []
    forged = Candidate(private, tree, None, None, False)
    with pytest.raises(UsageError, match="is no code snapshot"):
        repo.extend(None, [forged])


def test_without_git_nothing_is_published(repo: Clone) -> None:
    snapshot = repo.edit(1)
    with Repository(str(repo.root), {**repo.env, "PATH": ""}) as without:
        assert without.git is None
        assert candidates(without, "origin", {snapshot.snapshot or "": None}) == []


def test_many_snapshots_take_as_many_processes_as_one(repo: Clone, tmp_path: Path) -> None:
    def processes(*snapshots: Snapshot) -> int:
        trace = tmp_path / f"trace{len(snapshots)}"
        env = {**repo.env, "GIT_TRACE2_EVENT": str(trace)}
        with Repository(str(repo.root), env) as opened:
            found = candidates(opened, "origin", {s.snapshot or "": s.commit for s in snapshots})
            extend_chain(opened, None, found)
        return trace.read_text().count('"event":"start"')

    snapshots = [repo.edit(number) for number in range(40)]
    assert processes(snapshots[0]) == processes(*snapshots)


# Consent


def test_only_what_the_remote_cannot_reach_needs_consent(repo: Clone) -> None:
    clean = repo.snapshot()
    uncommitted = repo.edit(1)
    repo.commit()
    unpushed = repo.snapshot()
    repo("checkout", "-q", "-b", "other", "main~1")
    repo("commit", "-q", "--allow-empty", "-m", "squashed elsewhere")
    repo.edit(2)
    repo.commit()
    same_tree_elsewhere = repo.snapshot()
    repo("push", "-q", "origin", "HEAD:refs/heads/other")
    repo.edit(3)
    repo.commit()
    rebased = repo.snapshot()
    repo("commit", "-q", "--amend", "-m", "another id, the same tree")
    repo("push", "-q", "origin", "HEAD:refs/heads/other")

    found = repo.candidates(clean, uncommitted, unpushed, same_tree_elsewhere, rebased)
    assert uncommitted.snapshot == unpushed.snapshot
    assert [c.needs_consent for c in found] == [False, True, False, False]


def test_a_pushed_commit_needs_no_consent_however_old(repo: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "_SEARCHED", 1)
    old = repo.snapshot()
    repo.edit(1)
    repo.commit()
    repo("push", "-q", "origin", "main")
    (found,) = repo.candidates(old)
    assert not found.needs_consent


def test_a_checkout_without_remote_branches_can_be_told_what_the_remote_has(repo: Clone) -> None:
    head = repo("rev-parse", "HEAD").strip()
    clean, edited = repo.snapshot(), repo.edit(1)
    repo("update-ref", "-d", "refs/remotes/origin/main")
    found = repo.candidates(clean, edited, published=["f" * 40, head, "--all"])
    assert [(c.base, c.needs_consent) for c in found] == [(head, False), (head, True)]


def test_what_was_pushed_elsewhere_needs_consent(repo: Clone, tmp_path: Path) -> None:
    repo.edit(1)
    repo.commit()
    snapshot = repo.snapshot()
    repo("remote", "add", "fork", str(tmp_path))
    repo("remote", "add", "fork/origin", str(tmp_path))
    repo("config", "remote.origin/fork.url", str(tmp_path))
    for ref in ("fork/main", "origin/fork/main", "origin/gtrack", "originals/main"):
        repo("update-ref", f"refs/remotes/{ref}", "HEAD")
    repo("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gtrack")
    (found,) = repo.candidates(snapshot)
    assert found.needs_consent
    assert found.base == repo("rev-parse", "origin/main").strip()


def test_a_run_cannot_talk_its_snapshot_out_of_consent(repo: Clone) -> None:
    snapshot = repo.edit(1)
    pushed = repo("rev-parse", "origin/main").strip()
    tag = repo.commit()
    with Repository(str(repo.root), repo.env) as opened:
        for head in (snapshot.tree, snapshot.snapshot, pushed, tag, "--all", "HEAD", "f" * 40, pushed[:7]):
            (found,) = candidates(opened, "origin", {snapshot.snapshot or "": head})
            assert found.needs_consent, head
            assert found.base == pushed, head


@pytest.mark.parametrize("lie", ["replacement", "graft"])
def test_a_history_that_is_only_shown_here_counts_for_nothing(repo: Clone, lie: str) -> None:
    pushed = repo("rev-parse", "HEAD").strip()
    snapshot = repo.edit(1)
    private = repo.commit()
    if lie == "replacement":
        repo("replace", pushed, private)
    else:
        repo.write(".git/info/grafts", f"{pushed} {private}\n")
        assert private in repo("rev-list", pushed)
    with Repository(str(repo.root), repo.env) as opened:
        (found,) = candidates(opened, "origin", {snapshot.snapshot or "": private})
    assert (found.needs_consent, found.base) == (True, pushed)


def test_what_lies_below_the_boundary_of_a_shallow_clone_is_unknown(repo: Clone, remote: Path, tmp_path: Path) -> None:
    old = repo.snapshot()
    repo.write("train.py", "lr = 9\n")
    tip = repo.commit()
    repo("push", "-q", "origin", "main")
    shallow = clone(remote, tmp_path / "bob", "--depth=1")
    at_tip = shallow.snapshot()
    shallow.write("train.py", "lr = 0\n")
    again = shallow.snapshot()
    assert again.snapshot == old.snapshot

    first, second = shallow.candidates(at_tip, again)
    assert (first.needs_consent, first.base) == (False, tip)
    assert (second.needs_consent, second.base) == (True, tip)
    shallow.publish(at_tip, again)
    assert kept(remote) == ids(at_tip, again)


def test_the_files_named_are_those_that_are_new(repo: Clone) -> None:
    repo("rm", "-q", "pack0/module0.py")
    repo.write("committed.py", "a = 1\n")
    repo.commit()
    repo.write("odd\n\xff.py", "b = 1\n")
    one = repo.edit(1)
    repo.write("later.py", "c = 1\n")
    two = repo.snapshot()
    first, second = repo.candidates(one, two)

    assert repo.named(first) == (["committed.py", "odd\n\xff.py", "train.py"], 3)
    assert repo.named(first, second) == (["committed.py", "later.py", "odd\n\xff.py", "train.py"], 4)
    assert repo.named(first, second, limit=1) == (["committed.py"], 4)
    assert repo.named() == ([], 0)


def test_all_files_are_named_where_the_remote_has_no_code(repo: Clone, remote: Path) -> None:
    one, two = repo.edit(1), repo.edit(2, "new.py")
    repo("update-ref", "-d", "refs/remotes/origin/main")
    before = repo.candidates(one, two)
    assert [c.base for c in before] == [None, None]
    assert repo.named(*before) == (sorted([*repo("ls-files").split(), "new.py"]), 5)

    repo.publish(one)
    assert repo.named(*repo.candidates(two)) == (["new.py"], 1)


# Bases


def random_history(repo: Clone, seed: int) -> dict[str, tuple[int, set[str]]]:
    """Write a random history with merges and clocks that are wrong; return time and ancestors by commit."""
    dice = random.Random(seed)
    history: dict[str, tuple[int, set[str]]] = {}
    for number in range(24):
        parents = dice.sample(list(history), min(len(history), dice.choice((0, 1, 1, 1, 2)))) if history else []
        when = 1_700_000_000 + number * 60 + dice.choice((0, 0, -86_400))
        args = [arg for parent in parents for arg in ("-p", parent)]
        oid = repo("commit-tree", *args, "-m", str(number), "HEAD^{tree}", GIT_COMMITTER_DATE=f"{when} +0000").strip()
        history[oid] = (when, {oid}.union(*(history[parent][1] for parent in parents)))
    return history


@pytest.mark.parametrize("seed", range(3))
def test_a_base_is_the_newest_ancestor_that_the_remote_has(repo: Clone, seed: int) -> None:
    history = random_history(repo, seed)
    tips = random.Random(seed).sample(list(history), 3)
    repo("update-ref", "-d", "refs/remotes/origin/main")
    for number, tip in enumerate(tips):
        repo("update-ref", f"refs/remotes/origin/b{number}", tip)
    has = set().union(*(history[tip][1] for tip in tips))
    snapshots = [repo.edit(number).snapshot or "" for number in range(len(history))]
    with Repository(str(repo.root), repo.env) as opened:
        found = candidates(opened, "origin", dict(zip(snapshots, history, strict=True)))

    for candidate in found:
        assert candidate.head
        shared = history[candidate.head][1] & has
        frontier = max(((history[oid][0], oid) for oid in shared), default=None)
        assert candidate.base in (shared or set(tips))
        if candidate.head in has:
            assert candidate.base == candidate.head
        elif frontier:
            newest_frontier = {oid for oid in shared if not any(oid in history[o][1] for o in shared - {oid})}
            assert candidate.base == max(newest_frontier, key=lambda oid: (history[oid][0], oid))


# The chain


def test_a_link_has_the_newest_tree_and_no_other_ancestors(repo: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "_PER_LINK", 3)
    base = repo("rev-parse", "HEAD").strip()
    snapshots = [repo.edit(number) for number in range(1, 6)]
    tip = repo.extend(None, repo.candidates(*snapshots))
    below = repo("rev-parse", f"{tip}^1").strip()

    assert repo("log", "-1", "--format=%T %P", tip).split() == [
        snapshots[4].tree, below, snapshots[3].snapshot, snapshots[4].snapshot, base,
    ]  # fmt: skip
    assert repo("log", "-1", "--format=%T %P", below).split() == [
        snapshots[2].tree, *(s.snapshot for s in snapshots[:3]), base,
    ]  # fmt: skip
    assert repo("log", "-1", "--format=%an <%ae>|%B", tip).strip() == (
        "gtrack <gtrack@localhost>|code: 2 snapshots\n\n[skip ci]"
    )
    assert set(repo("rev-list", tip).split()) == ids(*snapshots) | {tip, below, base}
    repo("fsck", "--strict")


def test_nothing_is_added_twice(repo: Clone) -> None:
    one, two = repo.candidates(repo.edit(1), repo.edit(2))
    tip = repo.extend(None, [one])
    assert repo.extend(tip, [one]) == tip
    assert repo.extend(tip, []) == tip
    both = repo.extend(tip, [one, two, two])
    assert repo("rev-parse", f"{both}^@").split() == [tip, two.snapshot, one.base]


def test_a_links_time_is_never_before_its_parents(repo: Clone) -> None:
    repo("commit", "-q", "--allow-empty", "-m", "from the future", GIT_COMMITTER_DATE="4000000000 +0000")
    repo("push", "-q", "origin", "main")
    tip = repo.extend(None, repo.candidates(repo.edit(1)))
    after = repo.extend(tip, [Candidate(c.snapshot, c.tree, None, None, True) for c in repo.candidates(repo.edit(2))])
    assert repo("log", "--no-walk", "--format=%ct", tip, after, repo.merge(tip, after)).split() == ["4000000000"] * 2


def test_a_chain_that_is_not_here_is_not_extended(repo: Clone) -> None:
    found = repo.candidates(repo.edit(1))
    for call in (lambda: repo.extend("f" * 40, found), lambda: repo.merge("f" * 40), lambda: repo.merge(CODE)):
        with pytest.raises(DamageError, match="which is not here"):
            call()
    for call in (lambda: repo.extend(None, []), repo.merge):
        with pytest.raises(UsageError, match="there is no"):
            call()


def test_merged_chains_lose_nothing_and_publish_nothing(repo: Clone, remote: Path) -> None:
    main, left, right = (repo.edit(number) for number in range(3))
    repo.publish(main)
    tips = [repo.tip or ""]
    for number, snapshot in enumerate((left, right)):
        tips.append(repo.extend(tips[0], repo.candidates(snapshot)))
        repo.push(tips[-1], f"refs/gtrack/inbox/000000000000000{number}/code")
    before = set(everything_in(remote).splitlines())

    assert repo.merge(tips[1]) == repo.merge(tips[0], tips[1], tips[1]) == tips[1]
    merged = repo.merge(*tips)
    assert repo("rev-parse", f"{merged}^@").split() == tips[1:]
    repo.push(merged)
    assert kept(remote) == ids(main, left, right)
    new = set(everything_in(remote).splitlines()) - before
    assert len([line for line in new if re.match(rb"[0-9a-f]{40} \w+ \d+$", line)]) == 1
    assert repo.candidates(main, left, right) == []


def test_two_clones_that_append_at_once_lose_nothing(repo: Clone, remote: Path, tmp_path: Path) -> None:
    def append_all(own: Clone, first: int) -> list[Snapshot]:
        snapshots = [own.edit(first + number) for number in range(4)]
        for snapshot in snapshots:
            while True:
                own.fetch()
                found = own.candidates(snapshot)
                link = own.extend(own.tip, found)
                args = ["push", "-q", "origin", f"{link}:{CODE}"]
                if own.git.call(args, cwd=str(own.root)).returncode == 0:
                    break
        return snapshots

    clones = [repo, clone(remote, tmp_path / "bob")]
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(append_all, clones, (100, 200)))
    assert kept(remote) == ids(*done[0], *done[1])


def test_a_refused_push_is_done_again_on_the_new_tip(repo: Clone, remote: Path, tmp_path: Path) -> None:
    bob = clone(remote, tmp_path / "bob")
    shared, mine, his = repo.edit(1), repo.edit(2), bob.edit(3)
    assert bob.edit(1).snapshot == shared.snapshot
    chosen = bob.candidates(shared, his)
    too_late = bob.extend(bob.tip, chosen)
    repo.publish(shared, mine)
    assert bob.git.call(["push", "origin", f"{too_late}:{CODE}"], cwd=str(bob.root)).returncode == 1

    bob.fetch()
    again = bob.extend(bob.tip, chosen)
    bob.push(again)
    assert kept(remote) == ids(shared, mine, his)
    assert shared.snapshot not in bob("rev-parse", f"{again}^@").split()


# What the remote is sent, and what it must not get


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Clone, Path]]:
    """A clone of 2,000 files."""
    root = tmp_path_factory.mktemp("large")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(root / "remote.git")], check=True)
    yield first_clone(root / "ada", root / "remote.git", files=2000), root / "remote.git"


@pytest.mark.soak  # tests/remotes does it with a whole push
def test_a_one_line_edit_in_2000_files_sends_no_more_than_that(large: tuple[Clone, Path], tmp_path: Path) -> None:
    repo, remote = large
    assert repo.publish(repo.edit(1)) < 1024
    assert repo.publish(repo.edit(2, "pack7/module7.py")) < 1024
    many = [repo.edit(number, f"pack{number % 40}/module{number}.py") for number in range(100)]
    assert repo.publish(*many) < 100 * 512

    repo.write("pack1/module1.py", "committed = True\n")
    unpushed = repo.commit()
    ahead = repo.edit(3, "pack3/module3.py")
    assert repo.publish(ahead) < 1024
    assert repo.git.call(["cat-file", "-e", unpushed], cwd=str(remote)).returncode != 0
    repo("checkout", "-q", "--orphan", "rewritten")
    repo.commit()
    assert repo.publish(repo.edit(4, "pack4/module4.py")) < 1024


def test_a_remote_without_code_is_sent_the_code_once(large: tuple[Clone, Path], tmp_path: Path) -> None:
    separate = tmp_path / "runs.git"
    subprocess.run(["git", "init", "-q", "--bare", str(separate)], check=True)
    repo = clone(large[1], tmp_path / "bob")
    repo("remote", "rename", "origin", "code")
    repo("remote", "add", "origin", f"file://{separate}")
    first, second = repo.edit(1), repo.edit(2)
    assert [c.needs_consent for c in repo.candidates(first)] == [True]
    assert repo.publish(first) > 50_000
    assert repo.publish(second) < 1024


def test_a_push_that_negotiates_is_thin_where_the_remote_has_moved_on(
    large: tuple[Clone, Path], tmp_path: Path
) -> None:
    if "push.negotiate" not in large[0]("help", "--config"):
        pytest.skip("git is older than 2.32 and cannot negotiate a push")
    copy = tmp_path / "remote.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(large[1]), str(copy)], check=True)
    repo, other = clone(copy, tmp_path / "bob"), clone(copy, tmp_path / "carol")
    other.edit(1)
    other.commit()
    other("push", "-q", "origin", "main")
    link = repo.extend(None, repo.candidates(repo.edit(2)))
    assert repo.push(link, CODE, "-c", "push.negotiate=true") < 1024


def test_no_secret_and_nothing_that_was_not_agreed_to_reaches_the_remote(repo: Clone, remote: Path) -> None:
    agreed = repo.edit(1)
    repo.write("train.py", "refused = 'canary-refused'\n")
    refused = repo.snapshot()
    repo.write("plan.py", "plan = 'canary-unpushed'\n")
    repo("add", "plan.py")
    repo("commit", "-q", "-m", "canary-message", "plan.py")
    repo("rm", "-q", "plan.py")
    repo.write("pack0/module0.py", f"key = '{AWS_KEY}'\n")
    repo.write(".env", f"PASSWORD={PASSWORD}\n")
    repo.write("notes.py", f"token = '{GITHUB_TOKEN}'\n")
    repo.write("data.csv", "canary-data\n")
    repo.write("train.py", "agreed = 'later'\n")
    later = repo.snapshot()
    repo("update-ref", CODE, repo.extend(None, repo.candidates(agreed, refused, later)))

    chosen = [c for c in repo.candidates(agreed, refused, later) if c.snapshot != refused.snapshot]
    repo.push(repo.extend(None, chosen))
    there = everything_in(remote)
    assert b"lr = 1" in there
    assert b"agreed = 'later'" in there
    for canary in (AWS_KEY, GITHUB_TOKEN, PASSWORD, "canary-"):
        assert canary.encode() not in there
    assert kept(remote) == ids(agreed, later)


# The colleague


@pytest.mark.parametrize("depth", [(), ("--depth=1",)], ids=["full", "depth-1"])
def test_a_colleague_checks_it_out_and_his_clone_stays_what_it_is(
    repo: Clone, remote: Path, tmp_path: Path, depth: tuple[str, ...]
) -> None:
    repo.write("src/new.py", "new = True\n")
    snapshot = repo.edit(5)
    repo.publish(snapshot)
    repo("checkout", "-q", ".")
    for number in range(3):
        repo.write("train.py", f"lr = -{number}\n")
        repo.commit()
    repo("push", "-q", "origin", "main")

    bob = clone(remote, tmp_path / "bob", *depth)
    shallow = Path(bob.git_dir, "shallow")
    before = bob("config", "--list", "--local"), shallow.exists() and shallow.read_text()
    bob("fetch", "-q", "--no-tags", "--no-write-fetch-head", "origin", f"{CODE}:{THERE}code")
    bob("worktree", "add", "-q", "--detach", str(tmp_path / "again"), snapshot.snapshot or "")

    assert (tmp_path / "again" / "train.py").read_text() == "lr = 5\n"
    assert (tmp_path / "again" / "src" / "new.py").read_text() == "new = True\n"
    assert (bob("config", "--list", "--local"), shallow.exists() and shallow.read_text()) == before
    assert bob("rev-parse", "--is-shallow-repository").strip() == ("true" if depth else "false")
    bob("fsck", "--strict")


def test_a_blobless_clone_publishes_thinly(repo: Clone, remote: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "config", "uploadpack.allowFilter", "true"], cwd=remote, check=True)
    bob = clone(remote, tmp_path / "bob", "--filter=blob:none", "--sparse")
    snapshot = bob.edit(7)
    assert bob.publish(snapshot) < 1024
    assert kept(remote) == ids(snapshot)


def test_a_sha256_repository_publishes_too(tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", "--object-format=sha256", str(remote)], check=True)
    repo = first_clone(tmp_path / "ada", remote, "--object-format=sha256")
    clean, edited = repo.snapshot(), repo.edit(1)
    assert [c.needs_consent for c in repo.candidates(clean, edited)] == [False, True]
    repo.publish(clean, edited)
    assert kept(remote) == ids(clean, edited)
    assert repo.candidates(clean, edited) == []
