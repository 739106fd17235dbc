"""The check of everything: it finds each kind of damage, names it safely, and puts back what copies remain of."""

from __future__ import annotations

import gzip
import os
import subprocess
import time
import zlib
from pathlib import Path

import pytest
from spooling import RUN, SESSION, START, end, facts_of, finished_run, git, log, make_repo, open_run

from gtrack.branch.commit import commit_files
from gtrack.clock import iso, stamp
from gtrack.format import names, yaml
from gtrack.ids import sha12
from gtrack.ops.fsck import check
from gtrack.ops.fsck_findings import Findings
from gtrack.reader import Repo

FOLDER = f"runs/{RUN[:2]}/{RUN}"
OTHER = "3f" + "0" * 30
BRANCH = "refs/heads/gtrack"


@pytest.fixture
def repo(tmp_path):
    """A repository with one recorded run of several kinds of files."""
    with make_repo(tmp_path / "repo") as repo:
        writer = open_run(repo.repository.paths.spool)
        log(writer, [3.0, 2.0, float("nan")])
        log(writer, [1.0], key="single")
        writer.ledger.append("logged", {"params": {"long": "x" * 100_000}})
        Path(writer.stem + ".console").write_text("epoch 1\n")
        end(writer)
        repo.recover()
        yield repo


def found(repo, **options):
    return [(f.level, f.path.removeprefix(f"{FOLDER}/"), f.what) for f in check(repo, **options).findings]


def tree_entries(repo):
    lines = git(repo.root, "ls-tree", "-r", "-z", BRANCH).split("\0")[:-1]
    return {path: head.split()[::2] for head, _, path in (line.partition("\t") for line in lines)}


def write_blob(repo, data):
    made = subprocess.run(
        ["git", "-C", repo.root, "hash-object", "-w", "--stdin"], input=data, capture_output=True, check=True
    )
    return made.stdout.decode().strip()


def write_commit(repo, entries, *parents):
    """Commit entries, {path: (mode, id)}, as git lets anybody do."""
    index = os.path.join(repo.root, "..", "index")
    env = {**os.environ, "GIT_INDEX_FILE": index}
    lines = "".join(f"{mode} {oid}\t{path}\0" for path, (mode, oid) in entries.items())
    subprocess.run(["git", "-C", repo.root, "read-tree", "--empty"], env=env, check=True)
    subprocess.run(
        ["git", "-C", repo.root, "update-index", "-z", "--index-info"], input=lines.encode("utf-8", "surrogateescape"),
        env=env, check=True,
    )  # fmt: skip
    tree = subprocess.run(["git", "-C", repo.root, "write-tree"], env=env, check=True, capture_output=True, text=True)
    where = [part for parent in parents for part in ("-p", parent)]
    return git(repo.root, "commit-tree", tree.stdout.strip(), *where, "-m", "by hand").strip()


def move_branch(repo, commit):
    git(repo.root, "update-ref", BRANCH, commit)


def change(repo, **files):
    """Put a commit on the branch in which some files have other content, or are gone."""
    entries = tree_entries(repo)
    for name, data in files.items():
        path = name if "/" in name and not name.startswith("events/") else f"{FOLDER}/{name}"
        if data is None:
            del entries[path]
        else:
            entries[path] = ("100644", write_blob(repo, data))
    move_branch(repo, write_commit(repo, entries, git(repo.root, "rev-parse", BRANCH).strip()))


def add(repo, files):
    with repo.repository.lock():
        commit_files(repo.repository, files, "added", by="Ada L <ada@example.org>")


def one(repo, prefix):
    return next(path for path in tree_entries(repo) if path.startswith(f"{FOLDER}/{prefix}"))


def event(body, at=START):
    data = yaml.dump({"format": 1, **body})
    return {f"{FOLDER}/{names.event(stamp(at), data)}": data}


def test_a_sound_repository_has_no_findings(repo):
    report = check(repo)
    assert report.findings == () and report.ok
    assert (report.runs, report.commits, report.repaired) == (1, 1, 0)
    assert report.files == len(tree_entries(repo))


def test_a_repository_without_runs_has_no_findings(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        assert check(repo) == check(repo, repair=True)
        assert (check(repo).findings, check(repo).runs) == ((), 0)


def test_a_clone_checks_what_it_fetched(repo, tmp_path):
    git(tmp_path, "clone", "-q", repo.root, "clone")
    with Repo(str(tmp_path / "clone"), env=dict(os.environ)) as clone:
        report = check(clone)
        assert report.runs == 1 and report.ok


# -- paths and modes

ODD_PATHS = {
    "runs/00/" + RUN + "/run.yaml": ("error", "belongs in"),
    f"{FOLDER}/results.csv": ("warning", "knows no such file"),
    "notes.txt": ("warning", "knows no such file"),
    "runs/x": ("warning", "knows no such file"),
    "experiments/Not a slug/events/x": ("warning", "knows no such file"),
    f"{FOLDER}/a\\b": ("error", "not safe"),
    f"{FOLDER}/\x1b[2J": ("error", "not safe"),
    f"{FOLDER}/c:d": ("error", "not safe"),
    f"{FOLDER}/\udc80\udcff": ("error", "the path is not UTF-8"),
    f"{FOLDER}/run.yaml.0123456789ab.sig": None,
    f"{FOLDER}/gone.yaml.0123456789ab.sig": ("warning", "not there"),
    f"redacted/{'0' * 40}": None,
}


@pytest.mark.parametrize("path", ODD_PATHS, ids=ascii)
def test_every_path_is_one_that_the_format_knows(repo, path):
    entries = {**tree_entries(repo), path: ("100644", write_blob(repo, b"x"))}
    move_branch(repo, write_commit(repo, entries, git(repo.root, "rev-parse", BRANCH).strip()))
    expected = ODD_PATHS[path]
    findings = [(level, expected is not None and expected[1] in what) for level, _, what in found(repo)]
    assert findings == ([] if expected is None else [(expected[0], True)])


@pytest.mark.parametrize(
    ("mode", "what"),
    [("120000", "a symbolic link"), ("100755", "an executable file"), ("160000", "a submodule")],
)
def test_links_executables_and_submodules_are_errors(repo, mode, what):
    oid = git(repo.root, "rev-parse", "HEAD").strip() if mode == "160000" else write_blob(repo, b"/etc/passwd")
    entries = {**tree_entries(repo), f"runs/3f/{OTHER}/run.yaml": (mode, oid)}
    move_branch(repo, write_commit(repo, entries, git(repo.root, "rev-parse", BRANCH).strip()))
    assert [(level, text) for level, _, text in found(repo)] == [("error", f"it is {what}, not a plain file")]


def test_findings_never_hold_control_characters(repo):
    hostile = {
        f"{FOLDER}/\x1b]0;x\x07": b"x",
        **event({"kind": "\x1b[31m\u202e", "text": "x"}),
        **event({"kind": "rename", "name": "\x9b\u2028"}, START + 1),
        **event({"kind": "note", "text": "x", "session": "\x1b[0m"}, START + 2),
        **event({"kind": "attempt", "session": "\x1b[0m", "started": iso(START + 3)}, START + 3),
    }
    entries = {**tree_entries(repo), **{path: ("100644", write_blob(repo, data)) for path, data in hostile.items()}}
    move_branch(repo, write_commit(repo, entries, git(repo.root, "rev-parse", BRANCH).strip()))
    findings = check(repo).findings
    assert [f.level for f in findings] == ["error", "error", "warning"]
    assert all(text.isprintable() for f in findings for text in (f.path, f.what, f.hint or ""))


def test_a_folder_with_too_many_members_is_named(repo):
    files = {}
    for number in range(3001):
        files |= event({"kind": "note", "text": "n"}, START + number)
    add(repo, files)
    assert found(repo) == [("warning", "events", "the folder has 3,001 members; git hosts advise at most 3,000")]


# -- content


def damaged_curve(repo):
    path = one(repo, "metrics-")
    data = bytearray(git_bytes(repo, path))
    data[-20] ^= 0xFF
    return {path: bytes(data)}


def git_bytes(repo, path):
    return subprocess.run(
        ["git", "-C", repo.root, "show", f"{BRANCH}:{path}"], capture_output=True, check=True
    ).stdout  # fmt: skip


def other_curve(repo):
    import numpy as np

    from gtrack.format.parquet import encode_metrics

    three = np.arange(3)
    return {one(repo, "metrics-"): encode_metrics(three * 0, ["loss"], three, three + START, three * 1.0)}


def too_long_curve(repo):
    import numpy as np

    from gtrack.format.parquet import encode_metrics

    many = np.arange(1000)
    return {one(repo, "metrics-"): encode_metrics(many * 0, ["loss"], many, many + START, many * 1.0)}


def stray_curve(repo):
    name = one(repo, "metrics-").replace(f"-{SESSION}-", "-bbbbbbbb-")
    return {name: git_bytes(repo, one(repo, "metrics-"))}


def bomb(repo):
    return {f"{FOLDER}/console-{SESSION}-00000000.log.gz": gzip.compress(bytes(8 << 20), mtime=0)}


def no_gzip(repo):
    return {f"{FOLDER}/console-{SESSION}-00000000.log.gz": b"plain text"}


def cut_gzip(repo):
    return {f"{FOLDER}/console-{SESSION}-00000000.log.gz": gzip.compress(b"text", mtime=0)[:-5]}


def wrong_digest(repo):
    return {f"{FOLDER}/events/{stamp(START)}-0123456789ab.yaml": b"format: 1\nkind: note\ntext: x\n"}


def wrong_value(repo):
    return {f"{FOLDER}/values-0123456789ab.txt": b"x"}


def unused_value(repo):
    return {f"{FOLDER}/values-{sha12(b'x')}.txt": b"x"}


def no_yaml(repo):
    data = b"a: &x [*x, *x]\n"
    return {f"{FOLDER}/events/{stamp(START)}-{sha12(data)}.yaml": data}


def impossible_stamp(repo):
    data = yaml.dump({"format": 1, "kind": "note", "text": "x"})
    return {f"{FOLDER}/events/20269999T999999.999999Z-{sha12(data)}.yaml": data}


def other_run(repo):
    return {f"runs/3f/{OTHER}/run.yaml": yaml.dump(facts_of())}


def newer_document(repo):
    return event({"kind": "note", "text": "x", "format": 2})


def unknown_event(repo):
    return event({"kind": "teleport"})


def summary_of_other_records(repo):
    body = {"format": 1, "session": SESSION, "segments": [f"{SESSION}-00000000-0-7"], "metrics": {}, "rejected": {}}
    return {f"{FOLDER}/summary-{SESSION}-00000000-0-9.yaml": yaml.dump(body)}


def end_at_another_time(repo):
    body = {"format": 1, "session": SESSION, "status": "killed", "by": "recovery", "ended": iso(START)}
    data = yaml.dump(body)
    return {f"{FOLDER}/{names.end(stamp(START + 1), data)}": data}


def newer_branch(repo):
    return {"FORMAT": b"format: 2\nepoch: 0\n"}


DAMAGE = [
    (damaged_curve, "error", "damaged"), (other_curve, "error", "not that of its curve"),
    (too_long_curve, "error", "more than the range"), (stray_curve, "warning", "no end or summary lists it"),
    (bomb, "error", "unpacks to more"), (no_gzip, "error", "not gzip"), (cut_gzip, "error", "cut off"),
    (wrong_digest, "error", "does not match the digest"), (wrong_value, "error", "does not match the digest"),
    (unused_value, "warning", "no document names"), (no_yaml, "error", "anchors"),
    (impossible_stamp, "error", "not a time"), (other_run, "error", "names another run"),
    (newer_document, "error", "newer gtrack"), (unknown_event, "warning", "no event"),
    (summary_of_other_records, "error", "not the range"), (end_at_another_time, "error", "not the one in its name"),
    (newer_branch, "error", "of format 2"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "level", "what"), DAMAGE, ids=lambda value: getattr(value, "__name__", None))
def test_damaged_content_is_found_and_named(repo, spoil, level, what):
    files = spoil(repo)
    # As an honest new root, so that nothing but the content is at fault.
    entries = {**tree_entries(repo), **{path: ("100644", write_blob(repo, data)) for path, data in files.items()}}
    move_branch(repo, write_commit(repo, entries))
    hits = [f for f in check(repo).findings if what in f.what]
    assert [(f.level, f.path) for f in hits] == [(level, hits[0].path)]
    assert hits[0].path.startswith((*files, FOLDER))


@pytest.mark.parametrize(
    ("kind", "field", "value", "what"),
    [
        ("tag", "tags", [1], "tags is list"),
        ("note", "text", None, "text is None"),
        ("rename", "name", " ", "not a name"),
        ("goal", "goals", {"loss": "up"}, "goals is dict"),
        ("attempt", "session", "x", "8 hex digits"),
        ("attempt", "started", "yesterday", "not a time"),
        ("note", "format", "1", "format is"),
    ],
)
def test_fields_have_their_types(repo, kind, field, value, what):
    sound = {"kind": kind, "tags": {}, "text": "t", "name": "n", "goals": {}, "session": SESSION, "started": iso(START)}
    add(repo, event({**sound, field: value}))
    findings = found(repo)
    assert len(findings) == 1 and findings[0][0] == "error" and what in findings[0][2]


def test_a_missing_long_value_is_found(repo):
    change(repo, **{one(repo, "values-"): None})
    assert any("it is missing" in what for _, _, what in found(repo))


# -- write-once


def test_a_changed_and_a_removed_file_are_found_in_the_history(repo):
    add(repo, event({"kind": "note", "text": "n"}))
    note = one(repo, "events/")
    sound = git(repo.root, "rev-parse", BRANCH).strip()
    change(repo, **{f"{FOLDER}/run.yaml": git_bytes(repo, f"{FOLDER}/run.yaml") + b"group: x\n"})
    change(repo, **{note: None})
    # Nothing shows at the tip, where all stands as it was.
    move_branch(repo, write_commit(repo, tree_of(repo, sound), head(repo)))
    texts = [(path, what) for level, path, what in found(repo) if level == "error"]
    assert sum(path == "run.yaml" and "changes it" in what for path, what in texts) == 2
    assert sum(path.startswith("events/") and "removes it" in what for path, what in texts) == 1
    assert len(texts) == 3


def tree_of(repo, commit):
    lines = git(repo.root, "ls-tree", "-r", "-z", commit).split("\0")[:-1]
    return {path: head.split()[::2] for head, _, path in (line.partition("\t") for line in lines)}


def head(repo):
    return git(repo.root, "rev-parse", BRANCH).strip()


def test_a_merge_that_is_the_union_of_its_parents_is_sound(repo):
    base = tree_entries(repo)
    note, other = event({"kind": "note", "text": "a"}), event({"kind": "note", "text": "b"})
    ours, theirs = ({**base, **blobs(repo, files)} for files in (note, other))
    left, right = write_commit(repo, ours, head(repo)), write_commit(repo, theirs, head(repo))
    move_branch(repo, write_commit(repo, {**ours, **theirs}, left, right))
    report = check(repo)
    assert report.findings == () and report.commits == 4


def blobs(repo, files):
    return {path: ("100644", write_blob(repo, data)) for path, data in files.items()}


def test_a_merge_of_roots_may_take_either_version_of_a_file(repo):
    clash = {"README.md": b"another one"}
    left, right = head(repo), write_commit(repo, {**tree_entries(repo), **blobs(repo, clash)})
    for entries in (tree_of(repo, left), tree_of(repo, right)):
        move_branch(repo, write_commit(repo, entries, left, right))
        assert found(repo) == []
    move_branch(repo, write_commit(repo, {**tree_of(repo, left), **blobs(repo, {"README.md": b"third"})}, left, right))
    assert [(path, "written once" in what) for _, path, what in found(repo)] == [("README.md", True)]


def test_a_merge_that_loses_a_parents_file_is_found(repo):
    base = tree_entries(repo)
    note = event({"kind": "note", "text": "a"})
    left, right = write_commit(repo, {**base, **blobs(repo, note)}, head(repo)), head(repo)
    move_branch(repo, write_commit(repo, base, right, left))
    assert [(path.split("/")[0], "removes it" in what) for _, path, what in found(repo)] == [("events", True)]


def test_a_new_root_is_a_new_epoch_and_may_hold_less(repo):
    entries = tree_entries(repo)
    entries.pop("README.md")
    entries |= blobs(repo, {"FORMAT": b"format: 1\nepoch: 1\n"})
    move_branch(repo, write_commit(repo, entries))
    assert found(repo) == []


def test_other_content_than_the_remote_has_published_is_found(repo, tmp_path):
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(repo.root, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(repo.root, "push", "-q", "origin", BRANCH)
    mine = {**tree_entries(repo), **blobs(repo, {"README.md": b"mine"})}
    move_branch(repo, write_commit(repo, mine))
    with Repo(repo.root, env=dict(os.environ)) as fresh:
        assert ("error", "README.md", "origin has published other content") in found(fresh)


def test_a_shallow_clone_says_that_it_checks_less(repo, tmp_path):
    add(repo, event({"kind": "note", "text": "n"}))
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=gtrack", f"file://{repo.root}", "clone")
    with Repo(str(tmp_path / "clone"), env=dict(os.environ)) as clone:
        report = check(clone)
        assert report.commits == 1 and report.ok
        assert any("shallow" in finding.what for finding in report.findings)


def test_without_git_the_tip_is_checked(repo, tmp_path):
    change(repo, **{f"{FOLDER}/console-{SESSION}-00000000.log.gz": b"plain text"})
    env = {**os.environ, "PATH": str(tmp_path)}
    with Repo(repo.root, env=env) as without:
        assert without.repository.git is None
        levels = [(f.level, f.what[:10]) for f in check(without).findings]
    assert levels == [("error", "it is not "), ("warning", "git is not")]


@pytest.mark.soak
def test_thousands_of_commits_are_checked_in_seconds(repo):
    stream = [f"reset {BRANCH}\nfrom {head(repo)}\n\n"]
    for number in range(3000):
        data = yaml.dump({"format": 1, "kind": "note", "text": str(number)}).decode()
        run_id = f"{number:032x}"
        path = f"runs/{run_id[:2]}/{run_id}/events/{stamp(START)}-{sha12(data.encode())}.yaml"
        stream.append(
            f"commit {BRANCH}\ncommitter A <a@b> {1_795_000_000 + number} +0000\ndata 1\nm\n"
            f"M 100644 inline {path}\ndata {len(data)}\n{data}\n"
        )
    subprocess.run(["git", "-C", repo.root, "fast-import", "--quiet"], input="".join(stream).encode(), check=True)
    started = time.perf_counter()
    report = check(repo)
    assert report.commits == 3001 and report.runs == 3001
    assert time.perf_counter() - started < 30


# -- what lies beside the branch


def lose(repo, path):
    """Delete the object of a file of the branch."""
    oid = tree_entries(repo)[path][1]
    os.unlink(os.path.join(repo.common_dir, "objects", oid[:2], oid[2:]))
    return oid


def test_a_lost_object_is_found_and_put_back(repo):
    path = one(repo, "metrics-")
    oid = lose(repo, path)
    with Repo(repo.root, env=dict(os.environ)) as fresh:
        assert any(f.path == path and "missing" in f.what for f in check(fresh).findings)
        report = check(fresh, repair=True)
        assert report.repaired >= 1 and report.findings == ()
    assert git(repo.root, "cat-file", "-t", oid) == "blob\n"


def test_a_lost_folder_is_found_and_put_back(repo):
    oid = git(repo.root, "rev-parse", f"{BRANCH}:{FOLDER}").strip()
    os.unlink(os.path.join(repo.common_dir, "objects", oid[:2], oid[2:]))
    with Repo(repo.root, env=dict(os.environ)) as fresh:
        assert any(f.path == FOLDER and "missing" in f.what for f in check(fresh).findings)
        assert check(fresh, repair=True).findings == ()


def test_a_lost_commit_is_found_and_put_back(repo):
    oid = head(repo)
    os.unlink(os.path.join(repo.common_dir, "objects", oid[:2], oid[2:]))
    with Repo(repo.root, env=dict(os.environ)) as fresh:
        assert any(f.path == BRANCH and "missing" in f.what for f in check(fresh).findings)
        assert check(fresh, repair=True).findings == ()


@pytest.mark.parametrize("data", [b"not zlib", zlib.compress(b"blob 3\0abc"), zlib.compress(b"nonsense"), b""])
def test_an_object_of_other_content_than_its_id_says_is_found(repo, data):
    path = one(repo, "metrics-")
    oid = tree_entries(repo)[path][1]
    file = Path(repo.common_dir, "objects", oid[:2], oid[2:])
    file.chmod(0o600)
    file.write_bytes(data)
    with Repo(repo.root, env=dict(os.environ)) as fresh:
        assert [(f.level, "its object" in f.what) for f in check(fresh).findings if f.path == path] == [("error", True)]


def test_a_branch_that_was_set_back_gets_its_runs_again(repo):
    before = head(repo)
    finished_run(repo.repository.paths.spool, run_id=OTHER)
    repo.recover()
    move_branch(repo, before)
    assert any("the branch lacks some of it" in what for _, _, what in found(repo))
    assert check(repo, repair=True).findings == ()
    assert {run.id for run in repo.runs()} == {RUN, OTHER}


def test_a_deleted_branch_is_made_again_of_what_is_kept(repo):
    git(repo.root, "update-ref", "-d", BRANCH)
    assert not check(repo).ok
    assert check(repo, repair=True).ok
    assert repo.run(RUN).summary["loss"].count == 3


def test_a_sound_repository_is_repaired_to_itself(repo):
    before = head(repo), sorted(os.listdir(os.path.join(repo.common_dir, "gtrack/spool/.sealed")))
    assert check(repo, repair=True).repaired == 0
    assert before == (head(repo), sorted(os.listdir(os.path.join(repo.common_dir, "gtrack/spool/.sealed"))))


def test_a_lock_that_was_left_is_named_and_left(repo):
    lock = Path(repo.common_dir, "refs/heads/gtrack.lock")
    lock.touch()
    assert found(repo) == [], "git may be at work"
    os.utime(lock, (time.time() - 3600,) * 2)
    (finding,) = check(repo, repair=True).findings
    assert finding.level == "warning" and finding.hint.endswith(f"rm {lock}") and lock.exists()


def test_a_waiting_spool_that_cannot_be_read_is_an_error(repo):
    folder = Path(finished_run(repo.repository.paths.spool, run_id=OTHER))
    (folder / "start.yaml").write_bytes(b"{{{")
    assert [(level, path) for level, path, _ in found(repo)] == [("error", str(folder / "start.yaml"))]


def test_foreign_lines_in_a_ledger_are_counted(repo):
    folder = Path(finished_run(repo.repository.paths.spool, run_id=OTHER))
    ledger = next(folder.glob("*.jsonl"))
    ledger.write_bytes(b"nonsense\n" + ledger.read_bytes())
    assert [(level, what[:16]) for level, _, what in found(repo)] == [("warning", "1 of its 5 lines")]


def test_a_live_run_is_no_finding(repo):
    writer = open_run(repo.repository.paths.spool, run_id=OTHER)
    log(writer, [1.0])
    assert found(repo) == []
    end(writer)


# -- code


def snapshot_of(repo, text):
    blob = write_blob(repo, text)
    made = subprocess.run(
        ["git", "-C", repo.root, "mktree"], input=f"100644 blob {blob}\ttrain.py\n".encode(), capture_output=True,
        check=True,
    )  # fmt: skip
    tree = made.stdout.decode().strip()
    return git(repo.root, "commit-tree", tree, "-m", "gtrack snapshot").strip(), tree


def test_code_that_git_may_collect_is_named_and_kept_by_a_repair(repo):
    snapshot, tree = snapshot_of(repo, b"print(1)\n")
    add(repo, {f"runs/3f/{OTHER}/run.yaml": yaml.dump(facts_of(OTHER, code={"snapshot": snapshot, "tree": tree}))})
    assert [(level, "git may collect" in what) for level, _, what in found(repo)] == [("warning", True)]
    report = check(repo, repair=True)
    assert report.findings == () and report.repaired == 1
    git(repo.root, "gc", "-q", "--prune=now")
    assert git(repo.root, "show", f"{snapshot}:train.py") == "print(1)\n"


def test_code_that_is_not_here_is_named_with_the_way_to_get_it(repo, tmp_path):
    git(repo.root, "remote", "add", "origin", str(tmp_path))
    add(repo, {f"runs/3f/{OTHER}/run.yaml": yaml.dump(facts_of(OTHER, code={"snapshot": "0" * 39 + "1"}))})
    with Repo(repo.root, env=dict(os.environ)) as fresh:
        (finding,) = check(fresh).findings
    assert (finding.level, finding.hint) == ("warning", "gtrack pull")
    assert f"1 run ({OTHER[:7]})" in finding.what


# -- the list itself


def test_a_hostile_branch_cannot_fill_the_report():
    findings = Findings()
    for number in range(5000):
        findings.warning(f"file {number}", "x" * 100_000)
    findings.error("last", "an error")
    out = findings.all()
    assert len(out) == 2002 and max(len(f.what) for f in out) <= 500
    assert {f.what for f in out if not f.path} == {"3,000 more are not listed", "1 more are not listed"}
