"""Checkpoints of a run: the best or the last are kept while training goes on, and the others' space is given back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import gtrack
from gtrack.errors import UsageError
from gtrack.media.checkpoints import Checkpoint, checkpoints_of

SIZE = 100_000
SOURCE = str(Path(gtrack.__file__).resolve().parents[1])


def save(number: int) -> str:
    """Write a checkpoint as a training does, over the one before."""
    Path("model.pt").write_bytes(bytes([number % 256]) * SIZE)
    return "model.pt"


def train(losses: list[float], keep: str, first: int = 0, name: str | None = None) -> None:
    for step, loss in enumerate(losses, first):
        gtrack.log_metric("val_loss", loss, step)
        gtrack.log_checkpoint(save(step), step, keep, name)


def spooled(root: Path) -> int:
    """Return how many bytes of checkpoints the spool holds."""
    spool = root / ".git" / "gtrack" / "spool"
    return sum(path.stat().st_size for path in spool.glob("*/*.files/*"))


def recorded(selector: str = "last") -> list[Checkpoint]:
    with gtrack.Repo(".") as repo:
        run = repo.run(selector)
        found = checkpoints_of(run.artifacts())
        for one in found:
            assert all(set(run.read_artifact(path)) == {one.step % 256} for path in one.files)
        return found


def steps(found: list[Checkpoint]) -> list[int]:
    return [one.step for one in found]


def test_the_best_are_kept_and_the_space_of_the_others_is_given_back(here: Path) -> None:
    with gtrack.start_run() as run:
        for step, loss in enumerate([5.0, 3.0, 4.0, 1.0, 9.0, 2.0, 0.5, 7.0]):
            train([loss], "best:val_loss:2", step)
            assert spooled(here) <= 2 * SIZE
        best = run.best_checkpoint()
        assert best is not None and (best.step, best.value, best.rank) == (6, 0.5, 1)
        assert spooled(here) == 2 * SIZE
    found = recorded()
    assert [(one.step, one.value, one.rank, one.files) for one in found] == [
        (3, 1.0, 2, ("checkpoints/step-3/model.pt",)),
        (6, 0.5, 1, ("checkpoints/step-6/model.pt",)),
    ]


def test_a_checkpoint_that_is_not_among_the_best_is_not_kept_and_says_so(here: Path) -> None:
    with gtrack.start_run() as run:
        train([1.0], "best:val_loss:1")
        run.log_metric("val_loss", 2.0, 1)
        assert run.log_checkpoint(save(1), 1, "best:val_loss:1") == ""
    assert steps(recorded()) == [0]


def test_the_last_are_kept(here: Path) -> None:
    with gtrack.start_run():
        train([1.0, 2.0, 3.0, 4.0], "last:2")
        assert spooled(here) == 2 * SIZE
    assert steps(recorded()) == [2, 3]


def test_all_are_kept_by_default_and_without_a_step_each_is_the_next(here: Path) -> None:
    with gtrack.start_run() as run:
        paths = [run.log_checkpoint(save(step)) for step in range(3)]
    assert paths == [f"checkpoints/step-{step}/model.pt" for step in range(3)]
    assert steps(recorded()) == [0, 1, 2]


def test_kinds_of_checkpoints_are_counted_apart(here: Path) -> None:
    with gtrack.start_run():
        train([3.0, 2.0, 1.0], "best:val_loss:1")
        train([1.0, 2.0, 3.0], "last:1", name="resume")
    assert [(one.name, one.step) for one in recorded()] == [("checkpoint", 2), ("resume", 2)]


def test_a_checkpoint_is_judged_by_the_value_at_its_step_or_the_last_one_logged(here: Path) -> None:
    with gtrack.start_run() as run:
        for step, loss in enumerate([0.1, 0.2, 0.3]):
            run.log_metric("val_loss", loss, step)
        run.log_checkpoint(save(1), 1, "best:val_loss:9")
        run.log_checkpoint(save(7), 7, "best:val_loss:9")
        run.log_checkpoint(save(2), None, "best:val_loss:9")
    assert [(one.step, one.value, one.value_step) for one in recorded()] == [(1, 0.2, 1), (2, 0.3, 2), (7, 0.3, 2)]


def test_the_values_of_many_steps_ago_are_found(here: Path) -> None:
    with gtrack.start_run() as run:
        for step in range(5000):
            run.log_metric("val_loss", float(step), step)
        run.log_checkpoint(save(5), 4999, "best:val_loss:9")
        run.log_checkpoint(save(3), 3, "best:val_loss:9")
        found = run.best_checkpoint()
        assert found is not None and (found.step, found.value) == (3, 3.0)


@pytest.mark.parametrize(
    ("keep", "define", "kept"),
    [
        ("best:val_auc:1", None, [2]),
        ("best:val_loss:1", None, [0]),
        ("best:val_loss:1", "max", [2]),
        ("best:odd:1", None, [0, 1, 2]),
        ("best:odd:1", "min", [0]),
        ("best:odd:1:max", None, [2]),
        ("best:odd:1:max", "min", [2]),
    ],
)
def test_the_direction_is_that_of_the_policy_the_run_or_the_name(
    here: Path, keep: str, define: str | None, kept: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    metric = keep.split(":")[1]
    with gtrack.start_run() as run:
        if define is not None:
            run.define_metric(metric, define)
        for step in range(3):
            run.log_metric(metric, float(step), step)
            run.log_checkpoint(save(step), step, keep)
    assert steps(recorded()) == kept
    assert ("all checkpoints are kept" in capsys.readouterr().err) == (len(kept) > 1)


def test_the_goal_of_the_experiment_is_the_direction_of_a_metric_that_its_name_does_not_tell(here: Path) -> None:
    from gtrack.cli import main

    assert main(["experiment", "set", "default", "--metric", "odd", "--goal", "min"]) == 0
    with gtrack.start_run() as run:
        for step in range(3):
            run.log_metric("odd", float(step), step)
            run.log_checkpoint(save(step), step, "best:odd:1")
    assert steps(recorded()) == [0]


def test_a_direction_that_is_said_later_frees_what_was_kept_until_then(here: Path) -> None:
    with gtrack.start_run() as run:
        for step in range(4):
            if step == 3:
                run.define_metric("odd", "max")
            run.log_metric("odd", float(step), step)
            run.log_checkpoint(save(step), step, "best:odd:1")
        assert spooled(here) == SIZE
    assert steps(recorded()) == [3]


def test_without_a_value_or_with_nan_a_checkpoint_is_the_worst(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gtrack.start_run() as run:
        run.log_checkpoint(save(0), 0, "best:val_loss:2")
        train([float("nan"), 5.0, 4.0], "best:val_loss:2", 1)
    assert steps(recorded()) == [2, 3]
    assert capsys.readouterr().err.count("no value yet") == 1


def test_a_folder_is_kept_whole(here: Path) -> None:
    folder = here / "out"
    (folder / "parts").mkdir(parents=True)
    for name in ("config.json", "parts/one", "parts/two"):
        (folder / name).write_bytes(bytes([4]) * 10)
    with gtrack.start_run() as run:
        assert run.log_checkpoint(folder, 4) == "checkpoints/step-4"
    (one,) = recorded()
    assert one.files == tuple(f"checkpoints/step-4/{name}" for name in ("config.json", "parts/one", "parts/two"))
    assert one.size == 30


def test_the_same_step_again_takes_the_place_of_the_first(here: Path) -> None:
    folder = here / "out"
    folder.mkdir()
    (folder / "a").write_bytes(b"\x04" * SIZE)
    (folder / "b").write_bytes(b"\x04" * SIZE)
    with gtrack.start_run() as run:
        run.log_checkpoint("out", 4)
        (folder / "b").unlink()
        run.log_checkpoint("out", 4)
        assert spooled(here) == SIZE
    (one,) = recorded()
    assert len(one.files) == 1 and one.files[0].startswith("checkpoints/step-4")


def test_one_file_of_the_same_step_keeps_its_path(here: Path) -> None:
    with gtrack.start_run() as run:
        paths = {run.log_checkpoint(save(4), 4) for _ in range(2)}
    assert [set(one.files) for one in recorded()] == [paths] == [{"checkpoints/step-4/model.pt"}]


def test_what_replaces_a_folder_and_cannot_be_kept_leaves_the_folder(here: Path) -> None:
    folder = here / "out"
    folder.mkdir()
    for name in "ab":
        (folder / name).write_bytes(b"\x04" * SIZE)
    with gtrack.start_run() as run:
        run.log_checkpoint("out", 4)
        keep_file = run.log_file
        run.log_file = lambda local, *more, **said: "" if local.endswith("b") else keep_file(local, *more, **said)  # type: ignore[method-assign]
        assert run.log_checkpoint("out", 4) == ""
        assert spooled(here) == SIZE, "both files of the first, which are the same content"
    (one,) = recorded()
    assert one.files == ("checkpoints/step-4/a", "checkpoints/step-4/b")


@pytest.mark.parametrize("what", ["no such file", "dangling link in a folder", "empty folder", "no path"])
def test_what_cannot_be_kept_whole_warns_and_frees_nothing(
    here: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = here / "out"
    folder.mkdir()
    if what.startswith("dangling"):
        (folder / "link").symlink_to("nowhere")
    bad = {"no such file": "gone.pt", "no path": 3.5}.get(what, folder)
    with gtrack.start_run() as run:
        run.log_checkpoint(save(0), 0, "last:1")
        assert run.log_checkpoint(bad, 1, "last:1") == ""  # type: ignore[arg-type]
    assert "was not logged" in capsys.readouterr().err
    assert steps(recorded()) == [0]


def test_a_policy_that_is_none_keeps_everything_and_warns_and_strictness_raises(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with gtrack.start_run():
        train([1.0, 2.0, 3.0], "best")
    assert steps(recorded()) == [0, 1, 2]
    assert capsys.readouterr().err.count("all checkpoints are kept") == 1
    monkeypatch.setenv("GTRACK_STRICT", "1")
    with gtrack.start_run(), pytest.raises(UsageError, match="keep"):
        train([1.0], "best")


def test_a_resumed_run_goes_on_with_what_earlier_sessions_kept(here: Path) -> None:
    with gtrack.start_run() as run:
        train([3.0, 1.0, 2.0], "best:val_loss:2")
    with gtrack.start_run(run_id=run.id, resume=True, force=True) as again:
        best = again.best_checkpoint()
        assert best is not None and best.step == 1
        train([1.5, 9.0], "best:val_loss:2", 3)
    assert [(one.step, one.rank) for one in recorded()] == [(1, 1), (3, 2)]


def test_what_a_live_segment_has_recorded_is_taken_away_by_a_later_one(here: Path) -> None:
    from gtrack.branch.repository import Repository
    from gtrack.ops.live import LiveRun
    from gtrack.spool.directory import SpoolRun

    with gtrack.start_run() as run:
        train([2.0], "last:1")
        repo = Repository(str(here), os.environ)
        with repo.lock():
            assert LiveRun(SpoolRun(str(here / ".git" / "gtrack" / "spool" / run.id))).commit(repo)
        repo.close()
        assert steps(recorded()) == [0]
        train([1.0], "last:1", 1)
        assert steps(recorded()) == [1]
    assert steps(recorded()) == [1]


def test_threads_keep_the_best_together(here: Path) -> None:
    with gtrack.start_run() as run:
        for step in range(12):
            run.log_metric("val_loss", float(step * 7 % 12), step)
        save(0)

        def work(first: int) -> None:
            for step in range(first, 12, 3):
                run.log_checkpoint("model.pt", step, "best:val_loss:3")

        workers = [threading.Thread(target=work, args=(first,)) for first in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    with gtrack.Repo(".") as repo:
        found = checkpoints_of(repo.run("last").artifacts())
    assert sorted(one.value or 0.0 for one in found) == [0.0, 1.0, 2.0]


FORKED = """
import os, gtrack

def save(step, loss, log=True):
    with open("model.pt", "wb") as file:
        file.write(bytes([step]) * 100_000)
    if log:
        gtrack.log_metric("val_loss", loss, step)
    gtrack.log_checkpoint("model.pt", step, "best:val_loss:2")

def in_child(work):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

with gtrack.start_run():
    {body}
"""


def script(code: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": SOURCE, "PYTHONWARNINGS": "ignore"}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


def test_a_forked_child_goes_on_with_what_its_parent_kept(here: Path) -> None:
    done = script(FORKED.replace("{body}", "save(0, 2.0); save(1, 3.0); in_child(lambda: save(2, 1.0))"))
    assert done.returncode == 0, done.stderr
    assert steps(recorded()) == [0, 2]


def test_a_checkpoint_is_judged_by_the_value_that_another_process_logged(here: Path) -> None:
    body = "in_child(lambda: gtrack.log_metric('val_loss', 0.25, 7)); save(7, 0, log=False)"
    done = script(FORKED.replace("{body}", body))
    assert done.returncode == 0, done.stderr
    assert [(one.value, one.value_step) for one in recorded()] == [(0.25, 7)]


KILLED = """
import os, signal, gtrack
run = gtrack.start_run()
die = lambda *args, **more: os.kill(os.getpid(), signal.SIGKILL)
keep_file, calls = run.log_file, []
def some_files(*args, **more):
    calls.append(1)
    return die() if len(calls) == {kill_at} else keep_file(*args, **more)
run.log_file = some_files
if {kill_at} < 0:
    run.remove_artifact = die
os.mkdir("out")
for step, loss in enumerate([3.0, 2.0, 1.0]):
    for name in "ab":
        with open("out/" + name, "wb") as file:
            file.write(bytes([step]) * 100_000)
    run.log_metric("val_loss", loss, step)
    run.log_checkpoint("out", step, "best:val_loss:2")
run.end()
"""


@pytest.mark.parametrize(("kill_at", "kept"), [(-1, [0, 1, 2]), (2, []), (4, [0]), (5, [0, 1]), (6, [0, 1])])
def test_a_process_killed_between_capture_and_freeing_loses_nothing_and_leaves_no_half(
    here: Path, kill_at: int, kept: list[int]
) -> None:
    done = script(KILLED.format(kill_at=kill_at))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert steps(recorded()) == kept
    # The next session frees what is too much.
    with gtrack.start_run(run_id=recorded_id(), resume=True):
        train([0.5], "best:val_loss:2", 3)
    assert steps(recorded()) == [*kept, 3][-2:]
    with gtrack.Repo(".") as repo:
        left = set(repo.run("last").artifacts())
    assert left == {path for one in recorded() for path in one.files}, "no half is left"


def recorded_id() -> str:
    with gtrack.Repo(".") as repo:
        return repo.run("last").id
