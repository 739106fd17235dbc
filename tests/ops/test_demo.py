"""The demo makes real runs of every ending, and shows what it typed."""

from __future__ import annotations

import io
import json
import subprocess
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest

import gtrack
from gtrack.cli.commands.demo import command
from gtrack.errors import MissingExtraError, UsageError
from gtrack.ops import demo

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install 'gtrack[demo]'")


@dataclass
class Shown:
    root: Path
    place: Path
    text: str
    code: int

    def git(self, *args: str) -> str:
        return subprocess.run(["git", *args], cwd=self.root, check=True, capture_output=True, text=True).stdout

    def runs(self) -> dict[str, list[gtrack.RecordedRun]]:
        by_status: dict[str, list[gtrack.RecordedRun]] = {}
        with gtrack.Repo(str(self.place / "cleo")) as repo:
            for run in repo.runs():
                by_status.setdefault(run.status, []).append(run)
        return by_status


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """One demo for all tests, started from within a run and a git hook of somebody else's."""
    root = tmp_path_factory.mktemp("demo") / "digits"
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GTRACK_RUN_ID", "0" * 32)
        patch.setenv("GIT_DIR", "/nowhere")
        patch.setenv("RANK", "3")
        code = demo.run_demo(str(root), out=out)
    return Shown(root / "ada", root, out.getvalue(), code)


def test_the_third_clone_of_the_demo_sees_twelve_runs_of_three_endings(shown: Shown) -> None:
    assert shown.code == 0
    assert {status: len(runs) for status, runs in shown.runs().items()} == {"finished": 10, "failed": 1, "killed": 1}


def test_the_example_of_the_help_text_leads_into_a_clone_of_the_demo(shown: Shown) -> None:
    made, entered, _ = command.examples[1].split(" && ")
    assert made == f"gtrack demo {shown.place.name}"
    entered = entered.removeprefix("cd ")
    assert (shown.place.parent / entered / ".git").is_dir()


def test_both_pushes_at_once_reach_the_remote_of_the_demo(shown: Shown) -> None:
    remote = shown.place / "digits.git"
    listed = subprocess.run(
        ["git", "ls-tree", "-d", "--name-only", "gtrack:runs"], cwd=remote, check=True, capture_output=True, text=True
    )
    folders = [
        subprocess.run(["git", "ls-tree", f"gtrack:runs/{shard}"], cwd=remote, check=True, capture_output=True).stdout
        for shard in listed.stdout.split()
    ]
    assert sum(len(folder.splitlines()) for folder in folders) == 12


def test_the_killed_run_of_the_demo_keeps_the_values_it_logged(shown: Shown) -> None:
    (killed,) = shown.runs()["killed"]
    assert killed.summary["val_accuracy"].count >= 50
    assert killed.curves(["val_accuracy"]).num_rows == killed.summary["val_accuracy"].count


def test_the_failed_run_of_the_demo_says_why(shown: Shown) -> None:
    (failed,) = shown.runs()["failed"]
    error = failed.to_dict()["error"]
    assert error["type"].endswith("InvalidParameterError")
    assert "learning_rate_init" in error["message"]


def test_the_edit_that_was_not_committed_is_in_the_snapshot_of_its_run(shown: Shown) -> None:
    before, after = demo._EDIT
    edited = [run for run in shown.runs()["finished"] if run.to_dict()["code"]["dirty"]][-1]
    snapshot = edited.to_dict()["code"]["snapshot"]
    assert before in shown.git("show", "HEAD:train.py")
    assert after in shown.git("show", f"{snapshot}:train.py")


def test_the_wrapped_script_has_its_output_and_its_metrics(shown: Shown) -> None:
    (baseline,) = [run for run in shown.runs()["finished"] if run.name == "baseline"]
    assert b"depth 8" in (baseline.console() or b"")
    assert baseline.metrics == json.loads((shown.root / "baseline.json").read_text())


def test_the_demo_leaves_the_checkout_with_the_edit_and_nothing_else(shown: Shown) -> None:
    assert shown.git("status", "--porcelain") == " M train.py\n"
    assert shown.git("rev-list", "--count", "HEAD") == "1\n"


def test_the_demo_shows_what_it_typed_and_what_to_type_next(shown: Shown) -> None:
    typed = [line.split()[1] for line in shown.text.splitlines() if line.startswith("$ ")]
    assert {"git", "python", "kill", "gtrack", "cd", "(cd"} == {word if word != "../ben" else "cd" for word in typed}
    assert f"cd {shown.place / 'cleo'}" in shown.text.rpartition("# ")[2]


def test_the_line_that_the_demo_edits_is_in_the_script() -> None:
    script = files("gtrack.demo").joinpath("train.py")
    assert script.read_text().count(demo._EDIT[0]) == 1


def test_a_directory_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("chapter 1")
    with pytest.raises(UsageError, match="not empty"):
        demo.run_demo(str(tmp_path), out=io.StringIO())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_without_scikit_learn_the_demo_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gtrack\[demo\]'"):
        demo.run_demo(str(tmp_path / "new"), out=io.StringIO())
    assert list(tmp_path.iterdir()) == []


def test_the_best_run_of_the_demo_is_in_production_and_proved(shown: Shown) -> None:
    with gtrack.Repo(str(shown.place / "cleo")) as repo:
        (version,) = repo.model("digits").in_stage("Production")
    assert (version.name, version.aliases) == ("digits/1", ("champion",))
    tags = subprocess.run(
        ["git", "tag", "--list"], cwd=shown.place / "digits.git", check=True, capture_output=True, text=True
    ).stdout
    assert tags == "digits@production/v1\n"
