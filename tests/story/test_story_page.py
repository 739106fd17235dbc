"""The page about finding and comparing shows what really happens, and nothing that does not exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from story_page import PAGE, blocks, masked, rewritten
from story_world import Story

from gtrack.cli.application import application
from gtrack.cli.invocation import Invocation
from gtrack.index.filter import parse

DOCS = PAGE.parent
PAGES = (PAGE, DOCS / "guide.md", DOCS.parent / "README.md")


def test_what_the_page_shows_is_what_the_commands_print(story: Story) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert masked(rewritten(page, story)) == masked(page), "python tests/story/story_page.py"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_of_a_page_exists_with_its_options(path: Path) -> None:
    asked = list(commands(path.read_text(encoding="utf-8")))
    assert asked
    for argv in asked:
        understood(argv)


def test_the_filters_in_the_tables_are_filters() -> None:
    _, _, rest = PAGE.read_text(encoding="utf-8").partition("## The filter language")
    section = rest.partition("\n## ")[0]
    cells = re.findall(r"^\| `([^`]+(?:`[^`|]+`[^`|]*)*)` \|", section, re.M)
    filters = [cell.replace("\\|", "|") for cell in cells]
    assert len(filters) > 20
    for text in filters:
        parse(text)


def test_every_python_example_compiles() -> None:
    for block in blocks(PAGE.read_text(encoding="utf-8")):
        if block.kind == "python":
            compile(block.text, str(PAGE), "exec")


def commands(page: str) -> Iterator[list[str]]:
    """Yield the arguments of every call of gtrack on a page, in consoles and in workflows."""
    for block in blocks(page):
        lines = block.commands
        if block.kind == "yaml":
            lines = [found[1] for found in re.finditer(r"^\s*(?:- )?(?:run: )?(gtrack .*)$", block.text, re.M)]
        for line in lines:
            yield from calls(line)


def calls(line: str) -> Iterator[list[str]]:
    """Yield the arguments of every call of gtrack in a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.wordchars += "@{}~^:,%$*"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word and set(word) <= set("();<>|&"):
            if words and words[0] == "gtrack":
                yield words[1:]
            words = []
        else:
            words.append(word)


def understood(argv: list[str]) -> None:
    """Let click read arguments down to the last subcommand; nothing is called."""
    command: click.Command = application
    context = None
    while True:
        context = command.make_context(command.name or "gtrack", list(argv), parent=context, obj=Invocation.silent())
        # The name has an underscore since click 8.2.
        name = context._protected_args if hasattr(context, "_protected_args") else context.protected_args
        if not isinstance(command, click.Group) or not (rest := [*name, *context.args]):
            return
        _, inner, argv = command.resolve_command(context, rest)
        assert inner is not None
        command = inner
