"""The page ``docs/comparing.md``, whose examples are really run.

A block of commands below ``<!-- ada -->`` or ``<!-- ben -->`` is typed in that clone of the story, in the order of the
page; ``<!-- the fix -->`` lets the story go on. ``python tests/story/story_page.py`` writes what they print into the
page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from story_world import Person, Story, begin

__all__ = ["PAGE", "Block", "blocks", "masked", "rewritten"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "comparing.md"

_BLOCK = re.compile(
    r"^<!-- (?P<fix>the fix) -->\n|^(?:<!-- (?P<who>ada|ben) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```\n", re.M | re.S
)
_MASKS = (
    (re.compile(r"\b[0-9a-f]{7,64}\b"), "ID"),
    (re.compile(r"\b[a-z]+-[a-z]+-\d\d\b"), "NAME"),
    (re.compile(r"\bjust now\b|\b\d+ (?:s|min|h) ago\b"), "AGE"),
    (re.compile(r"[\u2580-\u259f\u2800-\u28ff●▲][\u2580-\u259f\u2800-\u28ff●▲ ]*"), "~"),
    (re.compile(r"\d+(?:[.,]\d+)*"), "0"),
    (re.compile(r" +|─+"), " "),
)


@dataclass(frozen=True)
class Block:
    """A fenced block of the page, or the place where the story goes on.

    Attributes:
        kind: The word behind the fence: ``console``, ``python``, ...; ``fix`` where the story goes on.
        who: In whose clone its commands are run; empty where they are not.
        text: What is between the fences.
        span: Where the text begins and ends.
    """

    kind: str
    who: str
    text: str
    span: tuple[int, int]

    @property
    def commands(self) -> list[str]:
        """The commands of a console."""
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")] if self.kind == "console" else []


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page, in order."""
    for match in _BLOCK.finditer(page):
        if match["fix"]:
            yield Block("fix", "", "", match.span())
        else:
            yield Block(match["kind"], match["who"] or "", match["text"], match.span("text"))


def rewritten(page: str, story: Story) -> str:
    """Return the page with what its commands print in the story."""
    pieces, at = [], 0
    for block in blocks(page):
        if block.kind == "fix":
            story.mend()
        elif block.who:
            pieces += [page[at : block.span[0]], _run(block, getattr(story, block.who))]
            at = block.span[1]
    return "".join([*pieces, page[at:]])


def masked(page: str) -> list[str]:
    """Return the lines of a page without what is another one each time: ids, names, times, and the last digits."""
    for pattern, instead in _MASKS:
        page = pattern.sub(instead, page)
    return [line.strip() for line in page.splitlines()]


def _run(block: Block, person: Person) -> str:
    if block.kind == "python":
        _call(person, [sys.executable, "-c", block.text], check=True)
        return block.text
    out, code = [], 0
    for command in block.commands:
        if command == "echo $?":
            shown = f"{code}\n"
        else:
            code, shown = _call(person, ["bash", "-c", command])
        out.append(f"$ {command}\n" + "".join(f"{line.rstrip()}\n" for line in shown.splitlines()))
    return "".join(out)


def _call(person: Person, argv: list[str], *, check: bool = False) -> tuple[int, str]:
    done = subprocess.run(
        argv,
        cwd=person.root,
        env=person.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout
    return done.returncode, done.stdout


def _write() -> None:
    os.environ.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
    with tempfile.TemporaryDirectory() as place:
        page = rewritten(PAGE.read_text(encoding="utf-8"), begin(Path(place)))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    _write()
