"""The Markdown between the blocks of a report, as Streamlit's Markdown is to read it.

What Streamlit adds to Markdown (colours, icons, formulas, emoji) is taken back, so that a report looks as its static
page does. Links lead where that page lets them, pictures of the repository are put in, and others become links.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from gtrack._app.safe import markdown
from gtrack.report.document import Prose, Report
from gtrack.report.document import markdown as reader_of_reports
from gtrack.report.problems import BlockError, Problem

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline

    from gtrack.report.hosts import Host

__all__ = ["Setting", "prose"]

_SCHEMES = ("http", "https", "mailto")
_WATCHED = ("image", "link", "backticks", "autolink", "escape")
_DIRECTIVE = re.compile(r"\$|:(?=[A-Za-z:+_-]|\d+:)|-(?=[->])|[<>~](?=[=-])")
"""What Streamlit takes for the beginning of a formula, of a colour, an icon, an emoji, of a dash or an arrow."""


@dataclass(slots=True)
class Setting:
    """Where a report is shown.

    Attributes:
        picture: Returns a picture of the repository as a data URI, by its path; raises BlockError where there is none.
        reports: The paths of the reports that there are.
        host: Where other files of the repository are to be seen.
        commit: At which commit.
        problems: What was found to be wrong.
    """

    picture: Callable[[str], str]
    reports: frozenset[str] = frozenset()
    host: Host | None = None
    commit: str = ""
    problems: list[Problem] = field(default_factory=list)


def prose(report: Report, setting: Setting) -> dict[int, str]:
    """Return what Streamlit is to read for each part of Markdown, by the line in which it begins.

    Args:
        report: The report.
        setting: Where it is shown.
    """
    reader, lines = _reader(), report.text.split("\n")
    starts: dict[int, int] = {}
    environment: dict[str, Any] = {}
    for token in reader.parse(report.text, environment):
        if token.type == "inline" and token.map and token.content:
            found: list[tuple[str, _Mark]] = []
            reader.inline.parse(token.content, reader, {**environment, "marks": found}, [])
            place = _Place(token.content, found, report.path, token.map[0] + 1, setting)
            _exchange(lines, starts, token.map, token.content, place.text())
    parts = (part for part in report.parts if isinstance(part, Prose))
    return {part.line: "\n".join(lines[part.line - 1 :][: part.text.count("\n") + 1]) for part in parts}


@dataclass(frozen=True, slots=True)
class _Mark:
    """Something in a line of text: where it begins and ends, what it is, where it leads, its own text."""

    begin: int
    end: int
    kind: str
    target: str = ""
    text: str = ""
    inside: tuple[int, int] = (0, 0)


@cache
def _reader() -> MarkdownIt:
    """Return what reads Markdown as reports are read, and notes where what it finds stands."""
    reader_of_reports()  # says what to install where it is missing
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    for rule in list(reader.inline.ruler.__rules__):
        if rule.name in _WATCHED:
            reader.inline.ruler.at(rule.name, partial(_watched, rule.name, rule.fn))
    return reader


def _watched(name: str, rule: Callable[[StateInline, bool], bool], state: StateInline, silent: bool) -> bool:
    """Apply a rule, and note what it found."""
    begin, count = state.pos, len(state.tokens)
    if not rule(state, silent):
        return False
    if silent or "marks" not in state.env:
        return True
    mark = _Mark(begin, state.pos, name)
    if name == "image":
        token = state.tokens[-1]
        mark = replace(mark, target=str(token.attrs.get("src", "")), text=_plain(token.children or ()))
    elif name == "link":
        opened = next(token for token in state.tokens[count:] if token.type == "link_open")
        inside = (begin + 1, state.md.helpers.parseLinkLabel(state, begin))
        mark = replace(mark, target=str(opened.attrs.get("href", "")), inside=inside)
    state.env["marks"].append((state.src, mark))
    return True


def _plain(tokens: Sequence[Any]) -> str:
    return "".join(token.content for token in tokens if token.type in ("text", "code_inline"))


@dataclass(slots=True)
class _Place:
    """One paragraph, heading or cell, to be written anew."""

    content: str
    found: Sequence[tuple[str, _Mark]]
    path: str
    line: int
    setting: Setting

    def text(self) -> str:
        # What stands in a picture's own text was read as a text of its own.
        marks = sorted((mark for source, mark in self.found if source is self.content), key=lambda mark: mark.begin)
        return "".join(self._written(0, len(self.content), marks, linked=False))

    def _written(self, begin: int, end: int, marks: Sequence[_Mark], *, linked: bool) -> Iterator[str]:
        at = begin
        for mark in marks:
            if mark.begin < at or mark.end > end:
                continue
            yield _DIRECTIVE.sub(r"\\\g<0>", self.content[at : mark.begin])
            becomes = self._mark(mark, marks, linked=linked)
            # As many lines as before, so that each line of the file stays where it is.
            yield becomes + "\n" * (self.content.count("\n", mark.begin, mark.end) - becomes.count("\n"))
            at = mark.end
        yield _DIRECTIVE.sub(r"\\\g<0>", self.content[at:end])

    def _mark(self, mark: _Mark, marks: Sequence[_Mark], *, linked: bool) -> str:
        if mark.kind == "image":
            return self._picture(mark, linked=linked)
        if mark.kind != "link":
            return self.content[mark.begin : mark.end]
        target = _target(mark.target, self.path, self.setting)
        inside = "".join(self._written(*mark.inside, marks, linked=target is not None))
        return inside if target is None else f"[{inside}](<{target}>)"

    def _picture(self, mark: _Mark, *, linked: bool) -> str:
        text = markdown(mark.text or mark.target, 200)
        try:
            parts = urlsplit(mark.target)
        except ValueError:
            return text
        if parts.scheme.lower() in ("http", "https"):
            return text if linked else f"[{text}](<{mark.target}>)"
        wanted = None if parts.scheme or parts.netloc or not parts.path else _resolved(parts.path, self.path)
        try:
            if wanted is None:
                raise BlockError("the picture is not one of the repository")
            return f"![{text}]({self.setting.picture(wanted)})"
        except BlockError as error:
            self.setting.problems.append(Problem(self.path, self.line, error.message))
            return text


def _exchange(lines: list[str], starts: dict[int, int], span: Sequence[int], old: str, new: str) -> None:
    """Put new text into the place of old in the lines that it is of; where it is not found it stays as it is."""
    before, after = old.split("\n"), new.split("\n")
    if len(before) != len(after):
        return
    for number, pair in enumerate(zip(before, after, strict=True), span[0]):
        was, becomes = pair if pair[0] in lines[number] else (each.replace("|", "\\|") for each in pair)  # in a table
        at = lines[number].find(was, starts.get(number, 0))
        if at >= 0:
            lines[number] = lines[number][:at] + becomes + lines[number][at + len(was) :]
            starts[number] = at + len(becomes)


def _target(href: str, path: str, setting: Setting) -> str | None:
    """Return where a link leads; None where it may not."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return None
    if parts.scheme:
        return href if parts.scheme.lower() in _SCHEMES else None
    if parts.netloc or "\\" in href:
        return None  # another host by the page's own scheme
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    if not parts.path:
        return fragment or None
    wanted = _resolved(parts.path, path)
    return None if wanted is None else _file(wanted, fragment, setting)


def _file(path: str, fragment: str, setting: Setting) -> str | None:
    """Return where a file of the repository is to be seen: here, where it is a report, else on the host."""
    if path in setting.reports:
        return f"reports?file={quote(path, safe='/')}"
    if setting.host is None or not setting.commit:
        return None
    address = setting.host.file(setting.commit, path)
    return address + fragment if address else None


def _resolved(relative: str, path: str) -> str | None:
    """Return the path from the top of the repository that a link or picture of a report means; None if outside."""
    found = unquote(relative)
    found = normpath(found.lstrip("/") if found.startswith("/") else join(dirname(path), found))
    return None if found == ".." or found.startswith("../") or "\0" in found else found
