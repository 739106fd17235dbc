"""The check of what was fetched: a remote's bad members are named with their reference, and nothing trips over them."""

from __future__ import annotations

import os

import pytest
from hostile import EXECUTABLE, LINK, PLAIN, SUBMODULE, blobs, commit, commit_tree, event, files_of, write_tree
from spooling import RUN, START, facts_of, finished_run, git, make_repo

from gtrack.branch import bounded
from gtrack.branch.objects import TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.cli import main
from gtrack.clock import stamp
from gtrack.format import yaml
from gtrack.ids import sha12
from gtrack.ops.fsck import check
from gtrack.reader import Repo

FOLDER = f"runs/{RUN[:2]}/{RUN}"
OTHER = "3f" + "0" * 30
NESTED = b"format: 1\nkind: note\ntext: " + b"[" * 200_000 + b"]" * 200_000
YEAR_9999 = 253_370_764_800_000_000
BRANCH = "refs/heads/gtrack"
TRACKING, ALICE = "refs/remotes/origin/gtrack", "refs/remotes/alice/gtrack"
INBOX = "refs/gtrack/remotes/origin/inbox/0123456789abcdef/runs"


class Team:
    """A clone with a recorded run, its tracking remote, and a fork."""

    def __init__(self, root, repo):
        self.root, self.repo = root, repo
        for name in ("origin", "alice"):
            git(root, "init", "-q", "--bare", name)
            git(repo.root, "remote", "add", name, f"file://{root / name}")
            git(repo.root, "push", "-q", name, BRANCH)
            git(repo.root, "fetch", "-q", name)

    def publish(self, where, files, mode=PLAIN, *, parents=True):
        """Commit further files, {path: content or (mode, id)}, at the remote of a reference, and fetch it."""
        name = "alice" if where == ALICE else "origin"
        ref = INBOX.replace("remotes/origin/", "") if where == INBOX else BRANCH
        with Repository(str(self.root / name), dict(os.environ)) as remote:
            given = {path: data for path, data in files.items() if isinstance(data, tuple)}
            written = blobs(remote, {path: data for path, data in files.items() if path not in given}, mode)
            tip = commit(
                remote, {**files_of(remote, remote.tip), **written, **given}, *([remote.tip] if parents else [])
            )
        git(self.root / name, "update-ref", ref, tip)
        git(self.repo.root, "fetch", "-q", "--no-tags", name, f"+{ref}:{where}")
        return tip

    def check(self):
        with Repo(self.repo.root, env=dict(os.environ)) as fresh:
            return check(fresh)

    def found(self):
        return [(f.level, f.source, f.path, f.what) for f in self.check().findings]


@pytest.fixture
def team(tmp_path):
    with make_repo(tmp_path / "clone") as repo:
        finished_run(repo.repository.paths.spool)
        repo.recover()
        yield Team(tmp_path, repo)


def note(text="a note", at=START):
    return event(FOLDER, {"kind": "note", "text": text}, at)


BAD = {
    "a link": ({f"runs/3f/{OTHER}/run.yaml": b"/etc/passwd"}, LINK, "a symbolic link"),
    "an executable": ({"x": b""}, EXECUTABLE, "an executable file"),
    "a submodule": ({"x": (SUBMODULE, "1" * 40)}, PLAIN, "a submodule"),
    "a way out": ({f"{FOLDER}/../../x": b""}, PLAIN, "not safe"),
    "a git folder": ({"x/.git/config": b""}, PLAIN, "not safe"),
    "a wrong digest": ({f"{FOLDER}/events/{stamp(START)}-0123456789ab.yaml": b"x"}, PLAIN, "does not match the digest"),
    "a nesting bomb": ({f"{FOLDER}/events/{stamp(START)}-{sha12(NESTED)}.yaml": NESTED}, PLAIN, "nesting depth"),
    "another run's facts": ({f"runs/3f/{OTHER}/run.yaml": yaml.dump(facts_of())}, PLAIN, "names another run"),
    "a large file": ({f"runs/3f/{OTHER}/run.yaml": bytes((8 << 20) + 1)}, PLAIN, "larger than"),
    "no curve": ({f"{FOLDER}/metrics-aaaaaaaa-aaaaaaaa-0-4.parquet": b"PAR1"}, PLAIN, "not Parquet"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_member_is_named_with_where_it_is(team, name):
    files, mode, what = BAD[name]
    team.publish(ALICE, files, mode)
    assert team.check().ok
    for ref in (INBOX, TRACKING):
        team.publish(ref, files, mode)
        assert not team.check().ok
    named = {(level, source) for level, source, _, text in team.found() if what in text}
    assert named == {("error", TRACKING), ("error", INBOX), ("warning", ALICE)}


def test_sound_files_that_are_not_here_yet_are_no_findings(team):
    for ref in (TRACKING, INBOX, ALICE):
        team.publish(ref, {**note(), f"runs/3f/{OTHER}/run.yaml": yaml.dump(facts_of(OTHER))})
    assert team.found() == []


def test_a_remote_that_lacks_what_was_not_pushed_yet_is_no_finding(team):
    finished_run(team.repo.repository.paths.spool, run_id=OTHER)
    team.repo.recover()
    assert team.found() == []


@pytest.mark.parametrize(("ref", "what"), [(TRACKING, "published other"), (INBOX, "than here"), (ALICE, "than here")])
def test_other_content_of_a_file_that_is_here_is_named(team, ref, what):
    team.publish(ref, {f"{FOLDER}/run.yaml": yaml.dump(facts_of(params={"lr": 9}))}, parents=False)
    assert [(src, path) for _, src, path, text in team.found() if what in text] == [(ref, f"{FOLDER}/run.yaml")]


@pytest.mark.parametrize("ref", [TRACKING, INBOX, ALICE])
def test_a_commit_that_alters_a_file_is_named(team, ref):
    tip = team.publish(ref, {f"{FOLDER}/run.yaml": yaml.dump(facts_of(params={"lr": 9}))})
    assert (ref, f"{FOLDER}/run.yaml", f"commit {tip[:7]} changes it: files are written once") in [
        found[1:] for found in team.found()
    ]


def test_an_event_of_the_year_9999_is_named(team):
    for ref in (TRACKING, INBOX, ALICE):
        team.publish(ref, note("the last word", YEAR_9999))
    named = {(level, src) for level, src, _, text in team.found() if "in the future" in text}
    assert named == {("warning", INBOX), ("warning", ALICE), ("warning", TRACKING)}


def beside():
    """Sound files beside the runs: a tombstone for my run, a moved alias, an experiment's description."""
    return {
        **event(f"tombstones/{RUN[:2]}/{RUN}", {"kind": "tombstone"}, START),
        **event("models/churn", {"kind": "alias", "alias": "champion", "version": None}, START),
        **event("experiments/churn", {"kind": "set", "description": "mine now"}, START),
    }


def unpacked(files):
    """Drop the folder ``events`` where the format has none."""
    return {path.replace("/events/", "/") if path.startswith("tombstones/") else path: d for path, d in files.items()}


def test_of_another_remote_only_runs_are_heard_and_the_rest_is_named(team):
    team.publish(ALICE, unpacked(beside()))
    named = [(level, src, path) for level, src, path, text in team.found() if "only runs are heard" in text]
    assert named == [("warning", ALICE, top) for top in ("experiments", "models", "tombstones")]
    assert team.check().ok


def test_the_tracking_remotes_tombstones_and_models_are_sound(team):
    team.publish(TRACKING, unpacked(beside()))
    assert team.found() == []


def test_everything_at_once_changes_nothing_here(team):
    before = git(team.repo.root, "rev-parse", BRANCH, "HEAD"), git(team.repo.root, "status", "--porcelain")
    for ref in (ALICE, INBOX, TRACKING):
        for files, mode, _ in BAD.values():
            team.publish(ref, files, mode)
        team.publish(ref, {**unpacked(beside()), f"{FOLDER}/run.yaml": b"x", "FORMAT": b"format: 2\nepoch: 9\n"})
    findings = team.check().findings
    assert {f.source for f in findings} == {ALICE, INBOX, TRACKING}
    assert {f.level for f in findings if f.source == ALICE} == {"warning"}
    assert all(text.isprintable() for f in findings for text in (f.path, f.what, f.source))
    assert before == (git(team.repo.root, "rev-parse", BRANCH, "HEAD"), git(team.repo.root, "status", "--porcelain"))


def test_a_fetched_commit_that_is_missing_is_named(team):
    for ref in (TRACKING, INBOX, ALICE):
        path = os.path.join(team.repo.root, ".git", *ref.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("1" * 40 + "\n")
    assert {(src, "missing" in text) for _, src, _, text in team.found()} == {
        (TRACKING, True),
        (INBOX, True),
        (ALICE, True),
    }


def test_trees_that_name_each_other_without_end_are_given_up(team, monkeypatch):
    monkeypatch.setattr(bounded, "_MOST_BYTES", 1 << 20)
    monkeypatch.setattr(bounded, "_MOST_MEMORY", 24 << 20)
    before = git(team.root / "alice", "rev-parse", BRANCH).strip()
    with Repository(str(team.root / "alice"), dict(os.environ)) as fork:
        tree = write_tree(fork, blobs(fork, {"x": b""}))
        for _ in range(8):
            tree = fork.objects.write_tree({b"%d" % number: (TREE_MODE, tree) for number in range(100)})
        bomb = commit_tree(fork, tree, before)
        after = commit_tree(fork, fork.tree_of(before), bomb)
    for tip, what in ((bomb, "cannot be listed"), (after, "history cannot be read")):
        git(team.root / "alice", "update-ref", BRANCH, tip)
        git(team.repo.root, "fetch", "-q", "alice")
        assert [(src, what in text) for _, src, _, text in team.found()] == [(ALICE, True)]


def test_the_command_prints_the_reference(team, capsys, monkeypatch):
    team.publish(TRACKING, {"x": b""}, LINK)
    monkeypatch.chdir(team.repo.root)
    assert main(["fsck"]) == 6
    assert capsys.readouterr().out == f"error: {TRACKING}: x: it is a symbolic link, not a plain file\n"
