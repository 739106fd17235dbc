"""The page of reports."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from apptest import HOSTILE, is_whole, make_repository, open_page, record, record_hostile, texts

import gtrack
from gtrack._app.screens.reports.page import _built
from gtrack.ops.experiments import set_protocol

REPORT = """# Churn: which *rate*

Not worth $5, see the [protocol](https://example.org) and [more](docs/more.md).

```gtrack
leaderboard: churn
```

```gtrack
table: metrics.val_auc > 0.1
title: All of them
```

```gtrack
chart: loss
```

```gtrack
run: name:run-1
```

```gtrack
tabel: ""
```

The end.
"""


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_repository(tmp_path_factory.mktemp("some") / "repo")
    for number in range(2):
        record(path, name=f"run-{number}", experiment="churn", params={"lr": 0.1 * (number + 1)})
    (path / "results.md").write_text(REPORT)
    (path / "docs").mkdir()
    (path / "docs" / "more.md").write_text("# More\n\n```gtrack\nrun: last\n```\n")
    (path / "README.md").write_text("# No report\n")
    (path / ".gitignore").write_text("private.md\n")
    (path / "private.md").write_text("# Private\n\n```gtrack\nrun: last\n```\n")
    with gtrack.Repo(str(path)) as repo:
        set_protocol(repo.repository, "churn", {"metric": "val_auc", "goal": "max"})
    return path


def shown(at: Any) -> str:
    return texts(at).replace("\\", "")


def test_without_a_report_the_page_teaches_how_to_write_one(tmp_path: Path) -> None:
    at = open_page("reports", make_repository(tmp_path / "repo"))
    assert is_whole(at)
    assert "No reports yet" in texts(at)
    assert "```gtrack\nleaderboard: churn" in texts(at)
    assert "gtrack report build" in texts(at)


def test_a_report_is_shown_with_its_blocks_answered(some: Path) -> None:
    at = open_page("reports", some, address={"file": "results.md"})
    assert is_whole(at)
    said = shown(at)
    assert "# Churn: which *rate*" in said
    assert "The end." in said
    assert "Leaderboard of churn" in said
    assert next(iter(at.table[0].value["run"])).startswith("[run")
    assert list(at.dataframe[0].value["0"]) == ["run-1", "run-0"]
    assert "did you mean 'table'?" in said
    assert r"**run\-1**" in [button.label for button in at.button]


def test_the_first_report_is_shown_where_the_address_names_none(some: Path) -> None:
    at = open_page("reports", some)
    assert is_whole(at)
    assert at.query_params["file"] in (["docs/more.md"], "docs/more.md")
    assert [option.rpartition(" · ")[2] for option in at.selectbox[0].options] == ["docs/more.md", "results.md"]


@pytest.mark.parametrize("file", ["README.md", "private.md", "../x.md", ".git/config", "/etc/passwd", "results.md\0"])
def test_nothing_but_reports_can_be_read(some: Path, file: str) -> None:
    at = open_page("reports", some, address={"file": file})
    assert is_whole(at)
    assert "there is no report" in texts(at)
    assert not at.dataframe
    assert "Private" not in texts(at)


def test_a_changed_report_and_new_runs_are_seen_at_once(some: Path) -> None:
    before = open_page("reports", some, address={"file": "results.md"})
    record(some, name="run-2", experiment="churn", params={"lr": 1.0})
    (some / "results.md").write_text(REPORT.replace("The end.", "Not the end."))
    try:
        at = before.run()
        assert next(iter(at.dataframe[0].value["0"])) == "run-2"
        assert "Not the end." in shown(at)
    finally:
        (some / "results.md").write_text(REPORT)


def test_what_hostile_runs_are_called_is_text(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    ids = record_hostile(path)
    blocks = "".join(
        f"```gtrack\n{body}\n```\n\n"
        for body in (
            "table: ''",
            "chart: '*'",
            *(f"run: run:{run_id}\nshow: [params, metrics, code, tags, notes]" for run_id in ids),
        )
    )
    (path / "report.md").write_text(blocks)
    at = open_page("reports", path, address={"file": "report.md"})
    assert is_whole(at)
    markdown = "\n".join(str(each.value) for each in (*at.markdown, *at.caption, *at.title))
    markdown += "\n".join(str(table.value.to_dict()) for table in at.table)
    assert HOSTILE[0] not in markdown
    assert "](javascript:" not in markdown
    assert "![x]" not in markdown
    assert "x" * 1_000 not in markdown
    assert "\x1b" not in markdown


def test_read_only_shows_the_same(some: Path) -> None:
    at = open_page("reports", some, read_only=True, address={"file": "results.md"})
    assert is_whole(at)
    assert at.dataframe


def test_the_static_page_is_what_report_build_makes(some: Path) -> None:
    open_page("reports", some)
    with contextlib.chdir(some):
        html = _built("docs/more.md")
    assert b"<h1" in html
    assert b"run-" in html
