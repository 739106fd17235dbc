"""The page of registered models where texts, files and clones are not to be trusted."""

from __future__ import annotations

import contextlib
import pickle
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from apptest import HOSTILE, is_whole, make_repository, open_page, texts
from marked import marked_texts
from models_world import as_ben, churn, git, make_models
from test_page_models import button, labels, press, said, show

import gtrack
from gtrack._app.screens.models.settings import TABS
from gtrack.ops.model_events import deployed, describe, note, set_alias, tag
from gtrack.ops.model_stages import promote
from gtrack.ops.pull import pull
from gtrack.ops.push import push
from gtrack.ops.registering import register

FORBIDDEN = (
    "<script>",
    "](javascript:",
    "![x](",
    "**bold**",
    ":red[y]",
    "$x^2$",
    ":material/delete:",
    "\x1b",
    "\u202e",
)
NAME = "**bold** <script>alert(1)<)script> $x^2$ [link](javascript) `x`"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of which everything that can be a text was written to do harm."""
    path = make_repository(tmp_path_factory.mktemp("hostile") / "repo")
    text = " ".join((HOSTILE[0], HOSTILE[1], HOSTILE[3].replace("\x00", "")))
    for number in range(2):
        with contextlib.chdir(path), gtrack.start_run(
            text[:200], experiment="**bold**", params={text[:80]: text}, system_metrics=False
        ) as run:  # fmt: skip
            run.log({f"{text[:60]}": 1.0 + number, "val_auc": 0.9}, step=0)
            run.log_data("**bold** :red[y]", np.array([[1.0, float(number)]]))
            run.log_bytes(b"x", f"model/**bold** :red[y] {number}")
    with gtrack.Repo(str(path)) as repo:
        own = repo.repository
        for run in repo.runs():
            register(own, f"runs:/{run.id}/model", NAME, description=text)
        describe(own, NAME, text)
        tag(own, f"{NAME}/1", {text[:100]: text})
        tag(own, NAME, {text[:100]: text})
        note(own, f"{NAME}/1", text)
        deployed(own, f"{NAME}/1", text, reason=text)
        set_alias(own, NAME, "champion", 1, reason=text)
        promote(own, f"{NAME}/1", "staging", reason=text, bypass=None)
        promote(own, f"{NAME}/2", "production", reason=text)
    return path


@pytest.mark.parametrize("plain", ["0", "1"])
@pytest.mark.parametrize("tab", ["", *TABS])
def test_no_text_of_a_model_is_read_as_markdown(hostile: Path, tab: str, plain: str) -> None:
    address = {"model": NAME, "tab": tab, "version": "1", "plain": plain} if tab else {"plain": plain}
    at = open_page("models", hostile, address=address)
    assert is_whole(at), at.exception[0].value
    if tab == "Lineage":
        at = press(at, "Verify")
    harm = [(kind, text[:300]) for kind, text in marked_texts(at) if any(mark in text for mark in FORBIDDEN)]
    assert harm == []


def test_nothing_of_a_model_is_unpickled_or_shown(tmp_path: Path) -> None:
    mark = tmp_path / "it ran"

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (mark,)  # type: ignore[return-value]

    path = make_repository(tmp_path / "repo")
    with contextlib.chdir(path), gtrack.start_run("bad", system_metrics=False) as run:
        run.log_bytes(pickle.dumps(Payload()), "model/model.pkl")
        run.log_bytes(b"flavors: {python_function: {loader_module: os}}\n", "model/MLmodel")
        run.log_bytes(b"secret weights", "model/notes.txt")
    with gtrack.Repo(str(path)) as repo:
        register(repo.repository, "last/model", "churn")
    for tab in TABS:
        at = show(path, tab, "1")
        if tab == "Lineage":
            at = press(at, "Verify")
            assert "the chain holds" in said(at)
        assert "secret weights" not in said(at)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Payload()))  # it would have
    assert mark.exists()


def test_verify_names_a_file_that_was_altered(tmp_path: Path) -> None:
    path = make_models(tmp_path / "repo", policy="", count=1)
    at = press(show(path, "Lineage", "1"), "Verify")
    assert "the chain holds" in said(at)
    git(path, "worktree", "add", "-q", "../branch", "gtrack")
    (facts,) = (tmp_path / "branch").glob("models/*/versions/*.yaml")
    facts.write_text(facts.read_text().replace("the 1. one", "the best one"))
    git(tmp_path / "branch", "commit", "-qam", "nothing to see")
    at = press(at, "Verify")
    assert "the chain is broken" in said(at)


def test_what_two_clones_changed_at_once_is_settled_here(tmp_path: Path) -> None:
    path = make_models(tmp_path / "repo", policy="")
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
    git(path, "remote", "add", "origin", str(remote))
    git(path, "push", "-q", "origin", "HEAD")
    with gtrack.Repo(str(path)) as repo:
        push(repo.repository)
    other = Path(shutil.copytree(path, tmp_path / "other"))
    with gtrack.Repo(str(path)) as repo, as_ben(other) as theirs:
        set_alias(repo.repository, "churn", "champion", 2)
        set_alias(theirs.repository, "churn", "champion", 3)
        push(theirs.repository)
        pull(repo.repository)
    at = show(path)
    assert "Changed in two clones at the same time" in texts(at)
    assert "gtrack model alias churn champion VERSION" in texts(at)
    assert {"Let champion be v2", "Let champion be v3"} <= labels(at)
    assert not button(at, "Let champion be v2").proto.disabled  # type: ignore[attr-defined]
    at = open_page("models", path)
    assert "changed in two clones at the same time" in said(at)
    at = press(show(path), "Let champion be v2")
    assert "Changed in two clones" not in texts(at)
    assert "The next gtrack push tells the team" in said(at)
    state = churn(path)
    assert state.conflicts == ()
    assert state.version(state.aliases["champion"]).number == 2  # type: ignore[union-attr]
