"""What runs say is text: nowhere on a page is it Markdown, whatever it says and wherever it stands."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gtrack
from gtrack._app.grids import texts_of
from gtrack._app.options import Options, use
from gtrack._app.reading import forget
from gtrack._app.screens import PAGES
from gtrack._app.screens.run.settings import TABS
from gtrack.ops.saved_views import save_view

sys.path.insert(0, str(Path(__file__).parent / "pages"))

from apptest import HOSTILE, make_repository, open_page, record_hostile
from marked import marked_texts

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
OTHERS = [entry.name for entry in PAGES if entry.name != "run"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """A repository in which everything that can have a text has one that was written to do harm, and its runs."""
    path = make_repository(tmp_path_factory.mktemp("hostile") / "repo")
    ids = record_hostile(path)
    text = " ".join((HOSTILE[0], HOSTILE[1], HOSTILE[3].replace("\x00", "")))
    name = "**bold** :red[y] $x^2$"
    subprocess.run(["git", "-C", str(path), "commit", "-q", "--allow-empty", "-m", text], check=True)
    (path / "a.txt").write_text(text)
    with contextlib.chdir(path), gtrack.start_run(text[:200], group=text[:200], system_metrics=False) as parent:
        for step in range(2):
            parent.log({f"{name} {number}/{name}": 1.0 * step for number in range(9)}, step=step)
        parent.log_artifact("a.txt", f"{name}/:material*delete:.txt")
        parent.log_table("rows", pa.table({text: [text]}))
        with gtrack.start_run(text[:200], nested=True, system_metrics=False) as child:
            child.log({"loss": 1.0})
        ids += [parent.id, child.id]
    with gtrack.Repo(str(path)) as repo:
        save_view(repo.repository, name, "runs", {}, text)
    yield path, ids
    use(Options())
    forget()


def harm(page: str, path: Path, **address: object) -> list[tuple[str, str]]:
    at = open_page(page, path, address=address)
    assert not at.exception, at.exception[0].value
    return [(kind, text[:300]) for kind, text in marked_texts(at) if any(mark in text for mark in FORBIDDEN)]


@pytest.mark.parametrize("plain", ["0", "1"])
@pytest.mark.parametrize("page", OTHERS)
def test_no_page_reads_it_as_markdown(hostile: tuple[Path, list[str]], page: str, plain: str) -> None:
    path, ids = hostile
    assert harm(page, path, plain=plain, tables=plain, runs=ids[-4:]) == []


@pytest.mark.parametrize("tab", TABS)
def test_no_tab_of_a_run_does(hostile: tuple[Path, list[str]], tab: str) -> None:
    path, ids = hostile
    for plain in ("0", "1"):
        assert harm("run", path, id=ids[-2], tab=tab, plain=plain) == []


@pytest.mark.parametrize("group", ["configuration", "name", "group"])
def test_groups_do_not(hostile: tuple[Path, list[str]], group: str) -> None:
    assert harm("runs", hostile[0], plain="1", group=group) == []


cells = st.one_of(st.none(), st.sampled_from(HOSTILE), st.text(max_size=30))
times = st.integers(-(2**62), 2**62)


@given(st.lists(cells, min_size=1, max_size=4), st.text(max_size=20), times)
def test_a_table_of_html_holds_the_texts_escaped(texts: list[str | None], name: str, time: int) -> None:
    whole = pa.table([pa.array(texts, pa.string()), pa.array([time] * len(texts), pa.timestamp("us", "UTC"))],
                     names=[name, name])  # fmt: skip
    found = texts_of(whole)
    assert found.num_rows == len(texts)
    for text in [*found.column_names, *found.column(0).to_pylist(), *found.column(1).to_pylist()]:
        shown = text.replace("\\\\", "")
        for at, sign in enumerate(shown):
            assert sign not in "*_[]()<>`$:!#|~" or shown[at - 1] == "\\"
        assert not any(mark in text for mark in FORBIDDEN)
