"""The Markdown of a report as HTML, with the answers in the places of the blocks.

The Markdown is the repository's own, trusted as its README is: HTML in it is text, links lead to the web or to files,
pictures are the repository's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from gtrack.report.document import Report, is_block, markdown
from gtrack.report.hosts import Host
from gtrack.report.html import problem_html
from gtrack.report.pictures import Pictures
from gtrack.report.problems import BlockError, Problem

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["Setting", "prose_html", "slug_of"]

_SCHEMES = ("http", "https", "mailto")
_NOT_IN_SLUG = re.compile(r"[^\w\- ]")
_ALIGN = re.compile(r"text-align:(left|right|center)\Z")
_DEEPEST = 6
_AROUND = {
    "table_open": '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>\n',
    "table_close": "</table></div>\n",
}


@dataclass(slots=True)
class Setting:
    """Where a report's HTML is to stand.

    Attributes:
        pictures: The pictures of the page.
        anchors: Of every report of the page, by its path, the anchor of its beginning.
        host: Where other files of the repository are to be seen.
        commit: At which commit.
        shift: By how much its headings are lowered.
        prefix: What stands before the anchors of its headings.
        problems: What was found to be wrong.
    """

    pictures: Pictures
    anchors: Mapping[str, str] = field(default_factory=dict)
    host: Host | None = None
    commit: str = ""
    shift: int = 0
    prefix: str = ""
    problems: list[Problem] = field(default_factory=list)


def prose_html(report: Report, answers: Mapping[int, str], setting: Setting) -> str:
    """Return a report as HTML.

    Args:
        report: The report.
        answers: The HTML of each block, by its line.
        setting: Where it is to stand.
    """
    reader = markdown()
    tokens = reader.parse(report.text)
    beside = {problem.line: problem for problem in report.problems}
    slugs: dict[str, int] = {}
    for at, token in enumerate(tokens):
        line = token.map[0] + 1 if token.map else 0
        if is_block(token):
            _become(token, answers.get(line) or problem_html(beside[line], token.content))
        elif token.type == "heading_open":
            _lower(token, tokens[at + 1], slugs, setting)
        elif token.type == "heading_close":
            token.tag = _lowered(token.tag, setting.shift)
        elif token.type in ("th_open", "td_open"):
            _align(token)
        elif token.type == "inline":
            token.children = list(_inline(token.children or [], report.path, line, setting))
        elif token.type in _AROUND:  # a wide one scrolls sideways by itself
            _become(token, _AROUND[token.type])
    return str(reader.renderer.render(tokens, reader.options, {}))


def slug_of(text: str) -> str:
    """Return the anchor of a heading, as GitHub makes it.

    Example:
        >>> slug_of("The best runs!")
        'the-best-runs'
    """
    return _NOT_IN_SLUG.sub("", text.strip().lower()).replace(" ", "-")


def _become(token: Token, html: str) -> None:
    """Make a token stand for HTML of ours."""
    token.type, token.tag, token.content, token.children, token.info = "html_block", "", html, None, ""


def _lowered(tag: str, shift: int) -> str:
    return f"h{min(int(tag[1:]) + shift, _DEEPEST)}"


def _lower(token: Token, inline: Token, slugs: dict[str, int], setting: Setting) -> None:
    token.tag = _lowered(token.tag, setting.shift)
    text = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
    slug = slug_of(text)
    number = slugs.get(slug, 0)
    slugs[slug] = number + 1
    token.attrs = {"id": setting.prefix + (f"{slug}-{number}" if number else slug)}


def _align(token: Token) -> None:
    """Say by a class how a cell of a Markdown table is aligned: a page's policy has no styles."""
    match = _ALIGN.match(str(token.attrs.get("style", "")))
    token.attrs = {"class": {"right": "number", "center": "centre"}[match[1]]} if match and match[1] != "left" else {}
    if token.type == "th_open":
        token.attrs["scope"] = "col"


def _inline(children: Sequence[Token], path: str, line: int, setting: Setting) -> Iterator[Token]:
    """Yield the parts of a line of text: links that may be, pictures of the repository."""
    dropped: list[bool] = []
    for child in children:
        if child.type == "image":
            yield _image(child, path, line, setting, linked=any(not each for each in dropped))
        elif child.type == "link_open":
            target = _target(str(child.attrs.get("href", "")), path, setting)
            dropped.append(target is None)
            if target is not None:
                title = {"title": child.attrs["title"]} if "title" in child.attrs else {}
                child.attrs = {"href": target, **title}
                yield child
        elif child.type == "link_close":
            if not dropped.pop():
                yield child
        else:
            yield child


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
    if parts.path:
        wanted = _resolved(parts.path, path)
        return None if wanted is None else _file(wanted, href, parts.fragment, setting)
    return f"#{setting.prefix}{parts.fragment}" if parts.fragment else None


def _file(path: str, href: str, fragment: str, setting: Setting) -> str:
    """Return where a file of the repository is to be seen: on this page, on the host, or where it was said."""
    if path in setting.anchors:
        return f"#{setting.anchors[path]}"
    if setting.host is None or not setting.commit:
        return href
    return setting.host.file(setting.commit, path) + (f"#{fragment}" if fragment else "")


def _resolved(relative: str, path: str) -> str | None:
    """Return the path from the top of the repository that a link or picture of a report means; None if outside."""
    found = unquote(relative)
    found = normpath(found.lstrip("/") if found.startswith("/") else join(dirname(path), found))
    return None if found == ".." or found.startswith("../") or "\0" in found else found


def _image(token: Token, path: str, line: int, setting: Setting, *, linked: bool) -> Token:
    """Return a picture of the repository, put into the page; one from elsewhere as a link to it."""
    source, alt = str(token.attrs.get("src", "")), _plain(token)
    try:
        parts = urlsplit(source)
    except ValueError:
        parts = urlsplit("")
    token.type, token.tag, token.children = "html_inline", "", None
    if parts.scheme.lower() in ("http", "https"):
        text = escape(alt or source)
        token.content = text if linked else f'<a href="{escape(source)}">{text}</a>'
        return token
    wanted = None if parts.scheme or parts.netloc or not parts.path else _resolved(parts.path, path)
    try:
        if wanted is None:
            raise BlockError("the picture is not one of the repository")
        title = f' title="{escape(str(token.attrs["title"]))}"' if "title" in token.attrs else ""
        token.content = f'<img src="{setting.pictures.source(wanted)}" alt="{escape(alt)}"{title}>'
    except BlockError as error:
        problem = Problem(path, line, error.message)
        setting.problems.append(problem)
        token.content = f'<span class="missing">{escape(alt or source)}</span>'
    return token


def _plain(token: Token) -> str:
    """Return the text that stands for a picture."""
    shown = (child.content for child in token.children or () if child.type in ("text", "code_inline"))
    return "".join(shown) or token.content
