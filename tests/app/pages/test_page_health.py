"""The page of health."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from apptest import is_whole, make_repository, open_page, record, record_hostile, texts
from streamlit.testing.v1 import AppTest

import gtrack
from gtrack._app.screens.health.checks import checks_table, findings_table
from gtrack._app.screens.health.parts import command, typed_table
from gtrack._app.screens.health.push import UnansweredError, answered, push_now
from gtrack._app.screens.health.runs import reasons
from gtrack._app.screens.health.storage import kept_table
from gtrack.ops.doctor import Check
from gtrack.ops.fsck import Finding
from gtrack.ops.publish_code import Question
from gtrack.ops.sharing_state import SharingState, sharing_state
from gtrack.ops.storage import Kept, folders_kept, history_kept


def git(path: Path, *args: str) -> str:
    return subprocess.run(["git", "-C", str(path), *args], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_repository(tmp_path_factory.mktemp("shared") / "repo")
    remote = path.parent / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
    git(path, "remote", "add", "origin", str(remote))
    git(path, "push", "-q", "origin", "HEAD")
    (path / "train.py").write_text("print('secret idea')\n")
    record(path, name="dirty")
    return path.parent


@pytest.fixture
def shared(template: Path, tmp_path: Path) -> Path:
    """A repository with a remote that has its code, and a run of code that the remote does not have."""
    shutil.copytree(template, tmp_path / "copy")
    git(tmp_path / "copy" / "repo", "remote", "set-url", "origin", str(tmp_path / "copy" / "remote.git"))
    return tmp_path / "copy" / "repo"


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_repository(tmp_path_factory.mktemp("some") / "repo")
    record(path, name="one")
    return path


def press(at: AppTest, key: str) -> AppTest:
    (button,) = (button for button in at.button if button.key == key)
    return button.click().run()


def keys(at: AppTest) -> set[str]:
    return {str(button.key) for button in at.button}


def refs(path: Path) -> str:
    return git(path.parent / "remote.git", "for-each-ref", "--format=%(refname)")


def test_the_page_says_how_everything_is(some: Path) -> None:
    at = open_page("health", some)
    assert is_whole(at)
    said = texts(at).replace("\\", "")
    assert "no remote is shared with anybody" in said
    assert "Nothing to push, nothing to decide" in said
    tables = "\n".join(str(table.value.to_dict()) for table in at.table).replace("\\", "")
    assert "index of runs" in tables
    assert gtrack.__version__ in tables
    assert "none: files up to 1 MiB go along to the git remote" in tables


def test_a_check_a_measure_and_a_plan_come_when_they_are_asked_for(some: Path) -> None:
    at = open_page("health", some)
    assert "No damage" not in texts(at)
    at = press(at, "health.fsck.button")
    assert "No damage in 1 run" in texts(at)
    at = press(at, "health.measured.button")
    assert "runs and their history" in str(at.table[2].value.to_dict()) + str(at.table[1].value.to_dict())
    at = press(at, "health.gc.button")
    assert is_whole(at)
    assert "No policy lets a run go" in texts(at)


def test_code_is_published_by_nobodys_surprise(shared: Path) -> None:
    at = open_page("health", shared)
    at = press(at, "health.send")
    assert is_whole(at)
    assert "Publish this code too?" in texts(at)
    assert "train.py" in texts(at)
    assert "gtrack" not in refs(shared), "something was sent before the answer"
    at = press(at, "health.push.cancel")
    assert "Publish this code too?" not in texts(at)
    assert "gtrack" not in refs(shared), "something was sent though it was given up"
    at = press(press(at, "health.send"), "health.push.without")
    assert "refs/heads/gtrack" in refs(shared)
    assert "refs/gtrack/code" not in refs(shared)
    assert "pushed to origin" in texts(at)
    assert "Publish this code too?" not in texts(at)
    at = press(at, "health.send")
    at = press(at, "health.push.always")
    assert "refs/gtrack/code" in refs(shared)
    assert git(shared, "config", "gtrack.publishCode").strip() == "true"


def test_an_answer_counts_for_what_was_asked_alone(shared: Path) -> None:
    with gtrack.Repo(str(shared)) as repo, pytest.raises(UnansweredError) as raised:
        push_now(repo)
    (shared / "more.py").write_text("print('another idea')\n")
    record(shared, name="dirtier")
    with gtrack.Repo(str(shared)) as repo, pytest.raises(UnansweredError):
        push_now(repo, raised.value.question, answer=True, always=True)
    assert "gtrack" not in refs(shared)
    with gtrack.Repo(str(shared)) as repo:
        assert sharing_state(repo.repository).may_publish is None, "an answer to another question was kept"


def test_another_question_is_asked_again() -> None:
    asked = Question(1, ("a.py",), 0)
    assert answered(asked, True)(asked)
    for question in (Question(2, ("a.py",), 0), Question(1, ("a.py", "b.py"), 0)):
        with pytest.raises(UnansweredError):
            answered(asked, True)(question)


def test_fetching_says_what_came_and_an_unreachable_remote_is_said(shared: Path) -> None:
    at = press(open_page("health", shared), "health.fetch")
    assert "origin has no runs yet" in texts(at)
    (shared.parent / "remote.git").rename(shared.parent / "gone.git")
    at = press(at, "health.fetch")
    assert is_whole(at)
    assert "origin has no runs yet" not in texts(at)
    assert ":material/error:" in texts(at)


def test_read_only_offers_nothing_that_changes_anything(shared: Path) -> None:
    at = open_page("health", shared, read_only=True)
    assert is_whole(at)
    assert keys(at) == {"health.store.asked.button", "health.measured.button", "health.fsck.button"}


def test_the_runs_of_somebody_hostile_are_checked_and_shown_as_text(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    record_hostile(path)
    at = press(open_page("health", path), "health.fsck.button")
    assert is_whole(at)
    assert "<script>" not in texts(at)


def test_runs_that_need_a_look_are_named_once_with_every_reason() -> None:
    state = SharingState(None, lost=("a",), forks=("a", "b"), concurrent=(("c", "name"),))
    assert reasons(state) == {
        "a": "not heard of for long; resumed twice from the same point",
        "b": "resumed twice from the same point",
        "c": "edited in two clones at the same time: name",
    }


def test_what_is_told_of_the_repository_is_never_markdown() -> None:
    hostile = "[x](javascript:y) `z` <b>"
    assert "`" not in command(hostile).replace("\\`", "")
    table = typed_table([(hostile, "gtrack push")], "what", "type")
    assert table["what"].to_pylist() == [r"\[x\]\(javascript\:y\) \`z\` \<b\>"]
    assert table["type"].to_pylist() == ["`gtrack push`"]
    checks = checks_table([Check(hostile, "warn", hostile, None), Check("b", "strange", "c", "d")])
    assert "](javascript" not in str(checks.to_pydict())
    found = findings_table([Finding("error", "a\x1b[2J", hostile, None, "f" * 40)])
    assert found["source"].to_pylist() == ["f" * 7]
    assert "\x1b" not in found["path"].to_pylist()[0]


def test_a_size_that_is_not_whole_or_not_known_says_so() -> None:
    table = kept_table([Kept("a", 2048, 3, whole=False), Kept("b", None)])
    assert table.to_pylist() == [
        {"kind": "a", "size": "over 2.0 KiB", "files": "3 and more"},
        {"kind": "b", "size": "not known", "files": ""},
    ]


def test_large_folders_are_not_looked_through_to_their_end(some: Path) -> None:
    with gtrack.Repo(str(some)) as repo:
        cache = Path(repo.repository.paths.objects)
        cache.mkdir(parents=True, exist_ok=True)
        for number in range(5):
            (cache / f"file-{number}").write_bytes(b"12345678")
        few = next(kept for kept in folders_kept(repo.repository, most=3) if "cache" in kept.name)
        every = next(kept for kept in folders_kept(repo.repository) if "cache" in kept.name)
        runs = history_kept(repo.repository)[0]
    assert (few.size, few.files, few.whole) == (24, 3, False)
    assert (every.size, every.files, every.whole) == (40, 5, True)
    assert runs.size is not None
    assert runs.size > 0
