"""Logging artifacts as a user does: what was logged is on the branch, and nothing ends a training."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from artifact_world import contents, files_of

import gtrack
from gtrack.errors import NotFoundError, UsageError
from gtrack.ops.keep_objects import outbox_of


def test_what_was_logged_is_read_from_the_branch(here: Path) -> None:
    (here / "out/deep").mkdir(parents=True)
    big = os.urandom(200_000)
    (here / "out/model.pkl").write_bytes(big)
    (here / "out/deep/x.txt").write_text("x")
    with gtrack.start_run() as run:
        assert gtrack.log_artifact("out/model.pkl") == "model.pkl"
        assert gtrack.log_artifact(Path("out/model.pkl"), "models") == "models/model.pkl"
        assert run.log_artifact("out/model.pkl", name="best.pkl") == "best.pkl"
        assert run.log_artifact(b"\0\1", name="raw.bin") == "raw.bin"
        assert gtrack.log_artifacts("out", artifact_path="all") == ["all/model.pkl", "all/deep/x.txt"]
        assert run.log_artifact("out/deep") == "deep"
        assert gtrack.log_text("h\u00e9", "notes/a.txt") == "notes/a.txt"
        assert gtrack.log_dict({"a": [1, 2.5]}, "a.json") == "a.json"
        assert gtrack.log_dict({"a": [1, 2.5]}, "a.yaml") == "a.yaml"
        path = run.log_bytes(b"png", "media/x.png", media={"kind": "image", "key": "x", "step": 3})
    assert contents(here) == {
        "a.json": b'{\n  "a": [\n    1,\n    2.5\n  ]\n}\n',
        "a.yaml": b"a:\n- 1\n- 2.5\n",
        "all/deep/x.txt": b"x",
        "all/model.pkl": big,
        "best.pkl": big,
        "deep/x.txt": b"x",
        "media/x.png": b"png",
        "model.pkl": big,
        "models/model.pkl": big,
        "notes/a.txt": "h\u00e9".encode(),
        "raw.bin": b"\0\1",
    }
    with gtrack.Repo(str(here)) as repo:
        image = repo.run("last").artifact(path)
        assert (image.type, dict(image.media)) == ("image/png", {"kind": "image", "key": "x", "step": 3})
        assert (image.key, image.step) == ("x", 3)
        with pytest.raises(NotFoundError, match=r"did you mean 'model.pkl'"):
            repo.run("last").artifact("modl.pkl")


def test_the_same_content_is_one_object_and_small_content_is_packed(here: Path) -> None:
    with gtrack.start_run() as run:
        for n in range(50):
            run.log_bytes(b"%d" % n, f"small/{n}.txt")
            run.log_bytes(bytes(100_000), f"same/{n}.bin")
    with gtrack.Repo(str(here)) as repo:
        marks = list(outbox_of(repo.repository).entries())
        assert sorted(waiting.size for waiting in marks) == [90, 100_000]
        assert all(waiting.runs == (run.id,) for waiting in marks)
        for waiting in marks:  # what a colleague's git store will have under that id
            data = Path(here / ".git/gtrack/objects" / waiting.digest[:2] / waiting.digest).read_bytes()
            assert hashlib.sha256(data).hexdigest() == waiting.digest
            git = subprocess.run(["git", "hash-object", "--stdin"], input=data, capture_output=True, check=True)
            assert git.stdout.decode().strip() == waiting.blob
    assert len(files_of(here / ".git/gtrack/objects")) == 2


def test_a_later_artifact_of_a_path_stands_and_a_removed_one_is_gone(here: Path) -> None:
    with gtrack.start_run() as run:
        for n in range(3):
            run.log_bytes(b"%d" % n, "latest.txt")
            run.log_bytes(bytes([n]) * 100_000, "latest.bin")
        run.log_bytes(b"x" * 100_000, "gone.bin")
        run.remove_artifact("gone.bin")
        assert len(files_of(here / ".git/gtrack/spool")) == 6
    assert contents(here) == {"latest.bin": b"\2" * 100_000, "latest.txt": b"2"}
    assert len(files_of(here / ".git/gtrack/objects")) == 2


def test_nothing_of_a_bad_call_ends_a_training(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "loop").symlink_to(here)
    with gtrack.start_run() as run:
        bad = [
            run.log_artifact("missing.pkl"),
            run.log_artifact("/dev/null"),
            run.log_artifact(3.5),  # type: ignore[arg-type]
            run.log_artifact("nul\0.txt"),
            run.log_artifact("\udc80"),
            run.log_artifacts("missing"),
            run.log_artifacts("model.py"),
            run.log_artifacts(None),  # type: ignore[arg-type]
            run.log_bytes("text", "a"),  # type: ignore[arg-type]
            run.log_file(None, "a"),  # type: ignore[arg-type]
            run.log_bytes(b"x", "a", type="text/html; x", media={"x": "y" * 10_000, "kind": "image"}),
        ]
        run.log_dict({1: object}, "odd.json")
        run.log_text(None, "none.txt")  # type: ignore[arg-type]
        run.remove_artifact("never/there")
        run.log({"a": 1.0})
    assert bad == [*[""] * 5, *[[]] * 3, "", "", "a"]
    assert set(contents(here)) == {"a", "none.txt", "odd.json"}
    told = capfd.readouterr().err
    assert "'missing.pkl' was not logged: there is no file missing.pkl" in told
    assert "'null' was not logged: /dev/null is not a plain file" in told
    assert "Traceback" not in told


def test_what_a_folder_cannot_give_is_named_and_names_that_come_to_one_path_stay_apart(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = here / "out"
    folder.mkdir()
    (folder / "a:b").write_text("colon")
    (folder / "a_b").write_text("plain")
    (folder / "self").symlink_to(folder)
    with gtrack.start_run() as run:
        run.log_artifacts("out")
    assert sorted(contents(here).values()) == [b"colon", b"plain"]
    assert "'a part of out' was not logged: self (a link to a folder)" in capfd.readouterr().err


def test_a_strict_training_is_told_by_an_exception(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTRACK_STRICT", "1")
    with gtrack.start_run() as run, pytest.raises(UsageError, match="there is no file"):
        run.log_artifact("missing.pkl")


def test_an_artifact_logged_after_the_end_warns_and_is_not_recorded(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with gtrack.start_run() as run:
        run.log_text("x", "a.txt")
    assert run.log_text("y", "b.txt") == ""
    assert "has ended" in capfd.readouterr().err
    assert set(contents(here)) == {"a.txt"}


def test_very_many_metrics_warn_once_and_are_all_kept(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with gtrack.start_run() as run:
        run.log({f"m{n}": float(n) for n in range(5002)})
    assert capfd.readouterr().err.count("more than 5,000 metrics are logged") == 1
    with gtrack.Repo(str(here)) as repo:
        assert repo.run("last").curves(["m5001"]).num_rows + ("m5001" in repo.run("last").metrics) >= 1


def test_artifacts_over_100_mb_are_kept_and_warn_once(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (here / "huge.bin").open("wb") as file:
        file.truncate(100_000_001)
    with gtrack.start_run() as run:
        assert run.log_artifact("huge.bin") == "huge.bin"
        assert run.log_artifact("huge.bin", "again") == "again/huge.bin"
    assert capfd.readouterr().err.count("has 100 MB: the branch does not hold it, a store does: gtrack store set") == 1
    with gtrack.Repo(str(here)) as repo:
        assert {artifact.size for artifact in repo.run("last").artifacts().values()} == {100_000_001}
        assert [waiting.blob for waiting in outbox_of(repo.repository).entries()] == [None]


def test_a_live_run_shows_its_artifacts(here: Path) -> None:
    big = os.urandom(100_000)
    with gtrack.start_run() as run:
        run.log_bytes(b"small", "a.txt")
        run.log_bytes(big, "b.bin")
        assert contents(here) == {"a.txt": b"small", "b.bin": big}
        run.remove_artifact("a.txt")
        run.log_bytes(b"new", "c.txt")
        assert contents(here) == {"b.bin": big, "c.txt": b"new"}
    assert contents(here) == {"b.bin": big, "c.txt": b"new"}


def _child(run: gtrack.Run) -> None:
    run.log_bytes(b"child", "child.txt")
    run.log_bytes(b"c" * 100_000, "child.bin")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_keep_artifacts_of_their_own(here: Path, method: str) -> None:
    with gtrack.start_run() as run:
        run.log_bytes(b"parent", "parent.txt")
        if method == "fork":
            pid = os.fork()
            if pid == 0:
                _child(run)
                os._exit(0)
            os.waitpid(pid, 0)
        else:
            process = multiprocessing.get_context("spawn").Process(target=_child, args=(run,))
            process.start()
            process.join()
            assert process.exitcode == 0
        run.log_bytes(b"more", "more.txt")
    assert contents(here) == {
        "child.bin": b"c" * 100_000,
        "child.txt": b"child",
        "more.txt": b"more",
        "parent.txt": b"parent",
    }


class Unwilling(os.PathLike):
    def __fspath__(self) -> str:
        raise RuntimeError("not now")


def test_a_path_object_that_raises_does_not_end_a_training(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gtrack.start_run() as run:
        assert run.log_artifact(Unwilling()) == run.log_file(Unwilling(), "a") == ""
        assert run.log_artifacts(Unwilling()) == []
    assert "a Unwilling is not a path" in capsys.readouterr().err


def test_threads_keep_artifacts_of_one_run(here: Path) -> None:
    with gtrack.start_run() as run:
        threads = [
            threading.Thread(target=lambda part=part: [run.log_text(f"{part}", f"{part}/{n}") for n in range(50)])
            for part in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert contents(here) == {f"{part}/{n}": b"%d" % part for part in range(4) for n in range(50)}


SCRIPT = """
import os, sys, gtrack
run = gtrack.start_run()
run.log_bytes(b"kept", "small.txt")
run.log_bytes(b"k" * 100_000, "large.bin")
os.kill(os.getpid(), 9)
"""


CUT_SHORT = """
import glob, os, sys, threading, gtrack
run = gtrack.start_run()
run.log_bytes(b"k" * 100_000, "large.bin")
os.truncate(os.open("endless.bin", os.O_CREAT | os.O_RDWR), 1 << 33)
threading.Thread(target=run.log_file, args=("endless.bin", "endless.bin"), daemon=True).start()
while not glob.glob(".git/gtrack/spool/*/*.files/.new-*"):
    pass
os.kill(os.getpid(), 9)
"""


def test_half_a_copy_of_a_killed_run_does_not_stay(repo: Path) -> None:
    subprocess.run([sys.executable, "-c", CUT_SHORT], cwd=repo, capture_output=True, check=False)
    assert any(path.name.startswith(".new-") for path in (repo / ".git/gtrack/spool").rglob("*"))
    assert contents(repo) == {"large.bin": b"k" * 100_000}
    assert not any(path.name.startswith(".new-") for path in (repo / ".git/gtrack").rglob("*"))


@pytest.mark.parametrize("where", ["repository", "elsewhere"])
def test_a_killed_run_keeps_its_artifacts_wherever_its_spool_is(
    repo: Path, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    if where == "elsewhere":
        monkeypatch.setenv("GTRACK_SPOOL", str(tmp_path / "spool"))
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=repo, capture_output=True, check=False)
    assert contents(repo) == {"large.bin": b"k" * 100_000, "small.txt": b"kept"}
    with gtrack.Repo(str(repo)) as opened:
        assert opened.run("last").status == "killed"


def test_a_resumed_run_adds_to_its_artifacts_and_may_take_them_away(here: Path) -> None:
    with gtrack.start_run() as run:
        run.log_text("1", "a.txt")
        run.log_text("1", "b.txt")
    with gtrack.start_run(run_id=run.id, resume=True, force=True) as again:
        again.log_text("2", "a.txt")
        again.remove_artifact("b.txt")
        again.log_text("2", "c.txt")
    assert contents(here) == {"a.txt": b"2", "c.txt": b"2"}


@pytest.mark.soak
def test_ten_thousand_images_are_a_hundred_objects(here: Path) -> None:
    with gtrack.start_run() as run:
        for n in range(10_000):
            media = {"kind": "image", "key": "samples", "step": n}
            run.log_bytes(os.urandom(10_240), f"media/image/samples/{n}.png", media=media)
        assert len(files_of(here / ".git/gtrack/spool")) < 10
    assert len(files_of(here / ".git/gtrack/objects")) < 110
    with gtrack.Repo(str(here)) as repo:
        recorded = repo.run("last")
        assert len(recorded.artifacts()) == 10_000
        assert len(recorded.read_artifact("media/image/samples/9999.png")) == 10_240
        assert sum(file.kind == "artifacts" for file in recorded.view.files(run.id).files) < 10
