"""Pages of repositories that are not as usual, and at addresses that say what nothing can be."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gtrack._app.options import Options, use
from gtrack._app.reading import forget
from gtrack._app.screens import PAGES

sys.path.insert(0, str(Path(__file__).parent / "pages"))

from apptest import make_repository, open_page, record, texts

NAMES = [entry.name for entry in PAGES]
READING = ("runs", "run", "history", "health")
"""Pages that read the repository each in another way."""
RUBBISH = {
    "page": "-1",
    "sort": ";drop",
    "runs": ["zzzz", "\x00"],
    "columns": ["\x00", "metrics."],
    "view": "nope",
    "panels": '[1, null, {"kind": null}, {"kind": "scatter", "x": {}}]',
    "where": "((",
    "experiment": "nope\x00",
    "status": "bogus",
    "group": "params.",
    "smoothing": "nan",
    "metrics": "(((",
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = make_repository(tmp_path_factory.mktemp("usual") / "repo")
    record(path, name="the-only-run", experiment="churn")
    yield path
    use(Options())
    forget()


@pytest.fixture
def copy(usual: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(usual, tmp_path / "repo"))


def git(path: Path, *command: str, text: str | None = None) -> str:
    done = subprocess.run(["git", "-C", str(path), *command], check=True, capture_output=True, text=True, input=text)
    return done.stdout.strip()


def whole(page: str, path: Path, /, **address: object) -> str:
    at = open_page(page, path, address=address)
    assert not at.exception, at.exception[0].value
    assert at.main.children, "the page is blank"
    return texts(at).replace("\\", "")


def damaged(path: Path) -> None:
    """Take away the content of the branch's files, and what was read from them before."""
    shutil.rmtree(path / ".git" / "gtrack")
    for line in git(path, "ls-tree", "-r", "gtrack").splitlines():
        if not line.endswith("\tFORMAT"):
            name = line.split()[2]
            (path / ".git" / "objects" / name[:2] / name[2:]).unlink(missing_ok=True)


def newer(path: Path) -> None:
    """Let the branch be of a format that is not known yet."""
    blob = git(path, "hash-object", "-w", "--stdin", text="format: 99\nepoch: 0\n")
    lines = git(path, "ls-tree", "gtrack").splitlines()
    kept = [line for line in lines if not line.endswith("\tFORMAT")]
    tree = git(path, "mktree", text="\n".join([*kept, f"100644 blob {blob}\tFORMAT"]) + "\n")
    git(path, "update-ref", "refs/heads/gtrack", git(path, "commit-tree", tree, "-p", "gtrack", "-m", "newer"))


def spoil_index(path: Path) -> None:
    for index in (path / ".git" / "gtrack").glob("index-*.sqlite"):
        index.write_bytes(index.read_bytes()[:1000])


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "no branch is checked out": (lambda path: git(path, "checkout", "-q", "--detach"), "the-only-run"),
    "the branch has no commit": (lambda path: git(path, "checkout", "-q", "--orphan", "new"), "the-only-run"),
    "it is bare": (lambda path: git(path, "config", "core.bare", "true"), "the-only-run"),
    "the index is cut off": (spoil_index, "the-only-run"),
    "objects are missing": (damaged, "is missing"),
    "a newer gtrack wrote it": (newer, "this gtrack reads up to"),
}


@pytest.mark.parametrize("oddity", ODD)
def test_pages_of_an_odd_repository_show_it_or_say_what_is_wrong(copy: Path, oddity: str) -> None:
    make, said = ODD[oddity]
    make(copy)
    shown = {page: whole(page, copy) for page in READING}
    assert said in shown["run"]


def test_without_git_on_the_path_pages_are_shown(usual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    shown = {page: whole(page, usual) for page in READING}
    assert "the-only-run" in shown["run"]
    assert "git, which is not on the PATH" in shown["history"]


@pytest.mark.parametrize("page", ["runs", "run"])
def test_a_repository_that_goes_while_a_page_is_open_is_missed_in_place(copy: Path, page: str) -> None:
    at = open_page(page, copy)
    shutil.rmtree(copy)
    at.run()
    assert not at.exception
    assert "no git repository" in texts(at)


@pytest.mark.parametrize("page", NAMES)
def test_an_address_that_says_nonsense_is_no_error(usual: Path, page: str) -> None:
    whole(page, usual, **RUBBISH)


@pytest.mark.parametrize("page", NAMES)
def test_each_setting_of_an_address_can_be_a_zero_byte(usual: Path, page: str) -> None:
    module = importlib.import_module(f"gtrack._app.screens.{page}.page")
    settings = getattr(module, "DEFAULTS", None) or getattr(module, "_DEFAULTS", {})
    whole(page, usual, **dict.fromkeys(settings, "\x00"))


def test_a_selector_with_a_zero_byte_names_no_run(usual: Path) -> None:
    assert "no run" in whole("run", usual, id="a\x00b")


def test_before_the_first_commit_the_history_says_how_to_begin(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    shown = whole("history", tmp_path)
    assert "No runs yet" in shown
    assert "gtrack run" in shown
