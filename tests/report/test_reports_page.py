"""The page about reports: its report is built, its commands are typed, and its tables name every key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report_world import World

from gtrack.format import yaml
from gtrack.report.blocks import KINDS, SHOWN, read_block

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reports.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILES = dict(re.findall(r"^<!-- ([\w.]+\.md) -->\n````markdown\n(.*?)^````\n", TEXT, re.M | re.S))
CONSOLES = re.findall(r"^<!-- typed -->\n```console\n(.*?)^```\n", TEXT, re.M | re.S)


def test_what_the_page_types_prints_what_it_shows(world: World) -> None:
    assert list(FILES) == ["results.md", "draft.md"]
    assert len(CONSOLES) == 2
    for (name, text), console in zip(FILES.items(), CONSOLES, strict=True):
        world.write(name, text)
        shown, code = [], 0
        for command in re.findall(r"^\$ (.*)$", console, re.M):
            if command == "echo $?":
                shown.append(f"$ {command}\n{code}\n")
                continue
            code, out = world.typed(command)
            shown.append(f"$ {command}\n" + "".join(f"{line.rstrip()}\n" for line in out.splitlines()))
        assert "".join(shown) == console
    page = (world.root / "results.html").read_text(encoding="utf-8")
    assert page.count('class="block ') == 4
    assert "problem" not in page.partition("<body>")[2]


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_block_is_in_its_table_and_no_other(kind: str) -> None:
    section = re.search(rf"^### `{kind}`.*?(?=^##)", TEXT, re.M | re.S)
    assert section is not None
    cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section[0], re.M)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named | {"title"} == set(KINDS[kind])


def test_all_that_a_run_can_show_is_named() -> None:
    (line,) = (line for line in TEXT.splitlines() if line.startswith("| `show` |"))
    assert set(re.findall(r"`(\w+)`", line)) - {"show"} == set(SHOWN)


def test_the_yaml_of_the_page_is_a_block_or_a_workflow() -> None:
    one, workflow = re.findall(r"^```yaml\n(.*?)^```\n", TEXT, re.M | re.S)
    assert read_block("r.md", 1, one).problem is None
    assert "git fetch origin +refs/heads/gtrack:refs/remotes/origin/gtrack" in workflow
    assert yaml.load(workflow.split("jobs:")[0].encode())["permissions"] == {
        "contents": "read", "pages": "write", "id-token": "write",
    }  # fmt: skip


def test_the_python_of_the_page_runs(world: World) -> None:
    world.write("results.md", FILES["results.md"])
    (code,) = re.findall(r"^```python\n(.*?)^```\n", TEXT, re.M | re.S)
    world.write("example.py", code)
    found = re.findall(r"^\d+ (\w+)\(", world.run("python", "-W", "ignore", "example.py"), re.M)
    assert found == ["Grid", "Grid", "Charts", "RunCard"]
