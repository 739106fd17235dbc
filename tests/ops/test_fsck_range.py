"""The check of what a push brings: it lets in what only adds files that belong there, and refuses the rest by name."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import EXECUTABLE, LINK, PLAIN, SUBMODULE, blobs, commit, commit_tree, event, files_of, write_tree
from spooling import RUN, SESSION, START, facts_of, finished_run, git, make_repo

from gtrack.branch import bounded
from gtrack.branch.objects import TREE, TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.cli import main
from gtrack.clock import now_ns, stamp
from gtrack.errors import DamageError, NotFoundError, RepositoryError, UsageError
from gtrack.format import yaml
from gtrack.ids import sha12
from gtrack.ops.fsck_range import check_range

FOLDER = f"runs/{RUN[:2]}/{RUN}"
OTHER = "3f" + "0" * 30
ZEROS = "0" * 40
DAY = 86_400_000_000
HOOKS = Path(__file__).parents[2] / "docs" / "hooks"
SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A repository with a recorded run; what the tests write are objects that nothing refers to."""
    with make_repo(tmp_path_factory.mktemp("range") / "repo") as repo:
        finished_run(repo.repository.paths.spool)
        repo.recover()
        yield repo.repository


@pytest.fixture(scope="module")
def base(world):
    return world.tip


def note(text="a note", at=START, folder=FOLDER):
    return event(folder, {"kind": "note", "text": text}, at)


def run_file(run_id=OTHER):
    return {f"runs/{run_id[:2]}/{run_id}/run.yaml": yaml.dump(facts_of(run_id))}


def with_files(world, parent, files, mode=PLAIN):
    """Commit further files on top of a commit."""
    return commit(world, {**files_of(world, parent), **blobs(world, files, mode)}, parent)


def check(world, old, new, **options):
    return check_range(world, f"{old}..{new}", **options)


def texts(report):
    return [(f.level, f.path, f.what) for f in report.findings]


def errors(report):
    return [(f.path, f.what) for f in report.findings if f.level == "error"]


# -- what is let in


def test_a_push_that_only_adds_files_is_let_in(world, base):
    first = with_files(world, base, note())
    second = with_files(world, first, run_file())
    report = check(world, base, second)
    assert (report.findings, report.commits, report.files) == ((), 2, 2)


@pytest.mark.parametrize("old", ["", ZEROS, "0" * 64])
def test_all_of_a_new_branch_is_checked(world, base, old):
    report = check(world, old, base)
    assert (report.findings, report.files) == ((), len(files_of(world, base)))
    bad = with_files(world, base, {f"{FOLDER}/run.yaml": b"no: [yaml"})
    assert not check(world, old, bad).ok


def test_what_is_there_already_is_not_read_again(world, base):
    damaged = with_files(world, base, {f"{FOLDER}/events/{stamp(START)}-0123456789ab.yaml": b"wrong digest"})
    assert check(world, damaged, with_files(world, damaged, note())).findings == ()


def test_a_merge_of_two_clones_is_let_in(world, base):
    left, right = with_files(world, base, note("left")), with_files(world, base, note("right"))
    union = commit(world, {**files_of(world, left), **files_of(world, right)}, left, right)
    assert texts(check(world, left, union)) == []


def test_an_octopus_of_inboxes_is_let_in(world, base):
    tips = [with_files(world, base, note(str(number))) for number in range(4)]
    union = commit(world, {path: found for tip in tips for path, found in files_of(world, tip).items()}, *tips)
    assert texts(check(world, tips[0], union)) == []


def test_a_clone_that_began_by_itself_is_let_in(world, base):
    own = blobs(world, {**run_file(), "FORMAT": b"format: 1\nepoch: 0\n", "README.md": b"of another version\n"})
    root = commit(world, own)
    report = check(world, base, commit(world, {**own, **files_of(world, base)}, base, root))
    assert texts(report) == []


def test_files_that_the_format_does_not_know_are_let_in_and_named(world, base):
    report = check(world, base, with_files(world, base, {"plots/loss.svg": b"<svg/>"}))
    assert report.ok
    assert texts(report) == [
        ("warning", "plots/loss.svg", "the format knows no such file; it is kept and has no effect")
    ]


def test_a_stamp_in_the_future_is_let_in_and_named(world, base):
    now = now_ns() // 1000
    assert check(world, base, with_files(world, base, note(at=now + DAY // 2))).findings == ()
    for at in (now + 2 * DAY, 253_370_764_800_000_000):
        report = check(world, base, with_files(world, base, note(at=at)))
        assert report.ok and ["in the future" in what for _, _, what in texts(report)] == [True]


# -- write-once


def test_a_commit_that_alters_or_removes_a_file_is_refused_wherever_it_stands(world, base):
    files = files_of(world, base)
    altered = commit(world, {**files, **blobs(world, {f"{FOLDER}/run.yaml": b"x"})}, base)
    removed = commit(world, {path: found for path, found in files.items() if path != "README.md"}, altered)
    restored = commit(world, files, removed)  # nothing shows between the ends
    report = check(world, base, restored)
    assert {(f.source, f.path, f.what.partition(":")[0]) for f in report.findings} == {
        (altered, f"{FOLDER}/run.yaml", "the commit changes it"),
        (removed, "README.md", "the commit removes it"),
        (removed, f"{FOLDER}/run.yaml", "the commit changes it"),
    }


def test_a_file_that_becomes_a_link_is_refused(world, base):
    files = {**files_of(world, base), **blobs(world, {"README.md": b"/etc/passwd"}, LINK)}
    assert [path for path, _ in errors(check(world, base, commit(world, files, base)))] == ["README.md"]


def test_a_file_that_becomes_a_folder_is_refused(world, base):
    files = files_of(world, base)
    del files["README.md"]
    files |= blobs(world, {"README.md/x": b""})
    assert "README.md" in [path for path, _ in errors(check(world, base, commit(world, files, base)))]


def test_a_merge_that_loses_a_file_of_any_parent_is_refused(world, base):
    left, right = with_files(world, base, note("left")), with_files(world, base, note("right"))
    for tree in (left, right):
        for parents in ((left, right), (right, left)):
            report = check(world, base, commit(world, files_of(world, tree), *parents))
            assert [what for _, what in errors(report)] == ["the commit removes it: files are written once"]


def test_a_merge_that_makes_up_content_is_refused(world, base):
    left, right = with_files(world, base, note("left")), with_files(world, base, note("right"))
    union = {**files_of(world, left), **files_of(world, right), **blobs(world, {f"{FOLDER}/run.yaml": b"x"})}
    assert {path for path, _ in errors(check(world, base, commit(world, union, left, right)))} == {f"{FOLDER}/run.yaml"}


def made_up(world, base):
    """Return a merge that alters a file which both parents have and nobody has published."""
    common = with_files(world, base, run_file())
    left, right = with_files(world, common, note("left")), with_files(world, common, note("right"))
    forged = blobs(world, {next(iter(run_file())): yaml.dump(facts_of(OTHER, params={"lr": 9}))})
    return commit(world, {**files_of(world, left), **files_of(world, right), **forged}, left, right)


def test_a_merge_that_alters_what_is_not_published_yet_is_refused(world, base):
    assert {path for path, _ in errors(check(world, base, made_up(world, base)))} == set(run_file())


def test_replacements_do_not_hide_a_commit(world, base):
    bad = commit(world, {**files_of(world, base), **blobs(world, {f"{FOLDER}/run.yaml": b"x"})}, base)
    git(world.paths.root, "replace", bad, with_files(world, base, note()))
    try:
        assert not check(world, base, bad).ok
    finally:
        git(world.paths.root, "replace", "-d", bad)


def test_a_merge_cannot_take_what_is_published_from_another_history(world, base):
    forged = {**files_of(world, base), **blobs(world, {f"{FOLDER}/run.yaml": yaml.dump(facts_of(params={"lr": 9}))})}
    root = commit(world, forged)
    report = check(world, base, commit(world, forged, base, root))
    assert errors(report) == [(f"{FOLDER}/run.yaml", "what is published has another content: files are written once")]


def test_what_a_merge_adds_by_itself_is_checked(world, base):
    left, right = with_files(world, base, note("left")), with_files(world, base, note("right"))
    union = {**files_of(world, left), **files_of(world, right), **blobs(world, {"evil": b"/etc/passwd"}, LINK)}
    assert errors(check(world, left, commit(world, union, left, right))) == [
        ("evil", "it is a symbolic link, not a plain file")
    ]


def test_removing_the_branch_is_refused(world, base):
    assert not check(world, base, ZEROS).ok


def test_a_push_that_drops_commits_is_refused(world, base):
    published = with_files(world, base, note())
    for new in (base, with_files(world, base, note("other")), commit(world, files_of(world, published))):
        for allow in (False, True):
            assert any(
                "not a fast-forward" in what for _, what in errors(check(world, published, new, allow_epoch=allow))
            )


# -- epochs


def epoch(world, files, number):
    return {**files, **blobs(world, {"FORMAT": b"format: 1\nepoch: %d\n" % number})}


def test_a_new_epoch_is_let_in_only_when_asked_for(world, base):
    published = with_files(world, base, note())
    fresh = commit(world, epoch(world, files_of(world, base), 1))
    (finding,) = check(world, published, fresh).findings
    assert "begins epoch 1" in finding.what and finding.hint == "--allow-epoch lets it through"
    assert texts(check(world, published, fresh, allow_epoch=True)) == []


def test_a_new_epoch_changes_no_content(world, base):
    forged = {**files_of(world, base), **blobs(world, {f"{FOLDER}/run.yaml": yaml.dump(facts_of(params={"lr": 9}))})}
    report = check(world, base, commit(world, epoch(world, forged, 1)), allow_epoch=True)
    assert [path for path, _ in errors(report)] == [f"{FOLDER}/run.yaml"]


@pytest.mark.parametrize("number", [0, 1])
def test_an_epoch_never_falls_or_stays_in_a_rewrite(world, base, number):
    published = commit(world, epoch(world, files_of(world, base), 1))
    more = {**files_of(world, base), **blobs(world, note())}
    report = check(world, published, commit(world, epoch(world, more, number)), allow_epoch=True)
    assert any("not a fast-forward" in what for _, what in errors(report))


@pytest.mark.parametrize(("before", "after", "what"), [(1, 0, "lowers the epoch"), (0, 1, "only a new root does")])
def test_a_commit_does_not_change_the_epoch(world, base, before, after, what):
    published = commit(world, epoch(world, files_of(world, base), before))
    report = check(world, published, commit(world, epoch(world, files_of(world, base), after), published))
    assert [what in text for _, text in errors(report)] == [True]


def test_the_history_of_an_older_epoch_does_not_come_back_by_a_merge(world, base):
    published = commit(world, epoch(world, files_of(world, base), 1))
    report = check(world, published, commit(world, files_of(world, published), published, base))
    assert ["joins the history of epoch 0" in text for _, text in errors(report)] == [True]


def test_redacted_content_does_not_come_back(world, base):
    ((path, (_, oid)),) = blobs(world, note("a secret")).items()
    marked = with_files(world, base, {f"redacted/{oid}": b""})
    again = with_files(world, marked, note("a secret"))
    assert errors(check(world, marked, again)) == [(path, "its content was redacted and may not come back")]


# -- members

LONG = {f"x{number}": "y" * 1000 for number in range(1100)}
NESTED = b"format: 1\nkind: note\ntext: " + b"[" * 200_000 + b"]" * 200_000
BAD = {
    "an executable": ({f"{FOLDER}/x": b""}, EXECUTABLE, "an executable file"),
    "a link": ({f"runs/3f/{OTHER}/run.yaml": b"../../../../.ssh/id_rsa"}, LINK, "a symbolic link"),
    "a group-writable file": ({f"{FOLDER}/y": b""}, 0o100664, "of the mode 100664"),
    "a way out": ({"runs/../../x": b""}, PLAIN, "not safe"),
    "a git folder": ({"x/.GIT/hooks/post-checkout": b""}, PLAIN, "not safe"),
    "a drive": ({"c:x": b""}, PLAIN, "not safe"),
    "a terminal's command": ({"\x1b]0;x\x07": b""}, PLAIN, "not safe"),
    "a newline": ({"runs/a\nb": b""}, PLAIN, "not safe"),
    "no utf-8": ({"\udcff": b""}, PLAIN, "not UTF-8"),
    "below a file's place": ({f"runs/3f/{OTHER}/run.yaml/x": b""}, PLAIN, "where the format has a file"),
    "a wrong digest": ({f"{FOLDER}/events/{stamp(START)}-0123456789ab.yaml": b"x"}, PLAIN, "does not match the digest"),
    "a wrong digest elsewhere": ({f"experiments/a/events/{stamp(START)}-0123456789ab.yaml": b"x"}, PLAIN, "digest"),
    "a wrong value": ({f"{FOLDER}/values-0123456789ab.txt": b"x"}, PLAIN, "does not match the digest"),
    "a nesting bomb": ({f"{FOLDER}/events/{stamp(START)}-{sha12(NESTED)}.yaml": NESTED}, PLAIN, "nesting depth"),
    "another run's facts": ({f"runs/3f/{OTHER}/run.yaml": yaml.dump(facts_of())}, PLAIN, "names another run"),
    "no facts": ({f"runs/3f/{OTHER}/run.yaml": yaml.dump(facts_of(OTHER, name=" "))}, PLAIN, "not a name"),
    "a newer document": (event(FOLDER, {"kind": "note", "text": "x", "format": 2}, START), PLAIN, "newer gtrack"),
    "a large document": ({f"runs/3f/{OTHER}/run.yaml": b"#" * (1 << 20) + b"\n"}, PLAIN, "at most"),
    "a large file": ({"x": bytes((8 << 20) + 1)}, PLAIN, "at most"),
    "no curve": ({f"{FOLDER}/metrics-{SESSION}-aaaaaaaa-0-4.parquet": b"PAR1"}, PLAIN, "not Parquet"),
    "no gzip": ({f"{FOLDER}/console-{SESSION}-aaaaaaaa.log.gz": b"text"}, PLAIN, "not gzip"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_belong_there_is_refused_by_name(world, base, name):
    files, mode, what = BAD[name]
    new = with_files(world, base, files, mode)
    report = check(world, base, new)
    assert [(f.source, what in f.what) for f in report.findings if f.level == "error"] == [(new, True)]
    assert all(text.isprintable() for f in report.findings for text in (f.path, f.what))


def test_a_submodule_is_refused(world, base):
    files = {**files_of(world, base), "vendor": (SUBMODULE, base)}
    assert errors(check(world, base, commit(world, files, base))) == [("vendor", "it is a submodule, not a plain file")]


def test_names_that_stand_twice_in_a_folder_are_refused(world, base):
    (_, oid), entries = blobs(world, {"x": b""})["x"], world.objects.tree(world.tree_of(base))
    raw = b"".join(
        b"%o %s\0%s" % (mode, name, bytes.fromhex(of))
        for name, (mode, of) in [
            *sorted(entries.items()),
            (b"x", (PLAIN, oid)),
            (b"x", (TREE_MODE, write_tree(world, {"y": (PLAIN, oid)}))),
        ]
    )
    report = check(world, base, commit_tree(world, world.objects.write(TREE, raw), base))
    assert ("x", "it stands twice in its folder") in errors(report)


def test_a_branch_of_a_newer_format_is_refused_by_name(world, base, capsys, monkeypatch):
    newer = commit(world, {**files_of(world, base), **blobs(world, {"FORMAT": b"format: 2\nepoch: 0\n"})})
    monkeypatch.chdir(world.paths.root)
    assert main(["fsck", "--range", f"..{newer}"]) == 7
    assert "of format 2; this gtrack reads up to 1" in capsys.readouterr().out


def test_trees_that_name_each_other_without_end_are_given_up(world, base, monkeypatch):
    monkeypatch.setattr(bounded, "_MOST_MEMORY", 24 << 20)
    tree = write_tree(world, {"x": blobs(world, {"x": b""})["x"]})
    for _ in range(8):
        tree = world.objects.write_tree({b"%d" % number: (TREE_MODE, tree) for number in range(100)})
    with pytest.raises(DamageError, match="more files than can be checked"):
        check(world, base, commit_tree(world, tree, base))


# -- the range itself


@pytest.mark.parametrize("text", ["", "HEAD", "..", "a..", "a...b", "a. .b"])
def test_what_is_no_range_is_said(world, text):
    with pytest.raises(UsageError, match="is not a range"):
        check_range(world, text)


@pytest.mark.parametrize("text", ["nope..HEAD", "..nope", f"{'a' * 40}..HEAD", "..--help", "..HEAD:train.py"])
def test_an_end_that_is_not_here_is_named(world, text):
    with pytest.raises(NotFoundError, match="there is no commit"):
        check_range(world, text)


def test_a_shallow_clone_says_what_it_cannot_tell(world, base, tmp_path):
    new = with_files(world, with_files(world, base, note("one")), note("two"))
    git(world.paths.root, "update-ref", "refs/heads/shallow", new)
    git(tmp_path, "clone", "-q", "--bare", "--depth=1", "--branch=shallow", f"file://{world.paths.root}", "shallow")
    git(tmp_path / "shallow", "fetch", "-q", "--depth=1", "origin", base)
    with Repository(str(tmp_path / "shallow"), dict(os.environ)) as shallow:
        assert "only a part" in check_range(shallow, f"..{new}").findings[0].what
        with pytest.raises(RepositoryError, match="too shallow"):
            check_range(shallow, f"{base}..{new}")


def test_a_clone_that_is_shallow_elsewhere_is_checked_in_full(world, base, tmp_path):
    git(world.paths.root, "commit", "-q", "--allow-empty", "-m", "more code")
    new = with_files(world, base, note())
    git(world.paths.root, "update-ref", "refs/heads/whole", new)
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=main", f"file://{world.paths.root}", "clone")
    git(tmp_path / "clone", "fetch", "-q", "origin", "whole")
    with Repository(str(tmp_path / "clone"), dict(os.environ)) as clone:
        assert texts(check_range(clone, "..FETCH_HEAD")) == []
        assert [what for _, what in errors(check_range(clone, f"{new}..{base}"))] == [
            f"the push is not a fast-forward: it drops {new[:12]}"
        ]


def test_a_repository_of_sha256_ids_is_checked_alike(tmp_path):
    git(tmp_path, "init", "-q", "--object-format=sha256", "repo")
    with Repository(str(tmp_path / "repo"), dict(os.environ)) as repo:
        root = commit(repo, blobs(repo, {**run_file(), "FORMAT": b"format: 1\nepoch: 0\n"}))
        new = with_files(repo, root, note())
        assert texts(check(repo, "0" * 64, new)) == []
        assert len(errors(check(repo, new, root))) == 1


@pytest.mark.parametrize("count", [100, pytest.param(5000, marks=pytest.mark.soak)])
def test_a_long_range_takes_a_handful_of_processes(world, base, count):
    tip, started = base, []
    for number in range(count):
        tip = with_files(world, tip, note(at=START + number)) if count < 200 else grown(world, tip, number)
    real = subprocess.Popen
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", lambda *args, **kwargs: started.append(args) or real(*args, **kwargs))
        report = check(world, base, tip)
    assert (report.findings, report.commits, report.files) == ((), count, count)
    assert len(started) < 25


def grown(world, tip, number):
    tree, _ = world.objects.add_files(world.tree_of(tip), note(at=START + number, folder=f"runs/{OTHER[:2]}/{OTHER}"))
    return commit_tree(world, tree, tip)


# -- the command


def test_the_command_prints_a_line_for_each_finding(world, base, capsys, monkeypatch):
    new = with_files(world, base, BAD["a link"][0], LINK)
    monkeypatch.chdir(world.paths.root)
    argv = ["fsck", "--range", f"{base}..{new}"]
    assert main(argv) == 6
    out, err = capsys.readouterr()
    path = f"runs/3f/{OTHER}/run.yaml"
    assert out == f"error: {new[:7]}: {path}: it is a symbolic link, not a plain file\n"
    assert err == "checked 1 commit, 1 new file: 1 error, 0 warnings\n"
    assert main([*argv, "--json"]) == 6
    (finding,) = json.loads(capsys.readouterr().out)
    assert (finding["source"], finding["path"]) == (new, path)
    assert main([*argv, "--quiet"]) == 6
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("argv", [["--allow-epoch"], ["--range", "a..b", "--repair"], ["--range", "x"]])
def test_options_that_make_no_sense_together_are_refused(argv, world, monkeypatch):
    monkeypatch.chdir(world.paths.root)
    assert main(["fsck", *argv]) == 2


# -- hooks of a server, with real pushes


class Server:
    """A bare repository with one of the hooks, and a clone that pushes to it."""

    def __init__(self, root, world, hook):
        self.path, self.world = root / "server.git", world
        git(root, "init", "-q", "--bare", "server.git")
        program = root / "gtrack"
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{SOURCE}" exec "{sys.executable}" -m gtrack "$@"\n')
        git(self.path, "config", "gtrack.program", str(program))
        installed = self.path / "hooks" / "pre-receive"
        installed.write_bytes((HOOKS / hook).read_bytes())
        for file in (program, installed):
            file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def push(self, *refspecs, force=False):
        """Push by object ids; return whether it was let in, and what was said."""
        argv = ["git", "-C", self.world.paths.root, "push", *(["--force"] if force else []), f"file://{self.path}"]
        done = subprocess.run([*argv, *refspecs], capture_output=True, text=True, check=False)
        return done.returncode == 0, done.stderr

    def accepts(self, *refspecs, force=False):
        accepted, said = self.push(*refspecs, force=force)
        assert accepted or "pre-receive hook declined" in said, said
        return accepted

    def read(self, ref):
        return git(self.path, "rev-parse", ref).strip()


BRANCH = "refs/heads/gtrack"
INBOX = "refs/gtrack/inbox/0123456789abcdef"


@pytest.fixture(params=["pre-receive", "pre-receive-git"])
def server(request, tmp_path, world, base):
    server = Server(tmp_path, world, request.param)
    assert server.accepts(f"{base}:{BRANCH}")
    return server


def test_a_hook_lets_pushes_of_runs_and_of_code_in(server, world, base):
    left, right = with_files(world, base, note("left")), with_files(world, base, note("right"))
    assert server.accepts(f"{left}:{BRANCH}")
    union = commit(world, {**files_of(world, left), **files_of(world, right)}, left, right)
    assert server.accepts(f"{union}:{BRANCH}")
    code = world.refs.read("refs/heads/main")
    assert server.accepts(f"{code}:refs/heads/main", f"{left}:refs/heads/x")
    assert server.accepts(f"{base}:refs/heads/x", force=True)
    assert server.accepts(":refs/heads/x")


def test_a_hook_refuses_what_alters_removes_or_forces(server, world, base):
    files = files_of(world, base)
    less = {path: found for path, found in files.items() if path != "README.md"}
    forged = {**files, **blobs(world, {f"{FOLDER}/run.yaml": b"x"})}
    right = with_files(world, base, note("right"))
    refused = [
        commit(world, forged, base),
        commit(world, less, base),
        commit(world, files, commit(world, forged, base)),
        commit(world, files, base, right),
        commit(world, forged, base, commit(world, forged)),
        with_files(world, base, {"x": b"/etc/passwd"}, LINK),
        with_files(world, base, {"x": b""}, EXECUTABLE),
        commit(world, {**files_of(world, right), **blobs(world, {"x": b"y"}, LINK)}, base, right),
        commit(world, {**files, "vendor": (SUBMODULE, base)}, base),
        made_up(world, base),
    ]
    for new in refused:
        assert not server.accepts(f"{new}:{BRANCH}"), new
    assert not server.accepts(f"{commit(world, files)}:{BRANCH}", force=True)
    assert not server.accepts(f":{BRANCH}")
    assert server.read(BRANCH) == base


def test_a_hook_lets_inboxes_come_grow_and_go(server, world, base):
    runs, code = f"{INBOX}/runs", f"{INBOX}/code"
    first = with_files(world, base, note())
    second = with_files(world, first, run_file())
    assert server.accepts(f"{first}:{runs}", f"{world.refs.read('refs/heads/main')}:{code}")
    assert server.accepts(f"{second}:{runs}")
    assert not server.accepts(f"{first}:{runs}", force=True)
    assert server.accepts(f":{runs}", f":{code}")
    for odd in ("refs/gtrack/inbox/x/runs", f"{INBOX}/more/runs", f"{INBOX}/other"):
        assert not server.accepts(f"{first}:{odd}")


def test_a_hook_lets_the_chain_of_code_only_grow(server, world, base):
    first, second = commit(world, {}), commit(world, {})
    longer = commit(world, {}, first)
    other = commit(world, blobs(world, {"x": b""}))
    assert first == second  # equal snapshots are one
    assert server.accepts(f"{first}:refs/gtrack/code")
    assert server.accepts(f"{longer}:refs/gtrack/code")
    assert not server.accepts(f"{other}:refs/gtrack/code", force=True)
    assert not server.accepts(":refs/gtrack/code")


def test_a_hook_catches_a_mirror_push(server, world, base, tmp_path):
    git(tmp_path, "clone", "-q", "--no-local", str(server.path), "clone")
    clone = tmp_path / "clone"
    git(clone, "update-ref", "refs/gtrack/remotes/origin/code", base)
    done = subprocess.run(
        ["git", "-C", clone, "push", "--mirror", "origin"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and "push without --mirror" in done.stderr
    assert server.read(BRANCH) == base


def test_the_hook_with_gtrack_looks_at_content_in_quarantine_and_in_inboxes(tmp_path, world, base):
    server = Server(tmp_path, world, "pre-receive")
    assert server.accepts(f"{base}:{BRANCH}")
    bad = with_files(world, base, BAD["a wrong digest"][0])
    accepted, said = server.push(f"{bad}:{BRANCH}")
    assert (
        not accepted and f"remote: error: {bad[:7]}: {FOLDER}/events/" in said and "does not match the digest" in said
    )
    assert not server.accepts(f"{bad}:{INBOX}/runs")
    assert git(server.path, "for-each-ref", "--format=%(refname)").split() == [BRANCH]


def test_the_hook_with_gtrack_lets_a_new_epoch_in_where_the_server_says_so(tmp_path, world, base):
    server = Server(tmp_path, world, "pre-receive")
    assert server.accepts(f"{base}:{BRANCH}")
    fresh = commit(world, epoch(world, files_of(world, base), 1))
    assert not server.accepts(f"{fresh}:{BRANCH}", force=True)
    git(server.path, "config", "gtrack.allowEpoch", "true")
    assert server.accepts(f"{fresh}:{BRANCH}", force=True)
