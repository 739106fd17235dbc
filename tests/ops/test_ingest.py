"""Runs recorded elsewhere: taken in once, whole, and without trusting a byte of what they are made of."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from spooling import RUN, SESSION, end, finished_run, git, log, make_repo, open_run, open_worker

from gtrack.errors import NotFoundError
from gtrack.ops.fsck import check
from gtrack.ops.ingest import ingest
from gtrack.reader import Repo

OTHER = "0" * 31 + "1"


@pytest.fixture
def repo(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        yield repo


def curve(repo, run_id=RUN, key="loss"):
    return repo.run(run_id).curves([key]).to_pydict()["value"]


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def test_an_ended_run_is_taken_in_with_all_its_values(repo, tmp_path):
    finished_run(tmp_path / "spool")
    assert ingest(repo, str(tmp_path / "spool")).taken == (RUN,)
    run = repo.run(RUN)
    assert (run.status, run.params, curve(repo)) == ("finished", {"lr": 0.1}, [3.0, 2.0, 1.0])


def test_a_run_is_found_by_its_own_folder_by_its_spool_and_by_a_folder_of_spools(tmp_path):
    for number, where in enumerate((f"node/deep/spool/{RUN}", "node/deep/spool", "node", "")):
        base = tmp_path / str(number)
        finished_run(base / "all/node/deep/spool")
        with make_repo(base / "repo") as repo:
            assert ingest(repo, str(base / "all" / where)).taken == (RUN,)


def test_taking_the_same_run_in_again_changes_nothing(repo, tmp_path):
    folder = finished_run(tmp_path / "spool")
    shutil.copytree(folder, tmp_path / "copy" / RUN)
    ingest(repo, str(tmp_path / "spool"))
    tip = repo.repository.tip
    assert ingest(repo, str(tmp_path / "spool")).taken == ()
    assert ingest(repo, str(tmp_path / "copy")) == ingest(repo, str(tmp_path / "spool"))
    assert repo.repository.tip == tip


def test_a_recorded_run_is_put_aside_so_that_the_next_command_need_not_look_at_it(repo, tmp_path):
    finished_run(tmp_path / "spool")
    ingest(repo, str(tmp_path / "spool"))
    assert os.listdir(tmp_path / "spool") == [".sealed"]


def test_a_read_only_folder_is_only_read(repo, tmp_path):
    folder = Path(finished_run(tmp_path / "spool"))
    before = contents(tmp_path / "spool")
    mounted = subprocess.run(
        ["unshare", "-m", "sh", "-c", 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"',
         "sh", str(tmp_path / "spool"), sys.executable, "-c",
         "import os, sys; from gtrack.reader import Repo; from gtrack.ops.ingest import ingest\n"
         "assert not os.access(sys.argv[2], os.W_OK)\n"
         "print(*ingest(Repo(sys.argv[1]), sys.argv[2]).taken)",
         repo.root, str(tmp_path / "spool")],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        check=False,
    )  # fmt: skip
    if "unshare" in mounted.stderr or "mount:" in mounted.stderr:
        pytest.skip(f"no read-only mount here: {mounted.stderr.strip()}")
    assert mounted.stdout.split() == [RUN], mounted.stderr
    assert contents(tmp_path / "spool") == before and folder.is_dir()
    assert curve(repo) == [3.0, 2.0, 1.0]


def test_a_live_run_is_left_alone_and_taken_in_later(repo, tmp_path):
    writer = open_run(tmp_path / "spool")
    log(writer, [1.0])
    report = ingest(repo, str(tmp_path / "spool"))
    assert report.taken == () and "still runs" in report.skipped[0][1] and str(os.getpid()) in report.skipped[0][1]
    log(writer, [2.0], first=1)
    end(writer)
    assert ingest(repo, str(tmp_path / "spool")).taken == (RUN,)
    assert curve(repo) == [1.0, 2.0]


def test_force_takes_a_live_run_in_as_killed_and_its_own_end_stands_later(repo, tmp_path):
    writer = open_run(tmp_path / "spool")
    log(writer, [1.0])
    assert ingest(repo, str(tmp_path / "spool"), force=True).taken == (RUN,)
    assert repo.run(RUN).status == "killed" and os.path.isdir(tmp_path / "spool" / RUN)
    log(writer, [2.0], first=1)
    end(writer)
    assert ingest(repo, str(tmp_path / "spool")).taken == (RUN,)
    assert repo.run(RUN).status == "finished" and curve(repo) == [1.0, 2.0]
    assert repo.run(RUN).summary["loss"].count == 2


def test_a_process_that_still_writes_comes_later_when_its_owner_has_ended(repo, tmp_path):
    owner = open_run(tmp_path / "spool")
    worker = open_worker(tmp_path / "spool")
    log(owner, [1.0])
    log(worker, [7.0])
    end(owner)
    report = ingest(repo, str(tmp_path / "spool"))
    assert report.taken == (RUN,) and "still write" in report.skipped[0][1]
    log(worker, [8.0], first=1)
    worker.close()
    assert ingest(repo, str(tmp_path / "spool")).skipped == ()
    assert sorted(curve(repo)) == [1.0, 7.0, 8.0]
    assert repo.run(RUN).summary["loss"].count == 3


def test_parts_of_one_run_on_several_machines_become_one_run(repo, tmp_path):
    owner = open_run(tmp_path / "all/node0", rank=0)
    log(owner, [1.0])
    end(owner)
    for rank in (1, 2):
        worker = open_worker(tmp_path / f"all/node{rank}", rank=rank)
        log(worker, [float(rank)] * 3)
        worker.close()
    assert ingest(repo, str(tmp_path / "all")).taken == (RUN,)
    run = repo.run(RUN)
    assert run.summary["loss"].count == 7 and run.status == "finished"
    assert sorted(run.curves().to_pydict()["rank"]) == [0, 1, 1, 1, 2, 2, 2]


def test_several_processes_may_take_in_the_same_folder_at_once(repo, tmp_path):
    ids = [f"{number:032x}" for number in range(12)]
    for run_id in ids:
        finished_run(tmp_path / "spool", run_id=run_id)

    def take(_):
        with Repo(repo.root, env=dict(os.environ)) as mine:
            return ingest(mine, str(tmp_path / "spool"))

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(take, range(4)))
    assert sorted({run_id for report in reports for run_id in report.taken}) == ids
    assert {run.id for run in repo.runs()} == set(ids)
    assert check(repo).findings == ()


def test_a_damaged_run_is_named_and_left_and_the_others_are_taken(repo, tmp_path):
    broken = Path(finished_run(tmp_path / "spool", run_id=OTHER))
    journal = next(broken.glob("*.journal"))
    journal.write_bytes(b"not a journal at all" * 32)
    finished_run(tmp_path / "spool")
    report = ingest(repo, str(tmp_path / "spool"))
    assert report.taken == (RUN,)
    assert [path for path, _ in report.skipped] == [str(broken)] and "not a journal" in report.skipped[0][1]
    assert broken.is_dir()


def spoil_start(folder):
    (folder / "start.yaml").write_bytes(b"\x00\x01\x02")


def rename_run(folder):
    text = (folder / "start.yaml").read_text()
    (folder / "start.yaml").write_text(text.replace(RUN, OTHER))


def wrong_type(folder):
    text = (folder / "start.yaml").read_text()
    (folder / "start.yaml").write_text(text.replace('experiment: "churn-2026"', "experiment: 7"))


def no_start(folder):
    for path in folder.iterdir():
        path.unlink()


def link_a_journal(folder):
    journal = next(folder.glob("*.journal"))
    os.replace(journal, folder / "kept")
    journal.symlink_to(folder / "kept")


def link_the_start(folder):
    (folder / "start.yaml").unlink()
    (folder / "start.yaml").symlink_to("/etc/passwd")


def pipe_for_a_journal(folder):
    os.mkfifo(folder / f"{SESSION}-00000000.journal")


def pipe_for_a_ledger(folder):
    ledger = next(folder.glob("*.jsonl"))
    ledger.unlink()
    os.mkfifo(ledger)


def folder_for_a_document(folder):
    (folder / "start.yaml").unlink()
    (folder / "start.yaml").mkdir()


def endless_journal(folder):
    os.truncate(next(folder.glob("*.journal")), 1 << 42)


def endless_document(folder):
    os.truncate(folder / "start.yaml", 1 << 40)


def wild_times(folder):
    ledger = next(folder.glob("*.jsonl"))
    with open(ledger, "ab") as file:
        file.write(b'{"at":1,"kind":"note","text":"n","at":' + b"9" * 300 + b"}\n")


def option_for_a_commit(folder):
    text = (folder / "start.yaml").read_text()
    (folder / "start.yaml").write_text(text.replace("code: {}", 'code: {"commit": "--all"}'))


def forged_object(folder):
    (folder / "objects/12").mkdir(parents=True)
    (folder / "objects/12" / ("3" * 38)).write_bytes(zlib.compress(b"blob 3\0abc"))


def bomb_for_an_object(folder):
    (folder / "objects/12").mkdir(parents=True)
    pack = zlib.compressobj(9)
    data = b"".join(pack.compress(bytes(1 << 20)) for _ in range(300)) + pack.flush()
    (folder / "objects/12" / ("3" * 38)).write_bytes(data)


def linked_object(folder):
    (folder / "objects/12").mkdir(parents=True)
    (folder / "objects/12" / ("3" * 38)).symlink_to("/etc/passwd")


def linked_objects(folder):
    (folder / "objects").symlink_to("/")


HOSTILE = [
    spoil_start, rename_run, wrong_type, no_start, link_a_journal, link_the_start, pipe_for_a_journal,
    pipe_for_a_ledger, folder_for_a_document, endless_journal, endless_document, option_for_a_commit, forged_object,
    bomb_for_an_object, linked_object, linked_objects,
]  # fmt: skip


@pytest.mark.parametrize("spoil", HOSTILE, ids=lambda spoil: spoil.__name__)
def test_nothing_hostile_is_taken_in_and_it_keeps_no_other_run_from_it(repo, tmp_path, spoil):
    folder = Path(finished_run(tmp_path / "spool"))
    finished_run(tmp_path / "spool", run_id=OTHER)
    spoil(folder)
    report = ingest(repo, str(tmp_path / "spool"))
    assert report.taken == (OTHER,)
    assert [path for path, _ in report.skipped] == [str(folder)]
    assert not any("\n" in reason for _, reason in report.skipped)
    assert [run.id for run in repo.runs()] == [OTHER]
    assert check(repo).findings == ()
    assert os.listdir(os.path.join(repo.common_dir, "gtrack", "ingest")) == []


def test_a_link_to_a_run_is_not_followed(repo, tmp_path):
    finished_run(tmp_path / "elsewhere")
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / RUN).symlink_to(tmp_path / "elsewhere" / RUN)
    report = ingest(repo, str(tmp_path / "spool"))
    assert report.taken == () and "symbolic link" in report.skipped[0][1]


def test_what_is_no_run_is_passed_over(repo, tmp_path):
    spool = tmp_path / "spool"
    finished_run(spool)
    for name in ("3f2a", "..x", "\x1b[2J", "F" * 32, f"{RUN}.txt"):
        (spool / name).mkdir()
    (spool / ("e" * 32)).write_text("a file")
    (spool / RUN / "notes.txt").write_text("not gtrack's")
    (spool / RUN / "link").symlink_to("/etc/passwd")
    report = ingest(repo, str(spool))
    assert report.taken == (RUN,) and [path for path, _ in report.skipped] == [str(spool / ("e" * 32))]


def test_wild_times_in_a_ledger_neither_crash_nor_reach_the_branch(repo, tmp_path):
    writer = open_run(tmp_path / "spool")
    log(writer, [1.0])
    end(writer, status="done", ended=10**300)
    wild_times(tmp_path / "spool" / RUN)
    ingest(repo, str(tmp_path / "spool"))
    assert all(run.status in ("killed", "finished") for run in repo.runs())
    assert check(repo).findings == ()


def test_the_code_that_a_run_brings_along_is_kept_for_good(repo, tmp_path):
    other = make_repo(tmp_path / "other")
    (tmp_path / "other/train.py").write_text("print('edited')\n")
    git(tmp_path / "other", "add", ".")
    tree = git(tmp_path / "other", "write-tree").strip()
    data = f"tree {tree}\nauthor g <g@l> 946684800 +0000\ncommitter g <g@l> 946684800 +0000\n\ngtrack snapshot\n"
    made = subprocess.run(
        ["git", "-C", tmp_path / "other", "hash-object", "-t", "commit", "-w", "--stdin"],
        input=data.encode(), capture_output=True, check=True,
    )  # fmt: skip
    snapshot = made.stdout.decode().strip()
    folder = finished_run(tmp_path / "spool", code={"snapshot": snapshot, "tree": tree})
    objects = os.path.join(other.common_dir, "objects")
    shutil.copytree(objects, os.path.join(folder, "objects"), ignore=shutil.ignore_patterns("info", "pack"))
    other.close()
    assert ingest(repo, str(tmp_path / "spool")).taken == (RUN,)
    git(repo.root, "gc", "-q", "--prune=now")
    assert git(repo.root, "show", f"{snapshot}:train.py") == "print('edited')\n"
    assert check(repo).findings == ()


def test_objects_are_checked_by_their_ids_whatever_they_hold(repo, tmp_path):
    """Git writes no object that seems to be there: a forged one would spoil a file that is committed later."""
    wanted = b"blob 6\0wanted"
    oid = hashlib.sha1(wanted).hexdigest()
    folder = Path(finished_run(tmp_path / "spool"))
    (folder / "objects" / oid[:2]).mkdir(parents=True)
    (folder / "objects" / oid[:2] / oid[2:]).write_bytes(zlib.compress(b"blob 6\0forged"))
    report = ingest(repo, str(tmp_path / "spool"))
    assert report.taken == () and "not what its name says" in report.skipped[0][1]
    assert oid not in repo.repository.objects


def test_a_journal_of_a_newer_gtrack_is_left_for_one(repo, tmp_path):
    folder = Path(finished_run(tmp_path / "spool"))
    journal = next(folder.glob("*.journal"))
    data = bytearray(journal.read_bytes())
    data[16:24] = struct.pack("<q", 99)
    journal.write_bytes(data)
    report = ingest(repo, str(tmp_path / "spool"))
    assert report.taken == () and "newer gtrack" in report.skipped[0][1]


def test_a_folder_that_is_not_there_is_named(repo, tmp_path):
    with pytest.raises(NotFoundError, match="nowhere"):
        ingest(repo, str(tmp_path / "nowhere"))
