"""The page of a run, as Streamlit's own test draws it, on real repositories."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from apptest import HOSTILE, is_whole, make_repository, open_page, record, record_hostile, texts
from streamlit.testing.v1 import AppTest

import gtrack
from gtrack._app.screens.run.settings import TABS


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with two runs, the second of edited code with a file, a picture and a note."""
    path = make_repository(tmp_path_factory.mktemp("run") / "repo")
    record(path, experiment="churn", run_name="first", params={"lr": 0.1, "gone": 1})
    (path / "train.py").write_text("print('training, otherwise')\n")
    (path / "report.html").write_text("<script>parent.alert(1)</script><b>report</b>")
    with contextlib.chdir(path), gtrack.start_run("second", experiment="churn", params={"lr": 0.2}) as run:
        for step in range(3):
            run.log({"val_auc": 0.9 + 0.01 * step, "train/loss": 1.0 - 0.1 * step}, step=step)
            run.log_image([[0, step], [255, 9]], "samples", step=step, caption="**bold**")
        run.log_artifact("report.html", "reports")
        run.log_data("train", {"x": [1, 2, 3], "y": [0, 1, 0]}, "train")
    with gtrack.Repo(str(path)) as repo:
        from gtrack.ops.edit import note

        note(repo, [repo.run("second")], "looks **leaky**")
    yield path


def errors(at: AppTest) -> list[str]:
    return [markdown.value for markdown in at.markdown if "material/error:**]" in markdown.value]


def test_without_runs_the_page_says_what_to_type(tmp_path: Path) -> None:
    at = open_page("run", make_repository(tmp_path / "repo"))
    assert is_whole(at)
    assert "gtrack run -p lr=0.1" in texts(at)


def test_what_changed_comes_first_and_says_which_way(one: Path) -> None:
    at = open_page("run", one, address={"id": "second"})
    assert is_whole(at)
    shown = texts(at)
    assert "What changed against the run before it" in shown
    assert r"lr 0\.1 → 0\.2" in shown
    assert r"gone 1 \(gone\)" in shown
    assert r"val\_auc 0\.9 → 0\.92\, \+0\.02 \(\+2\.22\%\) :green[▲ better]" in shown
    assert r"train\.py \+1 \-1" in shown


def test_without_an_id_the_newest_run_is_shown(one: Path) -> None:
    assert open_page("run", one).title[0].value == "second"


def test_an_id_that_names_no_run_is_said_in_place_and_another_can_be_chosen(one: Path) -> None:
    at = open_page("run", one, address={"id": "nothing-like-it"})
    assert is_whole(at)
    assert r"nothing\-like\-it" in texts(at)
    assert len(at.selectbox[0].options) == 2


@pytest.mark.parametrize(
    ("tab", "plain"),
    [*((tab, "0") for tab in TABS), *((tab, "1") for tab in ("Charts", "Console", "Artifacts", "Code"))],
)
def test_every_tab_is_drawn(one: Path, tab: str, plain: str) -> None:
    at = open_page("run", one, address={"id": "second", "tab": tab, "plain": plain})
    assert is_whole(at)
    assert not errors(at)


def test_a_note_is_text_and_another_one_is_added(one: Path) -> None:
    at = open_page("run", one, address={"id": "second", "tab": "Notes"})
    assert "looks **leaky**" in [text.value for text in at.text]
    at.text_area[0].input("and reviewed")
    next(button for button in at.button if button.label == "Add").click().run()
    assert is_whole(at)
    assert "and reviewed" in [text.value for text in at.text]
    with gtrack.Repo(str(one)) as repo:
        assert repo.run("second").notes[-1].text == "and reviewed"


def test_stepping_goes_from_run_to_run(one: Path) -> None:
    at = open_page("run", one, address={"id": "second", "file": "reports/report.html"})
    next(button for button in at.button if button.label == "Older").click().run()
    assert at.title[0].value == "first"
    assert at.query_params.get("file") is None, "the file is of the run before"


def test_html_is_shown_in_a_frame_in_which_nothing_runs(one: Path) -> None:
    from gtrack._app.screens.run import sandbox

    at = open_page("run", one, address={"id": "second", "tab": "Artifacts", "file": "reports/report.html"})
    assert is_whole(at)
    assert "nothing runs" in texts(at)
    assert 'frame.setAttribute("sandbox", "")' in sandbox._SCRIPT
    assert "<script>" not in "".join(markdown.value for markdown in at.markdown)


def test_edits_that_the_commit_does_not_have_are_shown_as_a_diff(one: Path) -> None:
    at = open_page("run", one, address={"id": "second", "tab": "Code", "source": "train.py"})
    shown = [code.value for code in at.code]
    assert any("+print('training, otherwise')" in text and "-print('training')" in text for text in shown)
    assert "print('training, otherwise')\n" in [f"{text.rstrip()}\n" for text in shown]


def test_nothing_can_be_done_where_everything_is_read_only(one: Path) -> None:
    at = open_page("run", one, read_only=True, address={"id": "second", "tab": "Notes"})
    assert is_whole(at)
    assert not {"Rename", "Set", "Archive", "Add"} & {button.label for button in at.button}
    assert not at.text_area


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Hostile runs, and behind them as many that are compared with those."""
    path = make_repository(tmp_path_factory.mktemp("hostile") / "repo")
    ids = record_hostile(path)
    for text in HOSTILE:
        known = {text[:300]: f"other {text}"}
        ids.append(record(path, experiment=text[:300][:60], params=known, tags=known))
    return path, ids


@pytest.mark.parametrize("tab", ["Overview", "Notes"])
@pytest.mark.parametrize("number", range(2 * len(HOSTILE)))
def test_hostile_text_is_shown_as_it_is(hostile: tuple[Path, list[str]], number: int, tab: str) -> None:
    path, ids = hostile
    at = open_page("run", path, address={"id": ids[number], "tab": tab, "plain": "1"})
    assert is_whole(at)
    assert not errors(at)
    read_as_markdown = "\n".join(str(part.value) for part in [*at.markdown, *at.caption, *at.title, *at.subheader])
    for harm in ("<script", "](javascript", "![x]", "**bold**", ":red[y]", "$x"):
        assert not re.search(rf"(?<!\\){re.escape(harm)}", read_as_markdown), harm
    assert not {"\x1b", "\u202e"} & set(read_as_markdown)
    assert not any(len(str(part.value)) > 9_000 for part in [*at.markdown, *at.caption, *at.title])
