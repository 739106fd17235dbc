"""Partial clones: what one left at its remote is fetched when it is read, many at once, and nothing else changes."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from hostile import PLAIN, blobs, commit
from spooling import START, facts_of, git, make_repo

from gtrack.branch.bounded import run_bounded, run_on_trees
from gtrack.branch.bulk import read_blobs
from gtrack.branch.commit import FORMAT_FILE, format_file
from gtrack.branch.objects import BLOB, COMMIT, MissingObjectError, UnfetchedObjectError
from gtrack.branch.repository import Repository
from gtrack.clock import iso, stamp
from gtrack.errors import GitError, NetworkError
from gtrack.format import names, yaml
from gtrack.ops.view import View

IDS = [f"{number:032x}" for number in range(0, 200 * 7**10, 7**10)]
FILTERS = ["blob:none", "blob:limit=200", "tree:0", "tree:2", "tree:3"]


def run_files(run_id):
    end = yaml.dump({"format": 1, "session": "9c1d7b6e", "status": "finished", "ended": iso(START)})
    folder = names.run_dir(run_id)
    return {
        f"{folder}/run.yaml": yaml.dump(facts_of(run_id, params={"n": run_id})),
        f"{folder}/{names.end(stamp(START), end)}": end,
        f"{folder}/console-9c1d7b6e-9c1d7b6e.log.gz": run_id.encode(),
    }


def record(repo, run_ids, more=None, parents=()):
    files = {path: data for run_id in run_ids for path, data in run_files(run_id).items()}
    everything = {FORMAT_FILE: format_file(0), **files}
    git(repo.paths.common_dir, "update-ref", repo.branch, commit(repo, {**blobs(repo, everything), **(more or {})}))
    return {path: oid for path, (_, oid) in blobs(repo, files).items()}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The path of a repository with a commit of code and two hundred runs, which lets itself be cloned in part."""
    path = tmp_path_factory.mktemp("partial") / "recorded"
    with make_repo(path) as repo:
        git(path, "config", "uploadpack.allowFilter", "true")
        record(repo.repository, IDS)
        git(path, "gc", "-q")
    return path


@pytest.fixture
def remote(tmp_path, recorded):
    """A copy of it, open."""
    shutil.copytree(recorded, tmp_path / "remote")
    with Repository(str(tmp_path / "remote"), os.environ) as repo:
        yield repo


@pytest.fixture
def clone(tmp_path, remote):
    """Clone the remote in part, and open the clone."""
    opened = []

    def make(filter_="blob:none", name="clone"):
        url = f"file://{remote.paths.root}"
        git(tmp_path, "clone", "-q", f"--filter={filter_}", "--no-checkout", url, name)
        env = {**os.environ, "GIT_TRACE2": str(tmp_path / "trace")}
        opened.append(Repository(str(tmp_path / name), env))
        return opened[-1]

    yield make
    for repo in opened:
        repo.close()


def commands(repo):
    """Return the git commands that were started since the last look, those that git started and the remote's too."""
    trace = Path(repo.env["GIT_TRACE2"])
    lines = trace.read_text().splitlines() if trace.exists() else []
    trace.unlink(missing_ok=True)
    return [line.split(" cmd_name ")[1].split()[0] for line in lines if " cmd_name " in line]


def states(repo):
    return {state.id: state for state in View(repo).states()}


@pytest.mark.parametrize("filter_", FILTERS)
def test_a_partial_clone_shows_the_runs_that_a_whole_one_shows(remote, clone, filter_):
    assert states(clone(filter_)) == states(remote)


@pytest.mark.parametrize(("filter_", "fetches"), [("blob:none", 2), ("tree:0", 3)])
def test_what_is_missing_is_asked_for_at_once(clone, filter_, fetches):
    repo = clone(filter_)
    assert len(states(repo)) == len(IDS)
    started = commands(repo)
    # FORMAT, which is read before all else, and all documents; of a clone without folders these before.
    assert started.count("fetch") == started.count("upload-pack") == fetches
    assert len(started) < 20
    assert len(states(repo)) == len(IDS)
    assert "fetch" not in commands(repo)


def test_only_what_is_read_is_fetched(clone):
    repo = clone()
    states(repo)
    consoles = [oid for path, _, oid in repo.objects.walk(repo.tree_of(repo.remote_tip)) if path.endswith(".gz")]
    assert repo.objects.absent(consoles) == consoles
    assert read_blobs(repo, consoles[:3]).keys() == set(consoles[:3])
    assert repo.objects.absent(consoles) == consoles[3:]


def test_a_run_alone_is_read_in_a_partial_clone_too(remote, clone):
    repo = clone("tree:0")
    view = View(repo)
    assert view.files(IDS[5]).documents == View(remote).files(IDS[5]).documents


def test_a_clone_that_only_the_old_extension_marks_is_partial(clone):
    repo = clone()
    git(repo.paths.root, "config", "--unset", "remote.origin.promisor")
    git(repo.paths.root, "config", "--unset", "remote.origin.partialclonefilter")
    git(repo.paths.root, "config", "extensions.partialClone", "origin")
    with closing(Repository(repo.paths.root, repo.env)) as again:
        assert again.promisors == ("origin",)
        assert len(states(again)) == len(IDS)


def test_another_promisor_is_asked_where_the_first_is_gone(tmp_path, remote, clone):
    repo = clone()
    git(repo.paths.root, "remote", "add", "mirror", f"file://{remote.paths.root}")
    git(repo.paths.root, "config", "remote.mirror.promisor", "true")
    git(repo.paths.root, "remote", "set-url", "origin", str(tmp_path / "gone"))
    with closing(Repository(repo.paths.root, repo.env)) as again:
        assert again.promisors == ("mirror", "origin")
        assert len(states(again)) == len(IDS)
    git(repo.paths.root, "remote", "rename", "mirror", "peer")  # which is asked after origin
    shutil.rmtree(os.path.join(repo.paths.home))
    with closing(Repository(repo.paths.root, repo.env)) as again:
        assert again.promisors == ("origin", "peer")
        oid = next(oid for path, _, oid in again.objects.walk(again.tree_of(again.remote_tip)) if path.endswith(".gz"))
        assert again.read_blob(oid)


def everything_of(repo):
    """Return all files of a git directory but objects and gtrack's own, and what the references are."""
    top = Path(repo.paths.git_dir)
    ours = {top / "objects", top / "gtrack"}
    files = [path for path in sorted(top.rglob("*")) if path.is_file() and not ours & set(path.parents)]
    return {str(path): path.read_bytes() for path in files}


def test_fetching_changes_nothing_but_objects(remote, clone):
    repo = clone("tree:0")
    for name in ("fetch.prune", "fetch.pruneTags", "fetch.writeCommitGraph", "remote.origin.prune"):
        git(repo.paths.root, "config", name, "true")
    git(repo.paths.root, "config", "gc.autoPackLimit", "1")
    git(repo.paths.root, "config", "--unset", "remote.origin.partialclonefilter")
    git(repo.paths.root, "update-ref", "refs/remotes/origin/old", "HEAD")
    git(repo.paths.root, "update-ref", "refs/tags/mine", "HEAD")
    git(remote.paths.root, "commit", "-q", "--allow-empty", "-m", "later")
    git(remote.paths.root, "tag", "later")
    before = everything_of(repo)
    with closing(Repository(repo.paths.root, repo.env)) as again:
        assert len(states(again)) == len(IDS)
        started = commands(again)
    assert everything_of(repo) == before
    assert not {"gc", "maintenance", "repack"} & set(started)
    packs = os.listdir(os.path.join(repo.paths.common_dir, "objects", "pack"))
    assert not [name for name in packs if name.endswith(".keep")]


def test_a_remote_that_is_gone_is_told_of_as_such(tmp_path, clone):
    repo = clone()
    os.rename(tmp_path / "remote", tmp_path / "away")
    with pytest.raises(UnfetchedObjectError, match="this partial clone left it at origin: there is no git repository"):
        states(repo)
    os.rename(tmp_path / "away", tmp_path / "remote")
    assert len(states(repo)) == len(IDS)
    os.rename(tmp_path / "remote", tmp_path / "away")
    assert len(states(repo)) == len(IDS), "what was listed once needs no remote"
    consoles = [oid for path, _, oid in repo.objects.walk(repo.tree_of(repo.remote_tip)) if path.endswith(".gz")]
    with pytest.raises(NetworkError, match="200 files or folders are not here") as caught:
        read_blobs(repo, consoles)
    assert caught.value.exit_code == 5
    # Who has another copy of what is missing still finds out that it is.
    assert isinstance(caught.value, KeyError)


def test_what_the_remote_has_not_either_is_missing_and_stands_in_nobodys_way(remote, clone):
    manifest = "artifacts-9c1d7b6e-9c1d7b6e-0-1.yaml"
    absent = {f"{names.run_dir(IDS[n])}/{manifest}": (PLAIN, f"{n:040x}") for n in (1, 2, 3)}
    record(remote, IDS[:60], absent)
    repo = clone()
    assert len(states(repo)) == 60
    with pytest.raises(MissingObjectError):
        repo.read_blob(f"{1:040x}")


def test_a_document_that_is_nowhere_is_damage(remote, clone):
    path = f"{names.run_dir(IDS[30])}/run.yaml"
    lost = "1" * 40
    record(remote, [*IDS[:30], *IDS[31:60]], {path: (PLAIN, lost)})
    with pytest.raises(MissingObjectError, match=lost):
        states(clone())


def test_what_is_pushed_is_looked_at_without_fetching(clone):
    repo = clone("tree:0")
    tree = repo.tree_of(repo.remote_tip)
    commands(repo)
    with pytest.raises(GitError, match="ls-tree failed") as caught:
        run_bounded(repo, ["ls-tree", "-r", tree])
    assert caught.value.hint is not None
    assert "git fetch --refetch --no-filter origin" in caught.value.hint
    assert "upload-pack" not in commands(repo)
    assert repo.objects.absent([tree]) == [tree]


def test_a_commit_is_never_fetched_for_it_brings_its_history(remote, clone):
    repo = clone()
    git(remote.paths.root, "commit", "-q", "--allow-empty", "-m", "later")
    later = git(remote.paths.root, "rev-parse", "HEAD").strip()
    commands(repo)
    with pytest.raises(MissingObjectError):
        repo.objects.read(later, COMMIT)
    assert commands(repo) == []


@pytest.mark.parametrize("filter_", FILTERS[2:])
def test_what_reads_trees_has_all_of_them_fetched(remote, clone, filter_):
    repo = clone(filter_)
    args = ["ls-tree", "-r", remote.tree_of(remote.tip)]
    assert run_on_trees(repo, args, args[2:]) == run_bounded(remote, args)
    assert commands(repo).count("fetch") == 1


def test_a_tree_that_is_nowhere_is_gits_error(clone):
    repo = clone("tree:0")
    with pytest.raises(GitError):
        run_on_trees(repo, ["ls-tree", "-r", "1" * 40], ["1" * 40])


@pytest.mark.parametrize(
    "oid", ["refs/heads/main:refs/heads/evil", "--upload-pack=touch evil", "HEAD", "", "1" * 39, "1" * 64, "A" * 40]
)
def test_only_object_ids_are_asked_for(clone, oid):
    repo = clone()
    states(repo)
    commands(repo)
    assert repo.bring([oid]) is False
    assert commands(repo) == []


def test_a_whole_clone_asks_nobody(remote):
    with closing(Repository(remote.paths.root, os.environ)) as repo:
        assert repo.promisors == ()
        assert repo.bring(["1" * 40]) is False
        with pytest.raises(MissingObjectError):
            repo.objects.read("1" * 40, BLOB)


def test_a_servers_hook_asks_nobody(clone):
    repo = clone()
    with closing(Repository(repo.paths.root, repo.env, incoming=True)) as hook:
        assert hook.promisors == ()
